//! The handler that Dayfly replaces, to compare with in the same run.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{Client, FakeEmbedder, venv, wait};

/// `benches/naive.py` under gunicorn with one worker; ended when dropped.
pub struct Naive {
    master: Child,
    worker: u32,
    client: Client,
    _folder: tempfile::TempDir,
}

const PACKAGES: [&str; 6] = [
    "gunicorn==27.0.1",
    "flask==3.1.3",
    "langchain-community==0.4.2",
    "langchain-openai==1.7.3",
    "langchain-text-splitters==1.1.3",
    "faiss-cpu==1.15.1",
];

/// How the handler treats its garbage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// As Python does where nobody says anything.
    Left,
    /// Collected in full after each upload.
    Collected,
}

impl Naive {
    /// Installs it where needed, starts it and waits until it answers.
    ///
    /// # Panics
    /// When it cannot be had or does not answer.
    pub fn start(embedder: &FakeEmbedder, garbage: Garbage) -> Self {
        let python = venv::with("naive", &PACKAGES);
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let url = embedder.url();
        let mut command = Command::new(python);
        if garbage == Garbage::Collected {
            command.env("COLLECT", "1");
        }
        let master = command
            .args(["-m", "gunicorn", "--workers", "1", "--timeout", "600"])
            .args(["--bind", &format!("127.0.0.1:{port}"), "naive:app"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("EMBED_BASE_URL", url.trim_end_matches("/embeddings"))
            .env("INDEX_FOLDER", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = Client::new(&format!("http://127.0.0.1:{port}"));
        let pid = master.id();
        let worker = wait::until("the worker to answer", || {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let worker = children
                .ok()?
                .split_ascii_whitespace()
                .next()?
                .parse()
                .ok()?;
            let empty = crate::client::Payload::Empty;
            client.attempt("GET", "/upload", None, empty).ok()?;
            Some(worker)
        });
        Self {
            master,
            worker,
            client,
            _folder: folder,
        }
    }

    /// A caller.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The worker, which does the work and has the memory.
    pub fn pid(&self) -> u32 {
        self.worker
    }
}

impl Drop for Naive {
    fn drop(&mut self) {
        let pid = self.master.id().to_string();
        // gunicorn ends its worker when it is asked to end, and not when it is killed.
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.master.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
