use std::cell::Cell;

use super::turns::{TurnObjects, Turns};
use super::*;
use crate::ops;
use crate::segment::SegmentMeta;
use crate::store;
use crate::testing::{check, entry, keys, make, write_segment};

/// Chunks of the file.
const CHUNKS: u32 = 6;

/// Writes chunks from `start` to `end` into a segment.
fn segment(
    platform: Platform<'_>,
    home: &Home,
    writer: usize,
    start: u32,
    end: u32,
) -> SegmentMeta {
    thread_local!(static NEXT: Cell<u32> = const { Cell::new(0) });
    let unique = NEXT.replace(NEXT.get() + 1);
    let id = format!("{}{writer}-{unique}-{start}-{end}", segment_prefix("1"));
    let row = |chunk: u32| (format!("text {chunk}"), vec![1.0, 0.5]);
    let rows: Vec<_> = (start..end).map(row).collect();
    write_segment(platform, home, &id, "file-a", start, &rows)
}

/// Works as a guest does: two chunks to a segment, progress after each; ends its step after
/// `segments` of them, or dies there without a word.
fn ingest(
    platform: Platform<'_>,
    home: &Home,
    name: usize,
    segments: u32,
    dies: bool,
) -> Result<(), PendingError> {
    let Some(pending) = of_file(platform, home, "file-a")?.under_way else {
        return conclude_all(platform, home);
    };
    // The worst of hosts: it takes every other attempt for lost.
    let lost = Some(Lost::Chance("it seemed so".to_owned()));
    let worker = worker(&name.to_string(), "1");
    let Some(mut hold) = take_up(platform, home, &pending, &worker, lost)? else {
        return Ok(());
    };
    let mut progress = hold.progress().clone();
    for number in 0.. {
        if progress.chunks == CHUNKS {
            break;
        }
        if number == segments {
            return if dies { Ok(()) } else { hold.end(Ending::Step) };
        }
        let end = progress.chunks + 2;
        let written = segment(platform, home, name, progress.chunks, end);
        progress.segments.push(written);
        progress.chunks = end;
        let went_on = hold.record(&progress).and_then(|()| hold.renew());
        if let Err(error) = went_on {
            return hold.end(Ending::Stopped(error));
        }
    }
    let file = entry("file-a", "1", &progress.segments);
    match hold.commit(&file, &progress.segments) {
        Ok(_) if dies => Ok(()),
        Ok(_) => hold.end(Ending::Committed),
        Err(error) => hold.end(Ending::Stopped(error)),
    }
}

/// As a sweeper does with what it finds: an ingestion that has ended is taken up once more.
fn conclude_all(platform: Platform<'_>, home: &Home) -> Result<(), PendingError> {
    for ticket in all_tickets(platform.objects, home)? {
        if let Some(end) = ended(platform, home, &ticket.ingest_id)? {
            conclude(platform, home, &ticket, &end)?;
        }
    }
    Ok(())
}

fn detach(platform: Platform<'_>, home: &Home) -> Result<(), PendingError> {
    let cancelled = ops::detach(platform, home, "file-a")?;
    ops::finish_detach(platform, home, &cancelled)
}

/// What is promised of a store at any moment: what its newest version names, and what the newest
/// progress of an ingestion that goes on names, is there and holds each chunk once.
fn chunks_of(objects: &MemoryObjects) -> Option<u32> {
    let clock = crate::testing::ManualClock::default();
    let platform = Platform::new(objects, &clock);
    let manifest = check(platform, STORE).unwrap();
    let home = manifest.home();
    let there = |id: &str| objects.head(&home.segment(id)).is_ok();
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
    if let Some(file) = store::find(platform, &manifest, "file-a").unwrap() {
        return Some(follow(&mut file.rows.iter().map(|range| &range.segment)));
    }
    if under_way(platform, &home).is_some() {
        let progress = Track::read(objects, &home, "1").unwrap().progress;
        let chunks = follow(&mut progress.segments.iter().map(|segment| &segment.id));
        assert_eq!(chunks, progress.chunks);
    }
    None
}

/// Lets attempts, and perhaps a deletion, loose on one ingestion, in an order that `seed` decides.
fn race(seed: u64, deletes: bool) {
    let tenant = Tenant::default();
    let home = &make(tenant.platform(), STORE);
    accept_one(tenant.platform(), home, "1");
    let workers = 3;
    let turns = Turns::new(seed, workers + usize::from(deletes));
    let views: Vec<TurnObjects> = (0..workers + usize::from(deletes))
        .map(|name| turns.objects(name, &tenant.objects, |objects| _ = chunks_of(objects)))
        .collect();
    std::thread::scope(|scope| {
        for (name, view) in views.into_iter().enumerate() {
            let own = tenant.elsewhere(seed ^ name as u64);
            scope.spawn(move || {
                let platform = Platform::new(&view, &own.clock);
                if name == workers {
                    return detach(platform, home).unwrap();
                }
                for round in 0..3_u64 {
                    let random = seed.wrapping_mul(31) >> (name as u64 * 7 + round * 3);
                    let segments = 1 + (random % 3) as u32;
                    // Errors say that another attempt is at it.
                    let _ = ingest(platform, home, name, segments, random & 4 == 0);
                }
            });
        }
    });
    let platform = tenant.platform();
    if deletes {
        assert_eq!(chunks_of(&tenant.objects), None, "seed {seed}");
        assert_eq!(
            ops::look(platform, home, "file-a").unwrap(),
            None,
            "seed {seed}"
        );
        // What an attempt wrote while the deletion went on goes with the record that it left.
        conclude_all(platform, home).unwrap();
    } else {
        // Whatever happened, the next attempts bring it to an end.
        for name in 10..20 {
            let _ = ingest(platform, home, name, 1, false);
        }
        let state = ops::look(platform, home, "file-a").unwrap().unwrap();
        let is_there = chunks_of(&tenant.objects) == Some(CHUNKS);
        let expected = match is_there {
            true => Status::Completed,
            false => Status::Failed,
        };
        assert_eq!(state.status(), expected, "seed {seed}");
    }
    leaves_nothing(&tenant, home, seed);
}

/// No segment is left but what the store names, and what readers may still be using; of the work
/// only how it ended.
fn leaves_nothing(tenant: &Tenant, home: &Home, seed: u64) {
    let platform = tenant.platform();
    let manifest = store::existing(platform, STORE).unwrap();
    let ingesting = Default::default();
    // Who died right after it had committed may leave words about it, and nothing else.
    let strange = store::unreachable(platform, &manifest, &ingesting).unwrap();
    let is_word = |key: &str| {
        ["attempts/1/", "progress/1/"]
            .iter()
            .any(|of| key.contains(of))
    };
    assert!(
        strange.iter().all(|meta| is_word(&meta.key)),
        "seed {seed}: {strange:?}"
    );
    store::scrub(platform, &manifest, &ingesting, platform.now_ms()).unwrap();
    assert_eq!(
        store::unreachable(platform, &manifest, &ingesting).unwrap(),
        []
    );
    assert_eq!(
        keys(&tenant.objects, &home.queue()),
        Vec::<String>::new(),
        "seed {seed}"
    );
    let ended = keys(&tenant.objects, &home.key("ended/"));
    assert_eq!(ended.len(), 1, "seed {seed}");
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
