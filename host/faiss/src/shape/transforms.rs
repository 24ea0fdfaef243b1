//! What vectors go through before they are compared.

use std::io::{Read, Seek};

use super::walk::Walk;
use super::{Header, Structure, corrupt, header, must};
use crate::error::Result;

const MOST: i32 = 8;

pub(super) fn index<S: Read + Seek>(
    walk: &mut Walk<'_, S>,
    depth: u32,
) -> Result<(Header, Structure)> {
    let header = header(walk)?;
    let transforms = walk.i32()?;
    must(
        (0..=MOST).contains(&transforms),
        "transforms of an impossible number",
    )?;
    let mut dimension = header.dimension;
    for _ in 0..transforms {
        dimension = transform(walk, dimension)?;
    }
    let under = super::index(walk, depth + 1)?;
    let fits = under.dimension == dimension && under.rows == header.rows;
    must(fits, "transforms do not fit their index")?;
    Ok((header, Structure::Transformed))
}

/// What a transform has, which has to fit dimensions that follow.
enum Parts {
    Matrix {
        numbers: u64,
        bias: Option<u64>,
    },
    /// A number for each component that comes out.
    Each(u64),
    None,
}

/// Goes through a transform of vectors of that dimension; answers that of those which come out.
fn transform<S: Read + Seek>(walk: &mut Walk<'_, S>, dimension: u64) -> Result<u64> {
    let kind = walk.array()?;
    let parts = match &kind {
        b"rrot" | b"LTra" => matrix(walk)?,
        b"PCAm" | b"PcAm" | b"Pcam" => {
            analysis(walk, &kind)?;
            matrix(walk)?
        }
        b"RmDT" | b"VCnt" => Parts::Each(walk.vector(4)?),
        b"VNrm" => {
            walk.skip(4)?;
            Parts::None
        }
        _ => return Err(corrupt("a transform of an unknown kind")),
    };
    let (from, to, is_trained) = (walk.i32()?, walk.i32()?, walk.bool()?);
    must(is_trained, "a transform that has not been trained")?;
    must(
        u64::try_from(from) == Ok(dimension),
        "transforms do not fit",
    )?;
    let to = u64::try_from(to).ok().filter(|to| *to > 0);
    let to = to.ok_or_else(|| corrupt("transforms do not fit"))?;
    let fits = match parts {
        Parts::Matrix { numbers, bias } => {
            dimension.checked_mul(to) == Some(numbers) && bias.is_none_or(|bias| bias == to)
        }
        Parts::Each(numbers) => numbers == to,
        Parts::None => to == dimension,
    };
    must(fits, "a transform without some of its numbers")?;
    Ok(to)
}

fn matrix<S: Read + Seek>(walk: &mut Walk<'_, S>) -> Result<Parts> {
    let has_bias = walk.bool()?;
    let (numbers, bias) = (walk.vector(4)?, walk.vector(4)?);
    Ok(Parts::Matrix {
        numbers,
        bias: has_bias.then_some(bias),
    })
}

/// What a principal component analysis has beside its matrix.
fn analysis<S: Read + Seek>(walk: &mut Walk<'_, S>, kind: &[u8; 4]) -> Result<()> {
    walk.skip(4)?;
    if kind == b"Pcam" {
        walk.skip(4)?;
    }
    walk.bool()?;
    if kind != b"PCAm" {
        walk.skip(4)?;
    }
    // The mean, eigenvalues and eigenvectors.
    (0..3).try_for_each(|_| walk.vector(4).map(drop))
}
