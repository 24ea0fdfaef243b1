//! Compiles what turns the compiler's reports of where FAISS comes by into libFuzzer's counters.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/trace.c");
    cc::Build::new().file("src/trace.c").compile("trace");
}
