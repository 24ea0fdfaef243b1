use dayfly_core::api::RebuildRequest;
use dayfly_core::ids;
use dayfly_core::pending::{self, Claim, Worker, claim};
use dayfly_core::rebuild;
use dayfly_core::store::{self, Indexing, Manifest};
use dayfly_guest::clock;
use dayfly_guest::faiss;
use dayfly_guest::platform::{PlatformObjects, settings};

/// Folds a store whose tail has grown long, unless another request is at it, and asks for its
/// rebuild where it has outgrown its segments. Nothing depends on it: a later commit tries again.
pub fn tidy(committed: &Manifest) {
    if rebuild::is_due(committed, settings().indexing.rebuild_min_rows) {
        let automatic = RebuildRequest {
            automatic: true,
            ..RebuildRequest::default()
        };
        let _ = faiss::request_rebuild(committed, automatic);
    }
    if committed.is_fold_due() {
        fold(committed);
    }
}

fn fold(committed: &Manifest) {
    let store = &committed.store.id;
    let base = committed.base.as_ref().map_or("first", |base| &base.id);
    let work = format!("fold-{base}");
    let now_ms = clock::now_ms();
    match claim(&PlatformObjects, store, &work, &worker(), now_ms, None, 0) {
        Ok(Claim::Granted(_)) => {
            let configured = settings().indexing;
            let indexing = Indexing {
                graph_min_rows: configured.graph_min_rows,
                segment_max_rows: configured.segment_max_rows,
            };
            let new_id = || ids::time_ordered("", clock::now_ms(), clock::random());
            let _ = store::fold(&PlatformObjects, committed, indexing, now_ms, new_id);
        }
        Ok(Claim::Exhausted(_)) => {}
        Ok(Claim::Held { .. }) | Err(_) => return,
    }
    let _ = pending::forget_attempts(&PlatformObjects, store, &work);
}

/// This instance, as attempts name it.
pub fn worker() -> Worker {
    let settings = settings();
    Worker {
        node: settings.node,
        boot: settings.boot,
    }
}
