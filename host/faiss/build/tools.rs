//! Programs that the build runs.

use std::process::Command;

/// Why there is no library, in words for who builds.
pub struct Failure(pub String);

/// Runs `program` with what `arguments` adds, and returns what it prints.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub fn run(
    program: &str,
    arguments: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<String, Failure> {
    let mut command = Command::new(program);
    arguments(&mut command);
    match command.output() {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let start: Vec<&str> = errors.lines().take(5).collect();
            Err(Failure(format!("{program}: {}", start.join(" / "))))
        }
        Err(error) => Err(Failure(format!(
            "{program}: {error}; on Debian: apt-get install binutils"
        ))),
    }
}
