//! What the kernel says of a process.

/// Resident bytes of a process: `VmRSS`.
///
/// # Panics
/// When the process is gone.
pub fn resident_bytes(pid: u32) -> u64 {
    status_bytes(pid, "VmRSS:")
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
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}
