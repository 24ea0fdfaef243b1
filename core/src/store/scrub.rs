//! What lies below a store's name and belongs to nothing: what killed processes leave.

use std::collections::HashSet;

use super::commit::change;
use super::error::StoreError;
use super::garbage::waiting;
use super::lease::Duty;
use super::manifest::Manifest;
use super::names::named;
use super::next::Next;
use crate::home::Home;
use crate::ids;
use crate::objects::ObjectMeta;
use crate::platform::Platform;

/// Work that was under way when an object was written has ended after so long.
pub const SCRUB_AFTER_MS: u64 = 86_400_000;
/// So long after it was asked for a batch is told of: thirty days, as long as OpenAI lets a file live that is
/// to expire.
pub const BATCH_MS: u64 = 30 * 86_400_000;

/// The objects of a store's incarnation that nothing names: neither the version nor its garbage, no
/// ingestion of `ingesting` (their ids), and no claim that holds.
///
/// `newest` was read before this is called. Objects that are being written now are among them: only
/// those that are old ([`SCRUB_AFTER_MS`]) are certain to be of no use.
pub fn unreachable(
    platform: Platform<'_>,
    newest: &Manifest,
    ingesting: &HashSet<String>,
) -> Result<Vec<ObjectMeta>, StoreError> {
    let home = newest.home();
    let listed = platform.objects.list_all(&home.folder())?;
    let reachable = Reachable::of(platform, newest, ingesting)?;
    let strange = listed
        .into_iter()
        .filter(|meta| !reachable.has(&home, &meta.key));
    Ok(strange.collect())
}

/// Removes what [`unreachable`] finds that was old at `began_ms`, a time before `newest` was read: so
/// what came since stays, however long this stood still. Answers how many objects. While a compaction or
/// a rebuild is under way nothing is removed.
///
/// Who wrote it may only have stood still on its way to a commit, however long. So a version is made first
/// that any such commit finds in its way, and that takes the next epochs of both duties. Who then commits
/// again what it wrote before, without a claim or a record that says so, has to tell that by its age.
pub fn scrub(
    platform: Platform<'_>,
    newest: &Manifest,
    ingesting: &HashSet<String>,
    began_ms: u64,
) -> Result<usize, StoreError> {
    let found = unreachable(platform, newest, ingesting)?.into_iter();
    let old = found.filter(|meta| meta.modified_ms.saturating_add(SCRUB_AFTER_MS) <= began_ms);
    let mut abandoned: Vec<String> = old.map(|meta| meta.key).collect();
    if abandoned.is_empty() {
        return Ok(0);
    }
    let Some(fenced) = fence(platform, newest)? else {
        return Ok(0);
    };
    let (home, reachable) = (fenced.home(), Reachable::of(platform, &fenced, ingesting)?);
    abandoned.retain(|key| !reachable.has(&home, key));
    platform.objects.delete_many(&abandoned)?;
    Ok(abandoned.len())
}

fn fence(platform: Platform<'_>, newest: &Manifest) -> Result<Option<Manifest>, StoreError> {
    const DUTIES: [Duty; 2] = [Duty::Compaction, Duty::Rebuild];
    let now_ms = platform.now_ms();
    let mut is_fenced = false;
    let fenced = change(platform, &newest.store.id, |present| {
        let is_at_work = DUTIES.iter().any(|duty| duty.of(present).until_ms > now_ms);
        is_fenced = present.incarnation == newest.incarnation && !is_at_work;
        if !is_fenced {
            return Ok(None);
        }
        let mut next = present.clone();
        for duty in DUTIES {
            duty.of_mut(&mut next).epoch += 1;
        }
        Ok::<_, StoreError>(Some(Next::upkeep(next)))
    });
    match fenced {
        Ok(fenced) => Ok(is_fenced.then_some(fenced)),
        Err(StoreError::NoSuchStore(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

struct Reachable<'a> {
    keys: HashSet<String>,
    folders: Vec<String>,
    ingesting: &'a HashSet<String>,
    now_ms: u64,
}

impl<'a> Reachable<'a> {
    fn of(
        platform: Platform<'_>,
        newest: &Manifest,
        ingesting: &'a HashSet<String>,
    ) -> Result<Self, StoreError> {
        let mut keys = named(newest);
        keys.extend(waiting(platform, newest)?);
        let folders = keys
            .iter()
            .filter(|key| key.ends_with('/'))
            .cloned()
            .collect();
        Ok(Self {
            keys,
            folders,
            ingesting,
            now_ms: platform.now_ms(),
        })
    }

    fn has(&self, home: &Home, key: &str) -> bool {
        if self.keys.contains(key) || self.folders.iter().any(|folder| key.starts_with(folder)) {
            return true;
        }
        let folder = home.folder();
        let Some((kind, name)) = key
            .strip_prefix(&folder)
            .and_then(|name| name.split_once('/'))
        else {
            return false;
        };
        match kind {
            // Records, each with an end of its own.
            "garbage" | "ended" | "failed" => true,
            "batches" => self.is_told_of(name),
            "attempts" | "progress" => {
                let work = name.split('/').next().unwrap_or_default();
                self.ingesting.contains(work)
            }
            "segments" => self.is_of_ingestion(name),
            _ => false,
        }
    }

    fn is_told_of(&self, batch: &str) -> bool {
        let made_ms = ids::made_ms(batch, ids::BATCH_PREFIX);
        made_ms.is_some_and(|made| made.saturating_add(BATCH_MS) > self.now_ms)
    }

    fn is_of_ingestion(&self, segment: &str) -> bool {
        let rest = segment.strip_prefix("seg-").unwrap_or_default();
        self.ingesting.iter().any(|id| {
            rest.strip_prefix(id.as_str())
                .is_some_and(|rest| rest.starts_with('-'))
        })
    }
}
