//! Codes, which are vectors in a byte for each component, and which of many are nearest to a query.
//!
//! What reads them is elsewhere: whoever has the bytes, a guest or its host, looks through them by
//! this, and both find the same.

mod nearest;
mod top;

use std::ops::Range;

pub use nearest::{DamagedCodes, Nearest};
pub use top::{Candidate, Top};

/// A query's code, and the factor that turns it back into components.
#[derive(Debug, Clone, PartialEq)]
pub struct CodedQuery {
    /// A byte for each component, in two's complement.
    pub code: Vec<u8>,
    /// The factor.
    pub scale: f32,
}

/// The codes of consecutive rows in an object, their factors, and which rows may be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSpan {
    /// The object.
    pub key: String,
    /// From the first row's code to the last row's factor.
    pub bytes: Range<u64>,
    /// Where the first row's factor is, in bytes behind its code: factors are f32, little-endian.
    pub scales_at: u64,
    /// The rows that may be found, ascending and apart from one another; the first row is 0.
    pub live: Vec<Range<u32>>,
}

/// The product of two codes of equal length. Exact up to 65,536 components.
#[inline(always)]
pub fn dot_codes(a: &[u8], b: &[u8]) -> i32 {
    a.iter()
        .zip(b)
        .map(|(&x, &y)| i32::from(i16::from(x as i8) * i16::from(y as i8)))
        .sum()
}
