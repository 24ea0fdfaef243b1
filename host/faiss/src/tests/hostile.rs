use std::io::Cursor;

use super::*;
use crate::Error;

#[test]
fn files_that_are_cut_are_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    for (factory, _) in KINDS {
        let mut bytes = vec![];
        built(factory).write(&mut bytes).unwrap();
        let mut lengths: Vec<usize> = (0..40).map(|part| bytes.len() * part / 40).collect();
        lengths.extend([
            4,
            37,
            4096,
            bytes.len() - 1,
            bytes.len() - 8,
            bytes.len() - 33,
        ]);
        for length in lengths {
            let cut = &bytes[..length.min(bytes.len() - 1)];
            let read = Index::read(&mut Cursor::new(cut)).map(|_| ());
            assert!(
                matches!(read, Err(Error::Corrupt(_))),
                "{factory} {length}: {read:?}"
            );
            std::fs::write(&path, cut).unwrap();
            let mapped = Index::map(&path).map(|_| ());
            assert!(
                matches!(mapped, Err(Error::Corrupt(_))),
                "{factory} {length}: {mapped:?}"
            );
        }
    }
    let read = Index::read(&mut Cursor::new(b"something else altogether")).map(|_| ());
    assert!(matches!(read, Err(Error::Corrupt(_))));
}

#[test]
fn graphs_that_lead_nowhere_are_corrupt() {
    let mut bytes = vec![];
    built("HNSW16,Flat").write(&mut bytes).unwrap();
    let links = bytes.len() - (ROWS * DIMENSION as usize * 4) - 2000;
    let mut refused = 0;
    for at in (links - 40_000..links).step_by(997) {
        let mut broken = bytes.clone();
        broken[at | 3] ^= 0x40;
        match Index::read(&mut Cursor::new(broken)).map(|_| ()) {
            Err(Error::Corrupt(_)) => refused += 1,
            other => panic!("{at}: {other:?}"),
        }
    }
    assert!(refused > 30);
}

/// An index as a file, and how it is opened from memory and from the file.
fn opened(bytes: &[u8]) -> [crate::Result<Index>; 2] {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    [
        Index::read(&mut Cursor::new(bytes)),
        Index::map(file.path()),
    ]
}

#[test]
fn kinds_whose_parts_nobody_looks_at_are_refused() {
    let rows = vectors(300, 1);
    let mut refused = 0;
    for factory in [
        "IDMap,Flat",
        "IDMap2,HNSW16,SQ8",
        "IVF16,PQ16x4fs",
        "PQ16x4fs",
        "RQ4x8",
        "LSQ4x8",
        "IVF16,RQ4x8",
        "NSG16,Flat",
        "LSH",
        "IVF16,ITQ32,LSH",
        "IVF16,PQ16+8",
        "HNSW16_2+PQ8",
        "Flat,RFlat",
        "RaBitQ",
    ] {
        let Ok(mut index) = Index::from_factory(DIMENSION, factory) else {
            continue;
        };
        if index.train(&rows).is_err() {
            continue;
        }
        // Those that give rows numbers of their own stay empty.
        let _ = index.add(&rows);
        let mut bytes = vec![];
        if index.write(&mut bytes).is_err() {
            continue;
        }
        for outcome in opened(&bytes) {
            match outcome {
                Err(Error::Corrupt(_)) => refused += 1,
                other => panic!("{factory}: {:?}", other.map(|index| index.describe())),
            }
        }
    }
    assert!(refused >= 20, "{refused}");
}

#[test]
fn components_that_are_not_are_never_picked() {
    let mut index = Index::from_factory(DIMENSION, "Pad40,Flat").unwrap();
    index.add(&vectors(10, 1)).unwrap();
    let mut bytes = vec![];
    index.write(&mut bytes).unwrap();
    assert!(opened(&bytes).iter().all(Result::is_ok));
    let picked: Vec<u8> = (0..DIMENSION).flat_map(u32::to_le_bytes).collect();
    let at = bytes
        .windows(picked.len())
        .position(|window| window == picked)
        .unwrap();
    for wrong in [DIMENSION as i32, i32::MAX, -2, i32::MIN] {
        let mut broken = bytes.clone();
        broken[at..at + 4].copy_from_slice(&wrong.to_le_bytes());
        for outcome in opened(&broken) {
            assert!(matches!(outcome, Err(Error::Corrupt(_))), "{wrong}");
        }
    }
}

#[test]
fn distances_that_are_no_numbers_lead_nobody_astray() {
    let first: Vec<u8> = vectors(ROWS, 1)[..2]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    for bad in [f32::NAN, f32::INFINITY, 1e30] {
        let bytes = turned(
            "HNSW16,Flat",
            &first,
            &[bad, bad].map(f32::to_le_bytes).concat(),
        );
        let read = Index::read(&mut Cursor::new(bytes));
        assert!(matches!(read, Err(Error::Corrupt(_))), "{bad}");
    }
    let mut index = Index::from_factory(DIMENSION, "PCA8,HNSW16,Flat").unwrap();
    index.train(&vectors(ROWS, 1)).unwrap();
    index.add(&vectors(ROWS, 1)).unwrap();
    let mut bytes = vec![];
    index.write(&mut bytes).unwrap();
    // The matrix ends before its bias, as many numbers as components come out.
    let graph = bytes.windows(4).position(|four| four == b"IHNf").unwrap();
    let matrix = graph - 9 - 8 * 4 - 8;
    bytes[matrix - 4..matrix].copy_from_slice(&f32::NAN.to_le_bytes());
    for index in opened(&bytes) {
        let found = index.unwrap().search(&vectors(1, 2), 5, &options());
        assert!(matches!(found, Err(Error::Invalid(_))), "{found:?}");
    }
}

/// The bytes of an index of that kind, with the first `from` turned into `to`.
fn turned(factory: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    built(factory).write(&mut bytes).unwrap();
    let at = bytes
        .windows(from.len())
        .position(|bytes| bytes == from)
        .unwrap();
    bytes.splice(at..at + from.len(), to.iter().copied());
    bytes
}

fn numbers<const N: usize>(numbers: [u64; N]) -> Vec<u8> {
    numbers.into_iter().flat_map(u64::to_le_bytes).collect()
}

/// Each of these ended the process within FAISS's reader.
#[test]
fn parts_that_do_not_fit_are_refused_before_faiss_computes_with_them() {
    let width = u64::from(DIMENSION);
    let header = |kind: &[u8], rows: i64| {
        let mut bytes = [kind, &DIMENSION.to_le_bytes(), &rows.to_le_bytes()].concat();
        // Two numbers that stand for nothing, that it is trained, and the inner product.
        bytes.extend([0; 16]);
        bytes.extend([1, 0, 0, 0, 0]);
        bytes
    };
    let nested = [header(b"IxPT", 0), vec![0; 4]].concat().repeat(100_000);
    let no_parts = [header(b"IxPq", 0), numbers([width, 0, 8, 0, 0]), vec![0; 9]].concat();
    // As many bytes as there are numbers, which is 3 times the rows.
    let endless = [
        header(b"IxPq", i64::MAX / 3 * 2 + 1),
        numbers([width, 1, 24]),
        numbers([0, u64::MAX]),
    ];
    let no_quantizer = {
        let mut bytes = turned("IVF16,PQ16", b"IxFI", b"null");
        let after = bytes.windows(4).position(|four| four == b"null").unwrap() + 4;
        bytes.drain(after..after + 33 + 8 + 16 * DIMENSION as usize * 4);
        bytes
    };
    for (what, bytes) in [
        (
            "a graph over other codes",
            turned("HNSW16,Flat", b"IHNf", b"IHNp"),
        ),
        ("depth", nested),
        ("no parts", no_parts),
        ("no quantizer", no_quantizer),
        ("endless codes", endless.concat()),
        (
            "a list without its size",
            turned(
                "IVF16,Flat",
                &[b"full".to_vec(), numbers([16])].concat(),
                &[b"sprs".to_vec(), numbers([1])].concat(),
            ),
        ),
        (
            "more lists than centroids",
            turned("IVF16,SQ8", &numbers([16, 1]), &numbers([1 << 40, 1])),
        ),
    ] {
        for outcome in opened(&bytes) {
            let outcome = outcome.map(|index| index.describe());
            assert!(
                matches!(outcome, Err(Error::Corrupt(_))),
                "{what}: {outcome:?}"
            );
        }
    }
}
