//! Chunks of a text that is made of repetitions, so that few bytes make a long one.

use dayfly_core::chunk::{Checkpoint, Chunk, Chunker, ChunkingStrategy, Format};

use super::MIB;
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "chunk",
    run,
    // A chunker holds at most 2 MiB of text; the text itself is there, too, and its chunks.
    most_bytes: 48 * MIB,
    seeds,
};

/// The longest text, in bytes: several windows of this build.
const LONGEST: usize = 6 << 10;
/// That of an input that asks for it.
const VERY_LONG: usize = 24 << 10;

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let longest = match input.u8() {
        u8::MAX => VERY_LONG,
        _ => LONGEST,
    };
    let Some((strategy, format)) = strategy(&mut input) else {
        return;
    };
    let piece = 1 + usize::from(input.u16());
    let text = text(&mut input, longest);
    let (chunks, checkpoint) = chunks_of(&text, strategy, format, piece);
    check(&text, &chunks, strategy);
    let (whole, _) = chunks_of(&text, strategy, format, text.len().max(1));
    assert!(chunks == whole, "pieces of {piece}");
    resumed(&text, &chunks, strategy, format, checkpoint);
}

fn strategy(input: &mut Input<'_>) -> Option<(ChunkingStrategy, Format)> {
    let (kind, max, overlap) = (input.u8(), u32::from(input.u16()), u32::from(input.u16()));
    let strategy = match kind & 3 {
        0 => ChunkingStrategy::Auto,
        1 => ChunkingStrategy::Static {
            max_chunk_size_tokens: max,
            chunk_overlap_tokens: overlap,
        },
        _ => ChunkingStrategy::Characters {
            max_chunk_size_chars: max,
            chunk_overlap_chars: overlap,
        },
    };
    let format = match kind & 4 {
        0 => Format::Text,
        _ => Format::Markdown,
    };
    strategy.validate().is_ok().then_some((strategy, format))
}

/// Pieces, each a number of repetitions, a length and so many bytes.
fn text(input: &mut Input<'_>, longest: usize) -> String {
    let mut text = String::new();
    while !input.is_at_end() {
        let (times, length) = (input.u16() as usize, input.u8() as usize);
        let piece = String::from_utf8_lossy(input.bytes(length));
        let room = longest.saturating_sub(text.len());
        text += &piece.repeat(times.min(room / piece.len().max(1)));
    }
    text
}

/// The chunks, and the checkpoint in the middle of the text.
fn chunks_of(
    text: &str,
    strategy: ChunkingStrategy,
    format: Format,
    piece: usize,
) -> (Vec<Chunk>, Checkpoint) {
    let mut chunker = Chunker::new(strategy, format).unwrap();
    let mut checkpoint = Checkpoint::default();
    let mut chunks = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.ceil_char_boundary(piece));
        chunks.extend(chunker.push(now));
        if rest.len() * 2 > text.len() {
            checkpoint = chunker.checkpoint().clone();
        }
        rest = later;
    }
    chunks.extend(chunker.finish());
    (chunks, checkpoint)
}

/// Every promise of a chunker.
fn check(text: &str, chunks: &[Chunk], strategy: ChunkingStrategy) {
    let (mut covered, mut last_first) = (0, 0);
    for (number, chunk) in chunks.iter().enumerate() {
        let (start, end) = (chunk.start as usize, chunk.end as usize);
        assert_eq!(chunk.number as usize, number);
        assert_eq!(text.get(start..end), Some(chunk.text.as_str()));
        assert!(!chunk.text.trim().is_empty());
        let size = chunk.text.chars().count();
        match strategy {
            ChunkingStrategy::Auto => assert!(size <= 1_000),
            ChunkingStrategy::Characters {
                max_chunk_size_chars: max,
                ..
            } => assert!(size <= max as usize),
            // A token has at most 128 bytes.
            ChunkingStrategy::Static {
                max_chunk_size_tokens: max,
                ..
            } => assert!(chunk.text.len() <= max as usize * 128),
        }
        let first = end - chunk.text.trim_start().len();
        assert!(first >= last_first && end > covered);
        assert_eq!(text[covered.min(start)..start].trim(), "");
        (covered, last_first) = (end, first);
    }
    assert_eq!(text[covered..].trim(), "");
}

/// A chunker that goes on from a checkpoint gives what the other one gave.
fn resumed(
    text: &str,
    chunks: &[Chunk],
    strategy: ChunkingStrategy,
    format: Format,
    checkpoint: Checkpoint,
) {
    let stored = serde_json::to_vec(&checkpoint).unwrap();
    let checkpoint: Checkpoint = serde_json::from_slice(&stored).unwrap();
    let (base, next) = (checkpoint.base as usize, checkpoint.next_number as usize);
    let mut chunker = Chunker::new(strategy, format).unwrap().resume(checkpoint);
    let mut others = chunker.push(&text[base..]);
    others.extend(chunker.finish());
    assert!(others == chunks[next..], "from {base}");
}

fn seeds() -> Vec<Seed> {
    let of = |name: &str, head: (u8, u16, u16, u16), pieces: &[(u16, &str)]| {
        let (kind, max, overlap, piece) = head;
        let mut input = vec![
            if name.starts_with("very-long") {
                u8::MAX
            } else {
                0
            },
            kind,
        ];
        for number in [max, overlap, piece] {
            input.extend(number.to_le_bytes());
        }
        for (times, piece) in pieces {
            input.extend(times.to_le_bytes());
            input.push(piece.len() as u8);
            input.extend(piece.as_bytes());
        }
        Seed::new(name, input)
    };
    let prose = "A sentence, and naïve words. ";
    vec![
        of(
            "prose",
            (0, 0, 0, 999),
            &[(90, prose), (2, "\n\n"), (3_000, prose)],
        ),
        of(
            "very-long-dots",
            (1, 800, 400, 65_535),
            &[(65_535, "."), (65_535, ".")],
        ),
        of("very-long-word", (0, 0, 0, 4_095), &[(60_000, "é")]),
        of("tokens", (1, 100, 50, 300), &[(400, "word 12 it's\r\n")]),
        of("characters", (2, 7, 3, 10), &[(40, "ab c\td 😀\n")]),
        of(
            "space",
            (2, 50, 0, 100),
            &[(9, "a"), (700, "\u{2003}"), (9, "b "), (900, " ")],
        ),
        of(
            "markdown",
            (4, 0, 0, 500),
            &[
                (2, "# H\n\n"),
                (300, "- item *x*\n"),
                (1, "```rust\n"),
                (9_000, "let x;\n"),
                (1, "```\n"),
            ],
        ),
        of(
            "fences",
            (6, 60, 20, 90),
            &[(1, "~~~~\n"), (2_000, "``` a\n\n"), (70, "~"), (1, "\n")],
        ),
    ]
}
