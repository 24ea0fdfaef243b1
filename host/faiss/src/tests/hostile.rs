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
            let read = Index::read(&mut &cut[..]).map(|_| ());
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
    let read = Index::read(&mut &b"something else altogether"[..]).map(|_| ());
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
        match Index::read(&mut &broken[..]).map(|_| ()) {
            Err(Error::Corrupt(_)) => refused += 1,
            other => panic!("{at}: {other:?}"),
        }
    }
    assert!(refused > 30);
}
