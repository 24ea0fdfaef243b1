//! Bitmaps of dead rows.

use dayfly_core::objects::{MemoryObjects, Objects};
use dayfly_core::segment::DeadRows;

use super::MIB;
use super::store::home;
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "dead",
    run,
    most_bytes: 8 * MIB,
    seeds,
};

/// More rows than a segment has; killing all of more takes long.
const MANY: u32 = 1 << 20;

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let rows = input.u32();
    let objects = MemoryObjects::default();
    objects.put(&home().dead("d"), input.rest()).unwrap();
    let Ok(mut dead) = DeadRows::read(&objects, &home(), "d", rows) else {
        return;
    };
    parts_the_rows(&dead, rows);
    assert_eq!(dead.minus(&dead), DeadRows::empty());
    assert_eq!(dead.minus(&DeadRows::empty()), dead);
    written_again(&objects, &dead, rows);
    if rows <= MANY {
        let before = dead.count();
        assert_eq!(dead.kill(0..rows), rows - before);
        assert_eq!(dead.live_ranges(rows), []);
        written_again(&objects, &dead, rows);
    }
}

/// Every row is either dead or live.
fn parts_the_rows(dead: &DeadRows, rows: u32) {
    let mut ranges = dead.live_ranges(rows);
    for live in &ranges {
        assert!(!dead.is_dead(live.start) && !dead.is_dead(live.end - 1));
    }
    let mut count = 0;
    for range in dead.ranges() {
        assert!(dead.is_dead(range.start) && dead.is_dead(range.end - 1));
        count += range.end - range.start;
        ranges.push(range);
    }
    assert_eq!(count, dead.count());
    ranges.sort_by_key(|range| range.start);
    let mut end = 0;
    for range in &ranges {
        assert!(range.start == end && range.end > range.start);
        end = range.end;
    }
    assert_eq!(end, rows);
}

fn written_again(objects: &MemoryObjects, dead: &DeadRows, rows: u32) {
    dead.write(objects, &home(), "again").unwrap();
    let again = DeadRows::read(objects, &home(), "again", rows).unwrap();
    assert_eq!(&again, dead);
}

fn seeds() -> Vec<Seed> {
    let of = |name: &str, rows: u32, ranges: &[(u32, u32)]| {
        let mut dead = DeadRows::empty();
        for &(start, end) in ranges {
            dead.kill(start..end);
        }
        let objects = MemoryObjects::default();
        dead.write(&objects, &home(), "d").unwrap();
        let mut input = rows.to_le_bytes().to_vec();
        input.extend(objects.get(&home().dead("d")).unwrap());
        Seed::new(name, input)
    };
    let apart: Vec<(u32, u32)> = (0..40).map(|row| (row * 5, row * 5 + 1)).collect();
    let dense: Vec<(u32, u32)> = (0..6_000).map(|row| (row * 2, row * 2 + 1)).collect();
    vec![
        of("none", 10, &[]),
        of("one", 10, &[(3, 4)]),
        of("run", 24_576, &[(100, 20_000)]),
        of("apart", 300, &apart),
        of(
            "two-containers",
            100_000,
            &[(65_530, 65_540), (99_999, 100_000)],
        ),
        of("dense", 12_000, &dense),
    ]
}
