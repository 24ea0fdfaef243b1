//! What goes wrong with stores.

use std::fmt;

use thiserror::Error;

use super::runs::RunError;
use crate::objects::ObjectError;
use crate::segment::SegmentError;

/// Why a store could not be read or changed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StoreError {
    /// It was never made, or was deleted.
    #[error("No vector store found with id '{0}'.")]
    NoSuchStore(String),
    /// The store does not hold the file.
    #[error("No file found with id '{file_id}' in vector store '{store}'.")]
    NoSuchFile {
        /// The store.
        store: String,
        /// The file.
        file_id: String,
    },
    /// Vectors of another dimension than the store's.
    #[error(
        "The embedder gave vectors of {given} components, and this store holds vectors of {store}; \
         use the embedder it was built with, or a new store."
    )]
    WrongDimension {
        /// Components of the store's vectors.
        store: u32,
        /// Components of those that were given.
        given: u32,
    },
    /// What was asked for cannot be kept in a manifest; the text says what to make smaller.
    #[error("{0}")]
    TooLarge(String),
    /// Too many others change the store.
    #[error("The store is being changed by too many requests at once; try again.")]
    Contended,
    /// The store waits for its compaction.
    #[error("The store takes nothing more before its compaction, which is under way; try again.")]
    Full,
    /// Whether the change was made cannot be told: the storage failed, and the store has changed a
    /// lot since.
    #[error(
        "The storage failed, and it cannot be told whether the change was made; read the present \
         state before trying again."
    )]
    Unconfirmed,
    /// Somebody else took the work over, or what it was based on is gone.
    #[error("The work was overtaken by another.")]
    Overtaken,
    /// The store was written by a newer version of this software.
    #[error(
        "The store was written by a newer Dayfly (format {found}, this one reads up to {known}); \
         upgrade this server."
    )]
    NewerFormat {
        /// The manifest's format.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// An object is not what was written.
    #[error("The object {key} is damaged ({what}); restore it from a backup.")]
    Damaged {
        /// Its key.
        key: String,
        /// What was found.
        what: String,
    },
    /// Something cannot be written down.
    #[error("{0}")]
    Unwritable(String),
    /// A segment could not be written or read.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// A run of files could not be written or read.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The storage refused or failed.
    #[error(transparent)]
    Storage(#[from] ObjectError),
}

impl StoreError {
    /// An object that should be readable is not.
    pub fn damaged(key: &str, what: &dyn fmt::Display) -> Self {
        Self::Damaged {
            key: key.to_owned(),
            what: what.to_string(),
        }
    }

    /// Whether the same call may succeed a little later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Contended | Self::Full => true,
            Self::Storage(error)
            | Self::Segment(SegmentError::Storage(error))
            | Self::Run(RunError::Storage(error)) => matches!(error, ObjectError::Unavailable(_)),
            _ => false,
        }
    }

    /// Whether the store waits for its compaction.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full)
    }

    /// Whether no space was left.
    pub fn is_out_of_space(&self) -> bool {
        matches!(
            self,
            Self::Storage(ObjectError::OutOfSpace(_))
                | Self::Segment(SegmentError::Storage(ObjectError::OutOfSpace(_)))
                | Self::Run(RunError::Storage(ObjectError::OutOfSpace(_)))
        )
    }

    /// Whether an object was not there that should have been: it was superseded and removed while
    /// it was read, which the newest version tells.
    pub fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::Storage(ObjectError::NotFound)
                | Self::Segment(SegmentError::Storage(ObjectError::NotFound))
                | Self::Run(RunError::Storage(ObjectError::NotFound))
        )
    }
}
