//! Reading files that the kernel has in memory, on the thread that asks.
//!
//! A read of a file is otherwise a job for a thread that may wait, which costs two changes of threads; a
//! search of a small store is little else. Asked not to wait, the kernel answers at once or says that it
//! would have to (`RESOLVE_CACHED`, Linux 5.12; `RWF_NOWAIT`, Linux 4.14): then the other way is taken.

use std::ops::Range;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::path::PathBuf;

use bytes::Bytes;

/// More is copied on a thread that may take its time: so much takes as long as a guest's turn.
const MOST_BYTES: u64 = 4 << 20;

/// Reads files; the last one stays open, for what is read of one comes together.
#[derive(Default)]
pub struct Reader {
    #[cfg(target_os = "linux")]
    open: Option<Open>,
}

#[cfg(target_os = "linux")]
struct Open {
    path: PathBuf,
    file: OwnedFd,
    size: u64,
}

impl Reader {
    /// What a file holds, or of it `range` as far as it reaches.
    ///
    /// `None` where it is not at hand as a whole, has more than `most` bytes or too many, is no file, or
    /// cannot be read: for the other way to find out which.
    pub fn read(&mut self, path: &Path, range: Option<&Range<u64>>, most: u64) -> Option<Bytes> {
        let mut bytes = Vec::new();
        self.read_into(path, range, most, &mut bytes)
            .then(|| bytes.into())
    }

    /// As [`read`](Self::read), in the place of what `bytes` holds; whether it did. Where it did not, they
    /// are anything.
    #[cfg(target_os = "linux")]
    pub fn read_into(
        &mut self,
        path: &Path,
        range: Option<&Range<u64>>,
        most: u64,
        bytes: &mut Vec<u8>,
    ) -> bool {
        let Some(Open { file, size, .. }) = self.opened(path) else {
            return false;
        };
        let range = range.map_or(0..*size, |range| {
            range.start.min(*size)..range.end.min(*size)
        });
        let length = range.end.saturating_sub(range.start);
        if length > most.min(MOST_BYTES) {
            return false;
        }
        match bytes.is_empty() {
            // Zeroes that the kernel has made already.
            true => *bytes = vec![0; length as usize],
            false => bytes.resize(length as usize, 0),
        }
        fill(file, bytes, range.start)
    }

    /// Elsewhere nothing is at hand.
    #[cfg(not(target_os = "linux"))]
    pub fn read_into(&mut self, _: &Path, _: Option<&Range<u64>>, _: u64, _: &mut Vec<u8>) -> bool {
        false
    }

    #[cfg(target_os = "linux")]
    fn opened(&mut self, path: &Path) -> Option<&Open> {
        if self.open.as_ref().is_none_or(|open| open.path != path) {
            self.open = open(path);
        }
        self.open.as_ref()
    }
}

#[cfg(target_os = "linux")]
fn open(path: &Path) -> Option<Open> {
    use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};

    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok()?;
    let found = fstat(&file).ok()?;
    let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    is_file.then(|| Open {
        path: path.to_owned(),
        file,
        size: u64::try_from(found.st_size).unwrap_or(0),
    })
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
        Reader::default().read(path, range.as_ref(), u64::MAX)
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
        let mut reader = Reader::default();
        assert_eq!(reader.read(&path, Some(&(1..3)), 1), None);
        assert_eq!(reader.read(&path, Some(&(1..3)), 2).unwrap(), "12");
        assert_eq!(reader.read(&path, None, 3), None);
    }

    #[test]
    fn what_a_buffer_held_before_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"0123").unwrap();
        let mut buffer = vec![9; 7];
        let mut reader = Reader::default();
        assert!(reader.read_into(&path, Some(&(1..9)), 9, &mut buffer));
        assert_eq!(buffer, b"123");
    }

    #[test]
    fn one_reader_reads_many_files_each_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], b"0123").unwrap();
        std::fs::write(&paths[1], b"45").unwrap();
        let mut reader = Reader::default();
        for _ in 0..2 {
            assert_eq!(reader.read(&paths[0], Some(&(0..2)), 9).unwrap(), "01");
            assert_eq!(reader.read(&paths[0], Some(&(2..9)), 9).unwrap(), "23");
            assert_eq!(reader.read(&paths[1], None, 9).unwrap(), "45");
            assert_eq!(reader.read(&folder.path().join("absent"), None, 9), None);
        }
    }
}
