use super::{Manifest, Table, change, keys};
use crate::error::ApiError;
use crate::objects::Objects;

/// Takes a file out of a store. It is not found from then on, and an ingestion of it that is
/// under way cannot commit.
pub fn take_out(
    objects: &dyn Objects,
    store: &str,
    file_id: &str,
    now_ms: u64,
) -> Result<Manifest, ApiError> {
    change(objects, store, now_ms, |newest| {
        let table = Table::of(objects, newest)?;
        Ok(Some(newest.without_file(&table, file_id, now_ms)))
    })
}

/// Deletes a store: first by a version that says so, then its objects. What another request
/// was just reading may vanish from under it, which it reports as not found.
pub fn delete(objects: &dyn Objects, store: &str, now_ms: u64) -> Result<(), ApiError> {
    let last = change(objects, store, now_ms, |newest| {
        let mut next = Manifest::first(newest.store.clone(), now_ms);
        next.deleted = true;
        Ok(Some(next))
    })?;
    let record = keys::manifest(store, last.version);
    for meta in objects.list_all(&keys::root(store))? {
        if meta.key != record {
            objects.delete(&meta.key)?;
        }
    }
    Ok(())
}
