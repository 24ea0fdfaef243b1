//! Attacks by HTTP itself.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::super::{ATTACKER, Attack, Ground, Place, Stage, Tally, Work, connect};
use super::{PATIENCE, again_and_again};

/// Requests whose head is larger than any.
pub const HEADER_BOMBS: Attack = Attack {
    name: "header-bombs",
    what: "8 callers send 5,000 headers, one of 1 MB, a line of 1 MB, and headers without end",
    place: Place::Plain,
    work: Work::File,
    run: header_bombs,
};

/// Requests whose length two readers would not agree on, with another request behind.
pub const SMUGGLING: Attack = Attack {
    name: "smuggling",
    what: "8 callers send requests with two lengths, a length and chunks, and broken chunks",
    place: Place::Plain,
    work: Work::File,
    run: smuggling,
};

fn header_bombs(ground: &Ground, stage: &Stage) -> Tally {
    const FORMS: usize = 4;
    let base = ground.base();
    again_and_again(stage, &ground.attacker(), 8, |_, caller, step, tally| {
        let first = "GET /v1/files HTTP/1.1\r\nhost: localhost\r\n";
        let head = match (caller + step) % FORMS {
            0 => (0..5_000).fold(first.to_owned(), |head, n| head + &format!("x-{n}: v\r\n")),
            1 => format!("{first}x-large: {}\r\n", "v".repeat(1_000_000)),
            2 => format!(
                "GET /{} HTTP/1.1\r\nhost: localhost\r\n",
                "a".repeat(1_000_000)
            ),
            _ => first.to_owned() + &"x-more: and more\r\n".repeat(200_000),
        };
        // Of headers without end the end never comes.
        let end = if (caller + step) % FORMS == 3 {
            ""
        } else {
            "\r\n"
        };
        let (answers, _) = exchange(&base, &(head + end));
        tally.add(answers.first().map_or("closed", String::as_str));
    })
}

/// The forms, by name, each with another request behind it.
pub fn smuggled(token: &str) -> Vec<(&'static str, String)> {
    let inner = "GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let whole = inner.len();
    let forms = [
        (
            "a length and chunks",
            format!(
                "content-length: {}\r\ntransfer-encoding: chunked",
                5 + whole
            ),
            "0\r\n\r\n",
        ),
        (
            "chunks and a length",
            format!(
                "transfer-encoding: chunked\r\ncontent-length: {}",
                5 + whole
            ),
            "0\r\n\r\n",
        ),
        (
            "a short length and chunks",
            "content-length: 4\r\ntransfer-encoding: chunked".to_owned(),
            "0\r\n\r\n",
        ),
        (
            "two lengths",
            format!("content-length: 0\r\ncontent-length: {whole}"),
            "",
        ),
        (
            "a list of lengths",
            format!("content-length: 0, {whole}"),
            "",
        ),
        ("a length with a sign", "content-length: +0".to_owned(), ""),
        (
            "a length with a space in its name",
            format!("content-length : {whole}"),
            "",
        ),
        (
            "a length on a folded line",
            format!("content-length:\r\n {whole}"),
            "",
        ),
        (
            "chunks in capitals twice",
            "transfer-encoding: Chunked\r\ntransfer-encoding: identity".to_owned(),
            "0\r\n\r\n",
        ),
        (
            "chunks that are not the last",
            "transfer-encoding: chunked, identity".to_owned(),
            "0\r\n\r\n",
        ),
        (
            "chunks with a tab",
            "transfer-encoding:\tchunked\r\ncontent-length: 4".to_owned(),
            "0\r\n\r\n",
        ),
        (
            "an unknown encoding",
            "transfer-encoding: xchunked".to_owned(),
            "0\r\n\r\n",
        ),
        (
            "a chunk with a sign",
            "transfer-encoding: chunked".to_owned(),
            "+0\r\n\r\n",
        ),
        (
            "a chunk that is too long",
            "transfer-encoding: chunked".to_owned(),
            "ffffffffffffffffff\r\n",
        ),
        (
            "a chunk without its end",
            "transfer-encoding: chunked".to_owned(),
            "1\r\naXX0\r\n\r\n",
        ),
        (
            "lines that end with a line feed",
            format!("x: y\ncontent-length: {whole}"),
            "",
        ),
        ("a zero in a name", "content\0-length: 0".to_owned(), ""),
    ];
    let request = |(form, headers, body): (&'static str, String, &str)| {
        let head = "POST /v1/vector_stores/none/search HTTP/1.1\r\nhost: localhost\r\n";
        let head = format!("{head}authorization: Bearer {token}\r\n{headers}\r\n\r\n");
        (form, head + body + inner)
    };
    forms.into_iter().map(request).collect()
}

fn smuggling(ground: &Ground, stage: &Stage) -> Tally {
    let (base, forms) = (ground.base(), smuggled(&ground.token(ATTACKER)));
    again_and_again(stage, &ground.attacker(), 8, |_, caller, step, tally| {
        let (_, request) = &forms[(caller + step) % forms.len()];
        let (answers, _) = exchange(&base, request);
        tally.add(match answers.as_slice() {
            [] => "closed".to_owned(),
            [one] => one.clone(),
            more => format!("{} answers to one request", more.len()),
        });
    })
}

/// The statuses of all answers that a request gets until the server closes or says nothing more, and
/// their text.
pub fn exchange(base: &str, request: &str) -> (Vec<String>, String) {
    let mut stream = connect(base, None);
    let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    let (mut left, mut text) = (request.as_bytes(), Vec::new());
    let end = Instant::now() + PATIENCE;
    let mut piece = [0; 16 << 10];
    // Whoever sends all first may lose an answer that comes before.
    while !left.is_empty() {
        match stream.write(&left[..left.len().min(64 << 10)]) {
            Ok(count @ 1..) => left = &left[count..],
            Ok(0) | Err(_) => break,
        }
    }
    while Instant::now() < end {
        match stream.read(&mut piece) {
            Ok(count @ 1..) => text.extend_from_slice(&piece[..count]),
            Ok(0) | Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let answers = text.split("HTTP/1.1 ").skip(1);
    let statuses = answers.map(|answer| answer.chars().take(3).collect());
    (statuses.collect(), text)
}
