//! A small file system of its own, to be filled or made read-only.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A tmpfs that is unmounted when dropped.
pub struct SmallDisk {
    path: PathBuf,
    _parent: tempfile::TempDir,
}

impl SmallDisk {
    /// A tmpfs of `kib` KiB, or nothing where this process may not mount: then it says so.
    pub fn new(kib: u32) -> Option<Self> {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("disk");
        std::fs::create_dir(&path).unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(&path)
            .status();
        if !done.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: this needs to mount a tmpfs, which takes root");
            return None;
        }
        Some(Self {
            path,
            _parent: parent,
        })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes every later write fail with `EROFS`, or possible again.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn set_read_only(&self, read_only: bool) {
        let mode = if read_only { "remount,ro" } else { "remount,rw" };
        let status = Command::new("mount")
            .args(["-o", mode])
            .arg(&self.path)
            .status()
            .unwrap();
        assert!(status.success(), "mount -o {mode} failed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
