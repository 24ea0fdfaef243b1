//! The tenant whose latency is measured.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::json;

use super::Ground;
use crate::client::Payload;
use crate::{Client, rebuild};

/// A request that takes longer than that is as good as refused.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the end of something is asked for.
const PAUSE: Duration = Duration::from_millis(5);
/// The store that is searched.
const SEARCHED: &str = "searched";
/// The store that grows.
const GROWING: &str = "growing";

/// What a victim waits for beside its searches and uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// That a file of 11 bytes is attached and completed.
    File,
    /// That its store is rebuilt.
    Rebuild,
    /// Nothing: the guest for files is not a real one.
    None,
}

/// Another tenant, who has a small store and a small need.
pub struct Victim {
    client: Client,
    work: Work,
    count: AtomicUsize,
}

impl Victim {
    /// Makes its store, of so many texts.
    ///
    /// # Panics
    /// When that fails.
    pub fn settle(ground: &Ground, work: Work, texts: usize) -> Self {
        // Whoever keeps a connection does not notice when there are no more.
        let client = ground.victim().afresh(PATIENCE);
        for n in 0..texts {
            client.upload(SEARCHED, &format!("heron number{n} waits for fish"));
        }
        Self {
            client,
            work,
            count: AtomicUsize::new(0),
        }
    }

    /// Has an index made of its store, which its searches use from then on.
    ///
    /// # Panics
    /// When that fails.
    pub fn index(&self) {
        let state = rebuild::rebuild(&self.client, SEARCHED, &json!({"factory": "SQ8"}));
        assert_eq!(state["status"], "idle", "{state}");
    }

    /// What it waits for.
    pub fn work(&self) -> Work {
        self.work
    }

    /// Searches its store, and finds what is there.
    ///
    /// Errors: what came instead.
    pub fn search(&self) -> Result<(), String> {
        let path = format!("/v1/vector_stores/{SEARCHED}/search");
        let answer = self.post(&path, &json!({"query": "heron number1"}))?;
        match answer["data"][0]["content"][0]["text"].as_str() {
            Some("heron number1 waits for fish") => Ok(()),
            _ => Err(format!("found {answer}")),
        }
    }

    /// Uploads a small text.
    ///
    /// Errors: what came instead of success.
    pub fn upload(&self) -> Result<(), String> {
        let n = self.count.fetch_add(1, Relaxed);
        let body = json!({"text": format!("kingfisher number{n}")});
        self.send(&format!("/upload?store={GROWING}"), body.to_string())?;
        Ok(())
    }

    /// Does what it waits for beside, and tells how long that took; `None` where it was not done in that
    /// time.
    ///
    /// Errors: what was refused.
    pub fn wait(&self, patience: Duration) -> Result<Option<Duration>, String> {
        match self.work {
            Work::File => self.ingest(patience),
            Work::Rebuild => self.rebuild(patience),
            Work::None => Ok(None),
        }
    }

    /// That everything is served as if nobody else were there.
    ///
    /// # Panics
    /// Otherwise.
    #[track_caller]
    pub fn is_served(&self) {
        self.search().unwrap();
        self.upload().unwrap();
        if self.work != Work::None {
            let took = self.wait(PATIENCE).unwrap();
            assert!(took.is_some(), "not done within {PATIENCE:?}");
        }
        self.client.get("/readyz").ok();
    }

    fn ingest(&self, patience: Duration) -> Result<Option<Duration>, String> {
        let n = self.count.fetch_add(1, Relaxed) % 1_000;
        let file = self
            .client
            .post_file("b.txt", format!("heron {n:05}").as_bytes());
        let file = match file.status {
            200 => file.json(),
            _ => return Err(file.text()),
        };
        let file = file["id"].as_str().ok_or("no id")?;
        let begun = Instant::now();
        let files = format!("/v1/vector_stores/{GROWING}/files");
        self.post(&files, &json!({"file_id": file}))?;
        let state = || self.get(&format!("{files}/{file}"));
        wait(begun, patience, state, "completed", "in_progress")
    }

    fn rebuild(&self, patience: Duration) -> Result<Option<Duration>, String> {
        let begun = Instant::now();
        let path = rebuild::path(SEARCHED);
        self.post(&path, &json!({"factory": "SQ8"}))?;
        wait(begun, patience, || self.get(&path), "idle", "")
    }

    fn get(&self, path: &str) -> Result<serde_json::Value, String> {
        let answer = self.client.attempt("GET", path, None, Payload::Empty);
        read(answer)
    }

    fn post(&self, path: &str, body: &serde_json::Value) -> Result<serde_json::Value, String> {
        read(Ok(self.send(path, body.to_string())?))
    }

    fn send(&self, path: &str, body: String) -> Result<crate::Answer, String> {
        let payload = Payload::Bytes(body.into_bytes());
        let content_type = Some("application/json");
        let answer = self.client.attempt("POST", path, content_type, payload);
        let answer = answer.map_err(|error| error.to_string())?;
        match answer.status {
            200 => Ok(answer),
            _ => Err(answer.text()),
        }
    }
}

fn read(answer: Result<crate::Answer, ureq::Error>) -> Result<serde_json::Value, String> {
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.status {
        200 => Ok(answer.json()),
        _ => Err(answer.text()),
    }
}

/// Asks until the status is `wanted`; anything but that and what is `meanwhile` is an error, unless
/// everything may be meanwhile.
fn wait(
    begun: Instant,
    patience: Duration,
    state: impl Fn() -> Result<serde_json::Value, String>,
    wanted: &str,
    meanwhile: &str,
) -> Result<Option<Duration>, String> {
    while begun.elapsed() < patience {
        let state = state()?;
        let status = state["status"].as_str().unwrap_or_default();
        if status == wanted {
            return Ok(Some(begun.elapsed()));
        }
        if !meanwhile.is_empty() && status != meanwhile || status == "failed" {
            return Err(state.to_string());
        }
        std::thread::sleep(PAUSE);
    }
    Ok(None)
}
