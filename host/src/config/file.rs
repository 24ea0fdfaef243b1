//! Reads `dayfly.toml`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::layer::Layer;

/// The file's layer, its relative paths made relative to the working directory.
///
/// # Errors
/// [`ConfigError`] when it cannot be read or does not fit.
pub fn read(path: &Path) -> Result<Layer, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let mut layer: Layer = toml::from_str(&text).map_err(|source| ConfigError::Invalid {
        path: path.to_owned(),
        source,
    })?;
    if let Some(folder) = path.parent() {
        anchor(&mut layer, folder);
    }
    Ok(layer)
}

/// As [`read`], and an empty layer when there is no such file.
///
/// # Errors
/// As [`read`].
pub fn read_if_there(path: &Path) -> Result<Layer, ConfigError> {
    match read(path) {
        Err(ConfigError::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Ok(Layer::default())
        }
        other => other,
    }
}

fn anchor(layer: &mut Layer, folder: &Path) {
    if folder.as_os_str().is_empty() {
        return;
    }
    let keys = layer.auth_keys.iter_mut().flatten();
    for path in keys.chain(&mut layer.auth_revoked) {
        *path = folder.join(&*path);
    }
    if let Some(data) = layer.data.as_mut().filter(|data| !data.contains("://")) {
        let anchored: PathBuf = folder.join(&*data);
        *data = anchored.to_string_lossy().into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (tempfile::TempDir, Layer) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.toml");
        std::fs::write(&path, text).unwrap();
        let layer = read(&path).unwrap();
        (folder, layer)
    }

    #[test]
    fn relative_paths_are_relative_to_the_file() {
        let (folder, layer) = read_text(
            "data = 'd'\nauth_keys = ['keys/p.pem', '/abs.pem']\nauth_revoked = 'r.json'",
        );
        assert_eq!(layer.auth_revoked, Some(folder.path().join("r.json")));
        assert_eq!(layer.data.as_deref(), folder.path().join("d").to_str());
        assert_eq!(
            layer.auth_keys,
            Some(vec![folder.path().join("keys/p.pem"), "/abs.pem".into()])
        );
    }

    #[test]
    fn a_bucket_is_left_as_it_is() {
        let (_folder, layer) = read_text("data = 's3://bucket/prefix'");
        assert_eq!(layer.data.as_deref(), Some("s3://bucket/prefix"));
    }

    #[test]
    fn a_file_that_need_not_exist_may_be_missing() {
        let layer = read_if_there("/no/such/dayfly.toml".as_ref()).unwrap();
        assert_eq!(layer, Layer::default());
    }

    #[test]
    fn a_folder_in_the_files_place_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            read_if_there(folder.path()),
            Err(ConfigError::Unreadable { .. })
        ));
    }
}
