//! Listing a directory in the order of keys, as a bucket lists.

use std::collections::BinaryHeap;
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::UNIX_EPOCH;

use dayfly_core::objects::ObjectMeta;
use dayfly_core::objects::keys::{MAX_KEY, check_segment, split_prefix};

use super::Failure;

/// Objects below `root` whose key begins with `prefix`, by key, after `after`, at most `limit`.
/// Directories that lie before `after` are not read, and files that are not answered are not
/// looked at. Whatever has no key, such as a file in the making, is left out.
///
/// # Errors
/// When a directory or a file cannot be read; one that is gone meanwhile is none.
pub fn list(
    root: &Path,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> io::Result<Vec<ObjectMeta>> {
    let invalid = |error: Failure| io::Error::new(ErrorKind::InvalidInput, error.to_string());
    let (folder, _) = split_prefix(prefix).map_err(invalid)?;
    let base = match folder {
        "" => String::new(),
        folder => format!("{folder}/"),
    };
    let mut walk = Walk {
        prefix,
        after,
        limit,
        found: Vec::new(),
    };
    walk.enter(&root.join(folder), &base)?;
    Ok(walk.found)
}

struct Walk<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    limit: usize,
    found: Vec<ObjectMeta>,
}

/// Names of one directory, those of directories with a `/` at their end: so their order is that of
/// the keys below them.
struct Names {
    sorted: Vec<String>,
    /// There are others behind the last one.
    more: bool,
}

impl Walk<'_> {
    /// `base` is what stands before the directory's names in keys.
    fn enter(&mut self, directory: &Path, base: &str) -> io::Result<()> {
        let mut last = None;
        while self.found.len() < self.limit {
            let names = self.names(directory, base, last.as_deref())?;
            for name in &names.sorted {
                let key = format!("{base}{name}");
                match name.strip_suffix('/') {
                    Some(folder) => self.enter(&directory.join(folder), &key)?,
                    None => self.found.extend(described(&directory.join(name), key)?),
                }
                if self.found.len() >= self.limit {
                    return Ok(());
                }
            }
            if !names.more {
                return Ok(());
            }
            // Some held no objects, so that more are needed than there seemed to be.
            last = names.sorted.into_iter().last();
        }
        Ok(())
    }

    /// The first names behind `last` that have wanted keys, as many as may be needed.
    fn names(&self, directory: &Path, base: &str, last: Option<&str>) -> io::Result<Names> {
        let most = self.limit - self.found.len();
        let mut first = BinaryHeap::new();
        let mut more = false;
        let entries = match fs::read_dir(directory) {
            Err(error) if is_no_directory(&error) => None,
            entries => Some(entries?),
        };
        for entry in entries.into_iter().flatten() {
            let Some(name) = named(&entry?)? else {
                continue;
            };
            if last.is_some_and(|last| name.as_str() <= last) || !self.wants(base, &name) {
                continue;
            }
            first.push(name);
            if first.len() > most {
                first.pop();
                more = true;
            }
        }
        Ok(Names {
            sorted: first.into_sorted_vec(),
            more,
        })
    }

    fn wants(&self, base: &str, name: &str) -> bool {
        let key = format!("{base}{name}");
        let folder = key.ends_with('/');
        let begins = key.starts_with(self.prefix) || folder && self.prefix.starts_with(&key);
        let is_after = |after: &str| key.as_str() > after || folder && after.starts_with(&key);
        key.len() <= MAX_KEY && begins && self.after.is_none_or(is_after)
    }
}

/// The entry's name; `None` of what is neither a directory nor a file, or has no key.
fn named(entry: &DirEntry) -> io::Result<Option<String>> {
    let name = entry.file_name().into_string().ok();
    let Some(name) = name.filter(|name| check_segment(name).is_ok()) else {
        return Ok(None);
    };
    let mut kind = entry.file_type()?;
    if kind.is_symlink() {
        match fs::metadata(entry.path()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            target => kind = target?.file_type(),
        }
    }
    Ok(match (kind.is_dir(), kind.is_file()) {
        (true, _) => Some(name + "/"),
        (_, true) => Some(name),
        _ => None,
    })
}

fn described(path: &Path, key: String) -> io::Result<Option<ObjectMeta>> {
    let found = match fs::metadata(path) {
        Err(error) if is_no_directory(&error) => return Ok(None),
        found => found?,
    };
    let age = found.modified()?.duration_since(UNIX_EPOCH);
    let modified_ms = age.map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    Ok(found.is_file().then_some(ObjectMeta {
        key,
        size: found.len(),
        modified_ms,
    }))
}

/// Gone, or a file meanwhile.
fn is_no_directory(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
