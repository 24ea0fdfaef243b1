//! Keeps a key pair on disk.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dayfly::identity::KeyPair;

/// Writes `private.pem`, which its owner alone may read, and `public.pem` into `folder`; gives
/// their paths.
///
/// # Errors
/// When either exists already, which is then left as it is, or cannot be written.
pub fn write_pair(folder: &Path, pair: &KeyPair) -> Result<(PathBuf, PathBuf)> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let private = folder.join("private.pem");
    let public = folder.join("public.pem");
    if public.exists() {
        bail!(occupied(&public));
    }
    write_new(&private, &pair.private_pem, 0o600)?;
    write_new(&public, &pair.public_pem, 0o644)?;
    Ok((private, public))
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<()> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    let mut file = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(occupied(path)),
        other => other.with_context(|| format!("cannot make {}", path.display()))?,
    };
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

fn occupied(path: &Path) -> String {
    format!(
        "{} exists, and a key is never overwritten: choose another folder with --out",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn pair() -> KeyPair {
        dayfly::identity::keygen().unwrap()
    }

    #[test]
    fn only_the_owner_can_read_the_private_key() {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = write_pair(&folder.path().join("deep/er"), &pair()).unwrap();
        let mode = fs::metadata(private).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(fs::read_to_string(public).unwrap().contains("PUBLIC KEY"));
    }

    #[test]
    fn a_key_is_never_overwritten() {
        for name in ["private.pem", "public.pem"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), "mine").unwrap();
            let error = write_pair(folder.path(), &pair()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            assert_eq!(
                fs::read_to_string(folder.path().join(name)).unwrap(),
                "mine"
            );
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}
