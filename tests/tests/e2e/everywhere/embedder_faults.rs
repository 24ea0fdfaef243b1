//! Embedding providers fail; nothing else does because of it.

use std::time::Duration;

use dayfly_tests::Fault;
use dayfly_tests::text::Prose;
use serde_json::json;

use crate::Setting;

/// Deadlines short enough to reach.
fn impatient() -> Setting {
    Setting::with(|builder| {
        builder
            .option("--embed-request-timeout-ms", 500)
            .option("--embed-deadline-ms", 3_000)
    })
}

/// Whatever happened, the next upload works and the failed one left nothing.
fn nothing_else_noticed(setting: &Setting) {
    setting.embedder.fail_always(None);
    setting.client.upload("default", "glaciers carve valleys");
    let hits = setting.client.find("default", "glaciers");
    assert_eq!(hits.len(), 1, "the failed upload is visible: {hits:?}");
}

#[test]
fn passing_faults_are_retried_and_not_noticed() {
    for fault in [
        Fault::Status(429, None),
        Fault::Status(429, Some(1)),
        Fault::Status(500, None),
        Fault::Status(502, None),
        Fault::Status(503, Some(0)),
        Fault::Cut,
        Fault::Truncated,
        Fault::Never,
        Fault::Slow(Duration::from_secs(5)),
    ] {
        let setting = Setting::with(|builder| builder.option("--embed-request-timeout-ms", 500));
        setting.embedder.fail_next([fault.clone(), fault.clone()]);
        setting.client.upload("default", "herons wait for fish");
        assert_eq!(
            setting.client.find("default", "herons").len(),
            1,
            "{fault:?}"
        );
        assert!(setting.embedder.seen().len() >= 4, "{fault:?}");
    }
}

#[test]
fn retry_after_is_honoured() {
    let setting = Setting::new();
    setting.embedder.fail_next([Fault::Status(429, Some(2))]);
    let begun = std::time::Instant::now();
    setting.client.upload("default", "herons wait for fish");
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn wrong_answers_are_refused_with_the_providers_name() {
    for fault in [
        Fault::TooFewVectors,
        Fault::TooManyVectors,
        Fault::Nan,
        Fault::Infinity,
        Fault::NotJson,
        Fault::WrongShape,
        Fault::Status(400, None),
        Fault::Status(401, None),
        Fault::Status(404, None),
        Fault::Redirect("http://127.0.0.1:9/v1/embeddings".to_owned()),
    ] {
        let setting = impatient();
        setting.embedder.fail_always(Some(fault.clone()));
        let store = setting.client.create_store("s");
        let file = setting.client.upload_file("a.txt", b"herons wait for fish");
        setting.client.attach(&store, &file, &json!({}));
        let (code, message) = setting.client.failed(&store, &file);
        let host = setting.embedder.url();
        let host = host
            .trim_start_matches("http://")
            .split('/')
            .next()
            .unwrap()
            .to_owned();
        assert!(message.contains(&host), "{fault:?}: {message}");
        // Also one that calls the request bad: it would not even take a word.
        let expected = match fault {
            Fault::Status(..) | Fault::Redirect(_) => "embedder_misconfigured",
            _ => "embedder_protocol",
        };
        assert_eq!(code, expected, "{fault:?}: {message}");

        let answer = setting
            .client
            .post_upload("default", &json!({"text": "herons wait for fish"}));
        let error = answer.error(502);
        assert!(error.message.contains(&host), "{fault:?}: {error:?}");
        nothing_else_noticed(&setting);
    }
}

#[test]
fn a_provider_that_is_down_or_silent_fails_the_upload_in_time() {
    for fault in [
        Fault::Status(500, None),
        Fault::Status(429, Some(3600)),
        Fault::Never,
        Fault::Cut,
        Fault::Truncated,
        Fault::Endless,
    ] {
        let setting = impatient();
        setting.embedder.fail_always(Some(fault.clone()));
        let begun = std::time::Instant::now();
        let answer = setting
            .client
            .post_upload("default", &json!({"text": "herons wait for fish"}));
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(30), "{fault:?}: {took:?}");
        assert!(
            [502, 503, 504].contains(&answer.status),
            "{fault:?}: {}",
            answer.text()
        );
        answer.error(answer.status);
        nothing_else_noticed(&setting);
    }
}

#[test]
fn a_provider_that_is_not_there_is_named() {
    let server = dayfly_tests::Server::builder()
        .embed_url("http://127.0.0.1:9/v1/embeddings")
        .option("--embed-deadline-ms", 1_000)
        .start();
    let client = server.client();
    let answer = client.post_upload("default", &json!({"text": "herons"}));
    assert!(
        [502, 503, 504].contains(&answer.status),
        "{}",
        answer.text()
    );
    let error = answer.error(answer.status);
    assert!(error.message.contains("127.0.0.1:9"), "{error:?}");
    // What needs no provider goes on.
    client.upload_file("a.txt", b"some text");
    assert_eq!(client.ids("/v1/files").len(), 1);
}

#[test]
fn a_document_that_fails_in_its_middle_is_not_half_there() {
    let setting = impatient();
    let text = Prose::text(2, 500_000);
    setting.client.upload("default", "herons wait for fish");
    let good: Vec<Fault> = (0..3).map(|_| Fault::Slow(Duration::ZERO)).collect();
    setting.embedder.fail_next(good);
    setting.embedder.fail_always(Some(Fault::Nan));
    let answer = setting
        .client
        .post_upload("default", &json!({"text": text}));
    answer.error(502);
    setting.embedder.fail_always(None);
    let hits = setting.client.search(
        "default",
        &json!({"query": &text[..500], "max_num_results": 50}),
    );
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].text, "herons wait for fish");
}

#[test]
fn a_store_refuses_vectors_of_another_dimension() {
    let setting = impatient();
    let client = &setting.client;
    client.upload("default", "herons wait for fish");
    setting.embedder.set_dimension(256);
    let error = client.post_upload("default", &json!({"text": "glaciers carve valleys"}));
    assert!([409, 502].contains(&error.status), "{}", error.text());
    let error = error.error(error.status);
    assert!(
        error.message.contains("384") && error.message.contains("256"),
        "{error:?}"
    );
    let search = client.post_search("default", &json!({"query": "herons"}));
    assert!([409, 502].contains(&search.status), "{}", search.text());
    // A new store takes what there is now.
    client.upload("other", "glaciers carve valleys");
    setting.embedder.set_dimension(384);
    assert_eq!(client.find("default", "herons").len(), 1);
}

#[test]
fn a_store_refuses_another_model() {
    let setting = Setting::new();
    setting.client.upload("default", "herons wait for fish");
    let other = setting
        .server
        .restart_with(|builder| builder.model("another"));
    let refused = other
        .client()
        .post_upload("default", &json!({"text": "glaciers"}));
    let error = refused.error(409);
    assert!(
        error.message.contains("another") && error.message.contains("fake"),
        "{error:?}"
    );
}

#[test]
fn batches_and_concurrency_are_as_configured() {
    let setting = Setting::with(|builder| {
        builder
            .option("--embed-batch-inputs", 8)
            .option("--embed-batch-bytes", 5_000)
            .option("--embed-concurrency", 3)
    });
    setting.embedder.hold();
    let text = Prose::text(4, 200_000);
    let client = setting.client.clone();
    let upload = std::thread::spawn(move || client.upload("default", &text));
    dayfly_tests::wait::until("three requests at once", || {
        (setting.embedder.in_flight() >= 3).then_some(())
    });
    setting.embedder.release();
    upload.join().unwrap();
    let seen = setting.embedder.seen();
    assert!(seen.iter().all(|request| request.inputs <= 8));
    assert!(seen.iter().all(|request| request.bytes <= 5_000));
    assert!(seen.iter().all(|request| request.model == "fake"));
    assert!(
        seen.iter()
            .all(|request| request.encoding_format.as_deref() == Some("base64"))
    );
    assert_eq!(setting.embedder.most_in_flight(), 3);
}

#[test]
fn without_a_key_the_callers_token_does_not_reach_the_provider() {
    let setting = Setting::new();
    let client = setting.client.with_token("of-the-caller");
    let answer = client.post_upload("default", &json!({"text": "herons"}));
    assert!([200, 401].contains(&answer.status), "{}", answer.text());
    setting.client.upload("default", "herons");
    assert!(
        setting
            .embedder
            .seen()
            .iter()
            .all(|request| request.authorization.is_none())
    );
}
