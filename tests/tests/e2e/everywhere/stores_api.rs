//! `/v1/vector_stores`.

use serde_json::{Value, json};

use dayfly_tests::Target;

use crate::Setting;

#[test]
fn a_store_has_openais_shape_and_says_its_model() {
    let setting = Setting::new();
    let client = &setting.client;
    let made = client
        .post_json(
            "/v1/vector_stores",
            &json!({"name": "papers", "metadata": {"team": "blue"}}),
        )
        .ok();
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("vs_"), "{made}");
    assert_eq!(made["object"], "vector_store");
    assert_eq!(made["name"], "papers");
    assert_eq!(made["metadata"], json!({"team": "blue"}));
    assert_eq!(made["status"], "completed");
    assert_eq!(made["usage_bytes"], 0);
    assert_eq!(made["file_counts"]["total"], 0);
    assert_eq!(made["model"], "fake");
    assert_eq!(made["expires_at"], Value::Null);
    assert!(made["created_at"].as_u64().unwrap() > 1_600_000_000);
    client.ingest(id, "a.txt", "Some text to count.", &json!({}));
    let read = client.get(&format!("/v1/vector_stores/{id}")).ok();
    assert_eq!(read["dimension"], 384, "{read}");
    assert!(read["usage_bytes"].as_u64().unwrap() > 0, "{read}");
    assert!(read["last_active_at"].as_u64() >= made["created_at"].as_u64());
}

#[test]
fn a_store_may_be_made_with_nothing_said() {
    let setting = Setting::new();
    let made = setting
        .client
        .post_json("/v1/vector_stores", &json!({}))
        .ok();
    assert!(made["id"].as_str().unwrap().starts_with("vs_"));
    let made = setting
        .client
        .post("/v1/vector_stores", "application/json", "")
        .ok();
    assert!(made["id"].as_str().unwrap().starts_with("vs_"));
}

#[test]
fn a_field_that_is_null_is_one_that_is_not_there() {
    let setting = Setting::new();
    let nothing = json!({"name": null, "description": null, "metadata": null, "file_ids": null,
        "expires_after": null, "chunking_strategy": null});
    let made = setting.client.post_json("/v1/vector_stores", &nothing).ok();
    // OpenAI's schema has no null here, and strict clients hold a server to it.
    assert_eq!(made["name"], "");
    assert_eq!(made["description"], Value::Null);
    let error = setting
        .client
        .post_json("/v1/vector_stores", &json!({"name": 5}))
        .error(400);
    assert_eq!(error.param.as_deref(), Some("name"));
}

#[test]
fn a_description_is_kept_and_changed() {
    let setting = Setting::new();
    let client = &setting.client;
    let made = client
        .post_json("/v1/vector_stores", &json!({"description": "of rivers"}))
        .ok();
    let path = format!("/v1/vector_stores/{}", made["id"].as_str().unwrap());
    assert_eq!(client.get(&path).ok()["description"], "of rivers");
    let changed = client.post_json(&path, &json!({"description": "of lakes"}));
    assert_eq!(changed.ok()["description"], "of lakes");
    let long = json!({"description": "x".repeat(513)});
    let error = client.post_json(&path, &long).error(400);
    assert_eq!(error.param.as_deref(), Some("description"));
}

#[test]
fn a_name_means_one_store_whoever_made_it() {
    let setting = Setting::new();
    let client = &setting.client;
    let made = client.create_store("handbook");
    client.upload("handbook", "how to begin with the heron");
    assert_eq!(client.ids("/v1/vector_stores"), [made.as_str()]);
    assert_eq!(client.find("handbook", "heron").len(), 1);
    assert_eq!(client.get("/v1/vector_stores/handbook").ok()["id"], *made);
    client.upload("notes", "a store of the other way");
    let notes = client.get("/v1/vector_stores/notes").ok();
    let path = format!("/v1/vector_stores/{}", notes["id"].as_str().unwrap());
    client.post_json(&path, &json!({"name": "papers"})).ok();
    client.get("/v1/vector_stores/notes").error(404);
    assert_eq!(client.find("papers", "other way").len(), 1);
    client
        .post_json(
            &format!("/v1/vector_stores/{made}"),
            &json!({"name": "papers"}),
        )
        .ok();
    let other = json!({"name": "papers"});
    let third = client.create_store("third");
    client
        .post_json(&format!("/v1/vector_stores/{third}"), &other)
        .ok();
    let error = client.get("/v1/vector_stores/papers").error(409);
    assert!(
        error.message.contains(&made) && error.message.contains(&third),
        "{error:?}"
    );
}

#[test]
fn a_store_may_be_made_with_files() {
    let setting = Setting::new();
    let client = &setting.client;
    let files: Vec<String> = (0..3)
        .map(|n| client.upload_file(&format!("{n}.txt"), format!("river number{n}").as_bytes()))
        .collect();
    let made = client
        .post_json(
            "/v1/vector_stores",
            &json!({"name": "r", "file_ids": files}),
        )
        .ok();
    let store = made["id"].as_str().unwrap();
    assert_eq!(made["file_counts"]["total"], 3, "{made}");
    for file in &files {
        client.completed(store, file);
    }
    assert_eq!(client.find(store, "river number1")[0].file, files[1]);
}

#[test]
fn a_store_made_with_an_unknown_file_is_not_made() {
    let setting = Setting::new();
    let client = &setting.client;
    let body = json!({"name": "r", "file_ids": ["file-0123456789abcdef"]});
    let error = client.post_json("/v1/vector_stores", &body);
    assert!([400, 404].contains(&error.status), "{}", error.text());
    assert!(client.ids("/v1/vector_stores").is_empty());
}

#[test]
fn a_store_is_updated_in_the_fields_that_are_sent() {
    let setting = Setting::new();
    let client = &setting.client;
    let id = client.create_store("before");
    let path = format!("/v1/vector_stores/{id}");
    let updated = client
        .post_json(&path, &json!({"metadata": {"a": "1"}}))
        .ok();
    assert_eq!(updated["name"], "before");
    assert_eq!(updated["metadata"], json!({"a": "1"}));
    let updated = client.post_json(&path, &json!({"name": "after"})).ok();
    assert_eq!(updated["name"], "after");
    assert_eq!(updated["metadata"], json!({"a": "1"}));
    let expires = json!({"expires_after": {"anchor": "last_active_at", "days": 7}});
    let updated = client.post_json(&path, &expires).ok();
    assert_eq!(updated["expires_after"]["days"], 7);
    let week =
        updated["expires_at"].as_u64().unwrap() - updated["last_active_at"].as_u64().unwrap();
    assert_eq!(week, 7 * 24 * 3600);
    assert_eq!(client.get(&path).ok()["name"], "after");
}

#[test]
fn a_deleted_store_is_gone_and_its_files_stay() {
    let setting = Setting::new();
    let client = &setting.client;
    let id = client.create_store("gone");
    let file = client.ingest(&id, "a.txt", "a lonely text", &json!({}));
    let path = format!("/v1/vector_stores/{id}");
    assert_eq!(
        client.delete(&path).ok(),
        json!({"id": id, "object": "vector_store.deleted", "deleted": true})
    );
    client.get(&path).error(404);
    client.delete(&path).error(404);
    client
        .post_search(&id, &json!({"query": "lonely"}))
        .error(404);
    client.get(&format!("{path}/files")).error(404);
    assert!(client.ids("/v1/vector_stores").is_empty());
    assert_eq!(client.ids("/v1/files"), [file]);
}

#[test]
fn a_deleted_store_of_a_name_begins_empty_when_it_is_made_again() {
    let setting = Setting::new();
    let client = &setting.client;
    client.upload("notes", "the first life of this store");
    client.delete("/v1/vector_stores/notes").ok();
    client
        .post_search("notes", &json!({"query": "life"}))
        .error(404);
    client.upload("notes", "another life altogether");
    let hits = client.find("notes", "life");
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].text, "another life altogether");
}

#[test]
fn stores_are_listed_in_pages_both_ways() {
    let setting = Setting::new();
    let client = &setting.client;
    let mut made: Vec<String> = (0..7)
        .map(|n| client.create_store(&format!("s{n}")))
        .collect();
    assert_eq!(client.ids("/v1/vector_stores?order=asc"), made);
    made.reverse();
    assert_eq!(client.ids("/v1/vector_stores"), made);
    let page = client.get("/v1/vector_stores?limit=3").ok();
    assert_eq!(page["has_more"], true);
    assert_eq!(client.ids("/v1/vector_stores?limit=3"), made[..3]);
    let after = format!("/v1/vector_stores?limit=3&after={}", made[2]);
    assert_eq!(client.ids(&after), made[3..6]);
    let before = format!("/v1/vector_stores?limit=2&before={}", made[5]);
    assert_eq!(client.ids(&before), made[3..5]);
    let last = format!("/v1/vector_stores?limit=3&after={}", made[5]);
    assert_eq!(client.ids(&last), made[6..]);
    assert_eq!(client.get(&last).ok()["has_more"], false);
}

#[test]
fn a_page_after_what_never_was_is_empty_and_one_of_nothing_tells_whether_there_is_more() {
    let setting = Setting::new();
    let client = &setting.client;
    client.create_store("s");
    for query in ["after=after", "before=vs_never", "order=asc&after=vs_never"] {
        let page = client.get(&format!("/v1/vector_stores?{query}")).ok();
        assert_eq!(
            (&page["data"], &page["has_more"]),
            (&json!([]), &json!(false)),
            "{query}"
        );
    }
    let page = client.get("/v1/vector_stores?limit=0").ok();
    assert_eq!(
        (&page["data"], &page["has_more"]),
        (&json!([]), &json!(true))
    );
}

#[test]
fn metadata_beyond_openais_limits_is_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    let many: serde_json::Map<String, Value> =
        (0..17).map(|n| (format!("k{n}"), json!("v"))).collect();
    for metadata in [
        Value::Object(many),
        json!({"k".repeat(65): "v"}),
        json!({"k": "v".repeat(513)}),
        json!("text"),
    ] {
        let body = json!({"name": "x", "metadata": metadata});
        client.post_json("/v1/vector_stores", &body).error(400);
    }
    assert!(client.ids("/v1/vector_stores").is_empty());
}

#[test]
fn a_rebuild_is_asked_for_by_its_path_where_there_is_faiss_and_refused_where_there_is_none() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("plain");
    let path = format!("/v1/vector_stores/{store}/rebuild");
    for answer in [client.post_json(&path, &json!({})), client.get(&path)] {
        if Target::of_this_run() != Target::Composed {
            assert_eq!(answer.ok()["vector_store_id"], store);
            continue;
        }
        let error = answer.error(501);
        assert_eq!(error.code.as_deref(), Some("not_configured"));
        assert!(error.message.contains("FAISS"), "{}", error.message);
    }
    client.delete(&path).error(405);
    client
        .post_json("/v1/vector_stores/vs_none/rebuild", &json!({}))
        .error(404);
}
