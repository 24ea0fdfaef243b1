use std::ops::Range;
use std::sync::Arc;

use object_store::PutMode;
use object_store::memory::InMemory;

use super::*;
use crate::storage::Storage;
use crate::storage::durable_local::DurableLocal;

const DIMENSION: usize = 37;
const ROWS: u32 = 900;

/// Objects with codes, and spans over them.
fn objects(random: &mut fastrand::Rng) -> (Vec<Vec<u8>>, Vec<CodeSpan>) {
    let (mut objects, mut spans) = (Vec::new(), Vec::new());
    for number in 0..5 {
        let (mut object, before) = (vec![7; 13 * number], 13 * number as u64);
        object.extend((0..ROWS as usize * DIMENSION).map(|_| random.u8(..)));
        object.extend((0..ROWS).flat_map(|_| random.f32().to_le_bytes()));
        let mut live = Vec::new();
        let mut from = 0;
        while from + 20 < ROWS {
            let (start, length) = (from + random.u32(0..9), random.u32(1..9));
            live.push(start..start + length);
            from = start + length;
        }
        spans.push(CodeSpan {
            key: format!("k{number}"),
            bytes: before..object.len() as u64,
            scales_at: u64::from(ROWS) * DIMENSION as u64,
            live,
        });
        objects.push(object);
    }
    (objects, spans)
}

fn queries(random: &mut fastrand::Rng) -> Vec<CodedQuery> {
    let query = |_| CodedQuery {
        code: (0..DIMENSION).map(|_| random.u8(..)).collect(),
        scale: 0.5,
    };
    (0..3).map(query).collect()
}

async fn put(storage: &Storage, objects: &[Vec<u8>]) {
    for (number, data) in objects.iter().enumerate() {
        let put = storage.of("t");
        put.put(&format!("k{number}"), data.clone(), PutMode::Overwrite)
            .await
            .unwrap();
    }
}

fn directory() -> (tempfile::TempDir, Storage) {
    let root = tempfile::tempdir().unwrap();
    let store = DurableLocal::open(root.path()).unwrap();
    let storage = Storage::in_directory(Arc::new(store), "here".to_owned(), root.path());
    (root, storage)
}

#[tokio::test]
async fn a_directory_and_a_bucket_find_what_looking_through_the_bytes_finds() {
    let random = &mut fastrand::Rng::with_seed(5);
    let (objects, spans) = objects(random);
    let queries = queries(random);
    let mut plain = Nearest::new(&queries, 40);
    for (number, (span, data)) in (0..).zip(spans.iter().zip(&objects)) {
        let bytes = &data[span.bytes.start as usize..];
        plain.look_through(number, span, bytes).unwrap();
    }
    let expected = plain.into_sorted();
    assert!(expected.iter().all(|found| found.len() == 40));

    let (_root, directory) = directory();
    let bucket = Storage::new(Arc::new(InMemory::new()), "there".to_owned(), true);
    // Every other object is at hand, too.
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("t")).unwrap();
    for number in [0, 2, 4] {
        let file = root.path().join(format!("t/k{number}"));
        std::fs::write(file, &objects[number]).unwrap();
    }
    let both = Arc::new(InMemory::new());
    let mixed = Storage::in_directory(both, "here and there".to_owned(), root.path());
    for storage in [directory, bucket, mixed] {
        put(&storage, &objects).await;
        let tenant = storage.of("t");
        let found = tenant.nearest(&spans, &queries, 40).await.unwrap();
        assert_eq!(found, expected);
        let other = storage.of("u").nearest(&spans, &queries, 40).await;
        assert_eq!(other, Err(NearestError::Storage(Failure::NotFound)));
    }
}

#[tokio::test]
async fn what_is_damaged_or_cannot_be_asked_is_told() {
    let random = &mut fastrand::Rng::with_seed(6);
    let (mut objects, spans) = objects(random);
    let queries = queries(random);
    objects[3].truncate(10_000);
    let (_root, storage) = directory();
    put(&storage, &objects).await;
    let tenant = storage.of("t");
    let found = tenant.nearest(&spans, &queries, 40).await;
    assert_eq!(found, Err(NearestError::Damaged(3)));

    let with = |change: fn(&mut CodeSpan)| {
        let mut span = spans[0].clone();
        change(&mut span);
        vec![span]
    };
    let live = |ranges: &[Range<u32>]| {
        let span = CodeSpan {
            live: ranges.to_vec(),
            ..spans[0].clone()
        };
        vec![span]
    };
    let short = CodedQuery {
        code: vec![1; DIMENSION - 1],
        scale: 1.0,
    };
    let none = CodedQuery {
        code: Vec::new(),
        scale: 1.0,
    };
    let two = [queries[0].clone(), short];
    let many = vec![queries[0].clone(); MAX_CODED_QUERIES + 1];
    for (spans, queries, limit) in [
        (vec![spans[0].clone(); MAX_SPANS + 1], &queries[..], 1),
        (spans.clone(), &queries[..], MAX_NEAREST as u32 / 3 + 1),
        (spans.clone(), &many[..], 1),
        (spans.clone(), &two[..], 1),
        (spans.clone(), &[none][..], 1),
        (spans.clone(), &[], 1),
        (live(&[0..9, 0..9]), &queries[..], 1),
        (live(&[5..9, 1..2]), &queries[..], 1),
        (live(&[0..1, 5..MAX_SPAN_ROWS + 1]), &queries[..], 1),
        (live(&[1..2, 3..3]), &queries[..], 1),
        (
            with(|span| span.bytes.end = MAX_SPAN_BYTES + 1),
            &queries[..],
            1,
        ),
        (
            with(|span| span.bytes.start = span.bytes.end + 1),
            &queries[..],
            1,
        ),
    ] {
        let found = tenant.nearest(&spans, queries, limit).await;
        assert!(matches!(found, Err(NearestError::Invalid(_))), "{found:?}");
    }
    let outside = with(|span| span.key = "../t/k0".to_owned());
    let found = tenant.nearest(&outside, &queries, 1).await;
    assert!(matches!(
        found,
        Err(NearestError::Storage(Failure::InvalidKey(_)))
    ));
}
