//! What a file has to look like before FAISS reads it.
//!
//! FAISS's reader takes lengths as they come, computes with parts that do not fit each other, calls
//! itself as deep as a file says, and knows kinds that nobody here uses. So a file is gone through
//! first: it passes where it is whole and of a kind that is searched here, and all of its parts have
//! the sizes that they have to have. What stands in them, such as links and numbers of rows,
//! `bridge/check.cpp` looks at afterwards. The format is that of FAISS 1.12.0 (`index_write.cpp`).

mod codes;
mod lists;
mod transforms;
mod walk;

use std::io::{Read, Seek};

use walk::Walk;

use crate::error::{Error, Result};

/// Indexes lie in each other: transforms, lists, a graph of centroids and its vectors.
const MOST_DEPTH: u32 = 4;
/// More components than any model gives.
const MOST_COMPONENTS: i32 = 1 << 16;
/// FAISS's numbers of the inner product and of the squared distance.
const USUAL_METRICS: std::ops::RangeInclusive<i32> = 0..=1;
/// And of all that there are.
const METRICS: [i32; 11] = [0, 1, 2, 3, 4, 20, 21, 22, 23, 24, 25];

const KINDS: &str = "an index of a kind that is not read here: use a flat one, HNSW or IVF over plain \
    vectors, SQ or PQ codes, perhaps under OPQ, PCA or a rotation";

/// Goes through an index of at most so many bytes.
///
/// # Errors
/// [`Error::Corrupt`] where it is not as FAISS writes one of a kind that is read here, and
/// [`Error::Io`] where the source fails.
pub(crate) fn check(source: &mut (impl Read + Seek), bytes: u64) -> Result<()> {
    index(&mut Walk::new(source, bytes), 0).map(drop)
}

/// What is known of an index once it was gone through.
struct Shape {
    dimension: u64,
    rows: u64,
    structure: Structure,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Structure {
    Flat,
    Scalar,
    Product { bits: u64 },
    Graph,
    Lists,
    Transformed,
}

/// What every index begins with.
struct Header {
    dimension: u64,
    rows: u64,
}

fn index<S: Read + Seek>(walk: &mut Walk<'_, S>, depth: u32) -> Result<Shape> {
    must(
        depth <= MOST_DEPTH,
        "indexes that lie in each other too deep",
    )?;
    let kind = walk.array()?;
    let (header, structure) = match &kind {
        b"IxFI" | b"IxF2" | b"IxFl" => flat(walk)?,
        b"IxSQ" => scalar(walk)?,
        b"IxPq" | b"IxPo" | b"IxPQ" => product(walk, &kind)?,
        b"IHNf" | b"IHNs" | b"IHNp" => graph(walk, &kind, depth)?,
        b"IwFl" | b"IwSq" | b"IwSQ" | b"IwPQ" => lists::index(walk, &kind, depth)?,
        b"IxPT" => transforms::index(walk, depth)?,
        _ => return Err(Error::Corrupt(KINDS.to_owned())),
    };
    Ok(Shape {
        dimension: header.dimension,
        rows: header.rows,
        structure,
    })
}

fn header<S: Read + Seek>(walk: &mut Walk<'_, S>) -> Result<Header> {
    let (dimension, rows) = (walk.i32()?, walk.i64()?);
    walk.skip(16)?;
    let (is_trained, metric) = (walk.bool()?, walk.i32()?);
    must(
        (1..=MOST_COMPONENTS).contains(&dimension),
        "an index of an impossible shape",
    )?;
    must(is_trained, "an index that has not been trained")?;
    must(
        METRICS.contains(&metric),
        "rows that are compared in an unknown way",
    )?;
    if !USUAL_METRICS.contains(&metric) {
        walk.skip(4)?;
    }
    Ok(Header {
        dimension: dimension.unsigned_abs().into(),
        rows: u64::try_from(rows).map_err(|_| corrupt("an index of an impossible shape"))?,
    })
}

fn flat<S: Read + Seek>(walk: &mut Walk<'_, S>) -> Result<(Header, Structure)> {
    let header = header(walk)?;
    let components = walk.vector(4)?;
    let wanted = header.rows.checked_mul(header.dimension);
    must(
        wanted == Some(components),
        "more or fewer vectors than rows",
    )?;
    Ok((header, Structure::Flat))
}

fn scalar<S: Read + Seek>(walk: &mut Walk<'_, S>) -> Result<(Header, Structure)> {
    let header = header(walk)?;
    let code_bytes = codes::scalar(walk, header.dimension)?;
    codes_of(walk, &header, code_bytes)?;
    Ok((header, Structure::Scalar))
}

fn product<S: Read + Seek>(walk: &mut Walk<'_, S>, kind: &[u8; 4]) -> Result<(Header, Structure)> {
    let header = header(walk)?;
    let codes::Product { bits, code_bytes } = codes::product(walk, header.dimension)?;
    codes_of(walk, &header, code_bytes)?;
    if kind != b"IxPQ" {
        // How they are compared, whether their signs are encoded, and a threshold.
        walk.skip(4)?;
        walk.bool()?;
        walk.skip(4)?;
    }
    Ok((header, Structure::Product { bits }))
}

fn codes_of<S: Read + Seek>(walk: &mut Walk<'_, S>, header: &Header, bytes: u64) -> Result<()> {
    let wanted = header.rows.checked_mul(bytes);
    must(
        wanted == Some(walk.vector(1)?),
        "more or fewer codes than rows",
    )
}

fn graph<S: Read + Seek>(
    walk: &mut Walk<'_, S>,
    kind: &[u8; 4],
    depth: u32,
) -> Result<(Header, Structure)> {
    let header = header(walk)?;
    // Probabilities of levels, and the links that a row has up to each.
    walk.vector(8)?;
    walk.vector(4)?;
    let (levels, offsets) = (walk.vector(4)?, walk.vector(8)?);
    let fits = levels == header.rows && header.rows.checked_add(1) == Some(offsets);
    must(fits, "a graph of another number of rows")?;
    // Links; the entry, the highest level, the breadth of building and searching, and another one.
    walk.vector(4)?;
    walk.skip(5 * 4)?;
    let vectors = index(walk, depth + 1)?;
    let of_kind = match (kind, vectors.structure) {
        (b"IHNf", Structure::Flat) | (b"IHNs", Structure::Scalar) => true,
        // FAISS computes a table of all pairs of centroids.
        (b"IHNp", Structure::Product { bits }) => bits <= 8,
        _ => false,
    };
    must(of_kind, "a graph over vectors of an unknown kind")?;
    let same = vectors.dimension == header.dimension && vectors.rows == header.rows;
    must(same, "a graph over other vectors")?;
    Ok((header, Structure::Graph))
}

fn must(holds: bool, text: &str) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(corrupt(text)),
    }
}

fn corrupt(text: &str) -> Error {
    Error::Corrupt(text.to_owned())
}
