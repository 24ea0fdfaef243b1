//! What every platform grants one instance, so that a guest that works on one works on all.

/// The most bytes that one call hands to a guest.
pub const MAX_ANSWER: u64 = 64 << 20;
/// The most parts of one `get_many`.
pub const MAX_PARTS: usize = 10_000;
/// The most spans of codes that are looked through by one call.
pub const MAX_SPANS: usize = 4_096;
/// The most rows of one of them, and its most bytes: what a batch of a segment may have.
pub const MAX_SPAN_ROWS: u32 = 1_024;
/// See [`MAX_SPAN_ROWS`].
pub const MAX_SPAN_BYTES: u64 = 576 << 10;
/// The most queries that they are looked through for.
pub const MAX_CODED_QUERIES: usize = 64;
/// The most rows that are answered, to all queries together.
pub const MAX_NEAREST: usize = 65_536;
/// Parts of one `get_many` that are read at once.
pub const CONCURRENT_GETS: usize = 16;
/// The most objects that one call creates.
pub const MAX_CREATED: usize = 1_000;
/// Those of them that are written at once.
pub const CONCURRENT_PUTS: usize = 16;
/// The most keys of one deletion: S3's limit.
pub const MAX_DELETED: usize = 1_000;
/// The most objects in the making; each buffers a part of its object.
pub const MAX_WRITERS: u32 = 4;
