//! The promises of the public interface, kept by the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_input;
mod cli;
mod components;
mod concurrency;
mod durability;
mod embedder_faults;
mod files_api;
mod freshness;
mod limits;
mod main_job;
mod openai_client;
mod real_text;
mod reentry;
mod search;
mod storage_faults;
mod store_files_api;
mod stores_api;
mod tenants;
mod upload;

use dayfly_tests::{Client, FakeEmbedder, Server};

/// A server of its own for one test, with a provider of its own.
struct Setting {
    embedder: FakeEmbedder,
    server: Server,
    client: Client,
}

impl Setting {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(
        change: impl FnOnce(dayfly_tests::server::Builder) -> dayfly_tests::server::Builder,
    ) -> Self {
        let embedder = FakeEmbedder::start();
        let server = change(Server::builder().embedder(&embedder)).start();
        let client = server.client();
        Self {
            embedder,
            server,
            client,
        }
    }
}
