use std::ops::Range;
use std::time::Duration;

use dayfly_core::chunk::{Chunk, Chunker, ChunkingStrategy, Format};
use dayfly_core::decode::TextDecoder;
use dayfly_core::embedding::{Batcher, Embeddings};
use dayfly_core::error::ApiError;
use dayfly_core::files;
use dayfly_core::objects::Objects;
use dayfly_core::segment::SegmentMeta;
use dayfly_core::store::Manifest;
use dayfly_guest::clock;
use dayfly_guest::embed::Embedder;
use dayfly_guest::platform::{PlatformObjects, settings};
use futures::StreamExt;
use futures::stream::FuturesOrdered;

use crate::rows::{self, RowWriter};

/// Bytes read from storage at a time.
const READ_BYTES: u64 = 256 << 10;
/// How often a wait for the embedder is interrupted to see whether the work is still wanted.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// A file to ingest.
#[derive(Debug)]
pub struct Source {
    pub file_id: String,
    pub bytes: u64,
    pub format: Format,
    pub chunking: ChunkingStrategy,
}

/// A file's segments, written and not yet visible.
#[derive(Debug)]
pub struct Ingested {
    pub segments: Vec<SegmentMeta>,
    pub dimension: u32,
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

    pub fn segment_ids(&self) -> Vec<String> {
        self.segments.iter().map(|meta| meta.id.clone()).collect()
    }

    /// Removes the segments, because they will not be committed.
    pub fn discard(&self, store: &str) {
        rows::discard(store, &self.segments);
    }
}

/// Splits, embeds and writes a file. Memory does not depend on the file's size: at any time a
/// piece of text, the batches under way and a part of a segment are held.
///
/// `still_wanted` is asked after each batch and at least every ten seconds; its error ends the
/// work. Nothing stays behind on an error.
pub async fn run(
    manifest: &Manifest,
    source: &Source,
    still_wanted: &mut dyn FnMut() -> Result<(), ApiError>,
) -> Result<Ingested, ApiError> {
    let settings = settings();
    let store = &manifest.store;
    let mut writer = RowWriter::new(
        &store.id,
        &store.embedding.model,
        &source.file_id,
        &settings,
        store.embedding.dimension,
    );
    let embedder = Embedder::new(&settings.embedding);
    if let Err(error) = feed(source, &embedder, &mut writer, still_wanted).await {
        writer.discard();
        return Err(error);
    }
    let Some(dimension) = writer.dimension() else {
        return Err(no_text());
    };
    let segments = writer.finish()?;
    if segments.is_empty() {
        return Err(no_text());
    }
    Ok(Ingested {
        segments,
        dimension,
    })
}

async fn feed(
    source: &Source,
    embedder: &Embedder<'_>,
    writer: &mut RowWriter<'_>,
    still_wanted: &mut dyn FnMut() -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let mut batches = Batches::new(source, embedder.batcher())?;
    let mut under_way = FuturesOrdered::new();
    loop {
        while under_way.len() < embedder.concurrency() {
            let Some(batch) = batches.next()? else {
                break;
            };
            under_way.push_back(embed(embedder, batch, writer.dimension()));
        }
        if under_way.is_empty() {
            return Ok(());
        }
        let Some(done) = clock::timeout(HEARTBEAT, under_way.next()).await else {
            still_wanted()?;
            continue;
        };
        let Some(done) = done else {
            return Ok(());
        };
        let (chunks, vectors) = done?;
        for (chunk, vector) in chunks.iter().zip(vectors.rows()) {
            writer.push(chunk, vector)?;
        }
        still_wanted()?;
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

/// A file's chunks, in batches for the embedder, read as they are wanted.
struct Batches {
    key: String,
    unread: Range<u64>,
    decoder: Option<TextDecoder>,
    chunker: Option<Chunker>,
    batcher: Option<Batcher<Chunk>>,
    ready: std::collections::VecDeque<Vec<Chunk>>,
}

impl Batches {
    fn new(source: &Source, batcher: Batcher<Chunk>) -> Result<Self, ApiError> {
        Ok(Self {
            key: files::content_key(&source.file_id),
            unread: 0..source.bytes,
            decoder: Some(TextDecoder::new()),
            chunker: Some(Chunker::new(source.chunking, source.format)?),
            batcher: Some(batcher),
            ready: std::collections::VecDeque::new(),
        })
    }

    fn next(&mut self) -> Result<Option<Vec<Chunk>>, ApiError> {
        while self.ready.is_empty() && self.chunker.is_some() {
            self.read_on()?;
        }
        Ok(self.ready.pop_front())
    }

    fn read_on(&mut self) -> Result<(), ApiError> {
        if self.unread.is_empty() {
            return self.end();
        }
        let end = self.unread.end.min(self.unread.start + READ_BYTES);
        let bytes = PlatformObjects.get_range(&self.key, self.unread.start..end)?;
        if bytes.is_empty() {
            return Err(ApiError::not_found(
                "The file was cut or deleted while it was ingested.",
            ));
        }
        self.unread.start += bytes.len() as u64;
        let (Some(decoder), Some(chunker)) = (&mut self.decoder, &mut self.chunker) else {
            return Ok(());
        };
        let chunks = chunker.push(&decoder.push(&bytes)?);
        self.batch(chunks);
        Ok(())
    }

    fn end(&mut self) -> Result<(), ApiError> {
        if let Some(decoder) = self.decoder.take() {
            decoder.finish()?;
        }
        if let Some(chunker) = self.chunker.take() {
            let chunks = chunker.finish();
            self.batch(chunks);
        }
        let last = self.batcher.take().and_then(Batcher::finish);
        self.ready.extend(last);
        Ok(())
    }

    fn batch(&mut self, chunks: Vec<Chunk>) {
        if let Some(batcher) = &mut self.batcher {
            let complete = chunks.into_iter().filter_map(|chunk| batcher.push(chunk));
            self.ready.extend(complete);
        }
    }
}

fn no_text() -> ApiError {
    ApiError::invalid_request(
        "The file has no text in it, or only white space; nothing can be found in it.",
    )
    .code("invalid_file")
}

/// The error for vectors that the store cannot hold.
pub fn wrong_dimension(store: u32, given: u32) -> ApiError {
    ApiError::conflict(format!(
        "The embedder gave vectors of {given} components, and this store holds vectors of {store}; \
         use the embedder it was built with, or a new store."
    ))
    .code("dimension_mismatch")
}
