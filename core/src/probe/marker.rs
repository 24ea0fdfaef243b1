//! That a storage has passed the probe.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Contest, ProbeError, probe};
use crate::objects::Objects;
use crate::platform::Clock;

/// The object that says that the storage at `place` (its address and bucket) passed this version's
/// probe. One for each place, so that a bucket's copy elsewhere is probed again.
pub fn marker_key(place: &str) -> String {
    let digest = Sha256::digest(place.as_bytes());
    let name: String = digest[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("probed/v1/{name}.json")
}

/// For those who live too briefly to probe a storage each time: reads its marker, and only where
/// there is none probes it, and leaves one.
///
/// # Errors
/// As [`probe`]; then there is no marker.
pub fn ensure(
    objects: &dyn Objects,
    contest: &dyn Contest,
    clock: &dyn Clock,
    place: &str,
) -> Result<(), ProbeError> {
    let key = marker_key(place);
    let known = objects.exists(&key);
    if known.map_err(|error| ProbeError::of("reading", error))? {
        return Ok(());
    }
    probe(objects, contest, clock, &mut |_| {})?;
    let marker = json!({"place": place, "probed_ms": clock.now_ms()});
    let written = objects.put(&key, marker.to_string().as_bytes());
    written.map_err(|error| ProbeError::of("writing", error))
}
