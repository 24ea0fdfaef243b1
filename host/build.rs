//! Builds the guests for `wasm32-wasip2` and hands their components to the host.
//!
//! `DAYFLY_GUESTS_DIR`, a folder with `dayfly_{stores,ingest,search}.wasm`, takes prebuilt ones.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use sha2::{Digest, Sha256};

const TARGET: &str = "wasm32-wasip2";
const GUESTS: [&str; 3] = ["stores", "ingest", "search"];
/// Built with them, so that spin.toml finds it beside them; the host needs it for nothing.
const SPIN_PLATFORM: &str = "spin-platform";

fn main() -> ExitCode {
    match guests() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn guests() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("..");
    println!("cargo::rerun-if-env-changed=DAYFLY_GUESTS_DIR");
    let built = match env::var_os("DAYFLY_GUESTS_DIR") {
        Some(dir) => {
            println!("cargo::rerun-if-changed={}", Path::new(&dir).display());
            dir.into()
        }
        None => build(&root, &out)?,
    };
    for guest in GUESTS {
        let name = format!("dayfly_{guest}.wasm");
        let from = built.join(&name);
        let wasm = fs::read(&from).map_err(|error| format!("{}: {error}", from.display()))?;
        fs::write(
            out.join(format!("dayfly_{guest}.sha256")),
            format!("{:x}", Sha256::digest(&wasm)),
        )?;
        fs::write(out.join(&name), wasm)?;
    }
    Ok(())
}

fn build(root: &Path, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    for input in [
        "core",
        "components",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
        ".cargo/config.toml",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    let target_dir = shared_target_dir(out);
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo
        .current_dir(root)
        .args(["build", "--release", "--target", TARGET]);
    for component in GUESTS.iter().chain([&SPIN_PLATFORM]) {
        cargo.args(["-p", &format!("dayfly-{component}")]);
    }
    cargo.arg("--target-dir").arg(&target_dir);
    clear_environment(&mut cargo);
    let output = cargo.output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(explain(&text).into());
    }
    Ok(target_dir.join(TARGET).join("release"))
}

/// One folder for all builds of the workspace, beside the outer build's: sharing the outer one
/// itself would wait for its lock for ever.
fn shared_target_dir(out: &Path) -> PathBuf {
    // OUT_DIR is {target}/{profile}/build/{package}/out.
    let target = out.ancestors().nth(4).unwrap_or(out);
    target.join("guests")
}

/// What the outer build set for its own target must not reach the inner one, whose flags stand
/// in `.cargo/config.toml`.
fn clear_environment(cargo: &mut Command) {
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let flags = matches!(
            name,
            "RUSTFLAGS" | "CARGO_BUILD_TARGET" | "CARGO_TARGET_DIR"
        );
        let outer = name.starts_with("CARGO_ENCODED_") || name.starts_with("CARGO_CFG_");
        let wrapped = matches!(name, "RUSTC_WORKSPACE_WRAPPER" | "CARGO_BUILD_TARGET_DIR");
        if flags || outer || wrapped {
            cargo.env_remove(name);
        }
    }
}

fn explain(stderr: &str) -> String {
    let missing = stderr.contains("can't find crate for `core`")
        || stderr.contains("can't find crate for `std`")
        || stderr.contains("target may not be installed");
    if missing {
        return format!(
            "the guests need the Rust target {TARGET}: run `rustup target add {TARGET}`, or point \
             DAYFLY_GUESTS_DIR at prebuilt guests\n{stderr}"
        );
    }
    format!("building the guests failed\n{stderr}")
}
