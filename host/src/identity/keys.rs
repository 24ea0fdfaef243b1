//! The files of public keys.

use std::path::{Path, PathBuf};

use dayfly_identity::ed25519_of_spki;
use jsonwebtoken::DecodingKey;

use super::IdentityError;

/// What the files that hold public keys say.
#[derive(PartialEq)]
pub struct KeyFiles(Vec<(PathBuf, Vec<u8>)>);

impl KeyFiles {
    /// Reads the files at `paths`, and those of folders among them: all `*.pem` that are not hidden.
    ///
    /// Fails where one cannot be read.
    pub fn read(paths: &[PathBuf]) -> Result<Self, IdentityError> {
        let mut files = Vec::new();
        for path in paths {
            for file in files_of(path)? {
                let pem = std::fs::read(&file).map_err(unreadable(&file))?;
                files.push((file, pem));
            }
        }
        Ok(Self(files))
    }

    /// The keys, each file's one after another.
    ///
    /// Fails where a file holds anything else, and where there is no key at all, which would let
    /// everybody in.
    pub fn keys(&self) -> Result<Vec<DecodingKey>, IdentityError> {
        let mut keys = Vec::new();
        for (path, pem) in &self.0 {
            let format = || IdentityError::Format(path.display().to_string());
            keys.extend(parse(pem).ok_or_else(format)?);
        }
        match keys.is_empty() {
            true => Err(IdentityError::NoKey),
            false => Ok(keys),
        }
    }
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, IdentityError> {
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(unreadable(path))? {
        let file = entry.map_err(unreadable(path))?.path();
        let is_hidden = file
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && file.extension().is_some_and(|ending| ending == "pem") {
            files.push(file);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> IdentityError {
    move |source| IdentityError::Read {
        path: path.into(),
        source,
    }
}

/// At least one public key, PEM after PEM, and nothing that looks like more of them.
fn parse(text: &[u8]) -> Option<Vec<DecodingKey>> {
    let text = std::str::from_utf8(text).ok()?;
    let pems = pem::parse_many(text).ok()?;
    if pems.is_empty() || pems.len() != text.matches("-----BEGIN").count() {
        return None;
    }
    let key = |pem: &pem::Pem| {
        let is_public = pem.tag() == "PUBLIC KEY";
        let bytes = is_public.then(|| ed25519_of_spki(pem.contents()))??;
        Some(DecodingKey::from_ed_der(bytes))
    };
    pems.iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{KeyPair, keygen};
    use super::*;

    fn pair() -> KeyPair {
        keygen().unwrap()
    }

    fn read(path: &Path) -> Result<usize, String> {
        KeyFiles::read(&[path.into()])
            .and_then(|files| files.keys())
            .map(|keys| keys.len())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_holds_as_many_keys_as_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("any.name");
        let two = pair().public_pem + &pair().public_pem;
        fs::write(&file, &two).unwrap();
        assert_eq!(read(&file), Ok(2));
        fs::write(&file, &two[..two.len() - 30]).unwrap();
        assert!(read(&file).unwrap_err().contains("any.name"));
    }

    #[test]
    fn of_a_folder_the_pems_are_read_that_are_in_sight() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a.pem", "b.pem"] {
            fs::write(at(name), pair().public_pem).unwrap();
        }
        for name in [".hidden.pem", "README.md"] {
            fs::write(at(name), "no key").unwrap();
        }
        assert_eq!(read(folder.path()), Ok(2));
        fs::write(at("private.pem"), pair().private_pem).unwrap();
        assert!(read(folder.path()).unwrap_err().contains("private.pem"));
    }

    #[test]
    fn no_key_at_all_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().contains("*.pem"));
        let missing = folder.path().join("missing.pem");
        assert!(read(&missing).unwrap_err().contains("missing.pem"));
        fs::write(&missing, "").unwrap();
        assert!(read(&missing).unwrap_err().contains("missing.pem"));
    }
}
