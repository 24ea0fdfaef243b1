//! What `core` cannot have by itself: a tenant's objects, the time, chance, and a pause.

use crate::ids;
use crate::objects::Objects;

/// Time and chance, as the surroundings give them.
pub trait Clock {
    /// Milliseconds since the Unix epoch. May jump, and differs between hosts.
    fn now_ms(&self) -> u64;
    /// Sixty-four bits that nobody can foresee.
    fn random(&self) -> u64;
    /// Returns after about so many milliseconds.
    fn pause(&self, milliseconds: u64);
}

/// A tenant's objects, and a clock.
#[derive(Clone, Copy)]
pub struct Platform<'a> {
    /// Storage, confined to one tenant.
    pub objects: &'a dyn Objects,
    /// Time and chance.
    pub clock: &'a dyn Clock,
}

impl<'a> Platform<'a> {
    /// Of these two.
    pub fn new(objects: &'a dyn Objects, clock: &'a dyn Clock) -> Self {
        Self { objects, clock }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// A new identifier that sorts by its time of making; see [`ids::time_ordered`].
    pub fn new_id(&self, prefix: &str) -> String {
        ids::time_ordered(prefix, self.clock.now_ms(), self.clock.random())
    }

    /// A new identifier that sorts after `last`; see [`ids::time_ordered_after`].
    pub fn new_id_after(&self, last: &str, prefix: &str) -> String {
        ids::time_ordered_after(last, prefix, self.clock.now_ms(), self.clock.random())
    }
}

/// Who does work that others may take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// The host, the same after it is started again.
    pub node: String,
    /// This start of the host: what an earlier one held is known to be free.
    pub boot: String,
}
