//! What goes wrong with uploads.

use thiserror::Error;

use super::{LIFE_S, MOST_PARTS, PART_BYTES};
use crate::files::FileError;
use crate::objects::ObjectError;

/// Why an upload does not go on.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum UploadError {
    /// There is none of this id.
    #[error("No such Upload object: {0}.")]
    NoSuchUpload(String),
    /// It was not completed in its time.
    #[error(
        "The upload '{0}' has expired, {LIFE_S} seconds after it was created; create another and send \
         its parts again."
    )]
    Expired(String),
    /// It has ended otherwise, for good.
    #[error("The upload '{id}' is {how}, and stays so; create another.")]
    Ended {
        /// The upload's.
        id: String,
        /// `completed` or `cancelled`.
        how: &'static str,
    },
    /// It has as many parts as one may have.
    #[error(
        "The upload has {MOST_PARTS} parts, which is the most; send larger parts, of up to {PART_BYTES} \
         bytes."
    )]
    Full,
    /// The parts that are to make the file do not make it.
    #[error("{0}")]
    WrongParts(String),
    /// It was completed before, with other parts.
    #[error("The upload is completed, with other parts; create another.")]
    OtherParts,
    /// It was completed before, without this checksum.
    #[error(
        "The upload is completed, and was not compared with this 'md5'; repeat what completed it, or \
         compare the file's content."
    )]
    Uncompared,
    /// The parts are not what was announced.
    #[error(
        "The MD5 of the parts is {found}, and 'md5' is {expected}; compare the order of 'part_ids', and \
         send the parts that differ again."
    )]
    WrongChecksum {
        /// That of the parts in their order.
        found: String,
        /// What was announced.
        expected: String,
    },
    /// A part went while it was read.
    #[error("A part of the upload was removed meanwhile; create another upload.")]
    PartRemoved,
    /// It became a file, which was deleted.
    #[error("The upload was completed, and its file deleted since; create another.")]
    FileDeleted,
    /// Its record cannot be read, and asking again does not help.
    #[error("An upload's record is damaged: {0}.")]
    Damaged(String),
    /// Its record cannot be written.
    #[error("The upload cannot be described: {0}.")]
    Unwritable(String),
    /// Its file cannot be had.
    #[error(transparent)]
    File(#[from] FileError),
    /// Whatever the storage answers.
    #[error(transparent)]
    Storage(#[from] ObjectError),
}
