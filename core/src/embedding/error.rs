//! What went wrong with an embedder, and what to do about it.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use super::refusal::Refusal;

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
    /// What the embedder did not like, where it refused the request.
    pub refusal: Option<Refusal>,
}

impl EmbeddingError {
    /// The request got no answer: connection refused or lost, or time run out.
    pub fn unreachable(provider: &str, reason: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            message: format!("did not answer ({}).", shorten(reason)),
            advice: Advice::Retry { after: None },
            refusal: None,
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
            refusal: None,
        }
    }

    /// As many requests were sent as the host lets one instance send.
    pub fn asked_too_often(provider: &str) -> Self {
        let message = "was sent as many requests as one instance may send; send a smaller document, or \
                       have the operator raise limits.outbound_requests.";
        Self {
            advice: Advice::FixConfiguration,
            ..Self::protocol(provider, message)
        }
    }

    /// It says that its answer has an encoding which it does not have, or which nobody knows.
    pub fn unreadable(provider: &str, encoding: &str, reason: &str) -> Self {
        let (encoding, reason) = (shorten(encoding), shorten(reason));
        let message =
            format!("compressed its answer as '{encoding}', and it cannot be read: {reason}.");
        Self::protocol(provider, message)
    }

    /// It sends requests elsewhere, where they are not sent.
    pub fn redirected(provider: &str, location: &str) -> Self {
        let message = format!(
            "sends requests on to '{}'; the operator has to set embed.url to what is meant.",
            shorten(location)
        );
        Self {
            advice: Advice::FixConfiguration,
            ..Self::protocol(provider, message)
        }
    }

    /// The same, of an embedder that refuses any text.
    pub(super) fn of_any_text(self) -> Self {
        Self {
            message: format!(
                "{}; it refuses any text, so the operator has to check the model (embed.model) and the address \
                 (embed.url)",
                self.message
            ),
            advice: Advice::FixConfiguration,
            ..self
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
            refusal: None,
        }
    }

    /// The error that a response with a status other than 200 means, to a request of so many inputs.
    pub(super) fn of_status(
        provider: &str,
        status: u16,
        retry_after: Option<Duration>,
        body: &[u8],
        inputs: usize,
    ) -> Self {
        Self::said(provider, status, retry_after, &Upstream::of(body), inputs)
    }

    /// What an answer says that has an error in the place of vectors, whatever its status; `None` of any
    /// other.
    pub(super) fn disguised(provider: &str, body: &[u8], inputs: usize) -> Option<Self> {
        let upstream = Upstream::told(body)?;
        if let Some(status) = upstream.status() {
            return Some(Self::said(provider, status, None, &upstream, inputs));
        }
        let said = &upstream.message;
        let message = format!("answered with an error in the place of vectors: {said}");
        Some(Self::protocol(provider, message))
    }

    fn said(
        provider: &str,
        status: u16,
        retry_after: Option<Duration>,
        upstream: &Upstream,
        inputs: usize,
    ) -> Self {
        let said = &upstream.message;
        let refusal = Refusal::of(status, said, inputs);
        // OpenAI answers 429 also where the account has no credit: waiting does not help.
        let no_credit = upstream.code.as_deref() == Some("insufficient_quota");
        let retry = Advice::Retry { after: retry_after };
        let (advice, message) = match status {
            _ if refusal.is_some() => (
                Advice::FixRequest,
                format!("refused the request (status {status}): {said}"),
            ),
            // The answer may quote the key.
            401 | 403 => (
                Advice::FixConfiguration,
                format!(
                    "refused the configured key (status {status}); the operator has to set a valid one (embed.key_env)."
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
            _ => (
                Advice::FixConfiguration,
                format!(
                    "answered with status {status}; the operator has to check the address (embed.url) and the model (embed.model): {said}"
                ),
            ),
        };
        Self {
            provider: provider.to_owned(),
            message,
            advice,
            refusal,
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
        Self::told(body).unwrap_or_else(|| Self {
            message: shorten(&String::from_utf8_lossy(&body[..body.len().min(2048)])),
            code: None,
        })
    }

    /// What an error in a known form says.
    fn told(body: &[u8]) -> Option<Self> {
        let (message, code) = match serde_json::from_slice::<ErrorBody>(body).ok()?.error {
            ErrorField::Object { message, code } => (message, code),
            ErrorField::Text(message) => (message, None),
        };
        let code = code.and_then(|code| match code {
            serde_json::Value::String(code) => Some(code),
            serde_json::Value::Number(code) => Some(code.to_string()),
            _ => None,
        });
        Some(Self {
            message: shorten(&message),
            code,
        })
    }

    /// The status that the code stands for, where it does.
    fn status(&self) -> Option<u16> {
        let code = self.code.as_deref()?;
        match code.parse::<u16>() {
            Ok(status) => (400..600).contains(&status).then_some(status),
            Err(_) if code.contains("rate_limit") || code == "insufficient_quota" => Some(429),
            Err(_) => None,
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
        let after = Some(Duration::from_secs(3));
        EmbeddingError::of_status("e:1", status, after, body.as_bytes(), 2)
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
