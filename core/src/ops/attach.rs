use std::collections::BTreeMap;

use crate::chunk::ChunkingStrategy;
use crate::files::FileMeta;
use crate::filter::AttributeValue;
use crate::pending::{self, Pending, PendingError};
use crate::platform::Platform;
use crate::store::Home;

/// An attachment that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Attached {
    /// The ingestion.
    pub pending: Pending,
    /// Whether this request began it; another one was under way otherwise.
    pub is_new: bool,
}

/// Accepts a file into a store, durably: it ends completed, failed or cancelled. Where one of the same
/// file is under way, that one goes on. What has failed before stays in sight until it has ended.
pub fn attach(
    platform: Platform<'_>,
    home: &Home,
    file: &FileMeta,
    attributes: BTreeMap<String, AttributeValue>,
    chunking: ChunkingStrategy,
) -> Result<Attached, PendingError> {
    if let Some(pending) = pending::of_file(platform, home, &file.id)? {
        return Ok(Attached {
            pending,
            is_new: false,
        });
    }
    let asked = Pending {
        attributes,
        chunking,
        ..Pending::new(file, platform.new_id(""))
    };
    Ok(Attached {
        pending: pending::accept(platform, home, asked)?,
        is_new: true,
    })
}
