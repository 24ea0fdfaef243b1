//! Splitting one window of text.

use std::ops::Range;

use text_splitter::{ChunkConfig, MarkdownSplitter, TextSplitter};

use super::strategy::{AUTO_CHARACTERS, AUTO_OVERLAP_CHARACTERS};
use super::tokens::Unit;
use super::{ChunkingStrategy, Format, StrategyError};

/// A strategy and a format made ready to split windows.
pub(super) enum Splitter {
    Text(TextSplitter<Unit>),
    Markdown(Box<MarkdownSplitter<Unit>>),
}

impl Splitter {
    pub(super) fn new(strategy: ChunkingStrategy, format: Format) -> Result<Self, StrategyError> {
        strategy.validate()?;
        let (max, overlap, unit) = sizes(strategy);
        let config = ChunkConfig::new(max)
            .with_sizer(unit)
            .with_overlap(overlap)
            .map_err(|error| StrategyError {
                param: "chunking_strategy".into(),
                message: error.to_string(),
            })?;
        Ok(match format {
            Format::Text => Self::Text(TextSplitter::new(config)),
            Format::Markdown => Self::Markdown(Box::new(MarkdownSplitter::new(config))),
        })
    }

    /// The chunks of `text` as byte ranges, their ends strictly ascending, trimmed of
    /// white space; none is empty.
    pub(super) fn split(&self, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Text(splitter) => ranges(text, splitter.chunk_indices(text)),
            Self::Markdown(splitter) => ranges(text, splitter.chunk_indices(text)),
        }
    }
}

/// Stops at the chunk that ends where the text does: with an overlap, the iterator would
/// go on to cut every chunk within the last one, only to drop it.
fn ranges<'a>(text: &str, chunks: impl Iterator<Item = (usize, &'a str)>) -> Vec<Range<usize>> {
    let text_end = text.trim_end().len();
    let mut ranges = Vec::new();
    if text_end == 0 {
        return ranges;
    }
    for (start, chunk) in chunks {
        let end = start + chunk.len();
        ranges.push(start..end);
        if end >= text_end {
            break;
        }
    }
    ranges
}

/// About as many bytes as the largest chunk of ordinary prose has.
pub(super) fn typical_bytes(strategy: ChunkingStrategy) -> usize {
    // English has between four and five bytes to a token of cl100k_base.
    match sizes(strategy) {
        (max, _, Unit::Tokens { .. }) => max * 5,
        (max, _, Unit::Characters) => max,
    }
}

fn sizes(strategy: ChunkingStrategy) -> (usize, usize, Unit) {
    match strategy {
        ChunkingStrategy::Auto => (
            AUTO_CHARACTERS as usize,
            AUTO_OVERLAP_CHARACTERS as usize,
            Unit::Characters,
        ),
        ChunkingStrategy::Characters {
            max_chunk_size_chars: max,
            chunk_overlap_chars: overlap,
        } => (max as usize, overlap as usize, Unit::Characters),
        ChunkingStrategy::Static {
            max_chunk_size_tokens: max,
            chunk_overlap_tokens: overlap,
        } => (
            max as usize,
            overlap as usize,
            // `text-splitter` stops looking for longer sections a quarter past the size.
            Unit::Tokens {
                limit: max as usize + max as usize / 2,
            },
        ),
    }
}
