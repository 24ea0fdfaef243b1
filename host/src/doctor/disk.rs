//! What there is to say of the disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// What `statfs` says of a file system in memory.
const TMPFS_MAGIC: i64 = 0x0102_1994;
/// How often a sync is timed; the middle one counts.
const SYNCS: usize = 5;

/// How long it takes until a small file in `directory` is on the disk.
pub(super) fn time_sync(directory: &Path) -> io::Result<Duration> {
    // Named like an object in the making, which the next server removes if this one is killed.
    let path = directory.join(format!("sync#{}", std::process::id()));
    let timed = time_file(&path);
    let removed = fs::remove_file(&path);
    let mut times = timed?;
    removed?;
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}

fn time_file(path: &Path) -> io::Result<[Duration; SYNCS]> {
    let mut file = File::create(path)?;
    let mut times = [Duration::ZERO; SYNCS];
    for time in &mut times {
        file.write_all(&[1; 4_096])?;
        let begun = Instant::now();
        file.sync_all()?;
        *time = begun.elapsed();
    }
    Ok(times)
}

/// Whether `directory` is in a file system that is gone when the machine stops.
pub(super) fn is_memory(directory: &Path) -> io::Result<bool> {
    Ok(rustix::fs::statfs(directory)?.f_type == TMPFS_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_takes_time_and_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        assert!(time_sync(root.path()).unwrap() < Duration::from_secs(10));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        assert!(time_sync(&root.path().join("nowhere")).is_err());
    }

    #[test]
    fn memory_is_told_from_a_disk() {
        let shared = Path::new("/dev/shm");
        if shared.exists() {
            assert!(is_memory(shared).unwrap());
        }
        assert!(!is_memory(Path::new("/proc")).unwrap());
    }
}
