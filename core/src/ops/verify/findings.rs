//! What a check found, in bounded room.

use serde::Serialize;

use crate::objects::ObjectMeta;
use crate::segment::SegmentError;
use crate::store::runs::RunError;
use crate::store::{SCRUB_AFTER_MS, StoreError};

/// So many of a kind are told one by one; of more, only how many.
const SHOWN: usize = 1_000;

/// What is to be told of a store, or of all else that a tenant has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Objects that were looked at.
    pub objects: u64,
    /// How often something is not as it should be.
    pub damages: u64,
    /// The first of them.
    pub damaged: Vec<Damage>,
    /// Objects that nothing names and that are old.
    pub unreachable: Strange,
    /// Objects that nothing names and that are young: they may be being written.
    pub recent: Strange,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// An object's key, or a file's id.
    pub at: String,
    /// What was found.
    pub what: String,
}

/// Objects that nothing names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Strange {
    /// How many.
    pub objects: u64,
    /// Their size together.
    pub bytes: u64,
    /// The keys of the first of them.
    pub keys: Vec<String>,
}

impl Strange {
    fn add(&mut self, meta: &ObjectMeta) {
        self.objects += 1;
        self.bytes += meta.size;
        if self.keys.len() < SHOWN {
            self.keys.push(meta.key.clone());
        }
    }
}

impl Findings {
    /// Notes damage; twice the same counts once.
    pub fn damaged(&mut self, at: &str, what: impl Into<String>) {
        let damage = Damage {
            at: at.to_owned(),
            what: what.into(),
        };
        if self.damaged.contains(&damage) {
            return;
        }
        self.damages += 1;
        if self.damaged.len() < SHOWN {
            self.damaged.push(damage);
        }
    }

    /// Notes an object that nothing names.
    pub fn strange(&mut self, meta: &ObjectMeta, now_ms: u64) {
        let is_old = meta.modified_ms.saturating_add(SCRUB_AFTER_MS) <= now_ms;
        match is_old {
            true => self.unreachable.add(meta),
            false => self.recent.add(meta),
        }
    }

    /// Notes an error where it tells of damage; any other stays one.
    pub fn take(&mut self, error: StoreError) -> Result<(), StoreError> {
        match error {
            StoreError::Damaged { key, what }
            | StoreError::Segment(SegmentError::Corrupt { key, what })
            | StoreError::Run(RunError::Corrupt { key, what }) => {
                self.damaged(&key, what);
                Ok(())
            }
            error => Err(error),
        }
    }
}
