//! Python packages that tests compare with, installed once.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use crate::binary;

/// The interpreter of a virtual environment named `name` in the target directory, with
/// `packages` (`name==version`) in it; made when it is not there yet.
///
/// # Panics
/// When Python or a package cannot be had.
pub fn with(name: &str, packages: &[&str]) -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock();
    let folder = binary::target_directory().join("venv").join(name);
    let python = folder.join("bin/python");
    let made = folder.join("packages.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&made).is_ok_and(|has| has == wanted) {
        return python;
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder));
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(packages));
    std::fs::write(&made, wanted).unwrap();
    python
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
