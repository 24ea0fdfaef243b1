use super::*;
use crate::segment::{Method, Scope, SegmentError, open, search, search_by};

const DIMENSION: usize = 96;

#[test]
fn a_scan_finds_what_brute_force_finds() {
    let objects = MemoryObjects::default();
    let vectors = clustered(10, 3_000, DIMENSION);
    let meta = write(&objects, spec("s", DIMENSION), &[("a", 3_000)], &vectors);
    let segments = open(&objects, &home(), &[&meta]).unwrap();
    let scopes = [Scope {
        segment: &segments[0],
        live: all_rows(&meta),
        found: None,
    }];
    let asked = clustered(10, 40, DIMENSION);
    let found = search(&objects, &scopes, &queries(&asked), 10).unwrap();
    for (query, hits) in asked.iter().zip(found) {
        let expected = exact(&vectors, query, 10, |_| true);
        assert_eq!(hits.len(), 10);
        for (hit, (row, score)) in hits.iter().zip(expected) {
            assert!((f64::from(hit.score) - score).abs() < 1e-5);
            let same = hit.row as usize == row;
            assert!(same || (cosine(&vectors[hit.row as usize], query) - score).abs() < 1e-5);
        }
    }
}

#[test]
fn dead_runs_are_not_found_and_live_ones_keep_their_places() {
    let objects = MemoryObjects::default();
    let vectors = clustered(11, 2_600, DIMENSION);
    let files = [("a", 5), ("b", 1_400), ("c", 1), ("d", 900), ("e", 294)];
    let meta = write(&objects, spec("s", DIMENSION), &files, &vectors);
    let segments = open(&objects, &home(), &[&meta]).unwrap();
    let run_of = |row: usize| {
        let mut ends = files.iter().scan(0, |end, file| {
            *end += file.1;
            Some(*end)
        });
        ends.position(|end| row < end).unwrap()
    };
    for alive in [0b00001_usize, 0b10101, 0b01000, 0b11111, 0b10110] {
        let live = |run: usize| alive >> run & 1 == 1;
        let scopes = [Scope {
            segment: &segments[0],
            live: live_rows(&files, live),
            found: None,
        }];
        let query = &clustered(12, 1, DIMENSION)[0];
        let hits = &search(&objects, &scopes, &queries(std::slice::from_ref(query)), 8).unwrap()[0];
        let expected = exact(&vectors, query, 8, |row| live(run_of(row)));
        let rows: Vec<usize> = hits.iter().map(|hit| hit.row as usize).collect();
        assert_eq!(
            rows,
            expected.iter().map(|(row, _)| *row).collect::<Vec<_>>(),
            "{alive:b}"
        );
    }
    let scopes = [Scope {
        segment: &segments[0],
        live: Vec::new(),
        found: None,
    }];
    let none = search(&objects, &scopes, &queries(&vectors[..2]), 8).unwrap();
    assert_eq!(none, [vec![], vec![]]);
}

#[test]
fn the_best_of_many_segments_come_out_together() {
    let objects = MemoryObjects::default();
    let vectors = clustered(13, 1_000, DIMENSION);
    let metas: Vec<SegmentMeta> = vectors
        .chunks(70)
        .enumerate()
        .map(|(n, part)| {
            write(
                &objects,
                spec(&format!("s{n}"), DIMENSION),
                &[("a", part.len())],
                part,
            )
        })
        .collect();
    let by_reference: Vec<&SegmentMeta> = metas.iter().collect();
    let segments = open(&objects, &home(), &by_reference).unwrap();
    let scopes: Vec<Scope<'_>> = segments
        .iter()
        .map(|segment| Scope {
            segment,
            live: all_rows(segment.meta()),
            found: None,
        })
        .collect();
    let asked = clustered(14, 5, DIMENSION);
    let together = search(&objects, &scopes, &queries(&asked), 12).unwrap();
    for (query, hits) in asked.iter().zip(&together) {
        let rows: Vec<usize> = hits
            .iter()
            .map(|hit| hit.scope * 70 + hit.row as usize)
            .collect();
        let expected: Vec<usize> = exact(&vectors, query, 12, |_| true)
            .iter()
            .map(|one| one.0)
            .collect();
        assert_eq!(rows, expected);
        let alone = search(&objects, &scopes, &queries(std::slice::from_ref(query)), 12).unwrap();
        assert_eq!(&alone[0], hits);
    }
}

#[test]
fn equal_rows_come_in_their_order() {
    let objects = MemoryObjects::default();
    let vectors = vec![vec![0.3; DIMENSION]; 500];
    let meta = write(&objects, spec("s", DIMENSION), &[("a", 500)], &vectors);
    let segments = open(&objects, &home(), &[&meta]).unwrap();
    let scopes = [Scope {
        segment: &segments[0],
        live: all_rows(&meta),
        found: None,
    }];
    let hits = search(&objects, &scopes, &queries(&vectors[..1]), 5).unwrap();
    assert_eq!(
        hits[0].iter().map(|hit| hit.row).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4]
    );
    assert!(
        hits[0]
            .iter()
            .all(|hit| hit.score <= 1.0 && hit.score > 0.999_99)
    );
}

#[test]
fn nonsense_is_refused() {
    let objects = MemoryObjects::default();
    let vectors = clustered(15, 100, DIMENSION);
    let meta = write(&objects, spec("s", DIMENSION), &[("a", 100)], &vectors);
    let segments = open(&objects, &home(), &[&meta]).unwrap();
    let run = |live: &[(u32, u32)], query: &[f32], k| {
        let live = live.iter().map(|(start, end)| *start..*end).collect();
        let scopes = [Scope {
            segment: &segments[0],
            live,
            found: None,
        }];
        search_by(
            &objects,
            &scopes,
            &[Query::new(query).unwrap()],
            k,
            Method::Auto,
        )
    };
    assert!(matches!(
        run(&[(0, 100)], &[1.0; 95], 3),
        Err(SegmentError::Invalid(_))
    ));
    let whole = &vectors[0];
    assert!(matches!(
        run(&[(0, 101)], whole, 3),
        Err(SegmentError::Invalid(_))
    ));
    assert!(matches!(
        run(&[(5, 9), (2, 3)], whole, 3),
        Err(SegmentError::Invalid(_))
    ));
    assert_eq!(run(&[(0, 100)], whole, 0), Ok(vec![vec![]]));
    assert_eq!(
        run(&[(0, 100)], whole, usize::MAX).map(|hits| hits[0].len()),
        Ok(100)
    );
}
