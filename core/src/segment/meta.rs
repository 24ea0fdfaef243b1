use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{MAX_DIMENSION, SegmentError};

/// What a manifest says of a segment: enough to open it with one read of its tail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentMeta {
    /// Names its objects.
    pub id: String,
    /// Rows.
    pub rows: u32,
    /// Bytes of the Arrow file.
    pub bytes: u64,
    /// Components of each vector.
    pub dimension: u32,
    /// Whose rows these are: runs in the order of the rows.
    pub files: Vec<FileRun>,
    /// Bytes at the end of the Arrow file that hold its footer and layout.
    pub tail_bytes: u32,
    /// SHA-256 of those bytes, in hexadecimal; checked whenever the segment is opened.
    pub tail_sha256: String,
    /// SHA-256 of the whole Arrow file, in hexadecimal, as `sha256sum` prints it.
    pub sha256: String,
    /// The graph beside it, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<GraphMeta>,
    /// Its place among the rows of an indexed base, where it is a part of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BasePlace>,
}

/// Where a base that has a native index keeps a segment, and which of its rows these are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasePlace {
    /// The base.
    pub id: String,
    /// The segment's number among those of the base, from 0.
    pub number: u32,
    /// The index's number of the segment's first row.
    pub first_row: u64,
}

/// Consecutive rows of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRun {
    /// The file.
    pub file_id: String,
    /// How many rows, at least one.
    pub rows: u32,
}

/// What a manifest says of a segment's graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphMeta {
    /// Bytes of the object.
    pub bytes: u64,
    /// SHA-256 of the object, in hexadecimal.
    pub sha256: String,
}

/// The key of a segment's rows.
pub fn rows_key(store: &str, segment: &str, base: Option<&BasePlace>) -> String {
    match base {
        None => format!("stores/{store}/segments/{segment}.arrow"),
        Some(BasePlace { id, number, .. }) => {
            format!("stores/{store}/base/{id}/rows-{number:05}.arrow")
        }
    }
}

/// The key of a segment's graph.
pub fn graph_key(store: &str, segment: &str) -> String {
    format!("stores/{store}/segments/{segment}.hnsw")
}

impl SegmentMeta {
    /// The rows of those runs that `live` keeps, ascending, neighbours joined.
    ///
    /// `live` is asked once for each run, with the run's place in `files`.
    pub fn live_rows(&self, live: impl Fn(usize) -> bool) -> Vec<Range<u32>> {
        let mut ranges: Vec<Range<u32>> = Vec::new();
        let mut start = 0_u32;
        for (index, run) in self.files.iter().enumerate() {
            let end = start.saturating_add(run.rows);
            if live(index) {
                match ranges.last_mut() {
                    Some(last) if last.end == start => last.end = end,
                    _ => ranges.push(start..end),
                }
            }
            start = end;
        }
        ranges
    }

    /// The file that a row belongs to.
    pub fn file_of(&self, row: u32) -> Option<&str> {
        let mut end = 0_u32;
        let holds = |run: &&FileRun| {
            end = end.saturating_add(run.rows);
            row < end
        };
        self.files
            .iter()
            .find(holds)
            .map(|run| run.file_id.as_str())
    }

    /// The key of its rows.
    pub fn rows_key(&self, store: &str) -> String {
        rows_key(store, &self.id, self.base.as_ref())
    }

    /// The keys of every object of this segment.
    pub fn keys(&self, store: &str) -> Vec<String> {
        let mut keys = vec![self.rows_key(store)];
        if self.graph.is_some() {
            keys.push(graph_key(store, &self.id));
        }
        keys
    }

    /// Refuses what no writer makes, so that nothing is allocated on its word.
    pub(super) fn check(&self, key: &str) -> Result<(), SegmentError> {
        let broken = |what: &str| {
            Err(SegmentError::corrupt(
                key,
                format!("its manifest entry {what}"),
            ))
        };
        if self.dimension == 0 || self.dimension > MAX_DIMENSION {
            return broken("has an impossible dimension");
        }
        let rows: u64 = self.files.iter().map(|run| u64::from(run.rows)).sum();
        if rows != u64::from(self.rows) || self.files.iter().any(|run| run.rows == 0) {
            return broken("does not account for every row");
        }
        let least = rows * u64::from(self.dimension) * 5 + u64::from(self.tail_bytes);
        if self.bytes < least {
            return broken("claims more rows than its bytes can hold");
        }
        Ok(())
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(runs: &[(&str, u32)]) -> SegmentMeta {
        let run = |&(file_id, rows): &(&str, u32)| FileRun {
            file_id: file_id.to_owned(),
            rows,
        };
        SegmentMeta {
            id: "s".to_owned(),
            rows: runs.iter().map(|run| run.1).sum(),
            bytes: 1 << 20,
            dimension: 4,
            files: runs.iter().map(run).collect(),
            tail_bytes: 100,
            tail_sha256: String::new(),
            sha256: String::new(),
            graph: None,
            base: None,
        }
    }

    #[test]
    fn live_rows_follow_the_runs_and_join_neighbours() {
        let meta = meta(&[("a", 2), ("b", 3), ("c", 1), ("d", 4)]);
        assert_eq!(meta.live_rows(|_| true), vec![0..10]);
        assert_eq!(meta.live_rows(|run| run != 2), vec![0..5, 6..10]);
        assert_eq!(meta.live_rows(|_| false), Vec::<Range<u32>>::new());
        assert_eq!(meta.file_of(0), Some("a"));
        assert_eq!(meta.file_of(5), Some("c"));
        assert_eq!(meta.file_of(10), None);
    }

    #[test]
    fn entries_that_lie_about_their_rows_are_refused() {
        let good = meta(&[("a", 2)]);
        assert!(good.check("k").is_ok());
        let broken = [
            SegmentMeta {
                rows: u32::MAX,
                ..good.clone()
            },
            SegmentMeta {
                dimension: 0,
                ..good.clone()
            },
            SegmentMeta {
                dimension: u32::MAX,
                ..good.clone()
            },
            SegmentMeta {
                bytes: 10,
                ..good.clone()
            },
            meta(&[("a", 0), ("b", 2)]),
        ];
        for meta in broken {
            assert!(
                matches!(meta.check("k"), Err(SegmentError::Corrupt { .. })),
                "{meta:?}"
            );
        }
    }
}
