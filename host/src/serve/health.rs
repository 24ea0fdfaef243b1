//! Whether the server works, for probes.

use std::time::{Duration, Instant};

use dayfly_core::api::ApiError;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::storage::{Failure, OWN_FOLDER, Storage};

/// Probes seldom wait longer for an answer.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// What was found of the storage holds so long, so that probes cost it little, whoever sends them.
const FRESH: Duration = Duration::from_secs(1);
/// What who is well answers, in JSON.
pub const WELL: &str = r#"{"status":"ok"}"#;
/// An object that need not be there.
const ASKED_FOR: &str = "ready";

/// What probes are answered.
pub struct Health {
    storage: Storage,
    last: Mutex<Option<(Instant, bool)>>,
}

impl Health {
    /// Of a server over that storage.
    pub fn new(storage: &Storage) -> Self {
        Self {
            storage: storage.clone(),
            last: Mutex::default(),
        }
    }

    /// Whether the process does what it is asked: that there are threads for work that blocks, too,
    /// without which no storage is read.
    ///
    /// Errors: 503 where it should be started again.
    pub async fn live(&self) -> Result<(), ApiError> {
        match timeout(PATIENCE, tokio::task::spawn_blocking(|| ())).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(ApiError::unavailable(
                "The server is stuck: start it again, and tell how it came about.",
            )),
        }
    }

    /// Whether requests may be sent here: the process is [`live`](Self::live), and its storage answers.
    ///
    /// Errors: 503 where they should go elsewhere, or come later.
    pub async fn ready(&self) -> Result<(), ApiError> {
        self.live().await?;
        match self.storage_answers().await {
            true => Ok(()),
            false => Err(ApiError::unavailable("The storage does not answer.")),
        }
    }

    async fn storage_answers(&self) -> bool {
        // Who comes meanwhile waits for the same answer.
        let mut last = self.last.lock().await;
        if let Some((asked, answered)) = *last
            && asked.elapsed() < FRESH
        {
            return answered;
        }
        let objects = self.storage.of(OWN_FOLDER);
        let answered = matches!(
            timeout(PATIENCE, objects.head(ASKED_FOR)).await,
            Ok(Ok(_) | Err(Failure::NotFound))
        );
        *last = Some((Instant::now(), answered));
        answered
    }
}
