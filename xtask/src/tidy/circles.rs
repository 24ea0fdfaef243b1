//! Modules that use each other in a circle, and rooms that use what is above them.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::Module;
use super::paths::Use;

/// A neighbour in the same folder, and by what it is used.
type Arrows<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a Use>>;

/// Neighbours that are two halves of one thing: a type and the form in which it is stored, a table of
/// C++ functions and the choice of it.
const HALVES: [(&str, &str, &str); 2] =
    [("core", "index", "packed"), ("host/faiss", "bridge", "cpu")];

/// What closes a circle, in any folder of the crate.
pub fn find(name: &str, uses: &[Use]) -> Vec<String> {
    let folders: BTreeSet<&[String]> = uses
        .iter()
        .flat_map(|one| (0..one.from.len()).map(|depth| &one.from[..depth]))
        .collect();
    let mut broken = Vec::new();
    for folder in folders {
        let arrows = arrows(folder, uses);
        for (from, targets) in &arrows {
            for (to, by) in targets {
                if leads(&arrows, to, from) && !HALVES.contains(&(name, from.min(to), from.max(to)))
                {
                    broken.push(format!(
                        "{name}/src/{}: `{}` closes a circle: {from} uses {to}, which uses {from} in \
                         the end",
                        by.file.display(),
                        by.path
                    ));
                }
            }
        }
    }
    broken
}

/// Who uses what of whom among the children of a folder.
fn arrows<'a>(folder: &[String], uses: &'a [Use]) -> Arrows<'a> {
    let mut arrows = Arrows::new();
    for one in uses {
        let child = |path: &'a [String]| match path.strip_prefix(folder) {
            Some([child, ..]) => Some(child.as_str()),
            _ => None,
        };
        let (Some(from), Some(to)) = (child(&one.from), child(&one.to)) else {
            continue;
        };
        if from != to {
            arrows.entry(from).or_default().entry(to).or_insert(one);
        }
    }
    arrows
}

fn leads(arrows: &Arrows<'_>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(here) = next.pop() {
        if here == to {
            return true;
        }
        if seen.insert(here) {
            next.extend(arrows.get(here).into_iter().flat_map(BTreeMap::keys));
        }
    }
    false
}

/// What is used against the order of the rooms, and rooms that have no place in it.
pub fn against(name: &str, order: &[&str], modules: &[Module], uses: &[Use]) -> Vec<String> {
    let place = |room: &str| order.iter().position(|one| *one == room);
    let rooms: BTreeSet<&str> = modules
        .iter()
        .filter_map(|module| module.path.first().map(String::as_str))
        .filter(|room| !OUTSIDE.contains(room))
        .collect();
    let homeless = rooms
        .iter()
        .filter(|room| place(room).is_none())
        .map(|room| {
            format!("{name}: `{room}` has no place among the rooms (xtask/src/tidy/mod.rs)")
        });
    let upward = uses.iter().filter_map(|one| {
        let (from, to) = (one.from.first()?, one.to.first()?);
        let is_upward = from != to && place(from)? < place(to)?;
        is_upward.then(|| {
            format!(
                "{name}/src/{}: `{}` is above: {from} may not use {to}",
                one.file.display(),
                one.path
            )
        })
    });
    homeless.chain(upward).collect()
}

/// The binary's own, which uses the library by its name.
const OUTSIDE: [&str; 2] = ["cli", "config"];

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(pairs: &[(&str, &str)]) -> Vec<Use> {
        let words = |path: &str| path.split("::").map(str::to_owned).collect();
        pairs
            .iter()
            .map(|(from, to)| Use {
                from: words(from),
                file: format!("{from}.rs").into(),
                to: words(to),
                path: format!("crate::{to}"),
            })
            .collect()
    }

    #[test]
    fn a_circle_is_found_wherever_it_is_and_nothing_else_is() {
        let clean = uses(&[("a::x", "b"), ("a::y", "a::x"), ("b", "c")]);
        assert!(find("k", &clean).is_empty());
        let round = uses(&[("a", "b"), ("b", "c"), ("c", "a::x")]);
        assert_eq!(find("k", &round).len(), 3);
        let inside = uses(&[("a::x", "a::y"), ("a::y", "a::x")]);
        let found = find("k", &inside);
        assert!(
            found[0].starts_with("k/src/a::x.rs: `crate::a::y`"),
            "{found:?}"
        );
    }

    #[test]
    fn nobody_uses_what_is_above() {
        let order = ["ground", "roof"];
        assert!(against("k", &order, &[], &uses(&[("roof", "ground")])).is_empty());
        let found = against("k", &order, &[], &uses(&[("ground", "roof")]));
        assert_eq!(
            found,
            ["k/src/ground.rs: `crate::roof` is above: ground may not use roof"]
        );
    }
}
