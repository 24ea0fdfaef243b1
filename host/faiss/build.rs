//! Builds one FAISS for each variant of the instruction set, all of them into one library.

#[path = "build/libraries.rs"]
mod libraries;
#[path = "build/stamp.rs"]
mod stamp;
#[path = "build/tools.rs"]
mod tools;
#[path = "build/variants.rs"]
mod variants;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use stamp::Stamp;
use tools::{Failure, run};
use variants::{Variant, variants};

/// The version for which `variants` names the files.
const FAISS_VERSION: &str = "1.12.0";
const BRIDGE: &[&str] = &["build", "check", "codes", "files", "search", "table"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=bridge");
    println!("cargo::rerun-if-env-changed=CXX");
    println!("cargo::rerun-if-env-changed=CXXFLAGS");
    // The linter has a build of its own, and links nothing.
    let wrapper = env::var_os("RUSTC_WORKSPACE_WRAPPER").unwrap_or_default();
    if Path::new(&wrapper).file_stem() == Some("clippy-driver".as_ref()) {
        return;
    }
    if let Err(Failure(text)) = build() {
        println!("cargo::error={}", text.replace('\n', " "));
        std::process::exit(1);
    }
}

/// Where faiss-sys has put FAISS.
pub(crate) struct Faiss {
    sources: PathBuf,
    pub library: PathBuf,
}

fn build() -> Result<(), Failure> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let faiss = faiss()?;
    let mut objects = vec![];
    let mut base: Option<PathBuf> = None;
    for variant in variants(&variable("CARGO_CFG_TARGET_ARCH")?) {
        let folder = out.join(variant.name);
        fs::create_dir_all(&folder).map_err(|e| Failure(format!("{}: {e}", folder.display())))?;
        objects.push(build_variant(variant, &faiss, &mut base, &folder)?);
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
/// What it does not compile anew it takes from the variants before, whose instructions are a part
/// of its own. Merging all of it here, and hiding every name, is what keeps a function that was
/// compiled for a newer machine from being linked in the place of its namesake.
fn build_variant(
    variant: &Variant,
    faiss: &Faiss,
    base: &mut Option<PathBuf>,
    folder: &Path,
) -> Result<PathBuf, Failure> {
    let bridge = BRIDGE.iter().map(|name| format!("bridge/{name}.cpp"));
    let bridge = compiler(variant.flags)
        .out_dir(folder.join("bridge"))
        .define("DAYFLY_VARIANT", variant.name)
        .include(&faiss.sources)
        .files(bridge)
        .compile_intermediates();
    let compiled = compile_faiss(variant, faiss, folder)?;

    let whole = folder.join("whole.o");
    run("ld", |command| {
        command.args([
            "-r",
            "--force-group-allocation",
            "-T",
            "bridge/variant.ld",
            "-o",
        ]);
        command.arg(&whole).args(&bridge);
        if let Some(library) = &compiled {
            command
                .arg("--whole-archive")
                .arg(library)
                .arg("--no-whole-archive");
        }
        // Of these libraries only what is still missing.
        command.args(base.as_ref()).arg(&faiss.library)
    })?;
    *base = compiled.or(base.take());
    weaken_unique(&whole, folder)?;
    let object = folder.join(format!("{}.o", variant.name));
    run("objcopy", |command| {
        let entry = format!("--keep-global-symbol=dayfly_faiss_{}", variant.name);
        command.arg(entry).arg(&whole).arg(&object)
    })?;
    fs::remove_file(&whole).map_err(|e| Failure(format!("{}: {e}", whole.display())))?;
    Ok(object)
}

/// Makes weak the names that a program is to have but once, which objcopy else cannot hide.
fn weaken_unique(object: &Path, folder: &Path) -> Result<(), Failure> {
    let listed = run("nm", |command| {
        command
            .args(["--defined-only", "--format=posix"])
            .arg(object)
    })?;
    // Each line is a name, a type, an address and a size.
    let unique = |line: &str| {
        let (name, rest) = line.split_once(' ')?;
        rest.starts_with('u').then(|| format!("{name}\n"))
    };
    let names: String = listed.lines().filter_map(unique).collect();
    let list = folder.join("unique");
    fs::write(&list, names).map_err(|e| Failure(format!("{}: {e}", list.display())))?;
    run("objcopy", |command| {
        command.arg("--weaken-symbols").arg(&list).arg(object)
    })?;
    Ok(())
}

/// Compiles FAISS's files of a variant into a library of their own, unless it is there.
fn compile_faiss(
    variant: &Variant,
    faiss: &Faiss,
    folder: &Path,
) -> Result<Option<PathBuf>, Failure> {
    if variant.sources.is_empty() {
        return Ok(None);
    }
    let sources = variant
        .sources
        .iter()
        .map(|name| faiss.sources.join("faiss").join(name));
    let mut build = compiler(variant.flags);
    build
        .out_dir(folder.join("faiss"))
        .include(&faiss.sources)
        .files(sources);
    let library = folder.join("libfaiss.a");
    let stamp = Stamp::new(&folder.join("stamp"), &build, variant, faiss)?;
    if !(stamp.is_valid() && library.is_file()) {
        stamp.remove();
        archive(&library, &build.compile_intermediates())?;
        stamp.write()?;
    }
    Ok(Some(library))
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

fn faiss() -> Result<Faiss, Failure> {
    let root = PathBuf::from(variable("DEP_FAISS_C_ROOT")?);
    let cache = root.join("build/CMakeCache.txt");
    let text =
        fs::read_to_string(&cache).map_err(|e| Failure(format!("{}: {e}", cache.display())))?;
    let entry = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key));
        value.ok_or_else(|| Failure(format!("{} has no {key}", cache.display())))
    };
    let version = entry("CMAKE_PROJECT_VERSION:STATIC=")?;
    if version != FAISS_VERSION {
        let text = format!(
            "FAISS is of version {version}; go through host/faiss/build/variants.rs, which is for \
             {FAISS_VERSION}"
        );
        return Err(Failure(text));
    }
    Ok(Faiss {
        sources: PathBuf::from(entry("CMAKE_HOME_DIRECTORY:INTERNAL=")?),
        library: root.join("lib/libfaiss.a"),
    })
}

fn variable(name: &str) -> Result<String, Failure> {
    env::var(name).map_err(|e| Failure(format!("{name}: {e}")))
}
