//! What a vector store is: chunks, embeddings, segments, manifest, search.
//!
//! Performs no I/O and reads no clock or randomness: objects come in through
//! [`objects::Objects`], time and randomness as arguments. So the same code runs in a
//! guest, in the host and in a simulation.

pub mod api;
pub mod chunk;
pub mod decode;
mod deletion;
pub mod embedding;
pub mod files;
pub mod filter;
pub mod home;
pub mod ids;
pub mod ingest;
pub mod mutants;
pub mod objects;
pub mod ops;
pub mod pending;
pub mod platform;
pub mod probe;
pub mod rebuild;
pub mod request_id;
pub mod retry;
pub mod search;
pub mod segment;
pub mod store;
#[cfg(test)]
mod testing;
pub mod uploads;
