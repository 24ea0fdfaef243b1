//! `/v1/files`.

use dayfly_tests::api::{field_part, file_part, last_boundary, multipart_type};
use dayfly_tests::client::Payload;
use serde_json::json;

use crate::Setting;

#[test]
fn a_file_comes_back_byte_for_byte() {
    let setting = Setting::new();
    let client = &setting.client;
    let content = "Zeile eins\r\nπ ≈ 3,14\n\n\tEnde\u{1f980}\n".repeat(1000);
    let id = client.upload_file("notes with spaces (1).txt", content.as_bytes());
    assert!(id.starts_with("file-"), "{id}");
    let file = client.get(&format!("/v1/files/{id}")).ok();
    assert_eq!(file["object"], "file");
    assert_eq!(file["bytes"], content.len());
    assert_eq!(file["filename"], "notes with spaces (1).txt");
    assert_eq!(file["purpose"], "assistants");
    assert_eq!(file["status"], "processed");
    assert!(file["created_at"].as_u64().unwrap() > 1_600_000_000);
    let back = client.get(&format!("/v1/files/{id}/content"));
    assert_eq!(back.status, 200);
    assert!(back.body == content.as_bytes(), "the content differs");
}

#[test]
fn the_parts_of_an_upload_may_come_in_any_order() {
    let setting = Setting::new();
    let client = &setting.client;
    let body = file_part("file", "a.txt", "text/plain")
        + "first the file\r\n"
        + &field_part("purpose", "user_data")
        + &last_boundary();
    let file = client.post("/v1/files", &multipart_type(), body).ok();
    assert_eq!(file["purpose"], "user_data");
    assert_eq!(file["bytes"], 14);
}

#[test]
fn a_deleted_file_is_gone() {
    let setting = Setting::new();
    let client = &setting.client;
    let id = client.upload_file("a.txt", b"some text");
    let other = client.upload_file("b.txt", b"some other text");
    let answer = client.delete(&format!("/v1/files/{id}")).ok();
    assert_eq!(answer, json!({"id": id, "object": "file", "deleted": true}));
    client.get(&format!("/v1/files/{id}")).error(404);
    client.get(&format!("/v1/files/{id}/content")).error(404);
    client.delete(&format!("/v1/files/{id}")).error(404);
    assert_eq!(client.ids("/v1/files"), [other]);
}

#[test]
fn files_are_listed_in_pages_and_in_either_order() {
    let setting = Setting::new();
    let client = &setting.client;
    let mut made: Vec<String> = (0..7)
        .map(|n| client.upload_file(&format!("{n}.txt"), format!("text {n}").as_bytes()))
        .collect();
    assert_eq!(client.ids("/v1/files?order=asc"), made);
    made.reverse();
    assert_eq!(client.ids("/v1/files"), made);

    let mut paged = Vec::new();
    let mut path = "/v1/files?limit=3".to_owned();
    loop {
        let page = client.get(&path).ok();
        let ids = client.ids(&path);
        assert!(ids.len() <= 3);
        paged.extend(ids);
        if page["has_more"] == false {
            break;
        }
        path = format!("/v1/files?limit=3&after={}", paged.last().unwrap());
    }
    assert_eq!(paged, made);
}

#[test]
fn files_are_listed_by_purpose() {
    let setting = Setting::new();
    let client = &setting.client;
    client.upload_file("a.txt", b"for assistants");
    let body = field_part("purpose", "user_data")
        + &file_part("file", "b.txt", "text/plain")
        + "for users\r\n"
        + &last_boundary();
    let user = client.post("/v1/files", &multipart_type(), body).ok();
    assert_eq!(
        client.ids("/v1/files?purpose=user_data"),
        [user["id"].as_str().unwrap()]
    );
    assert_eq!(client.ids("/v1/files").len(), 2);
}

#[test]
fn an_upload_without_a_file_says_so() {
    let setting = Setting::new();
    let client = &setting.client;
    let body = field_part("purpose", "assistants") + &last_boundary();
    let error = client.post("/v1/files", &multipart_type(), body).error(400);
    assert!(error.message.contains("file"), "{error:?}");
    assert!(client.ids("/v1/files").is_empty());
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let setting = Setting::new();
    let client = &setting.client;
    let body = field_part("purpose", "assistants")
        + &file_part("file", "half.txt", "text/plain")
        + "the rest is missing";
    // Complete as HTTP, cut as multipart.
    client
        .post("/v1/files", &multipart_type(), body.clone())
        .error(400);
    // Cut as HTTP.
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n{body}",
        multipart_type(),
        body.len() + 1000,
    );
    let mut stream = dayfly_tests::raw::connect(client.base());
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    drop(stream);
    setting.server.wait_until_idle();
    assert!(client.ids("/v1/files").is_empty());
}

#[test]
fn head_asks_for_what_get_does_and_gets_no_body() {
    let setting = Setting::new();
    let client = &setting.client;
    let file = client.upload_file("a.txt", b"The heron waits.");
    for path in [
        "/v1/files".to_owned(),
        "/v1/files/".to_owned(),
        format!("/v1/files/{file}"),
        format!("/v1/files/{file}/content"),
    ] {
        let head = client.request("HEAD", &path, None, Payload::Empty);
        assert_eq!(head.status, 200, "{path}: {}", head.text());
        assert!(head.body.is_empty(), "{path}");
        let length = client.get(&path).body.len().to_string();
        assert_eq!(
            head.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
    }
    let missing = client.request("HEAD", "/v1/files/file-unknown", None, Payload::Empty);
    assert_eq!(missing.status, 404);
}

#[test]
fn a_files_expiry_is_kept_and_one_out_of_bounds_is_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    let with = |anchor: &str, seconds: &str| {
        let mut body = field_part("purpose", "assistants");
        body += &field_part("expires_after[anchor]", anchor);
        body += &field_part("expires_after[seconds]", seconds);
        body += &file_part("file", "a.txt", "text/plain");
        body += "The heron waits.\r\n";
        body += &last_boundary();
        client.post("/v1/files", &multipart_type(), body)
    };
    let file = with("created_at", "3600").ok();
    let created_at = file["created_at"].as_u64().unwrap();
    assert_eq!(file["expires_at"], created_at + 3_600);
    let path = format!("/v1/files/{}", file["id"].as_str().unwrap());
    assert_eq!(client.get(&path).ok()["expires_at"], created_at + 3_600);
    for (anchor, seconds) in [
        ("created_at", "60"),
        ("last_active_at", "3600"),
        ("created_at", "x"),
    ] {
        let error = with(anchor, seconds).error(400);
        assert_eq!(error.param.as_deref(), Some("expires_after"));
    }
}
