//! The client against a bucket in memory.

mod deletions;
mod reads;
mod retries;
mod sound;
mod storage;
mod uploads;
mod writes;

use rusty_s3::{Bucket, Credentials, UrlStyle};

use self::storage::Storage;
use super::Client;
use crate::config::StorageConfig;

const MIB: usize = 1 << 20;

fn client(storage: &Storage) -> Client<&Storage> {
    let endpoint = "http://127.0.0.1:9000".parse().unwrap();
    let config = StorageConfig {
        bucket: Bucket::new(endpoint, UrlStyle::Path, "documents", "us-east-1").unwrap(),
        credentials: Credentials::new("id", "secret"),
        prefix: "p".to_owned(),
        place: "the bucket documents at 127.0.0.1".to_owned(),
    };
    Client::new(config, storage)
}
