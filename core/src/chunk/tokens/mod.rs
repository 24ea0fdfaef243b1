//! Chunk sizes: characters, or tokens of OpenAI's `cl100k_base`.
//!
//! Every upload runs in a fresh instance, so that a tokenizer's set-up is paid every time
//! and its tables are in every instance, whether they are used or not. Measured in a
//! wasm32-wasip2 guest (2 cores, wasmtime 50):
//!
//! | | set-up | memory unused | memory used | size of the guest |
//! |---|---|---|---|---|
//! | `tiktoken-rs` 0.12 | 50-70 ms | 2.9 MiB | 17.5 MiB | +3.4 MB |
//! | `bpe-openai` 0.3 | 24-29 ms | 16.8 MiB | 32.8 MiB | +16.7 MB |
//! | this module | none | 2.0 MiB | 2.0 MiB | +2.1 MB |
//!
//! So the vocabulary is laid out at build time, by `build.rs` out of `tiktoken-rs`, as a
//! hash table that is searched where it lies; counting needs nothing else. The tests hold
//! it against `tiktoken-rs`.

mod hash;
mod known;
mod merge;
mod pieces;
mod vocabulary;

use std::cell::RefCell;

use text_splitter::ChunkSizer;

use self::known::Known;
use self::pieces::pieces;

/// Pieces of more bytes, which no word of a language has, are counted in parts.
const LONG_PIECE: usize = 1_024;
/// Bytes of a part.
const PART: usize = 512;

/// What a chunk's size is counted in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    /// Unicode scalar values.
    Characters,
    /// Tokens, counted no further than one past `limit`: much text is measured many
    /// times, and how much too long it is matters little.
    Tokens {
        /// The largest size that matters.
        limit: usize,
    },
}

/// Measures chunks, and remembers what it has counted: the same text is measured again and again
/// while the end of a chunk is looked for.
#[derive(Debug)]
pub(super) struct Sizer {
    unit: Unit,
    known: RefCell<Known>,
}

impl Sizer {
    pub(super) fn new(unit: Unit) -> Self {
        Self {
            unit,
            known: RefCell::default(),
        }
    }
}

impl ChunkSizer for Sizer {
    fn size(&self, chunk: &str) -> usize {
        #[cfg(test)]
        super::work::measured(chunk.len());
        match self.unit {
            Unit::Characters => chunk.chars().count(),
            Unit::Tokens { limit } => count_tokens(chunk, limit, &mut self.known.borrow_mut()),
        }
    }
}

/// The tokens of `text` in `cl100k_base`, special tokens read as ordinary text; `limit + 1` if they
/// are more than `limit`. A word or a row of marks of more than 1 KiB is counted in parts of 512
/// bytes, each with one token more than it has: never as less than the whole has.
fn count_tokens(text: &str, limit: usize, known: &mut Known) -> usize {
    let mut tokens = 0;
    for piece in pieces(text) {
        tokens += count_piece(piece.as_bytes(), limit - tokens, known);
        if tokens > limit {
            return limit + 1;
        }
    }
    tokens
}

fn count_piece(piece: &[u8], limit: usize, known: &mut Known) -> usize {
    if vocabulary::rank(piece).is_some() {
        return 1;
    }
    if piece.len() <= LONG_PIECE {
        return known.count(piece);
    }
    let mut tokens = 0;
    for part in piece.chunks(PART) {
        // What would be merged over the edge may break up what is beside it.
        tokens += known.count(part) + 1;
        if tokens > limit {
            break;
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::super::work::Work;
    use super::*;
    use proptest::prelude::*;

    fn count(text: &str) -> usize {
        count_tokens(text, usize::MAX / 2, &mut Known::default())
    }

    fn reference(text: &str) -> usize {
        tiktoken_rs::cl100k_base_singleton()
            .encode_ordinary(text)
            .len()
    }

    #[test]
    fn known_texts_have_the_tokens_of_tiktoken() {
        for text in [
            "",
            "hello world",
            "I'LL say it's John's; 'tis we'VE \u{17f}'\u{17f} don't",
            "12345678 3.14159 ½ Ⅷ ٣٤٥٦",
            "fn main() {\n\tprintln!(\"{}\", 1 << 3);\r\n}\r\n\r\n",
            "   leading,  double   triple    \n  \n trailing   ",
            "日本語のテキスト 한국어 עברית ไทย",
            "naïve façade e\u{301} 👩‍👩‍👧‍👦 🇩🇪 ﷽ \u{200b}\u{feff}",
            "<|endoftext|> <|fim_prefix|>",
            "antidisestablishmentarianism Donaudampfschifffahrtsgesellschaft",
            "\u{85}\u{a0}\u{2028}\u{3000} \u{1680}x",
        ] {
            assert_eq!(count(text), reference(text), "{text:?}");
        }
    }

    const UNITS: [&str; 12] = [
        "a", "ab", "xyzzy", "-", "=-", "é", "语", "0", "\n", " ", ".", "[](",
    ];

    #[test]
    fn pieces_up_to_a_kibibyte_have_the_tokens_of_tiktoken() {
        for unit in UNITS {
            let text = format!("{}.", unit.repeat((LONG_PIECE - 1) / unit.len()));
            assert_eq!(count(&text), reference(&text), "{unit:?}");
        }
    }

    /// Holds a long piece against `tiktoken`, whose tokens must not be more, nor far less.
    fn check_long(piece: &str) {
        let (own, reference) = (count(piece), reference(piece));
        let parts = piece.len().div_ceil(PART);
        assert!(own >= reference, "{own} for {reference}: {piece}");
        // The tokens at both ends of a part may be cut, too.
        assert!(
            own <= reference + 4 * parts,
            "{own} for {reference}: {piece}"
        );
    }

    #[test]
    fn longer_pieces_have_no_more_tokens_than_are_counted() {
        for unit in UNITS {
            check_long(&unit.repeat(5_000));
        }
    }

    #[test]
    fn counting_ends_past_the_limit() {
        let count = |text: &str, limit| count_tokens(text, limit, &mut Known::default());
        let text = "one two three four five";
        assert_eq!(count(text, 5), 5);
        assert_eq!(count(text, 4), 5);
        assert_eq!(count(text, 2), 3);
        assert_eq!(count(&"ab".repeat(1_000_000), 100), 101);
    }

    #[test]
    fn what_was_counted_is_not_counted_again() {
        let mut known = Known::default();
        let text = ".".repeat(50_000);
        let work = Work::of(|| {
            for end in 40_000..50_000 {
                count_tokens(&text[..end], usize::MAX / 2, &mut known);
            }
        });
        // A whole part, and each length of the last one.
        assert!(work.merged <= PART * PART, "{work:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_has_the_tokens_of_tiktoken(text in "\\PC{0,60}") {
            prop_assert_eq!(count(&text), reference(&text));
        }

        #[test]
        fn no_long_piece_has_more_tokens_than_are_counted(
            piece in prop_oneof![
                "[a-z]{1100,4000}",
                "[a-eA-E]{1100,4000}",
                "[-=.,;:!?(){}<>#*_]{1100,4000}",
                "[à-ÿα-ωа-я一-丕]{600,2000}",
            ]
        ) {
            check_long(&piece);
        }

        #[test]
        fn prose_and_code_have_the_tokens_of_tiktoken(
            text in "([ \t\n\r]{0,4}('?[a-zA-Z]{1,12}|[0-9]{1,9}|[-+=.,;:!?(){}<>/\\\\\"'#*_]{1,6}|[à-ÿα-ωа-я一-丕]{1,6})){0,20}[ \n]{0,3}"
        ) {
            prop_assert_eq!(count(&text), reference(&text));
        }
    }
}
