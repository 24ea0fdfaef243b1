//! Asking a provider for vectors, as it wants to be asked.

use std::borrow::Cow;
use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use futures::future::{FutureExt, LocalBoxFuture};

use super::{
    Advice, EmbeddingError, Embeddings, Expected, Manner, Refusal, parse_response, request_body,
};
use crate::retry::RetryPolicy;

/// A text that is as long as this and too long for the model is not divided any further.
const LEAST_BYTES: usize = 64;
/// A text that every model takes.
const ANY_TEXT: &str = "a";

/// What carries requests to a provider.
pub trait Transport {
    /// Sends the body of a request, and reads the answer: of its body `most` bytes, and one piece more where
    /// there are more.
    fn exchange(
        &self,
        body: Vec<u8>,
        most: usize,
    ) -> impl Future<Output = Result<Answer, EmbeddingError>>;

    /// Time since an arbitrary moment; never goes back.
    fn monotonic(&self) -> Duration;

    /// Uniform over all of `u64`.
    fn random(&self) -> u64;

    /// Returns after that time.
    fn sleep(&self, wait: Duration) -> impl Future<Output = ()>;
}

/// What a provider answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP's.
    pub status: u16,
    /// How long to wait at the least, where it says so.
    pub retry_after: Option<Duration>,
    /// The body, without its content encoding.
    pub body: Vec<u8>,
}

/// Whom to ask for what.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The provider's authority, for errors.
    pub provider: &'a str,
    /// The model.
    pub model: &'a str,
    /// How many numbers a vector is to have; `None` for as many as the model has.
    pub dimensions: Option<u32>,
    /// What goes before each text.
    pub prefix: &'a str,
}

/// Asks a provider for vectors: tries again what may pass, and does without what the provider refuses.
///
/// - One that does not know `encoding_format` is not told it any more.
/// - One that takes fewer inputs gets as many from then on.
/// - One that refuses a request of several texts gets fewer of them, so that the text that it refuses is
///   found; but first it is asked for a word, and where it refuses that, too, the fault is not the text's.
/// - A text that is too long for the model is divided, and its vector is the mean of its pieces', weighed by
///   their lengths: none of it is lost.
pub struct Client<'a, T> {
    asked: Asked<'a>,
    policy: RetryPolicy,
    transport: T,
    manner: Cell<Manner>,
    /// It has answered at all.
    answers: Cell<bool>,
}

impl<'a, T: Transport> Client<'a, T> {
    /// Begins in that manner.
    pub fn new(asked: Asked<'a>, policy: RetryPolicy, manner: Manner, transport: T) -> Self {
        Self {
            asked,
            policy,
            transport,
            manner: Cell::new(manner),
            answers: Cell::new(false),
        }
    }

    /// How the provider wants to be asked, as far as that is known by now.
    pub fn manner(&self) -> Manner {
        self.manner.get()
    }

    /// One vector for each text, in order, of that dimension where one is named.
    ///
    /// # Errors
    ///
    /// What the provider does not answer within the policy, or refuses however it is asked.
    pub async fn embed(
        &self,
        texts: &[&str],
        dimension: Option<u32>,
    ) -> Result<Embeddings, EmbeddingError> {
        self.part(texts, dimension).await
    }

    fn part<'s>(
        &'s self,
        texts: &'s [&'s str],
        dimension: Option<u32>,
    ) -> LocalBoxFuture<'s, Result<Embeddings, EmbeddingError>> {
        async move {
            loop {
                let manner = self.manner.get();
                if texts.len() > manner.most_inputs {
                    return self.groups(texts, manner.most_inputs, dimension).await;
                }
                let error = match self.persistently(texts, manner, dimension).await {
                    Ok(vectors) => return Ok(vectors),
                    Err(error) => error,
                };
                match error.refusal {
                    Some(Refusal::EncodingFormat) if manner.base64 => {
                        self.manner.set(Manner {
                            base64: false,
                            ..self.manner.get()
                        });
                    }
                    Some(Refusal::Inputs { most }) if texts.len() > 1 => {
                        let most_inputs = most.min(self.manner.get().most_inputs);
                        self.manner.set(Manner {
                            most_inputs,
                            ..self.manner.get()
                        });
                    }
                    Some(refusal) => {
                        if refusal != Refusal::TooLong && !self.answers_at_all(manner).await? {
                            return Err(error.of_any_text());
                        }
                        return match (refusal, texts) {
                            (Refusal::TooLong, [text]) => self.pieces(text, dimension, error).await,
                            (_, [_]) => Err(error),
                            _ => self.groups(texts, texts.len().div_ceil(2), dimension).await,
                        };
                    }
                    None => return Err(error),
                }
            }
        }
        .boxed_local()
    }

    async fn groups(
        &self,
        texts: &[&str],
        size: usize,
        dimension: Option<u32>,
    ) -> Result<Embeddings, EmbeddingError> {
        let mut all: Option<Embeddings> = None;
        for group in texts.chunks(size.max(1)) {
            let dimension = all.as_ref().map(|all| all.dimension).or(dimension);
            let vectors = self.part(group, dimension).await?;
            match &mut all {
                Some(all) => all.values.extend(vectors.values),
                None => all = Some(vectors),
            }
        }
        Ok(all.unwrap_or(Embeddings {
            dimension: 0,
            values: Vec::new(),
        }))
    }

    /// The vector of a text that is too long.
    async fn pieces(
        &self,
        text: &str,
        dimension: Option<u32>,
        error: EmbeddingError,
    ) -> Result<Embeddings, EmbeddingError> {
        if text.len() <= LEAST_BYTES {
            return Err(error);
        }
        let (left, right) = text.split_at(middle(text));
        // One after the other: the second is as likely to be too long as the first.
        let one = self.part(&[left], dimension).await?;
        let other = self.part(&[right], Some(one.dimension)).await?;
        let share = left.len() as f32 / text.len() as f32;
        let mean = one.values.iter().zip(&other.values);
        let mean = mean.map(|(one, other)| one * share + other * (1.0 - share));
        let mean = Embeddings {
            dimension: one.dimension,
            values: mean.collect(),
        };
        // Opposites have no direction between them.
        Ok(if mean.values.iter().all(|number| *number == 0.0) {
            one
        } else {
            mean
        })
    }

    async fn answers_at_all(&self, manner: Manner) -> Result<bool, EmbeddingError> {
        if self.answers.get() {
            return Ok(true);
        }
        match self.persistently(&[ANY_TEXT], manner, None).await {
            Ok(_) => Ok(true),
            Err(error) if error.refusal.is_some() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One request, and again what may pass, with exponential backoff and jitter.
    async fn persistently(
        &self,
        texts: &[&str],
        manner: Manner,
        dimension: Option<u32>,
    ) -> Result<Embeddings, EmbeddingError> {
        let Asked {
            provider,
            model,
            dimensions,
            prefix,
        } = self.asked;
        let texts: Vec<Cow<'_, str>> = texts.iter().map(|text| prefixed(prefix, text)).collect();
        let body = request_body(model, &texts, manner.base64, dimensions);
        let expected = Expected {
            provider,
            count: texts.len(),
            dimension,
        };
        let begun = self.transport.monotonic();
        for attempts in 1.. {
            let answer = self
                .transport
                .exchange(body.clone(), expected.max_body_bytes())
                .await;
            let parsed = answer.and_then(|answer| {
                parse_response(answer.status, answer.retry_after, &answer.body, &expected)
            });
            let error = match parsed {
                Ok(vectors) => {
                    self.answers.set(true);
                    return Ok(vectors);
                }
                Err(error) => error,
            };
            let Advice::Retry { after } = error.advice else {
                return Err(error);
            };
            let elapsed = self.transport.monotonic().saturating_sub(begun);
            let random = self.transport.random();
            let Some(wait) = self.policy.next(attempts, after, elapsed, random) else {
                return Err(error);
            };
            self.transport.sleep(wait).await;
        }
        Err(EmbeddingError::unreachable(
            provider,
            "it was asked too often",
        ))
    }
}

fn prefixed<'t>(prefix: &str, text: &'t str) -> Cow<'t, str> {
    match prefix {
        "" => Cow::Borrowed(text),
        _ => Cow::Owned(format!("{prefix}{text}")),
    }
}

/// Where to divide a text: at the last space of its first half, or within a word.
fn middle(text: &str) -> usize {
    let half = text.floor_char_boundary(text.len() / 2);
    let space = text[..half].rfind(char::is_whitespace);
    space.filter(|space| *space > half / 2).unwrap_or(half)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
