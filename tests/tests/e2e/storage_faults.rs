//! Disks fill up and break; what was there stays, and what could not be kept is not acknowledged.

use dayfly_tests::mount::SmallDisk;
use dayfly_tests::text::Prose;
use serde_json::{Value, json};

use crate::Setting;

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let Some(disk) = SmallDisk::new(8 * 1024) else {
        return;
    };
    let setting = Setting::with(|builder| builder.data(disk.path().join("data")));
    let client = &setting.client;
    client.upload("default", "herons wait for fish");
    let kept = client.upload_file("kept.txt", b"a file from before");
    let mut filler = std::fs::File::create(disk.path().join("filler")).unwrap();
    let _ = std::io::copy(&mut std::io::repeat(1), &mut filler);
    drop(filler);

    for answer in [
        client.post_file("a.txt", Prose::text(1, 500_000).as_bytes()),
        client.post_upload("default", &json!({"text": Prose::text(1, 100_000)})),
        client.post_json("/v1/vector_stores", &json!({"name": "new"})),
    ] {
        let error = answer.error(507);
        assert!(error.message.contains("space"), "{error:?}");
    }
    // What was there is read as before.
    assert_eq!(
        client.find("default", "herons")[0].text,
        "herons wait for fish"
    );
    assert_eq!(
        client.get(&format!("/v1/files/{kept}/content")).text(),
        "a file from before"
    );
    // With space again, everything works again.
    std::fs::remove_file(disk.path().join("filler")).unwrap();
    client.upload("default", "glaciers carve valleys");
    let hits = client.find("default", "valleys");
    assert_eq!(hits.len(), 2, "{hits:?}");
    assert_eq!(client.ids("/v1/vector_stores").len(), 1);
}

#[test]
fn a_directory_that_cannot_be_written_refuses_and_loses_nothing() {
    let Some(disk) = SmallDisk::new(8 * 1024) else {
        return;
    };
    let setting = Setting::with(|builder| builder.data(disk.path().join("data")));
    let client = &setting.client;
    client.upload("default", "herons wait for fish");
    let read_only = SmallDisk::read_only(&setting.server.data());
    for answer in [
        client.post_file("a.txt", b"some text"),
        client.post_upload("default", &json!({"text": "some text"})),
        client.post_json("/v1/vector_stores", &json!({"name": "new"})),
        client.delete("/v1/vector_stores/default"),
    ] {
        assert!(
            [500, 503, 507].contains(&answer.status),
            "{}",
            answer.text()
        );
        answer.error(answer.status);
    }
    assert_eq!(client.find("default", "herons").len(), 1);
    drop(read_only);
    client.upload("default", "glaciers carve valleys");
    assert_eq!(client.find("default", "valleys").len(), 2);
}

#[test]
fn a_data_directory_that_cannot_be_made_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let in_the_way = directory.path().join("data");
    std::fs::write(&in_the_way, "a file in the way").unwrap();
    for data in [in_the_way.clone(), in_the_way.join("below")] {
        let (status, said) = dayfly_tests::Server::builder()
            .embed_url("http://127.0.0.1:9/v1/embeddings")
            .data(&data)
            .run_to_end();
        assert!(!status.success());
        assert!(said.contains(in_the_way.to_str().unwrap()), "{said}");
    }
}

#[test]
fn a_damaged_manifest_is_told_and_not_overwritten() {
    let setting = Setting::new();
    let client = &setting.client;
    client.upload("default", "herons wait for fish");
    client.upload("other", "glaciers carve valleys");
    let id = client.get("/v1/vector_stores/default").ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let folder = setting
        .server
        .data()
        .join("default/stores")
        .join(&id)
        .join("manifest");
    let newest = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max()
        .unwrap();
    let whole = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &whole[..whole.len() / 2]).unwrap();
    let search = client.post_search("default", &json!({"query": "herons"}));
    search.error(500);
    let upload = client.post_upload("default", &json!({"text": "more"}));
    upload.error(500);
    assert_eq!(client.find("other", "valleys").len(), 1);
    std::fs::write(&newest, &whole).unwrap();
    let hits = client.find("default", "herons");
    assert_eq!(
        hits[0].whole["attributes"],
        Value::Object(serde_json::Map::new())
    );
    assert_eq!(hits.len(), 1);
}
