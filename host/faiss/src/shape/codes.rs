//! Quantizers.

use std::io::{Read, Seek};

use super::walk::Walk;
use super::{corrupt, must};
use crate::error::Result;

/// More centroids of a part than anybody trains.
const MOST_BITS: u64 = 16;

/// A product quantizer.
pub(super) struct Product {
    /// Of the code of a part.
    pub bits: u64,
    /// Of the code of a row.
    pub code_bytes: u64,
}

/// Goes through a scalar quantizer; answers the bytes of a row's code.
pub(super) fn scalar<S: Read + Seek>(walk: &mut Walk<'_, S>, dimension: u64) -> Result<u64> {
    let (kind, range) = (walk.i32()?, walk.i32()?);
    walk.skip(4)?;
    let (own_dimension, code_bytes) = (walk.u64()?, walk.u64()?);
    // As ScalarQuantizer.h numbers them, with the numbers that were trained.
    let (bits, trained) = match kind {
        0 => (8, 2 * dimension),
        1 => (4, 2 * dimension),
        2 => (8, 2),
        3 => (4, 2),
        4 | 7 => (16, 0),
        5 | 8 => (8, 0),
        6 => (6, 2 * dimension),
        _ => return Err(corrupt("a scalar quantizer of an unknown type")),
    };
    must(
        (0..=3).contains(&range),
        "a scalar quantizer of an unknown range",
    )?;
    must(
        own_dimension == dimension,
        "a scalar quantizer of another dimension",
    )?;
    must(
        code_bytes == (dimension * bits).div_ceil(8),
        "scalar codes of a wrong size",
    )?;
    must(
        walk.vector(4)? >= trained,
        "a scalar quantizer without its ranges",
    )?;
    Ok(code_bytes)
}

/// Goes through a product quantizer.
pub(super) fn product<S: Read + Seek>(walk: &mut Walk<'_, S>, dimension: u64) -> Result<Product> {
    let (own_dimension, parts, bits) = (walk.u64()?, walk.u64()?, walk.u64()?);
    must(
        own_dimension == dimension,
        "a product quantizer of another dimension",
    )?;
    let is_possible = (1..=dimension).contains(&parts)
        && dimension.is_multiple_of(parts)
        && (1..=MOST_BITS).contains(&bits);
    must(is_possible, "a product quantizer of an impossible shape")?;
    must(
        walk.vector(4)? == dimension << bits,
        "a product quantizer without its centroids",
    )?;
    Ok(Product {
        bits,
        code_bytes: (parts * bits).div_ceil(8),
    })
}
