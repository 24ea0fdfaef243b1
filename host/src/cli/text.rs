//! Lays out text for a terminal.

/// The terminal's width in columns; 80 when there is none.
pub fn width() -> usize {
    let (_, columns) = console::Term::stdout().size();
    usize::from(columns).clamp(40, 120)
}

/// `text` in lines of at most `width` columns, each behind `indent`. Control characters, which a
/// document could use to drive the terminal, become spaces.
pub fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let options = textwrap::Options::new(width)
        .initial_indent(indent)
        .subsequent_indent(indent);
    let paragraphs = text
        .lines()
        .map(printable)
        .filter(|line| !line.trim().is_empty());
    paragraphs
        .map(|line| textwrap::fill(line.trim(), &options) + "\n")
        .collect()
}

/// `text` on one line, without control characters.
pub fn printable(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().map(plain).collect()
}

/// Rows in columns, the first row as their heading; columns for which `right` is true are flush right.
pub fn table(rows: &[Vec<String>], right: &[bool]) -> String {
    let widths: Vec<usize> = (0..right.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| console::measure_text_width(cell))
                .max()
                .unwrap_or(0)
        })
        .collect();
    rows.iter().map(|row| line(row, &widths, right)).collect()
}

fn line(row: &[String], widths: &[usize], right: &[bool]) -> String {
    let cells: Vec<String> = row
        .iter()
        .zip(widths.iter().zip(right))
        .map(|(cell, (width, right))| {
            let side = if *right {
                console::Alignment::Right
            } else {
                console::Alignment::Left
            };
            console::pad_str(cell, *width, side, None).into_owned()
        })
        .collect();
    cells.join("  ").trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_behind_its_indent() {
        let text = wrapped("one two three four", "  ", 11);
        assert_eq!(text, "  one two\n  three\n  four\n");
    }

    #[test]
    fn empty_lines_are_left_out() {
        assert_eq!(wrapped("a\n\n \nb", "", 10), "a\nb\n");
    }

    #[test]
    fn a_document_cannot_drive_the_terminal() {
        let text = wrapped("a\u{1b}[2Jb\u{9b}c", "", 40);
        assert!(
            !text
                .chars()
                .any(|letter| letter.is_control() && letter != '\n'),
            "{text:?}"
        );
        assert_eq!(printable("a\nb\u{7}"), "a b ");
    }

    #[test]
    fn columns_line_up() {
        let rows = [["NAME", "FILES"], ["a", "10"], ["longer", "9"]]
            .map(|row| row.map(str::to_owned).to_vec());
        let text = table(&rows, &[false, true]);
        assert_eq!(text, "NAME    FILES\na          10\nlonger      9\n");
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let rows = [["名前", "x"], ["ab", "y"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows, &[false, false]), "名前  x\nab    y\n");
    }
}
