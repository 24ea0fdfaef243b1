//! The `text` of a JSON body, streamed into an object.

use std::io::{self, Cursor, Read};

use dayfly_core::api::{ApiError, Code};
use dayfly_core::decode::TextDecoder;
use dayfly_core::objects::{ObjectWriter, Objects};
use struson::reader::{JsonReader, JsonStreamReader, ReaderError, ValueType};

const PIECE: usize = 256 << 10;

/// Streams the JSON body's `text` into an object that is finished when the whole body was good.
/// `None` when there is no text, or nothing but white space.
///
/// Errors: 400 for what is no such JSON, 413 past `most` bytes of text, and whatever the storage
/// answers.
pub fn keep_text(
    body: impl Read,
    objects: &dyn Objects,
    key: &str,
    most: u64,
) -> Result<Option<Box<dyn ObjectWriter>>, ApiError> {
    let body = without_mark(body).map_err(|fault| unreadable(&fault))?;
    let mut json = JsonStreamReader::new(body);
    if json.peek().map_err(not_json)? != ValueType::Object {
        return Err(ApiError::invalid_request(
            "The body is not a JSON object; send {\"text\": \"…\"}.",
        ));
    }
    json.begin_object().map_err(not_json)?;
    let mut kept = None;
    while json.has_next().map_err(not_json)? {
        let is_text = json.next_name().map_err(not_json)? == "text";
        match (is_text, json.peek().map_err(not_json)?) {
            (true, ValueType::String) => kept = keep_string(&mut json, objects, key, most)?,
            (true, ValueType::Null) => {
                kept = None;
                json.skip_value().map_err(not_json)?;
            }
            (false, _) => json.skip_value().map_err(not_json)?,
            (true, other) => {
                return Err(ApiError::invalid_request(format!(
                    "'text' is of the type {other}; send a string."
                ))
                .param("text"));
            }
        }
    }
    json.end_object().map_err(not_json)?;
    json.consume_trailing_whitespace().map_err(not_json)?;
    Ok(kept)
}

/// The body without the byte order mark that some programs put before a text.
fn without_mark(mut body: impl Read) -> io::Result<impl Read> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let mut begun = Vec::with_capacity(MARK.len());
    body.by_ref()
        .take(MARK.len() as u64)
        .read_to_end(&mut begun)?;
    if begun == MARK {
        begun.clear();
    }
    Ok(Cursor::new(begun).chain(body))
}

fn keep_string(
    json: &mut JsonStreamReader<impl Read>,
    objects: &dyn Objects,
    key: &str,
    most: u64,
) -> Result<Option<Box<dyn ObjectWriter>>, ApiError> {
    let mut text = json.next_string_reader().map_err(not_json)?;
    let mut writer = objects.create(key)?;
    let mut piece = vec![0; PIECE];
    let (mut bytes, mut blank) = (0_u64, true);
    let mut decoder = TextDecoder::new();
    loop {
        let read = text.read(&mut piece).map_err(|fault| unreadable(&fault))?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        if bytes > most {
            return Err(ApiError::new(Code::TooLarge,
                format!("The text is larger than {most} bytes, which is the most here; send it in parts."),
            )
            .param("text"));
        }
        let decoded = decoder.push(&piece[..read]);
        blank &= decoded.is_ok_and(|text| text.trim().is_empty());
        writer.write(&piece[..read])?;
    }
    // What the decoder still holds back is no text, and no blank either.
    blank &= decoder.finish().is_ok();
    Ok((!blank).then_some(writer))
}

fn unreadable(fault: &io::Error) -> ApiError {
    ApiError::invalid_request(format!("The body is not valid JSON, or was cut: {fault}."))
}

fn not_json(error: ReaderError) -> ApiError {
    ApiError::invalid_request(format!(
        "The body is not valid JSON ({error}); send {{\"text\": \"…\"}}."
    ))
}

#[cfg(test)]
mod tests {
    use dayfly_core::objects::MemoryObjects;

    use super::*;

    fn kept(body: &str, most: u64) -> Result<Option<String>, ApiError> {
        let objects = MemoryObjects::default();
        let Some(writer) = keep_text(body.as_bytes(), &objects, "k", most)? else {
            return Ok(None);
        };
        writer.finish()?;
        Ok(Some(String::from_utf8(objects.get("k")?).unwrap()))
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_json() {
        let marked = "\u{feff}{\"text\": \"a\"}";
        assert_eq!(kept(marked, 10), Ok(Some("a".to_owned())));
        assert_eq!(kept("{}", 10), Ok(None));
        assert!(kept("", 10).is_err());
    }

    #[test]
    fn the_text_is_kept_and_all_else_passed_over() {
        for (body, text) in [
            (r#"{"text": "na\u00efve \n"}"#, Some("naïve \n")),
            (r#"{"a": [{"text": "x"}], "text": "b", "c": 1} "#, Some("b")),
            (r#"{"text": " \u2003"}"#, None),
            (r#"{"text": null}"#, None),
            (r#"{"text": "\u0000 /"}"#, Some("\0 /")),
            (r#"{"text": "a", "text": "b"}"#, Some("b")),
            (r#"{"text": "a", "text": null}"#, None),
            ("{}", None),
        ] {
            assert_eq!(kept(body, 9).unwrap().as_deref(), text, "{body}");
        }
    }

    #[test]
    fn what_is_no_such_json_or_too_large_is_refused() {
        for body in [
            "",
            "[]",
            r#"{"text": 1}"#,
            r#"{"text": "a"} x"#,
            r#"{"text": "a""#,
            r#"{"text": "\ud800"}"#,
        ] {
            assert_eq!(kept(body, 9).unwrap_err().status, 400, "{body}");
        }
        assert_eq!(kept(r#"{"text": "éé"}"#, 3).unwrap_err().status, 413);
    }
}
