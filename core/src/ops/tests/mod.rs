mod attachments;
mod batches;
mod deletions;
mod expiry;
mod lists;
mod names;
mod upkeep;
mod uploads;

use super::*;
use crate::chunk::ChunkingStrategy;
use crate::files::{self, FileMeta};
use crate::home::Home;
use crate::objects::Objects;
use crate::pending::{self, Pending, PendingError, Status};
use crate::platform::Platform;
use crate::store::{self, Indexing, Manifest, StoreError, Upkeep};
use crate::testing::{Rows, Tenant, add, check, keys, make, worker};

const STORE: &str = "vs_test";

fn store() -> (Tenant, Home) {
    let tenant = Tenant::default();
    let home = make(tenant.platform(), STORE);
    (tenant, home)
}

fn one(text: &str) -> Rows {
    vec![(text.to_owned(), vec![1.0, 0.5])]
}

fn file(platform: Platform<'_>, id: &str) -> FileMeta {
    let file = FileMeta {
        id: id.to_owned(),
        bytes: 6,
        created_at: 1,
        filename: format!("{id}.txt"),
        purpose: "assistants".to_owned(),
        content_type: None,
        expires_at: None,
        parts: Vec::new(),
    };
    platform
        .objects
        .put(&files::content_key(id), b"words.")
        .unwrap();
    files::write(platform.objects, &file).unwrap();
    file
}

fn attach_one(platform: Platform<'_>, home: &Home, id: &str) -> Pending {
    let file = file(platform, id);
    let attached = attach(
        platform,
        home,
        &file,
        Default::default(),
        ChunkingStrategy::Auto,
    );
    attached.unwrap().pending
}

/// Ends an ingestion as failed, as a worker does.
fn fail(platform: Platform<'_>, home: &Home, pending: &Pending) {
    let error = pending::LastError::server("no");
    held(platform, home, pending)
        .end(pending::Ending::Failed(error))
        .unwrap();
}

/// Commits an accepted ingestion, as a worker does.
fn complete(platform: Platform<'_>, home: &Home, pending: &Pending) {
    let Pending {
        file_id, ingest_id, ..
    } = pending;
    let hold = held(platform, home, pending);
    add(platform, home, file_id, ingest_id, &one(file_id)).unwrap();
    hold.end(pending::Ending::Committed).unwrap();
}

fn held<'a>(platform: Platform<'a>, home: &Home, pending: &'a Pending) -> pending::Hold<'a> {
    let hold = pending::take_up(platform, home, pending, &worker("a", "1"), None).unwrap();
    hold.unwrap()
}

fn upkeep() -> Upkeep {
    Upkeep {
        worker: worker("a", "1"),
        indexing: Indexing {
            graph_min_rows: u32::MAX,
            segment_max_rows: 1_000,
        },
    }
}

fn newest(tenant: &Tenant) -> Manifest {
    store::existing(tenant.platform(), STORE).unwrap()
}
