//! What became of an upload.

use std::path::PathBuf;

use indicatif::BinaryBytes;
use serde_json::{Value, json};

use super::super::client::ClientError;
use super::super::folder::Choice;
use super::super::indexing::IndexError;
use super::super::text;
use super::source::Source;

/// What became of one file.
#[derive(Debug)]
pub struct Outcome {
    place: String,
    name: String,
    result: Result<(String, u64), IndexError>,
}

impl Outcome {
    /// It is searchable.
    pub fn completed(source: &Source, file_id: String, bytes: u64) -> Self {
        Self {
            place: source.place(),
            name: source.name().to_owned(),
            result: Ok((file_id, bytes)),
        }
    }

    /// It is not.
    pub fn failed(source: &Source, error: IndexError) -> Self {
        Self {
            place: source.place(),
            name: source.name().to_owned(),
            result: Err(error),
        }
    }

    /// Whether every other file would meet the same failure.
    pub fn is_hopeless(&self) -> bool {
        match &self.result {
            Err(IndexError::Client(ClientError::Unreachable(_))) => true,
            Err(IndexError::Client(ClientError::Api(answer))) => {
                matches!(answer.status, 401 | 403 | 507)
            }
            _ => false,
        }
    }

    fn json(&self) -> Value {
        let (status, file_id, bytes, error) = match &self.result {
            Ok((file_id, bytes)) => ("completed", Some(file_id), Some(bytes), None),
            Err(error) => ("failed", None, None, Some(error.to_string())),
        };
        json!({
            "path": self.place,
            "filename": self.name,
            "status": status,
            "file_id": file_id,
            "bytes": bytes,
            "error": error,
        })
    }
}

/// What became of all of them.
#[derive(Debug)]
pub struct Report {
    store: String,
    outcomes: Vec<Outcome>,
    skipped: Vec<(PathBuf, String)>,
    refused: Vec<(PathBuf, String)>,
    untried: usize,
}

impl Report {
    /// Before anything was sent.
    pub fn new(store: &str, choice: &Choice) -> Self {
        Self {
            store: store.to_owned(),
            outcomes: Vec::new(),
            skipped: choice.skipped.clone(),
            refused: choice.refused.clone(),
            untried: 0,
        }
    }

    /// One more has ended.
    pub fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// No more will be sent, of so many in all.
    pub fn leave(&mut self, sources: usize) {
        self.untried = sources.saturating_sub(self.outcomes.len());
    }

    /// Whether there was something to upload and all of it is searchable.
    pub fn is_complete(&self) -> bool {
        let succeeded = self.outcomes.iter().all(|outcome| outcome.result.is_ok());
        succeeded && !self.outcomes.is_empty() && self.refused.is_empty() && self.untried == 0
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let left_out = |files: &[(PathBuf, String)]| -> Vec<Value> {
            let entry =
                |(path, reason): &(PathBuf, String)| json!({ "path": path, "reason": reason });
            files.iter().map(entry).collect()
        };
        json!({
            "store": self.store,
            "files": self.outcomes.iter().map(Outcome::json).collect::<Vec<_>>(),
            "skipped": left_out(&self.skipped),
            "refused": left_out(&self.refused),
            "untried": self.untried,
        })
    }

    /// What is searchable now, for people; nothing where nothing is.
    pub fn summary(&self) -> String {
        let done = self
            .outcomes
            .iter()
            .filter_map(|outcome| outcome.result.as_ref().ok());
        let (files, bytes) = done.fold((0, 0), |(files, all), (_, bytes)| (files + 1, all + bytes));
        if files == 0 {
            return String::new();
        }
        let store = text::printable(&self.store);
        let plural = if files == 1 { "" } else { "s" };
        let size = BinaryBytes(bytes);
        format!("{files} file{plural} ({size}) searchable in the store {store}\n")
    }

    /// What is not, and why, for people; a line for each.
    pub fn failures(&self) -> String {
        let refused = self
            .refused
            .iter()
            .map(|(path, reason)| format!("error: {}: {reason}\n", path.display()));
        let failed = self.outcomes.iter().filter_map(|outcome| {
            let error = outcome.result.as_ref().err()?;
            Some(format!("error: {}: {error}\n", outcome.place))
        });
        let untried = (self.untried > 0).then(|| format!("{} more not tried\n", self.untried));
        let nothing = (self.outcomes.is_empty() && self.refused.is_empty() && self.untried == 0)
            .then(|| "error: there is no text to upload\n".to_owned());
        refused
            .chain(failed)
            .chain(untried)
            .chain(nothing)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> Source {
        Source::Stdin(name.to_owned())
    }

    fn unreachable() -> IndexError {
        ClientError::Unreachable(url::Url::parse("http://127.0.0.1:1").unwrap()).into()
    }

    fn report(outcomes: Vec<Outcome>) -> Report {
        let mut report = Report::new("handbook", &Choice::default());
        let count = outcomes.len();
        for outcome in outcomes {
            report.add(outcome);
        }
        report.leave(count);
        report
    }

    #[test]
    fn files_and_bytes_are_summed() {
        let report = report(vec![
            Outcome::completed(&source("a"), "file-1".to_owned(), 1024),
            Outcome::completed(&source("b"), "file-2".to_owned(), 1024),
        ]);
        assert!(report.is_complete());
        assert_eq!(
            report.summary(),
            "2 files (2.00 KiB) searchable in the store handbook\n"
        );
        assert_eq!(report.json()["files"][1]["file_id"], "file-2");
    }

    #[test]
    fn one_failure_makes_the_upload_fail_and_is_explained() {
        let report = report(vec![
            Outcome::completed(&source("a"), "file-1".to_owned(), 1),
            Outcome::failed(&source("b"), unreachable()),
        ]);
        assert!(!report.is_complete());
        assert!(report.failures().contains("dayfly serve"));
        assert_eq!(report.json()["files"][1]["status"], "failed");
    }

    #[test]
    fn what_was_not_tried_is_counted() {
        let mut report = report(vec![Outcome::failed(&source("a"), unreachable())]);
        report.leave(8);
        assert!(report.failures().contains("7 more not tried"));
    }

    #[test]
    fn nothing_to_upload_is_a_failure() {
        let report = report(Vec::new());
        assert!(!report.is_complete());
        assert!(report.failures().contains("no text"));
    }

    #[test]
    fn only_a_failure_that_all_files_share_is_hopeless() {
        assert!(Outcome::failed(&source("a"), unreachable()).is_hopeless());
        let own = IndexError::Ended {
            status: "failed".to_owned(),
            reason: "it is no text".to_owned(),
        };
        assert!(!Outcome::failed(&source("a"), own).is_hopeless());
    }
}
