//! Requests that no HTTP library would send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Connects to `base` (`http://host:port`).
///
/// # Panics
/// When nobody listens there.
pub fn connect(base: &str) -> TcpStream {
    let address = base.trim_start_matches("http://");
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream
}

/// Sends `head` and as much of `body` as the server takes, and gives the status and the whole
/// text of what it answers. A server may answer and hang up before it has read everything.
///
/// # Panics
/// When the answer is not HTTP.
pub fn exchange(base: &str, head: &str, body: &mut dyn Read) -> (u16, String) {
    let mut stream = connect(base);
    let mut answer = Vec::new();
    if stream.write_all(head.as_bytes()).is_ok() {
        let mut writer = stream.try_clone().unwrap();
        let mut buffer = [0; 65536];
        while let Ok(count @ 1..) = body.read(&mut buffer) {
            if writer.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    }
    let mut buffer = [0; 65536];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..count]);
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text
        .split_ascii_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no HTTP answer to {head:?}: {text:?}"));
    (status, text)
}
