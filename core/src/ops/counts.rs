//! How many files a store has, by where they stand.

use std::collections::BTreeSet;

use crate::home::Home;
use crate::pending::{self, PendingError};
use crate::platform::Platform;
use crate::store::{self, Manifest, StoreError};

/// Files that are under way or failed and are looked for in the store at once: beyond, one that is
/// ingested anew counts twice until that has ended.
const LOOKED_FOR: usize = 256;

/// How many of a store's files stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted and not ended.
    pub in_progress: u64,
    /// Searchable, and not under way anew.
    pub completed: u64,
    /// Given up.
    pub failed: u64,
}

/// Counts a store's files, by names alone; answers the version that was counted, too.
pub fn count(platform: Platform<'_>, home: &Home) -> Result<(Counts, Manifest), PendingError> {
    let (counts, manifest) = count_of(platform, &home.store)?;
    match manifest.incarnation == home.incarnation {
        true => Ok((counts, manifest)),
        false => Err(StoreError::NoSuchStore(home.store.clone()).into()),
    }
}

/// As [`count`], of the store's present life. Reads one version of it, and no other.
pub fn count_of(platform: Platform<'_>, store: &str) -> Result<(Counts, Manifest), PendingError> {
    // Before the version: an ingestion's record goes after its commit, so one of the two tells.
    let tickets = pending::tickets_of_all_lives(platform.objects, store)?;
    let manifest = store::existing(platform, store)?;
    let under_way: BTreeSet<String> = tickets
        .into_iter()
        .filter(|ticket| ticket.incarnation == manifest.incarnation)
        .map(|ticket| ticket.file_id)
        .collect();
    let failed = pending::all_failed(platform, &manifest.home())?;
    let failed: BTreeSet<String> = failed
        .into_iter()
        .map(|(file_id, _)| file_id)
        .filter(|id| !under_way.contains(id))
        .collect();
    let others = under_way.iter().chain(&failed).take(LOOKED_FOR);
    let ids: Vec<&str> = others.map(String::as_str).collect();
    let anew = store::find_many(platform, &manifest, &ids)?.len() as u64;
    let counts = Counts {
        in_progress: under_way.len() as u64,
        completed: manifest.totals.files.saturating_sub(anew),
        failed: failed.len() as u64,
    };
    Ok((counts, manifest))
}
