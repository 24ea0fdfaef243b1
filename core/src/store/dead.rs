//! Which rows of a segment are dead.

use super::error::StoreError;
use super::reference::SegmentRef;
use crate::home::Home;
use crate::platform::Platform;

pub use crate::segment::DeadRows;

/// Which rows of a segment are dead.
pub fn dead_rows(
    platform: Platform<'_>,
    home: &Home,
    segment: &SegmentRef,
) -> Result<DeadRows, StoreError> {
    let mut all = dead_rows_of(platform, home, std::slice::from_ref(segment))?;
    Ok(all.pop().unwrap_or_default())
}

/// Which rows of each of some segments are dead, in order; read at once.
pub fn dead_rows_of(
    platform: Platform<'_>,
    home: &Home,
    segments: &[SegmentRef],
) -> Result<Vec<DeadRows>, StoreError> {
    let noted = segments.iter().filter_map(|segment| {
        let dead = segment.dead.as_ref()?;
        Some((dead, segment.meta.rows))
    });
    let (refs, rows): (Vec<_>, Vec<u32>) = noted.unzip();
    let wanted: Vec<(&str, u32)> = refs
        .iter()
        .zip(rows)
        .map(|(dead, rows)| (dead.id.as_str(), rows))
        .collect();
    let read = DeadRows::read_many(platform.objects, home, &wanted)?;
    for (dead, noted) in read.iter().zip(&refs) {
        if dead.count() != noted.rows {
            let what = format!("it says {} rows are dead, of {}", dead.count(), noted.rows);
            return Err(StoreError::damaged(&home.dead(&noted.id), &what));
        }
    }
    let mut read = read.into_iter();
    let all = segments.iter().map(|segment| match &segment.dead {
        Some(_) => read.next().unwrap_or_default(),
        None => segment.known_dead.clone().unwrap_or_default(),
    });
    Ok(all.collect())
}
