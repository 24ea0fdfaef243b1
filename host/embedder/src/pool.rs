//! The threads that compute, and the queue in front of them.
//!
//! Tenants take turns, and within them their jobs: a thread takes about one pass's worth of texts from
//! the job whose turn it is, which then goes to the end. So the wait of a single query grows with the
//! number of tenants that have jobs, not with those jobs or their sizes.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::answer::{EmbedError, Embeddings, Permit};
use crate::bert::{Bert, Scratch};
use crate::queue::{Caller, Queue};
use crate::tokenize::WordPiece;
use crate::weights::{DIMENSION, MAX_TOKENS};

/// English prose has four to five bytes for each token.
const BYTES_PER_TOKEN: usize = 4;

/// Tokenizer and network, shared by all threads.
pub(crate) struct Model {
    pub tokenizer: WordPiece,
    pub bert: Bert,
}

/// Dropping the pool ends its threads, each after the pass it is in.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    model: Model,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: Queue<Waiting>,
    closed: bool,
}

/// A job with texts that no thread has taken yet, from `next` on.
struct Waiting {
    job: Arc<Job>,
    next: usize,
}

struct Job {
    texts: Vec<String>,
    outcome: Mutex<Outcome>,
    /// Given back when the last thread has let go of the job, not when its caller has.
    _permit: Permit,
}

struct Outcome {
    vectors: Vec<f32>,
    tokens: u64,
    missing: usize,
    /// Taken when the job is answered; closed when its caller has gone.
    answer: Option<oneshot::Sender<Result<Embeddings, EmbedError>>>,
}

/// A panic while a lock was held leaves only plain data behind, each write of which is complete.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// Starts `threads` threads.
    ///
    /// # Errors
    ///
    /// The system's, where it cannot start one.
    pub fn start(model: Model, threads: usize) -> std::io::Result<Self> {
        let pool = Self {
            shared: Arc::new(Shared {
                model,
                state: Mutex::default(),
                changed: Condvar::new(),
            }),
        };
        for number in 0..threads {
            let shared = Arc::clone(&pool.shared);
            thread::Builder::new()
                .name(format!("embed-{number}"))
                .spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Queues `texts`. The receiver gets the vectors in their order; dropping it cancels what has
    /// not been computed.
    pub fn submit(
        &self,
        caller: Caller,
        texts: Vec<String>,
        permit: Permit,
    ) -> oneshot::Receiver<Result<Embeddings, EmbedError>> {
        let (answer, receiver) = oneshot::channel();
        let job = Arc::new(Job {
            outcome: Mutex::new(Outcome {
                vectors: vec![0.0; texts.len() * DIMENSION],
                tokens: 0,
                missing: texts.len(),
                answer: Some(answer),
            }),
            texts,
            _permit: permit,
        });
        if job.texts.is_empty() {
            job.add(Vec::new(), 0);
            return receiver;
        }
        let waiting = Waiting { job, next: 0 };
        lock(&self.shared.state).queue.push(caller, waiting);
        self.shared.changed.notify_one();
        receiver
    }

    /// Texts that no thread has taken yet.
    pub fn backlog(&self) -> usize {
        let state = lock(&self.shared.state);
        let left = |waiting: &Waiting| waiting.job.texts.len() - waiting.next;
        state.queue.iter().map(left).sum()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.closed = true;
        // Their callers learn of it by the closed channel.
        state.queue.clear();
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn work(&self) {
        let mut scratch = Scratch::new();
        while let Some((job, texts)) = self.take() {
            let computed =
                catch_unwind(AssertUnwindSafe(|| self.compute(&job, texts, &mut scratch)));
            let failure = match computed {
                Ok(Ok(())) => continue,
                Ok(Err(reason)) => reason,
                Err(_) => "the embedder panicked".to_owned(),
            };
            tracing::error!(reason = failure, "embedding failed");
            job.fail(EmbedError::Failed(failure));
        }
    }

    /// Waits for a job and takes some of its texts; `None` when the pool has been dropped.
    fn take(&self) -> Option<(Arc<Job>, Range<usize>)> {
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return None;
            }
            let taken = state.queue.pop(|waiting| !waiting.job.is_over());
            let Some(taken) = taken else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let mut head = taken.job;
            let texts = next_share(&head.job.texts, head.next);
            let job = Arc::clone(&head.job);
            head.next = texts.end;
            if head.next < job.texts.len() {
                state.queue.push(taken.caller, head);
                self.changed.notify_one();
            }
            return Some((job, texts));
        }
    }

    /// Computes the vectors of some texts of a job, as many at a time as one pass takes.
    fn compute(&self, job: &Job, texts: Range<usize>, scratch: &mut Scratch) -> Result<(), String> {
        let mut pass = Pass::default();
        for number in texts {
            let tokens = self.model.tokenizer.encode(&job.texts[number])?;
            if pass.tokens + tokens.len() > MAX_TOKENS {
                self.run(job, std::mem::take(&mut pass), scratch)?;
            }
            if job.is_over() {
                return Ok(());
            }
            pass.tokens += tokens.len();
            pass.texts.push(number);
            pass.sequences.push(tokens);
        }
        self.run(job, pass, scratch)
    }

    fn run(&self, job: &Job, pass: Pass, scratch: &mut Scratch) -> Result<(), String> {
        let vectors = self.model.bert.embed(&pass.sequences, scratch);
        let vectors = vectors.map_err(|e| e.to_string())?;
        job.add(
            pass.texts.into_iter().zip(vectors).collect(),
            pass.tokens as u64,
        );
        Ok(())
    }
}

/// Texts that go through the network together.
#[derive(Default)]
struct Pass {
    texts: Vec<usize>,
    sequences: Vec<Vec<u32>>,
    tokens: usize,
}

/// The texts from `next` on that fill one pass by their lengths, at least one.
fn next_share(texts: &[String], next: usize) -> Range<usize> {
    let mut tokens = 0;
    let mut end = next;
    for text in &texts[next..] {
        tokens += text.len() / BYTES_PER_TOKEN + 2;
        if end > next && tokens > MAX_TOKENS {
            break;
        }
        end += 1;
    }
    next..end
}

impl Job {
    /// Whether nobody waits for the job any more: answered, failed or left by its caller.
    fn is_over(&self) -> bool {
        let outcome = lock(&self.outcome);
        outcome
            .answer
            .as_ref()
            .is_none_or(|answer| answer.is_closed())
    }

    /// Adds vectors by the number of their text, and answers once all are there.
    fn add(&self, vectors: Vec<(usize, Vec<f32>)>, tokens: u64) {
        let mut outcome = lock(&self.outcome);
        outcome.tokens += tokens;
        outcome.missing -= vectors.len();
        for (number, vector) in vectors {
            let at = number * DIMENSION;
            outcome.vectors[at..at + DIMENSION].copy_from_slice(&vector);
        }
        if outcome.missing > 0 {
            return;
        }
        let embeddings = Embeddings {
            vectors: std::mem::take(&mut outcome.vectors),
            tokens: outcome.tokens,
        };
        if let Some(answer) = outcome.answer.take() {
            // Nobody to tell: the caller has gone.
            let _ = answer.send(Ok(embeddings));
        }
    }

    fn fail(&self, error: EmbedError) {
        if let Some(answer) = lock(&self.outcome).answer.take() {
            // Nobody to tell: the caller has gone.
            let _ = answer.send(Err(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_one_long_text_or_several_short_ones() {
        let long = "x".repeat(5000);
        let short = "x".repeat(100);
        let texts = [long.clone(), long, short.clone(), short, String::new()];
        assert_eq!(next_share(&texts, 0), 0..1);
        assert_eq!(next_share(&texts, 1), 1..2);
        assert_eq!(next_share(&texts, 2), 2..5);
    }
}
