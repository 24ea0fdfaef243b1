//! The `input` of an embeddings request, read without keeping what will be refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// Inputs of one request, by OpenAI's protocol.
pub(crate) const MAX_INPUTS: usize = 2048;

/// What a request asks to embed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A string, or an array of at most [`MAX_INPUTS`] strings.
    Texts(Vec<String>),
    /// An array that holds token numbers or arrays.
    Tokens,
    /// An array of so many strings.
    TooMany(usize),
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InputVisitor)
    }
}

struct InputVisitor;

impl<'de> Visitor<'de> for InputVisitor {
    type Value = Input;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or an array of strings as input")
    }

    fn visit_str<E>(self, text: &str) -> Result<Input, E> {
        Ok(Input::Texts(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Input, A::Error> {
        let mut texts = Vec::new();
        while texts.len() < MAX_INPUTS {
            match elements.next_element()? {
                None => return Ok(Input::Texts(texts)),
                Some(Element::Text(text)) => texts.push(text),
                Some(Element::Token) => {
                    skip(&mut elements)?;
                    return Ok(Input::Tokens);
                }
            }
        }
        match skip(&mut elements)? {
            0 => Ok(Input::Texts(texts)),
            more => Ok(Input::TooMany(MAX_INPUTS + more)),
        }
    }
}

/// Reads over the elements that are left and counts them.
fn skip<'de, A: SeqAccess<'de>>(elements: &mut A) -> Result<usize, A::Error> {
    let mut count = 0;
    while elements.next_element::<IgnoredAny>()?.is_some() {
        count += 1;
    }
    Ok(count)
}

enum Element {
    Text(String),
    Token,
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string in the array of inputs")
    }

    fn visit_str<E>(self, text: &str) -> Result<Element, E> {
        Ok(Element::Text(text.to_owned()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Element, E> {
        Ok(Element::Token)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Element, A::Error> {
        skip(&mut elements)?;
        Ok(Element::Token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Input, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn strings_are_kept_and_tokens_are_told_apart() {
        assert_eq!(read(r#""a""#).unwrap(), Input::Texts(vec!["a".into()]));
        let two = Input::Texts(vec!["a".into(), "é".into()]);
        assert_eq!(read(r#"["a", "\u00e9"]"#).unwrap(), two);
        assert_eq!(read("[]").unwrap(), Input::Texts(vec![]));
        assert_eq!(read("[1, 2]").unwrap(), Input::Tokens);
        assert_eq!(read("[[1, 2], [3]]").unwrap(), Input::Tokens);
        assert_eq!(read(r#"["a", 1]"#).unwrap(), Input::Tokens);
    }

    #[test]
    fn too_many_strings_are_counted() {
        let strings = |count: usize| serde_json::to_string(&vec!["a"; count]).unwrap();
        let most = Input::Texts(vec!["a".to_owned(); MAX_INPUTS]);
        assert_eq!(read(&strings(MAX_INPUTS)).unwrap(), most);
        assert_eq!(read(&strings(3000)).unwrap(), Input::TooMany(3000));
    }

    #[test]
    fn anything_else_is_an_error_that_says_what_is_expected() {
        for json in ["5", "{}", "true", "[null]", r#"[{"a": 1}]"#] {
            let message = read(json).unwrap_err().to_string();
            assert!(message.contains("expected a string"), "{message}");
        }
    }
}
