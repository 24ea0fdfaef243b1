//! What is fuzzed: one module for each reader of hostile bytes.

mod changes;
mod chunk;
mod dead;
mod decode;
mod embedding;
mod filter;
mod form;
mod graph;
mod json;
mod listing;
mod manifest;
mod pickle;
mod request;
mod run;
mod segment;
mod store;
mod text;
mod token;

use crate::Target;

/// All that read without FAISS.
pub const TARGETS: &[Target] = &[
    segment::TARGET,
    graph::TARGET,
    dead::TARGET,
    listing::TARGET,
    manifest::TARGET,
    run::TARGET,
    changes::TARGET,
    filter::TARGET,
    request::TARGET,
    form::TARGET,
    text::TARGET,
    token::TARGET,
    embedding::TARGET,
    pickle::TARGET,
    decode::TARGET,
    chunk::TARGET,
];

const MIB: usize = 1 << 20;
