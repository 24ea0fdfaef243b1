//! What `dayfly serve` adds to the guests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use dayfly_tests::api::multipart_type;
use dayfly_tests::client::Payload;
use dayfly_tests::text::Prose;
use dayfly_tests::{Fault, raw, wait};
use serde_json::{Value, json};

use crate::Setting;

#[test]
fn the_server_says_that_it_is_well() {
    let setting = Setting::new();
    for path in ["/healthz", "/readyz"] {
        let answer = setting.client.get(path);
        assert_eq!(answer.ok(), json!({"status": "ok"}));
    }
    let answer = setting.client.get("/v1/vector_stores");
    assert_eq!(answer.ok()["data"], json!([]));
    assert_ne!(answer.header("x-request-id"), None);
}

#[test]
fn the_embeddings_endpoint_answers_as_openai_does() {
    // The embedded embedder, on the public port.
    let server = dayfly_tests::Server::builder().start();
    let client = server.client();
    let body = json!({"model": "all-MiniLM-L6-v2", "input": ["a heron", "a bird", "a tax form"]});
    let answer = client.post_json("/v1/embeddings", &body).ok();
    assert_eq!(answer["object"], "list");
    let vectors: Vec<Vec<f64>> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| serde_json::from_value(item["embedding"].clone()).unwrap())
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    assert_eq!(vectors[0].len(), 384);
    assert!((dot(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-3);
    assert!(dot(&vectors[0], &vectors[1]) > dot(&vectors[0], &vectors[2]) + 0.1);
    assert!(answer["usage"]["prompt_tokens"].as_u64().unwrap() >= 6);

    let body =
        json!({"model": "all-MiniLM-L6-v2", "input": "a heron", "encoding_format": "base64"});
    let encoded = client.post_json("/v1/embeddings", &body).ok()["data"][0]["embedding"].clone();
    assert_eq!(encoded.as_str().map(str::len), Some(2048));
    assert_ne!(encoded, Value::Null);
}

#[test]
fn the_model_goes_by_its_names() {
    let server = dayfly_tests::Server::builder()
        .option("--embed-alias", "text-embedding-3-small")
        .start();
    let client = server.client();
    let full = "sentence-transformers/all-MiniLM-L6-v2";
    for name in ["all-MiniLM-L6-v2", full, "text-embedding-3-small"] {
        let model = client.get(&format!("/v1/models/{name}")).ok();
        assert_eq!(
            (&model["id"], &model["object"]),
            (&json!(name), &json!("model"))
        );
        let body = json!({"model": name, "input": "a heron"});
        client.post_json("/v1/embeddings", &body).ok();
    }
    let escaped = full.replace('/', "%2F");
    assert_eq!(
        client.get(&format!("/v1/models/{escaped}")).ok()["id"],
        full
    );
    let error = client.get("/v1/models/other").error(404);
    assert_eq!(error.code.as_deref(), Some("model_not_found"));
    let body = json!({"model": full, "input": "a heron", "dimensions": 256});
    let error = client.post_json("/v1/embeddings", &body).error(400);
    assert_eq!(error.param.as_deref(), Some("dimensions"));
}

#[test]
fn whoever_opens_the_address_reads_what_answers_there() {
    let setting = Setting::new();
    let page = setting.client.get("/");
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.text().contains("/v1"), "{}", page.text());
    setting.client.get("/healthz/").ok();
    setting.client.post_json("/", &json!({})).error(405);
}

#[test]
fn a_web_page_may_ask_where_its_origin_is_let_in() {
    let setting = Setting::with(|builder| builder.option("--cors-origin", "https://app.example"));
    let page = setting.client.with_header("origin", "https://app.example");
    let preflight = page
        .with_header("access-control-request-method", "POST")
        .with_header(
            "access-control-request-headers",
            "authorization,content-type",
        )
        .request("OPTIONS", "/v1/vector_stores", None, Payload::Empty);
    assert_eq!(preflight.status, 200, "{}", preflight.text());
    let allowed = "access-control-allow-origin";
    assert_eq!(preflight.header(allowed), Some("https://app.example"));
    let made = page.post_json("/v1/vector_stores", &json!({"name": "s"}));
    made.ok();
    assert_eq!(made.header(allowed), Some("https://app.example"));
    let other = setting.client.with_header("origin", "https://evil.example");
    assert_eq!(other.get("/v1/files").status, 403);
    assert_eq!(other.get("/v1/files").header(allowed), None);
}

#[test]
fn without_keys_a_web_page_cannot_have_the_browser_ask() {
    let setting = Setting::new();
    let base = setting.client.base();
    let port = base.rsplit(':').next().unwrap();
    let ask = |headers: &str| {
        let head = format!("GET /v1/files HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
        dayfly_tests::raw::exchange(base, &head, &mut std::io::empty()).0
    };
    assert_eq!(ask("host: evil.example\r\n"), 403);
    assert_eq!(ask(&format!("host: evil.example:{port}\r\n")), 403);
    assert_eq!(
        ask("host: localhost\r\norigin: http://evil.example\r\n"),
        403
    );
    assert_eq!(ask("host: localhost\r\n"), 200);
    assert_eq!(
        ask(&format!(
            "host: 127.0.0.1:{port}\r\norigin: http://127.0.0.1:{port}\r\n"
        )),
        200
    );
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let setting = Setting::with(|builder| builder.option("--limit-body-mib", 1));
    let client = &setting.client;
    let declared = 10_u64 << 20;
    for (path, content_type) in [
        ("/upload", "application/json".to_owned()),
        ("/v1/files", multipart_type()),
    ] {
        // Declared too large.
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n\
             content-length: {declared}\r\nconnection: close\r\n\r\n"
        );
        let (status, text) = raw::exchange(client.base(), &head, &mut Prose::new(1, declared));
        assert_eq!(status, 413, "{text}");
        assert!(text.contains("\"message\""), "{text}");
        assert!(text.to_lowercase().contains("x-request-id"), "{text}");
        // Too large without a word about it.
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n\
             transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        );
        let mut chunked = Vec::new();
        let begin = if path == "/upload" {
            "{\"text\":\"".to_owned()
        } else {
            dayfly_tests::api::file_part("file", "a.txt", "text/plain")
        };
        for piece in std::iter::once(begin)
            .chain((0..160).map(|seed| Prose::text(seed, 65_536).replace('\n', " ")))
        {
            chunked.extend_from_slice(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
        }
        let (status, text) = raw::exchange(client.base(), &head, &mut chunked.as_slice());
        assert_eq!(status, 413, "{text}");
    }
    assert!(client.ids("/v1/files").is_empty());
    client.upload("default", &Prose::text(1, 900_000));
}

#[test]
fn a_client_that_stops_in_the_middle_holds_nothing() {
    let setting = Setting::with(|builder| builder.option("--limit-wall-ms", 2_000));
    let client = &setting.client;
    let head = "POST /upload HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"text\":\"half";
    let mut silent: Vec<_> = (0..8).map(|_| raw::connect(client.base())).collect();
    for stream in &mut silent {
        std::io::Write::write_all(stream, head.as_bytes()).unwrap();
    }
    client.upload("default", "herons");
    wait::until("the silent uploads to be given up", || {
        (setting.server.metrics().sum("dayfly_instances", &[]) == 0.0).then_some(())
    });
    for stream in &mut silent {
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        let status = text.split(' ').nth(1).map(str::to_owned);
        assert!(
            matches!(status.as_deref(), None | Some("400" | "408" | "504")),
            "{text}"
        );
    }
    assert_eq!(client.find("default", "herons").len(), 1);
}

#[test]
fn the_host_adds_the_key_and_nobody_else_sees_it() {
    let setting = Setting::with(|builder| builder.embed_key("sk-do-not-tell"));
    setting.client.upload("default", "herons wait for fish");
    setting.client.find("default", "herons");
    let seen = setting.embedder.seen();
    assert_eq!(seen.len(), 2);
    for request in &seen {
        assert_eq!(
            request.authorization.as_deref(),
            Some("Bearer sk-do-not-tell")
        );
    }
    setting.embedder.fail_always(Some(Fault::Status(401, None)));
    let answer = setting
        .client
        .post_upload("default", &json!({"text": "herons"}));
    assert!(!answer.text().contains("do-not-tell"), "{}", answer.text());
    assert!(!setting.server.log().contains("do-not-tell"));
    assert!(!setting.server.metrics().text().contains("do-not-tell"));
    let stored = std::process::Command::new("grep")
        .args(["-r", "-l", "do-not-tell"])
        .arg(setting.server.data())
        .output()
        .unwrap();
    assert!(stored.stdout.is_empty(), "{stored:?}");
}

#[test]
fn every_response_has_a_request_id_of_its_own() {
    let setting = Setting::new();
    let client = &setting.client;
    let mut ids: Vec<String> = [
        "/healthz",
        "/v1/files",
        "/v1/vector_stores",
        "/nowhere",
        "/v1/files/file-0",
    ]
    .iter()
    .map(|path| client.get(path).header("x-request-id").unwrap().to_owned())
    .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[test]
fn large_requests_of_one_tenant_take_turns_and_are_all_answered() {
    let server = dayfly_tests::Server::builder().start();
    let client = server.client();
    // As large as it may be, and few texts in it.
    let mut body = br#"{"model": "all-MiniLM-L6-v2", "input": "a heron""#.to_vec();
    body.resize((8 << 20) - 1, b' ');
    body.push(b'}');
    let (begun, rest) = body.split_at(1_000);
    let head = format!(
        "POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let begin = |_| {
        let mut stream = raw::connect(client.base());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(begun).unwrap();
        stream
    };
    let streams: Vec<_> = (0..2).map(begin).collect();
    // Meanwhile both have begun to be read.
    client.get("/healthz").ok();
    let end = |mut stream: TcpStream| {
        let mut answer = String::new();
        stream.write_all(rest).unwrap();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answers = thread::scope(|scope| {
        let ends = streams
            .into_iter()
            .map(|stream| scope.spawn(move || end(stream)));
        let ends: Vec<_> = ends.collect();
        let ends = ends.into_iter().map(|end| end.join().unwrap());
        ends.collect::<Vec<_>>()
    });
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:.300}");
    }
}

#[test]
fn the_embedder_answers_whoever_may_read_or_write() {
    let keys = dayfly_tests::key::KeyPair::new();
    let server = dayfly_tests::Server::builder()
        .auth_key(keys.public())
        .start();
    let ask = |scope: &str| {
        let client = server.client().with_token(&keys.token("acme", &[scope]));
        let body = json!({"model": "all-MiniLM-L6-v2", "input": "a heron"});
        client.post_json("/v1/embeddings", &body)
    };
    for scope in ["read", "write"] {
        ask(scope).ok();
    }
    let error = ask("admin").error(403);
    assert_eq!(error.code.as_deref(), Some("insufficient_permissions"));
}

#[test]
fn monitoring_needs_no_token() {
    let keys = dayfly_tests::key::KeyPair::new();
    let setting = Setting::with(|builder| builder.auth_key(keys.public()));
    setting.client.get("/healthz").ok();
    setting.client.get("/readyz").ok();
}
