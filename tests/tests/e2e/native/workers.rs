use dayfly_tests::Cli;
use dayfly_tests::rebuild::{Worker, path, rebuilt};
use serde_json::json;

use super::*;

#[test]
fn any_number_of_workers_share_the_jobs_of_a_server_that_does_none() {
    let native = Native::of(400, |builder| builder.option("--rebuild-concurrency", 0));
    let client = &native.client;
    let stores: Vec<String> = (0..6).map(|n| format!("store{n}")).collect();
    for (n, store) in stores.iter().enumerate() {
        client.upload(store, &format!("heron number{n}"));
        client.post_json(&path(store), &json!({})).ok();
    }
    client.post_json(&path("s"), &json!({})).ok();
    assert_eq!(client.get(&path("s")).ok()["status"], "queued");
    let _workers: Vec<Worker> = (0..3)
        .map(|_| Worker::start(&native.server.data()))
        .collect();
    assert_eq!(rebuilt(client, "s")["index"]["rows"], 400);
    for (n, store) in stores.iter().enumerate() {
        let state = rebuilt(client, store);
        assert_eq!(state["index"]["rows"], 1, "{state}");
        assert_eq!(
            client.find(store, "heron")[0].text,
            format!("heron number{n}")
        );
    }
    // Each was built once: nobody's work was done twice.
    let keys = native.server.stored();
    let built = keys
        .iter()
        .filter(|key| key.ends_with("index.faiss"))
        .count();
    assert_eq!(built, 7, "{keys:?}");
    assert!(
        !keys.iter().any(|key| key.ends_with("job.json")),
        "{keys:?}"
    );
}

#[test]
fn a_worker_for_once_does_what_waits_and_ends() {
    let native = Native::of(300, |builder| builder.option("--rebuild-concurrency", 0));
    let client = &native.client;
    let once = || {
        let call = Cli::new().args(["rebuild", "--worker", "--once", "--data"]);
        call.arg(native.server.data()).run().success()
    };
    assert_eq!(once(), "0 rebuilt, 0 failed\n");
    client
        .post_json(&path("s"), &json!({"factory": "SQ8"}))
        .ok();
    assert_eq!(once(), "1 rebuilt, 0 failed\n");
    assert_eq!(client.get(&path("s")).ok()["index"]["factory"], "SQ8");
    assert_eq!(once(), "0 rebuilt, 0 failed\n");
}
