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
        body: &[u8],
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
///   their lengths: none of it is lost. Texts of about that length are divided from then on before they are
///   sent.
pub struct Client<'a, T> {
    asked: Asked<'a>,
    policy: RetryPolicy,
    transport: T,
    manner: Cell<Manner>,
    /// The least that it was asked for when it answered.
    proven: Cell<Manner>,
    /// That, where it is less than it was.
    learnt: Cell<Option<Manner>>,
    /// A text of so many bytes may be too long.
    too_long: Cell<usize>,
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
            proven: Cell::new(manner),
            learnt: Cell::new(None),
            too_long: Cell::new(usize::MAX),
            answers: Cell::new(false),
        }
    }

    /// How the provider is asked by now.
    pub fn manner(&self) -> Manner {
        self.manner.get()
    }

    /// How it wants to be asked, once, where its refusals taught that and it answered then.
    pub fn take_learnt(&self) -> Option<Manner> {
        self.learnt.take()
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
        let call = Call {
            client: self,
            begun: self.transport.monotonic(),
            dimension,
        };
        call.part(texts).await
    }

    /// It answered who asked so. Who asked otherwise before may be answered later, and teaches nothing.
    fn prove(&self, manner: Manner) {
        let before = self.proven.get();
        let least = before.least(manner);
        if least != before {
            self.proven.set(least);
            self.learnt.set(Some(least));
        }
        self.answers.set(true);
    }

    fn ask_as(&self, change: impl FnOnce(Manner) -> Manner) {
        self.manner.set(change(self.manner.get()));
    }
}

/// One call of a client, however many requests it takes.
struct Call<'c, 'a, T> {
    client: &'c Client<'a, T>,
    begun: Duration,
    dimension: Option<u32>,
}

impl<T: Transport> Call<'_, '_, T> {
    fn part<'s>(
        &'s self,
        texts: &'s [&'s str],
    ) -> LocalBoxFuture<'s, Result<Embeddings, EmbeddingError>> {
        async move {
            loop {
                let client = self.client;
                let manner = client.manner.get();
                if texts
                    .iter()
                    .any(|text| is_divisible(text, client.too_long.get()))
                {
                    return self.divided(texts).await;
                }
                if texts.len() > manner.most_inputs {
                    return self.groups(texts, manner.most_inputs).await;
                }
                let error = match self.persistently(texts, manner).await {
                    Ok(vectors) => return Ok(vectors),
                    Err(error) => error,
                };
                let Some(refusal) = error.refusal else {
                    return Err(error);
                };
                match (refusal, texts) {
                    (Refusal::EncodingFormat, _) if manner.base64 => {
                        client.ask_as(|manner| Manner {
                            base64: false,
                            ..manner
                        });
                    }
                    (Refusal::Inputs { most }, [_, _, ..]) => client.ask_as(|manner| Manner {
                        most_inputs: most.min(manner.most_inputs),
                        ..manner
                    }),
                    (Refusal::TooLong, [text]) if text.len() > LEAST_BYTES => {
                        // Others of about the same length are as likely to be.
                        let limit = (text.len() / 4 * 3).max(LEAST_BYTES);
                        client.too_long.set(limit.min(client.too_long.get()));
                    }
                    (Refusal::TooLong, [_, _, ..]) => {
                        return self.groups(texts, texts.len().div_ceil(2)).await;
                    }
                    _ if !self.answers_at_all(manner).await? => return Err(error.of_any_text()),
                    (_, [_, _, ..]) => {
                        return self.groups(texts, texts.len().div_ceil(2)).await;
                    }
                    _ => return Err(error),
                }
            }
        }
        .boxed_local()
    }

    async fn groups(&self, texts: &[&str], size: usize) -> Result<Embeddings, EmbeddingError> {
        let mut all: Option<Embeddings> = None;
        for group in texts.chunks(size.max(1)) {
            let vectors = self.part(group).await?;
            match &mut all {
                None => all = Some(vectors),
                Some(all) if all.dimension == vectors.dimension => {
                    all.values.extend(vectors.values);
                }
                Some(all) => {
                    let (provider, one) = (self.client.asked.provider, all.dimension);
                    let message = format!(
                        "answered with vectors of {one} numbers, and then of {}.",
                        vectors.dimension
                    );
                    return Err(EmbeddingError::protocol(provider, message));
                }
            }
        }
        Ok(all.unwrap_or(Embeddings {
            dimension: 0,
            values: Vec::new(),
        }))
    }

    /// As [`part`](Self::part), of texts some of which are too long.
    async fn divided(&self, texts: &[&str]) -> Result<Embeddings, EmbeddingError> {
        let limit = self.client.too_long.get();
        let pieces: Vec<Vec<&str>> = texts.iter().map(|text| pieces(text, limit)).collect();
        let vectors = self.part(&pieces.concat()).await?;
        let mut rows = vectors.rows();
        let mut values = Vec::with_capacity(texts.len() * vectors.dimension as usize);
        for pieces in &pieces {
            values.extend(mean(pieces, &mut rows));
        }
        Ok(Embeddings {
            dimension: vectors.dimension,
            values,
        })
    }

    async fn answers_at_all(&self, manner: Manner) -> Result<bool, EmbeddingError> {
        if self.client.answers.get() {
            return Ok(true);
        }
        match self.persistently(&[ANY_TEXT], manner).await {
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
    ) -> Result<Embeddings, EmbeddingError> {
        let (client, transport) = (self.client, &self.client.transport);
        let Asked {
            provider,
            model,
            dimensions,
            prefix,
        } = client.asked;
        let inputs: Vec<Cow<'_, str>> = texts.iter().map(|text| prefixed(prefix, text)).collect();
        let body = request_body(model, &inputs, manner.base64, dimensions);
        let expected = Expected {
            provider,
            count: texts.len(),
            dimension: self.dimension,
        };
        for attempts in 1.. {
            let most = expected.max_body_bytes();
            let answer = transport.exchange(&body, most).await;
            let parsed = answer.and_then(|answer| {
                parse_response(answer.status, answer.retry_after, &answer.body, &expected)
            });
            let error = match parsed {
                Ok(vectors) => {
                    client.prove(manner);
                    return Ok(vectors);
                }
                Err(error) => error,
            };
            let Advice::Retry { after } = error.advice else {
                return Err(error);
            };
            let elapsed = transport.monotonic().saturating_sub(self.begun);
            let Some(wait) = client
                .policy
                .next(attempts, after, elapsed, transport.random())
            else {
                return Err(error);
            };
            transport.sleep(wait).await;
        }
        Err(EmbeddingError::unreachable(
            provider,
            "it was asked too often",
        ))
    }
}

fn is_divisible(text: &str, limit: usize) -> bool {
    text.len() > limit && text.len() > LEAST_BYTES
}

/// A text in pieces of at most `limit` bytes.
fn pieces(text: &str, limit: usize) -> Vec<&str> {
    if !is_divisible(text, limit) {
        return vec![text];
    }
    let (left, right) = text.split_at(middle(text));
    let mut all = pieces(left, limit);
    all.extend(pieces(right, limit));
    all
}

/// The mean of pieces' vectors, weighed by their lengths. Opposites have no direction between them: then the
/// first piece speaks for all.
fn mean<'r>(pieces: &[&str], rows: &mut impl Iterator<Item = &'r [f32]>) -> Vec<f32> {
    let whole: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut rows = pieces.iter().zip(rows);
    let Some((_, first)) = rows.next() else {
        return Vec::new();
    };
    if pieces.len() == 1 {
        return first.to_vec();
    }
    let share = |piece: &str| piece.len() as f32 / whole as f32;
    let mut mean: Vec<f32> = first
        .iter()
        .map(|number| number * share(pieces[0]))
        .collect();
    for (piece, row) in rows {
        for (sum, number) in mean.iter_mut().zip(row) {
            *sum += number * share(piece);
        }
    }
    match mean.iter().all(|number| *number == 0.0) {
        true => first.to_vec(),
        false => mean,
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
