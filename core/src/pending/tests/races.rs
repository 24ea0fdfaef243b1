use std::cell::Cell;

use super::turns::{TurnObjects, Turns};
use super::*;
use crate::segment::{self, NewRow, SegmentMeta, SegmentSpec, SegmentWriter};
use crate::store::{self, Embedding, FileEntry, Manifest, StoreInfo, Table};

/// Chunks of the file.
const CHUNKS: u32 = 6;

fn first() -> Manifest {
    let info = StoreInfo {
        id: STORE.to_owned(),
        name: None,
        created_at: 1,
        metadata: BTreeMap::new(),
        expires_after: None,
        embedding: Embedding {
            model: "m".to_owned(),
            dimension: None,
            metric: "cosine".to_owned(),
        },
    };
    Manifest::first(info, 1)
}

/// Writes chunks from `start` to `end` into a segment.
fn segment(objects: &dyn Objects, writer: usize, start: u32, end: u32) -> SegmentMeta {
    thread_local!(static NEXT: Cell<u32> = const { Cell::new(0) });
    let unique = NEXT.replace(NEXT.get() + 1);
    let spec = SegmentSpec {
        store: STORE.to_owned(),
        id: format!("{}{writer}-{unique}-{start}-{end}", segment_prefix("1")),
        model: "m".to_owned(),
        dimension: 2,
        graph_min_rows: u32::MAX,
        base: None,
    };
    let mut rows = SegmentWriter::create(objects, spec).unwrap();
    for chunk in start..end {
        let row = NewRow {
            file_id: "file-a",
            chunk,
            start: chunk.into(),
            end: u64::from(chunk) + 1,
            text: "text",
            vector: &[1.0, 0.5],
        };
        rows.push(&row).unwrap();
    }
    rows.finish(objects).unwrap()
}

/// Works as a guest does: two chunks to a segment, progress after each; ends its step after
/// `segments` of them, or dies there without a word.
fn ingest(objects: &dyn Objects, name: usize, segments: u32, dies: bool) -> Result<(), ApiError> {
    let Some(pending) = read(objects, STORE, "file-a")? else {
        return Ok(());
    };
    if pending.status != Status::InProgress {
        return Ok(());
    }
    // The worst of hosts: it takes every other attempt for lost.
    let lost = Some(Lost::Chance("it seemed so".to_owned()));
    let worker = worker(&name.to_string(), "1");
    let Some(mut hold) = take_up(objects, STORE, &pending, &worker, 1, lost)? else {
        return Ok(());
    };
    let mut progress = hold.progress().clone();
    for number in 0.. {
        if progress.chunks == CHUNKS {
            break;
        }
        if number == segments {
            return if dies { Ok(()) } else { hold.release() };
        }
        let end = progress.chunks + 2;
        let written = segment(objects, name, progress.chunks, end);
        progress.segments.push(written);
        progress.chunks = end;
        let went_on = hold.came(&progress).and_then(|()| hold.renew(1));
        if let Err(error) = went_on {
            return hold.end(error, false, 1);
        }
    }
    let entry = FileEntry {
        file_id: "file-a".to_owned(),
        filename: "a.txt".to_owned(),
        ingest_id: "1".to_owned(),
        created_at: 1,
        usage_bytes: 1,
        chunking: ChunkingStrategy::Auto,
        attributes: BTreeMap::new(),
        segments: progress.segments.iter().map(|s| s.id.clone()).collect(),
    };
    let wanted = || hold.ensure_wanted();
    match store::add_file(objects, STORE, &entry, &progress.segments, 1, wanted) {
        Ok(_) if dies => Ok(()),
        Ok(committed) => hold.complete(&committed),
        Err(error) => hold.end(error, false, 1),
    }
}

fn delete(objects: &dyn Objects) -> Result<(), ApiError> {
    let cancelled = cancel(objects, STORE, "file-a")?;
    store::take_out(objects, STORE, "file-a", 1)?;
    match cancelled {
        Some(cancelled) => bury(objects, STORE, &cancelled, 1),
        None => Ok(()),
    }
}

/// What is promised of a store at any moment: what its newest version names, and what the newest
/// progress of an ingestion that goes on names, is there and holds each chunk once.
fn check(objects: &MemoryObjects) -> Option<u32> {
    let manifest = store::current(objects, STORE).unwrap().unwrap();
    let table = Table::of(objects, &manifest).unwrap();
    let there = |id: &str| objects.head(&segment::rows_key(STORE, id, None)).is_ok();
    let follow = |ids: &mut dyn Iterator<Item = &String>| {
        let mut next = 0;
        for id in ids {
            assert!(there(id), "{id} is named and gone");
            let mut range = id.rsplit('-').map(|number| number.parse::<u32>().unwrap());
            let (end, start) = (range.next().unwrap(), range.next().unwrap());
            assert_eq!(start, next, "a chunk is missing, or twice there");
            next = end;
        }
        next
    };
    if let Some(file) = table.files.get("file-a") {
        return Some(follow(&mut file.segments.iter()));
    }
    let pending = read(objects, STORE, "file-a").unwrap();
    if pending.is_some_and(|pending| pending.status == Status::InProgress) {
        let progress = Track::read(objects, STORE, "1").unwrap().progress;
        let chunks = follow(&mut progress.segments.iter().map(|segment| &segment.id));
        assert_eq!(chunks, progress.chunks);
    }
    None
}

/// Lets attempts, and perhaps a deletion, loose on one ingestion, in an order that `seed` decides.
fn race(seed: u64, deletes: bool) {
    let objects = MemoryObjects::default();
    store::create(&objects, &first(), 1).unwrap();
    write(&objects, STORE, &pending()).unwrap();
    let workers = 3;
    let turns = Turns::new(seed, workers + usize::from(deletes));
    let views: Vec<TurnObjects> = (0..workers + usize::from(deletes))
        .map(|name| turns.objects(name, &objects, |objects| _ = check(objects)))
        .collect();
    std::thread::scope(|scope| {
        for (name, view) in views.into_iter().enumerate() {
            scope.spawn(move || {
                if name == workers {
                    return delete(&view).unwrap();
                }
                for round in 0..3_u64 {
                    let random = seed.wrapping_mul(31) >> (name as u64 * 7 + round * 3);
                    let segments = 1 + (random % 3) as u32;
                    // Errors say that another attempt is at it.
                    let _ = ingest(&view, name, segments, random & 4 == 0);
                }
            });
        }
    });
    if !deletes {
        // Whatever happened, the next attempts bring it to an end.
        for name in 10..20 {
            let _ = ingest(&objects, name, 1, false);
        }
        let status = read(&objects, STORE, "file-a").unwrap();
        let failed = status.is_some_and(|pending| pending.status == Status::Failed);
        assert!(failed != (check(&objects) == Some(CHUNKS)), "seed {seed}");
    } else {
        assert_eq!(check(&objects), None, "seed {seed}");
        // A record that an attempt wrote while the deletion went on goes with the next one.
        delete(&objects).unwrap();
    }
    leaves_nothing(&objects, seed);
}

/// No segment is left but what the store names, and what readers may still be using.
fn leaves_nothing(objects: &MemoryObjects, seed: u64) {
    let manifest = store::current(objects, STORE).unwrap().unwrap();
    let table = Table::of(objects, &manifest).unwrap();
    let live = table.segments.values().flat_map(|meta| meta.keys(STORE));
    let superseded = manifest.garbage.iter().map(|garbage| garbage.key.clone());
    let mut named: Vec<String> = live.chain(superseded).collect();
    named.sort();
    let metas = objects.list_all(&store::keys::segments(STORE)).unwrap();
    let kept: Vec<String> = metas.into_iter().map(|meta| meta.key).collect();
    assert_eq!(kept, named, "seed {seed}");
}

#[test]
fn attempts_at_once_commit_each_chunk_once_and_leave_nothing_behind() {
    for seed in 1..2_000 {
        race(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15), false);
    }
}

#[test]
fn a_deletion_among_attempts_leaves_nothing_of_the_file() {
    for seed in 1..2_000 {
        race(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15), true);
    }
}
