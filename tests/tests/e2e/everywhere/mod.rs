//! What holds on every target: `dayfly serve` on a directory, on a bucket, and the composed
//! components on a plain host. `DAYFLY_TARGET` names one.

mod bad_input;
mod concurrency;
mod embedder_faults;
mod encodings;
mod file_batches;
mod files_api;
mod main_job;
mod openai_client;
mod providers;
mod search;
mod store_files_api;
mod stores_api;
mod tenants;
mod upload;
mod uploads_api;
