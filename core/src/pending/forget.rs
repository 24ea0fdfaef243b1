//! Forgetting old ends.

use super::end::key;
use super::{PendingError, failed, ticket};
use crate::home::Home;
use crate::ids;
use crate::objects::ObjectMeta;
use crate::platform::Platform;

/// How long an end is remembered, at the least: much longer than any request for its ingestion
/// can be under way.
const KEPT_MS: u64 = 86_400_000;
/// Ends that are forgotten in one go.
const FORGOTTEN: u32 = 256;

/// Forgets the ends that were noted more than a day ago, of a bounded number of them. An ingestion
/// whose record is still there keeps its end.
pub fn forget_old(platform: Platform<'_>, home: &Home) -> Result<(), PendingError> {
    let folder = home.key("ended/");
    let listed = platform.objects.list(&folder, None, FORGOTTEN)?;
    let now_ms = platform.now_ms();
    let ingest_id = |key: &str| -> Option<String> {
        Some(key.strip_prefix(&folder)?.strip_suffix(".json")?.to_owned())
    };
    // A failure may have been dismissed long after it was accepted.
    let is_old = |meta: &&ObjectMeta| meta.modified_ms.saturating_add(KEPT_MS) <= now_ms;
    let is_known = |id: &String| accepted_ms(id).is_some_and(|ms| ms + KEPT_MS <= now_ms);
    let old: Vec<String> = listed
        .iter()
        .filter(is_old)
        .filter_map(|meta| ingest_id(&meta.key).filter(is_known))
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let open = ticket::all(platform.objects, home)?;
    let is_open = |id: &String| open.iter().any(|ticket| ticket.ingest_id == *id);
    let old: Vec<String> = old.into_iter().filter(|id| !is_open(id)).collect();
    failed::remove_dismissed(platform, home, &old)?;
    let keys: Vec<String> = old.iter().map(|id| key(home, id)).collect();
    Ok(platform.objects.delete_many(&keys)?)
}

/// When an ingestion was accepted, as its id says: its own, or that of the file it is named by.
fn accepted_ms(ingest_id: &str) -> Option<u64> {
    ids::made_ms(ingest_id, "").or_else(|| ids::made_ms(ingest_id, ids::FILE_PREFIX))
}
