//! Runs other programs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};

/// Why it ends, for people: what failed and what to do.
#[derive(Debug)]
pub struct Failure(pub String);

/// `program`, without what cargo sets for the program it runs: a cargo below would take the
/// change for a reason to build again.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs it to its end.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .status()
        .map_err(|error| unstarted(command, &error))?;
    succeeded(command, status)
}

/// Whether it runs and succeeds; what it prints is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs it to its end, printing its standard output and showing each line to `see`.
///
/// # Errors
/// As [`run`].
pub fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> Result<(), Failure> {
    let started = command.stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| unstarted(command, &error))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // A closed pipe is no reason to stop the tests.
            let _ = writeln!(std::io::stdout(), "{line}");
            see(&line);
        }
    }
    let status = child.wait().map_err(|error| unstarted(command, &error))?;
    succeeded(command, status)
}

/// Puts it in the place of this process, so that signals reach it. Returns only when that fails.
///
/// # Errors
/// When it cannot be started.
pub fn become_it(command: &mut Command) -> Result<(), Failure> {
    let error = command.exec();
    Err(unstarted(command, &error))
}

fn unstarted(command: &Command, error: &std::io::Error) -> Failure {
    Failure(format!("`{}` cannot be started: {error}", shown(command)))
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    Err(Failure(format!("`{}` failed: {status}", shown(command))))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}
