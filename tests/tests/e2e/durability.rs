//! Killed at any moment, nothing acknowledged is lost and everything accepted comes to an end.

use std::sync::Mutex;
use std::time::Duration;

use dayfly_tests::client::Payload;
use dayfly_tests::text::Prose;
use dayfly_tests::{Fault, Target, wait};
use serde_json::json;

use crate::Setting;

#[test]
fn an_ingestion_that_was_killed_is_completed_after_the_restart() {
    let mut setting = Setting::new();
    let client = setting.client.clone();
    let store = client.create_store("s");
    let text = Prose::text(1, 400_000);
    let file = client.upload_file("a.txt", text.as_bytes());
    setting.embedder.fail_next([
        Fault::Slow(Duration::ZERO),
        Fault::Slow(Duration::ZERO),
        Fault::Never,
    ]);
    client.attach(&store, &file, &json!({"attributes": {"n": 1}}));
    wait::until("a part of it to be embedded", || {
        (setting.embedder.seen().len() >= 4).then_some(())
    });
    setting.server.kill();

    let server = setting.server.restart();
    let client = server.client();
    let done = client.completed(&store, &file);
    assert_eq!(done["attributes"], json!({"n": 1}));
    let hits = client.find(&store, &text[200_000..200_700]);
    assert!(hits[0].score > 0.6, "{hits:?}");
    let counts = client.get(&format!("/v1/vector_stores/{store}")).ok()["file_counts"].clone();
    assert_eq!(counts["completed"], 1);
    assert_eq!(counts["in_progress"], 0);
}

#[test]
fn many_accepted_ingestions_all_end_after_a_kill() {
    let mut setting = Setting::new();
    let client = setting.client.clone();
    let store = client.create_store("s");
    setting.embedder.hold();
    let files: Vec<String> = (0..20)
        .map(|n| {
            let file =
                client.upload_file(&format!("{n}.txt"), format!("heron number{n}").as_bytes());
            client.attach(&store, &file, &json!({}));
            file
        })
        .collect();
    setting.server.kill();
    setting.embedder.release();
    let server = setting.server.restart();
    let client = server.client();
    for (n, file) in files.iter().enumerate() {
        client.completed(&store, file);
        assert_eq!(client.find(&store, &format!("number{n}"))[0].file, *file);
    }
}

#[test]
fn an_ingestion_that_can_never_succeed_fails_also_after_a_restart() {
    let mut setting = Setting::with(|builder| {
        builder
            .option("--embed-request-timeout-ms", 300)
            .option("--embed-deadline-ms", 1_500)
            .option("--job-patience-ms", 5_000)
    });
    let client = setting.client.clone();
    let store = client.create_store("s");
    let file = client.upload_file("a.txt", b"herons wait for fish");
    setting.embedder.fail_always(Some(Fault::Never));
    client.attach(&store, &file, &json!({}));
    wait::until("the provider to be asked", || {
        (setting.embedder.in_flight() > 0).then_some(())
    });
    setting.server.kill();
    let server = setting.server.restart();
    let (_, message) = server.client().failed(&store, &file);
    assert!(message.contains("127.0.0.1"), "{message}");
    // Still so after one more start, and it can be tried anew.
    let server = server.restart();
    let client = server.client();
    client.failed(&store, &file);
    setting.embedder.fail_always(None);
    client.attach(&store, &file, &json!({}));
    wait::until("the new attempt to succeed", || {
        let file = client.ended(&store, &file);
        (file["status"] == "completed").then_some(())
    });
    assert_eq!(client.find(&store, "herons")[0].file, file);
}

#[test]
fn nothing_acknowledged_is_lost_whenever_the_process_is_killed() {
    killed_at_random(Target::Local, 8, 40);
}

#[test]
fn nothing_acknowledged_is_lost_on_a_bucket_whenever_the_process_is_killed() {
    killed_at_random(Target::S3, 4, 15);
}

/// In each round after fewer than `uploads`.
fn killed_at_random(target: Target, rounds: u64, uploads: usize) {
    let mut setting = Setting::with(|builder| builder.on(target));
    let mut random = fastrand::Rng::with_seed(20_241_123);
    let acknowledged = Mutex::new(Vec::<String>::new());
    let files = Mutex::new(Vec::<(String, String)>::new());
    for round in 0..rounds {
        let stop_after = random.usize(5..uploads);
        let client = setting.client.clone();
        let before = acknowledged.lock().unwrap().len();
        std::thread::scope(|scope| {
            for caller in 0..3 {
                let (client, acknowledged, files) = (client.clone(), &acknowledged, &files);
                scope.spawn(move || {
                    for n in 0.. {
                        let text = format!("heron round{round} caller{caller} text{n}");
                        let body = json!({"text": text}).to_string().into_bytes();
                        let answer = client.attempt(
                            "POST",
                            "/upload",
                            Some("application/json"),
                            Payload::Bytes(body),
                        );
                        match answer {
                            Ok(answer) if answer.status == 200 => {
                                acknowledged.lock().unwrap().push(text.clone())
                            }
                            _ => return,
                        }
                        let Some(id) = try_post_file(&client, &text) else {
                            return;
                        };
                        files.lock().unwrap().push((id, text));
                    }
                });
            }
            wait::until("some uploads", || {
                (acknowledged.lock().unwrap().len() >= before + stop_after).then_some(())
            });
            setting.server.kill();
        });
        setting.server = setting.server.restart();
        setting.client = setting.server.client();
        setting.server.verify();
    }
    let client = &setting.client;
    for (id, text) in files.into_inner().unwrap() {
        assert_eq!(client.get(&format!("/v1/files/{id}/content")).text(), text);
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    for text in &acknowledged {
        assert_eq!(
            client.find("default", text)[0].text,
            *text,
            "an acknowledged upload is lost"
        );
    }
    // Every file of the store has ended, and what is listed is what was asked for.
    wait::until("all files to end", || {
        let store = client.get("/v1/vector_stores/default").ok();
        (store["file_counts"]["in_progress"] == 0).then_some(())
    });
    let store = client.get("/v1/vector_stores/default").ok();
    let total = store["file_counts"]["total"].as_u64().unwrap();
    let most = acknowledged.len() as u64 + 3 * rounds;
    assert!(
        total >= acknowledged.len() as u64 && total <= most,
        "{store}"
    );
}

/// Uploads a file to a server that may be killed meanwhile.
fn try_post_file(client: &dayfly_tests::Client, text: &str) -> Option<String> {
    use dayfly_tests::api::{field_part, file_part, last_boundary, multipart_type};
    let body = field_part("purpose", "assistants")
        + &file_part("file", "a.txt", "text/plain")
        + text
        + "\r\n"
        + &last_boundary();
    let payload = Payload::Bytes(body.into_bytes());
    let answer = client
        .attempt("POST", "/v1/files", Some(&multipart_type()), payload)
        .ok()?;
    (answer.status == 200).then(|| dayfly_tests::api::id_of(&answer.json()))
}

#[test]
fn a_kill_between_any_two_writes_of_an_upload_leaves_a_whole_store() {
    // One upload at a time, killed at ever later moments of it: the store always opens, shows
    // the upload whole or not at all, and takes the next one.
    let mut setting = Setting::new();
    let text = Prose::text(6, 60_000);
    setting.client.upload("s", "the first text");
    for step in 0..12_u64 {
        let client = setting.client.clone();
        let body = json!({"text": text}).to_string().into_bytes();
        let upload = std::thread::spawn(move || {
            client.attempt(
                "POST",
                "/upload?store=s",
                Some("application/json"),
                Payload::Bytes(body),
            )
        });
        let asked = setting.embedder.seen().len() as u64;
        wait::until("the upload to get that far", || {
            let far = setting.embedder.seen().len() as u64 >= asked + step.min(1);
            (far || upload.is_finished()).then_some(())
        });
        // From here on a step is a millisecond: the moment differs, the promise does not.
        std::thread::sleep(Duration::from_millis(step));
        setting.server.kill();
        let acknowledged = upload
            .join()
            .unwrap()
            .is_ok_and(|answer| answer.status == 200);
        setting.server = setting.server.restart();
        setting.client = setting.server.client();
        let store = wait::until("the store to come to rest", || {
            let store = setting.client.get("/v1/vector_stores/s").ok();
            (store["file_counts"]["in_progress"] == 0).then_some(store)
        });
        let uploads = store["file_counts"]["completed"].as_u64().unwrap() - 1;
        let hits = setting.client.search(
            "s",
            &json!({"query": &text[30_000..30_600], "max_num_results": 50}),
        );
        let best = hits[0].score;
        let same = hits
            .iter()
            .filter(|hit| (hit.score - best).abs() < 1e-9 && best > 0.4)
            .count() as u64;
        assert_eq!(same, uploads, "after step {step}: {store}");
        assert!(!acknowledged || uploads > 0);
    }
}

#[test]
fn a_stop_lets_requests_finish_and_the_next_start_finds_everything() {
    let mut setting = Setting::new();
    setting.embedder.hold();
    let client = setting.client.clone();
    let upload = std::thread::spawn(move || {
        client
            .post_upload("default", &json!({"text": "herons wait"}))
            .status
    });
    wait::until("the upload to be under way", || {
        (setting.embedder.in_flight() > 0).then_some(())
    });
    let release = setting.embedder.url();
    assert!(!release.is_empty());
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| setting.server.terminate());
        setting.embedder.release();
        assert_eq!(upload.join().unwrap(), 200);
        assert!(stopping.join().unwrap().success());
    });
    let server = setting.server.restart();
    assert_eq!(
        server.client().find("default", "herons")[0].text,
        "herons wait"
    );
}

#[test]
fn a_directory_is_served_by_one_process_and_free_again_when_that_is_killed() {
    let mut setting = Setting::new();
    setting.client.upload("default", "herons wait");
    let second = || {
        dayfly_tests::Server::builder()
            .embedder(&setting.embedder)
            .data(setting.server.data())
    };
    let (status, said) = second().run_to_end();
    assert!(!status.success());
    assert!(
        said.contains(setting.server.data().to_str().unwrap()),
        "{said}"
    );
    setting.client.upload("default", "glaciers carve");
    let second = second();
    setting.server.kill();
    let second = second.start();
    assert_eq!(second.client().find("default", "herons").len(), 2);
}
