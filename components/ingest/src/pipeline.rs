//! From text to rows: chunks are embedded while later ones are being split.

use std::time::Duration;

use dayfly_core::api::{ApiError, Code};
use dayfly_core::chunk::Chunk;
use dayfly_core::embedding::Embeddings;
use dayfly_core::ingest::{Batches, Next, Source};
use dayfly_core::pending::{PendingError, Progress};
use dayfly_core::segment::SegmentMeta;
use dayfly_core::store::{Manifest, RowRange};
use dayfly_guest::clock;
use dayfly_guest::embed::Embedder;
use dayfly_guest::platform::{PlatformObjects, Settings, settings};
use futures::StreamExt;
use futures::stream::FuturesOrdered;

use crate::budget::Budget;
use crate::rows::RowWriter;
use crate::stop::Stop;

/// How often it is seen to it that the work is still wanted, also where nothing comes of it for long.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a wait for the embedder goes on before it is seen whether somebody else waits.
const PULSE: Duration = Duration::from_millis(500);
/// However short a step is, the embedder gets so many milliseconds for an answer.
const LEAST_PATIENCE_MS: u64 = 10_000;

/// A file's segments, written and not yet visible.
#[derive(Debug)]
pub struct Ingested {
    pub segments: Vec<SegmentMeta>,
}

impl Ingested {
    /// What the segments take in storage.
    pub fn bytes(&self) -> u64 {
        let graph = |meta: &SegmentMeta| meta.graph.as_ref().map_or(0, |graph| graph.bytes);
        self.segments
            .iter()
            .map(|meta| meta.bytes + graph(meta))
            .sum()
    }

    /// Where the file's rows are: all rows of its segments.
    pub fn rows(&self) -> Vec<RowRange> {
        let whole = |meta: &SegmentMeta| RowRange {
            segment: meta.id.clone(),
            first: 0,
            rows: meta.rows,
        };
        self.segments.iter().map(whole).collect()
    }
}

/// What became of a file within a budget.
#[derive(Debug)]
pub enum Ended {
    /// All of it is written.
    Whole(Ingested),
    /// It goes on from here another time.
    Step(Progress),
}

/// Who wants the work done.
pub trait Principal {
    /// Asked after each batch, and every five seconds where there is none; an error ends the work.
    fn still_wanted(&mut self) -> Result<(), PendingError>;
    /// Told whenever a segment has reached its limit of rows; an error ends the work.
    fn record(&mut self, progress: &Progress) -> Result<(), PendingError>;
}

/// Splits, embeds and writes a file from where `progress` says. Memory does not depend on the
/// file's size: at any time a piece of text, the batches under way and a part of a segment are
/// held.
///
/// When the budget is over it stops, but unless that is urgent not before it came further. Segments
/// that were completed before an error stay, for the ingestion's end to remove.
pub async fn run(
    manifest: &Manifest,
    ingest_id: &str,
    source: &Source,
    progress: Progress,
    budget: &mut Budget,
    principal: &mut dyn Principal,
) -> Result<Ended, Stop> {
    let settings = patient_settings();
    let dimension = progress.segments.first().map(|meta| meta.dimension);
    let writer = RowWriter::new(
        manifest,
        ingest_id,
        &source.file.id,
        &settings,
        dimension.or(manifest.store.embedding.dimension),
        progress.chunks,
    );
    let embedder = Embedder::new(&settings.embedding);
    let batches = Batches::new(
        &PlatformObjects,
        source,
        &progress.position,
        progress.chunks,
        embedder.batcher(),
    )?;
    let mut run = Run {
        budget,
        embedder: &embedder,
        batches,
        writer,
        progress,
        principal,
        asked: clock::monotonic(),
    };
    let fed = run.feed().await?;
    run.note()?;
    match fed {
        Fed::All => run.whole(),
        Fed::Part => Ok(Ended::Step(run.progress)),
    }
}

/// The operator's settings, with no more patience for the embedder than a step has time.
fn patient_settings() -> Settings {
    let mut settings = settings();
    if let Some(step_ms) = settings.step_ms {
        let most = step_ms.max(LEAST_PATIENCE_MS);
        let embedding = &mut settings.embedding;
        embedding.request_timeout_ms = embedding.request_timeout_ms.min(most);
        embedding.deadline_ms = embedding.deadline_ms.min(most);
    }
    settings
}

/// How much of a file was fed to the writer.
enum Fed {
    All,
    Part,
}

struct Run<'a> {
    budget: &'a mut Budget,
    embedder: &'a Embedder<'a>,
    batches: Batches<'a>,
    writer: RowWriter<'a>,
    progress: Progress,
    principal: &'a mut dyn Principal,
    /// When the principal was asked last.
    asked: Duration,
}

impl Run<'_> {
    async fn feed(&mut self) -> Result<Fed, Stop> {
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
            match clock::timeout(wait, under_way.next()).await {
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
        self.asked = clock::monotonic();
        self.principal.still_wanted()
    }

    fn ask_if_due(&mut self) -> Result<(), PendingError> {
        match clock::monotonic().saturating_sub(self.asked) < HEARTBEAT {
            true => Ok(()),
            false => self.ask(),
        }
    }

    fn may_pass(&self, error: &ApiError) -> bool {
        self.budget.is_limited() && error.may_pass()
    }

    fn write(&mut self, chunks: &[Chunk], vectors: &Embeddings) -> Result<(), Stop> {
        for (chunk, vector) in chunks.iter().zip(vectors.rows()) {
            if self.writer.is_full() {
                self.note()?;
                self.principal.record(&self.progress)?;
            }
            self.writer.push(chunk, vector)?;
        }
        Ok(())
    }

    /// Completes the open segment and notes how far that is.
    fn note(&mut self) -> Result<(), ApiError> {
        self.progress.segments.extend(self.writer.close()?);
        self.progress.chunks = self.writer.next_chunk();
        self.progress.position = self.batches.position_before(self.progress.chunks);
        Ok(())
    }

    fn whole(self) -> Result<Ended, Stop> {
        let segments = self.progress.segments;
        if segments.is_empty() {
            return Err(no_text().into());
        }
        Ok(Ended::Whole(Ingested { segments }))
    }
}

async fn embed(
    embedder: &Embedder<'_>,
    chunks: Vec<Chunk>,
    dimension: Option<u32>,
) -> Result<(Vec<Chunk>, Embeddings), ApiError> {
    let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    let vectors = embedder.embed(&texts, dimension).await?;
    Ok((chunks, vectors))
}

fn no_text() -> ApiError {
    ApiError::new(
        Code::InvalidFile,
        "The file has no text in it, or only white space; nothing can be found in it.",
    )
}
