//! Whether a segment is as it was written.

use sha2::{Digest, Sha256};

use super::meta::SegmentMeta;
use super::{GROUP_BYTES, SegmentError, listing};
use crate::home::Home;
use crate::objects::Objects;
use crate::objects::ranges::{Wanted, read_all};

/// Reads every byte of a segment and its graph and compares their SHA-256 checksums.
///
/// A search reads too little to notice every damaged byte; this does. Holds 4 MiB at a time.
/// SHA-256, because `sha256sum` checks it without us and its cost is small beside embedding.
pub fn verify(objects: &dyn Objects, home: &Home, meta: &SegmentMeta) -> Result<(), SegmentError> {
    let sha256 = listing::sha256(objects, home, meta)?;
    verify_object(objects, &meta.rows_key(home), meta.bytes, &sha256)?;
    match &meta.graph {
        Some(graph) => verify_object(objects, &meta.graph_key(home), graph.bytes, &graph.sha256),
        None => Ok(()),
    }
}

fn verify_object(
    objects: &dyn Objects,
    key: &str,
    bytes: u64,
    sha256: &str,
) -> Result<(), SegmentError> {
    let size = objects.head(key)?.size;
    if size != bytes {
        return Err(SegmentError::corrupt(
            key,
            format!("it has {size} bytes, not {bytes}"),
        ));
    }
    let mut hash = Sha256::new();
    let mut at = 0;
    while at < bytes {
        let end = bytes.min(at + GROUP_BYTES);
        for data in read_all(
            objects,
            &[Wanted {
                key,
                bytes: at..end,
            }],
        )? {
            hash.update(&data);
        }
        at = end;
    }
    if format!("{:x}", hash.finalize()) != sha256 {
        return Err(SegmentError::corrupt(key, "it has another checksum"));
    }
    Ok(())
}
