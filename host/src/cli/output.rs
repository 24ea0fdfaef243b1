//! Prints for people, or for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::client::ClientError;

/// Where a command's answer goes: standard output, as text or as JSON.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// For people, unless `json`.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether the caller is a program.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints `value`, or what `human` makes of it, and flushes. A reader that has gone away, as
    /// `head` does, is no error.
    ///
    /// # Errors
    /// When standard output cannot be written for another reason.
    pub fn answer(self, value: &Value, human: impl FnOnce() -> String) -> io::Result<()> {
        let text = if self.json {
            format!("{value:#}\n")
        } else {
            human()
        };
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Prints what went wrong on standard error.
    pub fn error(self, error: &anyhow::Error) {
        if self.json {
            eprintln!("{}", as_json(error));
        } else {
            eprintln!("error: {}", described(error));
        }
    }
}

/// The error and its causes, but for those that it quotes already.
fn described(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(cause.trim()) {
            text += ": ";
            text += &cause;
        }
    }
    text.trim_end().to_owned()
}

fn as_json(error: &anyhow::Error) -> Value {
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Api(answer)) => json!({ "error": {
            "message": answer.message,
            "type": answer.kind,
            "param": answer.param,
            "code": answer.code,
            "status": answer.status,
            "request_id": answer.request_id,
        }}),
        _ => json!({ "error": { "message": described(error) } }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::ApiAnswer;
    use super::*;

    #[test]
    fn an_error_of_the_server_keeps_its_fields_in_json() {
        let answer = ApiAnswer {
            status: 404,
            message: "no such store".to_owned(),
            kind: Some("invalid_request_error".to_owned()),
            param: None,
            code: None,
            request_id: Some("req_1".to_owned()),
            retry_after_s: None,
        };
        let error = as_json(&ClientError::Api(Box::new(answer)).into());
        assert_eq!(error["error"]["message"], "no such store");
        assert_eq!(error["error"]["status"], 404);
        assert_eq!(error["error"]["request_id"], "req_1");
    }

    #[test]
    fn a_cause_that_is_quoted_already_is_not_repeated() {
        let error = anyhow::anyhow!("line 3\n").context("the file is wrong: line 3");
        assert_eq!(described(&error), "the file is wrong: line 3");
    }

    #[test]
    fn any_other_error_has_its_causes_in_json() {
        let error = anyhow::anyhow!("cause").context("effect");
        assert_eq!(as_json(&error)["error"]["message"], "effect: cause");
    }
}
