//! Which rows of a segment are dead.

use super::error::StoreError;
use super::reference::SegmentRef;
use crate::home::Home;
use crate::objects::Part;
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

/// What [`dead_rows_of`] reads, or first where it is much.
pub fn reading(home: &Home, segments: &[SegmentRef]) -> Vec<Part> {
    DeadRows::reading(home, &noted(segments))
}

/// The bitmaps of some segments, each with the rows of its segment.
fn noted(segments: &[SegmentRef]) -> Vec<(&str, u32)> {
    let noted = segments.iter().filter_map(|segment| {
        let dead = segment.dead.as_ref()?;
        Some((dead.id.as_str(), segment.meta.rows))
    });
    noted.collect()
}

/// Which rows of each of some segments are dead, in order; read at once.
pub fn dead_rows_of(
    platform: Platform<'_>,
    home: &Home,
    segments: &[SegmentRef],
) -> Result<Vec<DeadRows>, StoreError> {
    let read = DeadRows::read_many(platform.objects, home, &noted(segments))?;
    let refs = segments.iter().filter_map(|segment| segment.dead.as_ref());
    for (dead, noted) in read.iter().zip(refs) {
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
