//! Bodies that come compressed.

use std::io::Write;

use dayfly_tests::api::{field_part, file_part, last_boundary, multipart_type};
use dayfly_tests::client::Payload;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::json;

use crate::Setting;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_compressed_body_is_what_it_was() {
    let setting = Setting::new();
    let client = &setting.client;
    let zipped = client.with_header("content-encoding", "gzip");
    let made = zipped.post(
        "/v1/vector_stores",
        "application/json",
        gzip(b"{\"name\": \"s\"}"),
    );
    assert_eq!(made.ok()["name"], "s");
    let text = "The heron waits. ".repeat(2_000);
    let mut form = field_part("purpose", "assistants");
    form += &file_part("file", "a.txt", "text/plain");
    form += &text;
    form += "\r\n";
    form += &last_boundary();
    let file = zipped
        .post("/v1/files", &multipart_type(), gzip(form.as_bytes()))
        .ok();
    let path = format!("/v1/files/{}/content", file["id"].as_str().unwrap());
    assert_eq!(client.get(&path).text(), text);
    let deflated = client.with_header("content-encoding", "deflate");
    let body = json!({"text": "a kingfisher dives"}).to_string();
    let uploaded = deflated.post("/upload?store=s", "application/json", zlib(body.as_bytes()));
    assert_eq!(uploaded.status, 200, "{}", uploaded.text());
    assert_eq!(client.find("s", "kingfisher").len(), 1);
}

#[test]
fn a_body_that_is_not_what_its_encoding_says_is_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    let body = gzip(b"{\"name\": \"a store of a long name\"}");
    for (encoding, body, status) in [
        ("gzip", body[..body.len() - 12].to_vec(), 400),
        ("gzip", b"{}".to_vec(), 400),
        ("zstd", b"{}".to_vec(), 400),
        ("br", vec![0xff; 40], 400),
        ("compress", body.clone(), 415),
        ("gzip, gzip", body, 415),
    ] {
        let sent = client.with_header("content-encoding", encoding);
        let error = sent
            .post("/v1/vector_stores", "application/json", body)
            .error(status);
        assert!(error.message.contains("encoding"), "{encoding}: {error:?}");
    }
    assert!(client.ids("/v1/vector_stores").is_empty());
}

#[test]
fn a_body_that_is_small_only_while_it_is_compressed_is_too_large() {
    let setting = Setting::new();
    let zipped = setting.client.with_header("content-encoding", "gzip");
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(64 << 20));
    let sent = gzip(large.as_bytes());
    assert!(sent.len() < 1 << 20);
    zipped
        .post("/v1/vector_stores", "application/json", sent)
        .error(413);
    let head = zipped.request("GET", "/v1/vector_stores", None, Payload::Empty);
    assert_eq!(
        head.status, 200,
        "what has no body has nothing to decompress"
    );
}

#[test]
fn json_may_begin_with_a_byte_order_mark() {
    let setting = Setting::new();
    let client = &setting.client;
    let made = client.post(
        "/v1/vector_stores",
        "application/json",
        "\u{feff}{\"name\": \"s\"}",
    );
    assert_eq!(made.ok()["name"], "s");
    let uploaded = client.post(
        "/upload?store=s",
        "application/json",
        "\u{feff}{\"text\": \"a heron\"}",
    );
    assert_eq!(uploaded.status, 200, "{}", uploaded.text());
}
