//! Filters of a search by the attributes of files, in OpenAI's form.

mod attributes;
mod parse;

use std::cmp::Ordering;
use std::collections::BTreeSet;

pub use self::attributes::{
    AttributeError, AttributeValue, Attributes, is_exact, parse_attributes, validate_attributes,
};
pub use self::parse::FilterError;

/// A condition on the attributes of a file.
///
/// A value equals another of the same type only: `"1"`, `1` and `true` differ. A key that
/// a file does not have, or has with a value of another type, equals nothing and has no
/// order: `eq`, `in`, `gt`, `gte`, `lt` and `lte` do not match it; `ne` and `nin`, being
/// the negations of `eq` and `in`, do. Strings are ordered by their Unicode scalar values.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// One attribute against one value.
    Compare {
        /// The attribute.
        key: String,
        /// How its value is compared.
        operator: Operator,
        /// What with.
        value: AttributeValue,
    },
    /// One attribute against several values.
    In {
        /// The attribute.
        key: String,
        /// The values.
        values: Vec<AttributeValue>,
        /// Whether the attribute must be none of the values (`nin`), not one of them.
        negated: bool,
    },
    /// Every one must match.
    And(Vec<Filter>),
    /// At least one must match.
    Or(Vec<Filter>),
}

/// How an attribute is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
}

impl Filter {
    /// The attributes that it looks at.
    pub fn names(&self) -> BTreeSet<&str> {
        match self {
            Self::And(filters) | Self::Or(filters) => {
                filters.iter().flat_map(Self::names).collect()
            }
            Self::In { key, .. } | Self::Compare { key, .. } => BTreeSet::from([key.as_str()]),
        }
    }

    /// Whether a file with these attributes passes.
    pub fn matches(&self, attributes: &Attributes) -> bool {
        match self {
            Self::And(filters) => filters.iter().all(|filter| filter.matches(attributes)),
            Self::Or(filters) => filters.iter().any(|filter| filter.matches(attributes)),
            Self::In {
                key,
                values,
                negated,
            } => {
                let found = attributes.get(key).is_some_and(|own| values.contains(own));
                found != *negated
            }
            Self::Compare {
                key,
                operator,
                value,
            } => {
                let order = attributes.get(key).and_then(|own| compare(own, value));
                operator.accepts(order)
            }
        }
    }
}

impl Operator {
    fn accepts(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Eq => order == Some(Ordering::Equal),
            Self::Ne => order != Some(Ordering::Equal),
            Self::Gt => order == Some(Ordering::Greater),
            Self::Gte => order.is_some_and(Ordering::is_ge),
            Self::Lt => order == Some(Ordering::Less),
            Self::Lte => order.is_some_and(Ordering::is_le),
        }
    }
}

fn compare(own: &AttributeValue, value: &AttributeValue) -> Option<Ordering> {
    use AttributeValue::{Bool, Number, Text};
    match (own, value) {
        (Number(own), Number(value)) => own.partial_cmp(value),
        (Text(own), Text(value)) => Some(own.cmp(value)),
        (Bool(own), Bool(value)) => Some(own.cmp(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
