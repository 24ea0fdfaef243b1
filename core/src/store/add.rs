use super::{FileEntry, Manifest, Table, change};
use crate::error::ApiError;
use crate::objects::Objects;
use crate::segment::SegmentMeta;

/// Makes an ingested file visible, all of it at once, and answers the version in which it is. Of
/// several commits of one ingestion the first counts, and the others change nothing.
///
/// `still_wanted` is asked after each reading of the newest version and before the creation of the
/// next one; its error ends the commit.
///
/// Errors: 409 where the store holds vectors of another dimension. After an error of the storage
/// the file may be visible all the same.
pub fn add_file(
    objects: &dyn Objects,
    store: &str,
    file: &FileEntry,
    segments: &[SegmentMeta],
    now_ms: u64,
    still_wanted: impl Fn() -> Result<(), ApiError>,
) -> Result<Manifest, ApiError> {
    change(objects, store, now_ms, |newest| {
        let table = Table::of(objects, newest)?;
        if table.is_committed(&file.file_id, &file.ingest_id) {
            return Ok(None);
        }
        still_wanted()?;
        let mut next = newest.with_file(&table, file.clone(), segments.to_vec(), now_ms);
        for segment in segments {
            let embedding = &mut next.store.embedding;
            let present = *embedding.dimension.get_or_insert(segment.dimension);
            if present != segment.dimension {
                return Err(wrong_dimension(present, segment.dimension));
            }
        }
        Ok(Some(next))
    })
}

fn wrong_dimension(store: u32, given: u32) -> ApiError {
    ApiError::conflict(format!(
        "The embedder gave vectors of {given} components, and this store holds vectors of {store}; \
         use the embedder it was built with, or a new store."
    ))
    .code("dimension_mismatch")
}
