//! Accepting files together.

use std::collections::{BTreeMap, BTreeSet};

use super::{Batch, Member, key};
use crate::chunk::ChunkingStrategy;
use crate::files::FileMeta;
use crate::filter::AttributeValue;
use crate::home::Home;
use crate::ids;
use crate::ops::attach;
use crate::pending::{self, Pending, PendingError, Ticket};
use crate::platform::Platform;

/// A file that is to be attached with others.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Which.
    pub file: FileMeta,
    /// What it will carry.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// How to split it.
    pub chunking: ChunkingStrategy,
}

/// Accepts files into a store as [`attach`](crate::ops::attach) does each, and notes that they belong
/// together. Answers the batch, and the ingestions that are under way for it. Takes as many rounds of
/// requests to storage for two thousand files that were uploaded together as for two, whatever else waits in
/// the store.
///
/// # Errors
///
/// What the storage answers: then some of the files may be accepted, and nothing tells of the batch. Asked
/// once more, it takes in those that are under way.
pub fn accept(
    platform: Platform<'_>,
    home: &Home,
    mut asked: Vec<Asked>,
) -> Result<(Batch, Vec<Ticket>), PendingError> {
    asked.sort_by(|one, other| one.file.id.cmp(&other.file.id));
    let wanted: BTreeSet<&str> = asked.iter().map(|one| one.file.id.as_str()).collect();
    let mut known = pending::of_files(platform, home, &wanted)?;
    let attached = asked.into_iter().map(|one| {
        let known = known.remove(&one.file.id).unwrap_or_default();
        attach::asked(platform, &one.file, one.attributes, one.chunking, known)
    });
    let attached: Vec<_> = attached.collect();
    let member = |pending: &Pending| Member {
        file_id: pending.file_id.clone(),
        ingest_id: pending.ingest_id.clone(),
        filename: pending.filename.clone(),
    };
    let batch = Batch {
        id: platform.new_id(ids::BATCH_PREFIX),
        created_at: platform.now_ms() / 1_000,
        members: attached.iter().map(|one| member(&one.pending)).collect(),
        is_cancelled: false,
    };
    let tickets = attached
        .iter()
        .map(|one| one.pending.ticket(home))
        .collect();
    // Before its members: who is told of the batch finds all of them.
    let key = key(home, &batch.id);
    let record = pending::to_vec(&key, &batch)?;
    platform.objects.create_missing(&[(key, record)])?;
    let new = attached.into_iter().filter(|one| one.is_new);
    pending::accept_all(platform, home, new.map(|one| one.pending).collect())?;
    Ok((batch, tickets))
}
