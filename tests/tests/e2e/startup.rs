//! What `dayfly serve` refuses to begin with, and what a first start leaves in memory.

use dayfly_tests::{FakeEmbedder, Server};

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
fn a_password_in_the_embedders_address_is_refused_and_not_repeated() {
    let (status, said) = Server::builder()
        .embed_url("http://user:hunter2@127.0.0.1:9/v1/embeddings")
        .run_to_end();
    assert!(!status.success());
    assert!(said.contains("--embed-key-env"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
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
