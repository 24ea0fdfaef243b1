//! Making an index.

use std::ffi::CString;

use crate::bridge::{Handle, Refusal, checked};
use crate::error::{Error, Result};
use crate::index::{Index, count_rows};

/// More components than any model has; FAISS counts some of its tables in 32 bits.
const MAX_DIMENSION: u32 = 1 << 16;
const MAX_EF: u32 = 1 << 20;

impl Index {
    /// An empty index of a kind that `factory` names in FAISS's words, for the inner product.
    ///
    /// All seeds are fixed: the same calls on one thread give the same index on one variant of
    /// the instruction set.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no such kind, or not in this dimension.
    pub fn from_factory(dimension: u32, factory: &str) -> Result<Self> {
        if !(1..=MAX_DIMENSION).contains(&dimension) {
            return Err(Error::Invalid(format!(
                "{dimension} components: vectors have 1 to {MAX_DIMENSION}"
            )));
        }
        let text = CString::new(factory)
            .map_err(|_| Error::Invalid("a factory string has no zero bytes".into()))?;
        Ok(Self {
            handle: Handle::from_factory(dimension, &text)?,
            mapped: false,
        })
    }

    /// Sets how many candidates each new row of a graph has its links chosen from. FAISS's own
    /// is 40; more makes a better graph and takes longer. Counts for what is added afterwards.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the index is no graph, or `ef` is 0 or above 2^20.
    pub fn set_ef_construction(&mut self, ef: u32) -> Result<()> {
        self.writable()?;
        if !(1..=MAX_EF).contains(&ef) {
            return Err(Error::Invalid(format!(
                "efConstruction={ef}: it is 1 to {MAX_EF}"
            )));
        }
        let handle = self.handle.as_mut_ptr();
        // SAFETY: the handle is live, and borrowed mutably.
        checked(|failure| unsafe { (self.handle.table().set_ef_construction)(handle, ef, failure) })
            .map_err(Refusal::invalid)
    }

    /// Lets the index learn from a sample of the vectors to come, row after row. Does nothing
    /// where it has nothing to learn.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there are fewer vectors than lists or centroids, or they are not
    /// of the index's dimension.
    pub fn train(&mut self, vectors: &[f32]) -> Result<()> {
        self.writable()?;
        let count = count_rows(vectors, self.dimension())?;
        if self.is_trained() {
            return Ok(());
        }
        if count == 0 {
            return Err(Error::Invalid("no vectors to train with".into()));
        }
        let handle = self.handle.as_mut_ptr();
        // SAFETY: the handle is live and borrowed mutably; the vectors are `count` of its
        // dimension.
        checked(|failure| unsafe {
            (self.handle.table().train)(handle, count, vectors.as_ptr(), failure)
        })
        .map_err(Refusal::invalid)
    }

    /// Adds vectors, row after row, at the end. They are copied.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the index is not trained or is mapped, or the vectors are not of
    /// its dimension.
    pub fn add(&mut self, vectors: &[f32]) -> Result<()> {
        self.writable()?;
        let count = count_rows(vectors, self.dimension())?;
        if !self.is_trained() {
            return Err(Error::Invalid("the index must be trained first".into()));
        }
        if count == 0 {
            return Ok(());
        }
        let handle = self.handle.as_mut_ptr();
        // SAFETY: the handle is live and borrowed mutably; the vectors are `count` of its
        // dimension.
        checked(|failure| unsafe {
            (self.handle.table().add)(handle, count, vectors.as_ptr(), failure)
        })
        .map_err(Refusal::invalid)
    }

    fn writable(&self) -> Result<()> {
        match self.mapped {
            true => Err(Error::Invalid("a mapped index cannot be changed".into())),
            false => Ok(()),
        }
    }
}
