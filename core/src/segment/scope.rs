//! Which rows of a segment may be found.

use std::ops::Range;

use super::open::Segment;

/// A segment, and which of its rows may be found.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The segment.
    pub segment: &'a Segment<'a>,
    /// Ascending, apart from one another: what [`DeadRows::live_ranges`] answers.
    ///
    /// [`DeadRows::live_ranges`]: super::DeadRows::live_ranges
    pub live: Vec<Range<u32>>,
    /// For each query the rows that an index of its own found, and their scores: then the segment
    /// is neither scanned nor walked.
    pub found: Option<Vec<Vec<(u32, f32)>>>,
}

impl Scope<'_> {
    pub(super) fn live_count(&self) -> u32 {
        self.live.iter().map(|range| range.end - range.start).sum()
    }
}
