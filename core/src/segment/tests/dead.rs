use proptest::prelude::*;

use super::*;
use crate::objects::{ObjectError, Objects};
use crate::segment::SegmentError;

const ID: &str = "dead-1";

fn of(rows: impl IntoIterator<Item = Range<u32>>) -> DeadRows {
    let mut dead = DeadRows::empty();
    for range in rows {
        dead.kill(range);
    }
    dead
}

fn one(rows: Range<u32>) -> DeadRows {
    of(std::iter::once(rows))
}

fn read(data: &[u8], rows: u32) -> Result<DeadRows, SegmentError> {
    let objects = MemoryObjects::default();
    objects.put(&home().dead(ID), data).unwrap();
    DeadRows::read(&objects, &home(), ID, rows)
}

fn written(dead: &DeadRows) -> Vec<u8> {
    let objects = MemoryObjects::default();
    dead.write(&objects, &home(), ID).unwrap();
    objects.get(&home().dead(ID)).unwrap()
}

fn is_corrupt(outcome: Result<DeadRows, SegmentError>) -> bool {
    matches!(outcome, Err(SegmentError::Corrupt { .. }))
}

/// Bits that no run describes well, so that they take as much as any.
fn scattered(rows: u32) -> DeadRows {
    let mut random = Random(1);
    of((0..rows)
        .filter(|_| random.below(2) == 0)
        .map(|row| row..row + 1))
}

#[test]
fn live_rows_are_apart_and_join_neighbours() {
    let dead = of([2..3, 5..6, 3..5, 9..10]);
    assert_eq!(dead.live_ranges(10), [0..2, 6..9]);
    assert!(dead.live_ranges(6).into_iter().eq(std::iter::once(0..2)));
    assert_eq!(dead.live_ranges(12), [0..2, 6..9, 10..12]);
    assert!(dead.live_ranges(0).is_empty());
    assert!(one(0..10).live_ranges(10).is_empty());
    assert!(
        DeadRows::empty()
            .live_ranges(3)
            .into_iter()
            .eq(std::iter::once(0..3))
    );
    assert!(DeadRows::empty().live_ranges(0).is_empty());
}

#[test]
fn a_row_dies_once() {
    let mut dead = DeadRows::empty();
    assert_eq!(dead.kill(3..7), 4);
    assert_eq!(dead.kill(5..9), 2);
    assert_eq!(dead.kill(3..9), 0);
    assert_eq!(dead.kill(4..4), 0);
    assert_eq!(dead.kill(u32::MAX - 1..u32::MAX), 1);
    assert_eq!(dead.count(), 7);
    assert_eq!(dead.ranges().last(), Some(u32::MAX - 1..u32::MAX));
}

#[test]
fn rows_that_died_since_another_bitmap_are_told_apart() {
    let then = one(10..20);
    let now = of([5..25, 40..41]);
    let since: Vec<_> = now.minus(&then).ranges().collect();
    assert_eq!(since, [5..10, 20..25, 40..41]);
    assert_eq!(then.minus(&now), DeadRows::empty());
}

#[test]
fn many_bitmaps_are_read_in_their_order() {
    let objects = MemoryObjects::default();
    let all: Vec<(String, DeadRows)> = (0..600)
        .map(|n| (format!("dead-{n}"), one(n..n + 2)))
        .collect();
    for (id, dead) in &all {
        dead.write(&objects, &home(), id).unwrap();
    }
    let wanted: Vec<(&str, u32)> = all.iter().map(|(id, _)| (id.as_str(), 24_576)).collect();
    let read = DeadRows::read_many(&objects, &home(), &wanted).unwrap();
    assert!(read.iter().eq(all.iter().map(|(_, dead)| dead)));
}

#[test]
fn a_bitmap_that_is_not_there_is_an_error_of_storage() {
    let read = DeadRows::read(&MemoryObjects::default(), &home(), ID, 10);
    assert_eq!(read, Err(SegmentError::Storage(ObjectError::NotFound)));
}

#[test]
fn rows_that_the_segment_does_not_have_are_refused() {
    let data = written(&one(0..10));
    assert!(read(&data, 10).is_ok());
    assert!(is_corrupt(read(&data, 9)));
    assert!(is_corrupt(read(&data, 0)));
    assert_eq!(read(&written(&DeadRows::empty()), 0), Ok(DeadRows::empty()));
}

#[test]
fn the_fullest_bitmap_is_read_and_one_byte_more_is_not() {
    for rows in [1, 24_576, 65_536, 65_537, 300_000] {
        let full = scattered(rows);
        let data = written(&full);
        assert_eq!(read(&data, rows), Ok(full));
        assert!(is_corrupt(read(&[&data[..], &[0]].concat(), rows)));
    }
    assert!(is_corrupt(read(&vec![0; 1 << 20], 24_576)));
}

#[test]
fn truncated_anywhere_it_is_corrupt() {
    for dead in [one(3..900), scattered(3_000), scattered(70_000)] {
        let data = written(&dead);
        for length in (0..data.len()).step_by(1 + data.len() / 500) {
            assert!(is_corrupt(read(&data[..length], 70_000)), "{length}");
        }
    }
}

proptest! {
    #[test]
    fn it_says_what_a_flag_for_each_row_says(
        rows in prop_oneof![1_u32..300, 65_000_u32..140_000],
        kills in prop::collection::vec((any::<u32>(), any::<u32>()), 0..12),
        later in prop::collection::vec((any::<u32>(), 0_u32..80), 0..6),
    ) {
        let mut flags = vec![false; rows as usize];
        let mut dead = DeadRows::empty();
        let mut kill = |dead: &mut DeadRows, from: u32, rows: Range<u32>| {
            let rows = rows.start % from..(rows.end % (from + 1));
            let mut newly = 0;
            for flag in flags.iter_mut().take(rows.end as usize).skip(rows.start as usize) {
                newly += u32::from(!*flag);
                *flag = true;
            }
            assert_eq!(dead.kill(rows), newly);
        };
        for (start, end) in kills {
            kill(&mut dead, rows, start..end);
        }
        let then = dead.clone();
        for (start, length) in later {
            kill(&mut dead, rows, start..(start % rows + length).min(rows));
        }
        let died = dead.minus(&then);

        let count = flags.iter().filter(|flag| **flag).count();
        prop_assert_eq!(dead.count() as usize, count);
        prop_assert!((0..rows).all(|row| dead.is_dead(row) == flags[row as usize]));
        prop_assert!((0..rows).all(|row| died.is_dead(row) == (dead.is_dead(row) && !then.is_dead(row))));
        let expected = |value: bool| -> Vec<u32> {
            (0..rows).filter(|row| flags[*row as usize] == value).collect()
        };
        let live = dead.live_ranges(rows);
        prop_assert!(live.iter().all(|range| range.start < range.end));
        prop_assert!(live.windows(2).all(|pair| pair[0].end < pair[1].start));
        prop_assert_eq!(live.into_iter().flatten().collect::<Vec<_>>(), expected(false));
        prop_assert_eq!(dead.ranges().flatten().collect::<Vec<_>>(), expected(true));

        let data = written(&dead);
        let again = of((0..rows).rev().filter(|row| flags[*row as usize]).map(|row| row..row + 1));
        prop_assert_eq!(&written(&again), &data);
        prop_assert_eq!(read(&data, rows), Ok(dead));
    }

    #[test]
    fn changed_bytes_are_refused_or_name_rows_of_the_segment(
        wide: bool, changes in prop::collection::vec((any::<u32>(), 1_u8..), 1..6)
    ) {
        let (dead, rows) = if wide { (scattered(140_000), 140_000) } else { (of([3..9, 50..60]), 60) };
        let mut data = written(&dead);
        let length = data.len();
        let reach = length.min(600);
        changes.iter().for_each(|(at, by)| data[*at as usize % reach] ^= by);
        match read(&data, rows) {
            Ok(dead) => {
                let last = dead.ranges().last().map_or(0, |range| range.end);
                prop_assert!(last <= rows);
                prop_assert_eq!(dead.ranges().flatten().count(), dead.count() as usize);
            }
            other => prop_assert!(is_corrupt(other)),
        }
    }

    #[test]
    fn any_bytes_are_refused_or_name_rows_of_the_segment(
        cookie in prop_oneof![Just(12_346_u32), Just(12_347), any::<u32>()],
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let data = [&cookie.to_le_bytes()[..], &rest].concat();
        match read(&data, 1_000) {
            Ok(dead) => prop_assert!(dead.ranges().all(|range| range.end <= 1_000)),
            other => prop_assert!(is_corrupt(other)),
        }
    }
}
