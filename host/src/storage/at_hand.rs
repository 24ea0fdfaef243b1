//! Reading files that the kernel has in memory, on the thread that asks.
//!
//! A read of a file is otherwise a job for a thread that may wait, which costs two changes of threads; a
//! search of a small store is little else. Asked not to wait, the kernel answers at once or says that it
//! would have to (`RESOLVE_CACHED`, Linux 5.12; `RWF_NOWAIT`, Linux 4.14): then the other way is taken.

use std::ops::Range;
use std::path::Path;

use bytes::Bytes;

/// More is copied on a thread that may take its time: so much takes as long as a guest's turn.
const MOST_BYTES: u64 = 4 << 20;

/// What a file holds, or of it `range` as far as it reaches.
///
/// `None` where it is not at hand as a whole, has more than `most` bytes or too many, is no file, or cannot
/// be read: for the other way to find out which.
pub fn read(path: &Path, range: Option<&Range<u64>>, most: u64) -> Option<Bytes> {
    let mut bytes = Vec::new();
    read_into(path, range, most, &mut bytes).then(|| bytes.into())
}

/// As [`read`], in the place of what `bytes` holds; whether it did. Where it did not, they are anything.
#[cfg(target_os = "linux")]
pub fn read_into(path: &Path, range: Option<&Range<u64>>, most: u64, bytes: &mut Vec<u8>) -> bool {
    use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};

    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let Ok(file) = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED) else {
        return false;
    };
    let Ok(found) = fstat(&file) else {
        return false;
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return false;
    }
    let size = u64::try_from(found.st_size).unwrap_or(0);
    let range = range.map_or(0..size, |range| range.start.min(size)..range.end.min(size));
    let length = range.end.saturating_sub(range.start);
    if length > most.min(MOST_BYTES) {
        return false;
    }
    match bytes.is_empty() {
        // Zeroes that the kernel has made already.
        true => *bytes = vec![0; length as usize],
        false => bytes.resize(length as usize, 0),
    }
    fill(&file, bytes, range.start)
}

/// Elsewhere nothing is at hand.
#[cfg(not(target_os = "linux"))]
pub fn read_into(_: &Path, _: Option<&Range<u64>>, _: u64, _: &mut Vec<u8>) -> bool {
    false
}

/// Whether all of it could be read at once.
#[cfg(target_os = "linux")]
fn fill(file: &impl std::os::fd::AsFd, mut bytes: &mut [u8], mut at: u64) -> bool {
    use std::io::IoSliceMut;

    use rustix::io::{ReadWriteFlags, preadv2};

    while !bytes.is_empty() {
        let parts = &mut [IoSliceMut::new(bytes)];
        match preadv2(file, parts, at, ReadWriteFlags::NOWAIT) {
            Ok(0) | Err(_) => return false,
            Ok(read) => {
                bytes = &mut std::mem::take(&mut bytes)[read..];
                at += read as u64;
            }
        }
    }
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn at_hand(path: &Path, range: Option<Range<u64>>) -> Option<Bytes> {
        read(path, range.as_ref(), u64::MAX)
    }

    #[test]
    fn what_was_just_written_is_at_hand_and_ranges_end_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"0123456789").unwrap();
        assert_eq!(at_hand(&path, None).unwrap(), "0123456789");
        assert_eq!(at_hand(&path, Some(2..5)).unwrap(), "234");
        assert_eq!(at_hand(&path, Some(7..99)).unwrap(), "789");
        assert_eq!(at_hand(&path, Some(10..12)).unwrap(), "");
        assert_eq!(at_hand(&path, Some(u64::MAX - 1..u64::MAX)).unwrap(), "");
    }

    #[test]
    fn what_is_no_file_or_large_is_left_to_the_other_way() {
        let folder = tempfile::tempdir().unwrap();
        assert!(at_hand(folder.path(), None).is_none());
        assert!(at_hand(&folder.path().join("absent"), None).is_none());
        let large = folder.path().join("large");
        std::fs::write(&large, vec![7; MOST_BYTES as usize + 1]).unwrap();
        assert!(at_hand(&large, None).is_none());
        assert_eq!(at_hand(&large, Some(0..2)).unwrap(), &[7, 7][..]);
    }

    #[test]
    fn more_than_is_allowed_is_left_to_the_other_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"0123").unwrap();
        assert_eq!(read(&path, Some(&(1..3)), 1), None);
        assert_eq!(read(&path, Some(&(1..3)), 2).unwrap(), "12");
        assert_eq!(read(&path, None, 3), None);
    }

    #[test]
    fn what_a_buffer_held_before_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"0123").unwrap();
        let mut buffer = vec![9; 7];
        assert!(read_into(&path, Some(&(1..9)), 9, &mut buffer));
        assert_eq!(buffer, b"123");
    }
}
