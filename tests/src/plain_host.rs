//! Hosts that know nothing of Dayfly: they are given the composed components, and Spin's variables.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::s3::Bucket;
use crate::{Client, FakeEmbedder, binary, wait};

/// The components of `spin.toml`.
pub const COMPONENTS: [&str; 3] = ["ingest", "search", "stores"];

/// A running host; killed when dropped. Its log is printed when the test fails.
pub struct PlainHost {
    child: Child,
    client: Client,
    log: tempfile::TempDir,
}

/// `spin.toml`.
pub fn manifest() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.with_file_name("spin.toml")
}

/// The folder with the composed components; `kind` is empty, `env` for those that read variables
/// from the environment, or `hostile` for the hostile guest in the place of each.
///
/// # Panics
/// When they are missing or older than what they are made from; the message says what makes them.
pub fn composed(kind: &str) -> PathBuf {
    let target = binary::target_directory();
    let folder = target.join("composed").join(kind);
    let guests = target.join("guests/wasm32-wasip2/release");
    for name in COMPONENTS {
        let composed = folder.join(name).with_extension("wasm");
        let made_from = match kind {
            "hostile" => guests.join("hostile.wasm"),
            _ => guests.join(format!("dayfly_{name}.wasm")),
        };
        let platform = guests.join("dayfly_spin_platform.wasm");
        for part in [made_from, platform] {
            assert!(
                modified(&composed) >= modified(&part) && composed.is_file(),
                "{} is missing or older than {}: `cargo xtask compose` makes it, and `cargo xtask test` those of test guests",
                composed.display(),
                part.display()
            );
        }
    }
    folder
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// The variables of `spin.toml` that have no default, and the one tenant `default`.
pub fn variables(bucket: &Bucket, embedder: &FakeEmbedder) -> Vec<(&'static str, String)> {
    let credentials = bucket.writer();
    let url = embedder.url();
    let origin = url.trim_end_matches("/v1/embeddings").to_owned();
    vec![
        ("s3_endpoint", bucket.endpoint()),
        ("s3_bucket", bucket.name().to_owned()),
        ("s3_access_key_id", credentials.id),
        ("s3_secret_access_key", credentials.secret),
        ("embedding_origin", origin),
        ("embedding_model", "fake".to_owned()),
        ("embedding_api_key", "of-the-operator".to_owned()),
        ("anonymous_tenant", "default".to_owned()),
    ]
}

/// `spin-host` on `manifest` with the components of `folder` and `variables`, not yet started.
pub fn spin_host(manifest: &Path, folder: &Path, variables: &[(&str, String)]) -> Command {
    let program = binary::profile_directory().join("spin-host");
    let mut command = Command::new(program);
    command.arg("--manifest").arg(manifest);
    command.arg("--components").arg(folder);
    for (name, value) in variables {
        command.arg("--variable").arg(format!("{name}={value}"));
    }
    command
}

impl PlainHost {
    /// Starts `command` and waits until it says where it listens.
    ///
    /// # Panics
    /// When it cannot be started, or ends instead.
    pub fn start(mut command: Command) -> Self {
        let log = tempfile::tempdir().unwrap();
        let file = || {
            let path = log.path().join("log");
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .unwrap()
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(file())
            .stderr(file())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let base = wait::until("the host to listen", || {
            let said = read(&log);
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{command:?} ended with {status}: {said}");
            }
            address(&said)
        });
        Self {
            client: Client::new(&base),
            child,
            log,
        }
    }

    /// Runs `command`, which is expected to refuse: gives how it ended and all that it said.
    pub fn refuse(mut command: Command) -> (ExitStatus, String) {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status, String::from_utf8_lossy(&said).into_owned())
    }

    /// A caller without a token.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// All that it wrote.
    pub fn log(&self) -> String {
        read(&self.log)
    }
}

impl Drop for PlainHost {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the host's log:\n{}", self.log());
        }
    }
}

fn read(log: &tempfile::TempDir) -> String {
    std::fs::read_to_string(log.path().join("log")).unwrap_or_default()
}

/// The first address with a port in what was said, once its line is whole.
fn address(said: &str) -> Option<String> {
    let (whole, _) = said.rsplit_once('\n')?;
    let from = whole.find("http://127.0.0.1:")?;
    let address = whole[from..].split(['/', '\n', ' ']).nth(2)?;
    Some(format!("http://{address}"))
}
