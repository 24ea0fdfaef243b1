//! The real binary, serving.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::metrics::Metrics;
use crate::{Client, FakeEmbedder, binary, process, wait};

/// How a server is to be started; see [`Server::builder`].
#[derive(Default, Clone)]
pub struct Builder {
    program: Option<PathBuf>,
    data: Option<PathBuf>,
    embed_url: Option<String>,
    model: Option<String>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

/// A running `dayfly serve`; killed when dropped. Its log is printed when the test fails.
pub struct Server {
    builder: Builder,
    child: Child,
    client: Client,
    directory: tempfile::TempDir,
}

impl Builder {
    /// Another program than `dayfly`, called with the same arguments.
    #[must_use]
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = Some(path.into());
        self
    }

    /// The data directory; one of its own by default.
    #[must_use]
    pub fn data(mut self, path: impl Into<PathBuf>) -> Self {
        self.data = Some(path.into());
        self
    }

    /// The embedding provider; the embedded one by default.
    #[must_use]
    pub fn embedder(mut self, embedder: &FakeEmbedder) -> Self {
        self.embed_url = Some(embedder.url());
        self
    }

    /// The embedding provider's endpoint, whoever listens there.
    #[must_use]
    pub fn embed_url(mut self, url: &str) -> Self {
        self.embed_url = Some(url.to_owned());
        self
    }

    /// The model to ask the provider for; `fake` by default.
    #[must_use]
    pub fn model(mut self, name: &str) -> Self {
        self.model = Some(name.to_owned());
        self
    }

    /// One more argument for `dayfly serve`.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// An option with its value.
    #[must_use]
    pub fn option(self, name: &str, value: impl ToString) -> Self {
        self.arg(name).arg(value.to_string())
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
    pub fn start(self) -> Server {
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
        (status, said + &log(directory.path()))
    }

    fn spawn(&self, directory: &Path) -> Child {
        let program = self
            .program
            .clone()
            .unwrap_or_else(|| binary::dayfly().to_path_buf());
        let log = File::options()
            .create(true)
            .append(true)
            .open(directory.join("log"))
            .unwrap();
        let mut command = Command::new(&program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DAYFLY_") {
                command.env_remove(name);
            }
        }
        command.arg("serve");
        if !self.arguments.iter().any(|argument| argument == "--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.arg("--data").arg(self.data_path(directory));
        if let Some(url) = &self.embed_url {
            let model = self.model.as_deref().unwrap_or("fake");
            command.args(["--embed-url", url, "--embed-model", model]);
        }
        command
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()))
    }

    fn data_path(&self, directory: &Path) -> PathBuf {
        self.data.clone().unwrap_or_else(|| directory.join("data"))
    }
}

impl Server {
    /// What may be set before a start.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A server without keys, with `embedder`, on a directory of its own.
    pub fn start(embedder: &FakeEmbedder) -> Self {
        Self::builder().embedder(embedder).start()
    }

    /// Ends the process with `SIGKILL`, so that it can tidy nothing up.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the process to end (`SIGTERM`) and waits until it has.
    ///
    /// # Panics
    /// When it has not after two minutes.
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        wait::until("dayfly serve to end", || self.child.try_wait().unwrap())
    }

    /// Starts it again on the same data with the same arguments, on another port.
    #[must_use]
    pub fn restart(mut self) -> Self {
        self.kill();
        let builder = self.builder.clone();
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        Self::launch(builder, directory)
    }

    /// A caller without a token.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident bytes of the process, as the kernel has it.
    pub fn resident_bytes(&self) -> u64 {
        process::resident_bytes(self.pid())
    }

    /// One reading of `/metrics`.
    pub fn metrics(&self) -> Metrics {
        Metrics::read(&self.client)
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.builder.data_path(self.directory.path())
    }

    /// All that it wrote to standard error.
    pub fn log(&self) -> String {
        log(self.directory.path())
    }

    fn launch(builder: Builder, directory: tempfile::TempDir) -> Self {
        let mut child = builder.spawn(directory.path());
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on ") {
                    let _ = sender.send(address.trim().trim_end_matches('/').to_owned());
                }
            }
        });
        let Ok(base) = receiver.recv_timeout(wait::DEADLINE) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("dayfly serve did not listen: {}", log(directory.path()));
        };
        let client = Client::new(&base);
        Self {
            builder,
            child,
            client,
            directory,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let start = log.len().saturating_sub(4000);
            let tail = log.get(start..).unwrap_or(&log);
            eprintln!("--- the server's log ends with:\n{tail}---");
        }
    }
}

fn log(directory: &Path) -> String {
    let bytes = std::fs::read(directory.join("log")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
