use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use dayfly_tests::composed::FAISS_ORIGIN;
use dayfly_tests::key::KeyPair;
use dayfly_tests::rebuild::{path, rebuild, rebuilt};
use dayfly_tests::s3::Bucket;
use dayfly_tests::s3_proxy::S3Fault;
use dayfly_tests::{Client, Target, binary};
use serde_json::json;

use super::*;
use crate::faulty::Faulty;

/// `dayfly faiss` over a bucket; ended when dropped.
struct Service {
    child: Child,
    origin: String,
}

impl Service {
    fn over(bucket: &Bucket, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary::dayfly());
        let credentials = bucket.writer();
        let mut child = command
            .args(["faiss", "--listen", "127.0.0.1:0", "--data"])
            .arg(format!("s3://{}/of/dayfly", bucket.name()))
            .args(arguments)
            .env("AWS_ENDPOINT", bucket.endpoint())
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", credentials.id)
            .env("AWS_SECRET_ACCESS_KEY", credentials.secret)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let origin = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self { child, origin }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_spin_application_has_its_stores_rebuilt_and_searched_by_a_native_service() {
    let bucket = Arc::new(Bucket::new());
    let service = Service::over(&bucket, &[]);
    let embedder = FakeEmbedder::start();
    let application = || {
        Server::builder()
            .on(Target::Composed)
            .bucket(&bucket)
            .embedder(&embedder)
    };
    let server = application()
        .option(FAISS_ORIGIN, &service.origin)
        .option("--rebuild-min-rows", 20)
        .start();
    let client = server.client();
    for n in 0..19 {
        client.upload("s", &format!("heron number{n} at the river"));
    }
    assert_eq!(client.get(&path("s")).ok()["index"], json!(null));
    client.upload("s", "heron number19 at the river");
    dayfly_tests::wait::until("the rebuild that the threshold asks for", || {
        rebuilt(&client, "s")["index"].is_object().then_some(())
    });
    client.upload("s", "heron number20 at the lake");
    for n in 0..20 {
        let text = format!("heron number{n} at the river");
        assert_eq!(client.find("s", &text)[0].text, text);
    }
    assert_eq!(
        client.find("s", "number20 lake")[0].text,
        "heron number20 at the lake"
    );
    assert_eq!(
        rebuild(&client, "s", &json!({"factory": "SQ8"}))["index"]["rows"],
        21
    );
    let metrics = Client::new(&service.origin).get("/metrics").text();
    assert!(metrics.contains("dayfly_faiss_open_indexes 1"), "{metrics}");
    assert_eq!(
        Client::new(&service.origin).get("/healthz").ok()["status"],
        "ok"
    );

    // While the service is away, searches say so; an application that was never given one scans.
    let origin = service.origin.clone();
    drop(service);
    let body = json!({"query": "heron number3", "max_num_results": 3});
    let error = client.post_search("s", &body).error(503);
    assert!(
        error.message.contains("FAISS"),
        "{} ({origin})",
        error.message
    );
    let without = application().start();
    assert_eq!(
        without.client().find("s", "heron number3 at the river")[0].text,
        "heron number3 at the river"
    );
}

#[test]
fn a_deletion_that_spin_cut_off_is_finished_by_the_native_service() {
    let faulty = Faulty::on(Target::Composed);
    faulty.client.upload("s", "a heron");
    let segments = || {
        let keys = faulty.bucket.keys().into_iter();
        keys.filter(|key| key.contains("/segments/")).count()
    };
    assert_eq!(segments(), 1);
    let down = S3Fault::Status(403, "AccessDenied");
    faulty
        .proxy
        .fail(usize::MAX, down, |asked| asked.deletes("/segments/"));
    faulty.client.delete("/v1/vector_stores/s").ok();
    dayfly_tests::wait::until("the deletion to be cut off", || {
        (faulty.proxy.faults() > 0).then_some(())
    });
    assert_eq!(segments(), 1);
    let _service = Service::over(&faulty.bucket, &[]);
    dayfly_tests::wait::until("the rest to go", || (segments() == 0).then_some(()));
}

#[test]
fn the_service_refuses_what_was_revoked_while_it_runs() {
    let bucket = Arc::new(Bucket::new());
    let keys = KeyPair::new();
    let public = keys.public().display().to_string();
    let list = keys.directory().join("revoked.json");
    std::fs::write(&list, "{}").unwrap();
    let list = list.display().to_string();
    let service = Service::over(&bucket, &["--auth-key", &public, "--auth-revoked", &list]);
    let token = keys.token("acme", &["read"]);
    let native = Client::new(&service.origin).without_request_ids();
    let path = "/v1/vector_stores/vs_0123456789abcdef/rebuild";
    let reader = native.with_token(&token);
    assert_ne!(reader.get(path).status, 401);
    dayfly_tests::Cli::new()
        .args(["token", "revoke", "--file", &list, "--token", &token])
        .run()
        .success();
    dayfly_tests::wait::until("the token to be refused", || {
        (reader.get(path).status == 401).then_some(())
    });
    let error = reader.get(path).error(401);
    assert!(error.message.contains("revoked"), "{error:?}");
}

#[test]
fn the_service_lets_nobody_past_their_tenant_or_scope() {
    let bucket = Arc::new(Bucket::new());
    let keys = KeyPair::new();
    let public = keys.public().display().to_string();
    let service = Service::over(&bucket, &["--auth-key", &public]);
    let embedder = FakeEmbedder::start();
    let server = Server::builder()
        .on(Target::S3)
        .bucket(&bucket)
        .embedder(&embedder)
        .auth_key(keys.public())
        .start();
    let token = |tenant: &str, scopes: &[&str]| keys.token(tenant, scopes);
    let acme = server
        .client()
        .with_token(&token("acme", &["read", "write"]));
    acme.upload("s", "a heron of acme");
    let store = acme.get("/v1/vector_stores/s").ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let native = Client::new(&service.origin).without_request_ids();
    let rebuild_path = format!("/v1/vector_stores/{store}/rebuild");
    native.get(&rebuild_path).error(401);
    let reader = native.with_token(&token("acme", &["read"]));
    reader.post_json(&rebuild_path, &json!({})).error(403);
    let writer = native.with_token(&token("acme", &["write"]));
    // Nothing is kept of a request for what is not there, nor more of one than it says.
    let missing = "/v1/vector_stores/vs_0123456789abcdef/rebuild";
    writer.post_json(missing, &json!({})).error(404);
    let long = format!("SQ8{}", " ".repeat(1 << 20));
    let refused = writer.post_json(&rebuild_path, &json!({"factory": long}));
    assert!(matches!(refused.status, 400 | 413), "{}", refused.text());
    assert!(!bucket.keys().iter().any(|key| key.contains("/rebuilds/")));
    let spaced = json!({"factory": "  SQ8 "});
    writer.post_json(&rebuild_path, &spaced).ok();
    let state = dayfly_tests::wait::until("the rebuild", || {
        let state = acme.get(&path("s")).ok();
        state["index"].is_object().then_some(state)
    });
    assert_eq!(state["index"]["rows"], 1);
    let keys_in_bucket = bucket.keys();
    let index = keys_in_bucket
        .iter()
        .find(|key| key.ends_with("index.faiss"))
        .unwrap();
    let base = index.rsplit('/').nth(1).unwrap();
    let search = format!("/v1/vector_stores/{store}/bases/{base}/search");
    let mut query = json!({"version": 3, "query": vec![0.5; 384], "k": 3});
    let version = bucket
        .keys()
        .iter()
        .filter(|key| key.contains("/manifest/"))
        .filter_map(|key| {
            key.rsplit_once('/')?
                .1
                .strip_suffix(".json")?
                .parse::<u64>()
                .ok()
        })
        .max();
    query["version"] = json!(version);
    assert_eq!(
        reader.post_json(&search, &query).ok()["hits"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    native
        .with_token(&token("other", &["read"]))
        .post_json(&search, &query)
        .error(404);
    writer.post_json(&search, &query).error(403);
    let cases = [
        ("k", json!(1_000_000)),
        ("query", json!([1.0])),
        ("parameters", json!("x=1")),
        ("filter", json!("{")),
    ];
    for (field, bad) in cases {
        let mut wrong = query.clone();
        wrong[field] = bad;
        reader.post_json(&search, &wrong).error(400);
    }
}
