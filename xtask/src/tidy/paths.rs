//! Which module uses which.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::modules::Module;

/// One module's use of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Who.
    pub from: Vec<String>,
    /// In which file of its crate.
    pub file: PathBuf,
    /// Whom.
    pub to: Vec<String>,
    /// As it stands there.
    pub path: String,
}

/// What all modules of a crate use of it, names that another module hands on followed to where they are
/// from.
pub fn uses(modules: &[Module]) -> Vec<Use> {
    let known: BTreeMap<&[String], &Module> = modules
        .iter()
        .map(|module| (&*module.path, module))
        .collect();
    let handed: BTreeMap<Vec<String>, Vec<String>> = modules.iter().flat_map(handed_on).collect();
    let mut uses = Vec::new();
    for module in modules {
        for path in paths(&module.text) {
            let Some(whole) = whole(&module.path, &path) else {
                continue;
            };
            let to = target(&known, &handed, whole);
            if to != module.path {
                uses.push(Use {
                    from: module.path.clone(),
                    file: module.file.clone(),
                    to,
                    path: path.join("::"),
                });
            }
        }
    }
    uses
}

/// The module that an item is from.
fn target(
    known: &BTreeMap<&[String], &Module>,
    handed: &BTreeMap<Vec<String>, Vec<String>>,
    mut path: Vec<String>,
) -> Vec<String> {
    // As many steps as names are ever handed on.
    for _ in 0..4 {
        match (1..=path.len())
            .rev()
            .find_map(|n| handed.get(&path[..n]).map(|on| (n, on)))
        {
            Some((n, on)) => path = on.iter().chain(&path[n..]).cloned().collect(),
            None => break,
        }
    }
    let depth = (0..=path.len())
        .rev()
        .find(|n| known.contains_key(&path[..*n]));
    path.truncate(depth.unwrap_or(0));
    path
}

/// What a module hands on under its own name: the item's name there, and where it is from.
fn handed_on(module: &Module) -> Vec<(Vec<String>, Vec<String>)> {
    let mut handed = Vec::new();
    for statement in statements(&module.text, true) {
        for path in leaves(&statement) {
            let alias = path.iter().position(|word| word == "as");
            let (path, name) = match alias {
                Some(at) => (&path[..at], path.last()),
                None => (&path[..], path.last()),
            };
            let Some(name) = name else { continue };
            let from = whole(&module.path, path).unwrap_or_else(|| below(&module.path, path));
            handed.push((below(&module.path, std::slice::from_ref(name)), from));
        }
    }
    handed
}

fn below(module: &[String], path: &[String]) -> Vec<String> {
    module.iter().chain(path).cloned().collect()
}

/// From the crate's root, for a path that says that it is from there.
fn whole(module: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module.to_vec(),
        _ => return None,
    };
    let mut rest = path;
    if path[0] != "super" {
        rest = &path[1..];
    }
    while rest.first().is_some_and(|word| word == "super") {
        base.pop();
        rest = &rest[1..];
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

/// All paths in a text that begin with `crate`, `super` or `self`.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut rest = text.to_owned();
    for statement in statements(text, false) {
        found.extend(leaves(&statement));
        rest = rest.replacen(&statement, "", 1);
    }
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in rest.match_indices(start) {
            let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
            if rest[..at].ends_with(|letter| is_word(letter) || letter == ':' || letter == '$') {
                continue;
            }
            let end = rest[at..].find(|letter| !is_word(letter) && letter != ':');
            let path = &rest[at..end.map_or(rest.len(), |end| at + end)];
            found.push(words(path));
        }
    }
    found
}

/// What stands between `use` and `;`, or between `pub use` and `;`.
fn statements(text: &str, public: bool) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("use ") {
        let line = text[..at].rsplit('\n').next().unwrap_or_default().trim();
        let is_statement = line.is_empty() || line == "pub" || line.starts_with("pub(");
        if !is_statement || (public && line.is_empty()) {
            continue;
        }
        if let Some(end) = text[at..].find(';') {
            found.push(text[at + "use ".len()..at + end].to_owned());
        }
    }
    found
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`; of `x as y` both words are kept.
fn leaves(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        return vec![words(tree)];
    };
    let base = words(&tree[..open]);
    let inner = tree[open + 1..].trim_end().trim_end_matches('}');
    // Only the brace that was opened here is to go.
    let inner = match tree.trim_end().strip_suffix('}') {
        Some(whole) => &whole[open + 1..],
        None => inner,
    };
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts
        .flat_map(leaves)
        .map(|leaf| match leaf.first().map(String::as_str) {
            Some("self") => base.clone(),
            _ => base.iter().cloned().chain(leaf).collect(),
        })
        .collect()
}

fn words(path: &str) -> Vec<String> {
    let words = path.split("::").flat_map(str::split_ascii_whitespace);
    words
        .filter(|word| *word != "*")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, text: &str) -> Module {
        Module {
            path: words(path),
            file: PathBuf::from(path),
            text: text.to_owned(),
        }
    }

    fn found(modules: &[Module]) -> Vec<(String, String)> {
        let uses = uses(modules).into_iter();
        uses.map(|one| (one.from.join("::"), one.to.join("::")))
            .collect()
    }

    #[test]
    fn trees_are_taken_apart() {
        let leaves = leaves("crate::{a::{self, B}, c as d}");
        let leaves: Vec<String> = leaves.iter().map(|leaf| leaf.join("::")).collect();
        assert_eq!(leaves, ["crate::a", "crate::a::B", "crate::c::as::d"]);
    }

    #[test]
    fn what_is_used_is_followed_to_where_it_is_from() {
        let modules = [
            module("", "mod a;\nmod b;\n"),
            module("a", "mod inner;\npub use inner::Thing;\n"),
            module("a::inner", "use super::super::b::Other;\n"),
            module("b", "fn f() -> crate::a::Thing { x }\n"),
        ];
        let expected = [("a::inner", "b"), ("b", "a::inner")];
        let expected: Vec<_> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        assert_eq!(found(&modules), expected);
    }
}
