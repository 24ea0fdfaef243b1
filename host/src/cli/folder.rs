//! Which files an upload takes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// As much of a file as is looked at to tell text from other things.
const SAMPLE: u64 = 8 * 1024;

/// One file to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Where it is.
    pub path: PathBuf,
    /// What the server shall call it: its path below the folder that was named, with `/`.
    pub name: String,
    /// Its size when it was chosen.
    pub bytes: u64,
}

/// What a walk found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Text, to be uploaded.
    pub chosen: Vec<Chosen>,
    /// Met in a folder and left out, with the reason.
    pub skipped: Vec<(PathBuf, String)>,
    /// Named by the caller and not fit for upload, with the reason.
    pub refused: Vec<(PathBuf, String)>,
}

/// Looks at a file, or at everything below a folder in the order of the names. Symbolic links
/// below a folder are not followed.
pub fn choose(path: &Path, choice: &mut Choice) {
    if path.is_dir() {
        return walk(path, choice);
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    match look_at(path, name.to_string_lossy().into_owned()) {
        Ok(chosen) => choice.chosen.push(chosen),
        Err(reason) => choice.refused.push((path.to_owned(), reason)),
    }
}

fn walk(root: &Path, choice: &mut Choice) {
    let mut entries = WalkDir::new(root).sort_by_file_name().into_iter();
    while let Some(next) = entries.next() {
        let entry = match next {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(root).to_owned();
                choice.refused.push((path, reason_of(error)));
                continue;
            }
        };
        if is_hidden(&entry) {
            let path = entry.path().to_owned();
            choice.skipped.push((path, "hidden".to_owned()));
            if entry.file_type().is_dir() {
                entries.skip_current_dir();
            }
            continue;
        }
        if entry.file_type().is_dir() {
            continue;
        }
        match look_at_entry(root, &entry) {
            Ok(chosen) => choice.chosen.push(chosen),
            Err(reason) => choice.skipped.push((entry.into_path(), reason)),
        }
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn look_at_entry(root: &Path, entry: &DirEntry) -> Result<Chosen, String> {
    if entry.file_type().is_symlink() {
        return Err("a symbolic link".to_owned());
    }
    let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    look_at(entry.path(), parts.join("/"))
}

fn look_at(path: &Path, name: String) -> Result<Chosen, String> {
    let meta = path.metadata().map_err(|error| error.to_string())?;
    if !meta.is_file() {
        return Err("not a regular file".to_owned());
    }
    let sample = sample(path).map_err(|error| error.to_string())?;
    if sample.is_empty() {
        return Err("empty".to_owned());
    }
    if !is_text(&sample) {
        return Err("not UTF-8 text".to_owned());
    }
    Ok(Chosen {
        path: path.to_owned(),
        name,
        bytes: meta.len(),
    })
}

fn sample(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SAMPLE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether `sample`, which may end within a character, is UTF-8 without NUL.
fn is_text(sample: &[u8]) -> bool {
    let utf8 = match std::str::from_utf8(sample) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && sample.len() as u64 == SAMPLE,
    };
    utf8 && !sample.contains(&0)
}

fn reason_of(error: walkdir::Error) -> String {
    error
        .into_io_error()
        .map_or_else(|| "cannot be read".to_owned(), |error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    fn chosen(path: &Path) -> Choice {
        let mut choice = Choice::default();
        choose(path, &mut choice);
        choice
    }

    fn names(choice: &Choice) -> Vec<&str> {
        choice
            .chosen
            .iter()
            .map(|file| file.name.as_str())
            .collect()
    }

    fn reasons(choice: &Choice, root: &Path) -> Vec<(String, String)> {
        let relative = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
        let skipped = choice.skipped.iter();
        skipped
            .map(|(path, reason)| (relative(path), reason.clone()))
            .collect()
    }

    #[test]
    fn a_folder_gives_its_text_in_order_named_below_it() {
        let root = tree(&[
            ("b.md", b"b"),
            ("a/z.txt", b"z"),
            ("a/c/d.txt", "ü".as_bytes()),
        ]);
        let choice = chosen(root.path());
        assert_eq!(names(&choice), ["a/c/d.txt", "a/z.txt", "b.md"]);
        assert!(choice.skipped.is_empty() && choice.refused.is_empty());
    }

    #[test]
    fn hidden_empty_and_foreign_files_are_skipped_with_a_reason() {
        let root = tree(&[
            (".git/config", b"x"),
            (".env", b"x"),
            ("image.png", b"\x89PNG\r\n\x1a\n\0\0"),
            ("nothing.txt", b""),
            ("text.txt", b"x"),
        ]);
        let choice = chosen(root.path());
        assert_eq!(names(&choice), ["text.txt"]);
        let expected = [
            (".env", "hidden"),
            (".git", "hidden"),
            ("image.png", "not UTF-8 text"),
            ("nothing.txt", "empty"),
        ];
        let expected = expected.map(|(name, reason)| (name.to_owned(), reason.to_owned()));
        assert_eq!(reasons(&choice, root.path()), expected);
    }

    #[test]
    fn what_is_named_and_does_not_fit_is_refused() {
        let root = tree(&[("image.png", b"\x89PNG\0"), (".hidden.txt", b"x")]);
        let refused = chosen(&root.path().join("image.png")).refused;
        assert_eq!(refused.len(), 1);
        assert_eq!(chosen(&root.path().join("none.txt")).refused.len(), 1);
        assert_eq!(
            names(&chosen(&root.path().join(".hidden.txt"))),
            [".hidden.txt"]
        );
    }

    #[test]
    fn links_below_a_folder_are_not_followed() {
        let root = tree(&[("text.txt", b"x")]);
        std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
        let choice = chosen(root.path());
        assert_eq!(names(&choice), ["text.txt"]);
        assert_eq!(choice.skipped.len(), 1);
    }

    #[test]
    fn a_sample_may_end_within_a_character() {
        let text = "ü".repeat(8 * 1024);
        let sample = &text.as_bytes()[1..][..8 * 1024];
        assert!(!is_text(sample), "begins within a character");
        let text = format!("a{text}");
        assert!(is_text(&text.as_bytes()[..8 * 1024]));
        assert!(!is_text("aü".as_bytes().split_last().unwrap().1));
    }
}
