//! What went wrong with an embedder, and what to do about it.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

const MAX_MESSAGE_CHARACTERS: usize = 300;

/// What the caller should do about an [`EmbeddingError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// The same request may succeed later.
    Retry {
        /// The least time to wait, where the embedder named one.
        after: Option<Duration>,
    },
    /// The request's content has to be changed.
    FixRequest,
    /// The operator has to change the configuration: the key, the URL or the model.
    FixConfiguration,
    /// Neither helps: the embedder does not keep to the protocol.
    GiveUp,
}

/// An embedding request that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("The embedder {provider} {message}")]
pub struct EmbeddingError {
    /// The embedder's authority, such as `api.openai.com`.
    pub provider: String,
    /// What happened and what to do, to follow the provider's name.
    pub message: String,
    /// What to do, for programs.
    pub advice: Advice,
}

impl EmbeddingError {
    /// The request got no answer: connection refused or lost, or time run out.
    pub fn unreachable(provider: &str, reason: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            message: format!("did not answer ({}).", shorten(reason)),
            advice: Advice::Retry { after: None },
        }
    }

    /// The host lets nobody send the request: it is not among those that may be reached, or its
    /// address is none.
    pub fn forbidden(provider: &str, reason: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            message: format!(
                "may not be reached from here ({}); the operator has to allow it, or to correct its \
                 address.",
                shorten(reason)
            ),
            advice: Advice::FixConfiguration,
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.advice, Advice::Retry { .. })
    }

    pub(super) fn protocol(provider: &str, message: impl Into<String>) -> Self {
        Self {
            provider: provider.to_owned(),
            message: message.into(),
            advice: Advice::GiveUp,
        }
    }

    /// The error that a response with a status other than 200 means.
    pub(super) fn of_status(
        provider: &str,
        status: u16,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Self {
        let upstream = Upstream::of(body);
        let said = &upstream.message;
        // OpenAI answers 429 also where the account has no credit: waiting does not help.
        let no_credit = upstream.code.as_deref() == Some("insufficient_quota");
        let retry = Advice::Retry { after: retry_after };
        let (advice, message) = match status {
            // The answer may quote the key.
            401 | 403 => (
                Advice::FixConfiguration,
                format!(
                    "refused the configured key (status {status}); the operator has to set a valid one."
                ),
            ),
            429 if no_credit => (
                Advice::FixConfiguration,
                "has no quota left for the configured key; the operator has to raise it.".into(),
            ),
            408 | 409 | 424 | 425 | 429 | 500 | 502..=599 => (
                retry,
                format!("is not able to answer now (status {status}): {said}"),
            ),
            400 | 413 | 422 => (
                Advice::FixRequest,
                format!("refused the request (status {status}): {said}"),
            ),
            _ => (
                Advice::FixConfiguration,
                format!(
                    "answered with status {status}; the operator has to check the configured URL and model: {said}"
                ),
            ),
        };
        Self {
            provider: provider.to_owned(),
            message,
            advice,
        }
    }
}

/// What an error's body says, in any of the known forms: OpenAI's object, the plain
/// string of Ollama and Text Embeddings Inference, or no JSON at all.
struct Upstream {
    message: String,
    code: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    error: ErrorField<'a>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorField<'a> {
    Object {
        #[serde(borrow)]
        message: Cow<'a, str>,
        code: Option<serde_json::Value>,
    },
    Text(#[serde(borrow)] Cow<'a, str>),
}

impl Upstream {
    fn of(body: &[u8]) -> Self {
        match serde_json::from_slice::<ErrorBody>(body).map(|body| body.error) {
            Ok(ErrorField::Object { message, code }) => Self {
                message: shorten(&message),
                code: code.and_then(|code| code.as_str().map(str::to_owned)),
            },
            Ok(ErrorField::Text(message)) => Self {
                message: shorten(&message),
                code: None,
            },
            Err(_) => Self {
                message: shorten(&String::from_utf8_lossy(&body[..body.len().min(2048)])),
                code: None,
            },
        }
    }
}

/// One printable line of at most 300 characters.
pub(super) fn shorten(text: &str) -> String {
    let mut short = String::new();
    for (count, word) in text.split_whitespace().enumerate() {
        if count > 0 {
            short.push(' ');
        }
        short.extend(
            word.chars()
                .filter(|c| !c.is_control())
                .take(MAX_MESSAGE_CHARACTERS),
        );
        if short.chars().count() > MAX_MESSAGE_CHARACTERS {
            short = short.chars().take(MAX_MESSAGE_CHARACTERS).collect();
            short.push('…');
            break;
        }
    }
    match short.is_empty() {
        true => "it gave no reason".into(),
        false => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> EmbeddingError {
        EmbeddingError::of_status("e:1", status, Some(Duration::from_secs(3)), body.as_bytes())
    }

    #[test]
    fn a_status_says_what_to_do() {
        let after = Some(Duration::from_secs(3));
        for status in [408, 409, 424, 425, 429, 500, 502, 503, 504, 529] {
            assert_eq!(
                error(status, "").advice,
                Advice::Retry { after },
                "{status}"
            );
        }
        for status in [400, 413, 422] {
            assert_eq!(error(status, "").advice, Advice::FixRequest, "{status}");
        }
        for status in [301, 401, 403, 404, 405, 501] {
            assert_eq!(
                error(status, "").advice,
                Advice::FixConfiguration,
                "{status}"
            );
        }
        let quota =
            r#"{"error":{"message":"x","type":"t","param":null,"code":"insufficient_quota"}}"#;
        assert_eq!(error(429, quota).advice, Advice::FixConfiguration);
    }

    #[test]
    fn the_embedders_reason_is_passed_on_in_every_known_form() {
        for body in [
            r#"{"error":{"message":"too \"long\"","code":400}}"#,
            r#"{"error":"too \"long\"","error_type":"validation"}"#,
            "too \"long\"\n",
        ] {
            let message = error(400, body).to_string();
            assert!(message.contains("e:1"), "{message}");
            assert!(message.ends_with("too \"long\""), "{message}");
        }
        assert!(error(400, "").to_string().contains("no reason"));
    }

    #[test]
    fn a_long_reason_is_shortened_to_one_line() {
        let message = error(400, &"word\r\n".repeat(1000)).message;
        assert!(
            message.chars().count() < 400 && !message.contains('\n'),
            "{message}"
        );
        let message = error(400, &"é".repeat(10_000)).message;
        assert!(message.chars().count() < 400, "{message}");
    }

    #[test]
    fn an_answer_about_the_key_is_not_quoted() {
        let body = r#"{"error":{"message":"Incorrect API key provided: sk-secret"}}"#;
        for status in [401, 403] {
            assert!(!error(status, body).to_string().contains("sk-secret"));
        }
    }
}
