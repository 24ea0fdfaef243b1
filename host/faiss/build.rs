//! Builds FAISS for this machine, or once for each variant of the instruction set, into one library.

#[path = "build/libraries.rs"]
mod libraries;
#[path = "build/sources.rs"]
mod sources;
#[path = "build/stamp.rs"]
mod stamp;
#[path = "build/tools.rs"]
mod tools;
#[path = "build/variants.rs"]
mod variants;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use sources::Sources;
use stamp::Stamp;
use tools::{Failure, run};
use variants::Variant;

/// The version for which `variants` names the files.
const FAISS_VERSION: &str = "1.12.0";
const BRIDGE: &[&str] = &["build", "check", "codes", "files", "search", "table"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=bridge");
    println!("cargo::rerun-if-env-changed=CXX");
    println!("cargo::rerun-if-env-changed=CXXFLAGS");
    println!("cargo::rerun-if-env-changed={}", variants::CHOICE);
    println!("cargo::rustc-check-cfg=cfg(faiss, values(\"generic\", \"avx2\", \"avx512\"))");
    let chosen = match variants::chosen() {
        Ok(chosen) => chosen,
        Err(failure) => return fail(failure),
    };
    for variant in chosen {
        println!("cargo::rustc-cfg=faiss=\"{}\"", variant.name);
    }
    // The linter has a build of its own, and links nothing.
    let wrapper = env::var_os("RUSTC_WORKSPACE_WRAPPER").unwrap_or_default();
    if Path::new(&wrapper).file_stem() == Some("clippy-driver".as_ref()) {
        return;
    }
    if let Err(failure) = build(chosen) {
        fail(failure);
    }
}

fn fail(Failure(text): Failure) {
    println!("cargo::error={}", text.replace('\n', " "));
    std::process::exit(1);
}

fn build(variants: &[Variant]) -> Result<(), Failure> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let sources = Sources::find(FAISS_VERSION)?;
    let mut objects = vec![];
    let mut libraries = vec![];
    for variant in variants {
        let folder = out.join(variant.name);
        fs::create_dir_all(&folder).map_err(|e| Failure(format!("{}: {e}", folder.display())))?;
        objects.push(build_variant(variant, &sources, &mut libraries, &folder)?);
    }
    let support = compiler(&[])
        .file("bridge/support.cpp")
        .compile_intermediates();
    objects.extend(support);
    let library = out.join("libdayfly_faiss.a");
    archive(&library, &objects)?;
    println!("cargo::rustc-link-search=native={}", out.display());
    println!("cargo::rustc-link-lib=static=dayfly_faiss");
    libraries::link()
}

/// Makes the one object of a variant, which has one global name.
///
/// What it does not compile anew it takes from the `libraries` of the variants before, whose
/// instructions are a part of its own. Merging all of it here, and hiding every name, is what keeps
/// a function that was compiled for a newer machine from being linked in the place of its namesake.
fn build_variant(
    variant: &Variant,
    sources: &Sources,
    libraries: &mut Vec<PathBuf>,
    folder: &Path,
) -> Result<PathBuf, Failure> {
    let bridge = BRIDGE.iter().map(|name| format!("bridge/{name}.cpp"));
    let bridge = compiler(variant.flags)
        .out_dir(folder.join("bridge"))
        .define("DAYFLY_VARIANT", variant.name)
        .include(&sources.root)
        .files(bridge)
        .compile_intermediates();
    let compiled = match libraries.is_empty() {
        true => compile_faiss(variant, sources, &all(sources), folder)?,
        false => compile_faiss(variant, sources, variant.sources, folder)?,
    };
    let before = libraries.iter().rev();
    let whole = folder.join("whole.o");
    run("ld", |command| {
        let merge = ["-r", "--force-group-allocation"];
        command.args(merge).args(["-T", "bridge/variant.ld", "-o"]);
        command.arg(&whole).args(&bridge);
        match libraries.is_empty() {
            true => command.arg(&compiled),
            // Of the others only what is still missing.
            false => command
                .arg("--whole-archive")
                .arg(&compiled)
                .arg("--no-whole-archive")
                .args(before),
        }
    })?;
    libraries.push(compiled);
    let object = folder.join(format!("{}.o", variant.name));
    run("objcopy", |command| {
        let entry = format!("--keep-global-symbol=dayfly_faiss_{}", variant.name);
        command.arg(entry).arg(&whole).arg(&object)
    })?;
    fs::remove_file(&whole).map_err(|e| Failure(format!("{}: {e}", whole.display())))?;
    Ok(object)
}

fn all(sources: &Sources) -> Vec<&str> {
    sources.files.iter().map(String::as_str).collect()
}

/// Compiles `files` of FAISS into a library of their own, unless it is there.
fn compile_faiss(
    variant: &Variant,
    sources: &Sources,
    files: &[&str],
    folder: &Path,
) -> Result<PathBuf, Failure> {
    let library = folder.join("libfaiss.a");
    let compiler_of_all = compiler(variant.flags);
    let stamp = Stamp::new(&folder.join("stamp"), &compiler_of_all, files, sources);
    if stamp.is_valid() && library.is_file() {
        return Ok(library);
    }
    stamp.remove();
    let (idle, busy): (Vec<&str>, Vec<&str>) =
        files.iter().partition(|file| variants::is_idle(file));
    let mut objects = vec![];
    for (files, level, name) in [(busy, 3, "busy"), (idle, 1, "idle")] {
        let paths = files
            .iter()
            .map(|name| sources.root.join("faiss").join(name));
        let mut build = compiler(variant.flags);
        build
            .opt_level(level)
            .out_dir(folder.join(name))
            .include(&sources.root)
            .files(paths);
        objects.extend(build.compile_intermediates());
    }
    archive(&library, &objects)?;
    stamp.write()?;
    Ok(library)
}

fn archive(library: &Path, objects: &[PathBuf]) -> Result<(), Failure> {
    // Else members of an earlier build would stay in it.
    let _ = fs::remove_file(library);
    run("ar", |command| {
        command.arg("crs").arg(library).args(objects)
    })?;
    Ok(())
}

/// The compiler as FAISS's own build uses it, with what these objects need to be merged.
fn compiler(flags: &[&str]) -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .opt_level(3)
        .debug(false)
        .pic(true)
        .warnings(false)
        // The caller says what to link, and when to build again.
        .cargo_metadata(false)
        .define("NDEBUG", None)
        .define("FINTEGER", "int")
        .flag("-fopenmp")
        // Such names would be one for the whole program.
        .flag_if_supported("-fno-gnu-unique")
        .flag("-ffunction-sections")
        .flag("-fdata-sections");
    for flag in flags {
        build.flag(flag);
    }
    build
}

pub(crate) fn variable(name: &str) -> Result<String, Failure> {
    env::var(name).map_err(|e| Failure(format!("{name}: {e}")))
}
