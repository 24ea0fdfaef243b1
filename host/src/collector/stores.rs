//! Which stores are looked after, and when.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use dayfly_core::ops::{self, Rest};
use dayfly_core::pending::PendingError;
use dayfly_core::platform::Platform;
use dayfly_core::store::{self, StoreError, Upkeep};

use super::Work;
use super::daily::Daily;

/// Every so many looks stores are looked for by their folders, too: markers tell neither of those of
/// old formats nor of what is left of deleted ones.
const BY_FOLDERS: u32 = 24;

/// A tenant's stores, as far as they are known.
#[derive(Default)]
pub struct Stores {
    known: HashMap<String, Known>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    rest: Option<Rest>,
    scrubbed: Daily,
}

impl Stores {
    /// Looks after those for which something may be due.
    pub async fn look(&mut self, work: &Work<'_>) {
        let is_whole = work.collector.looks.is_multiple_of(BY_FOLDERS);
        if is_whole {
            work.step(
                "markers of stores that are gone stay",
                dayfly_core::ops::scrub_catalog,
            )
            .await;
            work.step(
                "notes of names that no store has stay",
                dayfly_core::ops::scrub_names,
            )
            .await;
        }
        let names = work.step("stores are not looked after", move |platform| {
            names(platform, is_whole)
        });
        let Some(names) = names.await else {
            return;
        };
        if is_whole {
            self.known.retain(|name, _| names.contains(name));
        }
        for name in names {
            let mut known = self.known.get(&name).copied().unwrap_or_default();
            known.look(work, &name).await;
            self.known.insert(name, known);
        }
    }
}

impl Known {
    async fn look(&mut self, work: &Work<'_>, name: &str) {
        let now = Instant::now();
        let scrub = self.scrubbed.is_due(work.collector.looks, now);
        let (store, rest) = (name.to_owned(), self.rest);
        let upkeep = work.collector.upkeep.clone();
        let otherwise = format!("the store {name} is not looked after");
        let looked = work.step(&otherwise, move |platform| {
            look_after(platform, &store, &upkeep, rest, scrub)
        });
        let Some((rest, removed)) = looked.await else {
            return;
        };
        self.rest = rest;
        if scrub {
            self.scrubbed.done(now);
        }
        if removed > 0 {
            tracing::info!(
                tenant = work.tenant,
                store = name,
                removed,
                "removed what belonged to nothing"
            );
        }
    }
}

fn names(platform: Platform<'_>, by_folders: bool) -> Result<BTreeSet<String>, StoreError> {
    let marked = ops::list_stores(platform)?;
    let mut names: BTreeSet<String> = marked.into_iter().map(|marked| marked.store).collect();
    if by_folders {
        names.extend(platform.objects.folders("stores/")?);
    }
    Ok(names)
}

/// Answers how long the store can be left alone, and how many objects a scrub removed.
fn look_after(
    platform: Platform<'_>,
    store: &str,
    upkeep: &Upkeep,
    rest: Option<Rest>,
    scrub: bool,
) -> Result<(Option<Rest>, usize), PendingError> {
    if let (Some(known), false) = (rest, scrub) {
        let newest = store::newest_version(platform, store)?;
        if known.holds(newest, platform.now_ms()) {
            return Ok((rest, 0));
        }
    }
    let removed = ops::look_after(platform, store, upkeep, scrub)?;
    Ok((ops::rest(platform, store, upkeep)?, removed))
}
