//! Keys and tokens, made by the program's own commands.

use std::path::{Path, PathBuf};

use crate::cli::Cli;

/// A key pair in a directory of its own.
pub struct KeyPair {
    directory: tempfile::TempDir,
}

impl Default for KeyPair {
    fn default() -> Self {
        Self::new()
    }
}

impl KeyPair {
    /// Runs `dayfly token keygen`.
    ///
    /// # Panics
    /// When that fails.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = Self { directory };
        Cli::new()
            .args(["token", "keygen", "--out"])
            .arg(keys.directory.path())
            .run()
            .success();
        keys
    }

    /// What the server gets.
    pub fn public(&self) -> PathBuf {
        self.directory.path().join("public.pem")
    }

    /// What the issuer keeps.
    pub fn private(&self) -> PathBuf {
        self.directory.path().join("private.pem")
    }

    /// The directory of both.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A token that is good for an hour.
    pub fn token(&self, tenant: &str, scopes: &[&str]) -> String {
        self.token_for(tenant, scopes, "1h")
    }

    /// Runs `dayfly token issue`.
    ///
    /// # Panics
    /// When that fails.
    pub fn token_for(&self, tenant: &str, scopes: &[&str], lifetime: &str) -> String {
        let mut cli = Cli::new()
            .args(["token", "issue", "--key"])
            .arg(self.private())
            .args(["--tenant", tenant, "--expires-in", lifetime]);
        for scope in scopes {
            cli = cli.args(["--scope", *scope]);
        }
        cli.run().success().trim().to_owned()
    }

    /// A token that is good for an hour, and sets limits: `files=1`.
    ///
    /// # Panics
    /// When it cannot be issued.
    pub fn limited_token(&self, tenant: &str, limits: &[&str]) -> String {
        let mut cli = Cli::new()
            .args(["token", "issue", "--key"])
            .arg(self.private())
            .args(["--tenant", tenant, "--scope", "read", "--scope", "write"]);
        for limit in limits {
            cli = cli.args(["--quota", *limit]);
        }
        cli.run().success().trim().to_owned()
    }
}
