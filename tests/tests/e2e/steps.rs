//! An ingestion in steps ends as one in one go does, whatever happens between and in them.

use std::time::Duration;

use dayfly_tests::key::KeyPair;
use dayfly_tests::rows::{self, Row};
use dayfly_tests::text::Prose;
use dayfly_tests::{Builder, Client, Fault, Server, Target, wait};
use serde_json::json;

use crate::Setting;

/// Steps of one batch each.
fn tiny_steps(builder: Builder) -> Builder {
    tiny_steps_on(Target::Local, builder)
}

fn tiny_steps_on(target: Target, builder: Builder) -> Builder {
    builder
        .on(target)
        .option("--job-step-ms", 1)
        .option("--embed-concurrency", 1)
        .option("--embed-batch-inputs", 32)
}

fn attach(client: &Client, text: &str) -> (String, String) {
    let store = client.create_store("s");
    let file = client.upload_file("a.md", text.as_bytes());
    client.attach(&store, &file, &json!({}));
    (store, file)
}

/// All rows, once what killed steps left is removed.
fn rows(server: &Server) -> Vec<Row> {
    leaves_no_traces(server);
    rows::of(&server.data(), &server.stored())
}

/// The rows of one go, under the name of `file`.
fn in_one_go(text: &str, file: &str) -> Vec<Row> {
    let setting = Setting::with(|builder| builder.on(Target::Local));
    let (store, own) = attach(&setting.client, text);
    setting.client.completed(&store, &own);
    let mut rows = rows(&setting.server);
    for row in &mut rows {
        assert_eq!(row.file, own);
        row.file = file.to_owned();
    }
    rows
}

fn stored(server: &Server, part: &str) -> Vec<String> {
    let mut keys = server.stored();
    keys.retain(|key| key.contains(part));
    keys
}

fn leaves_no_traces(server: &Server) {
    for part in ["queue/", "/attempts/", "/progress/"] {
        wait::until(&format!("{part} to be empty"), || {
            stored(server, part).is_empty().then_some(())
        });
    }
}

fn embedded(setting: &Setting) -> usize {
    setting.embedder.seen().iter().map(|seen| seen.inputs).sum()
}

/// Markdown with a byte order mark, code blocks over many windows, and prose.
fn document(bytes: u64) -> String {
    let code = "```sh\n# no heading\n\n- no item\n```\n\n";
    let prose = Prose::text(3, bytes / 2);
    let block = "let x = 1;\n\n# in code\n".repeat(bytes as usize / 50);
    format!("\u{feff}# Title\n\n{code}{prose}\n\n```rust\n{block}```\n\n{prose}")
}

#[test]
fn many_steps_give_the_rows_of_one_go() {
    let setting = Setting::with(tiny_steps);
    let text = document(1_000_000);
    let (store, file) = attach(&setting.client, &text);
    setting.client.completed(&store, &file);
    let segments = stored(&setting.server, "/segments/").len();
    assert!(segments > 20, "{segments} steps");
    let rows = rows(&setting.server);
    assert!(rows == in_one_go(&text, &file), "other rows");
    assert_eq!(embedded(&setting), rows.len(), "a chunk was embedded twice");
    leaves_no_traces(&setting.server);
}

#[test]
fn killed_in_and_between_steps_it_goes_on_from_the_last() {
    let mut setting = Setting::with(tiny_steps);
    let text = document(400_000);
    let (store, file) = attach(&setting.client, &text);
    let mut kills = 0;
    for more in [1, 2, 3, 4, 5] {
        let asked = setting.embedder.requests();
        let far = wait::until("some steps", || {
            let done = setting
                .client
                .get(&format!("/v1/vector_stores/{store}/files/{file}"));
            let ended = done.ok()["status"] != "in_progress";
            (ended || setting.embedder.requests() >= asked + more).then_some(!ended)
        });
        assert!(far, "it ended before it was killed {more} times");
        setting.server.kill();
        kills += 1;
        setting.server = setting.server.restart();
        setting.client = setting.server.client();
    }
    setting.client.completed(&store, &file);
    let rows = rows(&setting.server);
    assert!(rows == in_one_go(&text, &file), "other rows");
    let again = embedded(&setting) - rows.len();
    assert!(again <= kills * 32, "{again} chunks were embedded again");
    leaves_no_traces(&setting.server);
}

#[test]
fn a_kill_costs_no_more_than_a_segment_also_without_steps() {
    const SEGMENT: usize = 100;
    let mut setting = Setting::with(|builder| {
        builder
            .on(Target::Local)
            .option("--index-segment-max-rows", SEGMENT)
            .option("--embed-batch-inputs", 10)
            .option("--embed-concurrency", 1)
    });
    let text = Prose::text(8, 1_000_000);
    let (store, file) = attach(&setting.client, &text);
    wait::until("some segments", || {
        (stored(&setting.server, "/progress/").len() >= 2).then_some(())
    });
    setting.server.kill();
    let before = embedded(&setting);
    setting.server = setting.server.restart();
    setting.server.client().completed(&store, &file);
    let rows = rows(&setting.server);
    assert!(
        before > SEGMENT && before < rows.len(),
        "killed at {before}"
    );
    let again = embedded(&setting) - rows.len();
    assert!(again <= SEGMENT + 20, "{again} chunks were embedded again");
    assert!(rows == in_one_go(&text, &file), "other rows");
    leaves_no_traces(&setting.server);
}

/// A setting whose ingestion has written some segments and waits for the provider.
fn half_way() -> (Setting, String, String) {
    let setting = Setting::with(tiny_steps);
    let slow = Fault::Slow(Duration::from_millis(20));
    setting.embedder.fail_always(Some(slow));
    let (store, file) = attach(&setting.client, &Prose::text(5, 600_000));
    wait::until("some steps", || {
        (stored(&setting.server, "/segments/").len() >= 3).then_some(())
    });
    (setting, store, file)
}

fn no_segment_stays(setting: &Setting) {
    setting.embedder.fail_always(None);
    setting.server.wait_until_idle();
    assert_eq!(stored(&setting.server, "/segments/"), [""; 0]);
    assert_eq!(stored(&setting.server, "/progress/"), [""; 0]);
}

#[test]
fn taken_out_of_its_store_half_way_a_file_leaves_no_segment() {
    let (setting, store, file) = half_way();
    let path = format!("/v1/vector_stores/{store}/files/{file}");
    setting.client.delete(&path).ok();
    setting.client.get(&path).error(404);
    no_segment_stays(&setting);
    setting.client.attach(&store, &file, &json!({}));
    setting.client.completed(&store, &file);
}

#[test]
fn deleted_half_way_a_file_leaves_no_segment() {
    let (setting, store, file) = half_way();
    setting.client.delete(&format!("/v1/files/{file}")).ok();
    no_segment_stays(&setting);
    let listed = setting
        .client
        .ids(&format!("/v1/vector_stores/{store}/files"));
    assert!(listed.is_empty(), "{listed:?}");
}

#[test]
fn failed_half_way_a_file_leaves_no_segment() {
    let (setting, store, file) = half_way();
    setting.embedder.fail_always(Some(Fault::Status(400, None)));
    let (_, message) = setting.client.failed(&store, &file);
    assert!(message.contains("127.0.0.1"), "{message}");
    no_segment_stays(&setting);
}

#[test]
fn deleted_after_a_kill_half_way_a_file_leaves_no_segment() {
    let (mut setting, store, file) = half_way();
    setting.embedder.hold();
    setting.server.kill();
    assert!(stored(&setting.server, "/segments/").len() >= 3);
    setting.server = setting
        .server
        .restart_with(|builder| builder.option("--job-concurrency", 0));
    setting.client = setting.server.client();
    let path = format!("/v1/vector_stores/{store}/files/{file}");
    setting.client.delete(&path).ok();
    setting.embedder.release();
    no_segment_stays(&setting);
}

#[test]
fn an_upload_whose_time_is_over_is_accepted_and_goes_on() {
    let setting = Setting::with(tiny_steps);
    let text = Prose::text(6, 300_000);
    let answer = setting.client.post_upload("s", &json!({"text": text}));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let place = answer.header("location").unwrap().to_owned();
    let state = answer.json();
    assert_eq!(state["object"], "vector_store.file");
    assert_eq!(state["status"], "in_progress");
    let (store, file) = (&state["vector_store_id"], &state["id"]);
    let (store, file) = (store.as_str().unwrap(), file.as_str().unwrap());
    assert_eq!(place, format!("/v1/vector_stores/{store}/files/{file}"));
    setting.client.completed(store, file);
    assert_eq!(embedded(&setting), rows(&setting.server).len());
    let last = &text[text.len() - 700..];
    assert!(setting.client.find("s", last)[0].score > 0.5);
    leaves_no_traces(&setting.server);
}

#[test]
fn a_provider_that_stays_away_ends_an_ingestion_in_steps_too() {
    let setting = Setting::with(|builder| {
        tiny_steps(builder)
            .option("--embed-request-timeout-ms", 200)
            .option("--embed-deadline-ms", 300)
            .option("--job-patience-ms", 5_000)
    });
    setting.embedder.fail_always(Some(Fault::Status(503, None)));
    let (store, file) = attach(&setting.client, "herons wait for fish");
    let (_, message) = setting.client.failed(&store, &file);
    assert!(message.contains("127.0.0.1"), "{message}");
    setting.embedder.fail_always(None);
    setting.client.attach(&store, &file, &json!({}));
    wait::until("the new attempt to succeed", || {
        let file = setting.client.ended(&store, &file);
        (file["status"] == "completed").then_some(())
    });
}

#[test]
fn where_nothing_drives_ingestions_asking_does_with_a_token_that_may_write() {
    let keys = KeyPair::new();
    let setting =
        Setting::with(|builder| tiny_steps_on(Target::Composed, builder).auth_key(keys.public()));
    let writer = setting
        .client
        .with_token(&keys.token("acme", &["read", "write"]));
    let reader = setting.client.with_token(&keys.token("acme", &["read"]));
    let text = Prose::text(9, 100_000);
    let (store, file) = attach(&writer, &text);
    // The instance that attached it goes on for one step.
    wait::until("the first step to end", || {
        (!stored(&setting.server, "/progress/").is_empty()).then_some(())
    });
    let files = format!("/v1/vector_stores/{store}/files");
    for _ in 0..10 {
        let file = reader.get(&format!("{files}/{file}")).ok();
        assert_eq!(file["status"], "in_progress");
        assert_eq!(reader.list(&files).len(), 1);
    }
    assert_eq!(setting.embedder.requests(), 1);
    // Asking for the list takes it on as well as asking for the file.
    wait::until("a step of the list", || {
        writer.list(&files);
        (setting.embedder.requests() > 1).then_some(())
    });
    writer.completed(&store, &file);
    let steps = setting.embedder.requests();
    assert!(steps >= 4, "{steps} steps");
    let best = &reader.find(&store, &text[60_000..60_700])[0];
    assert!(best.score > 0.5, "{best:?}");
    leaves_no_traces(&setting.server);
}
