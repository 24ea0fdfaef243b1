//! What S3's answers mean.

use dayfly_core::objects::{ObjectError, Obstacle};

use super::{Client, Response, Transport};

/// As callers get to know it: its name is for the operator, who reads the log.
pub(super) const STORAGE: &str = "the server's storage";

/// The `Code` of an error's body. Without one there is none: an answer to `HEAD` has no body.
pub(super) fn error_code(response: &Response) -> Option<&str> {
    let (_, error) = response.text().split_once("<Error")?;
    let (_, code) = error.split_once("<Code>")?;
    code.split_once("</Code>").map(|(code, _)| code)
}

impl<T: Transport> Client<T> {
    /// What a refusal means to whoever asked.
    pub(super) fn explain(&self, response: &Response) -> ObjectError {
        self.explain_code(response.status, error_code(response).unwrap_or_default())
    }

    /// The same, of a status and S3's code.
    pub(super) fn explain_code(&self, status: u16, code: &str) -> ObjectError {
        let full = matches!(code, "QuotaExceeded" | "XMinioStorageFull" | "StorageFull");
        let error = match (status, code) {
            _ if full || status == 507 => {
                return ObjectError::OutOfSpace(format!("there is no space left in {STORAGE}"));
            }
            (404, "NoSuchBucket") => {
                let text = format!(
                    "{STORAGE} does not exist: its operator has to make it, or to correct `s3_bucket` or `s3_endpoint`"
                );
                ObjectError::unusable(Obstacle::NoSuchBucket, text)
            }
            (404, _) => return ObjectError::NotFound,
            (412, _) => return ObjectError::AlreadyExists,
            (413, _) | (400, "EntityTooLarge") => {
                return ObjectError::TooLarge(format!("{STORAGE} takes no object of this size"));
            }
            (401 | 403, _) | (400, "ExpiredToken" | "InvalidToken") => {
                let text = format!(
                    "the server may not access {STORAGE}{}: its operator has to check its credentials (`s3_access_key_id`, `s3_secret_access_key`, `s3_session_token`), what they allow, and the clock",
                    shown(code)
                );
                ObjectError::unusable(Obstacle::Refused, text)
            }
            (405 | 501, _) | (_, "NotImplemented") => {
                let text = format!(
                    "{STORAGE} does not know what was asked of it{}",
                    shown(code)
                );
                ObjectError::unusable(Obstacle::Unsupported, text)
            }
            (300..400, _)
            | (400, "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError") => {
                ObjectError::Unavailable(format!(
                    "{STORAGE} is to be reached elsewhere{}: its operator has to check `s3_endpoint` and `s3_region`",
                    shown(code)
                ))
            }
            (status, _) => ObjectError::Unavailable(format!(
                "{STORAGE} refused a request with status {status}{}",
                shown(code)
            )),
        };
        self.log(&error.to_string());
        error
    }

    /// An answer that is none.
    pub(super) fn nonsense(&self, what: &str) -> ObjectError {
        let error = format!(
            "{STORAGE} does not answer as S3 does ({what}): its operator has to check `s3_endpoint`"
        );
        self.log(&error);
        ObjectError::Unavailable(error)
    }

    fn log(&self, error: &str) {
        self.transport
            .log(&format!("{}: {error}", self.config.place));
    }
}

fn shown(code: &str) -> String {
    let plain = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match plain {
        true => format!(" ({code})"),
        false => String::new(),
    }
}
