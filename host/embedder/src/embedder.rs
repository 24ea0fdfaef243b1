//! The embedder as the rest of the host sees it.

use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::{EmbedError, Embeddings, Permit};
use crate::bert::Bert;
use crate::pool::{Model, Pool};
use crate::queue::Caller;
use crate::tensor_file::TensorFile;
use crate::tokenize::WordPiece;
use crate::weights::{DIMENSION, ModelFiles, WeightsError};

/// Bytes of one vector.
const VECTOR_BYTES: usize = DIMENSION * size_of::<f32>();
/// The unit in which waiting bytes are counted.
const KIB: usize = 1 << 10;
/// What one thread embeds in a second at the least: texts of 256 tokens.
const TEXTS_PER_SECOND: usize = 10;
const MAX_RETRY_AFTER_S: u32 = 30;

/// How much an [`Embedder`] computes and accepts at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedderConfig {
    /// Threads that compute, each with 4 MB of its own. Default: one for each processor.
    pub threads: usize,
    /// Requests accepted and not yet answered. Default 256.
    pub max_requests: usize,
    /// Bytes of the requests accepted and not yet answered, their vectors (1,536 bytes a text)
    /// included. Default 64 MiB.
    pub max_bytes: usize,
}

impl Default for EmbedderConfig {
    fn default() -> Self {
        Self {
            threads: available_parallelism().map_or(1, usize::from),
            max_requests: 256,
            max_bytes: 64 << 20,
        }
    }
}

/// A loaded model with the threads that compute, apart from those of the async runtime.
///
/// Memory stays flat under load: weights 43 MB, the tokenizer, 4 MB for each thread, and the
/// requests that have been admitted.
pub struct Embedder {
    files: ModelFiles,
    config: EmbedderConfig,
    pool: Arc<Pool>,
    requests: Arc<Semaphore>,
    kib: Arc<Semaphore>,
    room_kib: usize,
}

impl Embedder {
    /// Loads the model, verifying the SHA-256 of every byte, and starts the threads. Blocks for
    /// about 0.2 s.
    ///
    /// A `threads` of 0 counts as 1.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] where the files are not the published ones or cannot be read.
    pub fn load(files: ModelFiles, config: EmbedderConfig) -> Result<Self, WeightsError> {
        let weights = TensorFile::read(&files.weights, files.sha256)?;
        let model = Model {
            bert: Bert::new(weights)?,
            tokenizer: WordPiece::read(&files.tokenizer)?,
        };
        let pool = Pool::start(model, config.threads.max(1))
            .map_err(|e| WeightsError::io(&files.weights, e))?;
        Ok(Self::over(Arc::new(pool), files, config))
    }

    /// The same model and threads, with room of its own: what waits there takes none of this one's.
    pub fn beside(&self, max_requests: usize, max_bytes: usize) -> Self {
        let config = EmbedderConfig {
            max_requests,
            max_bytes,
            ..self.config.clone()
        };
        Self::over(Arc::clone(&self.pool), self.files.clone(), config)
    }

    fn over(pool: Arc<Pool>, files: ModelFiles, config: EmbedderConfig) -> Self {
        let room_kib = config.max_bytes.div_ceil(KIB).min(u32::MAX as usize);
        Self {
            requests: Arc::new(Semaphore::new(
                config.max_requests.min(Semaphore::MAX_PERMITS),
            )),
            kib: Arc::new(Semaphore::new(room_kib)),
            room_kib,
            files,
            config,
            pool,
        }
    }

    /// The model: what every store records of it.
    pub fn model(&self) -> &ModelFiles {
        &self.files
    }

    /// Embeds `texts`, each cut to its first 256 tokens, and its first 64 KiB.
    ///
    /// Dropping the future cancels what has not been computed: a thread leaves the request after
    /// the pass it is in, of at most 256 tokens.
    ///
    /// # Errors
    ///
    /// [`EmbedError::Busy`] at once where too much waits already.
    pub async fn embed(&self, texts: Vec<String>) -> Result<Embeddings, EmbedError> {
        let bytes = texts.iter().map(String::len).sum();
        let permit = self.admit(bytes)?;
        self.embed_admitted(Caller::default(), texts, permit).await
    }

    /// Reserves room for a request of `bytes` bytes, before it is read. One that is larger than
    /// all room together gets in alone.
    ///
    /// # Errors
    ///
    /// [`EmbedError::Busy`] where there is none.
    pub fn admit(&self, bytes: usize) -> Result<Permit, EmbedError> {
        let requests = Arc::clone(&self.requests);
        Ok(Permit {
            _request: requests.try_acquire_owned().map_err(|_| self.busy())?,
            kib: self.reserve(bytes, 0)?,
        })
    }

    /// Like [`Embedder::embed`], for a request that has been admitted, in its caller's turn.
    ///
    /// # Errors
    ///
    /// [`EmbedError::Busy`] where there is no room for the vectors, [`EmbedError::Failed`] or
    /// [`EmbedError::Stopped`].
    pub async fn embed_admitted(
        &self,
        caller: Caller,
        texts: Vec<String>,
        mut permit: Permit,
    ) -> Result<Embeddings, EmbedError> {
        let held = permit.kib.num_permits();
        permit
            .kib
            .merge(self.reserve(texts.len() * VECTOR_BYTES, held)?);
        let answer = self.pool.submit(caller, texts, permit).await;
        answer.unwrap_or(Err(EmbedError::Stopped))
    }

    /// Reserves `bytes`, or all that there is beside the `held_kib` the request has already.
    fn reserve(&self, bytes: usize, held_kib: usize) -> Result<OwnedSemaphorePermit, EmbedError> {
        let kib = bytes.div_ceil(KIB).min(self.room_kib - held_kib);
        let kib = u32::try_from(kib).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.kib);
        room.try_acquire_many_owned(kib).map_err(|_| self.busy())
    }

    fn busy(&self) -> EmbedError {
        EmbedError::Busy {
            retry_after_s: self.retry_after_s(),
        }
    }

    fn retry_after_s(&self) -> u32 {
        let per_second = TEXTS_PER_SECOND * self.config.threads.max(1);
        let seconds = self.pool.backlog() / per_second + 1;
        u32::try_from(seconds).map_or(MAX_RETRY_AFTER_S, |s| s.min(MAX_RETRY_AFTER_S))
    }
}
