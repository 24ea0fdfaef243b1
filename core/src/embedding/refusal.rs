//! Why a provider refused a request, as its words tell. There is no code for it that providers share.

/// What a provider did not like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// That it was told how to write vectors.
    EncodingFormat,
    /// The number of inputs.
    Inputs {
        /// As many may be fewer than it takes, but are fewer than were sent.
        most: usize,
    },
    /// The length of a text, or of all together.
    TooLong,
    /// Something else.
    Other,
}

/// Statuses with which a request is refused for good.
const REFUSED: [u16; 3] = [400, 413, 422];
/// Ollama's and llama.cpp's, also for what is too long.
const FAILED: u16 = 500;

const FORMAT: [&str; 3] = ["encoding_format", "encoding format", "base64"];
/// Ollama's and llama.cpp's words, with whichever status.
const CERTAINLY_TOO_LONG: [&str; 4] = [
    "exceeds the context length",
    "exceed the context length",
    "input is too large to process",
    "context size",
];
/// vLLM's and OpenAI's, Text Embeddings Inference's, Voyage's and Mistral's words.
const TOO_LONG: [&str; 6] = [
    "context length",
    "context window",
    "too long",
    "sequence length",
    "tokens",
    "entity too large",
];
/// Text Embeddings Inference's and DashScope's, Cohere's, Mistral's, OpenAI's and Gemini's.
const TOO_MANY: [&str; 9] = [
    "batch size",
    "in one batch",
    "per batch",
    "too many inputs",
    "number of inputs",
    "number of texts",
    "array too long",
    "too many items",
    "more batches",
];
/// What goes before the most that they take.
const LIMITS: [&str; 5] = ["at most", "maximum", "larger than", "greater than", "up to"];

impl Refusal {
    /// What a status and the words that came with it mean, for so many inputs; `None` where the request was
    /// not refused.
    pub(super) fn of(status: u16, said: &str, inputs: usize) -> Option<Self> {
        let said = said.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
        let is_refused = REFUSED.contains(&status);
        if says(&CERTAINLY_TOO_LONG) && (is_refused || status == FAILED) {
            return Some(Self::TooLong);
        }
        match is_refused {
            false => None,
            _ if says(&FORMAT) => Some(Self::EncodingFormat),
            // Of tokens there are too many in all, whatever the number of inputs.
            _ if says(&TOO_LONG) && !says(&["array too long"]) => Some(Self::TooLong),
            _ if says(&TOO_MANY) => {
                let most = named_below(&said, inputs);
                Some(Self::Inputs { most })
            }
            _ if status == 413 => Some(Self::TooLong),
            _ => Some(Self::Other),
        }
    }
}

/// The number that a text names as a limit, where that is less than `inputs`, or half of those.
fn named_below(said: &str, inputs: usize) -> usize {
    let named = LIMITS.iter().filter_map(|words| {
        let (_, rest) = said.split_once(words)?;
        let digits = rest.split(|letter: char| !letter.is_ascii_digit());
        let mut numbers = digits.filter_map(|digits| digits.parse::<usize>().ok());
        numbers.next()
    });
    let named = named.filter(|number| (1..inputs).contains(number)).min();
    named.unwrap_or(inputs / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_words_tell_why_they_refuse() {
        use Refusal::{EncodingFormat, Inputs, Other, TooLong};
        for (status, said, means) in [
            (
                400,
                "Unrecognized request argument supplied: encoding_format",
                EncodingFormat,
            ),
            (
                422,
                "encoding format base64 is not supported",
                EncodingFormat,
            ),
            (
                422,
                "batch size 64 > maximum allowed batch size 32",
                Inputs { most: 32 },
            ),
            (
                400,
                "batch size is invalid, it should not be larger than 10.",
                Inputs { most: 10 },
            ),
            (
                400,
                "invalid request: total number of texts must be at most 48",
                Inputs { most: 48 },
            ),
            (
                400,
                "Too many inputs in request, split into more batches.",
                Inputs { most: 32 },
            ),
            (
                400,
                "* BatchEmbedContentsRequest.requests: at most 20 requests can be in one batch",
                Inputs { most: 20 },
            ),
            (
                400,
                "This model's maximum context length is 8192 tokens, however you requested 9000",
                TooLong,
            ),
            (
                413,
                "Input validation error: `inputs` must have less than 512 tokens. Given: 1024",
                TooLong,
            ),
            (500, "the input length exceeds the context length", TooLong),
            (
                500,
                "input is too large to process. increase the physical batch size",
                TooLong,
            ),
            (
                400,
                "Requested 400000 tokens, max 300000 tokens per request",
                TooLong,
            ),
            (413, "<html>413 Request Entity Too Large</html>", TooLong),
            (
                400,
                "Too many tokens overall, split into more batches.",
                TooLong,
            ),
            (400, "The model `x` does not exist", Other),
            (422, "", Other),
        ] {
            assert_eq!(Refusal::of(status, said, 64), Some(means), "{said}");
        }
        for (status, said) in [
            (500, "out of memory processing 8192 tokens"),
            (500, "the upstream took too long to respond"),
            (429, "batch size"),
            (401, "tokens"),
            (503, "too long"),
        ] {
            assert_eq!(Refusal::of(status, said, 64), None, "{status} {said}");
        }
    }

    #[test]
    fn fewer_are_always_fewer() {
        for said in [
            "batch size",
            "batch size 64 > 64",
            "batch size 0",
            "batch size 99",
            "too many inputs, see https://models.test/v1/limits",
        ] {
            assert_eq!(
                Refusal::of(400, said, 64),
                Some(Refusal::Inputs { most: 32 })
            );
            assert_eq!(Refusal::of(400, said, 2), Some(Refusal::Inputs { most: 1 }));
        }
    }
}
