//! `dayfly doctor` says what is well and what is not.

use dayfly_tests::FakeEmbedder;
use dayfly_tests::cli::Cli;
use dayfly_tests::s3::Bucket;
use serde_json::Value;

use crate::Setting;

fn doctor(embedder: &FakeEmbedder) -> Cli {
    Cli::new()
        .arg("doctor")
        .args(["--embed-url", &embedder.url(), "--embed-model", "fake"])
}

/// How each check ended, by its name, and what was said of it.
struct Report(Value);

impl Report {
    /// Of a call whose exit code has to fit what it says.
    fn of(cli: Cli) -> Self {
        let ended = cli.arg("--json").run();
        let report: Value = serde_json::from_str(&ended.stdout())
            .unwrap_or_else(|error| panic!("{error}: {} {}", ended.stdout(), ended.stderr()));
        match report["ok"].as_bool() {
            Some(true) => drop(ended.success()),
            _ => drop(ended.failure()),
        }
        Self(report)
    }

    fn check(&self, name: &str) -> (&str, &str) {
        let checks = self.0["checks"].as_array().unwrap();
        let found = checks.iter().find(|check| check["check"] == name);
        let found = found.unwrap_or_else(|| panic!("no {name}: {checks:?}"));
        let text = |field: &str| found[field].as_str().unwrap();
        (text("state"), text("detail"))
    }

    fn failed(&self, name: &str, words: &str) {
        let (state, detail) = self.check(name);
        assert!(
            state == "failed" && detail.contains(words),
            "{name}: {state}, {detail}"
        );
        assert_eq!(self.0["ok"], false);
    }
}

#[test]
fn all_is_well_on_a_directory_also_beside_its_server() {
    let setting = Setting::new();
    let data = setting.server.data();
    let report = Report::of(doctor(&setting.embedder).arg("--data").arg(&data));
    assert_eq!(report.0["ok"], true);
    for name in [
        "reachable",
        "conditional writes",
        "reading back",
        "writers at once",
        "listing order",
        "deletion",
        "permissions",
        "clock",
        "embedder",
    ] {
        assert_eq!(report.check(name).0, "good", "{name}");
    }
    let (_, embedder) = report.check("embedder");
    assert!(
        embedder.contains("fake") && embedder.contains("dimensions"),
        "{embedder}"
    );
    let node = std::fs::read_to_string(data.join(".dayfly/node")).unwrap();
    assert_eq!(report.check("node"), ("good", node.trim()));
    assert_eq!(report.check("model").0, "skipped");
    let said = doctor(&setting.embedder)
        .arg("--data")
        .arg(&data)
        .run()
        .success();
    assert!(
        said.contains("fsync") && said.contains("ms") && !said.contains("FAILED"),
        "{said}"
    );
}

#[test]
fn an_embedder_that_is_away_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let report = Report::of(Cli::new().arg("doctor").directory(folder.path()).args([
        "--embed-url",
        "http://127.0.0.1:9/v1/embeddings",
        "--embed-model",
        "fake",
    ]));
    report.failed("embedder", "127.0.0.1:9");
    assert_eq!(report.check("permissions").0, "good");
}

#[test]
fn a_bucket_is_examined_with_what_the_credentials_allow() {
    let embedder = FakeEmbedder::start();
    let bucket = Bucket::new();
    let (endpoint, name) = (bucket.endpoint(), bucket.name());
    let report = Report::of(doctor(&embedder).bucket(&endpoint, name, &bucket.writer()));
    assert_eq!(report.0["ok"], true);
    assert_eq!(report.check("fsync").0, "skipped");
    assert!(bucket.keys().is_empty());
    let report = Report::of(doctor(&embedder).bucket(&endpoint, name, &bucket.reader()));
    assert_eq!(report.check("reachable").0, "good");
    report.failed("permissions", "credentials");
    let report = Report::of(doctor(&embedder).bucket(&endpoint, "never-made", &bucket.writer()));
    report.failed("reachable", "does not exist");
}

#[test]
fn a_directory_that_cannot_be_used_is_told_and_the_rest_is_looked_at() {
    let embedder = FakeEmbedder::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    let report = Report::of(doctor(&embedder).arg("--data").arg(file.path()));
    report.failed("reachable", file.path().to_str().unwrap());
    assert_eq!(report.check("embedder").0, "good");
    let wrong = doctor(&embedder).args(["--limit-wall-ms", "soon"]).run();
    assert!(wrong.failure().contains("--limit-wall-ms"));
}
