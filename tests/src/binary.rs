//! Finding the programs under test, and refusing stale ones.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

/// The `dayfly` executable: `$DAYFLY_BIN`, or the one that cargo put beside this test.
///
/// # Panics
/// When there is none, or when a source that went into it is newer than it is; the message says
/// which command makes it fresh. `$DAYFLY_BIN` is taken as it is.
pub fn dayfly() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = std::env::var_os("DAYFLY_BIN") {
            return PathBuf::from(path);
        }
        let path = profile_directory().join("dayfly");
        assert!(
            path.is_file(),
            "{} is missing: run `cargo xtask build` first, or set DAYFLY_BIN",
            path.display()
        );
        if let Some(source) = newer_source(&path) {
            panic!(
                "{} is older than {source}: run `cargo xtask build` first, or set DAYFLY_BIN",
                path.display()
            );
        }
        path
    })
}

/// The component of `tests/guests/hostile`.
///
/// # Panics
/// When it was not built; the message says which command builds it.
pub fn hostile_guest() -> PathBuf {
    let path = target_directory().join("guests/wasm32-wasip2/release/hostile.wasm");
    assert!(
        path.is_file(),
        "{} is missing: `cargo xtask test` builds it",
        path.display()
    );
    path
}

/// `dayfly serve` with that component, which cargo builds for every test and benchmark of this package.
pub fn hostile_host() -> PathBuf {
    profile_directory().join("hostile-host")
}

/// Where cargo puts executables of the profile that this test was built in.
pub fn profile_directory() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path
}

/// The workspace's target directory.
pub fn target_directory() -> PathBuf {
    profile_directory().parent().unwrap().to_path_buf()
}

/// The first source in the executable's dep-info that changed after it was linked.
fn newer_source(executable: &Path) -> Option<String> {
    let built = modified(executable)?;
    let listing = std::fs::read_to_string(executable.with_extension("d")).ok()?;
    let (_, sources) = listing.split_once(": ")?;
    sources
        .split_ascii_whitespace()
        .find(|source| modified(Path::new(source)).is_some_and(|changed| changed > built))
        .map(str::to_owned)
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}
