//! Whether a place in a Markdown text lies inside a fenced code block.

use serde::{Deserialize, Serialize};

/// Follows the fenced code blocks of a Markdown text that is read piece by piece, so
/// that a piece which begins inside one can be parsed as code.
///
/// Rules of CommonMark 0.31, section 4.5, for fences indented by less than four spaces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FenceTracker {
    open: Option<Fence>,
    mid_line: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Fence {
    mark: char,
    length: usize,
}

impl FenceTracker {
    /// Takes up the next piece of the text.
    pub(super) fn advance(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            if !self.mid_line {
                self.open = after_line(self.open, line);
            }
            self.mid_line = !line.ends_with('\n');
        }
    }

    /// A line that reopens the code block in which the text read so far ends; empty
    /// outside of code.
    pub(super) fn reopening(&self) -> String {
        let Some(Fence { mark, length }) = self.open else {
            return String::new();
        };
        let mut line = String::from(mark).repeat(length);
        line.push('\n');
        line
    }
}

fn after_line(open: Option<Fence>, line: &str) -> Option<Fence> {
    let Some((found, rest)) = fence_of(line) else {
        return open;
    };
    match open {
        None if found.mark == '`' && rest.contains('`') => None,
        None => Some(found),
        Some(open) => {
            let closes =
                found.mark == open.mark && found.length >= open.length && rest.trim().is_empty();
            (!closes).then_some(open)
        }
    }
}

fn fence_of(line: &str) -> Option<(Fence, &str)> {
    let unindented = line.trim_start_matches(' ');
    if line.len() - unindented.len() > 3 {
        return None;
    }
    let mark = unindented
        .chars()
        .next()
        .filter(|c| matches!(c, '`' | '~'))?;
    let rest = unindented.trim_start_matches(mark);
    let length = unindented.len() - rest.len();
    // A line of nothing but fence marks must not make the reopening line as long.
    (3..=64)
        .contains(&length)
        .then_some((Fence { mark, length }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reopening(pieces: &[&str]) -> String {
        let mut tracker = FenceTracker::default();
        for piece in pieces {
            tracker.advance(piece);
        }
        tracker.reopening()
    }

    #[test]
    fn an_open_fence_is_reopened_with_its_own_mark() {
        assert_eq!(reopening(&["a\n```rust\nlet x", " = 1;\n"]), "```\n");
        assert_eq!(reopening(&["~~~~\n```\n~~~\n"]), "~~~~\n");
    }

    #[test]
    fn a_closed_fence_or_none_is_not() {
        assert_eq!(reopening(&["```\nx\n", "```  \nprose"]), "");
        assert_eq!(reopening(&["``` one ``` two\n"]), "");
        assert_eq!(reopening(&["    ```\n"]), "");
        assert_eq!(reopening(&["prose ```\n", "``\n"]), "");
    }

    #[test]
    fn marks_in_the_middle_of_a_line_that_a_piece_cuts_do_not_count() {
        assert_eq!(reopening(&["see ", "```\nprose\n"]), "");
    }
}
