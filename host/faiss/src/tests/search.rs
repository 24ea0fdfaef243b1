use super::*;
use crate::{Error, Kind, Parameters, Selector, nearest};

#[test]
fn a_selector_leaves_rows_out() {
    let queries = vectors(20, 2);
    let selector = Selector::from_ranges(&[100..250, 240..260, 1400..9999], ROWS as u64);
    assert_eq!(selector.selected(), 260);
    let selected = |row| (100..260).contains(&row) || row >= 1400;
    for (factory, _) in KINDS {
        let index = built(factory);
        let with = SearchOptions {
            selector: Some(&selector),
            ..options()
        };
        let found = index.search(&queries, 10, &with).unwrap();
        assert!(found.iter().any(|hits| !hits.is_empty()), "{factory}");
        for row in rows_of(&found).concat() {
            assert!(selected(row), "{factory}: {row}");
        }
    }
}

#[test]
fn an_exhaustive_search_looks_at_every_selected_row() {
    let queries = vectors(10, 2);
    let ranges = [3..4, 77..80, 1499..1500];
    let selector = Selector::from_ranges(&ranges, ROWS as u64);
    for (factory, _) in KINDS {
        let index = built(factory);
        let with = SearchOptions {
            selector: Some(&selector),
            exhaustive: true,
            ..SearchOptions::default()
        };
        for hits in rows_of(&index.search(&queries, 100, &with).unwrap()) {
            let mut sorted = hits.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [3, 77, 78, 79, 1499], "{factory}");
        }
        // With all rows it finds what a search in the reconstructed vectors finds.
        let mut decoded = vec![];
        index.reconstruct(0..ROWS as u64, &mut decoded).unwrap();
        let all = SearchOptions {
            selector: None,
            ..with
        };
        let found = index.search(&queries, 10, &all).unwrap();
        let truth = nearest(&queries, &decoded, DIMENSION, 10).unwrap();
        let share = recall(&found, &truth);
        assert!(share >= 0.98, "{factory}: {share}");
    }
}

#[test]
fn parameters_count_for_one_call() {
    let queries = vectors(50, 2);
    let truth = nearest(&queries, &vectors(ROWS, 1), DIMENSION, 10).unwrap();
    let with = |text: &str| SearchOptions {
        parameters: text.parse().unwrap(),
        ..SearchOptions::default()
    };
    for (factory, low, high) in [
        ("HNSW16,Flat", "efSearch=1,nprobe=3", "efSearch=400"),
        ("IVF64,Flat", "nprobe=1", "nprobe=99,efSearch=3"),
        ("OPQ16,IVF64,Flat", "nprobe=1", "nprobe=64"),
    ] {
        let index = built(factory);
        let recall_with = |text| recall(&index.search(&queries, 10, &with(text)).unwrap(), &truth);
        let (before, much, after) = (recall_with(low), recall_with(high), recall_with(low));
        assert!(much > 0.98, "{factory}: {much}");
        assert!(before < much, "{factory}: {before}");
        assert_eq!(before.to_bits(), after.to_bits());
    }
}

#[test]
fn parameters_have_a_text_form() {
    let parameters: Parameters = "nprobe=8, efSearch=64".parse().unwrap();
    assert_eq!(
        (parameters.nprobe, parameters.ef_search),
        (Some(8), Some(64))
    );
    for text in ["nprobe=8,efSearch=64", "efSearch=1", ""] {
        assert_eq!(text.parse::<Parameters>().unwrap().to_string(), text);
    }
    for text in [
        "nprobe",
        "nprobe=0",
        "nprobe=-1",
        "ef=3",
        "nprobe=1,nprobe=2",
        "nprobe=x",
    ] {
        assert!(
            matches!(text.parse::<Parameters>(), Err(Error::Invalid(_))),
            "{text}"
        );
    }
}

#[test]
fn odd_requests_are_answered() {
    let index = built("HNSW16,SQ8");
    let none = SearchOptions::default();
    assert!(index.search(&[], 5, &none).unwrap().is_empty());
    let query = vectors(1, 3);
    assert_eq!(index.search(&query, 0, &none).unwrap(), [vec![]]);
    let all = index.search(&query, usize::MAX, &none).unwrap();
    assert!(all[0].len() > 10);
    let nothing = Selector::from_ranges(&[], ROWS as u64);
    let with = SearchOptions {
        selector: Some(&nothing),
        ..none
    };
    assert_eq!(index.search(&query, 5, &with).unwrap(), [vec![]]);
    for broken in [
        &query[1..],
        &[f32::INFINITY; 32],
        &[f32::NAN; 32],
        &[1e30; 32],
    ] {
        let result = index.search(broken, 5, &none);
        assert!(matches!(result, Err(Error::Invalid(_))));
    }
    let empty = Index::from_factory(DIMENSION, "HNSW16,Flat").unwrap();
    assert_eq!(empty.search(&query, 5, &none).unwrap(), [vec![]]);
    assert!(matches!(
        empty.reconstruct(0..1, &mut vec![]),
        Err(Error::Invalid(_))
    ));
}

#[test]
fn many_threads_search_one_index() {
    for factory in ["Flat", "HNSW16,SQ8", "OPQ16,IVF16,PQ16"] {
        let index = built(factory);
        let queries = vectors(40, 5);
        let alone = index.search(&queries, 5, &options()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        assert_eq!(index.search(&queries, 5, &options()).unwrap(), alone);
                    }
                });
            }
        });
        let shared = SearchOptions {
            threads: 2,
            ..options()
        };
        assert_eq!(
            rows_of(&index.search(&queries, 5, &shared).unwrap()),
            rows_of(&alone)
        );
    }
}

#[test]
fn vectors_come_back_as_the_codes_have_them() {
    let rows = vectors(ROWS, 1);
    for (factory, _) in KINDS {
        let index = built(factory);
        let mut out = vec![9.0];
        index.reconstruct(10..13, &mut out).unwrap();
        assert_eq!(out.len(), 1 + 3 * DIMENSION as usize);
        assert_eq!(out[0].to_bits(), 9.0_f32.to_bits());
        let wanted = &rows[10 * DIMENSION as usize..][..out.len() - 1];
        let distance: f32 = out[1..]
            .iter()
            .zip(wanted)
            .map(|(a, b)| (a - b).powi(2))
            .sum();
        let most = if factory.contains("PQ") { 1.5 } else { 0.01 };
        assert!(distance < most, "{factory}: {distance}");
        if index.kind() == Kind::Flat && !factory.contains("SQ") {
            assert_eq!(&out[1..], wanted);
        }
    }
}
