//! How many files a store has, by where they stand.

use std::collections::BTreeSet;

use crate::home::Home;
use crate::pending::{self, End, PendingError, Ticket};
use crate::platform::Platform;
use crate::store::{self, Manifest, StoreError};

/// Files that are under way or failed and are looked for in the store at once: beyond, one that is
/// ingested anew counts twice until that has ended.
const LOOKED_FOR: usize = 256;
/// So many ingestions are asked whether they have ended, a read each: beyond, one is under way until its
/// record is gone.
pub(super) const ASKED: usize = 64;

/// How many of a store's files stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted and not ended.
    pub in_progress: u64,
    /// Searchable, and not under way anew.
    pub completed: u64,
    /// Given up.
    pub failed: u64,
    /// Taken out before they ended; a store knows nothing of those.
    pub cancelled: u64,
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
    // Before the version: an ingestion ends after its commit, so one of the two tells.
    let open = Open::among(
        platform,
        pending::tickets_of_all_lives(platform.objects, store)?,
        ASKED,
    )?;
    let manifest = store::existing(platform, store)?;
    let is_of_this_life = |ticket: &Ticket| ticket.incarnation == manifest.incarnation;
    let files = |tickets: Vec<Ticket>| {
        tickets
            .into_iter()
            .filter(is_of_this_life)
            .map(|one| one.file_id)
    };
    let under_way: BTreeSet<String> = files(open.under_way).collect();
    let noted = pending::all_failed(platform, &manifest.home())?;
    let failed: BTreeSet<String> = files(noted)
        .chain(files(open.failed))
        .filter(|id| !under_way.contains(id))
        .collect();
    let others = under_way.iter().chain(&failed).take(LOOKED_FOR);
    let ids: Vec<&str> = others.map(String::as_str).collect();
    let anew = store::find_many(platform, &manifest, &ids)?.len() as u64;
    let counts = Counts {
        in_progress: under_way.len() as u64,
        completed: manifest.totals.files.saturating_sub(anew),
        failed: failed.len() as u64,
        cancelled: 0,
    };
    Ok((counts, manifest))
}

/// Ingestions whose records are there, by what their ends say.
#[derive(Default)]
pub(super) struct Open {
    pub under_way: Vec<Ticket>,
    pub failed: Vec<Ticket>,
}

impl Open {
    /// Asks the first `most` of them how they ended.
    pub fn among(
        platform: Platform<'_>,
        mut asked: Vec<Ticket>,
        most: usize,
    ) -> Result<Self, PendingError> {
        let not_asked = asked.split_off(asked.len().min(most));
        let ends = pending::ends_of(platform, &asked)?;
        let mut open = Self::default();
        for (ticket, end) in asked.into_iter().zip(ends) {
            match end {
                None => open.under_way.push(ticket),
                Some(End::Failed { .. }) => open.failed.push(ticket),
                Some(End::Completed | End::Cancelled | End::Untold) => {}
            }
        }
        open.under_way.extend(not_asked);
        Ok(open)
    }
}
