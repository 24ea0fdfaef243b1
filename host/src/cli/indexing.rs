//! Attaches an uploaded file to a store and waits until it is searchable.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Client, ClientError};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How files are indexed.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The store, by name or id.
    pub store: String,
    /// What is known of each file.
    pub attributes: BTreeMap<String, Value>,
    /// The API's `chunking_strategy`; the store's own when `None`.
    pub chunking: Option<Value>,
}

/// Why a file is not searchable.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The server could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It did not succeed.
    #[error("not indexed ({status}): {reason}")]
    Ended {
        /// `failed` or `cancelled`.
        status: String,
        /// The server's words.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Progress {
    status: String,
    last_error: Option<LastError>,
}

#[derive(Deserialize)]
struct LastError {
    message: String,
}

/// Returns when the file is searchable in the plan's store, which is made when there is none of
/// that name. Asks ever less often, at most every two seconds.
///
/// # Errors
/// [`IndexError`].
pub async fn index(client: &Client, plan: &Plan, file_id: &str) -> Result<(), IndexError> {
    let path = ["v1", "vector_stores", &plan.store, "files"];
    let mut answer = client.post(&path, &request(plan, file_id)).await?;
    let mut pause = FIRST_PAUSE;
    while !ended(answer)? {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        let path = ["v1", "vector_stores", &plan.store, "files", file_id];
        answer = client.get(&path, &[]).await?;
    }
    Ok(())
}

fn request(plan: &Plan, file_id: &str) -> Value {
    let mut request = json!({ "file_id": file_id });
    if !plan.attributes.is_empty() {
        request["attributes"] = json!(plan.attributes);
    }
    if let Some(chunking) = &plan.chunking {
        request["chunking_strategy"] = chunking.clone();
    }
    request
}

fn ended(answer: Value) -> Result<bool, IndexError> {
    let Progress { status, last_error } =
        serde_json::from_value(answer).map_err(ClientError::Unexpected)?;
    match status.as_str() {
        "in_progress" => Ok(false),
        "completed" => Ok(true),
        _ => Err(IndexError::Ended {
            status,
            reason: last_error.map_or_else(|| "no reason given".to_owned(), |error| error.message),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_sent() {
        let mut plan = Plan {
            store: "default".to_owned(),
            attributes: BTreeMap::new(),
            chunking: None,
        };
        assert_eq!(request(&plan, "file-1"), json!({ "file_id": "file-1" }));
        plan.attributes.insert("year".to_owned(), json!(2024));
        plan.chunking = Some(json!({ "type": "auto" }));
        assert_eq!(
            request(&plan, "file-1"),
            json!({
                "file_id": "file-1",
                "attributes": { "year": 2024 },
                "chunking_strategy": { "type": "auto" },
            })
        );
    }

    #[test]
    fn an_ingestion_ends_completed_or_with_its_reason() {
        assert!(!ended(json!({ "status": "in_progress", "last_error": null })).unwrap());
        assert!(ended(json!({ "status": "completed", "last_error": null })).unwrap());
        let failed = json!({
            "status": "failed",
            "last_error": { "code": "server_error", "message": "the embedder is away" },
        });
        let error = ended(failed).unwrap_err().to_string();
        assert_eq!(error, "not indexed (failed): the embedder is away");
        assert!(ended(json!({ "status": "cancelled" })).is_err());
    }
}
