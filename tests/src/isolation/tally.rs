//! What attackers were answered.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::Answer;

/// How often each outcome came, of all that attackers tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<String, usize>);

impl Tally {
    /// One more.
    pub fn add(&mut self, outcome: impl Into<String>) {
        *self.0.entry(outcome.into()).or_default() += 1;
    }

    /// One more answer, by its status and its error's code.
    pub fn answer(&mut self, answer: &Result<Answer, ureq::Error>) {
        match answer {
            Ok(answer) => self.add(outcome(answer.status, &answer.body)),
            Err(ureq::Error::Timeout(_)) => self.add("no answer"),
            Err(_) => self.add("closed"),
        }
    }

    /// Those of another, too.
    pub fn merge(&mut self, other: Self) {
        for (outcome, count) in other.0 {
            *self.0.entry(outcome).or_default() += count;
        }
    }

    /// How many outcomes begin so.
    pub fn count(&self, outcome: &str) -> usize {
        let of_kind = self.0.iter().filter(|(name, _)| name.starts_with(outcome));
        of_kind.map(|(_, count)| count).sum()
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// That there is something, and nothing that begins otherwise.
    ///
    /// # Panics
    /// Otherwise.
    #[track_caller]
    pub fn is_only(&self, outcomes: &[&str]) {
        let known = outcomes.iter().map(|outcome| self.count(outcome));
        let known: usize = known.sum();
        assert!(known > 0 && known == self.total(), "{self}");
    }
}

impl fmt::Display for Tally {
    /// The most frequent first.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let parts: Vec<String> = sorted
            .iter()
            .map(|(outcome, count)| format!("{count} × {outcome}"))
            .collect();
        formatter.write_str(&parts.join(", "))
    }
}

/// A status, with the error's code where there is one.
pub(super) fn outcome(status: u16, body: &[u8]) -> String {
    let error: Value = match status {
        ..400 => Value::Null,
        _ => serde_json::from_slice(body).unwrap_or_default(),
    };
    match error["error"]["code"].as_str() {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_told_by_status_and_code_most_frequent_first() {
        let mut tally = Tally::default();
        tally.add(outcome(200, b"{}"));
        for _ in 0..2 {
            tally.add(outcome(503, br#"{"error": {"code": "overloaded"}}"#));
        }
        tally.add(outcome(431, b""));
        assert_eq!(tally.to_string(), "2 × 503 overloaded, 1 × 200, 1 × 431");
        assert_eq!((tally.count("503"), tally.total()), (2, 4));
        tally.is_only(&["503 overloaded", "200", "4"]);
    }
}
