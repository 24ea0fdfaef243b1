//! `/v1/vector_stores/{store}/file_batches`.

use serde_json::{Value, json};

use dayfly_tests::{Client, wait};

use crate::Setting;

fn upload(client: &Client, count: usize) -> Vec<String> {
    let text = |n: usize| format!("river number{n}");
    (0..count)
        .map(|n| client.upload_file(&format!("{n}.txt"), text(n).as_bytes()))
        .collect()
}

fn create(client: &Client, store: &str, body: &Value) -> (String, Value) {
    let base = format!("/v1/vector_stores/{store}/file_batches");
    let batch = client.post_json(&base, body).ok();
    let id = dayfly_tests::api::id_of(&batch);
    (format!("{base}/{id}"), batch)
}

fn ended(client: &Client, path: &str) -> Value {
    wait::until("a batch to end", || {
        let batch = client.get(path).ok();
        (batch["status"] != "in_progress").then_some(batch)
    })
}

#[test]
fn files_that_are_attached_together_are_followed_together() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("rivers");
    let files = upload(client, 5);
    let asked = json!({"file_ids": files, "attributes": {"year": 2026}});
    let (path, made) = create(client, &store, &asked);
    assert_eq!(made["object"], "vector_store.files_batch");
    assert_eq!(made["vector_store_id"], store);
    assert!(made["id"].as_str().unwrap().starts_with("vsfb_"), "{made}");
    assert_eq!(made["file_counts"]["total"], 5, "{made}");
    let batch = ended(client, &path);
    assert_eq!(batch["status"], "completed");
    assert_eq!(
        batch["file_counts"],
        json!({"in_progress": 0, "completed": 5, "failed": 0, "cancelled": 0, "total": 5})
    );
    assert_eq!(client.find(&store, "river number3")[0].file, files[3]);
    let first = &client.list(&format!("{path}/files?order=asc&limit=2"))[0];
    assert_eq!(first["id"], files[0]);
    assert_eq!(first["attributes"], json!({"year": 2026}));
    let rest = format!("{path}/files?order=asc&after={}", files[1]);
    assert_eq!(client.ids(&rest), files[2..]);
    assert!(
        client
            .ids(&format!("{path}/files?filter=failed"))
            .is_empty()
    );
}

#[test]
fn a_batch_ends_whatever_happens_to_its_files() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let good = client.upload_file("good.txt", b"some good text");
    let bad = client.upload_file("bad.pdf", b"%PDF-1.7 not really");
    let asked = json!({"files": [
        {"file_id": good, "attributes": {"kind": "good"}},
        {"file_id": bad},
    ]});
    let (path, _) = create(client, &store, &asked);
    let batch = ended(client, &path);
    assert_eq!(batch["status"], "completed", "{batch}");
    assert_eq!(batch["file_counts"]["failed"], 1, "{batch}");
    let failed = client.list(&format!("{path}/files?filter=failed"));
    assert_eq!(failed[0]["id"], bad);
    assert_eq!(failed[0]["last_error"]["code"], "unsupported_file");
    let completed = client.list(&format!("{path}/files?filter=completed"));
    assert_eq!(completed[0]["attributes"], json!({"kind": "good"}));
    let (path, _) = create(client, &store, &json!({"file_ids": [bad]}));
    assert_eq!(ended(client, &path)["status"], "failed");
}

#[test]
fn a_cancelled_batch_ends_what_is_under_way_and_keeps_what_came() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let files = upload(client, 3);
    let (path, _) = create(client, &store, &json!({"file_ids": files[..1]}));
    assert_eq!(ended(client, &path)["status"], "completed");
    setting.embedder.hold();
    let (path, _) = create(client, &store, &json!({"file_ids": files[1..]}));
    let cancelled = client.post_json(&format!("{path}/cancel"), &json!({})).ok();
    assert_eq!(cancelled["status"], "cancelled", "{cancelled}");
    setting.embedder.release();
    let counts = wait::until("all of it to be cancelled", || {
        let counts = client.get(&path).ok()["file_counts"].clone();
        (counts["in_progress"] == 0).then_some(counts)
    });
    assert_eq!(counts["cancelled"], 2, "{counts}");
    let told = client.list(&format!("{path}/files"));
    assert!(
        told.iter().all(|file| file["status"] == "cancelled"),
        "{told:?}"
    );
    assert_eq!(
        client.ids(&format!("/v1/vector_stores/{store}/files")),
        files[..1]
    );
    let again = client.post_json(&format!("{path}/cancel"), &json!({})).ok();
    assert_eq!(again["status"], "cancelled");
}

#[test]
fn a_batch_that_cannot_be_is_refused_and_attaches_nothing() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let file = client.upload_file("a.txt", b"some text");
    let base = format!("/v1/vector_stores/{store}/file_batches");
    let many = vec![file.as_str(); 2_001];
    for (body, param) in [
        (json!({"file_ids": 5}), "file_ids"),
        (json!({"file_ids": many}), "file_ids"),
        (
            json!({"file_ids": [file], "files": [{"file_id": file, "attributes": {"a": 1}}]}),
            "files[0]",
        ),
        (json!({"files": [{"file_id": 7}]}), "files[0].file_id"),
    ] {
        let error = client.post_json(&base, &body).error(400);
        assert_eq!(error.param.as_deref(), Some(param), "{error:?}");
    }
    let unknown = json!({"file_ids": [file, "file-0123456789abcdef"]});
    let error = client.post_json(&base, &unknown).error(404);
    assert!(error.message.contains("file-0123456789abcdef"), "{error:?}");
    assert!(
        client
            .ids(&format!("/v1/vector_stores/{store}/files"))
            .is_empty()
    );
    let (path, nothing) = create(client, &store, &json!({}));
    assert_eq!(nothing["status"], "completed");
    assert!(client.ids(&format!("{path}/files")).is_empty());
    for id in ["vsfb_unknown", "vsfb_..", "other"] {
        client.get(&format!("{base}/{id}")).error(404);
        client
            .post_json(&format!("{base}/{id}/cancel"), &json!({}))
            .error(404);
        client.get(&format!("{base}/{id}/files")).error(404);
    }
}
