//! What every platform grants one instance, so that a guest that works on one works on all.

/// The most bytes that one call hands to a guest.
pub const MAX_ANSWER: u64 = 64 << 20;
/// The most parts of one `get_many`.
pub const MAX_PARTS: usize = 10_000;
/// Parts of one `get_many` that are read at once.
pub const CONCURRENT_GETS: usize = 16;
/// The most keys of one deletion: S3's limit.
pub const MAX_DELETED: usize = 1_000;
/// The most objects in the making; each buffers a part of its object.
pub const MAX_WRITERS: u32 = 4;
