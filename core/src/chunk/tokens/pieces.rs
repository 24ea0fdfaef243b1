//! The pieces of a text that are tokenized one by one.

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

/// Cuts `text` as the regular expression of `cl100k_base` does (`tiktoken`,
/// `openai_public.py`), whose alternatives the functions below follow in their order:
///
/// ```text
/// '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s
/// ```
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = contraction(rest)
            .or_else(|| word(rest, first))
            .or_else(|| number(rest))
            .or_else(|| punctuation(rest))
            .unwrap_or_else(|| white_space(rest, first));
        let (piece, after) = rest.split_at(length);
        rest = after;
        Some(piece)
    })
}

/// `'(?i:[sdmt]|ll|ve|re)`
fn contraction(text: &str) -> Option<usize> {
    let after = text.strip_prefix('\'')?;
    let first = after.chars().next()?;
    // The long s is an s where case does not matter.
    if matches!(first.to_ascii_lowercase(), 's' | 'd' | 'm' | 't' | 'ſ') {
        return Some(1 + first.len_utf8());
    }
    let two = after.as_bytes().get(..2)?;
    let is_contraction = [b"ll", b"ve", b"re"]
        .iter()
        .any(|known| two.eq_ignore_ascii_case(*known));
    is_contraction.then_some(3)
}

/// `[^\r\n\p{L}\p{N}]?+\p{L}++`
fn word(text: &str, first: char) -> Option<usize> {
    let lead = match Class::of(first) {
        Class::Letter => 0,
        Class::Number => return None,
        _ if is_newline(first) => return None,
        _ => first.len_utf8(),
    };
    let letters = run(&text[lead..], |c| Class::of(c) == Class::Letter);
    (letters > 0).then_some(lead + letters)
}

/// `\p{N}{1,3}+`
fn number(text: &str) -> Option<usize> {
    let digits = text
        .chars()
        .take(3)
        .take_while(|&c| Class::of(c) == Class::Number);
    let length: usize = digits.map(char::len_utf8).sum();
    (length > 0).then_some(length)
}

/// ` ?[^\s\p{L}\p{N}]++[\r\n]*+`
fn punctuation(text: &str) -> Option<usize> {
    let lead = usize::from(text.starts_with(' '));
    let marks = run(&text[lead..], |c| Class::of(c) == Class::Other);
    let end = lead + marks;
    (marks > 0).then(|| end + run(&text[end..], is_newline))
}

/// `\s++$|\s*[\r\n]|\s+(?!\S)|\s`
fn white_space(text: &str, first: char) -> usize {
    let length = run(text, char::is_whitespace);
    if length == text.len() {
        return length;
    }
    let space = &text[..length];
    if let Some(newline) = space.rfind(is_newline) {
        return newline + 1;
    }
    // The last one goes with what follows.
    let last = space.chars().next_back().map_or(0, char::len_utf8);
    (length - last).max(first.len_utf8())
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn is_newline(c: char) -> bool {
    matches!(c, '\r' | '\n')
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Number,
    Space,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' => Self::Letter,
            '0'..='9' => Self::Number,
            _ if c.is_whitespace() => Self::Space,
            _ if c.is_ascii() => Self::Other,
            _ => Self::of_category(CodePointMapData::<GeneralCategory>::new().get(c)),
        }
    }

    fn of_category(category: GeneralCategory) -> Self {
        if GeneralCategoryGroup::Letter.contains(category) {
            return Self::Letter;
        }
        if GeneralCategoryGroup::Number.contains(category) {
            return Self::Number;
        }
        Self::Other
    }
}
