//! Builds: one profile, one target directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Failure, command, run};

/// The components that serve requests, and those that they are composed with.
pub const GUESTS: &[&str] = &[
    "dayfly-env-variables",
    "dayfly-ingest",
    "dayfly-search",
    SPIN_PLATFORM,
    "dayfly-stores",
];

/// A component whose unit tests run natively.
const SPIN_PLATFORM: &str = "dayfly-spin-platform";

/// What components are made from; it calls its host, so it is none of its own and runs nowhere else.
const GUEST_LIBRARIES: &[&str] = &["dayfly-clock", "dayfly-guest"];

/// Components that try what no component may; for tests.
pub const TEST_GUESTS: &[&str] = &["hostile"];

/// What components are compiled for.
pub const WASM: &str = "wasm32-wasip2";

/// What one processor takes to build the binary from nothing, and to build all for the tests.
const BINARY_MINUTES: usize = 30;
const TESTS_MINUTES: usize = 42;

/// Says what is about to be built and how long it takes, unless it was built before.
fn tell_of_first_build(minutes: usize) {
    if binary().exists() {
        return;
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    eprintln!(
        "building for the first time: FAISS, wasmtime and some 500 other crates, about {} minutes on \
         {processors} processors; later builds take what has changed",
        minutes.div_ceil(processors)
    );
}

/// Builds the binary, whose build script builds the guests that it carries.
///
/// # Errors
/// When the build fails.
pub fn build() -> Result<(), Failure> {
    tell_of_first_build(BINARY_MINUTES);
    run(cargo("build").args(["--package", "dayfly"]))
}

/// Builds the binary for every machine of the architecture into a folder of its own, without symbols.
///
/// # Errors
/// When a build fails, or a test of FAISS in one of its variants.
pub fn dist() -> Result<(), Failure> {
    let variants = ("DAYFLY_FAISS_VARIANTS", "all");
    run(cargo("test")
        .args(["--package", "dayfly-faiss", "--lib"])
        .env(variants.0, variants.1))?;
    run(cargo("build")
        .args(["--package", "dayfly"])
        .env(variants.0, variants.1))?;
    let folder = target().join("dist");
    let made = std::fs::create_dir_all(&folder);
    made.map_err(|error| Failure(format!("{}: {error}", folder.display())))?;
    let distributed = folder.join("dayfly");
    run(command("strip").arg("-o").arg(&distributed).arg(binary()))?;
    println!("{}", distributed.display());
    Ok(())
}

/// Builds all that tests run: the programs, the tests, the components that only tests use.
///
/// The programs are built together with the tests because cargo chooses the features of
/// dependencies by what is built: apart, the large ones would be compiled twice.
///
/// # Errors
/// When a build fails.
pub fn build_for_tests() -> Result<(), Failure> {
    tell_of_first_build(TESTS_MINUTES);
    run(cargo("build")
        .args(["--workspace", "--bins", "--tests"])
        .args(natives()))?;
    run(wasm("build").args(selected("--package", TEST_GUESTS)))?;
    compose_application()?;
    TEST_GUESTS.iter().try_for_each(|guest| compose(&[guest]))
}

/// Builds the components, each composed with its dependencies.
///
/// # Errors
/// When a build fails, or when components do not fit each other.
pub fn build_composed() -> Result<(), Failure> {
    run(cargo("build").args(["--package", "compose"]))?;
    compose_application()
}

fn compose_application() -> Result<(), Failure> {
    run(wasm("build").args(selected("--package", GUESTS)))?;
    compose(&[])
}

fn compose(arguments: &[&str]) -> Result<(), Failure> {
    run(command(target().join("release/compose")).args(arguments))
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

/// Runs the attacks that `arguments` name, or all; see `tests/benches/isolation`.
///
/// # Errors
/// When it cannot be built, or says so.
pub fn isolation(arguments: &[OsString]) -> Result<(), Failure> {
    let bench = &mut command(program());
    // All packages are named, so that features, and with them what was built, stay the same.
    run(bench
        .current_dir(root())
        .args(["bench", "--workspace", "--bench", "isolation"])
        .args(natives())
        .arg("--")
        .args(arguments))
}

/// Builds and runs the simulation, which can break the core on purpose; so nothing of this build
/// is used elsewhere.
///
/// # Errors
/// When it cannot be built, or finds a broken promise.
pub fn simulate(arguments: &[OsString]) -> Result<(), Failure> {
    run(cargo("run")
        .args(["--package", "dayfly-simulation", "--features", "mutants"])
        .args(["--quiet", "--"])
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
    let only_wasm = components.into_iter().flatten();
    only_wasm
        .filter(|package| **package != SPIN_PLATFORM)
        .flat_map(|package| selected("--exclude", &[package]).collect::<Vec<_>>())
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

/// Where everything is built.
pub fn target() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(folder)
}

/// The repository's root.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}
