//! A crate's modules, as its files say.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::Failure;

/// A file, and what it is called in its crate.
pub struct Module {
    /// `["store", "runs"]`; the crate's root has none.
    pub path: Vec<String>,
    /// Where it is, below the crate.
    pub file: PathBuf,
    /// Its text without comments and unit tests.
    pub text: String,
}

/// Those of the crate in `folder`, tests left out.
///
/// # Errors
/// When a file cannot be read.
pub fn of(folder: &Path) -> Result<Vec<Module>, Failure> {
    let source = folder.join("src");
    let mut modules = Vec::new();
    gather(&source, &source, &mut modules)
        .map_err(|error| Failure(format!("{}: {error}", source.display())))?;
    Ok(modules)
}

fn gather(source: &Path, folder: &Path, modules: &mut Vec<Module>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if stem == "tests" || stem.ends_with("_tests") || stem == "testing" || stem == "failing" {
            continue;
        }
        if path.is_dir() {
            gather(source, &path, modules)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            let below = path.strip_prefix(source).unwrap_or(&path);
            modules.push(Module {
                path: name(below),
                file: below.to_owned(),
                text: plain(&fs::read_to_string(&path)?),
            });
        }
    }
    Ok(())
}

fn name(file: &Path) -> Vec<String> {
    let file = file.with_extension("");
    let mut parts: Vec<String> = file
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if matches!(
        parts.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        parts.pop();
    }
    parts
}

/// Without comments, and without what is compiled for tests only, which stands at the end.
fn plain(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let lines = code.lines().map(|line| match line.find("//") {
        Some(start) if !line[..start].ends_with(':') => &line[..start],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_name_that_the_compiler_gives_it() {
        let named = |file: &str| name(Path::new(file)).join("::");
        assert_eq!(named("lib.rs"), "");
        assert_eq!(named("store/mod.rs"), "store");
        assert_eq!(named("store/runs/open.rs"), "store::runs::open");
    }

    #[test]
    fn comments_and_tests_use_nothing() {
        let text = "use crate::a; // use crate::b\n//! crate::c\n#[cfg(test)]\nmod tests { use crate::d; }";
        assert_eq!(plain(text).trim(), "use crate::a;");
    }
}
