//! What a hostile guest cannot do, and that nobody else notices it.

use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dayfly_tests::{Client, FakeEmbedder, Server, raw, wait};
use serde_json::{Value, json};

use crate::Setting;

/// A server whose guest for files is hostile; uploads and searches are served as usual.
pub fn hostile(options: &Value) -> Setting {
    let embedder = FakeEmbedder::start();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_hostile-host"));
    let server = Server::builder()
        .program(program)
        .embedder(&embedder)
        .env("HOSTILE_OPTIONS", &options.to_string())
        .env("SECRET_OF_THE_HOST", "do-not-tell")
        .start();
    let client = server.client();
    Setting {
        embedder,
        server,
        client,
    }
}

/// Limits that are reached soon.
fn tight() -> Value {
    json!({"limits": {"memory_mib": 32, "cpu_ms": 400, "wall_ms": 2_000, "outbound_requests": 10}})
}

fn attempt(client: &Client, name: &str) -> String {
    let answer = client.get(&format!("/v1/files/{name}"));
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    answer.text()
}

fn kills(setting: &Setting, reason: &str) -> f64 {
    setting
        .server
        .metrics()
        .sum("dayfly_guest_kills_total", &[("reason", reason)])
}

#[test]
fn a_guest_without_measure_is_ended_and_its_caller_told_why() {
    let setting = hostile(&tight());
    let client = &setting.client;
    client.upload("default", "herons wait for fish");
    for (name, status, code, reason) in [
        ("memory", 413, "memory_limit_exceeded", "memory"),
        ("spin", 413, "cpu_limit_exceeded", "cpu"),
        ("sleep", 504, "timeout", "wall"),
        ("trap", 500, "internal_error", "trap"),
        ("handles", 500, "internal_error", "trap"),
    ] {
        let before = kills(&setting, reason);
        let error = client.get(&format!("/v1/files/{name}")).error(status);
        assert_eq!(error.code.as_deref(), Some(code), "{name}");
        assert_eq!(kills(&setting, reason), before + 1.0, "{name}");
        // Nobody else notices.
        assert_eq!(client.find("default", "herons").len(), 1);
    }
    let peak = setting
        .server
        .metrics()
        .sum("dayfly_guest_memory_peak_bytes", &[("guest", "stores")]);
    assert!(peak > 16e6 && peak <= f64::from(32 << 20), "{peak}");
    wait::until("no instance to be left", || {
        (setting.server.metrics().sum("dayfly_instances", &[]) == 0.0).then_some(())
    });
}

#[test]
fn a_guest_that_ends_itself_ends_nothing_else() {
    let setting = hostile(&tight());
    let error = setting.client.get("/v1/files/exit");
    assert!(error.status >= 500, "{}", error.text());
    setting.client.get("/healthz").ok();
    setting.client.upload("default", "herons");
}

#[test]
fn a_guest_that_goes_on_after_its_answer_is_ended() {
    let setting = hostile(&tight());
    assert_eq!(attempt(&setting.client, "late"), "answered");
    wait::until("the late guest to be ended", || {
        (kills(&setting, "cpu") == 1.0).then_some(())
    });
}

#[test]
fn an_answer_that_breaks_off_is_not_taken_for_a_whole_one() {
    let setting = hostile(&tight());
    let payload = dayfly_tests::client::Payload::Empty;
    let answer = setting
        .client
        .attempt("GET", "/v1/files/broken", None, payload);
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status >= 500));
    assert_eq!(kills(&setting, "trap"), 1.0);
}

#[test]
fn guests_that_compute_or_wait_for_ever_do_not_hold_others_up() {
    let mut setting = hostile(&json!({"limits": {"cpu_ms": 600_000, "wall_ms": 600_000}}));
    setting.client.upload("default", "herons wait for fish");
    let alive = |setting: &Setting| setting.server.metrics().sum("dayfly_instances", &[]);
    std::thread::scope(|scope| {
        for name in ["spin", "spin", "spin", "sleep"] {
            let client = setting.client.clone();
            // They end with the server.
            scope.spawn(move || {
                let payload = dayfly_tests::client::Payload::Empty;
                let path = format!("/v1/files/{name}");
                assert!(client.attempt("GET", &path, None, payload).is_err());
            });
        }
        wait::until("the hostile guests to run", || {
            (alive(&setting) == 4.0).then_some(())
        });
        for _ in 0..20 {
            assert_eq!(setting.client.find("default", "herons").len(), 1);
        }
        assert_eq!(alive(&setting), 4.0);
        setting.server.kill();
    });
}

#[test]
fn a_guest_sees_neither_files_nor_environment_nor_sockets() {
    let setting = hostile(&tight());
    let environment = attempt(&setting.client, "env");
    assert!(
        !environment.contains("do-not-tell") && !environment.contains("PATH"),
        "{environment}"
    );
    assert!(environment.starts_with("[]"), "{environment}");
    let files = attempt(&setting.client, "fs");
    assert!(!files.contains("allowed"), "{files}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sockets = attempt(&setting.client, "socket");
    assert!(!sockets.contains("allowed"), "{sockets}");
    drop(listener);
}

/// A listener that counts who calls.
fn bystander() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/embeddings", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (url, calls)
}

#[test]
fn a_guest_reaches_the_embedder_and_nothing_else() {
    let setting = hostile(&tight());
    let (elsewhere, calls) = bystander();
    let embedder = setting.embedder.url();
    let port = embedder
        .trim_end_matches("/v1/embeddings")
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    for url in [
        elsewhere.clone(),
        setting.client.base().to_owned() + "/metrics",
        elsewhere.replace("127.0.0.1", "localhost"),
        format!("http://localhost:{port}/v1/embeddings"),
        format!("https://127.0.0.1:{port}/v1/embeddings"),
        format!("http://127.0.0.1:{port}/v1/other"),
        format!("http://user@127.0.0.1:{port}/v1/embeddings"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let told = attempt(&setting.client, &format!("outbound?url={}", encoded(&url)));
        assert!(told.starts_with("failed"), "{url}: {told}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert!(setting.embedder.seen().is_empty());
    // The embedder itself answers, and is not shown the guest's credential: `{}` is a bad request.
    let told = attempt(
        &setting.client,
        &format!("outbound?url={}", encoded(&embedder)),
    );
    assert!(told.starts_with("400"), "{told}");
}

#[test]
fn a_guest_sends_no_more_requests_than_it_may() {
    let setting = hostile(&tight());
    let url = encoded(&setting.embedder.url());
    let told = attempt(&setting.client, &format!("flood?url={url}"));
    assert!(told.contains("failed"), "{told}");
    assert!(
        setting.embedder.requests() <= 10,
        "{}",
        setting.embedder.requests()
    );
    assert!(setting.embedder.requests() >= 1);
}

fn encoded(url: &str) -> String {
    url.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[test]
fn a_guest_reaches_no_object_before_it_is_authenticated() {
    let setting = hostile(&tight());
    let told = attempt(&setting.client, "unauthenticated");
    for call in ["get", "head", "put", "put-new", "list", "folders", "create"] {
        let outcome = told.split(&format!("{call} ")).nth(1).unwrap();
        assert!(outcome.starts_with("Err(Error::Denied"), "{call}: {told}");
    }
    let nearest = "nearest Some(Err(Error::Storage(Error::Denied";
    assert!(told.contains(nearest), "{told}");
}

#[test]
fn no_key_leads_out_of_the_tenants_folder() {
    let setting = hostile(&tight());
    let outside = setting.server.data().join("outside");
    std::fs::write(&outside, "of the host").unwrap();
    for key in [
        "..",
        "../outside",
        "a/../../outside",
        "/etc/passwd",
        "a//b",
        "a/./b",
        ".",
        "",
        "a/",
        "/",
        "a\\..\\b",
        "a%2e%2e",
        "%2e%2e/outside",
        "a\u{0}b",
        "é",
        "a b",
        "a\nb",
    ] {
        let told = attempt(&setting.client, &format!("key?key={}", encoded(key)));
        assert!(told.starts_with("tenant default; "), "{key:?}: {told}");
        assert!(!told.contains("of the host"), "{key:?}: {told}");
        for call in ["get", "put", "put-new", "create"] {
            let outcome = told.split(&format!("{call} ")).nth(1).unwrap();
            assert!(
                outcome.starts_with("Err(Error::InvalidKey"),
                "{key:?}, {call}: {told}"
            );
        }
        let nearest = "nearest Some(Err(Error::Storage(Error::InvalidKey";
        assert!(told.contains(nearest), "{key:?}: {told}");
    }
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "of the host");
    let told = attempt(&setting.client, "key?key=good-key");
    assert!(told.contains("put Ok(())"), "{told}");
    assert!(told.contains("nearest Some(Ok(1))"), "{told}");
}

#[test]
fn a_guest_does_not_see_what_the_caller_forged() {
    let setting = hostile(&tight());
    let head = "GET /v1/files/headers HTTP/1.1\r\nhost: localhost\r\nx-dayfly-lost: forged\r\n\
                x-dayfly-tenant: other\r\nconnection: close\r\n\r\n";
    let (status, told) = raw::exchange(setting.client.base(), head, &mut std::io::empty());
    assert_eq!(status, 200);
    assert!(
        !told.contains("forged") && !told.contains("x-dayfly-tenant"),
        "{told}"
    );
}

#[test]
fn what_a_guest_prints_does_not_fill_the_log() {
    let setting = hostile(&tight());
    assert_eq!(attempt(&setting.client, "log"), "logged");
    let log = setting.server.log();
    assert!(log.len() < 1 << 20, "{} bytes of log", log.len());
}

#[test]
fn state_left_by_one_request_is_never_seen_by_another() {
    const CALLERS: usize = 8;
    let setting = hostile(&json!({}));
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let client = setting.client.clone();
            scope.spawn(move || {
                for n in 0..125 {
                    if n % 2 == 0 {
                        assert_eq!(attempt(&client, "count"), "1");
                        continue;
                    }
                    let secret = format!("secret of caller {caller}, request {n}");
                    let before = client.post("/v1/files/stash", "text/plain", secret);
                    assert_eq!(before.status, 200);
                    assert_eq!(before.text(), "", "a request saw what another left");
                }
            });
        }
    });
    assert_eq!(
        setting.server.metrics().sum("dayfly_instances_total", &[]),
        1000.0
    );
}

#[test]
fn memory_of_one_request_is_zero_when_the_next_one_gets_it() {
    let setting = hostile(&json!({}));
    let sizes: Vec<String> = (0..50)
        .map(|n| {
            let body = Box::new(std::io::repeat(b'x').take(n * 100_000));
            let payload = dayfly_tests::client::Payload::Stream(body, Some(n * 100_000));
            let answer =
                setting
                    .client
                    .request("POST", "/v1/files/echo", Some("text/plain"), payload);
            assert_eq!(answer.text(), (n * 100_000).to_string());
            attempt(&setting.client, "many")
        })
        .collect();
    assert!(
        sizes.iter().all(|size| *size == sizes[0]),
        "memory grew from request to request: {sizes:?}"
    );
}

#[test]
fn a_job_that_kills_its_instance_is_given_up_with_the_reason() {
    // The ingest guest is the real one: a document it cannot hold to its limits fails for good.
    let setting = Setting::with(|builder| {
        builder
            .option("--job-cpu-ms", 20)
            .option("--job-wall-ms", 20_000)
    });
    let client = &setting.client;
    let store = client.create_store("s");
    let text = dayfly_tests::text::Prose::text(1, 3_000_000);
    let file = client.upload_file("a.txt", text.as_bytes());
    client.attach(&store, &file, &json!({}));
    let (code, message) = client.failed(&store, &file);
    assert!(message.contains("CPU"), "{code}: {message}");
    client.ingest(&store, "b.txt", "herons", &json!({}));
}
