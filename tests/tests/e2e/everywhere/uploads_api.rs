//! `/v1/uploads`.

use std::thread;

use dayfly_tests::api::{id_of, last_boundary, multipart_type};
use dayfly_tests::text::Prose;
use dayfly_tests::{Answer, Client, wait};
use serde_json::{Value, json};

use crate::Setting;

const MIB: u64 = 1 << 20;

fn post_upload(client: &Client, bytes: u64) -> Answer {
    client.post_json(
        "/v1/uploads",
        &json!({
            "bytes": bytes,
            "filename": "whole.txt",
            "mime_type": "text/plain",
            "purpose": "assistants",
        }),
    )
}

fn create(client: &Client, bytes: u64) -> String {
    id_of(&post_upload(client, bytes).ok())
}

fn add(client: &Client, upload: &str, bytes: &[u8]) -> String {
    id_of(&client.post_part(upload, bytes).ok())
}

fn complete(client: &Client, upload: &str, body: &Value) -> Answer {
    client.post_json(&format!("/v1/uploads/{upload}/complete"), body)
}

fn cancel(client: &Client, upload: &str) -> Answer {
    client.post(
        &format!("/v1/uploads/{upload}/cancel"),
        "application/json",
        "",
    )
}

#[test]
fn a_file_that_came_in_parts_is_a_file_like_any_other() {
    let setting = Setting::new();
    let client = &setting.client;
    let text = format!(
        "{}\n\nThe heron of the seam waits for fish.\n\n{}",
        Prose::text(1, 400_000),
        Prose::text(2, 100_000)
    );
    let bytes = text.as_bytes();
    // A part ends in the middle of the sentence, another within a few bytes of it.
    let seam = text.find("heron of").unwrap() + 3;
    let upload = post_upload(client, bytes.len() as u64).ok();
    assert_eq!(upload["object"], "upload");
    assert_eq!(upload["status"], "pending");
    assert_eq!(upload["bytes"], bytes.len());
    assert_eq!(upload["filename"], "whole.txt");
    assert_eq!(upload["purpose"], "assistants");
    assert_eq!(upload["file"], Value::Null);
    let created = upload["created_at"].as_u64().unwrap();
    assert_eq!(upload["expires_at"], created + 3_600);
    let upload = id_of(&upload);

    // Sent out of order, and one that is not used.
    let tail = add(client, &upload, &bytes[seam + 5..]);
    let part = client.post_part(&upload, &bytes[..seam]).ok();
    assert_eq!(part["object"], "upload.part");
    assert_eq!(part["upload_id"], json!(upload));
    assert!(part["created_at"].as_u64().unwrap() >= created);
    let middle = add(client, &upload, &bytes[seam..seam + 5]);
    let unused = add(client, &upload, b"never asked for");
    assert!(client.ids("/v1/files").is_empty());

    let asked = json!({"part_ids": [part["id"], middle, tail]});
    let completed = complete(client, &upload, &asked).ok();
    assert_eq!(completed["status"], "completed");
    let file = id_of(&completed["file"]);
    assert_eq!(completed["file"]["object"], "file");
    assert_eq!(completed["file"]["bytes"], bytes.len());
    assert_eq!(complete(client, &upload, &asked).ok(), completed);
    let stored = setting.server.stored();
    assert!(
        !stored.iter().any(|key| key.contains(&unused)),
        "{stored:?}"
    );

    assert_eq!(
        client.get(&format!("/v1/files/{file}")).ok(),
        completed["file"]
    );
    assert_eq!(client.ids("/v1/files"), std::slice::from_ref(&file));
    let back = client.get(&format!("/v1/files/{file}/content"));
    assert!(back.body == bytes, "the content differs");
    let whole = client.upload_file("same.txt", bytes);
    let passages = [file.clone(), whole].map(|file| {
        let store = client.create_store("prose");
        client.attach(&store, &file, &json!({}));
        client.completed(&store, &file);
        let hits = client.find(&store, "the heron of the seam waits for fish");
        assert!(hits[0].text.contains("heron of the seam"), "{hits:?}");
        let content = client
            .get(&format!("/v1/vector_stores/{store}/files/{file}/content"))
            .ok();
        assert_eq!(content["data"][0]["text"].as_str(), Some(text.as_str()));
        hits.into_iter().map(|hit| hit.text).collect::<Vec<_>>()
    });
    assert_eq!(passages[0], passages[1]);

    client.delete(&format!("/v1/files/{file}")).ok();
    client.get(&format!("/v1/files/{file}/content")).error(404);
    complete(client, &upload, &asked).error(404);
    wait::until("its objects to go", || {
        let stored = setting.server.stored();
        // That it was deleted is remembered for an hour, for what late writers leave.
        let mut left = stored
            .iter()
            .filter(|key| !key.contains("/work/delete-file/"));
        (!left.any(|key| key.contains(&file))).then_some(())
    });
}

#[test]
fn a_part_of_the_largest_size_is_taken_and_a_larger_one_is_not() {
    let setting = Setting::new();
    let client = &setting.client;
    let part = Prose::text(3, 64 * MIB).into_bytes();
    let upload = create(client, 64 * MIB + 5);
    let mut larger = part.clone();
    larger.push(b'.');
    let error = client.post_part(&upload, &larger).error(413);
    assert_eq!(error.param.as_deref(), Some("data"));
    let ids = [add(client, &upload, &part), add(client, &upload, b"enden")];
    let completed = complete(client, &upload, &json!({"part_ids": ids})).ok();
    let file = id_of(&completed["file"]);
    let back = client.get(&format!("/v1/files/{file}/content")).body;
    assert!(
        back.strip_prefix(&part[..]) == Some(b"enden"),
        "the content differs"
    );
}

#[test]
fn parts_may_be_sent_at_once() {
    let setting = Setting::new();
    let client = &setting.client;
    let pieces: Vec<String> = (0..12).map(|seed| Prose::text(seed, 50_000)).collect();
    let upload = create(client, 600_000);
    let ids: Vec<String> = thread::scope(|scope| {
        let sent: Vec<_> = pieces
            .iter()
            .map(|piece| scope.spawn(|| add(client, &upload, piece.as_bytes())))
            .collect();
        sent.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let completed = complete(client, &upload, &json!({"part_ids": ids})).ok();
    let file = id_of(&completed["file"]);
    let back = client.get(&format!("/v1/files/{file}/content"));
    assert!(back.text() == pieces.concat(), "the content differs");
}

#[test]
fn parts_that_do_not_make_the_file_announced_are_refused_and_can_be_completed() {
    let setting = Setting::new();
    let client = &setting.client;
    let upload = create(client, 11);
    let (first, second) = (
        add(client, &upload, b"hello "),
        add(client, &upload, b"world"),
    );
    for part_ids in [
        json!([]),
        json!([first]),
        json!([first, first]),
        json!([first, second, second]),
        json!([first, "part_0"]),
    ] {
        let error = complete(client, &upload, &json!({"part_ids": part_ids})).error(400);
        assert_eq!(error.param.as_deref(), Some("part_ids"), "{part_ids}");
    }
    complete(client, &upload, &json!({})).error(400);
    for md5 in ["x", "6f5902ac237024bdd0c176cb93063dc4"] {
        let asked = json!({"part_ids": [second, first], "md5": md5});
        let error = complete(client, &upload, &asked).error(400);
        assert_eq!(error.param.as_deref(), Some("md5"), "{md5}");
    }
    // The MD5 of "hello world".
    let md5 = "5eb63bbbe01eeed093cb22bb8f5acdc3";
    let asked = json!({"part_ids": [first, second], "md5": md5});
    let completed = complete(client, &upload, &asked).ok();
    assert_eq!(completed["status"], "completed");

    client.post_part(&upload, b"more").error(400);
    cancel(client, &upload).error(400);
    let reversed = json!({"part_ids": [second, first]});
    complete(client, &upload, &reversed).error(400);
    assert_eq!(complete(client, &upload, &asked).ok(), completed);
}

#[test]
fn a_cancelled_upload_leaves_nothing_and_takes_nothing() {
    let setting = Setting::new();
    let client = &setting.client;
    let upload = create(client, 4);
    let part = add(client, &upload, b"text");
    let cancelled = cancel(client, &upload).ok();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["file"], Value::Null);
    assert_eq!(cancel(client, &upload).ok(), cancelled);
    client.post_part(&upload, b"text").error(400);
    complete(client, &upload, &json!({"part_ids": [part]})).error(400);
    assert!(client.ids("/v1/files").is_empty());
    let stored = setting.server.stored();
    assert!(
        !stored.iter().any(|key| key.contains("files/")),
        "{stored:?}"
    );
}

#[test]
fn of_completions_and_a_cancellation_at_once_one_decides() {
    let setting = Setting::new();
    let client = &setting.client;
    for round in 0..8 {
        let upload = create(client, 4);
        let ids = [add(client, &upload, b"te"), add(client, &upload, b"xt")];
        let (forth, back) = (json!([ids[0], ids[1]]), json!([ids[1], ids[0]]));
        let (completed, cancelled) = thread::scope(|scope| {
            let completions = [&forth, &back, &forth].map(|part_ids| {
                let asked = json!({"part_ids": part_ids});
                let upload = &upload;
                scope.spawn(move || complete(client, upload, &asked))
            });
            let cancelled = scope.spawn(|| cancel(client, &upload));
            let completed = completions.map(|answer| answer.join().unwrap());
            (completed, cancelled.join().unwrap())
        });
        let files: Vec<Value> = completed
            .iter()
            .filter(|answer| answer.status == 200)
            .map(|answer| answer.ok()["file"].clone())
            .collect();
        assert_ne!(files.is_empty(), cancelled.status != 200, "round {round}");
        let Some(file) = files.first() else {
            continue;
        };
        assert!(files.iter().all(|other| other == file), "{files:?}");
        let text = client
            .get(&format!("/v1/files/{}/content", id_of(file)))
            .text();
        assert!(["text", "xtte"].contains(&text.as_str()), "{text}");
    }
}

#[test]
fn files_that_are_still_arriving_take_no_place_in_the_list() {
    let setting = Setting::new();
    let client = &setting.client;
    let before = client.upload_file("a.txt", b"before");
    let arriving = create(client, 100);
    add(client, &arriving, b"the first of some parts");
    let after = client.upload_file("b.txt", b"after");
    assert_eq!(
        client.ids("/v1/files?limit=2"),
        [after.clone(), before.clone()]
    );
    let page = client.get("/v1/files?limit=1").ok();
    assert_eq!(page["last_id"], json!(after));
    assert_eq!(page["has_more"], true);
    let page = client.get(&format!("/v1/files?limit=1&after={after}")).ok();
    assert_eq!(page["last_id"], json!(before));
    assert_eq!(page["has_more"], false);
}

#[test]
fn what_cannot_be_taken_says_why() {
    let setting = Setting::new();
    let client = &setting.client;
    let good = json!({"bytes": 4, "filename": "a.txt", "mime_type": "text/plain",
                      "purpose": "assistants"});
    for (field, value, status) in [
        ("bytes", json!(1_u64 << 50), 413),
        ("filename", json!(""), 400),
        ("purpose", json!("fun"), 400),
        (
            "expires_after",
            json!({"anchor": "created_at", "seconds": 60}),
            400,
        ),
    ] {
        let mut asked = good.clone();
        asked[field] = value;
        let error = client.post_json("/v1/uploads", &asked).error(status);
        assert_eq!(error.param.as_deref(), Some(field));
    }
    for field in ["bytes", "filename", "mime_type", "purpose"] {
        let mut asked = good.clone();
        asked.as_object_mut().unwrap().remove(field);
        let error = client.post_json("/v1/uploads", &asked).error(400);
        assert!(error.message.contains(field), "{error:?}");
    }
    for unknown in ["upload_0", "upload_..%2F..%2Fx", "file-1"] {
        client.post_part(unknown, b"text").error(404);
        complete(client, unknown, &json!({"part_ids": ["part_1"]})).error(404);
        cancel(client, unknown).error(404);
    }
    let empty = create(client, 0);
    let error = complete(client, &empty, &json!({"part_ids": []})).error(400);
    assert!(error.message.contains("no text"), "{error:?}");
    let upload = create(client, 4);
    client.post_part(&upload, b"").error(400);
    client
        .post_part(&upload, b"longer than all of it")
        .error(413);
    client
        .post_json(
            &format!("/v1/uploads/{upload}/parts"),
            &json!({"data": "text"}),
        )
        .error(415);
    client
        .post(
            &format!("/v1/uploads/{upload}/parts"),
            &multipart_type(),
            last_boundary(),
        )
        .error(400);
    client.get("/v1/uploads").error(405);
    client
        .get(&format!("/v1/uploads/{upload}/parts"))
        .error(405);
    client.get(&format!("/v1/uploads/{upload}")).error(404);
    // Nothing of that is kept but the record of the upload itself.
    setting.server.wait_until_idle();
    let stored = setting.server.stored();
    assert!(
        !stored.iter().any(|key| key.contains("files/")),
        "{stored:?}"
    );
}
