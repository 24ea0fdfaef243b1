//! From text to rows: chunks are embedded while later ones are being split.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesOrdered;

use super::budget::Budget;
use super::error::IngestionError;
use super::requester::Requester;
use super::rows::{RowWriter, Target};
use super::surroundings::{Embed, Surroundings};
use super::written::Written;
use crate::chunk::Chunk;
use crate::embedding::{EmbeddingError, Embeddings};
use crate::ingest::{Batches, Next, Source};
use crate::pending::{PendingError, Progress};
use crate::platform::Platform;
use crate::store::{Indexing, Manifest};

/// How often it is seen to it that the work is still wanted, also where nothing comes of it for long.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a wait for the embedder goes on before it is seen whether somebody else waits.
const PULSE: Duration = Duration::from_millis(500);

/// What became of a file within a budget.
#[derive(Debug)]
pub enum Ended {
    /// All of it is written.
    Whole(Written),
    /// It goes on from here another time.
    Step(Progress),
}

/// A file that becomes rows.
pub struct Ingestion<'a, E> {
    /// Storage and chance.
    pub platform: Platform<'a>,
    /// The store, as it was when this began.
    pub manifest: &'a Manifest,
    /// How large segments become.
    pub indexing: Indexing,
    /// Names it, and its segments.
    pub ingest_id: &'a str,
    /// The file.
    pub source: &'a Source,
    /// Whether what was written is kept for the next step where the embedder fails for a time.
    pub keeps_parts: bool,
    /// Makes the vectors.
    pub embedder: &'a E,
}

impl<E: Embed> Ingestion<'_, E> {
    /// Splits, embeds and writes a file from where `progress` says. Memory does not depend on the
    /// file's size: at any time a piece of text, the batches under way and a part of a segment are
    /// held.
    ///
    /// When the budget is over it stops, but unless that is urgent not before it came further. Segments
    /// that were completed before an error stay, for the ingestion's end to remove.
    ///
    /// # Errors
    /// [`IngestionError`] says whose they are.
    pub async fn run<S: Surroundings>(
        &self,
        progress: Progress,
        budget: &mut Budget<S>,
        requester: &mut dyn Requester,
    ) -> Result<Ended, IngestionError> {
        let home = self.manifest.home();
        let embedding = &self.manifest.store.embedding;
        let target = Target {
            platform: self.platform,
            home: &home,
            model: &embedding.model,
            indexing: self.indexing,
            file_id: &self.source.file.id,
            ingest_id: self.ingest_id,
        };
        let known = progress.segments.first().map(|meta| meta.dimension);
        let writer = RowWriter::new(target, known.or(embedding.dimension), progress.chunks);
        let batches = Batches::new(
            self.platform.objects,
            self.source,
            &progress.position,
            progress.chunks,
            self.embedder.batcher(),
        )?;
        let asked = budget.surroundings().monotonic();
        let mut run = Run {
            budget,
            embedder: self.embedder,
            batches,
            writer,
            progress,
            requester,
            asked,
            keeps_parts: self.keeps_parts,
        };
        let fed = run.feed().await?;
        run.note()?;
        match fed {
            Fed::All => run.whole(),
            Fed::Part => Ok(Ended::Step(run.progress)),
        }
    }
}

/// How much of a file was fed to the writer.
enum Fed {
    All,
    Part,
}

struct Run<'a, E, S> {
    budget: &'a mut Budget<S>,
    embedder: &'a E,
    batches: Batches<'a>,
    writer: RowWriter<'a>,
    progress: Progress,
    requester: &'a mut dyn Requester,
    /// When the requester was asked last.
    asked: Duration,
    keeps_parts: bool,
}

impl<E: Embed, S: Surroundings> Run<'_, E, S> {
    async fn feed(&mut self) -> Result<Fed, IngestionError> {
        let mut under_way = FuturesOrdered::new();
        let (mut taken, mut written) = (0_usize, 0_usize);
        loop {
            while under_way.len() < self.embedder.concurrency() {
                if self.ends(taken > 0 || self.has_moved()) {
                    break;
                }
                let batch = match self.batches.advance()? {
                    Next::Batch(batch) => batch,
                    Next::Later => {
                        self.ask_if_due()?;
                        continue;
                    }
                    Next::End => break,
                };
                taken += 1;
                under_way.push_back(embed(self.embedder, batch, self.writer.dimension()));
            }
            if under_way.is_empty() {
                return Ok(match self.batches.is_at_end() {
                    true => Fed::All,
                    false => Fed::Part,
                });
            }
            if self.ends(written > 0) && self.budget.is_spent() {
                return Ok(Fed::Part);
            }
            let wait = match written {
                0 => PULSE,
                _ => self.budget.within(PULSE),
            };
            let next = self.budget.surroundings().timeout(wait, under_way.next());
            match next.await {
                None | Some(None) => self.ask_if_due()?,
                Some(Some(Ok((chunks, vectors)))) => {
                    self.write(&chunks, &vectors)?;
                    written += 1;
                    self.ask()?;
                }
                // What was written is kept; the next step meets the failure again, or does not.
                Some(Some(Err(error))) if written > 0 && self.may_pass(&error) => {
                    return Ok(Fed::Part);
                }
                Some(Some(Err(error))) => return Err(error.into()),
            }
        }
    }

    fn ends(&mut self, came_further: bool) -> bool {
        self.budget.is_over() && (came_further || self.budget.is_urgent())
    }

    /// Whether the next step begins later than this one did, also where this one writes nothing.
    fn has_moved(&self) -> bool {
        self.batches.has_moved(self.writer.next_chunk())
    }

    fn ask(&mut self) -> Result<(), PendingError> {
        self.asked = self.budget.surroundings().monotonic();
        self.requester.still_wanted()
    }

    fn ask_if_due(&mut self) -> Result<(), PendingError> {
        let now = self.budget.surroundings().monotonic();
        match now.saturating_sub(self.asked) < HEARTBEAT {
            true => Ok(()),
            false => self.ask(),
        }
    }

    fn may_pass(&self, error: &EmbeddingError) -> bool {
        self.keeps_parts && error.is_retryable()
    }

    fn write(&mut self, chunks: &[Chunk], vectors: &Embeddings) -> Result<(), IngestionError> {
        for (chunk, vector) in chunks.iter().zip(vectors.rows()) {
            if self.writer.is_full() {
                self.note()?;
                self.requester.record(&self.progress)?;
            }
            self.writer
                .push(chunk.start..chunk.end, &chunk.text, vector)?;
        }
        Ok(())
    }

    /// Completes the open segment and notes how far that is.
    fn note(&mut self) -> Result<(), IngestionError> {
        self.progress.segments.extend(self.writer.close()?);
        self.progress.chunks = self.writer.next_chunk();
        self.progress.position = self.batches.position_before(self.progress.chunks);
        Ok(())
    }

    fn whole(self) -> Result<Ended, IngestionError> {
        let segments = self.progress.segments;
        match segments.is_empty() {
            true => Err(IngestionError::NoText),
            false => Ok(Ended::Whole(Written { segments })),
        }
    }
}

async fn embed(
    embedder: &impl Embed,
    chunks: Vec<Chunk>,
    dimension: Option<u32>,
) -> Result<(Vec<Chunk>, Embeddings), EmbeddingError> {
    let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    let vectors = embedder.embed(&texts, dimension).await?;
    Ok((chunks, vectors))
}
