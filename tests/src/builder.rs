//! How a server is to be started.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::s3::{Bucket, Credentials};
use crate::target::Target;
use crate::{FakeEmbedder, Server, binary, composed, server, wait};

/// Before every key of a bucket, so that a prefix is always among what is tested.
pub(crate) const PREFIX: &str = "of/dayfly";

/// What a key's variable is named.
const KEY_VARIABLE: &str = "KEY_OF_THE_PROVIDER";

/// How a server is to be started; see [`Server::builder`].
#[derive(Default, Clone)]
pub struct Builder {
    pub(crate) target: Option<Target>,
    pub(crate) program: Option<PathBuf>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) bucket: Option<Arc<Bucket>>,
    pub(crate) s3_endpoint: Option<String>,
    pub(crate) s3_credentials: Option<Credentials>,
    pub(crate) embed_url: Option<String>,
    pub(crate) embed_key: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) auth_keys: Vec<PathBuf>,
    pub(crate) auth_revoked: Option<PathBuf>,
    pub(crate) options: Vec<(String, String)>,
    pub(crate) arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

impl Builder {
    /// Another target than this run's.
    #[must_use]
    pub fn on(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// Another program than `dayfly`, called with the same arguments, on a directory.
    #[must_use]
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = Some(path.into());
        self.on(Target::Local)
    }

    /// This data directory; one of its own by default.
    #[must_use]
    pub fn data(mut self, path: impl Into<PathBuf>) -> Self {
        self.data = Some(path.into());
        self.on(Target::Local)
    }

    /// This bucket, where the target has one; one of its own by default.
    #[must_use]
    pub fn bucket(mut self, bucket: &Arc<Bucket>) -> Self {
        self.bucket = Some(Arc::clone(bucket));
        self
    }

    /// Where the bucket is said to be; its own server by default.
    #[must_use]
    pub fn s3_endpoint(mut self, url: &str) -> Self {
        self.s3_endpoint = Some(url.to_owned());
        self
    }

    /// The keys to the bucket; ones that may do everything by default.
    #[must_use]
    pub fn s3_credentials(mut self, credentials: Credentials) -> Self {
        self.s3_credentials = Some(credentials);
        self
    }

    /// The embedding provider; the embedded one by default.
    #[must_use]
    pub fn embedder(self, embedder: &FakeEmbedder) -> Self {
        self.embed_url(&embedder.url())
    }

    /// The embedding provider's endpoint, whoever listens there.
    #[must_use]
    pub fn embed_url(mut self, url: &str) -> Self {
        self.embed_url = Some(url.to_owned());
        self
    }

    /// The key that the provider asks for; none by default.
    #[must_use]
    pub fn embed_key(mut self, key: &str) -> Self {
        self.embed_key = Some(key.to_owned());
        self
    }

    /// The model to ask the provider for; `fake` by default.
    #[must_use]
    pub fn model(mut self, name: &str) -> Self {
        self.model = Some(name.to_owned());
        self
    }

    /// One more file with a public key that tokens are verified with.
    #[must_use]
    pub fn auth_key(mut self, path: impl Into<PathBuf>) -> Self {
        self.auth_keys.push(path.into());
        self
    }

    /// The list of tokens that are no longer accepted; a composed target has it as it is at its start.
    #[must_use]
    pub fn auth_revoked(mut self, path: impl Into<PathBuf>) -> Self {
        self.auth_revoked = Some(path.into());
        self
    }

    /// An option of `dayfly serve`. A composed target takes those that have a variable.
    #[must_use]
    pub fn option(mut self, name: &str, value: impl ToString) -> Self {
        self.options.push((name.to_owned(), value.to_string()));
        self
    }

    /// One more argument for `dayfly serve`.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// One environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits until it listens.
    ///
    /// # Panics
    /// When it ends or stays silent instead.
    pub fn start(mut self) -> Server {
        if self.target() != Target::Local && self.bucket.is_none() {
            self.bucket = Some(Arc::new(Bucket::new()));
        }
        Server::launch(self, tempfile::tempdir().unwrap())
    }

    /// Runs it where it is expected to refuse: gives how it ended and all that it said.
    ///
    /// # Panics
    /// When it has not ended after a minute.
    pub fn run_to_end(self) -> (ExitStatus, String) {
        let directory = tempfile::tempdir().unwrap();
        let mut child = self.spawn(directory.path());
        let status = wait::until_within(Duration::from_secs(60), "dayfly serve to end", || {
            child.try_wait().unwrap()
        });
        let mut said = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            let _ = std::io::Read::read_to_string(&mut stdout, &mut said);
        }
        (status, said + &server::log(directory.path()))
    }

    pub(crate) fn target(&self) -> Target {
        self.target.unwrap_or_else(Target::of_this_run)
    }

    pub(crate) fn spawn(&self, directory: &Path) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(directory.join("log"))
            .unwrap();
        let mut command = match self.target() {
            Target::Local | Target::S3 => self.serve(directory),
            Target::Composed => composed::command(self),
        };
        command
            .envs(self.environment.iter().cloned())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
    }

    pub(crate) fn data_path(&self, directory: &Path) -> PathBuf {
        self.data.clone().unwrap_or_else(|| directory.join("data"))
    }

    pub(crate) fn model_name(&self) -> &str {
        self.model.as_deref().unwrap_or("fake")
    }

    fn serve(&self, directory: &Path) -> Command {
        let program = self.program.as_deref();
        let mut command = Command::new(program.unwrap_or_else(|| binary::dayfly()));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("DAYFLY_") || text.starts_with("AWS_") {
                command.env_remove(&name);
            }
        }
        command.arg("serve");
        if !self.options.iter().any(|(name, _)| name == "--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        match &self.bucket {
            Some(bucket) => self.use_bucket(&mut command, bucket),
            None => drop(command.arg("--data").arg(self.data_path(directory))),
        }
        if let Some(url) = &self.embed_url {
            command.args(["--embed-url", url, "--embed-model", self.model_name()]);
        }
        if let Some(key) = &self.embed_key {
            command.args(["--embed-key-env", KEY_VARIABLE]);
            command.env(KEY_VARIABLE, key);
        }
        for key in &self.auth_keys {
            command.arg("--auth-key").arg(key);
        }
        if let Some(list) = &self.auth_revoked {
            command.arg("--auth-revoked").arg(list);
        }
        for (name, value) in &self.options {
            command.args([name, value]);
        }
        command.args(&self.arguments);
        command
    }

    fn use_bucket(&self, command: &mut Command, bucket: &Bucket) {
        let credentials = self.credentials(bucket);
        command
            .arg("--data")
            .arg(format!("s3://{}/{PREFIX}", bucket.name()))
            .env("AWS_ENDPOINT", self.endpoint(bucket))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", credentials.id)
            .env("AWS_SECRET_ACCESS_KEY", credentials.secret);
    }

    pub(crate) fn endpoint(&self, bucket: &Bucket) -> String {
        let given = self.s3_endpoint.clone();
        given.unwrap_or_else(|| bucket.endpoint())
    }

    pub(crate) fn credentials(&self, bucket: &Bucket) -> Credentials {
        let given = self.s3_credentials.clone();
        given.unwrap_or_else(|| bucket.writer())
    }
}
