use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Command;

use dayfly_tests::rebuild::{misguide, rebuild};
use dayfly_tests::{process, wait};
use serde_json::json;

use super::*;

/// The process in which the server searches.
fn searcher(server: &Server) -> u32 {
    let children = process::children(server.pid());
    let is_faiss = |(_, words): &&(u32, Vec<String>)| words.iter().any(|w| w == "faiss-process");
    children.iter().find(is_faiss).unwrap().0
}

fn searchers(server: &Server) -> f64 {
    server.metrics().sum("dayfly_faiss_processes_total", &[])
}

/// The file of the store's index.
fn index_of(server: &Server) -> PathBuf {
    let keys = server.stored();
    let key = keys.iter().find(|key| key.ends_with("index.faiss"));
    server.data().join(key.unwrap())
}

#[test]
fn a_search_process_that_is_killed_is_not_noticed() {
    let native = Native::of(500, |builder| builder);
    let client = &native.client;
    rebuild(client, "s", &json!({"factory": "SQ8"}));
    let text = &native.texts[3];
    assert_eq!(found(client, text, None)[0], *text);
    for signal in ["-KILL", "-ABRT", "-TRAP"] {
        let pid = searcher(&native.server).to_string();
        let killed = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(killed.success());
        wait::until("its death", || {
            let is_gone = !std::path::Path::new(&format!("/proc/{pid}")).exists();
            is_gone.then_some(())
        });
        assert_eq!(found(client, text, None)[0], *text, "{signal}");
    }
    assert!(searchers(&native.server) >= 4.0);
}

#[test]
fn a_search_process_knows_no_secret_and_has_no_way_out() {
    let native = Native::of(500, |builder| {
        builder.env("AWS_SECRET_ACCESS_KEY", "the-secret-of-the-bucket")
    });
    rebuild(&native.client, "s", &json!({"factory": "SQ8"}));
    found(&native.client, &native.texts[3], None);
    let pid = searcher(&native.server);
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(!environment.contains("secret"), "{environment}");
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open: Vec<(String, PathBuf)> = files
        .map(Result::unwrap)
        .filter_map(|file| {
            let number = file.file_name().to_string_lossy().into_owned();
            Some((number, std::fs::read_link(file.path()).ok()?))
        })
        .collect();
    let mut sockets = open
        .iter()
        .filter(|(_, to)| to.to_string_lossy().starts_with("socket:"));
    // The one to its parent, under three numbers.
    let first = sockets.next().unwrap().1.clone();
    assert!(sockets.all(|(_, to)| *to == first), "{open:?}");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    if own.contains("Seccomp:") {
        assert!(status.contains("Seccomp:\t2"), "{status}");
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    }
}

#[test]
fn an_index_that_is_cut_while_it_is_searched_costs_its_own_store_alone() {
    let native = Native::of(500, |builder| builder);
    let client = &native.client;
    rebuild(client, "s", &json!({"factory": "SQ8"}));
    let text = &native.texts[3];
    assert_eq!(found(client, text, None)[0], *text);
    // Its pages are gone: who reads them gets SIGBUS.
    let file = OpenOptions::new()
        .write(true)
        .open(index_of(&native.server))
        .unwrap();
    file.set_len(4_096).unwrap();
    let body = json!({"query": text, "max_num_results": 10});
    let error = client.post_search("s", &body).error(503);
    assert!(error.message.contains("rebuild"), "{}", error.message);
    // The server goes on, and so do other stores.
    client.upload("t", "a heron");
    assert_eq!(client.find("t", "a heron")[0].text, "a heron");
    assert_eq!(rebuild(client, "s", &json!({}))["status"], "idle");
    assert_eq!(found(client, text, None)[0], *text);
}

#[test]
fn a_graph_that_leads_nowhere_kills_no_server() {
    let native = Native::of(12_000, |builder| builder);
    let client = &native.client;
    rebuild(client, "s", &json!({"factory": "HNSW16,Flat"}));
    let text = &native.texts[3];
    assert_eq!(found(client, text, None)[0], *text);
    misguide(&native.server, "default", 12_000);
    let server = native.server.restart();
    let client = server.client();
    let body = json!({"query": text, "max_num_results": 10});
    for _ in 0..2 {
        let error = client.post_search("s", &body).error(503);
        assert!(error.message.contains("rebuild"), "{}", error.message);
    }
    // It was tried twice, and then shunned.
    assert_eq!(searchers(&server), 2.0);
    client.upload("t", "a heron");
    assert_eq!(client.find("t", "a heron")[0].text, "a heron");
    assert_eq!(rebuild(&client, "s", &json!({}))["status"], "idle");
    assert_eq!(found(&client, text, None)[0], *text);
}
