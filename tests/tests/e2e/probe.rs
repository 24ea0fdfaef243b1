//! A storage that would lose data is refused before anything is written to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_tests::cli::Cli;
use dayfly_tests::s3::Bucket;
use dayfly_tests::s3_proxy::{Asked, S3Fault, S3Proxy};
use dayfly_tests::{Builder, Client, FakeEmbedder, Server, Target};
use serde_json::json;

/// A bucket, and a faulty way to it.
struct Setting {
    embedder: FakeEmbedder,
    bucket: Arc<Bucket>,
    proxy: S3Proxy,
}

impl Setting {
    fn new() -> Self {
        let bucket = Arc::new(Bucket::new());
        Self {
            embedder: FakeEmbedder::start(),
            proxy: S3Proxy::before(&bucket),
            bucket,
        }
    }

    /// On which all that `applies` fails like this for ever.
    fn with(fault: S3Fault, applies: impl Fn(&Asked) -> bool + Send + 'static) -> Self {
        let setting = Self::new();
        setting.proxy.fail(usize::MAX, fault, applies);
        setting
    }

    fn on(&self, target: Target) -> Builder {
        Server::builder()
            .on(target)
            .embedder(&self.embedder)
            .bucket(&self.bucket)
            .s3_endpoint(&self.proxy.endpoint())
    }

    /// What a server says that refuses to start.
    fn refusal(&self) -> String {
        let begun = Instant::now();
        let (status, said) = self.on(Target::S3).run_to_end();
        assert!(!status.success(), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{said}");
        said
    }

    fn command(&self, words: &[&str]) -> Cli {
        let (endpoint, name) = (self.proxy.endpoint(), self.bucket.name());
        Cli::new()
            .args(words)
            .bucket(&endpoint, name, &self.bucket.writer())
    }
}

fn creates(asked: &Asked) -> bool {
    asked.create
}

fn deletes_many(asked: &Asked) -> bool {
    asked.method == "POST" && asked.query.contains("delete")
}

#[test]
fn whoever_writes_refuses_a_bucket_that_ignores_conditional_writes() {
    let setting = Setting::with(S3Fault::IgnoreCondition, creates);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let words = "ignores conditional writes";
    assert!(setting.refusal().contains(words));
    for command in [
        &["faiss", "--listen", "127.0.0.1:0"][..],
        &["rebuild", "--worker", "--once"],
        &["import", folder, "--store", "s"],
    ] {
        let said = setting.command(command).run().failure();
        assert!(said.contains(words), "{command:?}: {said}");
        assert!(said.contains("If-None-Match"), "{said}");
    }
    assert!(setting.bucket.keys().is_empty());
}

#[test]
fn a_bucket_that_does_not_know_conditional_writes_is_refused_at_once() {
    let setting = Setting::with(S3Fault::Status(501, "NotImplemented"), creates);
    let said = setting.refusal();
    assert!(
        said.contains("does not support conditional writes"),
        "{said}"
    );
    assert!(setting.bucket.keys().is_empty());
}

#[test]
fn a_bucket_that_does_not_exist_is_refused_by_name() {
    let setting = Setting::new();
    for command in [
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--embed-url",
            "http://127.0.0.1:9/v1",
            "--embed-model",
            "m",
        ][..],
        &["faiss", "--listen", "127.0.0.1:0"],
        &["rebuild", "--worker", "--once"],
    ] {
        let said = Cli::new()
            .args(command)
            .bucket(
                &setting.bucket.endpoint(),
                "never-made",
                &setting.bucket.writer(),
            )
            .run()
            .failure();
        assert!(
            said.contains("never-made") && said.contains("does not exist"),
            "{said}"
        );
    }
}

#[test]
fn a_bucket_without_deletions_of_many_says_how_to_use_it_all_the_same() {
    let setting = Setting::with(S3Fault::Status(501, "NotImplemented"), deletes_many);
    let variable = "AWS_DISABLE_BULK_DELETE";
    assert!(setting.refusal().contains(variable));
    let server = setting.on(Target::S3).env(variable, "true").start();
    server.client().upload("s", "heron");
    assert_eq!(server.client().find("s", "heron").len(), 1);
}

#[test]
fn a_start_leaves_nothing_of_its_probe() {
    let setting = Setting::new();
    let server = setting.on(Target::S3).start();
    assert!(setting.proxy.asked().iter().any(deletes_many));
    assert!(setting.bucket.keys().is_empty());
    drop(server);
}

#[test]
fn conditional_writes_that_stop_to_be_known_are_no_passing_failure() {
    let setting = Setting::new();
    let server = setting.on(Target::S3).start();
    let client = server.client();
    client.upload("s", "heron");
    let unknown = S3Fault::Status(501, "NotImplemented");
    setting.proxy.fail(usize::MAX, unknown, creates);
    cannot_write(&client, "does not support conditional writes");
    assert_eq!(client.find("s", "heron").len(), 1);
}

fn cannot_write(client: &Client, words: &str) {
    let begun = Instant::now();
    let answer = client.post_upload("s", &json!({"text": "more"}));
    let error = answer.error(500);
    assert!(error.message.contains(words), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// On Spin there is no start: the first that writes finds it out.
#[test]
fn on_spin_a_bucket_that_loses_data_can_be_read_and_not_written() {
    for (fault, words) in [
        (S3Fault::IgnoreCondition, "ignores conditional writes"),
        (
            S3Fault::Status(501, "NotImplemented"),
            "does not support conditional writes",
        ),
    ] {
        let setting = Setting::with(fault, creates);
        let server = setting.on(Target::Composed).start();
        let client = server.client();
        for _ in 0..2 {
            cannot_write(&client, words);
            assert!(client.ids("/v1/files").is_empty());
        }
        let keys = setting.bucket.keys();
        assert!(!keys.iter().any(|key| key.contains(".dayfly")), "{keys:?}");
        setting.proxy.release();
        client.upload("s", "heron");
        assert_eq!(client.find("s", "heron").len(), 1);
    }
}

#[test]
fn on_spin_a_bucket_is_probed_once_and_reads_never_ask() {
    let setting = Setting::new();
    let server = setting.on(Target::Composed).start();
    let client = server.client();
    let of_probes = |asked: &Asked| asked.key.contains(".dayfly");
    let probes = || {
        let asked = setting.proxy.asked();
        asked.iter().filter(|asked| of_probes(asked)).count()
    };
    assert!(client.ids("/v1/files").is_empty());
    assert_eq!(probes(), 0);
    client.upload("s", "heron");
    let first = probes();
    assert!(first > 10, "{first}");
    client.upload("s", "another heron");
    assert_eq!(probes(), first + 1);
    assert_eq!(client.find("s", "heron").len(), 2);
    assert_eq!(probes(), first + 1);
    let keys = setting.bucket.keys();
    let own: Vec<&String> = keys.iter().filter(|key| key.contains(".dayfly")).collect();
    assert_eq!(own.len(), 1, "{own:?}");
}

#[test]
fn on_spin_deletions_of_many_are_not_needed() {
    let setting = Setting::with(S3Fault::Status(405, "MethodNotAllowed"), deletes_many);
    let server = setting.on(Target::Composed).start();
    server.client().upload("s", "heron");
    assert!(setting.proxy.faults() > 0);
    assert_eq!(server.client().find("s", "heron").len(), 1);
}
