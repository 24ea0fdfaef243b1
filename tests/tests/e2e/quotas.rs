//! What a tenant may have and do at most.

use std::thread;

use dayfly_tests::cli::Cli;
use dayfly_tests::key::KeyPair;
use dayfly_tests::{Answer, Client};
use serde_json::{Value, json};

use crate::Setting;

/// A tenant with limits, and one without.
struct Tenants {
    setting: Setting,
    keys: KeyPair,
    limited: Client,
    free: Client,
}

impl Tenants {
    fn new(limits: &[&str]) -> Self {
        let keys = KeyPair::new();
        let setting = Setting::with(|builder| builder.auth_key(keys.public()));
        let limited = setting
            .client
            .with_token(&keys.limited_token("limited", limits));
        let free = setting
            .client
            .with_token(&keys.token("free", &["read", "write"]));
        Self {
            setting,
            keys,
            limited,
            free,
        }
    }
}

/// A refusal that passes by itself.
fn assert_rate_limited(answer: &Answer) {
    let error = answer.error(429);
    assert_eq!(error.code.as_deref(), Some("rate_limit_exceeded"));
    let seconds = answer.header("retry-after").unwrap();
    assert!(seconds.parse::<u32>().unwrap() >= 1, "{seconds}");
    assert_eq!(answer.header("x-should-retry"), None);
}

/// A refusal that does not, and says how much there is.
fn assert_over_quota(answer: &Answer, what: &str) {
    let error = answer.error(429);
    assert_eq!(error.code.as_deref(), Some("insufficient_quota"));
    assert_eq!(error.kind, "insufficient_quota");
    assert!(error.message.contains(what), "{}", error.message);
    assert_eq!(answer.header("x-should-retry"), Some("false"));
}

#[test]
fn requests_that_come_too_fast_are_told_when_to_come_and_others_are_not_touched() {
    let tenants = Tenants::new(&["requests_per_second=0.001"]);
    let first = tenants.limited.get("/v1/files");
    first.ok();
    assert_eq!(first.header("x-ratelimit-limit-requests"), Some("1"));
    assert_eq!(first.header("x-ratelimit-remaining-requests"), Some("0"));
    assert!(first.header("x-ratelimit-reset-requests").is_some());
    let second = tenants.limited.get("/v1/files");
    assert_rate_limited(&second);
    assert_eq!(second.header("x-ratelimit-remaining-requests"), Some("0"));
    let other = tenants.free.get("/v1/files");
    other.ok();
    assert_eq!(other.header("x-ratelimit-limit-requests"), None);
    let metrics = tenants.setting.client.get("/metrics").text();
    assert!(metrics.contains("rate_limited"), "{metrics}");
}

#[test]
fn no_more_requests_are_under_way_than_may_be() {
    let tenants = Tenants::new(&["concurrent_requests=1"]);
    let upload = |client: &Client| client.post_upload("default", &json!({"text": "a heron"}));
    tenants.setting.embedder.hold();
    thread::scope(|scope| {
        let first = scope.spawn(|| upload(&tenants.limited));
        dayfly_tests::wait::until("the first to be under way", || {
            (tenants.setting.embedder.in_flight() == 1).then_some(())
        });
        assert_rate_limited(&tenants.limited.get("/v1/files"));
        tenants.free.get("/v1/files").ok();
        tenants.setting.embedder.release();
        assert_eq!(first.join().unwrap().status, 200);
    });
    tenants.limited.get("/v1/files").ok();
}

#[test]
fn what_is_stored_is_limited_and_what_is_deleted_makes_room() {
    let tenants = Tenants::new(&["stored_bytes=40000"]);
    let small = tenants.limited.upload_file("small.txt", &[b'a'; 10_000]);
    let large = tenants.limited.post_file("large.txt", &[b'a'; 35_000]);
    assert_over_quota(&large, "bytes");
    let files = tenants.limited.get("/v1/files").ok();
    assert_eq!(files["data"].as_array().unwrap().len(), 1, "{files}");
    tenants.free.upload_file("large.txt", &[b'a'; 35_000]);
    tenants.limited.delete(&format!("/v1/files/{small}")).ok();
    tenants.limited.upload_file("large.txt", &[b'a'; 35_000]);
}

#[test]
fn files_and_stores_are_limited_by_their_number() {
    let tenants = Tenants::new(&["files=1", "stores=1"]);
    let file = tenants.limited.upload_file("a.txt", b"a heron");
    assert_over_quota(
        &tenants.limited.post_file("b.txt", b"b"),
        "1 of the 1 files",
    );
    tenants.limited.delete(&format!("/v1/files/{file}")).ok();
    tenants.limited.upload_file("b.txt", b"b");
    let store = tenants.limited.create_store("one");
    let second = tenants
        .limited
        .post_json("/v1/vector_stores", &json!({"name": "two"}));
    assert_over_quota(&second, "vector stores");
    let path = format!("/v1/vector_stores/{store}");
    tenants.limited.delete(&path).ok();
    // It goes after the answer.
    dayfly_tests::wait::until("room for another store", || {
        let asked = json!({"name": "two"});
        let made = tenants.limited.post_json("/v1/vector_stores", &asked);
        (made.status == 200).then_some(())
    });
}

#[test]
fn a_file_whose_rows_have_no_room_fails_and_says_why() {
    let setting = Setting::with(|builder| builder.option("--quota-stored-bytes", 60_000));
    let client = &setting.client;
    let text = "A heron stands in the shallow water and waits. ".repeat(600);
    let file = client.upload_file("herons.txt", text.as_bytes());
    let store = client.create_store("birds");
    client.attach(&store, &file, &json!({}));
    let ended = client.ended(&store, &file);
    assert_eq!(ended["status"], "failed", "{ended}");
    let why = ended["last_error"]["message"].as_str().unwrap();
    assert!(why.contains("quota"), "{why}");
    let path = format!("/v1/vector_stores/{store}/files/{file}");
    client.delete(&path).ok();
    client.delete(&format!("/v1/files/{file}")).ok();
}

#[test]
fn who_embedded_its_minute_s_tokens_waits_for_more() {
    let tenants = Tenants::new(&["embedded_tokens_per_minute=100"]);
    let text = "heron ".repeat(200);
    let uploaded = tenants
        .limited
        .post_upload("default", &json!({"text": text}));
    assert_eq!(uploaded.status, 200);
    assert_eq!(uploaded.header("x-ratelimit-limit-tokens"), Some("100"));
    let search = json!({"query": "heron"});
    let path = "/v1/vector_stores/default/search";
    // What the upload left.
    tenants.limited.post_json(path, &search).ok();
    let refused = tenants.limited.post_json(path, &search);
    assert_rate_limited(&refused);
    assert_eq!(refused.header("x-ratelimit-remaining-tokens"), Some("0"));
    tenants.limited.get("/v1/files").ok();
    let other = tenants.free.post_upload("default", &json!({"text": text}));
    assert_eq!(other.status, 200);
    tenants.free.post_json(path, &search).ok();
}

#[test]
fn a_tenant_sees_what_it_has_and_the_operator_what_all_have() {
    let tenants = Tenants::new(&["files=5"]);
    tenants.limited.upload_file("a.txt", &[b'a'; 1_000]);
    tenants.free.create_store("one");
    let own = tenants.limited.get("/v1/usage").ok();
    assert_eq!(
        (&own["tenant"], &own["files"]),
        (&json!("limited"), &json!(1))
    );
    assert!(own["stored_bytes"].as_u64().unwrap() >= 1_000, "{own}");
    assert_eq!(own["quota"], json!({"files": 5}));
    let free = tenants.free.get("/v1/usage").ok();
    assert_eq!((&free["files"], &free["stores"]), (&json!(0), &json!(1)));
    let error = tenants.free.get("/v1/usage/tenants").error(403);
    assert!(error.message.contains("'admin'"), "{}", error.message);
    let admin = tenants
        .setting
        .client
        .with_token(&tenants.keys.token("operator", &["admin"]));
    let first = admin.get("/v1/usage/tenants?limit=1").ok();
    assert_eq!(
        (&first["last_id"], &first["has_more"]),
        (&json!("free"), &json!(true))
    );
    let second = admin.get("/v1/usage/tenants?after=free").ok();
    let names: Vec<&Value> = second["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["tenant"])
        .collect();
    assert_eq!(names, ["limited"]);
    assert_eq!(second["data"][0]["files"], 1);
    admin.get("/v1/files").error(403);
}

#[test]
fn the_command_shows_what_is_stored_and_may_be() {
    let tenants = Tenants::new(&["files=5", "stored_bytes=1MiB"]);
    tenants.limited.upload_file("a.txt", b"a heron");
    tenants.limited.create_store("birds");
    let token = tenants
        .keys
        .limited_token("limited", &["files=5", "stored_bytes=1MiB"]);
    let shown = |arguments: &[&str], token: &str| {
        let cli = Cli::new().args(["stores"]).args(arguments);
        let cli = cli.args(["--url", tenants.setting.client.base(), "--token", token]);
        cli.run().success()
    };
    let usage = shown(&["--usage"], &token);
    assert!(usage.contains("1 of 5"), "{usage}");
    assert!(usage.contains("of 1.00 MiB"), "{usage}");
    assert!(usage.contains("birds"), "{usage}");
    let admin = tenants.keys.token("operator", &["admin"]);
    let all = shown(&["--usage-of-all"], &admin);
    assert!(all.contains("limited"), "{all}");
}
