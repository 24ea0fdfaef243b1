//! Copying live rows into new segments.

use super::dead::dead_rows;
use super::error::StoreError;
use super::moves::Moves;
use super::reference::SegmentRef;
use crate::home::Home;
use crate::platform::Platform;
use crate::segment::{self, BasePlace, NewRow, SegmentMeta, SegmentSpec, SegmentWriter};

/// What the segments are to be.
#[derive(Debug, Clone)]
pub struct Target {
    /// The store's incarnation.
    pub home: Home,
    /// The embedding model, recorded in each.
    pub model: String,
    /// Components of each vector.
    pub dimension: u32,
    /// Rows of each.
    pub most_rows: u32,
    /// From this many rows on one gets a graph.
    pub graph_min_rows: u32,
    /// The base that they are the rows of, if any.
    pub base: Option<String>,
}

/// Copies rows one by one; holds one batch of them.
pub struct Mover<'a> {
    platform: Platform<'a>,
    target: Target,
    writer: Option<(String, SegmentWriter)>,
    written: Vec<SegmentMeta>,
    rows: u64,
    moves: Moves,
}

impl<'a> Mover<'a> {
    /// Begins with nothing.
    pub fn new(platform: Platform<'a>, target: Target) -> Self {
        Self {
            platform,
            target,
            writer: None,
            written: Vec::new(),
            rows: 0,
            moves: Moves::default(),
        }
    }

    /// Copies the live rows of a segment; `seen` gets each with its number among all that were
    /// copied, and ends the copying by an error.
    pub fn take<E: From<StoreError>>(
        &mut self,
        source: &SegmentRef,
        mut seen: impl FnMut(&NewRow<'_>, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let (platform, home) = (self.platform, self.target.home.clone());
        let dead = dead_rows(platform, &home, source)?;
        let live = dead.live_ranges(source.meta.rows);
        let id = source.meta.id.as_str();
        self.moves.begin(id, dead);
        let opened =
            segment::open(platform.objects, &home, &[&source.meta]).map_err(StoreError::from)?;
        let mut numbers = live.iter().cloned().flatten();
        for segment in &opened {
            segment::each_row(platform.objects, segment, &live, |row| {
                let number = numbers.next().unwrap_or_default();
                self.push(id, number, row)?;
                seen(row, self.rows - 1).map_err(Stop::Caller)
            })
            .map_err(|stop| match stop {
                Stop::Caller(error) => error,
                Stop::Own(error) => error.into(),
            })?;
        }
        Ok(())
    }

    fn push<E>(&mut self, source: &str, number: u32, row: &NewRow<'_>) -> Result<(), Stop<E>> {
        let is_full = |(_, writer): &(String, SegmentWriter)| {
            writer.rows() >= self.target.most_rows || !writer.takes(row.file_id)
        };
        if self.writer.as_ref().is_some_and(is_full) {
            self.close()?;
        }
        let (id, writer) = match &mut self.writer {
            Some(open) => open,
            none => none.insert(begin(
                self.platform,
                &self.target,
                self.written.len(),
                self.rows,
            )?),
        };
        let at = writer.rows();
        writer.push(row).map_err(StoreError::from)?;
        self.moves.moved(source, number, id, at);
        self.rows += 1;
        Ok(())
    }

    /// Ends the open segment: the next row begins another.
    pub fn close(&mut self) -> Result<(), StoreError> {
        if let Some((_, writer)) = self.writer.take() {
            self.written
                .push(writer.finish(self.platform.objects)?.meta);
        }
        Ok(())
    }

    /// The segments in order, and where each row went.
    pub fn finish(mut self) -> Result<(Vec<SegmentMeta>, Moves), StoreError> {
        self.close()?;
        Ok((self.written, self.moves))
    }
}

fn begin(
    platform: Platform<'_>,
    target: &Target,
    number: usize,
    first_row: u64,
) -> Result<(String, SegmentWriter), StoreError> {
    let (id, base) = match &target.base {
        None => (platform.new_id("seg-m-"), None),
        Some(base) => {
            let place = BasePlace {
                id: base.clone(),
                number: number as u32,
                first_row,
                list: None,
            };
            (format!("rows-{base}-{number:05}"), Some(place))
        }
    };
    let spec = SegmentSpec {
        home: target.home.clone(),
        id: id.clone(),
        model: target.model.clone(),
        dimension: target.dimension,
        graph_min_rows: target.graph_min_rows,
        base,
    };
    Ok((id, SegmentWriter::create(platform.objects, spec)?))
}

/// Why copying ended.
enum Stop<E> {
    Caller(E),
    Own(StoreError),
}

impl<E> From<StoreError> for Stop<E> {
    fn from(error: StoreError) -> Self {
        Self::Own(error)
    }
}

impl<E> From<segment::SegmentError> for Stop<E> {
    fn from(error: segment::SegmentError) -> Self {
        Self::Own(error.into())
    }
}
