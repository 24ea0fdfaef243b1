use dayfly_core::objects::ObjectError;

use super::{Client, Response, Transport};

/// The `Code` of an error's body. Without one there is none: an answer to `HEAD` has no body.
pub(super) fn error_code(response: &Response) -> Option<&str> {
    let (_, error) = response.text().split_once("<Error")?;
    let (_, code) = error.split_once("<Code>")?;
    code.split_once("</Code>").map(|(code, _)| code)
}

impl<T: Transport> Client<T> {
    /// What a refusal means to whoever asked.
    pub(super) fn explain(&self, response: &Response) -> ObjectError {
        let place = &self.config.place;
        let code = error_code(response).unwrap_or_default();
        let full = matches!(code, "QuotaExceeded" | "XMinioStorageFull" | "StorageFull");
        let error = match (response.status, code) {
            _ if full => {
                return ObjectError::OutOfSpace(format!("there is no space left in {place}"));
            }
            (507, _) => {
                return ObjectError::OutOfSpace(format!("there is no space left in {place}"));
            }
            (404, "NoSuchBucket") => format!(
                "{place} does not exist: the operator has to make it, or to correct `s3_bucket` or `s3_endpoint`"
            ),
            (404, _) => return ObjectError::NotFound,
            (412, _) => return ObjectError::AlreadyExists,
            (413, _) | (400, "EntityTooLarge") => {
                return ObjectError::TooLarge(format!("{place} takes no object of this size"));
            }
            (401 | 403, _) | (400, "ExpiredToken" | "InvalidToken") => format!(
                "the server may not access {place}{}: its operator has to check its credentials (`s3_access_key_id`, `s3_secret_access_key`, `s3_session_token`), what they allow, and the clock",
                shown(code)
            ),
            (300..400, _)
            | (400, "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError") => {
                format!(
                    "{place} is to be reached elsewhere{}: the operator has to check `s3_endpoint` and `s3_region`",
                    shown(code)
                )
            }
            (status, _) => format!(
                "{place} refused a request with status {status}{}",
                shown(code)
            ),
        };
        self.transport.log(&error);
        ObjectError::Unavailable(error)
    }

    /// An answer that is none.
    pub(super) fn nonsense(&self, what: &str) -> ObjectError {
        let error = format!(
            "{} does not answer as S3 does ({what}): the operator has to check `s3_endpoint`",
            self.config.place
        );
        self.transport.log(&error);
        ObjectError::Unavailable(error)
    }
}

fn shown(code: &str) -> String {
    let plain = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match plain {
        true => format!(" ({code})"),
        false => String::new(),
    }
}
