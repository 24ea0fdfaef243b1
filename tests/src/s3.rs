//! An S3 of the test process's own: moto, with signatures and permissions checked.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::venv;

/// What the server needs, moto's other services left out.
const PACKAGES: [&str; 3] = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];

/// Servers, each of which is one thread of work; buckets go to them by turns.
const SERVERS: usize = 2;

/// A pair of keys.
#[derive(Clone, Debug, Deserialize)]
pub struct Credentials {
    /// The public part.
    pub id: String,
    /// The secret part.
    pub secret: String,
}

/// A bucket of its own; emptied and removed when dropped.
pub struct Bucket {
    server: &'static S3,
    name: String,
}

/// One of those that all tests of a process share: it takes half a second to start. It ends with this
/// process, whose end closes its standard input.
struct S3 {
    says: Says,
    control: Mutex<Control>,
}

/// Its first line.
#[derive(Deserialize)]
struct Says {
    port: u16,
    writer: Credentials,
    reader: Credentials,
}

struct Control {
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    _child: Child,
}

impl Default for Bucket {
    fn default() -> Self {
        Self::new()
    }
}

impl Bucket {
    /// An empty bucket; the server is started where it is not yet.
    ///
    /// # Panics
    /// When moto cannot be installed or does not start.
    pub fn new() -> Self {
        static STARTED: [OnceLock<S3>; SERVERS] = [const { OnceLock::new() }; SERVERS];
        static BUCKETS: AtomicUsize = AtomicUsize::new(0);
        let number = BUCKETS.fetch_add(1, Ordering::SeqCst);
        let server = STARTED[number % SERVERS].get_or_init(S3::start);
        let bucket = Self {
            server,
            name: format!("bucket-{number}"),
        };
        bucket.ask("create");
        bucket
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `host:port` of the server.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.server.says.port)
    }

    /// `http://host:port` of the server.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.authority())
    }

    /// Keys that may do anything to every bucket.
    pub fn writer(&self) -> Credentials {
        self.server.says.writer.clone()
    }

    /// Keys that may read and list every bucket.
    pub fn reader(&self) -> Credentials {
        self.server.says.reader.clone()
    }

    /// The keys of all its objects, in order.
    pub fn keys(&self) -> Vec<String> {
        names(&self.ask("keys"))
    }

    /// The keys of objects that are being uploaded in parts, in order.
    pub fn unfinished(&self) -> Vec<String> {
        names(&self.ask("unfinished"))
    }

    /// Removes one of its objects, also when the bucket's owner is elsewhere.
    pub(crate) fn remover(&self) -> impl Fn(&str) + Send + Sync + 'static {
        let (server, bucket) = (self.server, self.name.clone());
        move |key| {
            let mut control = server.control.lock().unwrap();
            control.ask(&json!({"do": "delete", "bucket": bucket, "key": key}));
        }
    }

    fn ask(&self, what: &str) -> Value {
        let mut control = self.server.control.lock().unwrap();
        control.ask(&json!({"do": what, "bucket": self.name}))
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.ask("remove");
    }
}

impl S3 {
    fn start() -> Self {
        let python = venv::with("moto", &PACKAGES);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/s3.py");
        let mut child = Command::new(python)
            .arg(script)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut control = Control {
            asks: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            _child: child,
        };
        let says = serde_json::from_value(control.answer()).unwrap();
        Self {
            says,
            control: Mutex::new(control),
        }
    }
}

impl Control {
    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.asks, "{request}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("moto ended: {error}"))
    }
}

fn names(answer: &Value) -> Vec<String> {
    serde_json::from_value(answer["names"].clone()).unwrap()
}
