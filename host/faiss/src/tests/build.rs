use super::*;
use crate::{Error, Kind, Metric, nearest};

#[test]
fn every_kind_finds_its_neighbours() {
    let queries = vectors(50, 2);
    let truth = nearest(&queries, &vectors(ROWS, 1), DIMENSION, 10).unwrap();
    for (factory, least) in KINDS {
        let index = built(factory);
        assert_eq!(index.rows(), ROWS as u64);
        let found = index.search(&queries, 10, &options()).unwrap();
        let recall = recall(&found, &truth);
        assert!(recall >= *least, "{factory}: {recall}");
        for hits in &found {
            assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "{factory}");
        }
    }
}

#[test]
fn an_index_says_what_it_is() {
    let index = |factory| Index::from_factory(DIMENSION, factory).unwrap();
    assert_eq!(index("Flat").kind(), Kind::Flat);
    assert_eq!(index("SQ8").kind(), Kind::Flat);
    assert_eq!(index("HNSW16,SQ8").kind(), Kind::Hnsw);
    assert_eq!(index("IVF16,SQ8").kind(), Kind::Ivf { lists: 16 });
    let opq = index("OPQ16,IVF16,PQ16");
    assert_eq!(opq.kind(), Kind::Ivf { lists: 16 });
    assert_eq!(opq.metric(), Metric::InnerProduct);
    assert_eq!(
        opq.describe(),
        "IndexPreTransform over IndexIVFPQ of 16 lists"
    );
    assert!(opq.needs_training() && !index("Flat").needs_training());
    assert_eq!((opq.dimension(), opq.rows()), (DIMENSION, 0));
    assert_eq!(index("IDMap,Flat").kind(), Kind::Other);
}

#[test]
fn the_same_calls_make_the_same_index() {
    let bytes = |factory| {
        let mut bytes = vec![];
        built(factory).write(&mut bytes).unwrap();
        bytes
    };
    for (factory, _) in KINDS {
        assert!(bytes(factory) == bytes(factory), "{factory}");
    }
}

#[test]
fn more_effort_makes_another_graph() {
    let build = |ef| {
        let mut index = Index::from_factory(DIMENSION, "HNSW8,Flat").unwrap();
        index.set_ef_construction(ef).unwrap();
        crate::set_threads(1);
        index.add(&vectors(ROWS, 1)).unwrap();
        let mut bytes = vec![];
        index.write(&mut bytes).unwrap();
        bytes
    };
    assert!(build(10) != build(100));
}

#[test]
fn what_cannot_be_built_is_invalid() {
    let invalid = |result: crate::Result<()>| match result {
        Err(Error::Invalid(text)) => text,
        other => panic!("{other:?}"),
    };
    let make = |dimension, factory: &str| Index::from_factory(dimension, factory).map(|_| ());
    for factory in [
        "",
        "Flut",
        "IVF,Flat",
        "PQ7",
        "HNSW1,SQ8",
        "Flat\0",
        "IVF0,Flat",
    ] {
        let made = make(DIMENSION, factory);
        assert!(made.is_err(), "{factory}");
        let text = invalid(made);
        assert!(!text.contains("Error"), "{text}");
    }
    invalid(make(0, "Flat"));
    invalid(make(1 << 20, "Flat"));

    let mut index = Index::from_factory(DIMENSION, "IVF16,SQ8").unwrap();
    invalid(index.add(&vectors(20, 1)));
    invalid(index.train(&vectors(3, 1)));
    invalid(index.train(&[]));
    invalid(index.set_ef_construction(40));
    let mut index = built("HNSW16,SQ8");
    invalid(index.set_ef_construction(0));
    invalid(index.add(&vectors(1, 1)[1..]));
    let mut broken = vectors(2, 1);
    broken[40] = f32::NAN;
    assert!(invalid(index.add(&broken)).contains("vector 1"));
    broken[40] = f32::MAX;
    invalid(index.add(&broken));
    index.add(&[]).unwrap();
    assert_eq!(index.rows(), ROWS as u64);
}
