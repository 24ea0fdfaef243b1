//! What embedding providers are like that are not OpenAI's.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Something that a provider always does.
#[derive(Clone, Debug, PartialEq)]
pub enum Habit {
    /// Refuses whoever tells it how to write vectors.
    RefusesEncodingFormat,
    /// Takes so many inputs, and says so as Text Embeddings Inference does.
    MostInputs(usize),
    /// Takes texts of so many bytes, and says with that status that one is too long.
    MostBytes(usize, u16),
    /// Refuses texts with that word in them.
    Dislikes(&'static str),
    /// Leaves out the index of the first vector, as Gemini does.
    LeavesOutZero,
    /// Compresses its answers, whatever it is asked.
    Compresses,
    /// Speaks HTTP/1.0.
    Http10,
    /// Is at that path, and sends requests on from all others.
    LivesAt(&'static str),
    /// Says that all is well, and why it is not.
    SaysItIsWell(&'static str),
}

impl Habit {
    /// The status and the words with which it refuses those inputs.
    pub(crate) fn refuses(&self, inputs: &[String], is_told: bool) -> Option<(u16, String)> {
        let has = |of: &dyn Fn(&String) -> bool| inputs.iter().any(of);
        match self {
            Self::RefusesEncodingFormat if is_told => {
                Some((400, "Unknown parameter: encoding_format".to_owned()))
            }
            Self::MostInputs(most) if inputs.len() > *most => {
                let count = inputs.len();
                let text = format!("batch size {count} > maximum allowed batch size {most}");
                Some((422, text))
            }
            Self::MostBytes(most, status) if has(&|text| text.len() > *most) => Some((
                *status,
                "the input length exceeds the context length".to_owned(),
            )),
            Self::Dislikes(word) if has(&|text| text.contains(word)) => {
                Some((400, format!("'{word}' is against our rules")))
            }
            Self::SaysItIsWell(message) => Some((200, (*message).to_owned())),
            _ => None,
        }
    }
}

/// As gzip makes it.
pub(crate) fn compressed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}
