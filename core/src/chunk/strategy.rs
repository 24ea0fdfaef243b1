//! How long chunks are and how much of one is repeated in the next.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thiserror::Error;

/// Characters in a chunk under [`ChunkingStrategy::Auto`].
pub const AUTO_CHARACTERS: u32 = 1000;
/// Characters repeated in the next chunk under [`ChunkingStrategy::Auto`].
pub const AUTO_OVERLAP_CHARACTERS: u32 = 150;

const MIN_TOKENS: u32 = 100;
const MAX_TOKENS: u32 = 4096;
const MAX_CHARACTERS: u32 = 100_000;

/// How a text is cut into chunks. Its JSON form is OpenAI's `chunking_strategy`, with
/// `characters` added.
///
/// Reading it from JSON checks the bounds. [`ChunkingStrategy::parse`] does the same
/// and names the field at fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Value", try_from = "Value")]
pub enum ChunkingStrategy {
    /// 1000 characters, 150 of them repeated; along the structure of Markdown where the
    /// text is Markdown.
    #[default]
    Auto,
    /// A number of `cl100k_base` tokens, as OpenAI counts them.
    Static {
        /// At most this many tokens in a chunk: 100 to 4096.
        max_chunk_size_tokens: u32,
        /// At most this many tokens repeated: up to half of the chunk.
        chunk_overlap_tokens: u32,
    },
    /// A number of characters (Unicode scalar values).
    Characters {
        /// At most this many characters in a chunk: 1 to 100,000.
        max_chunk_size_chars: u32,
        /// At most this many characters repeated: up to half of the chunk.
        chunk_overlap_chars: u32,
    },
}

/// A chunking strategy that cannot be used; the request has to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{param}: {message}")]
pub struct StrategyError {
    /// The field at fault, from `chunking_strategy` down, joined by dots.
    pub param: String,
    /// What is allowed there.
    pub message: String,
}

impl StrategyError {
    fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            param: param.into(),
            message: message.into(),
        }
    }
}

impl ChunkingStrategy {
    /// Reads the value of a request's `chunking_strategy` and checks its bounds.
    pub fn parse(value: &Value) -> Result<Self, StrategyError> {
        let Some(object) = value.as_object() else {
            return Err(StrategyError::new(
                "chunking_strategy",
                "must be an object such as {\"type\": \"auto\"}",
            ));
        };
        let strategy = match object.get("type").and_then(Value::as_str) {
            Some("auto") => Self::Auto,
            Some("static") => {
                let sizes = Sizes::of(object, "static")?;
                Self::Static {
                    max_chunk_size_tokens: sizes.number("max_chunk_size_tokens")?,
                    chunk_overlap_tokens: sizes.number("chunk_overlap_tokens")?,
                }
            }
            Some("characters") => {
                let sizes = Sizes::of(object, "characters")?;
                Self::Characters {
                    max_chunk_size_chars: sizes.number("max_chunk_size_chars")?,
                    chunk_overlap_chars: sizes.number("chunk_overlap_chars")?,
                }
            }
            _ => {
                return Err(StrategyError::new(
                    "chunking_strategy.type",
                    "must be \"auto\", \"static\" or \"characters\"",
                ));
            }
        };
        strategy.validate()?;
        Ok(strategy)
    }

    /// Fails where a size is out of its bounds.
    pub fn validate(&self) -> Result<(), StrategyError> {
        match *self {
            Self::Auto => Ok(()),
            Self::Static {
                max_chunk_size_tokens: max,
                chunk_overlap_tokens: overlap,
            } => check_bounds("static", "tokens", MIN_TOKENS..=MAX_TOKENS, max, overlap),
            Self::Characters {
                max_chunk_size_chars: max,
                chunk_overlap_chars: overlap,
            } => check_bounds("characters", "chars", 1..=MAX_CHARACTERS, max, overlap),
        }
    }
}

fn check_bounds(
    kind: &str,
    unit: &str,
    allowed: std::ops::RangeInclusive<u32>,
    max: u32,
    overlap: u32,
) -> Result<(), StrategyError> {
    if !allowed.contains(&max) {
        return Err(StrategyError::new(
            format!("chunking_strategy.{kind}.max_chunk_size_{unit}"),
            format!(
                "must be between {} and {}, and is {max}",
                allowed.start(),
                allowed.end()
            ),
        ));
    }
    if overlap > max / 2 {
        return Err(StrategyError::new(
            format!("chunking_strategy.{kind}.chunk_overlap_{unit}"),
            format!(
                "must be at most half of max_chunk_size_{unit}, so at most {}, and is {overlap}",
                max / 2
            ),
        ));
    }
    Ok(())
}

struct Sizes<'a> {
    kind: &'static str,
    fields: &'a Map<String, Value>,
}

impl<'a> Sizes<'a> {
    fn of(strategy: &'a Map<String, Value>, kind: &'static str) -> Result<Self, StrategyError> {
        let fields = strategy.get(kind).and_then(Value::as_object);
        let fields = fields.ok_or_else(|| {
            StrategyError::new(
                format!("chunking_strategy.{kind}"),
                format!("must be an object with the sizes when the type is \"{kind}\""),
            )
        })?;
        Ok(Self { kind, fields })
    }

    fn number(&self, name: &str) -> Result<u32, StrategyError> {
        let number = self.fields.get(name).and_then(Value::as_u64);
        number
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| {
                StrategyError::new(
                    format!("chunking_strategy.{}.{name}", self.kind),
                    "is required and must be a whole number that is not negative",
                )
            })
    }
}

impl TryFrom<Value> for ChunkingStrategy {
    type Error = StrategyError;

    fn try_from(value: Value) -> Result<Self, StrategyError> {
        Self::parse(&value)
    }
}

impl From<ChunkingStrategy> for Value {
    fn from(strategy: ChunkingStrategy) -> Self {
        match strategy {
            ChunkingStrategy::Auto => json!({"type": "auto"}),
            ChunkingStrategy::Static {
                max_chunk_size_tokens,
                chunk_overlap_tokens,
            } => json!({"type": "static", "static": {
                "max_chunk_size_tokens": max_chunk_size_tokens,
                "chunk_overlap_tokens": chunk_overlap_tokens,
            }}),
            ChunkingStrategy::Characters {
                max_chunk_size_chars,
                chunk_overlap_chars,
            } => json!({"type": "characters", "characters": {
                "max_chunk_size_chars": max_chunk_size_chars,
                "chunk_overlap_chars": chunk_overlap_chars,
            }}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(value: Value) -> String {
        match ChunkingStrategy::parse(&value) {
            Ok(strategy) => format!("accepted as {strategy:?}"),
            Err(error) => error.param,
        }
    }

    #[test]
    fn every_form_survives_json() {
        for form in [
            json!({"type": "auto"}),
            json!({"type": "static", "static":
                {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}),
            json!({"type": "characters", "characters":
                {"max_chunk_size_chars": 1, "chunk_overlap_chars": 0}}),
        ] {
            let strategy: ChunkingStrategy = serde_json::from_value(form.clone()).unwrap();
            assert_eq!(serde_json::to_value(strategy).unwrap(), form);
        }
    }

    #[test]
    fn a_fault_names_its_field() {
        let tokens = |max: Value, overlap: Value| {
            json!({"type": "static", "static":
                {"max_chunk_size_tokens": max, "chunk_overlap_tokens": overlap}})
        };
        let max = "chunking_strategy.static.max_chunk_size_tokens";
        let overlap = "chunking_strategy.static.chunk_overlap_tokens";
        assert_eq!(fault(tokens(json!(99), json!(0))), max);
        assert_eq!(fault(tokens(json!(4097), json!(0))), max);
        assert_eq!(fault(tokens(json!("800"), json!(0))), max);
        assert_eq!(fault(tokens(json!(800), json!(401))), overlap);
        assert_eq!(fault(tokens(json!(800), json!(-1))), overlap);
        assert_eq!(fault(tokens(json!(800), json!(null))), overlap);
        assert_eq!(fault(json!("auto")), "chunking_strategy");
        assert_eq!(fault(json!({"type": "other"})), "chunking_strategy.type");
        assert_eq!(fault(json!({"type": "static"})), "chunking_strategy.static");
        assert_eq!(
            fault(json!({"type": "characters", "characters":
                {"max_chunk_size_chars": 0, "chunk_overlap_chars": 0}})),
            "chunking_strategy.characters.max_chunk_size_chars"
        );
    }

    #[test]
    fn reading_from_json_checks_the_bounds() {
        let text = r#"{"type":"characters","characters":{"max_chunk_size_chars":10,"chunk_overlap_chars":6}}"#;
        let error = serde_json::from_str::<ChunkingStrategy>(text).unwrap_err();
        assert!(error.to_string().contains("at most 5"), "{error}");
    }
}
