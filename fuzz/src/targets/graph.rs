//! Graphs of large segments: changes of a good one, since those worth walking are large.

use std::sync::OnceLock;

use dayfly_core::objects::{MemoryObjects, Objects};
use dayfly_core::segment::{Method, Query, Scope, SegmentMeta, open, search_by};

use super::MIB;
use super::store::{Plan, home, vector};
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "graph",
    run,
    most_bytes: 8 * MIB,
    seeds,
};

/// More than a search scans before it walks.
const ROWS: u32 = 1_100;
const DIMENSION: u32 = 2;
const HEADER_BYTES: usize = 64;
/// A row, a scale, 32 neighbours and the code.
const NODE_BYTES: usize = 4 + 4 + 32 * 4 + 4;

struct Intact {
    meta: SegmentMeta,
    rows: Vec<u8>,
    graph: Vec<u8>,
    /// The score of each row for the one query.
    scores: Vec<f32>,
}

impl Intact {
    fn get() -> &'static Self {
        static INTACT: OnceLock<Intact> = OnceLock::new();
        INTACT.get_or_init(Self::make)
    }

    fn make() -> Self {
        let objects = MemoryObjects::default();
        let plan = Plan {
            graph: true,
            text: "",
            ..Plan::of(ROWS, DIMENSION)
        };
        let meta = plan.write(&objects);
        let mut scores = vec![0.0; ROWS as usize];
        for hit in hits(&objects, &meta, ROWS as usize, Method::Scan).unwrap() {
            scores[hit.row as usize] = hit.score;
        }
        Self {
            rows: objects.get(&meta.rows_key(&home())).unwrap(),
            graph: objects.get(&meta.graph_key(&home())).unwrap(),
            meta,
            scores,
        }
    }
}

/// A damaged graph can cost recall, never a wrong row or score.
fn run(bytes: &[u8]) {
    let intact = Intact::get();
    let mut input = Input::new(bytes);
    let mut graph = intact.graph.clone();
    while !input.is_at_end() {
        change(&mut graph, &mut input);
    }
    let objects = MemoryObjects::default();
    let put = |key: String, data: &[u8]| objects.put(&key, data).unwrap();
    put(intact.meta.rows_key(&home()), &intact.rows);
    put(intact.meta.graph_key(&home()), &graph);
    let Some(hits) = hits(&objects, &intact.meta, 10, Method::Graph) else {
        return;
    };
    assert!(hits.is_sorted_by(|one, next| one.score >= next.score));
    for hit in hits {
        assert_eq!(hit.score, intact.scores[hit.row as usize]);
    }
}

/// Changes a number of a node; of one beyond all nodes, a byte of the header, or the end.
fn change(graph: &mut Vec<u8>, input: &mut Input<'_>) {
    let (node, field, value) = (input.u16() as usize, input.u8() as usize, input.u32());
    if node < ROWS as usize {
        let at = HEADER_BYTES + node * NODE_BYTES + field * 4 % NODE_BYTES;
        if let Some(number) = graph.get_mut(at..at + 4) {
            number.copy_from_slice(&value.to_le_bytes());
        }
    } else if field < HEADER_BYTES {
        if let Some(byte) = graph.get_mut(field) {
            *byte = value as u8;
        }
    } else {
        graph.truncate(value as usize);
    }
}

fn hits(
    objects: &MemoryObjects,
    meta: &SegmentMeta,
    k: usize,
    method: Method,
) -> Option<Vec<dayfly_core::segment::Hit>> {
    let segments = open(objects, &home(), &[meta]).unwrap();
    let scopes = [Scope {
        segment: &segments[0],
        live: std::iter::once(0..ROWS).collect(),
        found: None,
    }];
    let query = Query::new(&vector(77, DIMENSION)).unwrap();
    let found = search_by(objects, &scopes, &[query], k, method);
    found.ok().map(|mut hits| hits.remove(0))
}

fn seeds() -> Vec<Seed> {
    let of = |name: &str, changes: &[(u16, u8, u32)]| {
        let bytes = changes.iter().flat_map(|&(node, field, value)| {
            let mut change = node.to_le_bytes().to_vec();
            change.push(field);
            change.extend(value.to_le_bytes());
            change
        });
        Seed::new(name, bytes.collect::<Vec<u8>>())
    };
    vec![
        of("intact", &[]),
        of("other-row", &[(3, 0, 7), (4, 0, ROWS)]),
        of("no-scale", &[(5, 1, f32::NAN.to_bits()), (6, 1, 0)]),
        of("links", &[(7, 2, 1_099), (8, 2, u32::MAX), (9, 3, 5_000)]),
        of("header", &[(u16::MAX, 8, 2)]),
        of("cut", &[(u16::MAX, 64, 100_000)]),
    ]
}
