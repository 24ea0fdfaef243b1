use super::error::{parse, to_vec};
use super::{Pending, PendingError, end};
use crate::objects::ObjectError;
use crate::platform::Platform;
use crate::store::Home;

fn folder(home: &Home) -> String {
    home.key("failed/")
}

/// Where it is kept that an ingestion failed.
pub fn key(home: &Home, file_id: &str, ingest_id: &str) -> String {
    format!("{}{file_id}/{ingest_id}.json", folder(home))
}

/// Keeps in sight that an ingestion failed.
pub(super) fn note(
    platform: Platform<'_>,
    home: &Home,
    failed: &Pending,
) -> Result<(), PendingError> {
    let key = key(home, &failed.file_id, &failed.ingest_id);
    Ok(platform.objects.put(&key, &to_vec(&key, failed)?)?)
}

/// Takes back what [`note`] said.
pub(super) fn remove(
    platform: Platform<'_>,
    home: &Home,
    failed: &Pending,
) -> Result<(), PendingError> {
    let key = key(home, &failed.file_id, &failed.ingest_id);
    Ok(platform.objects.delete(&key)?)
}

/// The keys of all failed ingestions of a store, by file, with the file of each.
pub fn all(platform: Platform<'_>, home: &Home) -> Result<Vec<(String, String)>, PendingError> {
    let folder = folder(home);
    let listed = platform.objects.list_all(&folder)?;
    let file_of = |key: &str| -> Option<String> {
        Some(key.strip_prefix(&folder)?.split_once('/')?.0.to_owned())
    };
    Ok(listed
        .into_iter()
        .filter_map(|meta| Some((file_of(&meta.key)?, meta.key)))
        .collect())
}

/// The newest failed ingestion of a file, if there is one.
pub fn of_file(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<Option<Pending>, PendingError> {
    let prefix = format!("{}{file_id}/", folder(home));
    let listed = platform.objects.list_all(&prefix)?;
    let Some(newest) = listed.last() else {
        return Ok(None);
    };
    match platform.objects.get(&newest.key) {
        Ok(data) => parse(&newest.key, &data).map(Some),
        Err(ObjectError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The failed ingestions of a file that are in sight.
pub fn ids_of_file(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<Vec<String>, PendingError> {
    let prefix = format!("{}{file_id}/", folder(home));
    let listed = platform.objects.list_all(&prefix)?;
    let id_of = |key: &str| Some(key.strip_prefix(&prefix)?.strip_suffix(".json")?.to_owned());
    Ok(listed
        .into_iter()
        .filter_map(|meta| id_of(&meta.key))
        .collect())
}

/// Lets go of these failures of a file.
pub fn forget(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
    ingest_ids: &[String],
) -> Result<(), PendingError> {
    let mut keys = Vec::with_capacity(ingest_ids.len());
    for ingest_id in ingest_ids {
        end::dismiss(platform, home, ingest_id)?;
        keys.push(key(home, file_id, ingest_id));
    }
    Ok(platform.objects.delete_many(&keys)?)
}

/// Lets go of a file's failures, whichever they are now; answers whether there were any.
pub fn forget_all(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<bool, PendingError> {
    let ids = ids_of_file(platform, home, file_id)?;
    forget(platform, home, file_id, &ids)?;
    Ok(!ids.is_empty())
}
