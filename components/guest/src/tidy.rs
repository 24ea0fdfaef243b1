//! What a request does for a store that it changed, after its answer.

use dayfly_core::api::RebuildRequest;
use dayfly_core::store::Manifest;
use dayfly_core::{ops, rebuild};

use crate::faiss;
use crate::platform::settings;
use crate::surroundings::{platform, upkeep};

/// Compacts the store where that is due, removes what is, and asks for its rebuild where it has
/// outgrown its segments. Nothing depends on it: a later commit tries again.
pub fn tidy(committed: &Manifest) {
    if rebuild::is_due(committed, settings().indexing.rebuild_min_rows) {
        let automatic = RebuildRequest {
            automatic: true,
            ..RebuildRequest::default()
        };
        let _ = faiss::request_rebuild(committed, automatic);
    }
    let _ = ops::after_commit(platform(), committed, &upkeep());
}
