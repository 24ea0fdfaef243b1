use super::*;
use crate::segment::{Method, Scope, open, search_by, verify};

const DIMENSION: usize = 64;
const ROWS: usize = 4_000;
const FILES: [(&str, usize); 3] = [("a", 1_300), ("b", 2_000), ("c", 700)];

fn recall(method: Method, live: impl Fn(usize) -> bool + Copy) -> f64 {
    let objects = MemoryObjects::default();
    let vectors = clustered(20, ROWS, DIMENSION);
    let spec = SegmentSpec {
        graph_min_rows: 1,
        ..spec("s", DIMENSION)
    };
    let meta = write(&objects, spec, &FILES, &vectors);
    verify(&objects, &home(), &meta).unwrap();
    let segments = open(&objects, &home(), &[&meta]).unwrap();
    let scopes = [Scope {
        segment: &segments[0],
        live: live_rows(&FILES, live),
        found: None,
    }];
    let asked: Vec<Vec<f32>> = clustered(20, ROWS + 30, DIMENSION).split_off(ROWS);
    let found = search_by(&objects, &scopes, &queries(&asked), 10, method).unwrap();
    let run_of = |row: usize| usize::from(row >= 1_300) + usize::from(row >= 3_300);
    let mut common = 0;
    for (query, hits) in asked.iter().zip(&found) {
        let expected = exact(&vectors, query, 10, |row| live(run_of(row)));
        assert_eq!(hits.len(), 10);
        assert!(hits.iter().all(|hit| live(run_of(hit.row as usize))));
        let is_expected = |row: u32| expected.iter().any(|one| one.0 == row as usize);
        common += hits.iter().filter(|hit| is_expected(hit.row)).count();
    }
    common as f64 / (10 * asked.len()) as f64
}

#[test]
fn the_graph_finds_what_the_scan_finds() {
    assert!(recall(Method::Scan, |_| true) >= 0.999);
    assert!(recall(Method::Graph, |_| true) >= 0.98);
}

#[test]
fn the_graph_leads_past_dead_rows_to_live_ones() {
    assert!(recall(Method::Graph, |run| run == 1) >= 0.98);
    assert!(recall(Method::Graph, |run| run != 1) >= 0.98);
}

#[test]
fn where_few_rows_are_live_a_scan_steps_in() {
    assert!(recall(Method::Graph, |run| run == 2) >= 0.999);
}

#[test]
fn small_segments_of_every_size_have_a_graph_that_works() {
    for rows in [1, 2, 31, 33, 64, 65, 200] {
        let objects = MemoryObjects::default();
        let vectors = clustered(21, rows, 8);
        let spec = SegmentSpec {
            graph_min_rows: 1,
            ..spec("s", 8)
        };
        let meta = write(&objects, spec, &[("a", rows)], &vectors);
        verify(&objects, &home(), &meta).unwrap();
        let segments = open(&objects, &home(), &[&meta]).unwrap();
        let scopes = [Scope {
            segment: &segments[0],
            live: all_rows(&meta),
            found: None,
        }];
        let asked = queries(&vectors[..1]);
        let walked = search_by(&objects, &scopes, &asked, 5, Method::Graph).unwrap();
        let scanned = search_by(&objects, &scopes, &asked, 5, Method::Scan).unwrap();
        assert_eq!(walked, scanned, "{rows} rows");
    }
}

#[test]
fn a_graph_is_only_made_from_the_row_count_asked_for() {
    let objects = MemoryObjects::default();
    let vectors = clustered(22, 100, 8);
    let graph = |graph_min_rows| {
        let spec = SegmentSpec {
            graph_min_rows,
            ..spec("s", 8)
        };
        write(&objects, spec, &[("a", 100)], &vectors).graph
    };
    assert!(graph(101).is_none());
    assert!(graph(100).is_some());
}
