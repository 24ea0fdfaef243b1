//! Compiles what turns the compiler's reports of where FAISS comes by into libFuzzer's counters, and
//! links what a sanitized FAISS needs (`cargo xtask fuzz --sanitize`).

const SANITIZED: &str = "DAYFLY_SANITIZE";

const LINKED: [&str; 4] = [
    "-Wl,--wrap=__sanitizer_cov_trace_pc",
    // All of it, for what it puts in the place of the system's functions.
    "-Wl,--whole-archive",
    "-l:libasan.a",
    "-Wl,--no-whole-archive",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/trace.c");
    println!("cargo::rerun-if-env-changed={SANITIZED}");
    cc::Build::new().file("src/trace.c").compile("trace");
    if std::env::var_os(SANITIZED).is_some() {
        for argument in LINKED {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}
