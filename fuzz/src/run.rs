//! Which target a fuzzer's program runs.

use std::env;
use std::panic;
use std::path::Path;
use std::process::exit;
use std::sync::OnceLock;

use crate::{Target, memory, seed};

/// Names the target.
const TARGET: &str = "DAYFLY_FUZZ";
/// Names a folder: the program writes the seeds there, and ends.
const SEEDS: &str = "DAYFLY_FUZZ_SEEDS";

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

/// Chooses the one of `targets` that the environment's `DAYFLY_FUZZ` names; ends the program with
/// a usage where there is none. With `DAYFLY_FUZZ_SEEDS` it writes all targets' seeds into that
/// folder instead, and ends the program.
pub fn choose(targets: &'static [Target]) {
    if let Some(folder) = env::var_os(SEEDS) {
        let written = seed::write(targets, Path::new(&folder));
        exit(match written {
            Ok(()) => 0,
            Err(error) => refuse(&format!("{}: {error}", folder.display())),
        });
    }
    let name = env::var(TARGET).unwrap_or_default();
    match targets.iter().find(|target| target.name == name) {
        Some(target) => CHOSEN.get_or_init(|| target),
        None => {
            let names: Vec<&str> = targets.iter().map(|target| target.name).collect();
            exit(refuse(&format!(
                "set {TARGET} to one of {}",
                names.join(", ")
            )));
        }
    };
    let explain = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        memory::lift();
        explain(panic);
    }));
}

/// Runs the target that was chosen.
pub fn run_chosen(input: &[u8]) {
    CHOSEN.get().expect("a target was chosen").check(input);
}

fn refuse(text: &str) -> i32 {
    eprintln!("error: {text}");
    2
}
