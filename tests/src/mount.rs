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

    /// Makes every later write below `folder` fail with `EROFS` until the guard is dropped, also
    /// for a process that has files open there.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn read_only(folder: &Path) -> ReadOnly {
        mount(&["--bind"], &[folder, folder]);
        let guard = ReadOnly(folder.to_path_buf());
        mount(&["-o", "remount,bind,ro"], &[folder]);
        guard
    }
}

/// A folder that is read-only while this lives.
pub struct ReadOnly(PathBuf);

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(options: &[&str], paths: &[&Path]) {
    let mut command = Command::new("mount");
    let status = command.args(options).args(paths).status().unwrap();
    assert!(status.success(), "{command:?} failed");
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
