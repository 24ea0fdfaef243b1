//! Putting a built index in the place of the rows that it was made of.

use super::RebuildError;
use super::copy::Copied;
use super::work::Work;
use crate::platform::Platform;
use crate::store::{IndexRef, Manifest, Moved, StoreError, commit_moved, merge_runs};

/// Puts the base in the place of the rows that it was copied from. What was added or replaced
/// meanwhile stays where it is, and what was taken out stays out.
pub(super) fn commit(
    work: &mut Work<'_>,
    manifest: &Manifest,
    copied: Copied,
    index: &IndexRef,
) -> Result<(), RebuildError> {
    let platform = work.platform;
    let moves = copied.moves;
    let mut heed = || work.held.renew(platform);
    let run = merge_runs(platform, manifest, &manifest.runs, &moves, true, &mut heed)?;
    let moved = Moved {
        merged: manifest.runs.clone(),
        run,
        segments: copied.segments,
        moves,
        index: Some(index.clone()),
    };
    let committed = commit_moved(platform, work.held, &moved);
    if let (Err(StoreError::Overtaken | StoreError::NoSuchStore(_)), Some(run)) =
        (&committed, &moved.run)
    {
        let _ = platform.objects.delete(&run.key(&manifest.home()));
    }
    committed?;
    Ok(())
}

/// Removes what earlier claims left behind: the folders of bases that were made under an epoch
/// before that of `claimed`, but for what it names. Nobody commits them any more.
pub(super) fn clear(platform: Platform<'_>, claimed: &Manifest) -> Result<(), StoreError> {
    let home = claimed.home();
    let folder = home.key("base/");
    let mut kept = crate::store::waiting_garbage(platform, claimed)?;
    kept.extend(crate::store::named(claimed));
    for base in platform.objects.folders(&folder)? {
        let prefix = home.base(&base);
        let is_kept = kept.iter().any(|key| key.starts_with(&prefix));
        let is_older = epoch_of(&base).is_some_and(|epoch| epoch < claimed.rebuilder.epoch);
        if is_kept || !is_older {
            continue;
        }
        platform.objects.delete_all(&prefix)?;
    }
    Ok(())
}

/// A base's name, which says under which claim it was made, and sorts by it.
pub(super) fn base_name(platform: Platform<'_>, epoch: u64) -> String {
    format!("{epoch:010}-{}", platform.new_id(""))
}

fn epoch_of(base: &str) -> Option<u64> {
    base.split_once('-')?.0.parse().ok()
}
