//! Changes of one file: put in, take out, set attributes.

use std::collections::BTreeMap;

use super::commit::change;
use super::draft::Draft;
use super::entry::FileEntry;
use super::error::StoreError;
use super::manifest::Manifest;
use crate::filter::AttributeValue;
use crate::home::Home;
use crate::platform::Platform;
use crate::segment::SegmentMeta;

/// Makes an ingested file visible, all of it at once, and answers the version in which it is. Of
/// several commits of one ingestion the first counts, and the others change nothing.
///
/// `still_wanted` is asked after each reading of the newest version and before the creation of the
/// next one, with the ingestion whose entry this one takes the place of; its error ends the commit.
///
/// Errors: [`StoreError::NoSuchStore`] where this life of the store has ended,
/// [`StoreError::WrongDimension`], [`StoreError::Full`]. After an error of the storage the file
/// may be visible all the same.
pub fn add_file<E: From<StoreError>>(
    platform: Platform<'_>,
    home: &Home,
    file: &FileEntry,
    segments: &[SegmentMeta],
    still_wanted: impl Fn(Option<&str>) -> Result<(), E>,
) -> Result<Manifest, E> {
    change(platform, &home.store, |newest| {
        ensure_alive(home, newest)?;
        let mut draft = Draft::of(platform, newest);
        let present = draft.find(&file.file_id)?;
        let replaced = present.map(|present| present.ingest_id.clone());
        if replaced.as_ref() == Some(&file.ingest_id) {
            return Ok(None);
        }
        still_wanted(replaced.as_deref())?;
        draft.put_file(file.clone(), segments)?;
        Ok(Some(draft.finish()?))
    })
}

/// Takes a file out of a store. It is not found from then on, and an ingestion of it that is
/// under way cannot commit, where its end mark was made before. Answers whether it was there.
pub fn take_out(platform: Platform<'_>, home: &Home, file_id: &str) -> Result<bool, StoreError> {
    let mut was_there = false;
    change(platform, &home.store, |newest| {
        ensure_alive(home, newest)?;
        let mut draft = Draft::of(platform, newest);
        was_there = draft.delete_file(file_id)?;
        Ok::<_, StoreError>(Some(draft.finish()?))
    })?;
    Ok(was_there)
}

/// Replaces a file's attributes.
///
/// Errors: [`StoreError::NoSuchFile`].
pub fn set_attributes(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
    attributes: &BTreeMap<String, AttributeValue>,
) -> Result<Manifest, StoreError> {
    change(platform, &home.store, |newest| {
        ensure_alive(home, newest)?;
        let mut draft = Draft::of(platform, newest);
        draft.set_attributes(file_id, attributes.clone())?;
        Ok::<_, StoreError>(Some(draft.finish()?))
    })
}

fn ensure_alive(home: &Home, newest: &Manifest) -> Result<(), StoreError> {
    match newest.incarnation == home.incarnation {
        true => Ok(()),
        false => Err(StoreError::NoSuchStore(home.store.clone())),
    }
}
