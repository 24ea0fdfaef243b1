//! OpenAI's vector store file batch, and what is asked of those.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ApiError, AttachFile, FileCounts, Treatment};
use crate::ops::Counts;
use crate::ops::batches::Batch;

/// The most files of one batch, as in OpenAI's API.
const MOST_FILES: usize = 2_000;

/// `POST /v1/vector_stores/{id}/file_batches`.
#[derive(Debug, Clone, Deserialize)]
pub struct CreateBatch {
    /// Uploaded files, all to be treated alike.
    pub file_ids: Option<Vec<String>>,
    /// Beside or instead of those: files, each to be treated as it says.
    pub files: Option<Vec<AttachFile>>,
    /// For filters, where `file_ids` says which files.
    pub attributes: Option<Value>,
    /// How to split those.
    pub chunking_strategy: Option<Value>,
}

impl CreateBatch {
    /// How each file is to be treated, by its id: those of `file_ids` alike, those of `files` each as it
    /// says. There may be none, and the batch has ended at once.
    ///
    /// # Errors
    ///
    /// 400 that names the field and its bounds.
    pub fn files(&self) -> Result<BTreeMap<String, Treatment>, ApiError> {
        let length = |list: Option<usize>| list.unwrap_or_default();
        let alike = length(self.file_ids.as_ref().map(Vec::len));
        let each = length(self.files.as_ref().map(Vec::len));
        if alike + each > MOST_FILES {
            let param = if each > alike { "files" } else { "file_ids" };
            let message = format!(
                "The batch has {} files, and {MOST_FILES} are the most; make several batches.",
                alike + each
            );
            return Err(invalid(param, &message));
        }
        let treated = self.alike()?;
        self.each(treated)
    }

    fn alike(&self) -> Result<BTreeMap<String, Treatment>, ApiError> {
        let all = Treatment::parse(self.attributes.as_ref(), self.chunking_strategy.as_ref())?;
        let ids = self.file_ids.iter().flatten();
        Ok(ids.map(|id| (id.clone(), all.clone())).collect())
    }

    fn each(
        &self,
        mut treated: BTreeMap<String, Treatment>,
    ) -> Result<BTreeMap<String, Treatment>, ApiError> {
        for (number, file) in self.files.iter().flatten().enumerate() {
            let treatment = file.treatment();
            let treatment = treatment.map_err(|error| error.param(format!("files[{number}]")))?;
            let before = treated.insert(file.file_id.clone(), treatment.clone());
            if before.is_some_and(|before| before != treatment) {
                return Err(invalid(
                    &format!("files[{number}]"),
                    &format!(
                        "'{}' is there twice, and to be treated in two ways; send it once.",
                        file.file_id
                    ),
                ));
            }
        }
        Ok(treated)
    }
}

fn invalid(param: &str, message: &str) -> ApiError {
    ApiError::invalid_request(message).param(param)
}

/// OpenAI's vector store file batch object.
#[derive(Debug, Clone, Serialize)]
pub struct BatchObject {
    id: String,
    object: &'static str,
    created_at: u64,
    vector_store_id: String,
    status: &'static str,
    file_counts: FileCounts,
}

impl BatchObject {
    /// The object of a batch in a store, by where its members stand. One whose members have all failed has
    /// failed; one that has a part of what was asked for is completed, and its counts tell.
    pub fn new(store: &str, batch: &Batch, counts: Counts) -> Self {
        let status = match counts {
            _ if batch.is_cancelled => "cancelled",
            Counts {
                in_progress: 1.., ..
            } => "in_progress",
            Counts {
                completed: 0,
                failed: 1..,
                ..
            } => "failed",
            _ => "completed",
        };
        Self {
            id: batch.id.clone(),
            object: "vector_store.files_batch",
            created_at: batch.created_at,
            vector_store_id: store.to_owned(),
            status,
            file_counts: counts.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn files(asked: Value) -> Result<BTreeMap<String, Treatment>, ApiError> {
        let asked: CreateBatch = serde_json::from_value(asked).unwrap();
        asked.files()
    }

    #[test]
    fn files_are_treated_alike_or_each_as_it_says() {
        let all = files(
            json!({"file_ids": ["file-a", "file-b", "file-a"], "files": null,
            "attributes": {"year": 2026}}),
        );
        let all = all.unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["file-a", "file-b"]);
        assert_eq!(all["file-a"], all["file-b"]);
        let each = files(json!({"file_ids": [], "attributes": {"year": 1}, "files": [
            {"file_id": "file-a", "attributes": {"year": 2026}}, {"file_id": "file-b"}]}));
        let each = each.unwrap();
        assert_eq!(each["file-a"], all["file-a"]);
        assert!(each["file-b"].attributes.is_empty());
        let both = files(json!({"file_ids": ["file-a"], "attributes": {"year": 2026},
            "files": [{"file_id": "file-b"}]}));
        assert_eq!(both.unwrap(), each);
        assert!(files(json!({"file_ids": []})).unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_batch_is_named() {
        let many = vec!["file-a"; MOST_FILES + 1];
        for (asked, param) in [
            (json!({"file_ids": many}), "file_ids"),
            (
                json!({"file_ids": ["file-a"],
                    "files": [{"file_id": "file-a", "attributes": {"a": 1}}]}),
                "files[0]",
            ),
            (
                json!({"files": [{"file_id": "file-a"},
                    {"file_id": "file-a", "attributes": {"a": 1}}]}),
                "files[1]",
            ),
            (
                json!({"files": [{"file_id": "file-a", "attributes": [1]}]}),
                "files[0]",
            ),
        ] {
            let error = files(asked.clone()).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param), "{asked}");
        }
    }

    #[test]
    fn a_batch_ends_whatever_happens_to_its_files() {
        let batch: Batch =
            serde_json::from_value(json!({"id": "vsfb_1", "created_at": 1, "members": []}))
                .unwrap();
        let status = |in_progress, completed, failed, cancelled| {
            let counts = Counts {
                in_progress,
                completed,
                failed,
                cancelled,
            };
            BatchObject::new("vs_1", &batch, counts).status
        };
        assert_eq!(status(1, 1, 1, 1), "in_progress");
        assert_eq!(status(0, 1, 1, 0), "completed");
        assert_eq!(status(0, 0, 1, 1), "failed");
        assert_eq!(status(0, 0, 0, 2), "completed");
    }
}
