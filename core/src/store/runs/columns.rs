//! Attributes as columns.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::MAX_COLUMN_NAMES;
use crate::filter::AttributeValue;
use crate::store::entry::Change;

/// So many names are counted at least; a rarer one may be forgotten, and counted anew.
const COUNTED: usize = 1_024;

/// The type of an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Bool, Self::Number, Self::Text];

    /// The type of a value.
    pub fn of(value: &AttributeValue) -> Self {
        match value {
            AttributeValue::Bool(_) => Self::Bool,
            AttributeValue::Number(_) => Self::Number,
            AttributeValue::Text(_) => Self::Text,
        }
    }
}

/// A column of a run: the values of one type of one attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(String, Kind)", into = "(String, Kind)")]
pub(super) struct Column {
    pub name: String,
    pub kind: Kind,
}

impl From<(String, Kind)> for Column {
    fn from((name, kind): (String, Kind)) -> Self {
        Self { name, kind }
    }
}

impl From<Column> for (String, Kind) {
    fn from(column: Column) -> Self {
        (column.name, column.kind)
    }
}

/// How many files have each attribute, by the value's type: decides which attributes get
/// columns in a run.
///
/// Exact up to 2,048 names; with more, the rarest are forgotten, so that memory stays bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttributeColumns {
    counts: BTreeMap<String, [u64; 3]>,
}

impl AttributeColumns {
    /// Counts a file's attributes.
    pub fn observe(&mut self, change: &Change) {
        let Some(file) = change.file() else {
            return;
        };
        for (name, value) in &file.attributes {
            let mut counts = [0; 3];
            counts[Kind::of(value) as usize] = 1;
            self.add(name, counts);
        }
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Self) {
        for (name, counts) in &other.counts {
            self.add(name, *counts);
        }
    }

    /// Forgets all but the commonest names.
    pub(super) fn keep(&mut self, most: usize) {
        if self.counts.len() <= most {
            return;
        }
        let mut ranked: Vec<(String, [u64; 3])> =
            std::mem::take(&mut self.counts).into_iter().collect();
        ranked.sort_by_cached_key(|(_, counts)| Reverse(total(counts)));
        ranked.truncate(most);
        self.counts = ranked.into_iter().collect();
    }

    /// The columns of a run: those of the commonest names, by name and type.
    pub(super) fn columns(&self) -> Vec<Column> {
        let mut commonest = self.clone();
        commonest.keep(MAX_COLUMN_NAMES);
        let columns_of = |(name, counts): (String, [u64; 3])| {
            let kinds = Kind::ALL.into_iter().zip(counts);
            let present = kinds.filter(|(_, count)| *count > 0);
            present
                .map(|(kind, _)| Column {
                    name: name.clone(),
                    kind,
                })
                .collect::<Vec<_>>()
        };
        commonest.counts.into_iter().flat_map(columns_of).collect()
    }

    fn add(&mut self, name: &str, more: [u64; 3]) {
        match self.counts.get_mut(name) {
            Some(counts) => add(counts, more),
            None => {
                self.counts.insert(name.to_owned(), more);
                if self.counts.len() > 2 * COUNTED {
                    self.keep(COUNTED);
                }
            }
        }
    }
}

fn add(counts: &mut [u64; 3], more: [u64; 3]) {
    for (count, more) in counts.iter_mut().zip(more) {
        *count = count.saturating_add(more);
    }
}

fn total(counts: &[u64; 3]) -> u64 {
    counts
        .iter()
        .fold(0, |sum, count| sum.saturating_add(*count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(names: &[(&str, [u64; 3])]) -> AttributeColumns {
        let mut columns = AttributeColumns::default();
        for (name, counts) in names {
            columns.add(name, *counts);
        }
        columns
    }

    #[test]
    fn the_commonest_names_get_a_column_for_each_of_their_types() {
        let mut columns = counted(&[("b", [0, 2, 1]), ("a", [1, 0, 0])]);
        columns.merge(&counted(&[("a", [0, 0, 4])]));
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            kind,
        };
        let all = [
            column("a", Kind::Bool),
            column("a", Kind::Text),
            column("b", Kind::Number),
            column("b", Kind::Text),
        ];
        assert_eq!(columns.columns(), all);
        columns.keep(1);
        assert_eq!(columns.columns(), all[..2]);
    }

    #[test]
    fn memory_is_bounded_however_many_names_there_are() {
        let mut columns = counted(&[("common", [0, 0, 9])]);
        for number in 0..5_000 {
            columns.add(&format!("rare {number}"), [0, 1, 0]);
        }
        assert!(columns.counts.len() <= 2 * COUNTED);
        assert!(
            columns
                .columns()
                .iter()
                .any(|column| column.name == "common")
        );
        assert!(columns.columns().len() <= MAX_COLUMN_NAMES);
    }
}
