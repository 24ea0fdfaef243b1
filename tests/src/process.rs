//! What the kernel says of a process.

/// Resident bytes of a process: `VmRSS`.
///
/// # Panics
/// When the process is gone.
pub fn resident_bytes(pid: u32) -> u64 {
    status_bytes(pid, "VmRSS:")
}

/// Resident bytes of a process that are of no file: `RssAnon`. The others are pages of its program, which
/// the kernel keeps at hand and takes back when it needs them.
///
/// # Panics
/// When the process is gone.
pub fn anonymous_bytes(pid: u32) -> u64 {
    status_bytes(pid, "RssAnon:")
}

/// The most bytes that a process ever had resident: `VmHWM`.
///
/// # Panics
/// When the process is gone.
pub fn peak_resident_bytes(pid: u32) -> u64 {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .unwrap_or_else(|| panic!("no {field} in /proc/{pid}/status"));
    let kibibytes: u64 = line
        .split_ascii_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap();
    kibibytes * 1024
}

/// The open files of a process, sockets included.
///
/// # Panics
/// When the process is gone.
pub fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count()
}

/// The processes that a process started and that still run, with the words that they were started
/// with.
///
/// # Panics
/// Where there is no `/proc`.
pub fn children(pid: u32) -> Vec<(u32, Vec<String>)> {
    let all = std::fs::read_dir("/proc").unwrap().map(Result::unwrap);
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let own = numbers.filter(|child| parent(*child) == Some(pid));
    let words = |child: u32| {
        let line = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
        let words = line.split(|byte| *byte == 0);
        words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    };
    own.map(|child| (child, words(child))).collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// CPU time of a process, user and system, its ended children left out.
///
/// # Panics
/// When the process is gone.
pub fn cpu_time(pid: u32) -> std::time::Duration {
    /// `USER_HZ`, which Linux shows to every program as 100.
    const TICKS_PER_SECOND: u64 = 100;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name may hold anything but ends with the last parenthesis; utime and stime are the
    // fields 14 and 15 of the whole, so 12 and 13 after it.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = fields
        .split_ascii_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    std::time::Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}
