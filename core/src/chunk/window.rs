//! How much of a text is split at once.

use super::ChunkingStrategy;
use super::split::typical_bytes;

/// Bytes of text that are split at once. `text-splitter` looks at all that is left of a
/// text for every chunk, so that its cost grows with the square of the length.
const WINDOW_BYTES: usize = 64 * 1024;
/// Of chunks so small that a window would hold more, it holds so many.
const MOST_CHUNKS: usize = 144;
const LEAST_WINDOW_BYTES: usize = 8 * 1024;
/// A window holds at least this many typical chunks, so that little is split twice.
const LEAST_CHUNKS: usize = 8;
const LEAST_NARROW_BYTES: usize = 4 * 1024;
/// Where a window does not hold enough chunks (of many bytes to a token or character) it
/// grows, up to this size. The largest chunk is 4096 tokens of 128 bytes, or 100,000
/// characters of 4 bytes, so this always holds several.
pub(super) const MAX_WINDOW_BYTES: usize = 2 * 1024 * 1024;

/// Lines or sentences of fewer bytes, on the average, are none that somebody wrote.
const LEAST_SENTENCE: usize = 8;

/// The sizes of windows, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    /// For text with lines or sentences.
    pub(crate) whole: usize,
    /// For all other; not more than `whole`.
    pub(crate) narrow: usize,
}

impl Windows {
    /// Those for a strategy.
    pub(super) fn of(strategy: ChunkingStrategy) -> Self {
        let typical = typical_bytes(strategy);
        let least = typical * LEAST_CHUNKS;
        let usual = (typical * MOST_CHUNKS).clamp(LEAST_WINDOW_BYTES, WINDOW_BYTES);
        Self {
            whole: usual.max(least),
            narrow: LEAST_NARROW_BYTES.max(least),
        }
    }

    /// How much of `text` to split at once: as far as it has lines or sentences. Where it has none,
    /// or nothing else, `text-splitter` reads all of a window for each of its chunks, several times.
    pub(super) fn size(self, text: &[u8]) -> usize {
        let blocks = text.chunks(self.narrow);
        let good = blocks.take_while(|block| block.len() < self.narrow || has_structure(block));
        good.count().max(1) * self.narrow
    }
}

fn has_structure(block: &[u8]) -> bool {
    let lines = block.iter().filter(|byte| **byte == b'\n').count();
    let marks = match lines {
        0 => sentences(block),
        lines => lines,
    };
    marks > 0 && marks <= block.len() / LEAST_SENTENCE
}

/// How often a sentence seems to end.
fn sentences(block: &[u8]) -> usize {
    let ends = |at: &usize| match &block[*at..] {
        // With a small letter a sentence goes on, but after these two.
        [b'.', b' ', next, ..] => !next.is_ascii_lowercase(),
        [b'!' | b'?', b' ', ..] => true,
        // The full stop of Chinese and Japanese, and their exclamation and question marks.
        [0xe3, 0x80, 0x82, ..] | [0xef, 0xbc, 0x81 | 0x9f, ..] => true,
        _ => false,
    };
    (0..block.len()).filter(ends).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows {
        whole: 64 * 1024,
        narrow: 8_000,
    };

    fn size(text: &str) -> usize {
        WINDOWS.size(&text.as_bytes()[..text.len().min(WINDOWS.whole)])
    }

    #[test]
    fn the_usual_strategies_have_windows_of_the_usual_size() {
        let tokens = |max, overlap| ChunkingStrategy::Static {
            max_chunk_size_tokens: max,
            chunk_overlap_tokens: overlap,
        };
        for strategy in [ChunkingStrategy::Auto, tokens(800, 400), tokens(100, 0)] {
            assert_eq!(Windows::of(strategy).whole, WINDOW_BYTES, "{strategy:?}");
        }
        assert_eq!(Windows::of(tokens(4_096, 0)).whole, 4_096 * 5 * 8);
        let tiny = Windows::of(ChunkingStrategy::Characters {
            max_chunk_size_chars: 1,
            chunk_overlap_chars: 0,
        });
        assert!(tiny.narrow <= tiny.whole && tiny.whole < WINDOW_BYTES);
    }

    #[test]
    fn text_with_lines_or_sentences_is_split_in_whole_windows() {
        for text in [
            "A river is older than its name. It runs where it can! And if it cannot? It waits. ",
            "one line of a log without an end of a sentence\n",
            "一条河比人们给它的名字更古老。它流向它能去的地方。",
        ] {
            assert!(size(&text.repeat(3_000)) >= WINDOWS.whole, "{text}");
        }
    }

    #[test]
    fn text_without_them_or_with_nothing_else_is_split_in_narrow_ones() {
        for text in [
            ".", "a", "a ", "a. ", "语", "\na", "1. ", "> - ", "。", "\r\n", "[a](",
        ] {
            assert_eq!(size(&text.repeat(70_000)), WINDOWS.narrow, "{text:?}");
        }
    }

    #[test]
    fn a_window_ends_where_the_lines_do() {
        let lines = "a line of a text\n".repeat(16_000 / 17);
        assert_eq!(size(&(lines.clone() + &"a".repeat(70_000))), 16_000);
        assert!(size(&lines) >= lines.len());
    }
}
