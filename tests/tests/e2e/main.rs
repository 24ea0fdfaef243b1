//! The promises of the public interface, kept by the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod abandoned;
mod admission;
mod cli;
mod components;
mod composed;
mod doctor;
mod durability;
mod everywhere;
mod fair_jobs;
mod faulty;
mod freshness;
mod graphs;
mod interleavings;
mod isolation;
mod limits;
mod native;
mod openai_suite;
mod probe;
mod quotas;
mod real_text;
mod reentry;
mod s3_faults;
mod serving;
mod startup;
mod steps;
mod storage_faults;
mod tokens;

use dayfly_tests::{Builder, Client, FakeEmbedder, Server};

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

    fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
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
