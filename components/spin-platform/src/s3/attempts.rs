//! When a request is sent again, and when it is given up.

use std::time::Duration;

use dayfly_core::objects::ObjectError;
use dayfly_core::retry::{RetryPolicy, parse_retry_after};
use jiff::Timestamp;
use rusty_s3::S3Action;

use super::answer::error_code;
use super::{Client, Fault, Request, Response, Room, Transport};

/// One try may take so long, its answer included.
const ATTEMPT: Duration = Duration::from_secs(10);
/// All tries of a call and the waits between them: below what hosts give a request (Akamai: 30 s).
const DEADLINE: Duration = Duration::from_secs(20);
/// How long a signature is good; generous to clocks that differ.
const SIGNATURE: Duration = Duration::from_secs(300);
/// The longest `retry-after` that is kept to.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

const POLICY: RetryPolicy = RetryPolicy {
    base: Duration::from_millis(100),
    cap: Duration::from_secs(2),
    max_attempts: 8,
    deadline: DEADLINE,
};

/// The end of the tries of one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    start: Duration,
    limit: Duration,
}

/// What came of all tries.
#[derive(Debug)]
pub(super) struct Outcome {
    /// An answer that is not to be retried, or why there is none.
    pub answer: Result<Response, ObjectError>,
    /// A try before this answer may have done what was asked without saying so.
    pub doubtful: bool,
}

/// What is sent with an action.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parcel<'a> {
    /// Headers beyond the action's own; they are signed too.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
    /// S3 may begin to answer with 200 and find an error only then.
    pub fails_late: bool,
}

enum Verdict {
    Final,
    Again {
        after: Option<Duration>,
        doubtful: bool,
    },
}

impl<T: Transport> Client<T> {
    pub(super) fn patience(&self) -> Patience {
        self.patience_of(DEADLINE)
    }

    pub(super) fn patience_of(&self, limit: Duration) -> Patience {
        Patience {
            start: self.transport.monotonic(),
            limit,
        }
    }

    /// Sends `action` until there is an answer that another try would not change.
    pub(super) async fn send<'a, A: S3Action<'a>>(
        &self,
        mut action: A,
        parcel: Parcel<'a>,
        room: &Room,
        patience: Patience,
    ) -> Outcome {
        for (name, value) in parcel.headers {
            action.headers_mut().insert(*name, *value);
        }
        let policy = RetryPolicy {
            deadline: patience.limit,
            ..POLICY
        };
        let mut doubtful = false;
        let mut attempts = 0;
        loop {
            let elapsed = self.transport.monotonic().saturating_sub(patience.start);
            let limit = ATTEMPT.min(patience.limit.saturating_sub(elapsed));
            let result = self.attempt::<A>(&action, parcel, room, limit).await;
            let verdict = self.judge(&result, parcel.fails_late);
            attempts += 1;
            let Verdict::Again {
                after,
                doubtful: lost,
            } = verdict
            else {
                let answer = self.unwrap(result);
                return Outcome { answer, doubtful };
            };
            doubtful |= lost;
            let elapsed = self.transport.monotonic().saturating_sub(patience.start);
            let Some(wait) = policy.next(attempts, after, elapsed, self.transport.random()) else {
                let answer = Err(self.gave_up(&result, attempts));
                return Outcome { answer, doubtful };
            };
            self.transport.sleep(wait).await;
        }
    }

    async fn attempt<'a, A: S3Action<'a>>(
        &self,
        action: &A,
        parcel: Parcel<'a>,
        room: &Room,
        limit: Duration,
    ) -> Result<Response, Fault> {
        if limit.is_zero() {
            return Err(Fault::NotSent("the time is over".to_owned()));
        }
        let now_ms = i64::try_from(self.transport.now_ms()).unwrap_or_default();
        let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let request = Request {
            method: A::METHOD,
            url: action.sign_with_time(SIGNATURE, &now),
            headers: parcel.headers,
            body: parcel.body,
        };
        self.transport.exchange(&request, room, limit).await
    }

    fn judge(&self, result: &Result<Response, Fault>, fails_late: bool) -> Verdict {
        let response = match result {
            Err(Fault::NotSent(_)) => return again(None, false),
            Err(Fault::Lost(_)) => return again(None, true),
            Err(Fault::Forbidden(_) | Fault::TooLarge(_)) => return Verdict::Final,
            // An object may well read like an error.
            Ok(response) if response.is_success() && !fails_late => return Verdict::Final,
            Ok(response) => response,
        };
        let after = response
            .header("retry-after")
            .and_then(|value| parse_retry_after(value, self.transport.now_ms()))
            .map(|after| after.min(LONGEST_WAIT));
        match (response.status, error_code(response)) {
            (200, Some("InternalError" | "SlowDown" | "ServiceUnavailable")) => again(after, true),
            (429, _) => again(after, false),
            (500 | 502 | 503 | 504, _) => again(after, true),
            (400, Some("RequestTimeout")) => again(after, true),
            // Another write to the key is under way; which of them wins is open.
            (409, Some("ConditionalRequestConflict" | "OperationAborted")) => again(after, false),
            _ => Verdict::Final,
        }
    }

    fn unwrap(&self, result: Result<Response, Fault>) -> Result<Response, ObjectError> {
        result.map_err(|fault| match fault {
            Fault::TooLarge(error) => error,
            Fault::Forbidden(text) => {
                self.transport.log(&text);
                ObjectError::Unavailable(text)
            }
            Fault::NotSent(text) | Fault::Lost(text) => ObjectError::Unavailable(text),
        })
    }

    fn gave_up(&self, result: &Result<Response, Fault>, attempts: u32) -> ObjectError {
        let reason = match result {
            Err(Fault::NotSent(text) | Fault::Lost(text) | Fault::Forbidden(text)) => text.clone(),
            Err(Fault::TooLarge(error)) => error.to_string(),
            Ok(response) => match error_code(response) {
                Some(code) => format!("status {}, {code}", response.status),
                None => format!("status {}", response.status),
            },
        };
        let place = &self.config.place;
        self.transport
            .log(&format!("{place} failed {attempts} times: {reason}"));
        ObjectError::Unavailable("the object store failed; try again".to_owned())
    }
}

fn again(after: Option<Duration>, doubtful: bool) -> Verdict {
    Verdict::Again { after, doubtful }
}
