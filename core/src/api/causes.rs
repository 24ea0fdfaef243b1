//! What the errors of `core` are to the API's callers.

use super::{ApiError, Code};
use crate::chunk::StrategyError;
use crate::decode::{DecodeError, Unsupported};
use crate::embedding::{Advice, EmbeddingError};
use crate::files::FileError;
use crate::filter::{AttributeError, FilterError};
use crate::ingest::IngestError;
use crate::ingestion::IngestionError;
use crate::objects::{ObjectError, Obstacle};
use crate::pending::{LastError, PendingError};
use crate::segment::SegmentError;
use crate::store::StoreError;
use crate::store::runs::RunError;
use crate::uploads::UploadError;

impl From<ObjectError> for ApiError {
    fn from(error: ObjectError) -> Self {
        let message = error.to_string();
        match error {
            ObjectError::NotFound => {
                Self::not_found("It does not exist, or was deleted meanwhile.")
            }
            ObjectError::AlreadyExists => {
                Self::conflict("Another request was first; read the present state and try again.")
            }
            ObjectError::Denied(_) => Self::new(Code::InsufficientPermissions, message),
            ObjectError::InvalidKey(_) => Self::invalid_request(message),
            ObjectError::TooLarge(_) => Self::new(Code::TooLarge, message),
            ObjectError::OutOfSpace(_) => Self::new(Code::OutOfSpace, message),
            ObjectError::OverQuota(_) => Self::new(Code::InsufficientQuota, message),
            ObjectError::Unavailable(_) => Self::unavailable(format!(
                "The object storage did not answer as it should ({message}); try again."
            )),
            // Credentials are renewed without anybody's doing, so this may pass.
            ObjectError::Unusable {
                obstacle: Obstacle::Refused,
                ..
            } => Self::unavailable(format!("The object storage refused: {message}.")),
            ObjectError::Unusable { .. } => Self::new(
                Code::UnusableStorage,
                format!("The object storage cannot be used: {message}."),
            ),
        }
    }
}

/// Nobody is told to wait for longer.
const DAY_S: u32 = 86_400;

impl From<EmbeddingError> for ApiError {
    fn from(error: EmbeddingError) -> Self {
        let text = error.to_string();
        match error.advice {
            Advice::Retry { after: None } => Self::new(Code::EmbedderUnavailable, text),
            Advice::Retry { after: Some(after) } => {
                let whole_s = after.as_millis().div_ceil(1_000);
                let whole_s = u32::try_from(whole_s).map_or(DAY_S, |whole_s| whole_s.min(DAY_S));
                Self::new(Code::EmbedderUnavailable, text).retry_after(whole_s)
            }
            Advice::FixRequest => Self::new(Code::EmbedderRefused, text),
            Advice::FixConfiguration => Self::new(Code::EmbedderMisconfigured, text),
            Advice::GiveUp => Self::new(Code::EmbedderProtocol, text),
        }
    }
}

impl From<IngestionError> for ApiError {
    fn from(error: IngestionError) -> Self {
        match error {
            IngestionError::Requester(error) => error.into(),
            IngestionError::Reading(error) => error.into(),
            IngestionError::Embedding(error) => error.into(),
            IngestionError::Writing(error) => error.into(),
            IngestionError::NoText => Self::new(Code::InvalidFile, error.to_string()),
        }
    }
}

impl From<SegmentError> for ApiError {
    fn from(error: SegmentError) -> Self {
        let message = error.to_string();
        match error {
            SegmentError::Invalid(_) => Self::invalid_request(message),
            SegmentError::Storage(fault) => fault.into(),
            SegmentError::Corrupt { .. } => Self::new(Code::Corrupt, message),
            SegmentError::Build(_) => Self::plain(500, message),
        }
    }
}

impl From<RunError> for ApiError {
    fn from(error: RunError) -> Self {
        let message = error.to_string();
        match error {
            RunError::Invalid(_) => Self::invalid_request(message),
            RunError::Storage(fault) => fault.into(),
            RunError::Corrupt { .. } => Self::new(Code::Corrupt, message),
            RunError::Build(_) => Self::plain(500, message),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::NoSuchStore(_) | StoreError::NoSuchFile { .. } => Self::not_found(message),
            StoreError::WrongDimension { .. } => Self::new(Code::DimensionMismatch, message),
            StoreError::TooLarge(_) => Self::new(Code::TooLarge, message),
            StoreError::Contended | StoreError::Full => Self::unavailable(message),
            StoreError::Unconfirmed => Self::new(Code::Unconfirmed, message),
            StoreError::Overtaken => Self::new(Code::Overtaken, message),
            StoreError::NewerFormat { .. } | StoreError::Unwritable(_) => Self::plain(500, message),
            StoreError::Damaged { .. } => Self::new(Code::DamagedObject, message),
            StoreError::Segment(error) => error.into(),
            StoreError::Run(error) => error.into(),
            StoreError::Storage(error) => error.into(),
        }
    }
}

impl From<PendingError> for ApiError {
    fn from(error: PendingError) -> Self {
        let message = error.to_string();
        match error {
            PendingError::Held { retry_after_s } => {
                Self::new(Code::AttemptHeld, message).retry_after(retry_after_s)
            }
            PendingError::Cancelled => Self::new(Code::Cancelled, message),
            PendingError::Contended => Self::unavailable(message),
            PendingError::Damaged { .. } => Self::new(Code::DamagedObject, message),
            PendingError::Store(error) => error.into(),
        }
    }
}

impl From<ApiError> for LastError {
    fn from(error: ApiError) -> Self {
        let code = match (error.code, error.status) {
            // Not the document's fault, and not the server's.
            (
                Some(
                    code @ (Code::EmbedderMisconfigured
                    | Code::EmbedderProtocol
                    | Code::EmbedderUnavailable),
                ),
                _,
            ) => code.name(),
            (Some(Code::Expired), _) => "server_error",
            (_, 415) => "unsupported_file",
            (_, 429) => "rate_limit_exceeded",
            (_, 400 | 413) => "invalid_file",
            _ => "server_error",
        };
        Self::new(code, error.message)
    }
}

impl From<StrategyError> for ApiError {
    fn from(error: StrategyError) -> Self {
        Self::invalid_request(format!("{error}.")).param(error.param)
    }
}

impl From<FilterError> for ApiError {
    fn from(error: FilterError) -> Self {
        Self::invalid_request(format!("{error}.")).param(error.path)
    }
}

impl From<AttributeError> for ApiError {
    fn from(error: AttributeError) -> Self {
        Self::invalid_request(format!("{error}.")).param(error.path)
    }
}

impl From<Unsupported> for ApiError {
    fn from(error: Unsupported) -> Self {
        Self::new(Code::UnsupportedFile, error.to_string())
    }
}

impl From<DecodeError> for ApiError {
    fn from(error: DecodeError) -> Self {
        Self::new(Code::InvalidFile, error.to_string())
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        let message = error.to_string();
        match error {
            IngestError::Strategy(error) => error.into(),
            IngestError::NoText(error) => error.into(),
            IngestError::Cut => Self::not_found(message),
            IngestError::Storage(error) => error.into(),
        }
    }
}

impl From<FileError> for ApiError {
    fn from(error: FileError) -> Self {
        let message = error.to_string();
        match error {
            FileError::NoSuchFile(_) => Self::not_found(message),
            FileError::Damaged(_) => Self::new(Code::DamagedObject, message),
            FileError::Unwritable(_) => Self::plain(500, message),
            FileError::Storage(error) => error.into(),
        }
    }
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        let message = error.to_string();
        match error {
            UploadError::NoSuchUpload(_) | UploadError::PartRemoved | UploadError::FileDeleted => {
                Self::not_found(message)
            }
            UploadError::Expired(_) => Self::new(Code::Expired, message),
            UploadError::Ended { .. } => Self::new(Code::UploadEnded, message),
            UploadError::Full => Self::new(Code::TooManyParts, message),
            UploadError::WrongParts(_) => Self::invalid_request(message).param("part_ids"),
            UploadError::OtherParts => Self::new(Code::UploadEnded, message).param("part_ids"),
            UploadError::Uncompared => Self::new(Code::UploadEnded, message).param("md5"),
            UploadError::WrongChecksum { .. } => {
                Self::new(Code::ChecksumMismatch, message).param("md5")
            }
            UploadError::Damaged(_) => Self::new(Code::DamagedObject, message),
            UploadError::Unwritable(_) => Self::plain(500, message),
            UploadError::File(error) => error.into(),
            UploadError::Storage(error) => error.into(),
        }
    }
}
