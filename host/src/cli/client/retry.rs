//! Waits for a server that is full.

use std::time::Duration;

use super::ClientError;

const ATTEMPTS: u32 = 6;
const LONGEST: Duration = Duration::from_secs(30);

/// Calls `attempt` until it succeeds, fails for good, or was told six times that the server is full
/// (429 or 503). Waits as long as the server asks, or else twice as long each time from half a
/// second; never longer than 30 s.
///
/// # Errors
/// The last attempt's.
pub async fn patiently<T>(
    mut attempt: impl AsyncFnMut() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    for number in 0..ATTEMPTS - 1 {
        match attempt().await {
            Err(error) => match pause(&error, number) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            },
            answer => return answer,
        }
    }
    attempt().await
}

fn pause(error: &ClientError, number: u32) -> Option<Duration> {
    let ClientError::Api(answer) = error else {
        return None;
    };
    if !matches!(answer.status, 429 | 503) {
        return None;
    }
    let own = Duration::from_millis(500) * 2_u32.pow(number);
    let asked = answer.retry_after_s.map(Duration::from_secs);
    Some(asked.unwrap_or(own).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::super::ApiAnswer;
    use super::*;

    fn refusal(status: u16, retry_after_s: Option<u64>) -> ClientError {
        ClientError::Api(Box::new(ApiAnswer {
            status,
            message: String::new(),
            kind: None,
            param: None,
            code: None,
            request_id: None,
            retry_after_s,
        }))
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(work)
    }

    #[test]
    fn a_full_server_is_asked_again_until_it_answers() {
        let mut calls = 0;
        let answer = block_on(patiently(async || {
            calls += 1;
            if calls < 3 {
                Err(refusal(503, Some(0)))
            } else {
                Ok(calls)
            }
        }));
        assert_eq!(answer.unwrap(), 3);
    }

    #[test]
    fn a_server_that_stays_full_is_given_up() {
        let mut calls = 0;
        let answer: Result<(), _> = block_on(patiently(async || {
            calls += 1;
            Err(refusal(429, Some(0)))
        }));
        assert!(answer.is_err());
        assert_eq!(calls, ATTEMPTS);
    }

    #[test]
    fn a_refusal_for_good_is_not_repeated() {
        let mut calls = 0;
        let answer: Result<(), _> = block_on(patiently(async || {
            calls += 1;
            Err(refusal(400, Some(0)))
        }));
        assert!(answer.is_err());
        assert_eq!(calls, 1);
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        assert_eq!(
            pause(&refusal(503, None), 0),
            Some(Duration::from_millis(500))
        );
        assert_eq!(pause(&refusal(503, None), 3), Some(Duration::from_secs(4)));
        assert_eq!(pause(&refusal(503, Some(9_000)), 0), Some(LONGEST));
    }
}
