use super::commit::{GRACE_MS, newest};
use super::keys;
use crate::error::ApiError;
use crate::objects::Objects;

/// Removes what a store that nobody changes any more leaves behind: versions behind the newest, and
/// the objects that only those named. Answers the version that was looked at: called again with it
/// as `collected`, this does nothing before there is a newer one.
///
/// Only once the newest version is as old as the grace period: then nobody reads by another one.
/// `None` where it is younger, has nothing to remove or was collected; commits remove their own
/// garbage.
pub fn collect(
    objects: &dyn Objects,
    store: &str,
    collected: Option<u64>,
    now_ms: u64,
) -> Result<Option<u64>, ApiError> {
    let Some(newest) = newest(objects, store)? else {
        return Ok(None);
    };
    let young = newest.committed_ms + GRACE_MS > now_ms;
    if newest.garbage.is_empty() || young || collected == Some(newest.version) {
        return Ok(None);
    }
    // Oldest first, as everywhere: a version whose predecessor exists was never pruned.
    for meta in objects.list_all(&keys::manifests(store))? {
        if keys::version(&meta.key).is_some_and(|version| version < newest.version) {
            objects.delete(&meta.key)?;
        }
    }
    for garbage in newest.garbage {
        objects.delete(&garbage.key)?;
    }
    Ok(Some(newest.version))
}
