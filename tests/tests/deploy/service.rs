//! The program as a deployment starts it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use dayfly::options::{JobOptions, LimitOptions, RebuildOptions, ServeOptions};
use dayfly_tests::cli::Cli;
use dayfly_tests::key::KeyPair;
use dayfly_tests::s3::Bucket;
use dayfly_tests::{Client, binary};
use serde_json::json;
use tempfile::TempDir;

use crate::files::{Environment, suggestions, variables};

/// What is set for both kinds of deployment.
pub const EXAMPLE: &str = "deploy/dayfly.example.env";

/// What a program without a request needs: the embedding model's weights and activations, the
/// compiled guests and the compiler. Measured at a first start and one upload: 194 MiB.
pub const HOST_MIB: u64 = 512;

/// A command and its whole environment.
pub struct Service {
    /// What follows the program's name.
    pub arguments: Vec<String>,
    /// All that it finds in its environment.
    pub environment: Environment,
}

/// What an operator has.
pub struct Place {
    /// Where everything is kept.
    pub bucket: Bucket,
    /// Whose tokens are good.
    pub keys: KeyPair,
    /// All that may be written.
    pub folder: TempDir,
}

impl Place {
    /// One of a test's own.
    pub fn new() -> Self {
        Self {
            bucket: Bucket::new(),
            keys: KeyPair::new(),
            folder: tempfile::tempdir().unwrap(),
        }
    }
}

/// A running one; killed when dropped.
pub struct Running {
    child: Child,
    /// Its caller, without a token.
    pub client: Client,
    _stdout: BufReader<ChildStdout>,
}

impl Service {
    /// Puts what an operator fills in, and what a test machine has elsewhere, into their places.
    ///
    /// # Panics
    /// When what an operator fills in has no place.
    pub fn filled_in(mut self, place: &Place) -> Self {
        let credentials = place.bucket.writer();
        let values = [
            (
                "DAYFLY_DATA",
                format!("s3://{}/dayfly", place.bucket.name()),
            ),
            ("AWS_ENDPOINT_URL", place.bucket.endpoint()),
            ("AWS_ACCESS_KEY_ID", credentials.id),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret),
        ];
        for (name, value) in values {
            let set = self.environment.get_mut(name);
            *set.unwrap_or_else(|| panic!("{name} is not set")) = value;
        }
        let folder = place.folder.path().display().to_string();
        let elsewhere = [
            (
                "DAYFLY_AUTH_KEYS",
                place.keys.public().display().to_string(),
            ),
            ("DAYFLY_CACHE", folder.clone()),
            ("DAYFLY_MODEL_DIR", models()),
            ("TMPDIR", folder),
        ];
        // Not every command needs all of them, and one that does would not do without.
        for (name, value) in elsewhere {
            if let Some(set) = self.environment.get_mut(name) {
                *set = value;
            }
        }
        // The tests' S3 has no TLS.
        let plain = suggestions(EXAMPLE).remove_entry("AWS_ALLOW_HTTP").unwrap();
        self.environment.extend([plain]);
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(binary::dayfly());
        command
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end, which has to be a good one.
    ///
    /// # Panics
    /// When it is not.
    pub fn ends_well(&self) {
        let output = self.command().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let arguments = &self.arguments;
        assert!(output.status.success(), "{arguments:?}: {said}");
    }

    /// Starts it on a free port, and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(&self) -> Running {
        let mut child = self
            .command()
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ");
        Running {
            client: Client::new(address.unwrap_or_else(|| panic!("it said `{line}` and ended"))),
            child,
            _stdout: stdout,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `service` on a bucket of the test's own, and does with it what it is for.
///
/// # Panics
/// When it does not serve.
pub fn serves(service: Service, probe: &str) {
    let place = Place::new();
    let running = service.filled_in(&place).start();
    assert_eq!(running.client.get(probe).status, 200);
    assert_eq!(running.client.get("/v1/files").status, 401);

    let client = running
        .client
        .with_token(&place.keys.token("acme", &["read", "write"]));
    let upload = client.post_json("/upload", &json!({"text": "Mayflies live for a day."}));
    assert_eq!(upload.status, 200, "{}", upload.text());
    let query = json!({"query": "How long does a mayfly live?"});
    let found = client
        .post_json("/v1/vector_stores/default/search", &query)
        .ok();
    let passage = &found["data"][0]["content"][0]["text"];
    assert_eq!(passage, "Mayflies live for a day.");
    let keys = place.bucket.keys();
    assert!(
        keys.iter().any(|key| key.starts_with("dayfly/acme/")),
        "{keys:?}"
    );
    assert!(
        place.folder.path().read_dir().unwrap().next().is_some(),
        "no guest is kept"
    );
}

/// Where this machine has the embedding models.
fn models() -> String {
    let named = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    named("DAYFLY_MODEL_DIR")
        .or_else(|| named("XDG_DATA_HOME").map(|data| format!("{data}/dayfly/models")))
        .or_else(|| named("HOME").map(|home| format!("{home}/.local/share/dayfly/models")))
        .unwrap()
}

/// Asserts that a command of `dayfly` knows each of its own variables among `environment`.
///
/// # Panics
/// When it does not; the message names it.
pub fn knows(command: &str, environment: &Environment) {
    let help = Cli::new().args([command, "--help"]).run().success();
    let mut known: BTreeSet<&str> = help
        .split("[env: ")
        .skip(1)
        .filter_map(|rest| rest.split_once('=').map(|(name, _)| name))
        .collect();
    assert!(known.contains("DAYFLY_LISTEN"), "{known:?}");
    // Of all commands, so no option of one.
    known.insert("DAYFLY_MODEL_DIR");
    for name in environment
        .keys()
        .filter(|name| name.starts_with("DAYFLY_"))
    {
        assert!(
            known.contains(name.as_str()),
            "`dayfly {command}` does not know {name}"
        );
    }
}

/// A number that is set in `environment`, or its default.
fn set(environment: &Environment, name: &str, default: u32) -> u64 {
    let value = environment.get(name).map(|value| value.parse().unwrap());
    value.unwrap_or(default).into()
}

/// MiB that all rebuilds at once may take.
pub fn rebuild_mib(environment: &Environment) -> u64 {
    let RebuildOptions {
        concurrency,
        memory_mib,
        ..
    } = RebuildOptions::default();
    set(environment, "DAYFLY_REBUILD_CONCURRENCY", concurrency)
        * set(environment, "DAYFLY_REBUILD_MEMORY_MIB", memory_mib)
}

/// MiB that all instances, jobs and rebuilds at once, and the program itself, may take.
pub fn needed_mib(environment: &Environment) -> u64 {
    let set = |name, default| set(environment, name, default);
    let ServeOptions { limits, jobs, .. } = ServeOptions::default();
    let LimitOptions {
        instances,
        memory_mib,
        ..
    } = limits;
    let JobOptions {
        concurrency,
        memory_mib: job_mib,
        ..
    } = jobs;
    HOST_MIB
        + rebuild_mib(environment)
        + set("DAYFLY_LIMIT_INSTANCES", instances) * set("DAYFLY_LIMIT_MEMORY_MIB", memory_mib)
        + set("DAYFLY_JOB_CONCURRENCY", concurrency) * set("DAYFLY_JOB_MEMORY_MIB", job_mib)
}

/// Seconds that requests under way get at a stop.
pub fn grace_seconds(environment: &Environment) -> u64 {
    let set = environment.get("DAYFLY_SHUTDOWN_GRACE_MS");
    let ms = set.map(|value| value.parse().unwrap());
    ms.unwrap_or(ServeOptions::default().shutdown_grace_ms)
        .div_ceil(1000)
}

#[test]
fn all_that_the_example_names_is_known() {
    knows("serve", &variables(EXAMPLE));
    knows("serve", &suggestions(EXAMPLE));
}

#[test]
fn the_variable_that_the_example_names_for_the_key_is_the_one_that_it_sets() {
    let suggested = suggestions(EXAMPLE);
    assert!(suggested.contains_key(&suggested["DAYFLY_EMBED_KEY_ENV"]));
}

#[test]
fn the_example_holds_no_secret() {
    for environment in [variables(EXAMPLE), suggestions(EXAMPLE)] {
        for (name, value) in environment {
            let named = ["KEY_ID", "_KEY", "TOKEN"]
                .iter()
                .any(|end| name.ends_with(end));
            assert!(
                !named || ["", "REPLACE-ME"].contains(&value.as_str()),
                "{name}={value}"
            );
        }
    }
}
