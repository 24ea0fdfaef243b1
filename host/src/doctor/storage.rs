//! What there is to say of the storage.

use std::path::Path;

use dayfly_core::probe::{Check, ProbeError, Report};

use super::{Finding, disk};
use crate::options::ServeOptions;
use crate::storage::{Data, DataError, OWN_FOLDER, Storage, try_out};

const PERMISSIONS: &str = "permissions";
const CLOCK: &str = "clock";
const FSYNC: &str = "fsync";
const NODE: &str = "node";

pub(super) async fn examine(options: &ServeOptions) -> Vec<Finding> {
    let directory = (!options.data.contains("://")).then(|| Path::new(&options.data));
    let mut findings = match open(options, directory) {
        Ok(storage) => {
            let (passed, result) = try_out(&storage).await;
            described(&options.data, &passed, result)
        }
        Err(error) => unopened(&error),
    };
    findings.push(fsync(directory));
    findings.push(node(options, directory));
    findings
}

/// A directory is made where there is none, as a server makes it.
fn open(options: &ServeOptions, directory: Option<&Path>) -> Result<Storage, DataError> {
    if let Some(path) = directory {
        std::fs::create_dir_all(path).map_err(|source| DataError::Directory {
            path: path.into(),
            source,
        })?;
    }
    Data::beside(&options.data)
}

fn unopened(error: &DataError) -> Vec<Finding> {
    let [first, rest @ ..] = Check::ALL.map(Check::name);
    let rest = rest.into_iter().chain([PERMISSIONS, CLOCK]);
    let rest = rest.map(|name| Finding::skipped(name, "there is no storage to try"));
    let first = Finding::failed(first, error.to_string());
    std::iter::once(first).chain(rest).collect()
}

fn described(place: &str, passed: &[Check], result: Result<Report, ProbeError>) -> Vec<Finding> {
    let mut error = result.as_ref().err();
    let mut findings: Vec<Finding> = Check::ALL
        .into_iter()
        .map(|check| match passed.contains(&check) {
            true => Finding::good(check.name(), seen(place, check)),
            false => match error.take() {
                Some(error) => Finding::failed(check.name(), format!("{place}: {error}")),
                None => Finding::skipped(check.name(), "an earlier check failed"),
            },
        })
        .collect();
    findings.push(permissions(result.as_ref().err()));
    findings.push(match result {
        Ok(report) => clock(&report),
        Err(_) => Finding::skipped(CLOCK, "an earlier check failed"),
    });
    findings
}

fn seen(place: &str, check: Check) -> String {
    match check {
        Check::Reach => place,
        Check::Create => "an object is created once",
        Check::Read => "what was written is read at once",
        Check::Contest => "of several that create an object, one does",
        Check::List => "by key, at once, and resumed after a key",
        Check::Delete => "one and many, gone at once",
    }
    .to_owned()
}

fn permissions(error: Option<&ProbeError>) -> Finding {
    match error {
        None => Finding::good(PERMISSIONS, "put, get, list and delete"),
        Some(error @ ProbeError::Denied { .. }) => Finding::failed(PERMISSIONS, error.to_string()),
        Some(_) => Finding::skipped(PERMISSIONS, "an earlier check failed"),
    }
}

fn clock(report: &Report) -> Finding {
    match report.warning() {
        Some(warning) => Finding::warning(CLOCK, warning),
        // Storages date in whole seconds.
        None => {
            let seconds = report.clock_ahead_ms.unsigned_abs() / 1_000;
            let detail = format!("within {} s of the storage's", seconds + 1);
            Finding::good(CLOCK, detail)
        }
    }
}

fn fsync(directory: Option<&Path>) -> Finding {
    let Some(path) = directory else {
        return Finding::skipped(FSYNC, "a bucket answers when it has stored");
    };
    match (disk::is_memory(path), disk::time_sync(path)) {
        (_, Err(error)) => Finding::failed(
            FSYNC,
            format!("a file in {} cannot be synced: {error}", path.display()),
        ),
        (Ok(true), Ok(_)) => Finding::warning(
            FSYNC,
            format!(
                "{} is kept in memory (tmpfs): everything is lost when the machine stops. Choose a \
                 directory on a disk with --data",
                path.display()
            ),
        ),
        (_, Ok(took)) => Finding::good(FSYNC, format!("{:.1} ms", took.as_secs_f64() * 1e3)),
    }
}

fn node(options: &ServeOptions, directory: Option<&Path>) -> Finding {
    let kept = directory.and_then(|path| {
        let file = path.join(OWN_FOLDER).join("node");
        let kept = std::fs::read_to_string(file).ok()?;
        Some(kept.trim().to_owned())
    });
    let name = options.node.clone().or(kept);
    Finding::good(
        NODE,
        match (name, directory) {
            (Some(name), _) => name,
            (None, Some(_)) => "drawn at the first start, and kept with the data".to_owned(),
            (None, None) => "drawn at each start".to_owned(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    fn states(findings: &[Finding]) -> Vec<(&'static str, State)> {
        findings
            .iter()
            .map(|finding| (finding.check, finding.state))
            .collect()
    }

    #[test]
    fn what_comes_after_a_failure_was_not_looked_at() {
        let findings = described(
            "s3://bucket",
            &[Check::Reach],
            Err(ProbeError::ConditionalWritesIgnored),
        );
        assert_eq!(
            states(&findings),
            [
                ("reachable", State::Good),
                ("conditional writes", State::Failed),
                ("reading back", State::Skipped),
                ("writers at once", State::Skipped),
                ("listing order", State::Skipped),
                ("deletion", State::Skipped),
                ("permissions", State::Skipped),
                ("clock", State::Skipped),
            ]
        );
        assert!(findings[1].detail.contains("If-None-Match"));
    }

    #[test]
    fn a_refusal_is_one_of_permissions() {
        let denied = ProbeError::Denied {
            what: "deleting",
            text: "no".to_owned(),
        };
        let findings = described("s3://bucket", &Check::ALL[..5], Err(denied));
        assert_eq!(findings[5].state, State::Failed);
        assert_eq!(findings[6].state, State::Failed);
        assert!(findings[6].detail.contains("deleting"));
    }

    #[test]
    fn clocks_that_differ_are_a_warning() {
        for (clock_ahead_ms, state) in [
            (-900, State::Good),
            (59_000, State::Good),
            (-61_000, State::Warning),
        ] {
            assert_eq!(clock(&Report { clock_ahead_ms }).state, state);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_is_made_tried_and_left() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        let options = ServeOptions {
            data: data.display().to_string(),
            ..ServeOptions::default()
        };
        let findings = examine(&options).await;
        let well = |finding: &Finding| matches!(finding.state, State::Good | State::Warning);
        assert!(findings.iter().all(well), "{findings:?}");
        let left: Vec<_> = std::fs::read_dir(&data).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_place_that_cannot_be_opened_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for data in [file.path().display().to_string(), "ftp://host/x".to_owned()] {
            let options = ServeOptions {
                data: data.clone(),
                ..ServeOptions::default()
            };
            let findings = examine(&options).await;
            assert_eq!(findings[0].state, State::Failed);
            assert!(findings[0].detail.contains(&data), "{findings:?}");
        }
    }
}
