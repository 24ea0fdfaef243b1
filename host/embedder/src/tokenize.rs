//! Text to WordPiece tokens.

use std::path::Path;

use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use crate::weights::{MAX_TOKENS, TOKENIZER, WeightsError};

/// Tokens that frame a text: `[CLS]` before it and `[SEP]` after it.
const FRAME: usize = 2;
/// Bytes of a long text that are looked at first: three times what usually gives all tokens.
const WINDOW: usize = 4 << 10;
/// Bytes of a text that are looked at in all. Only white space and words of more than 100
/// characters can keep it from giving all tokens by then.
const MAX_BYTES: usize = 64 << 10;

/// The model's tokenizer.
pub(crate) struct WordPiece {
    tokenizer: Tokenizer,
    first: u32,
    last: u32,
}

impl WordPiece {
    /// Reads and verifies the tokenizer's description at `path`.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Corrupt`], [`WeightsError::Malformed`] or [`WeightsError::Io`].
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let description = std::fs::read(path).map_err(|e| WeightsError::io(path, e))?;
        let found = format!("{:x}", Sha256::digest(&description));
        if found != TOKENIZER.sha256 {
            return Err(WeightsError::Corrupt {
                path: path.to_owned(),
                expected: TOKENIZER.sha256.to_owned(),
                found,
            });
        }
        let malformed = |reason: String| WeightsError::malformed(path, reason);
        let mut tokenizer =
            Tokenizer::from_bytes(&description).map_err(|e| malformed(e.to_string()))?;
        // The description pads and cuts to 128 tokens; the model takes 256.
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|e| malformed(e.to_string()))?;
        let id = |token: &str| {
            let id = tokenizer.token_to_id(token);
            id.ok_or_else(|| malformed(format!("no token {token}")))
        };
        let (first, last) = (id("[CLS]")?, id("[SEP]")?);
        Ok(Self {
            tokenizer,
            first,
            last,
        })
    }

    /// The tokens of `text`, framed: at least 2, at most [`MAX_TOKENS`]. What follows those, or the
    /// first 64 KiB, is cut off.
    ///
    /// # Errors
    ///
    /// The tokenizer's message, which no text is known to cause.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let mut tokens = self.encode_start(text)?;
        tokens.truncate(MAX_TOKENS - FRAME);
        tokens.insert(0, self.first);
        tokens.push(self.last);
        Ok(tokens)
    }

    /// Tokens of `text`, all or at least as many as count.
    fn encode_start(&self, text: &str) -> Result<Vec<u32>, String> {
        let text = &text[..text.floor_char_boundary(MAX_BYTES)];
        let mut window = WINDOW;
        while let Some(start) = cut_before_space(text, window) {
            let tokens = self.encode_all(start)?;
            if tokens.len() >= MAX_TOKENS - FRAME {
                return Ok(tokens);
            }
            window *= 4;
        }
        self.encode_all(text)
    }

    fn encode_all(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoding = self.tokenizer.encode_fast(text, false);
        Ok(encoding.map_err(|e| e.to_string())?.get_ids().to_vec())
    }
}

/// The part of `text` that ends before the last space within `window` bytes; `None` where there
/// is none or the text is no longer. WordPiece never joins what a space divides, so the tokens of
/// the part are the first ones of the whole.
fn cut_before_space(text: &str, window: usize) -> Option<&str> {
    if text.len() <= window {
        return None;
    }
    let start = &text[..text.floor_char_boundary(window)];
    start.rfind(' ').map(|at| &start[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> WordPiece {
        let files = crate::locate(None).unwrap_or_else(|e| panic!("{e}"));
        WordPiece::read(&files.tokenizer).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn a_text_is_framed_and_split_into_pieces() {
        let tokens = tokenizer().encode("Embeddings!").unwrap();
        // [CLS] em ##bed ##ding ##s ! [SEP]
        assert_eq!(tokens, [101, 7861, 8270, 4667, 2015, 999, 102]);
        assert_eq!(tokenizer().encode("").unwrap(), [101, 102]);
    }

    #[test]
    fn a_long_text_is_cut_to_what_the_model_takes() {
        let tokens = tokenizer().encode(&"word ".repeat(400)).unwrap();
        assert_eq!(tokens.len(), MAX_TOKENS);
        assert_eq!(tokens.last(), Some(&102));
    }

    #[test]
    fn what_follows_the_first_64_kib_is_not_looked_at() {
        let tokenizer = tokenizer();
        let text = " ".repeat(MAX_BYTES) + "late";
        assert_eq!(tokenizer.encode(&text).unwrap(), [101, 102]);
        let accents = "é".repeat(MAX_BYTES);
        // One word too long for the vocabulary: [UNK].
        assert_eq!(tokenizer.encode(&accents).unwrap(), [101, 100, 102]);
    }

    #[test]
    fn the_window_of_a_long_text_changes_no_token() {
        let tokenizer = tokenizer();
        let texts = [
            "Überlänge, naïve café! ".repeat(500),
            "x".repeat(20_000) + &" y z".repeat(1000),
            " ".repeat(30_000) + "late words",
            "東京タワー 3.14 ".repeat(2000),
            "e\u{301} ".repeat(3000),
        ];
        for text in texts {
            let mut whole = tokenizer.encode_all(&text).unwrap();
            whole.truncate(MAX_TOKENS - FRAME);
            let framed = tokenizer.encode(&text).unwrap();
            assert_eq!(framed[1..framed.len() - 1], whole);
        }
    }
}
