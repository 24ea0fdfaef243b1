//! What tests have instead of surroundings: a clock that they set, objects that they interrupt, and
//! stores with a few files.

mod check;
mod clock;
mod hooked;
mod index;
mod looking;
mod stores;

pub(crate) use check::{check, files, keys, rows_by_file};
pub(crate) use clock::ManualClock;
pub(crate) use hooked::{Hooked, Op};
pub(crate) use index::{Maker, Stored};
pub(crate) use looking::nearest;
pub(crate) use stores::{Rows, add, entry, first, make, write_segment};

use crate::objects::{MemoryObjects, Objects};
use crate::platform::{Platform, Worker};

/// A tenant in memory.
#[derive(Clone, Default)]
pub(crate) struct Tenant {
    pub objects: MemoryObjects,
    pub clock: ManualClock,
}

impl Tenant {
    pub fn platform(&self) -> Platform<'_> {
        Platform::new(&self.objects, &self.clock)
    }

    /// Seen through other objects, which stand before these.
    pub fn through<'a>(&'a self, objects: &'a dyn Objects) -> Platform<'a> {
        Platform::new(objects, &self.clock)
    }

    /// Another host's view of it: with a clock of its own that shows the same time.
    pub fn elsewhere(&self, seed: u64) -> Self {
        Self {
            objects: self.objects.clone(),
            clock: ManualClock::new(self.clock.now(), seed),
        }
    }
}

pub(crate) fn worker(node: &str, boot: &str) -> Worker {
    Worker {
        node: node.to_owned(),
        boot: boot.to_owned(),
    }
}
