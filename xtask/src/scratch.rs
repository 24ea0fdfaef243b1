//! Where tests put what they write.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::run::command;

/// A filesystem in memory, on most Linux systems.
const IN_MEMORY: &str = "/dev/shm";
/// So much of it has to be free, in bytes; tests write a few GB at a time.
const FREE: u64 = 8 << 30;
/// So much memory has to be available, in bytes, with what the tests themselves take.
const AVAILABLE: u64 = 12 << 30;

/// A folder in memory where there is plenty of it: tests make and delete so many small files that half of
/// what some of them take is a disk's. Nothing where there is not, or where whoever runs them chose by
/// `TMPDIR`.
pub fn in_memory() -> Option<PathBuf> {
    if env::var_os("TMPDIR").is_some() {
        return None;
    }
    let folder = Path::new(IN_MEMORY);
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let has_memory = available(&meminfo)? >= AVAILABLE;
    let df = command("df")
        .args(["--block-size=1", "--output=fstype,avail"])
        .arg(folder)
        .output()
        .ok()?;
    let has_place = free(&String::from_utf8_lossy(&df.stdout))? >= FREE;
    (has_memory && has_place).then(|| folder.to_owned())
}

/// Bytes that are free, as `df` says of a filesystem in memory; nothing of another kind of filesystem.
fn free(df: &str) -> Option<u64> {
    let mut words = df.lines().nth(1)?.split_whitespace();
    let kind = words.next()?;
    let bytes = words.next()?.parse().ok()?;
    (kind == "tmpfs").then_some(bytes)
}

/// Bytes that programs may have, as Linux says.
fn available(meminfo: &str) -> Option<u64> {
    let mut lines = meminfo.lines();
    let line = lines.find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_understood() {
        let df = "Type         Avail\ntmpfs 25198432256\n";
        assert_eq!(free(df), Some(25_198_432_256));
        assert_eq!(free("Type Avail\next4 25198432256\n"), None);
        assert_eq!(free(""), None);
        let meminfo = "MemTotal:       24607848 kB\nMemAvailable:   23861364 kB\n";
        assert_eq!(available(meminfo), Some(23_861_364 << 10));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }
}
