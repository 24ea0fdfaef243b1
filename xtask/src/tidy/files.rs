//! How long files are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::Failure;

/// Past that it is two ideas.
const MOST_LINES: usize = 500;

/// Files with more lines than one idea has.
///
/// # Errors
/// When one cannot be read.
pub fn too_long(root: &Path) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    gather(root, &mut files).map_err(|error| Failure(format!("{}: {error}", root.display())))?;
    files.sort();
    let long = files.into_iter().filter(|(_, lines)| *lines > MOST_LINES);
    Ok(long
        .map(|(file, lines)| {
            let file = file.strip_prefix(root).unwrap_or(&file).display();
            format!("{file}: {lines} lines, where {MOST_LINES} are the most of one idea")
        })
        .collect())
}

fn gather(folder: &Path, files: &mut Vec<(PathBuf, usize)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            gather(&path, files)?;
        } else if name.ends_with(".rs") {
            let lines = fs::read_to_string(&path)?.lines().count();
            files.push((path, lines));
        }
    }
    Ok(())
}
