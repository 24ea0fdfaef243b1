//! What `dayfly serve` refuses to begin with, and what a first start leaves in memory.

use dayfly_tests::{FakeEmbedder, Fault, Server};

#[test]
fn without_keys_nothing_but_loopback_is_bound() {
    let (status, said) = Server::builder()
        .embed_url("http://127.0.0.1:9/v1/embeddings")
        .option("--listen", "0.0.0.0:0")
        .run_to_end();
    assert!(!status.success());
    assert!(
        said.contains("127.0.0.1") && said.contains("--auth-key"),
        "{said}"
    );
}

#[test]
fn a_key_that_cannot_be_read_stops_the_start() {
    let (status, said) = Server::builder()
        .embed_url("http://127.0.0.1:9/v1/embeddings")
        .auth_key("/nowhere/public.pem")
        .run_to_end();
    assert!(!status.success());
    assert!(said.contains("/nowhere/public.pem"), "{said}");
}

#[test]
fn a_key_that_is_not_in_the_environment_stops_the_start() {
    let (status, said) = Server::builder()
        .embed_url("http://127.0.0.1:9/v1/embeddings")
        .option("--embed-key-env", "NOT_SET_ANYWHERE")
        .run_to_end();
    assert!(!status.success());
    assert!(said.contains("NOT_SET_ANYWHERE"), "{said}");
}

#[test]
fn what_the_embedder_wants_to_be_shown_is_shown_to_nobody_else() {
    let embedder = FakeEmbedder::start();
    let url = embedder.url().replacen("://", "://user:hunter2@", 1);
    let server = Server::builder()
        .embed_url(&url)
        .option("--embed-header", "api-key=KEY_OF_A_PROVIDER")
        .env("KEY_OF_A_PROVIDER", "do-not-tell")
        .option("--embed-query-prefix", "query: ")
        .option("--embed-passage-prefix", "passage: ")
        .start();
    let client = server.client();
    client.upload("default", "herons wait for fish");
    assert_eq!(
        client.find("default", "herons")[0].text,
        "herons wait for fish"
    );
    let seen = embedder.seen();
    for request in &seen {
        // user:hunter2
        let basic = "Basic dXNlcjpodW50ZXIy";
        assert_eq!(request.authorization.as_deref(), Some(basic));
        assert_eq!(request.api_key.as_deref(), Some("do-not-tell"));
    }
    let texts: Vec<&str> = seen
        .iter()
        .flat_map(|one| &one.texts)
        .map(String::as_str)
        .collect();
    assert_eq!(texts, ["passage: herons wait for fish", "query: herons"]);
    embedder.fail_always(Some(Fault::Status(500, None)));
    let answer = client.post_search("default", &serde_json::json!({"query": "herons"}));
    let metrics = server.metrics().text().to_owned();
    for said in [answer.text(), server.log(), metrics] {
        assert!(
            !said.contains("hunter2") && !said.contains("do-not-tell"),
            "{said}"
        );
    }
}

#[test]
fn an_address_that_is_none_does_not_show_its_password() {
    for url in [
        "http://user:hunter2@:9/v1",
        "ftp://user:hunter2@127.0.0.1/v1",
    ] {
        let (status, said) = Server::builder().embed_url(url).run_to_end();
        assert!(!status.success());
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_first_start_takes_no_more_memory_than_a_later_one() {
    const NOISE: u64 = 16 << 20;
    let (embedder, cache) = (FakeEmbedder::start(), tempfile::tempdir().unwrap());
    let resident = || {
        let server = Server::builder()
            .embedder(&embedder)
            .option("--cache", cache.path().display())
            .start();
        server.client().upload("store", "A mayfly lives for a day.");
        server.wait_until_idle();
        server.resident_bytes()
    };
    let (first, later) = (resident(), resident());
    assert!(
        first < later + NOISE,
        "{first} bytes after the guests were compiled, {later} where they were at hand"
    );
}
