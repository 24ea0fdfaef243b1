//! The program as a command.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

use crate::binary;
use crate::builder::PREFIX;
use crate::s3::Credentials;

/// One call of `dayfly`.
pub struct Cli(Command);

/// What a call gave.
pub struct Ended(Output);

impl Default for Cli {
    fn default() -> Self {
        Self::new()
    }
}

impl Cli {
    /// `dayfly`, with no configuration from the environment.
    pub fn new() -> Self {
        let mut command = Command::new(binary::dayfly());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DAYFLY_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null());
        Self(command)
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.0.args(arguments);
        self
    }

    /// A bucket for its data: `s3://{name}/of/dayfly` at `endpoint`.
    #[must_use]
    pub fn bucket(self, endpoint: &str, name: &str, credentials: &Credentials) -> Self {
        self.env("DAYFLY_DATA", &format!("s3://{name}/{PREFIX}"))
            .env("AWS_ENDPOINT", endpoint)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", &credentials.id)
            .env("AWS_SECRET_ACCESS_KEY", &credentials.secret)
    }

    /// One environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Where it runs.
    #[must_use]
    pub fn directory(mut self, path: &std::path::Path) -> Self {
        self.0.current_dir(path);
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(mut self) -> Ended {
        Ended(self.0.output().unwrap())
    }
}

impl Ended {
    /// Standard output of a call that ended with 0.
    ///
    /// # Panics
    /// When it ended otherwise.
    pub fn success(&self) -> String {
        assert!(
            self.0.status.success(),
            "{}: {}",
            self.0.status,
            self.stderr()
        );
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    /// Standard error of a call that ended with another status than 0, and not by a signal or
    /// a panic (101).
    ///
    /// # Panics
    /// When it ended with 0.
    pub fn failure(&self) -> String {
        let code = self.0.status.code();
        assert!(
            code.is_some_and(|code| code != 0 && code != 101),
            "{}: {}",
            self.0.status,
            self.stderr()
        );
        self.stderr()
    }

    /// Standard output, however it ended.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    /// Standard error.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}
