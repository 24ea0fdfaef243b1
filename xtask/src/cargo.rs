//! Builds: one profile, one target directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Failure, command, run};

/// The components that serve requests.
pub const GUESTS: &[&str] = &["dayfly-ingest", "dayfly-search", "dayfly-stores"];

/// What components are made from; it calls its host, so it is none of its own and runs nowhere else.
const GUEST_LIBRARIES: &[&str] = &["dayfly-guest"];

/// Components that try what no component may; for tests.
pub const TEST_GUESTS: &[&str] = &["hostile"];

/// What components are compiled for.
pub const WASM: &str = "wasm32-wasip2";

/// Builds the binary, whose build script builds the guests that it carries.
///
/// # Errors
/// When the build fails.
pub fn build() -> Result<(), Failure> {
    run(cargo("build").args(["--package", "dayfly"]))
}

/// Builds all that tests run: the programs, the tests, the components that only tests use.
///
/// The programs are built together with the tests because cargo chooses the features of
/// dependencies by what is built: apart, the large ones would be compiled twice.
///
/// # Errors
/// When a build fails.
pub fn build_for_tests() -> Result<(), Failure> {
    run(cargo("build")
        .args(["--workspace", "--bins", "--tests"])
        .args(natives()))?;
    run(wasm("build").args(selected("--package", TEST_GUESTS)))
}

/// A cargo command for components. It shares the folder that the binary's build script builds
/// them in, so that nothing is compiled twice.
pub fn wasm(verb: &str) -> Command {
    let mut cargo = cargo(verb);
    cargo
        .args(["--target", WASM, "--target-dir"])
        .arg(target().join("guests"));
    cargo
}

/// Runs the benchmarks of every native crate.
///
/// # Errors
/// When one fails.
pub fn bench(arguments: &[OsString]) -> Result<(), Failure> {
    let bench = &mut command(program());
    run(bench
        .current_dir(root())
        .args(["bench", "--workspace", "--bench", "*"])
        .args(natives())
        .args(arguments))
}

/// A cargo command in the release profile.
pub fn cargo(verb: &str) -> Command {
    let mut cargo = command(program());
    cargo.current_dir(root()).args([verb, "--release"]);
    cargo
}

/// cargo, by the path that it was itself called with.
pub fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Flags that leave out the crates which exist as components only.
pub fn natives() -> impl Iterator<Item = String> {
    let components = [GUESTS, GUEST_LIBRARIES, TEST_GUESTS];
    components
        .into_iter()
        .flat_map(|packages| selected("--exclude", packages))
}

/// `flag` before each of `packages`.
pub fn selected(flag: &str, packages: &[&str]) -> impl Iterator<Item = String> {
    packages
        .iter()
        .flat_map(move |package| [flag.to_owned(), (*package).to_owned()])
}

/// The built `dayfly`.
pub fn binary() -> PathBuf {
    target().join("release/dayfly")
}

fn target() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(folder)
}

/// The repository's root.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}
