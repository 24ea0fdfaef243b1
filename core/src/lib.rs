//! What a vector store is: chunks, embeddings, segments, manifest, search.
//!
//! Performs no I/O and reads no clock or randomness: objects come in through
//! [`objects::Objects`], time and randomness as arguments. So the same code runs in a
//! guest, in the host and in a simulation.
//!
//! A store, a file in it, and a search:
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use dayfly_core::chunk::ChunkingStrategy;
//! use dayfly_core::objects::MemoryObjects;
//! use dayfly_core::platform::{Clock, Platform};
//! use dayfly_core::search::{Search, search};
//! use dayfly_core::segment::{NewRow, Query, SegmentSpec, SegmentWriter};
//! use dayfly_core::store::{
//!     self, Embedding, FileEntry, Manifest, RowRange, StoreError, StoreInfo,
//! };
//!
//! struct Still;
//!
//! impl Clock for Still {
//!     fn now_ms(&self) -> u64 {
//!         1_000
//!     }
//!     fn random(&self) -> u64 {
//!         7
//!     }
//!     fn pause(&self, _milliseconds: u64) {}
//! }
//!
//! let objects = MemoryObjects::default();
//! let platform = Platform::new(&objects, &Still);
//! let info = StoreInfo {
//!     id: "vs_1".to_owned(),
//!     name: None,
//!     created_at: 1,
//!     description: None,
//!     metadata: BTreeMap::new(),
//!     expires_after: None,
//!     embedding: Embedding {
//!         model: "m".to_owned(),
//!         dimension: None,
//!         metric: "cosine".to_owned(),
//!     },
//! };
//! let home = store::create(platform, &Manifest::first(info))?.home();
//!
//! let spec = SegmentSpec {
//!     home: home.clone(),
//!     id: "seg-1-0".to_owned(),
//!     model: "m".to_owned(),
//!     dimension: 2,
//!     graph_min_rows: u32::MAX,
//!     base: None,
//! };
//! let mut writer = SegmentWriter::create(&objects, spec)?;
//! for (chunk, (text, vector)) in [("north", [0.0, 1.0]), ("east", [1.0, 0.0])].iter().enumerate() {
//!     writer.push(&NewRow {
//!         file_id: "file-1",
//!         chunk: chunk as u32,
//!         start: 0,
//!         end: text.len() as u64,
//!         text,
//!         vector,
//!     })?;
//! }
//! let segment = writer.finish(&objects)?.meta;
//!
//! let file = FileEntry {
//!     file_id: "file-1".to_owned(),
//!     filename: "winds.txt".to_owned(),
//!     ingest_id: "1".to_owned(),
//!     created_at: 1,
//!     usage_bytes: segment.bytes,
//!     chunking: ChunkingStrategy::Auto,
//!     attributes: BTreeMap::new(),
//!     rows: vec![RowRange { segment: segment.id.clone(), first: 0, rows: segment.rows }],
//! };
//! // Whoever commits says here whether the file is still wanted; here it is.
//! let still_wanted = |_: Option<&str>| Ok::<(), StoreError>(());
//! let newest = store::add_file(platform, &home, &file, &[segment], still_wanted)?;
//!
//! let wanted = Search {
//!     queries: &[Query::new(&[0.1, 0.9])?],
//!     limit: 1,
//!     threshold: 0.0,
//!     filter: None,
//!     base: None,
//! };
//! let found = search::<StoreError>(platform, &newest, &wanted)?;
//! assert_eq!(found[0].row.text, "north");
//! assert_eq!(found[0].file.filename, "winds.txt");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod api;
pub mod chunk;
pub mod codes;
pub mod decode;
mod deletion;
pub mod embedding;
pub mod files;
pub mod filter;
pub mod home;
pub mod ids;
pub mod ingest;
pub mod ingestion;
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
