//! Reads and writes the `index.pkl` that LangChain's `FAISS.save_local` writes beside
//! `index.faiss`.
//!
//! The file is a pickle, and a pickle is a program. [`Docstore::read`] runs only the opcodes that
//! Python writes for LangChain's document store, over plain data: no name in the file is ever
//! looked up anywhere but in the list of `classes.rs`, and nothing is called. [`Writer`] and
//! [`write()`] make a file that `FAISS.load_local` opens.

#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod arena;
mod classes;
mod docstore;
mod error;
mod input;
mod machine;
mod metadata;
mod model;
mod opcode;
mod put;
mod writer;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod fuzz;

pub use docstore::Docstore;
pub use error::PickleError;
pub use model::{Document, MAX_DOCUMENT_BYTES};
pub use writer::{Writer, write};
