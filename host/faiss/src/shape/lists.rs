//! Inverted lists.

use std::io::{Read, Seek};

use super::walk::Walk;
use super::{Header, Structure, codes, corrupt, header, must};
use crate::error::Result;

/// Bytes of the number of a row.
const ID_BYTES: u64 = 8;

pub(super) fn index<S: Read + Seek>(
    walk: &mut Walk<'_, S>,
    kind: &[u8; 4],
    depth: u32,
) -> Result<(Header, Structure)> {
    let header = header(walk)?;
    let (lists, probed) = (walk.u64()?, walk.u64()?);
    must(
        lists > 0 && i32::try_from(lists).is_ok() && probed > 0,
        "no lists",
    )?;
    let centroids = super::index(walk, depth + 1)?;
    // FAISS computes with the centroids before anybody else sees them.
    let fits = centroids.dimension == header.dimension && centroids.rows == lists;
    must(fits, "a coarse quantizer of another shape")?;
    let has_map = walk.array()? != [0] || walk.vector(ID_BYTES)? > 0;
    must(!has_map, "lists with a map of their rows")?;
    let code_bytes = code_bytes(walk, kind, header.dimension)?;
    let rows = contents(walk, lists, code_bytes)?;
    must(rows == header.rows, "lists of another number of rows")?;
    Ok((header, Structure::Lists))
}

fn code_bytes<S: Read + Seek>(
    walk: &mut Walk<'_, S>,
    kind: &[u8; 4],
    dimension: u64,
) -> Result<u64> {
    let (told, wanted) = match kind {
        b"IwFl" => return Ok(dimension * 4),
        b"IwPQ" => {
            walk.bool()?;
            let told = walk.u64()?;
            (told, codes::product(walk, dimension)?.code_bytes)
        }
        _ => {
            let wanted = codes::scalar(walk, dimension)?;
            let told = walk.u64()?;
            if kind == b"IwSq" {
                walk.bool()?;
            }
            (told, wanted)
        }
    };
    must(told == wanted, "codes of a wrong size")?;
    Ok(wanted)
}

/// Goes through the lists themselves; answers how many rows they have.
fn contents<S: Read + Seek>(walk: &mut Walk<'_, S>, lists: u64, code_bytes: u64) -> Result<u64> {
    must(
        &walk.array()? == b"ilar",
        "inverted lists that are kept elsewhere",
    )?;
    let same = walk.u64()? == lists && walk.u64()? == code_bytes;
    must(same, "inverted lists of another shape")?;
    let rows = match &walk.array()? {
        b"full" => all_sizes(walk, lists)?,
        b"sprs" => some_sizes(walk, lists)?,
        _ => return Err(corrupt("inverted lists of an unknown form")),
    };
    let bytes = rows.checked_mul(code_bytes + ID_BYTES);
    walk.skip(bytes.ok_or_else(too_many)?)?;
    Ok(rows)
}

/// The rows of each list.
fn all_sizes<S: Read + Seek>(walk: &mut Walk<'_, S>, lists: u64) -> Result<u64> {
    must(walk.u64()? == lists, "inverted lists of another number")?;
    let mut rows = 0_u64;
    for _ in 0..lists {
        rows = rows.checked_add(walk.u64()?).ok_or_else(too_many)?;
    }
    Ok(rows)
}

/// The lists that are not empty, each with its rows.
fn some_sizes<S: Read + Seek>(walk: &mut Walk<'_, S>, lists: u64) -> Result<u64> {
    let numbers = walk.u64()?;
    must(numbers.is_multiple_of(2), "a list without its size")?;
    let (mut rows, mut next) = (0_u64, 0);
    for _ in 0..numbers / 2 {
        let (list, size) = (walk.u64()?, walk.u64()?);
        must((next..lists).contains(&list), "inverted lists out of order")?;
        next = list + 1;
        rows = rows.checked_add(size).ok_or_else(too_many)?;
    }
    Ok(rows)
}

fn too_many() -> crate::error::Error {
    corrupt("inverted lists of more rows than there can be")
}
