//! All tenants' objects, in a directory or a bucket, in the types of `core`.
//!
//! What a storage does otherwise than `core` needs it (durability, order, conditional writes, errors) is
//! mended here, and nowhere else. Who may see what, and how much, is not decided here.

mod at_hand;
mod blocking;
mod bucket;
mod chance;
mod clock;
mod creation;
mod data;
mod durable_local;
#[cfg(test)]
pub(crate) mod failing;
mod failure;
mod listing;
mod many;
mod nearest;
mod objects;
mod probe;
mod walk;

pub use blocking::{Blocking, run_waiting};
pub use chance::{NoChance, random_id};
pub use clock::{SystemClock, now_ms};
pub use data::{Data, DataError};
pub use dayfly_core::objects::{OWN_FOLDER, ObjectError as Failure};
pub use objects::{AnswerLimit, Storage, TenantObjects, Writer};
pub use probe::{Unsound, ensure_sound, try_out};
