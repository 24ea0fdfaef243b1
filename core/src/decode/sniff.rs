//! What kind of file was uploaded.

use thiserror::Error;

use super::other_encoding;
use crate::chunk::Format;

/// A file whose text cannot be read as it is (HTTP 415); another file has to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{filename} is {detected}, and only plain text and Markdown in UTF-8 can be indexed: {advice}."
)]
pub struct Unsupported {
    /// The file's name as the caller gave it.
    pub filename: String,
    /// What it was found to be, with its article.
    pub detected: String,
    /// What to do about it.
    pub advice: &'static str,
}

/// How to understand a file, from its name, the `content-type` that came with it and
/// its first bytes (some kilobytes are enough; fewer only if the file is as short).
///
/// Markdown by the extension `.md`, `.markdown` or `.mdown`, or by the type
/// `text/markdown`; any other UTF-8, whatever its name, is text. PDF, office documents,
/// archives, pictures, programs and other encodings are told by their first bytes and
/// refused by name. Bytes after `head` are not judged here: [`super::TextDecoder`]
/// refuses what is not UTF-8 there.
pub fn sniff(
    filename: &str,
    content_type: Option<&str>,
    head: &[u8],
) -> Result<Format, Unsupported> {
    if let Some((detected, advice)) = foreign(head) {
        let filename = match filename {
            "" => "The file".to_owned(),
            name => name.chars().filter(|c| !c.is_control()).take(255).collect(),
        };
        return Err(Unsupported {
            filename,
            detected,
            advice,
        });
    }
    match is_markdown(filename, content_type) {
        true => Ok(Format::Markdown),
        false => Ok(Format::Text),
    }
}

fn is_markdown(filename: &str, content_type: Option<&str>) -> bool {
    let extension = filename.rsplit_once('.').map(|(_, extension)| extension);
    let by_name = ["md", "markdown", "mdown"]
        .iter()
        .any(|known| extension.is_some_and(|found| found.eq_ignore_ascii_case(known)));
    let media_type = content_type.and_then(|value| value.split(';').next());
    let by_type = ["text/markdown", "text/x-markdown"]
        .iter()
        .any(|known| media_type.is_some_and(|found| found.trim().eq_ignore_ascii_case(known)));
    by_name || by_type
}

const EXTRACT: &str = "extract its text first and upload that";
const UNPACK: &str = "unpack it and upload the text files in it one by one";
const CONVERT: &str = "convert it to UTF-8, for example with `iconv`, or extract its text first";

/// What `head` is, if it is no UTF-8 text, and what to do about it.
fn foreign(head: &[u8]) -> Option<(String, &'static str)> {
    if let Some(encoding) = other_encoding(head) {
        return Some((format!("{encoding} text"), CONVERT));
    }
    let known = infer::get(head);
    let mime_type = known.map(|kind| kind.mime_type());
    // These are written in ASCII, at their beginnings or throughout.
    let ascii_document = matches!(
        mime_type,
        Some("application/pdf" | "application/rtf" | "application/postscript")
    );
    // Some marks are two letters: a text that begins with "BM" is not a bitmap.
    if is_utf8_text(head) && !ascii_document {
        return None;
    }
    let Some(kind) = known else {
        return Some(("binary data, or text in another encoding".into(), CONVERT));
    };
    use infer::MatcherType;
    let found = match (kind.mime_type(), kind.extension(), kind.matcher_type()) {
        ("application/pdf", ..) => (
            "a PDF document".into(),
            "extract its text first, for example with `pdftotext`, and upload that",
        ),
        (_, extension @ ("zip" | "gz" | "tar" | "7z" | "rar" | "bz2" | "xz" | "zst"), _) => {
            (format!("an archive ({extension})"), UNPACK)
        }
        (_, extension @ ("rtf" | "ps"), _)
        | (_, extension, MatcherType::Doc | MatcherType::Book) => {
            (format!("a document ({extension})"), EXTRACT)
        }
        (_, extension, MatcherType::Image) => (
            format!("a picture ({extension})"),
            "recognise its text first, for example with `tesseract`, and upload that",
        ),
        (_, extension, MatcherType::Audio | MatcherType::Video) => (
            format!("a recording ({extension})"),
            "transcribe it first and upload the text",
        ),
        (_, extension, MatcherType::App) => (
            format!("a program ({extension})"),
            "upload its source or its documentation instead",
        ),
        (_, extension, MatcherType::Text) => (
            format!("{extension} text that is not UTF-8 throughout"),
            CONVERT,
        ),
        (mime_type, ..) => (format!("of the type {mime_type}"), EXTRACT),
    };
    Some(found)
}

/// Whether `head` is UTF-8 without zero bytes; its last character may be cut.
fn is_utf8_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    valid && !head.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, head: &[u8]) -> String {
        match sniff(name, None, head) {
            Ok(format) => format!("accepted as {format:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn markdown_is_told_by_name_or_type() {
        assert_eq!(sniff("a.md", None, b"# A"), Ok(Format::Markdown));
        assert_eq!(sniff("A.MARKDOWN", None, b""), Ok(Format::Markdown));
        assert_eq!(
            sniff("a", Some("text/Markdown; charset=utf-8"), b"x"),
            Ok(Format::Markdown)
        );
    }

    #[test]
    fn every_plain_text_type_of_openai_is_text() {
        for extension in [
            "c", "cpp", "cs", "css", "go", "html", "java", "js", "json", "php", "py", "rb", "sh",
            "tex", "ts", "txt", "csv", "rst", "unknown",
        ] {
            let name = format!("a.{extension}");
            for head in [
                "<!DOCTYPE html><html>",
                "#!/bin/sh\n",
                "BMW, GIF8 and MZ é",
                "",
            ] {
                assert_eq!(
                    sniff(&name, Some("application/octet-stream"), head.as_bytes()),
                    Ok(Format::Text),
                    "{name} {head}"
                );
            }
        }
    }

    #[test]
    fn a_character_cut_by_the_heads_end_is_text() {
        assert_eq!(sniff("a.txt", None, b"na\xc3"), Ok(Format::Text));
    }

    #[test]
    fn binary_types_are_named_whatever_the_file_is_called() {
        let zip = b"PK\x03\x04\x14\0\0\0\x08\0";
        for (head, named) in [
            (&b"%PDF-1.7\n1 0 obj"[..], "a PDF document"),
            (zip, "an archive (zip)"),
            (b"\x1f\x8b\x08\0\0\0\0\0", "an archive (gz)"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture (png)"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture (jpg)"),
            (b"\x7fELF\x02\x01\x01\0", "a program (elf)"),
            (b"{\\rtf1\\ansi hello}", "(rtf)"),
            (b"\xff\xfeh\0i\0", "UTF-16LE text"),
            (b"caf\xe9 au lait", "another encoding"),
            (b"\x01\0\x02\x03", "binary data"),
        ] {
            let mut head = head.to_vec();
            if head.contains(&0) {
                head.resize(64, 0);
            }
            let message = refusal("notes.txt", &head);
            assert!(message.contains(named), "{message}");
            assert!(message.starts_with("notes.txt is "), "{message}");
        }
    }

    #[test]
    fn a_word_document_is_told_from_an_archive() {
        let mut docx = b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0".to_vec();
        docx.resize(30, 0);
        docx.extend_from_slice(b"word/document.xml");
        assert!(refusal("a.docx", &docx).contains("(docx)"));
    }
}
