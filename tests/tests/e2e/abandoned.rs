//! Uploads in parts that nobody completes, or whose server is killed meanwhile.

use std::path::Path;

use dayfly_tests::api::{file_part, id_of, last_boundary, multipart_type};
use dayfly_tests::{Client, wait};
use serde_json::json;

use crate::Setting;

fn create(client: &Client, bytes: usize) -> String {
    let asked = json!({
        "bytes": bytes, "filename": "a.txt", "mime_type": "text/plain", "purpose": "assistants",
    });
    id_of(&client.post_json("/v1/uploads", &asked).ok())
}

fn add(client: &Client, upload: &str, text: &str) -> String {
    let body = file_part("data", "blob", "text/plain") + text + "\r\n" + &last_boundary();
    let path = format!("/v1/uploads/{upload}/parts");
    id_of(&client.post(&path, &multipart_type(), body).ok())
}

/// Makes an upload as old as `hours`, with a part, as a server would have left it.
fn age(data: &Path, upload: &str, hours: u64) -> String {
    let folder = data.join("default/uploads");
    let record = std::fs::read_to_string(folder.join(upload).join("upload.json")).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let made_ms = u64::from_str_radix(&upload["upload_".len()..][..11], 16).unwrap();
    let then_ms = made_ms - hours * 3_600_000;
    let aged = format!("upload_{then_ms:011x}{}", &upload["upload_".len() + 11..]);
    record["id"] = json!(aged);
    record["created_at"] = json!(then_ms / 1_000);
    std::fs::create_dir(folder.join(&aged)).unwrap();
    std::fs::write(folder.join(&aged).join("upload.json"), record.to_string()).unwrap();
    std::fs::remove_dir_all(folder.join(upload)).unwrap();
    aged
}

#[test]
fn an_upload_expires_and_what_is_left_of_it_is_collected_by_the_next() {
    let setting = Setting::new();
    let client = &setting.client;
    let [expired, over] = ["late", "gone"].map(|text| {
        let upload = create(client, text.len());
        let part = add(client, &upload, text);
        (upload, part)
    });
    setting.server.wait_until_idle();
    let data = setting.server.data();
    let late = age(&data, &expired.0, 1);
    let gone = age(&data, &over.0, 3);
    let path = format!("/v1/uploads/{late}/complete");
    let error = client
        .post_json(&path, &json!({"part_ids": [expired.1]}))
        .error(400);
    assert_eq!(error.code.as_deref(), Some("expired"));

    create(client, 4);
    let left = wait::until("the old upload to be collected", || {
        let stored = setting.server.stored();
        let is_left = stored.iter().any(|key| key.contains(&gone));
        (!is_left).then_some(stored)
    });
    assert!(!left.iter().any(|key| key.contains(&over.1)), "{left:?}");
    assert!(left.iter().any(|key| key.contains(&expired.1)), "{left:?}");
}

#[test]
fn an_upload_goes_on_after_its_server_was_killed() {
    let mut setting = Setting::new();
    let client = setting.client.clone();
    let upload = create(&client, 11);
    let first = add(&client, &upload, "hello ");
    setting.server.kill();
    let server = setting.server.restart();
    let client = server.client();
    let second = add(&client, &upload, "world");
    let asked = json!({"part_ids": [first, second]});
    let path = format!("/v1/uploads/{upload}/complete");
    let completed = client.post_json(&path, &asked).ok();
    let server = server.restart();
    let client = server.client();
    assert_eq!(client.post_json(&path, &asked).ok(), completed);
    let content = format!("/v1/files/{}/content", id_of(&completed["file"]));
    assert_eq!(client.get(&content).text(), "hello world");
}
