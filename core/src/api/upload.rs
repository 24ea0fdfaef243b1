//! OpenAI's upload object, and what is asked of uploads.

use serde::{Deserialize, Serialize};

use super::{ApiError, Code, FileObject, purpose, validate_expiry};
use crate::files::{FileExpiresAfter, FileMeta};
use crate::uploads::{Completion, Upload};

const LONGEST_MIME_TYPE: usize = 256;
/// Hexadecimal digits of an MD5.
const MD5_DIGITS: usize = 32;

/// `POST /v1/uploads`.
#[derive(Debug, Clone, Deserialize)]
pub struct CreateUpload {
    /// The size that the file will have.
    pub bytes: u64,
    /// Its name.
    pub filename: String,
    /// Its content type.
    pub mime_type: String,
    /// What for.
    pub purpose: String,
    /// When the file is to be gone, if ever.
    pub expires_after: Option<FileExpiresAfter>,
}

impl CreateUpload {
    /// Errors: 400 that names the field and its bounds, 413 for a file larger than `most` bytes.
    pub fn validate(&self, most: u64) -> Result<(), ApiError> {
        if self.bytes > most {
            return Err(ApiError::new(
                Code::TooLarge,
                format!(
                    "'bytes' is {}, and the largest file here has {most}; send it in smaller files.",
                    self.bytes
                ),
            )
            .param("bytes"));
        }
        if self.filename.is_empty() {
            return Err(invalid("filename", "'filename' is empty; name the file."));
        }
        if self.mime_type.len() > LONGEST_MIME_TYPE {
            return Err(invalid(
                "mime_type",
                "'mime_type' is longer than 256 bytes; send one like 'text/plain'.",
            ));
        }
        if let Some(expiry) = &self.expires_after {
            validate_expiry(expiry)?;
        }
        purpose(self.purpose.as_bytes()).map(drop)
    }
}

/// `POST /v1/uploads/{id}/complete`.
#[derive(Debug, Clone, Deserialize)]
pub struct CompleteUpload {
    /// The parts, in the order of the file.
    pub part_ids: Vec<String>,
    /// What the file's MD5 has to be, in hexadecimal digits.
    pub md5: Option<String>,
}

impl CompleteUpload {
    /// What is asked for.
    ///
    /// # Errors
    ///
    /// 400 that names the field and its bounds.
    pub fn validate(self) -> Result<Completion, ApiError> {
        if self.part_ids.is_empty() {
            return Err(invalid(
                "part_ids",
                "'part_ids' is empty, so there is no text; name the upload's parts in the order of the file.",
            ));
        }
        let is_md5 = |text: &String| {
            text.len() == MD5_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        match &self.md5 {
            Some(text) if !is_md5(text) => Err(invalid(
                "md5",
                "'md5' is no MD5; send its 32 hexadecimal digits, or leave it out.",
            )),
            _ => Ok(Completion {
                part_ids: self.part_ids,
                md5: self.md5,
            }),
        }
    }
}

/// OpenAI's Upload object.
#[derive(Debug, Clone, Serialize)]
pub struct UploadObject {
    id: String,
    object: &'static str,
    bytes: u64,
    created_at: u64,
    filename: String,
    purpose: String,
    status: &'static str,
    expires_at: u64,
    file: Option<FileObject>,
}

impl UploadObject {
    /// One that parts may be added to.
    pub fn pending(upload: Upload) -> Self {
        Self::new(upload, "pending", None)
    }

    /// One that became a file.
    pub fn completed(upload: Upload, file: FileMeta) -> Self {
        Self::new(upload, "completed", Some(file.into()))
    }

    /// One that was given up.
    pub fn cancelled(upload: Upload) -> Self {
        Self::new(upload, "cancelled", None)
    }

    fn new(upload: Upload, status: &'static str, file: Option<FileObject>) -> Self {
        let expires_at = upload.expires_at();
        Self {
            id: upload.id,
            object: "upload",
            bytes: upload.bytes,
            created_at: upload.created_at,
            filename: upload.filename,
            purpose: upload.purpose,
            status,
            expires_at,
            file,
        }
    }
}

/// OpenAI's Part object.
#[derive(Debug, Clone, Serialize)]
pub struct PartObject {
    id: String,
    object: &'static str,
    created_at: u64,
    upload_id: String,
}

impl PartObject {
    /// A part that has arrived at `created_at`, in seconds since the Unix epoch.
    pub fn new(id: String, upload_id: String, created_at: u64) -> Self {
        Self {
            id,
            object: "upload.part",
            created_at,
            upload_id,
        }
    }
}

fn invalid(param: &str, message: &str) -> ApiError {
    ApiError::invalid_request(message).param(param)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create() -> CreateUpload {
        CreateUpload {
            bytes: 100,
            filename: "a.txt".to_owned(),
            mime_type: "text/plain".to_owned(),
            purpose: "assistants".to_owned(),
            expires_after: None,
        }
    }

    #[test]
    fn one_of_no_bytes_may_be_created_and_its_completion_says_what_is_missing() {
        let mut asked = create();
        asked.bytes = 0;
        assert_eq!(asked.validate(100), Ok(()));
    }

    #[test]
    fn what_cannot_become_a_file_is_refused_before_its_parts_are_sent() {
        assert_eq!(create().validate(100), Ok(()));
        let refused = |change: fn(&mut CreateUpload)| {
            let mut asked = create();
            change(&mut asked);
            let error = asked.validate(100).unwrap_err();
            (error.status, error.param.unwrap())
        };
        for (status, param, change) in [
            (
                413,
                "bytes",
                (|asked| asked.bytes = 101) as fn(&mut CreateUpload),
            ),
            (400, "filename", |asked| asked.filename.clear()),
            (400, "mime_type", |asked| asked.mime_type = "x".repeat(257)),
            (400, "purpose", |asked| asked.purpose = "fun".to_owned()),
            (400, "expires_after", |asked| {
                asked.expires_after = Some(FileExpiresAfter {
                    anchor: "created_at".to_owned(),
                    seconds: 60,
                });
            }),
        ] {
            assert_eq!(refused(change), (status, param.to_owned()));
        }
    }

    #[test]
    fn a_checksum_that_is_none_is_refused() {
        let with = |md5: &str| CompleteUpload {
            part_ids: vec!["part_1".to_owned()],
            md5: Some(md5.to_owned()),
        };
        assert!(with("D41D8CD98F00B204E9800998ECF8427E").validate().is_ok());
        for bad in [
            "",
            "d41d8cd98f00b204e9800998ecf8427",
            "1B2M2Y8AsgTpgAmY7PhCfg==",
        ] {
            assert_eq!(
                with(bad).validate().unwrap_err().param.as_deref(),
                Some("md5")
            );
        }
        let none = CompleteUpload {
            part_ids: Vec::new(),
            md5: None,
        };
        assert_eq!(
            none.validate().unwrap_err().param.as_deref(),
            Some("part_ids")
        );
    }
}
