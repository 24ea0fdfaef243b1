//! A tenant's objects in an S3 bucket.

mod answer;
mod attempts;
mod deletions;
mod listing;
mod objects;
mod own;
mod room;
mod transport;
mod upload;
mod writes;

pub use objects::{Bytes, TenantObjects};
pub use own::Wait;
pub use room::Room;
pub use transport::{Fault, Request, Response, Transport};
pub use upload::Upload;

use std::cell::Cell;

use crate::config::StorageConfig;

/// A bucket and the way to it.
pub struct Client<T> {
    config: StorageConfig,
    transport: T,
    /// The storage was seen to know no deletions of many.
    one_by_one: Cell<bool>,
    /// The storage was seen to be one that can be relied on.
    sound: Cell<bool>,
}

impl<T: Transport> Client<T> {
    /// Reaches the configured bucket through `transport`.
    pub fn new(config: StorageConfig, transport: T) -> Self {
        Self {
            config,
            transport,
            one_by_one: Cell::new(false),
            sound: Cell::new(false),
        }
    }

    /// Confines to `tenant`, which has to be a tenant's name.
    pub fn of<'a>(&'a self, tenant: &str) -> TenantObjects<'a, T> {
        let root = match self.config.prefix.as_str() {
            "" => format!("{tenant}/"),
            prefix => format!("{prefix}/{tenant}/"),
        };
        TenantObjects { client: self, root }
    }

    /// 128 random bits in hexadecimal.
    fn token(&self) -> String {
        let (first, second) = (self.transport.random(), self.transport.random());
        format!("{first:016x}{second:016x}")
    }
}

#[cfg(test)]
mod tests;
