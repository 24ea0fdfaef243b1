//! What a manifest says of a segment.

use serde::{Deserialize, Serialize};

use super::{MAX_DIMENSION, SegmentError};
use crate::home::Home;

/// What a manifest says of a segment: enough to open it with one read of its tail, and of one
/// size however many rows and files there are.
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
    /// Bytes at the end of the Arrow file that hold its footer and layout.
    pub tail_bytes: u32,
    /// SHA-256 of those bytes, in hexadecimal; checked whenever the segment is opened. Empty where
    /// its base's list says it.
    pub tail_sha256: String,
    /// SHA-256 of the whole Arrow file, in hexadecimal, as `sha256sum` prints it. Empty where its
    /// base's list says it.
    pub sha256: String,
    /// The graph beside it, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<GraphMeta>,
    /// Its place among the rows of an indexed base, where it is a part of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BasePlace>,
    /// It is kept where stores without incarnations kept it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub legacy: bool,
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
    /// The list that has the segment's checksums, once the base is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<ListRef>,
}

/// The list of a base's segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRef {
    /// Bytes of the object.
    pub bytes: u64,
    /// SHA-256 of the object, in hexadecimal.
    pub sha256: String,
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

/// The key of the rows of a segment that is yet to be written.
pub(super) fn rows_key(home: &Home, segment: &str, base: Option<&BasePlace>) -> String {
    match base {
        None => home.segment(segment),
        Some(BasePlace { id, number, .. }) => home.base_rows(id, *number),
    }
}

impl SegmentMeta {
    /// The key of its rows.
    pub fn rows_key(&self, home: &Home) -> String {
        if !self.legacy {
            return rows_key(home, &self.id, self.base.as_ref());
        }
        let store = &home.store;
        match &self.base {
            None => format!("stores/{store}/segments/{}.arrow", self.id),
            Some(BasePlace { id, number, .. }) => {
                format!("stores/{store}/base/{id}/rows-{number:05}.arrow")
            }
        }
    }

    /// The key that its graph has, if there is one.
    pub fn graph_key(&self, home: &Home) -> String {
        if self.legacy {
            format!("stores/{}/segments/{}.hnsw", home.store, self.id)
        } else {
            home.graph(&self.id)
        }
    }

    /// The keys of its rows and its graph.
    pub fn keys(&self, home: &Home) -> Vec<String> {
        let mut keys = vec![self.rows_key(home)];
        if self.graph.is_some() {
            keys.push(self.graph_key(home));
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
        let least =
            u64::from(self.rows) * u64::from(self.dimension) * 5 + u64::from(self.tail_bytes);
        if self.bytes < least {
            return broken("claims more rows than its bytes can hold");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> SegmentMeta {
        SegmentMeta {
            id: "s".to_owned(),
            rows: 2,
            bytes: 1 << 20,
            dimension: 4,
            tail_bytes: 100,
            tail_sha256: String::new(),
            sha256: String::new(),
            graph: None,
            base: None,
            legacy: false,
        }
    }

    fn with_graph_and_base(legacy: bool) -> [SegmentMeta; 2] {
        let graph = GraphMeta {
            bytes: 1,
            sha256: String::new(),
        };
        let place = BasePlace {
            id: "base-1".to_owned(),
            number: 7,
            first_row: 0,
            list: None,
        };
        let graph = SegmentMeta {
            graph: Some(graph),
            legacy,
            ..meta()
        };
        let base = SegmentMeta {
            base: Some(place),
            legacy,
            ..meta()
        };
        [graph, base]
    }

    #[test]
    fn entries_that_lie_about_their_rows_are_refused() {
        let good = meta();
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
        ];
        for meta in broken {
            assert!(
                matches!(meta.check("k"), Err(SegmentError::Corrupt { .. })),
                "{meta:?}"
            );
        }
    }

    #[test]
    fn an_incarnation_keeps_its_segments_in_its_own_folder() {
        let home = Home::new("vs_1", "i1");
        let [graph, base] = with_graph_and_base(false);
        assert_eq!(
            graph.keys(&home),
            [
                "stores/vs_1/i1/segments/s.arrow",
                "stores/vs_1/i1/segments/s.hnsw"
            ]
        );
        assert_eq!(
            base.keys(&home),
            ["stores/vs_1/i1/base/base-1/rows-00007.arrow"]
        );
    }

    #[test]
    fn segments_from_before_incarnations_are_looked_for_where_they_are() {
        let home = Home::new("vs_1", "i1");
        let [graph, base] = with_graph_and_base(true);
        assert_eq!(
            graph.keys(&home),
            [
                "stores/vs_1/segments/s.arrow",
                "stores/vs_1/segments/s.hnsw"
            ]
        );
        assert_eq!(
            base.keys(&home),
            ["stores/vs_1/base/base-1/rows-00007.arrow"]
        );
    }

    #[test]
    fn entries_that_list_their_files_are_still_read() {
        let old = r#"{"id":"s","rows":2,"bytes":1048576,"dimension":4,
            "files":[{"file_id":"file-a","rows":2}],
            "tail_bytes":100,"tail_sha256":"","sha256":""}"#;
        assert_eq!(serde_json::from_str::<SegmentMeta>(old).unwrap(), meta());
        let [legacy, _] = with_graph_and_base(true);
        let json = serde_json::to_string(&legacy).unwrap();
        assert_eq!(serde_json::from_str::<SegmentMeta>(&json).unwrap(), legacy);
        assert!(!serde_json::to_string(&meta()).unwrap().contains("legacy"));
    }
}
