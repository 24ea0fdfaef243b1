//! An index, and what is known of it.

use std::ffi::{CStr, c_char};

use crate::bridge::{Facts, Handle, KIND_FLAT, KIND_HNSW, KIND_IVF, Refusal, checked};
use crate::error::{Error, Result};

/// Vectors that can be searched.
///
/// Rows are numbered from 0 in the order in which they were added. Any number of threads may
/// search an index at a time.
pub struct Index {
    pub(crate) handle: Handle,
    /// Of a file that must not be written to.
    pub(crate) mapped: bool,
}

/// How an index finds rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Looks at all rows, in full or as codes.
    Flat,
    /// Follows a graph.
    Hnsw,
    /// Looks through the lists that are nearest.
    Ivf {
        /// Number of lists.
        lists: u32,
    },
    /// In a way that this crate has no parameters for.
    Other,
}

/// What scores of an index mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The inner product; more is nearer. That of every index made here.
    InnerProduct,
    /// The squared Euclidean distance; less is nearer.
    L2,
    /// Another one of FAISS's.
    Other,
}

impl Index {
    /// Number of vectors.
    pub fn rows(&self) -> u64 {
        self.facts().rows
    }

    /// Components of each vector.
    pub fn dimension(&self) -> u32 {
        self.facts().dimension
    }

    /// Whether vectors can be added.
    pub fn is_trained(&self) -> bool {
        self.facts().trained != 0
    }

    /// Whether [`Index::train`] must be called before vectors can be added.
    pub fn needs_training(&self) -> bool {
        !self.is_trained()
    }

    /// How rows are found. Transformations of the vectors do not count.
    pub fn kind(&self) -> Kind {
        let facts = self.facts();
        match facts.kind {
            KIND_FLAT => Kind::Flat,
            KIND_HNSW => Kind::Hnsw,
            KIND_IVF => Kind::Ivf { lists: facts.lists },
            _ => Kind::Other,
        }
    }

    /// What scores mean.
    pub fn metric(&self) -> Metric {
        match self.facts().metric {
            0 => Metric::InnerProduct,
            1 => Metric::L2,
            _ => Metric::Other,
        }
    }

    /// What the index is made of, in FAISS's words: `IndexPreTransform over IndexIVFPQ of 1024
    /// lists`.
    pub fn describe(&self) -> String {
        let mut text = [0 as c_char; 256];
        // SAFETY: the handle is live; at most the length is written, with a zero byte at its end.
        let done = checked(|failure| unsafe {
            (self.handle.table().describe)(
                self.handle.as_ptr(),
                text.as_mut_ptr(),
                text.len(),
                failure,
            )
        });
        match done {
            // SAFETY: a text that ends with a zero byte was written.
            Ok(()) => unsafe { CStr::from_ptr(text.as_ptr()) }
                .to_string_lossy()
                .into_owned(),
            Err(_) => String::from("an index"),
        }
    }

    /// Appends the vectors of `rows`, one after another, to `out`, as far as the codes tell them.
    ///
    /// The first call for an index of lists goes through all of them and keeps 8 bytes for each
    /// row.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there are no such rows, or where the index keeps nothing that
    /// vectors can be made of.
    pub fn reconstruct(&self, rows: std::ops::Range<u64>, out: &mut Vec<f32>) -> Result<()> {
        let facts = self.facts();
        if rows.start > rows.end || rows.end > facts.rows {
            return Err(Error::Invalid(format!(
                "rows {} to {} of {}",
                rows.start, rows.end, facts.rows
            )));
        }
        let count = rows.end - rows.start;
        if count == 0 {
            return Ok(());
        }
        let before = out.len();
        let length = usize::try_from(count * u64::from(facts.dimension));
        let length = length.map_err(|_| Error::OutOfMemory)?;
        out.try_reserve(length).map_err(|_| Error::OutOfMemory)?;
        out.resize(before + length, 0.0);
        let vectors = out[before..].as_mut_ptr();
        // SAFETY: the handle is live, it has the rows, and there is room for their vectors.
        checked(|failure| unsafe {
            (self.handle.table().reconstruct)(
                self.handle.as_ptr(),
                rows.start,
                count,
                vectors,
                failure,
            )
        })
        .map_err(|refusal| {
            out.truncate(before);
            Refusal::invalid(refusal)
        })
    }

    pub(crate) fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        // SAFETY: both are live.
        unsafe { (self.handle.table().facts)(self.handle.as_ptr(), &raw mut facts) };
        facts
    }
}

/// Counts the rows of `vectors`, which must be whole and of a length that no inner product
/// overflows with: where distances are no numbers, FAISS reads outside of its tables.
///
/// # Errors
/// [`Error::Invalid`] otherwise.
pub(crate) fn count_rows(vectors: &[f32], dimension: u32) -> Result<u64> {
    let width = dimension as usize;
    if width == 0 || !vectors.len().is_multiple_of(width) {
        return Err(Error::Invalid(format!(
            "{} numbers are no whole vectors of {dimension} components",
            vectors.len()
        )));
    }
    let finite = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().is_finite();
    match vectors.chunks_exact(width).position(|row| !finite(row)) {
        Some(row) => Err(Error::Invalid(format!(
            "vector {row} has components that are no numbers or too large"
        ))),
        None => Ok((vectors.len() / width) as u64),
    }
}
