//! A server under test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;

use serde_json::Value;

use crate::builder::{Builder, PREFIX};
use crate::metrics::Metrics;
use crate::target::Target;
use crate::{Cli, Client, FakeEmbedder, process, wait};

/// A running `dayfly serve`, or what the target has in its place; killed when dropped. Its log is printed when the test fails.
pub struct Server {
    builder: Builder,
    child: Child,
    client: Client,
    directory: tempfile::TempDir,
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
    pub fn restart(self) -> Self {
        self.restart_with(|builder| builder)
    }

    /// Starts it again on the same data with other arguments.
    #[must_use]
    pub fn restart_with(mut self, change: impl FnOnce(Builder) -> Builder) -> Self {
        self.kill();
        let builder = change(self.builder.clone());
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

    /// Waits until no request is under way and no ingestion goes on, where the host tells: that
    /// of a composed target does not.
    pub fn wait_until_idle(&self) {
        if self.builder.target() == Target::Composed {
            return;
        }
        wait::until("all instances to end", || {
            (self.metrics().sum("dayfly_instances", &[]) == 0.0).then_some(())
        });
    }

    /// The keys of all that it keeps, in order.
    pub fn stored(&self) -> Vec<String> {
        let Some(bucket) = &self.builder.bucket else {
            let mut keys = Vec::new();
            files_below(&self.data(), "", &mut keys);
            keys.sort_unstable();
            return keys;
        };
        let keys = bucket.keys();
        let own = keys.iter().filter_map(|key| key.strip_prefix(PREFIX));
        own.map(|key| key.trim_start_matches('/').to_owned())
            .collect()
    }

    /// That `dayfly verify` finds everything that it keeps as it was written, and nothing that
    /// belongs to nothing.
    ///
    /// # Panics
    /// When it does not.
    pub fn verify(&self) {
        let cli = Cli::new().args(["verify", "--json"]);
        let cli = match &self.builder.bucket {
            Some(bucket) => cli.bucket(&bucket.endpoint(), bucket.name(), &bucket.writer()),
            None => cli.arg("--data").arg(self.data()),
        };
        let said = cli.run().success();
        let found: Value = serde_json::from_str(&said).unwrap();
        let of_stores = found["stores"].as_array().unwrap().iter();
        let findings = of_stores.map(|store| &store["findings"]);
        for findings in findings.chain([&found["rest"]]) {
            assert_eq!(findings["damages"], 0, "{said}");
            assert_eq!(findings["unreachable"]["objects"], 0, "{said}");
        }
    }

    /// The data directory.
    ///
    /// # Panics
    /// When this server has a bucket in its place.
    pub fn data(&self) -> PathBuf {
        assert!(
            self.builder.bucket.is_none(),
            "this target has no directory"
        );
        self.builder.data_path(self.directory.path())
    }

    /// All that it wrote to standard error.
    pub fn log(&self) -> String {
        log(self.directory.path())
    }

    pub(crate) fn launch(builder: Builder, directory: tempfile::TempDir) -> Self {
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
            panic!("the server did not listen: {}", log(directory.path()));
        };
        let client = match builder.target() {
            Target::Composed => Client::new(&base).without_request_ids(),
            Target::Local | Target::S3 => Client::new(&base),
        };
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

pub(crate) fn log(directory: &Path) -> String {
    let bytes = std::fs::read(directory.join("log")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The keys of the files below `folder`; what begins with a dot is no tenant's.
fn files_below(folder: &Path, prefix: &str, keys: &mut Vec<String>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // Folders go as they become empty.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let key = format!("{prefix}{name}");
        if name.starts_with('.') {
            continue;
        }
        match entry.file_type().unwrap().is_dir() {
            true => files_below(&entry.path(), &format!("{key}/"), keys),
            false => keys.push(key),
        }
    }
}
