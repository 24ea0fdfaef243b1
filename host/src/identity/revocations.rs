//! The file that lists what is revoked: read, and changed so that nobody ever reads half of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use dayfly_identity::RevocationList;

use super::IdentityError;

/// The largest list that is read: some 100,000 tokens.
const MAX_BYTES: u64 = 16 << 20;

/// What the file of a list says.
///
/// Fails where it cannot be read, or has more than 16 MiB.
pub fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut within = File::open(path)?.take(MAX_BYTES + 1);
        within.read_to_end(&mut bytes)?;
        match bytes.len() as u64 > MAX_BYTES {
            true => Err(ErrorKind::FileTooLarge.into()),
            false => Ok(bytes),
        }
    };
    read().map_err(|error| wrong(path, error))
}

/// The list that these bytes of `path` are. The error names the file and the line.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<RevocationList, IdentityError> {
    RevocationList::parse(bytes).map_err(|error| wrong(path, error))
}

/// The list in the file at `path`.
///
/// Fails where it cannot be read or is wrong; the error names the file and the line.
pub fn open(path: &Path) -> Result<RevocationList, IdentityError> {
    parse(path, &read(path)?)
}

/// Changes the list at `path`, which is made where it is missing. Whoever reads it meanwhile finds
/// the old list or the new one, whole; whoever changes it meanwhile waits. What was changed is durable.
///
/// Fails where the list cannot be read, is wrong, or cannot be written; then it is as it was.
pub fn change(
    path: &Path,
    change: impl FnOnce(&mut RevocationList),
) -> Result<RevocationList, IdentityError> {
    let io = |error| wrong(path, error);
    let path = &resolved(path).map_err(io)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = folder_of(path).join(format!(".{name}.new"));
    let file = locked(&new).map_err(io)?;
    let changed = changed(path, change).and_then(|list| {
        replace(path, &new, file, &list).map_err(io)?;
        Ok(list)
    });
    if changed.is_err() {
        let _ = fs::remove_file(&new);
    }
    changed
}

fn changed(
    path: &Path,
    change: impl FnOnce(&mut RevocationList),
) -> Result<RevocationList, IdentityError> {
    let mut list = match fs::exists(path).map_err(|error| wrong(path, error))? {
        true => open(path)?,
        false => RevocationList::default(),
    };
    change(&mut list);
    Ok(list)
}

/// The file that becomes the next list, which one process has at a time.
fn locked(new: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(new)?;
        file.lock()?;
        // Whoever held it before has made it the list, or removed it.
        let own = file.metadata()?;
        match fs::metadata(new) {
            Ok(there) if (there.dev(), there.ino()) == (own.dev(), own.ino()) => return Ok(file),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
}

/// Where a symbolic link leads, so that the file there is replaced and not the link.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.into()),
        other => other,
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// As a file that those may read who may read the one that was there.
fn replace(path: &Path, new: &Path, mut file: File, list: &RevocationList) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(list)?;
    text.push(b'\n');
    if let Ok(before) = fs::metadata(path) {
        file.set_permissions(before.permissions())?;
    }
    file.set_len(0)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(new, path)?;
    File::open(folder_of(path))?.sync_all()
}

fn wrong(path: &Path, why: impl ToString) -> IdentityError {
    IdentityError::Revocations {
        path: path.into(),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use dayfly_identity::RevokedToken;

    use super::*;

    fn revoke(path: &Path, jti: &str) -> RevocationList {
        let token = RevokedToken {
            jti: jti.into(),
            until: None,
        };
        change(path, |list| list.tokens.push(token)).unwrap()
    }

    fn ids(path: &Path) -> Vec<String> {
        let mut ids: Vec<_> = open(path)
            .unwrap()
            .tokens
            .into_iter()
            .map(|t| t.jti)
            .collect();
        ids.sort();
        ids
    }

    #[test]
    fn a_list_is_made_and_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revoked.json");
        revoke(&path, "a");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        revoke(&path, "b");
        assert_eq!(ids(&path), ["a", "b"]);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_lost_of_what_many_add_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revoked.json");
        let names: Vec<_> = (10..30).map(|n| n.to_string()).collect();
        std::thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| revoke(&path, name));
            }
        });
        assert_eq!(ids(&path), names);
    }

    #[test]
    fn a_wrong_list_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revoked.json");
        fs::write(&path, "{\n  \"tokens\": [}\n").unwrap();
        let error = change(&path, |list| list.tokens.clear()).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("revoked.json") && said.contains("line 2"),
            "{said}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\n  \"tokens\": [}\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_to_a_list_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (link, path) = (folder.path().join("link"), folder.path().join("list"));
        revoke(&path, "a");
        std::os::unix::fs::symlink("list", &link).unwrap();
        revoke(&link, "b");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(ids(&path), ["a", "b"]);
    }
}
