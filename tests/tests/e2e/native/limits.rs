use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use dayfly_tests::rebuild::{path, rebuild};
use dayfly_tests::{binary, wait};
use serde_json::json;

use super::*;

#[test]
fn a_rebuild_that_runs_out_of_memory_leaves_the_store_as_it_was_and_is_tried_again() {
    // Enough for the process, and not for whole vectors in the memory that it may use.
    let native = Native::of(20_000, |builder| builder.option("--rebuild-memory-mib", 30));
    let client = &native.client;
    let text = &native.texts[11];
    let before = found(client, text, None);
    client
        .post_json(&path("s"), &json!({"factory": "Flat"}))
        .ok();
    let state = wait::until("a try to fail", || {
        let state = client.get(&path("s")).ok();
        state["message"].is_string().then_some(state)
    });
    let message = state["message"].as_str().unwrap();
    assert!(message.contains("memory"), "{message}");
    assert!(message.contains("tried again in 5 s"), "{message}");
    assert_eq!(state["status"], "queued");
    assert_eq!(found(client, text, None), before);
    assert!(
        !native
            .server
            .stored()
            .iter()
            .any(|key| key.ends_with("index.faiss"))
    );
    // The server itself is none the worse.
    client.upload("s", "a heron");
    assert_eq!(found(client, "a heron", None)[0], "a heron");
}

#[test]
fn what_cannot_be_built_is_reported_and_not_tried_again() {
    let native = Native::of(300, |builder| builder);
    let client = &native.client;
    // 384 components are not 100 equal pieces.
    let state = rebuild(client, "s", &json!({"factory": "IVF4,PQ100"}));
    assert_eq!(state["status"], "failed", "{state}");
    assert!(
        state["message"]
            .as_str()
            .is_some_and(|text| text.len() > 20),
        "{state}"
    );
    assert_eq!(state["index"], json!(null));
    let refused = client
        .post_json(&path("s"), &json!({"factory": "Nonsense"}))
        .error(400);
    assert!(
        refused.message.contains("HNSW<links>,SQ8"),
        "{}",
        refused.message
    );
    client
        .post_json(&path("s"), &json!({"kind": "SQ8"}))
        .error(400);
    // Asked for again, it is built.
    assert_eq!(
        rebuild(client, "s", &json!({"factory": "SQ8"}))["status"],
        "idle"
    );
}

#[test]
fn an_index_that_finds_too_little_is_never_used() {
    let native = Native::of(20_000, |builder| builder);
    let client = &native.client;
    // One byte for 384 components.
    let state = rebuild(client, "s", &json!({"factory": "IVF1,PQ1"}));
    assert_eq!(state["status"], "failed", "{state}");
    assert!(
        state["message"].as_str().unwrap().contains("95.0 %"),
        "{state}"
    );
    assert_eq!(state["index"], json!(null));
    assert_eq!(found(client, &native.texts[5], None)[0], native.texts[5]);
}

#[test]
fn a_damaged_index_is_named_and_a_rebuild_mends_it() {
    let native = Native::of(500, |builder| builder);
    let client = &native.client;
    rebuild(client, "s", &json!({"factory": "HNSW16,SQ8"}));
    let keys = native.server.stored();
    let key = keys
        .iter()
        .find(|key| key.ends_with("index.faiss"))
        .unwrap();
    let file = native.server.data().join(key);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&file, bytes).unwrap();
    let server = native.server.restart();
    let client = server.client();
    let body = json!({"query": native.texts[3], "max_num_results": 10});
    let error = client.post_search("s", &body).error(503);
    assert!(error.message.contains("rebuild"), "{}", error.message);
    assert_eq!(rebuild(&client, "s", &json!({}))["status"], "idle");
    assert_eq!(found(&client, &native.texts[3], None)[0], native.texts[3]);
}

#[test]
fn a_process_for_faiss_that_may_not_have_its_memory_ends_and_says_so() {
    let dayfly = binary::dayfly();
    let faiss = |limit: &str, memory_mib: &str| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let child = Command::new("sh")
            // One that spins is ended by its CPU time, and fails the test.
            .args([
                "-c",
                "ulimit -t 20 && ulimit -d \"$0\" && exec \"$@\"",
                limit,
            ])
            .arg(dayfly)
            .args(["faiss-process", "1", memory_mib])
            .env("OMP_NUM_THREADS", "1")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        (ours, child)
    };
    // What it takes before it has multiplied anything, and less than that takes.
    let (socket, mut idle) = faiss("unlimited", "0");
    let taken = wait::until("the process to be there", || {
        let path = format!("/proc/{}/status", idle.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let ready = status.contains("Name:\tdayfly") && status.contains("State:\tS");
        let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
        let kib = line?.trim().strip_suffix(" kB")?.parse::<u64>().ok()?;
        ready.then_some(kib)
    });
    drop(socket);
    idle.wait().unwrap();

    let (_socket, limited) = faiss(&(taken + 60_000).to_string(), "30");
    let output = limited.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains("FAISS needs"), "{text}");
}
