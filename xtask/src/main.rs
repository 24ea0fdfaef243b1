//! `cargo xtask`: takes a fresh clone to a running server, or to its test results, in one command.

mod cargo;
mod fuzz;
mod instrument;
mod machine;
mod run;
mod suite;
mod tidy;
mod times;

use std::ffi::OsString;
use std::process::ExitCode;

use run::Failure;

const USAGE: &str = "\
usage: cargo xtask COMMAND [ARGUMENTS]

  serve [ARGS]   set up, then run `dayfly serve ARGS`
  test [ARGS]    set up, then check the formatting, lint, fuzz, and run every test;
                 with --fast, what takes some minutes; with ARGS, run `cargo test ARGS` alone
  setup          install what is missing, build, fetch the embedding model
  build          build the guests and the binary, for this machine
  dist           build the binary for every machine of this architecture, stripped, into
                 target/dist, once its FAISS was tested in each variant that this one can execute
  compose        build the guests composed with the platform they need on other hosts,
                 into target/composed, and for hosts that know no Spin target/composed/env
  fuzz [ARGS]    feed hostile bytes to whatever reads them; with --help, how
  bench [ARGS]   build, then run the benchmarks; ARGS go to `cargo bench`
  bench isolation [--quick] [--strict] [ATTACK...]
                 build, then attack a server as one tenant and print what another feels;
                 with --list, what attacks there are
  tidy           check what no compiler does: which module may use which, how long files are
  simulate [ARGS]
                 run the core over seeded scheduling, time and faults; with --help, how
";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if std::env::var_os(instrument::MARK).is_some() {
        return ended(instrument::rustc(&arguments.collect::<Vec<_>>()));
    }
    let Some(command) = arguments.next() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let rest: Vec<OsString> = arguments.collect();
    let result = match command.to_str() {
        Some("serve") => serve(&rest),
        Some("test") => suite::run(|| setup(cargo::build_for_tests), &rest),
        Some("setup") => setup(cargo::build),
        Some("build") => cargo::build(),
        Some("dist") => machine::prepare().and_then(|()| cargo::dist()),
        Some("compose") => machine::prepare().and_then(|()| cargo::build_composed()),
        Some("bench") => bench(&rest),
        Some("simulate") => cargo::simulate(&rest),
        Some("fuzz") => fuzz::run(&rest),
        Some("tidy") => tidy::run(),
        Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    ended(result)
}

fn ended(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(text)) => {
            eprintln!("error: {text}");
            ExitCode::FAILURE
        }
    }
}

/// Whatever is already there is left as it is, so that this may run every time.
fn setup(build: fn() -> Result<(), Failure>) -> Result<(), Failure> {
    machine::prepare()?;
    build()?;
    run::run(run::command(cargo::binary()).arg("setup"))
}

fn bench(arguments: &[OsString]) -> Result<(), Failure> {
    match arguments.split_first() {
        Some((first, rest)) if first == "isolation" => {
            setup(cargo::build_for_tests).and_then(|()| cargo::isolation(rest))
        }
        _ => cargo::build().and_then(|()| cargo::bench(arguments)),
    }
}

fn serve(arguments: &[OsString]) -> Result<(), Failure> {
    setup(cargo::build)?;
    run::become_it(run::command(cargo::binary()).arg("serve").args(arguments))
}
