//! Nobody's ingestion waits for all that another tenant has brought.

use std::time::Duration;

use dayfly_tests::key::KeyPair;
use dayfly_tests::{Builder, Client, Fault, Target, rows, wait};
use serde_json::{Value, json};

use crate::Setting;

/// A server, and a caller of each of two tenants.
struct Two {
    setting: Setting,
    greedy: Client,
    modest: Client,
}

/// One place for jobs, whose texts are embedded one request at a time.
fn two(change: impl FnOnce(Builder) -> Builder) -> Two {
    let keys = KeyPair::new();
    let setting = Setting::with(|builder| {
        let builder = builder
            .on(Target::Local)
            .auth_key(keys.public())
            .option("--job-concurrency", 1)
            .option("--embed-concurrency", 1)
            .option("--embed-batch-inputs", 8);
        change(builder)
    });
    let of = |tenant| {
        let token = keys.token(tenant, &["read", "write"]);
        setting.client.with_token(&token)
    };
    Two {
        greedy: of("greedy"),
        modest: of("modest"),
        setting,
    }
}

impl Two {
    fn figure(&self, name: &str, labels: &[(&str, &str)]) -> usize {
        self.setting.server.metrics().sum(name, labels) as usize
    }

    fn running(&self) -> usize {
        self.figure("dayfly_jobs", &[("state", "running")])
    }
}

/// So many requests of text with the word in it.
fn long_text(word: &str, requests: usize) -> String {
    let line = format!("the {word} stands in the water and waits for what comes\n");
    line.repeat(requests * 8 * 1_000 / line.len())
}

fn attach(client: &Client, store: &str, name: &str, text: &str) -> String {
    let file = client.upload_file(name, text.as_bytes());
    client.attach(store, &file, &json!({}));
    file
}

fn state(client: &Client, store: &str, file: &str) -> Value {
    let path = format!("/v1/vector_stores/{store}/files/{file}");
    client.get(&path).ok()["status"].clone()
}

#[test]
fn a_small_file_waits_for_no_large_one() {
    let two = two(|builder| builder);
    two.setting.embedder.hold_those_with("heron");
    let store = two.greedy.create_store("s");
    let large = attach(&two.greedy, &store, "a.txt", &long_text("heron", 40));
    wait::until("the large file to be embedded", || {
        (two.setting.embedder.in_flight() == 1).then_some(())
    });
    let other = two.modest.create_store("s");
    for number in 0..3 {
        let small = attach(&two.modest, &other, &format!("{number}.txt"), "an ibis");
        two.modest.completed(&other, &small);
        // Nor do those of the same tenant.
        let small = attach(&two.greedy, &store, &format!("{number}.txt"), "an ibis");
        two.greedy.completed(&store, &small);
    }
    assert_eq!(state(&two.greedy, &store, &large), "in_progress");
    two.setting.embedder.release();
    two.greedy.completed(&store, &large);
}

#[test]
fn a_small_file_waits_for_no_file_that_waits_for_the_embedder() {
    let two = two(|builder| builder);
    two.setting.embedder.hold_those_with("heron");
    let store = two.greedy.create_store("s");
    let files: Vec<String> = (0..4)
        .map(|number| attach(&two.greedy, &store, &format!("{number}.txt"), "a heron"))
        .collect();
    // One in the place, and one beside it.
    wait::until("the heron's files to be embedded", || {
        (two.setting.embedder.in_flight() == 2).then_some(())
    });
    let other = two.modest.create_store("s");
    let small = attach(&two.modest, &other, "a.txt", "an ibis");
    two.modest.completed(&other, &small);
    two.setting.embedder.release();
    for file in &files {
        two.greedy.completed(&store, file);
    }
}

#[test]
fn a_long_job_makes_way_for_one_of_another_tenant_and_goes_on_after_it() {
    let two = two(|builder| builder);
    let slow = Fault::Slow(Duration::from_millis(60));
    two.setting.embedder.fail_always(Some(slow));
    let store = two.greedy.create_store("s");
    let large = attach(&two.greedy, &store, "a.txt", &long_text("heron", 300));
    wait::until("some requests", || {
        (two.setting.embedder.requests() >= 5).then_some(())
    });
    let other = two.modest.create_store("s");
    let medium = attach(&two.modest, &other, "a.txt", &long_text("ibis", 60));
    two.modest.completed(&other, &medium);
    assert_eq!(state(&two.greedy, &store, &large), "in_progress");
    // The one gave way when its time beside the place was over, the other for it.
    assert!(two.figure("dayfly_jobs_gave_way_total", &[]) >= 2);
    two.setting.embedder.fail_always(None);
    two.greedy.completed(&store, &large);
    two.setting.server.wait_until_idle();
    let embedded = two.setting.embedder.seen();
    let embedded: usize = embedded.iter().map(|seen| seen.inputs).sum();
    let server = &two.setting.server;
    let rows = rows::of(&server.data(), &server.stored());
    assert_eq!(embedded, rows.len(), "a chunk was embedded twice");
}

#[test]
fn more_files_than_are_known_at_once_are_ingested_and_keep_nobody_waiting() {
    const FILES: usize = 400;
    let two = two(|builder| builder);
    let files: Vec<String> = (0..FILES)
        .map(|number| {
            let text = format!("heron number {number}");
            two.greedy.upload_file("a.txt", text.as_bytes())
        })
        .collect();
    two.setting.embedder.hold_those_with("heron");
    let stores: Vec<String> = (0..3)
        .map(|_| {
            let asked = json!({"file_ids": files});
            let made = two.greedy.post_json("/v1/vector_stores", &asked).ok();
            made["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(two.figure("dayfly_jobs_overflowing_tenants", &[]), 1);
    let known = two.figure("dayfly_jobs", &[]);
    assert!((1_000..1_010).contains(&known), "{known}");
    let other = two.modest.create_store("s");
    let small = attach(&two.modest, &other, "a.txt", "an ibis");
    two.modest.completed(&other, &small);
    two.setting.embedder.release();
    for store in &stores {
        wait::until_within(Duration::from_secs(300), "all files to be there", || {
            let store = two.greedy.get(&format!("/v1/vector_stores/{store}")).ok();
            (store["file_counts"]["completed"] == FILES).then_some(())
        });
    }
    wait::until("all to be known", || {
        (two.figure("dayfly_jobs_overflowing_tenants", &[]) == 0).then_some(())
    });
}

fn ends_while_it_waits(end: impl FnOnce(&Client, &str, &str)) {
    let two = two(|builder| builder);
    two.setting.embedder.hold();
    let store = two.greedy.create_store("s");
    let file = attach(&two.greedy, &store, "a.txt", &long_text("heron", 20));
    wait::until("the file to be embedded", || {
        (two.setting.embedder.in_flight() == 1).then_some(())
    });
    end(&two.greedy, &store, &file);
    wait::until("the job to end", || (two.running() == 0).then_some(()));
    // The embedder was not what ended it.
    assert_eq!(two.setting.embedder.requests(), 1);
}

#[test]
fn a_file_that_is_taken_out_is_worked_on_no_longer() {
    ends_while_it_waits(|client, store, file| {
        let path = format!("/v1/vector_stores/{store}/files/{file}");
        client.delete(&path).ok();
    });
}

#[test]
fn a_file_that_is_deleted_is_worked_on_no_longer() {
    ends_while_it_waits(|client, _, file| {
        client.delete(&format!("/v1/files/{file}")).ok();
    });
}

#[test]
fn a_file_of_a_store_that_is_deleted_is_worked_on_no_longer() {
    ends_while_it_waits(|client, store, _| {
        client.delete(&format!("/v1/vector_stores/{store}")).ok();
    });
}
