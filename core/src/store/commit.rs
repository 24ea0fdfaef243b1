//! The one decision: which version comes next.
//!
//! A version is created if absent under the next number, carries a nonce of its own and names its
//! predecessors'. Having created it, the writer lists what is above: nothing, or a version that
//! follows this nonce, and it counts; anything else, and it does not. Numbers alone are no
//! identity, since pruning frees them, and a predecessor's existence proves nothing, since a
//! resent request can land late.

use super::draft::Draft;
use super::error::StoreError;
use super::manifest::{FORMAT, HISTORY, Manifest};
use super::newest::{above, confirmed, current, is_newest, newest};
use super::next::{Next, encode};
use super::{catalog, garbage, legacy};
use crate::home::{self, INCARNATION_PREFIX};
use crate::mutants::{Mutant, active};
use crate::objects::ObjectError;
use crate::platform::Platform;

/// Each lost race means that another writer won one, so this many in a row means a storage whose
/// create-if-absent does not work, or a very busy store.
const TRIES: u32 = 256;
/// The first pause after a lost race takes at most as long as the try did; it doubles so often.
const DOUBLINGS: u32 = 5;
const LONGEST_PAUSE_MS: u64 = 2_000;

/// Commits a change of an existing store and answers the version that holds.
///
/// `apply` gets the newest version and answers what should come next, or `None` when nothing
/// needs to. It is called again whenever another writer was first, so it must look at what it
/// gets. Errors of `apply` end the attempt.
///
/// A change is made at most once: where the storage failed and it cannot be told whether it was,
/// the error is [`StoreError::Unconfirmed`] or the storage's own.
pub fn change<E: From<StoreError>>(
    platform: Platform<'_>,
    store: &str,
    apply: impl FnMut(&Manifest) -> Result<Option<Next>, E>,
) -> Result<Manifest, E> {
    commit(platform, store, None, apply)
}

/// Makes a store, or answers the one that is there.
pub fn create(platform: Platform<'_>, first: &Manifest) -> Result<Manifest, StoreError> {
    Ok(create_or_find(platform, first)?.0)
}

/// Makes a store; `None` where there is one of that id.
pub fn create_new(
    platform: Platform<'_>,
    first: &Manifest,
) -> Result<Option<Manifest>, StoreError> {
    let (present, is_new) = create_or_find(platform, first)?;
    Ok(is_new.then_some(present))
}

fn create_or_find(
    platform: Platform<'_>,
    first: &Manifest,
) -> Result<(Manifest, bool), StoreError> {
    let store = &first.store.id;
    if let Some(present) = current(platform, store)? {
        return Ok((present, false));
    }
    let first = Manifest {
        incarnation: match active(Mutant::SharedIncarnation) {
            true => INCARNATION_PREFIX.to_owned(),
            false => platform.new_id(INCARNATION_PREFIX),
        },
        ..first.clone()
    };
    let home = first.home();
    catalog::add(platform, &home)?;
    let present = commit(platform, store, Some(&first), |_| Ok::<_, StoreError>(None))?;
    let is_new = present.incarnation == first.incarnation;
    if !is_new {
        // Another was first; a marker of nothing is passed over wherever it is met.
        let _ = catalog::remove(platform, &home);
    }
    Ok((present, is_new))
}

fn commit<E: From<StoreError>>(
    platform: Platform<'_>,
    store: &str,
    first: Option<&Manifest>,
    mut apply: impl FnMut(&Manifest) -> Result<Option<Next>, E>,
) -> Result<Manifest, E> {
    let mut earlier = Earlier::default();
    for attempt in 0..TRIES {
        let began_ms = platform.now_ms();
        let newest = match earlier.tries.is_empty() {
            true => newest(platform, store)?,
            false => confirmed(platform, store)?,
        };
        if let Some(newest) = &newest
            && let Some(counted) = earlier.settle(platform, newest)?
        {
            return Ok(counted);
        }
        let present = newest.as_ref().filter(|manifest| !manifest.deleted);
        if let Some(old) = present.filter(|manifest| legacy::is_old_version(manifest)) {
            move_over(platform, old)?;
            continue;
        }
        let next = match (present, first) {
            (Some(manifest), _) => match apply(manifest)? {
                Some(next) => next,
                // What is there already must be there still, in a version that counts.
                None if is_newest(platform, manifest)? => return Ok(manifest.clone()),
                None => continue,
            },
            (None, Some(first)) => first.clone().into(),
            (None, None) => return Err(StoreError::NoSuchStore(store.to_owned()).into()),
        };
        let next = numbered(platform, newest.as_ref(), next);
        match put(platform, store, &next.manifest)? {
            Put::Counts => return Ok(next.manifest),
            Put::Lost => discard(platform, &next),
            Put::Passed => {
                // Told at once, as long as the newest version still names it.
                earlier.tries.push(next);
                continue;
            }
            Put::Unknown(error) => {
                earlier.tries.push(next);
                earlier.failure = Some(error);
            }
        }
        pause(platform, attempt, began_ms);
    }
    Err(earlier.failure.unwrap_or(StoreError::Contended).into())
}

/// Tries to follow a version of an old format by the same of today's; what came of it the next
/// reading tells.
fn move_over(platform: Platform<'_>, old: &Manifest) -> Result<(), StoreError> {
    // Stores of old formats had no markers.
    catalog::add(platform, &old.home())?;
    let mut next = Draft::of(platform, old).finish()?;
    next.is_upkeep = true;
    let next = numbered(platform, Some(old), next);
    if let Put::Lost = put(platform, &old.store.id, &next.manifest)? {
        discard(platform, &next);
    }
    Ok(())
}

/// Tries of one change of which it is not known, or was not known at once, whether they count.
#[derive(Default)]
struct Earlier {
    tries: Vec<Next>,
    failure: Option<StoreError>,
}

impl Earlier {
    /// The try that counts, if one does; those that certainly never will are forgotten, and what
    /// was written for them goes.
    fn settle(
        &mut self,
        platform: Platform<'_>,
        newest: &Manifest,
    ) -> Result<Option<Manifest>, StoreError> {
        let mut open = Vec::new();
        let mut counted = None;
        let mut is_untold = false;
        if active(Mutant::ApplyTwice) {
            self.tries.clear();
        }
        for next in self.tries.drain(..) {
            match newest.follows(&next.manifest.nonce, next.manifest.version) {
                Some(true) => counted = Some(next.manifest),
                None => is_untold = true,
                // Its number is taken by another, for good.
                Some(false) if newest.version >= next.manifest.version => {
                    discard(platform, &next);
                }
                Some(false) => open.push(next),
            }
        }
        self.tries = open;
        match (counted, is_untold) {
            (None, true) => Err(StoreError::Unconfirmed),
            (counted, _) => Ok(counted),
        }
    }
}

/// What was written for a try that certainly never counts is of no use.
fn discard(platform: Platform<'_>, lost: &Next) {
    let _ = platform.objects.delete_many(&lost.written);
}

enum Put {
    Counts,
    /// Another version has the number.
    Lost,
    /// It was made, or another was, and there are newer ones: the newest tells.
    Passed,
    Unknown(StoreError),
}

fn put(platform: Platform<'_>, store: &str, next: &Manifest) -> Result<Put, StoreError> {
    let data = encode(next, 0)?;
    let key = home::manifest(store, next.version);
    match platform.objects.put_new(&key, &data) {
        Ok(()) => {}
        // Its own request, sent twice, is answered the same way.
        Err(ObjectError::AlreadyExists) => match nonce_at(platform, &key) {
            Ok(Some(nonce)) if nonce == next.nonce => {}
            Ok(Some(_)) => return Ok(Put::Lost),
            Ok(None) => return Ok(Put::Unknown(StoreError::Contended)),
            Err(error) => return Ok(Put::Unknown(error)),
        },
        Err(error @ ObjectError::Unavailable(_)) => return Ok(Put::Unknown(error.into())),
        Err(error) => return Err(error.into()),
    }
    if active(Mutant::PruneByNumberOnly) {
        let before = home::manifest(store, next.version.saturating_sub(1));
        return Ok(
            match next.version == 1 || platform.objects.head(&before).is_ok() {
                true => Put::Counts,
                false => Put::Lost,
            },
        );
    }
    match above(platform, store, next.version) {
        Ok(false) => Ok(Put::Counts),
        Ok(true) => Ok(Put::Passed),
        Err(error) => Ok(Put::Unknown(error)),
    }
}

/// The nonce of the version at `key`; `None` where there is none any more.
fn nonce_at(platform: Platform<'_>, key: &str) -> Result<Option<String>, StoreError> {
    #[derive(serde::Deserialize)]
    struct Named {
        /// Versions of old formats have none.
        #[serde(default)]
        nonce: String,
    }
    let data = match platform.objects.get(key) {
        Ok(data) => data,
        Err(ObjectError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let named: Named =
        serde_json::from_slice(&data).map_err(|fault| StoreError::damaged(key, &fault))?;
    Ok(Some(named.nonce))
}

fn numbered(platform: Platform<'_>, newest: Option<&Manifest>, next: Next) -> Next {
    let mut history = Vec::new();
    if let Some(newest) = newest {
        history.push(newest.nonce.clone());
        history.extend(newest.history.iter().take(HISTORY - 1).cloned());
    }
    let now_ms = platform.now_ms();
    let mut garbage = next.manifest.garbage;
    if let Some(newest) = newest {
        garbage::see(&mut garbage, newest, now_ms);
    }
    let active_ms = match next.is_upkeep {
        true => next.manifest.active_ms,
        false => now_ms,
    };
    Next {
        manifest: Manifest {
            format: FORMAT,
            version: newest.map_or(0, |manifest| manifest.version) + 1,
            nonce: format!("{:016x}", platform.clock.random()),
            history,
            committed_ms: now_ms,
            active_ms,
            garbage,
            ..next.manifest
        },
        ..next
    }
}

/// Random, so that writers that met do not meet again; as long as a round trip takes here.
fn pause(platform: Platform<'_>, attempt: u32, began_ms: u64) {
    let took_ms = platform.now_ms().saturating_sub(began_ms).max(1);
    let most = (took_ms << attempt.min(DOUBLINGS)).min(LONGEST_PAUSE_MS);
    platform.clock.pause(platform.clock.random() % (most + 1));
}
