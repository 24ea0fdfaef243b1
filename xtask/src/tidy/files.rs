//! What a file has to be: one idea, which its first line tells.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::Failure;

/// Past that it is two ideas.
const MOST_LINES: usize = 500;

/// Files with more lines than one idea has, and modules that do not say what belongs there.
///
/// # Errors
/// When one cannot be read.
pub fn check(root: &Path) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    gather(root, &mut files).map_err(|error| Failure(format!("{}: {error}", root.display())))?;
    files.sort();
    let mut broken = Vec::new();
    for file in files {
        let unread = |error| Failure(format!("{}: {error}", file.display()));
        let text = fs::read_to_string(&file).map_err(unread)?;
        let name = file.strip_prefix(root).unwrap_or(&file);
        broken.extend(breaches(name, &text));
    }
    Ok(broken)
}

fn breaches(name: &Path, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let (lines, name) = (text.lines().count(), name.display().to_string());
    if lines > MOST_LINES {
        broken.push(format!(
            "{name}: {lines} lines, where {MOST_LINES} are the most of one idea"
        ));
    }
    if !is_of_tests(&name) && !text.starts_with("//!") {
        broken.push(format!("{name}: begin with `//!` and what belongs there"));
    }
    broken
}

/// Their names tell what they hold.
fn is_of_tests(name: &str) -> bool {
    let folders = ["/tests/", "/benches/"];
    folders.iter().any(|folder| name.contains(folder)) || name.ends_with("tests.rs")
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            gather(&path, files)?;
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_one_idea_and_says_which() {
        let found = |name: &str, text: &str| breaches(Path::new(name), text).len();
        assert_eq!(found("core/src/a.rs", "//! What it is.\n"), 0);
        assert_eq!(found("core/src/a.rs", "use b;\n"), 1);
        assert_eq!(found("core/src/a/tests.rs", "use super::*;\n"), 0);
        assert_eq!(found("core/tests/a.rs", "use super::*;\n"), 0);
        let long = "//! Long.\n".repeat(MOST_LINES + 1);
        assert_eq!(found("core/src/a.rs", &long), 1);
    }
}
