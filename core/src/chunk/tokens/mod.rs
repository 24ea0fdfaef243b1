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
mod merge;
mod pieces;
mod vocabulary;

use text_splitter::ChunkSizer;

use self::merge::Merger;
use self::pieces::pieces;

/// A word of more bytes is counted block by block. One as long as a window is measured some hundred
/// times for the chunks that are cut from it, and the longest are runs of one character, whose
/// blocks are all alike.
const BLOCK_BYTES: usize = 1 << 10;

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

impl ChunkSizer for Unit {
    fn size(&self, chunk: &str) -> usize {
        match *self {
            Self::Characters => chunk.chars().count(),
            Self::Tokens { limit } => count_tokens(chunk, limit),
        }
    }
}

/// The tokens of `text` in `cl100k_base`, special tokens read as ordinary text;
/// `limit + 1` if they are more than `limit`. Of a word of more than 1 KiB they may be a token or two
/// more for each KiB.
fn count_tokens(text: &str, limit: usize) -> usize {
    let mut merger = Merger::default();
    let mut tokens = 0;
    for piece in pieces(text) {
        tokens += count_piece(piece.as_bytes(), limit - tokens, &mut merger);
        if tokens > limit {
            return limit + 1;
        }
    }
    tokens
}

fn count_piece(piece: &[u8], limit: usize, merger: &mut Merger) -> usize {
    if vocabulary::rank(piece).is_some() {
        return 1;
    }
    let mut tokens = 0;
    let (mut last, mut of_last) = (&[][..], 0);
    for block in piece.chunks(BLOCK_BYTES) {
        if block != last {
            (last, of_last) = (block, merger.count(block));
        }
        tokens += of_last;
        if tokens > limit {
            break;
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(text: &str) -> usize {
        count_tokens(text, usize::MAX / 2)
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

    #[test]
    fn long_pieces_have_the_tokens_of_tiktoken() {
        for unit in [
            "a", "ab", "xyzzy", "-", "=-", "é", "语", "0", "\n", " ", ".",
        ] {
            let text = format!("{}.", unit.repeat(1_000 / unit.len()));
            assert_eq!(count(&text), reference(&text), "{unit:?}");
            let text = format!("{}.", unit.repeat(3_000));
            let (own, reference) = (count(&text), reference(&text));
            let more = own.checked_sub(reference).unwrap();
            assert!(
                more <= 2 * text.len().div_ceil(BLOCK_BYTES),
                "{unit:?} {own} {reference}"
            );
        }
    }

    #[test]
    fn counting_ends_past_the_limit() {
        let text = "one two three four five";
        assert_eq!(count_tokens(text, 5), 5);
        assert_eq!(count_tokens(text, 4), 5);
        assert_eq!(count_tokens(text, 2), 3);
        assert_eq!(count_tokens(&"ab".repeat(1_000_000), 100), 101);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_has_the_tokens_of_tiktoken(text in "\\PC{0,60}") {
            prop_assert_eq!(count(&text), reference(&text));
        }

        #[test]
        fn prose_and_code_have_the_tokens_of_tiktoken(
            text in "([ \t\n\r]{0,4}('?[a-zA-Z]{1,12}|[0-9]{1,9}|[-+=.,;:!?(){}<>/\\\\\"'#*_]{1,6}|[à-ÿα-ωа-я一-丕]{1,6})){0,20}[ \n]{0,3}"
        ) {
            prop_assert_eq!(count(&text), reference(&text));
        }
    }
}
