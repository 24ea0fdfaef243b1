use std::io::{self, Write};

use super::*;
use crate::Error;

#[test]
fn written_read_and_mapped_indexes_find_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let queries = vectors(20, 2);
    for (factory, _) in KINDS {
        let index = built(factory);
        let mut bytes = vec![];
        index.write(&mut bytes).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let found = index.search(&queries, 10, &options()).unwrap();

        let mut followed = bytes.clone();
        followed.extend([1, 2, 3]);
        let mut source = io::Cursor::new(followed);
        let read = Index::read(&mut source).unwrap();
        assert_eq!(source.position(), bytes.len() as u64, "{factory}");
        let mapped = Index::map(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let (mut vectors_read, mut vectors_mapped) = (vec![], vec![]);
        for (other, vectors) in [(&read, &mut vectors_read), (&mapped, &mut vectors_mapped)] {
            assert_eq!(
                other.search(&queries, 10, &options()).unwrap(),
                found,
                "{factory}"
            );
            assert_eq!((other.kind(), other.rows()), (index.kind(), index.rows()));
            other.reconstruct(0..ROWS as u64, vectors).unwrap();
            let mut again = vec![];
            other.write(&mut again).unwrap();
            assert!(again == bytes, "{factory}");
        }
        assert_eq!(vectors_read, vectors_mapped);
    }
}

#[test]
fn a_mapped_index_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    for factory in ["Flat", "HNSW16,SQ8", "IVF16,SQ8"] {
        built(factory)
            .write(&mut std::fs::File::create(&path).unwrap())
            .unwrap();
        let mut mapped = Index::map(&path).unwrap();
        let more = vectors(1, 9);
        assert!(matches!(mapped.add(&more), Err(Error::Invalid(_))));
        assert!(matches!(mapped.train(&more), Err(Error::Invalid(_))));
    }
}

#[test]
fn mapping_does_not_load() {
    const DIMENSION: u32 = 256;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let mut random = fastrand::Rng::with_seed(3);
    let rows: Vec<f32> = (0..20_000 * DIMENSION)
        .map(|_| random.f32() - 0.5)
        .collect();
    for factory in ["Flat", "IVF16,Flat", "PCA64,IVF16,SQ8"] {
        let mut index = Index::from_factory(DIMENSION, factory).unwrap();
        index.train(&rows[..1000 * DIMENSION as usize]).unwrap();
        index.add(&rows).unwrap();
        let mut file = io::BufWriter::new(std::fs::File::create(&path).unwrap());
        index.write(&mut file).unwrap();
        file.flush().unwrap();
        drop(index);
        let size = std::fs::metadata(&path).unwrap().len();
        let before = private_and_shared_kb();
        let mapped = Index::map(&path).unwrap();
        let grown = private_and_shared_kb().saturating_sub(before) * 1024;
        assert!(grown < size / 4, "{factory}: {grown} of {size}");
        assert_eq!(mapped.rows(), 20_000);
    }
}

/// What of this process is in memory, the pages of mapped files included.
fn private_and_shared_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Fails after some bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Read for Full {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from(io::ErrorKind::TimedOut))
    }
}

impl io::Seek for Full {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        match to {
            io::SeekFrom::End(_) => Ok(1_000),
            _ => Ok(0),
        }
    }
}

#[test]
fn errors_of_streams_come_back() {
    let index = built("IVF16,SQ8");
    for room in [0, 100, 20_000] {
        match index.write(&mut Full(room)) {
            Err(Error::Io(e)) => assert_eq!(e.kind(), io::ErrorKind::StorageFull),
            other => panic!("{other:?}"),
        }
    }
    match Index::read(&mut Full(0)).map(|_| ()) {
        Err(Error::Io(e)) => assert_eq!(e.kind(), io::ErrorKind::TimedOut),
        other => panic!("{other:?}"),
    }
    let none = std::path::Path::new("/no/such/index");
    assert!(matches!(Index::map(none).map(|_| ()), Err(Error::Io(_))));
}
