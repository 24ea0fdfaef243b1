//! House rules that a compiler does not hold: `cargo xtask tidy`.

mod circles;
mod files;
mod modules;
mod paths;

use crate::cargo::root;
use crate::run::Failure;

/// The crates whose modules may not use each other in a circle.
const CRATES: [&str; 17] = [
    "components/clock",
    "components/env-variables",
    "components/guest",
    "components/ingest",
    "components/intake",
    "components/search",
    "components/spin-platform",
    "components/stores",
    "core",
    "core/identity",
    "host",
    "host/embedder",
    "host/faiss",
    "host/langchain",
    "tests/spin-host",
    "xtask",
    "xtask/compose",
];

/// The rooms of a crate from the ground up: each may use those before it, and none after it.
const ORDERS: [(&str, &[&str]); 2] = [
    (
        "core",
        &[
            "ids",
            "request_id",
            "retry",
            "mutants",
            "codes",
            "objects",
            "platform",
            "home",
            "probe",
            "deletion",
            "chunk",
            "decode",
            "filter",
            "files",
            "embedding",
            "segment",
            "store",
            "ingest",
            "pending",
            "ingestion",
            "search",
            "rebuild",
            "uploads",
            "ops",
            "api",
        ],
    ),
    (
        "host",
        &[
            "options",
            "guests",
            "identity",
            "metrics",
            "queue",
            "storage",
            "collector",
            "turns",
            "quota",
            "admission",
            "confined",
            "rebuild",
            "faiss",
            "platform",
            "runtime",
            "jobs",
            "serve",
            "exchange",
            "doctor",
        ],
    ),
];

/// Checks all rules, and prints what breaks one.
///
/// # Errors
/// When something does, or a file cannot be read.
pub fn run() -> Result<(), Failure> {
    let mut broken = Vec::new();
    for name in CRATES {
        let modules = modules::of(&root().join(name))?;
        let uses = paths::uses(&modules);
        broken.extend(circles::find(name, &uses));
        let order = ORDERS.iter().find(|(krate, _)| *krate == name);
        if let Some((_, order)) = order {
            broken.extend(circles::against(name, order, &modules, &uses));
        }
    }
    broken.extend(files::check(root())?);
    if broken.is_empty() {
        println!("tidy");
        return Ok(());
    }
    let count = broken.len();
    for line in broken {
        eprintln!("{line}");
    }
    Err(Failure(format!("{count} breaches of the house rules")))
}
