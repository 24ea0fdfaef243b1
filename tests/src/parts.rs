//! A file that is sent in parts.

use std::io::Read;

use serde_json::json;

use crate::api::{file_part, id_of, last_boundary, multipart_type};
use crate::{Answer, Client};

impl Client {
    /// Sends a file in parts of `part` bytes through the Uploads API, and gives its id.
    ///
    /// # Panics
    /// When that fails.
    pub fn upload_in_parts(
        &self,
        filename: &str,
        content: impl Read,
        length: u64,
        part: u64,
    ) -> String {
        let upload = self.post_json(
            "/v1/uploads",
            &json!({
                "bytes": length,
                "filename": filename,
                "mime_type": "text/plain",
                "purpose": "assistants",
            }),
        );
        let upload = id_of(&upload.ok());
        let mut content = content.take(length);
        let mut parts = Vec::new();
        loop {
            let mut bytes = Vec::new();
            content.by_ref().take(part).read_to_end(&mut bytes).unwrap();
            if bytes.is_empty() {
                break;
            }
            parts.push(id_of(&self.post_part(&upload, &bytes).ok()));
        }
        let whole = self.post_json(
            &format!("/v1/uploads/{upload}/complete"),
            &json!({"part_ids": parts}),
        );
        let whole = whole.ok();
        assert_eq!(whole["file"]["bytes"], length, "{whole}");
        id_of(&whole["file"])
    }

    /// `POST /v1/uploads/{upload}/parts` as it comes.
    pub fn post_part(&self, upload: &str, bytes: &[u8]) -> Answer {
        let mut body = file_part("data", "blob", "application/octet-stream").into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(last_boundary().as_bytes());
        let path = format!("/v1/uploads/{upload}/parts");
        self.post(&path, &multipart_type(), body)
    }
}
