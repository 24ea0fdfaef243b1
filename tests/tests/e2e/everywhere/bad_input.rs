//! Every bad input that a person can think of gets a message that says what to do, and nothing
//! is lost.

use std::time::Duration;

use dayfly_tests::api::multipart_type;
use dayfly_tests::text::Prose;
use dayfly_tests::{Fault, raw};
use serde_json::json;

use crate::Setting;

#[test]
fn what_is_not_json_is_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    for path in [
        "/v1/vector_stores".to_owned(),
        format!("/v1/vector_stores/{store}"),
        format!("/v1/vector_stores/{store}/files"),
        format!("/v1/vector_stores/{store}/search"),
        "/upload".to_owned(),
    ] {
        for body in ["{", "text=hello", "[1,2", "\u{0}", "{\"query\": \"a\",}"] {
            let answer = client.post(&path, "application/json", body);
            let error = answer.error(400);
            assert!(error.message.contains("JSON"), "{path} {body}: {error:?}");
        }
    }
    assert_eq!(client.ids("/v1/vector_stores"), [store]);
}

#[test]
fn what_is_not_utf8_is_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    let answer = client.post(
        "/upload",
        "application/json",
        b"{\"text\":\"caf\xe9\"}".to_vec(),
    );
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("UTF-8"), "{}", answer.text());

    let store = client.create_store("s");
    // Latin-1, a PDF's first bytes, UTF-16: told apart when they are attached.
    let files: [(&str, &[u8]); 3] = [
        ("latin1.txt", b"caf\xe9 au lait"),
        ("paper.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"),
        ("utf16.txt", b"\xff\xfeh\x00i\x00"),
    ];
    for (name, content) in files {
        let file = client.upload_file(name, content);
        let body = json!({"file_id": file});
        let error = client
            .post_json(&format!("/v1/vector_stores/{store}/files"), &body)
            .error(415);
        assert!(error.message.contains("UTF-8"), "{name}: {error:?}");
    }
    // A fault far behind the beginning.
    let mut late = Prose::text(1, 300_000).into_bytes();
    late.extend_from_slice(b"caf\xe9 au lait");
    let file = client.upload_file("late.txt", &late);
    client.attach(&store, &file, &json!({}));
    let (code, message) = client.failed(&store, &file);
    assert!(message.contains("UTF-8"), "{message}");
    assert!(
        ["unsupported_file", "invalid_file"].contains(&code.as_str()),
        "{code}"
    );
    assert!(client.find(&store, "au lait").is_empty());
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    client.ingest(&store, "bom.txt", "\u{feff}herons wait", &json!({}));
    assert_eq!(client.find(&store, "herons")[0].text, "herons wait");
}

#[test]
fn what_is_empty_is_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let answer = client.post_file("empty.txt", b"");
    let error = answer.error(400);
    assert!(error.message.contains("empty"), "{error:?}");
    for (path, body) in [
        (format!("/v1/vector_stores/{store}/search"), ""),
        (format!("/v1/vector_stores/{store}/search"), "{}"),
        (
            format!("/v1/vector_stores/{store}/search"),
            r#"{"query":""}"#,
        ),
        (
            format!("/v1/vector_stores/{store}/search"),
            r#"{"query":"  \n"}"#,
        ),
        (
            format!("/v1/vector_stores/{store}/search"),
            r#"{"query":[]}"#,
        ),
        (
            format!("/v1/vector_stores/{store}/search"),
            r#"{"query":["a",""]}"#,
        ),
        (format!("/v1/vector_stores/{store}/files"), ""),
        (format!("/v1/vector_stores/{store}/files"), "{}"),
        (
            format!("/v1/vector_stores/{store}/files"),
            r#"{"file_id":""}"#,
        ),
        ("/upload".to_owned(), ""),
        ("/v1/files".to_owned(), ""),
    ] {
        let answer = client.post(&path, "application/json", body);
        assert!(
            [400, 404, 415].contains(&answer.status),
            "{path} {body}: {}",
            answer.text()
        );
    }
    let answer = client.post("/v1/files", &multipart_type(), "");
    answer.error(400);
}

#[test]
fn only_white_space_is_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let blank = " \n\t\u{3000}".repeat(50_000);
    let file = client.upload_file("blank.txt", blank.as_bytes());
    client.attach(&store, &file, &json!({}));
    let (code, message) = client.failed(&store, &file);
    assert_eq!(code, "invalid_file");
    assert!(message.contains("white space"), "{message}");
    let answer = client.post_upload("default", &json!({"text": blank}));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("Error: No text provided"));
}

#[test]
fn a_json_body_of_a_call_that_needs_little_is_bounded() {
    let setting = Setting::new();
    let body = json!({"name": "n".repeat(3 << 20)}).to_string();
    let head = format!(
        "POST /v1/vector_stores HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let (status, text) = raw::exchange(setting.client.base(), &head, &mut body.as_bytes());
    assert!([400, 413].contains(&status), "{text}");
}

#[test]
fn a_wrong_content_type_is_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let json_paths = [
        "/v1/vector_stores".to_owned(),
        format!("/v1/vector_stores/{store}/search"),
        format!("/v1/vector_stores/{store}/files"),
        "/upload".to_owned(),
    ];
    for path in json_paths {
        let error = client.post(&path, "application/xml", "<a/>").error(415);
        assert!(
            error.message.contains("application/json"),
            "{path}: {error:?}"
        );
    }
    let error = client
        .post("/v1/files", "application/json", "{}")
        .error(415);
    assert!(error.message.contains("multipart/form-data"), "{error:?}");
    let error = client
        .post("/v1/files", "multipart/form-data", "no boundary")
        .error(400);
    assert!(error.message.contains("boundary"), "{error:?}");
}

#[test]
fn an_unknown_store_or_file_is_not_found() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let file = client.upload_file("a.txt", b"text");
    for unknown in [
        "vs_0123456789abcdef",
        "no-such-name",
        "vs_",
        "vs_%2e%2e%2fx",
        "%2e%2e",
    ] {
        let path = format!("/v1/vector_stores/{unknown}");
        client.get(&path).error(404);
        client.delete(&path).error(404);
        client.post_json(&path, &json!({"name": "x"})).error(404);
        client.get(&format!("{path}/files")).error(404);
        client
            .post_search(unknown, &json!({"query": "x"}))
            .error(404);
        // A name would be made by this; what cannot be an id is a bad request.
        if unknown.starts_with("vs_") {
            let answer = client.post_json(&format!("{path}/files"), &json!({"file_id": file}));
            assert!([400, 404].contains(&answer.status), "{}", answer.text());
            answer.error(answer.status);
        }
    }
    for unknown in [
        "file-0123456789abcdef",
        "file-",
        "nonsense",
        "file-%2e%2e%2f",
    ] {
        client.get(&format!("/v1/files/{unknown}")).error(404);
        client
            .get(&format!("/v1/files/{unknown}/content"))
            .error(404);
        let path = format!("/v1/vector_stores/{store}/files");
        client.get(&format!("{path}/{unknown}")).error(404);
        client.delete(&format!("{path}/{unknown}")).error(404);
    }
    let path = format!("/v1/vector_stores/{store}/files");
    let error = client
        .post_json(&path, &json!({"file_id": "file-0123456789abcdef"}))
        .error(404);
    assert!(error.message.contains("file-0123456789abcdef"), "{error:?}");
}

#[test]
fn unknown_paths_and_methods_are_told_apart() {
    let setting = Setting::new();
    let client = &setting.client;
    for path in ["/other", "/v1", "/v2/files", "/v1/vector_stores/a/b/c/d/e"] {
        client.get(path).error(404);
    }
    let put = client.request(
        "PUT",
        "/v1/files",
        None,
        dayfly_tests::client::Payload::Empty,
    );
    put.error(405);
    client.get("/upload").error(405);
    client.delete("/v1/vector_stores").error(405);
}

#[test]
fn a_wrong_filter_is_refused_with_what_is_wrong() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    client.ingest(&store, "a.txt", "text", &json!({"attributes": {"a": 1}}));
    for filters in [
        json!({"type": "like", "key": "a", "value": 1}),
        json!({"type": "eq", "key": "a"}),
        json!({"type": "eq", "value": 1}),
        json!({"type": "and"}),
        json!({"type": "and", "filters": {}}),
        json!({"type": "in", "key": "a", "value": 1}),
        json!({"type": "eq", "key": "a", "value": {"b": 1}}),
        json!({"key": "a", "value": 1}),
        json!("a = 1"),
        json!([]),
    ] {
        let answer = client.post_search(&store, &json!({"query": "text", "filters": filters}));
        assert_eq!(answer.status, 400, "{filters}: {}", answer.text());
        answer.error(400);
    }
    for depth in [100, 100_000] {
        let open = r#"{"type":"and","filters":["#.repeat(depth);
        let body = format!(
            r#"{{"query":"text","filters":{open}{}}}"#,
            "]}".repeat(depth)
        );
        let path = format!("/v1/vector_stores/{store}/search");
        let answer = client.post(&path, "application/json", body);
        assert!(
            [400, 413].contains(&answer.status),
            "{depth} deep: {}",
            answer.text()
        );
        answer.error(answer.status);
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    for count in [
        json!(0),
        json!(51),
        json!(-1),
        json!(1.5),
        json!("ten"),
        json!(1e30),
    ] {
        let body = json!({"query": "x", "max_num_results": count});
        let error = client.post_search(&store, &body).error(400);
        assert!(
            error.message.contains("max_num_results")
                || error.param.as_deref() == Some("max_num_results"),
            "{error:?}"
        );
    }
    for threshold in [json!(-0.1), json!(1.1), json!("high")] {
        let body = json!({"query": "x", "ranking_options": {"score_threshold": threshold}});
        client.post_search(&store, &body).error(400);
    }
    for query in ["limit=101", "limit=ten", "order=up", "limit=-1"] {
        client.get(&format!("/v1/vector_stores?{query}")).error(400);
        client
            .get(&format!("/v1/vector_stores/{store}/files?{query}"))
            .error(400);
    }
    client
        .get(&format!("/v1/vector_stores/{store}/files?filter=lost"))
        .error(400);
    client.get("/v1/files?order=up").error(400);
    let many: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
    let answer = client.post_search(&store, &json!({"query": many}));
    answer.error(400);
}

#[test]
fn a_store_name_that_cannot_be_is_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    for name in ["", "vs_..%2fx", "vs_not-an-id", "a%00b", "a%0Ab"] {
        let answer = client.post_upload(name, &json!({"text": "some text"}));
        assert!(
            [400, 404].contains(&answer.status),
            "{name}: {}",
            answer.text()
        );
    }
    let answer = client.post_upload(&"n".repeat(5_000), &json!({"text": "some text"}));
    let error = answer.error(400);
    assert!(
        error.message.contains("256") && error.message.len() < 1_000,
        "{error:?}"
    );
    assert!(client.ids("/v1/vector_stores").is_empty());
}

#[test]
fn a_slow_provider_times_out_with_advice() {
    let setting = Setting::with(|builder| {
        builder
            .option("--embed-request-timeout-ms", 300)
            .option("--embed-deadline-ms", 1_000)
    });
    let client = &setting.client;
    client.upload("default", "herons");
    setting
        .embedder
        .fail_always(Some(Fault::Slow(Duration::from_secs(60))));
    for answer in [
        client.post_upload("default", &json!({"text": "more"})),
        client.post_search("default", &json!({"query": "herons"})),
    ] {
        assert!([503, 504].contains(&answer.status), "{}", answer.text());
        let error = answer.error(answer.status);
        assert!(error.message.contains("127.0.0.1"), "{error:?}");
    }
}
