//! The platform: who is asking, the tenant's objects, the settings.

use std::ops::Range;

use dayfly_core::api::{ApiError, Code};
use dayfly_core::codes::{Candidate, CodeSpan, CodedQuery};
use dayfly_core::ingestion::Need;
use dayfly_core::objects::limits::{MAX_CREATED, MAX_DELETED};
use dayfly_core::objects::{
    NearestError, NewObject, ObjectError, ObjectMeta, ObjectWriter, Objects, Obstacle, Part,
};

use crate::bindings::dayfly::platform::identity::{self, AuthError, Scope};
use crate::bindings::dayfly::platform::objects::{self as wit, ByteRange};
use crate::bindings::dayfly::platform::{codes, ingestion, settings};

pub use crate::bindings::dayfly::platform::settings::Values as Settings;

/// Confines this instance to the caller's tenant; answers whether the caller may write.
///
/// Errors: 401 for a missing, invalid or expired token, 403 when it lacks the scope that the
/// method needs (`read` to read and search, `write` to change), 503 when it cannot be told now.
pub fn authenticate(authorization: Option<&str>, write: bool) -> Result<bool, ApiError> {
    let principal = identity::authenticate(authorization).map_err(auth_error)?;
    let (needed, name) = match write {
        true => (Scope::Write, "write"),
        false => (Scope::Read, "read"),
    };
    if principal.scopes.contains(&needed) {
        return Ok(principal.scopes.contains(&Scope::Write));
    }
    Err(ApiError::new(
        Code::InsufficientPermissions,
        format!(
            "The token lacks the scope '{name}', which this request needs; use one that has it."
        ),
    ))
}

fn auth_error(error: AuthError) -> ApiError {
    match error {
        AuthError::Missing(message) | AuthError::Invalid(message) | AuthError::Expired(message) => {
            ApiError::new(Code::InvalidApiKey, message)
        }
        AuthError::Unavailable(message) => ApiError::unavailable(message),
    }
}

/// What the operator configured.
pub fn settings() -> Settings {
    settings::get()
}

/// Asks the platform to drive a pending ingestion; false when this instance has to.
pub fn schedule(store: &str, file: &str) -> bool {
    ingestion::schedule(store, file)
}

/// How urgently others need this instance's ingestion to come to the end of a step.
pub fn needed() -> Need {
    match ingestion::needed() {
        ingestion::Need::None => Need::None,
        ingestion::Need::Some => Need::Some,
        ingestion::Need::Urgent => Need::Urgent,
    }
}

/// The tenant's objects, through the platform.
#[derive(Debug, Clone, Copy)]
pub struct PlatformObjects;

impl Objects for PlatformObjects {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        wit::get(key, None).map_err(object_error)
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        wit::get(key, Some(byte_range(&range))).map_err(object_error)
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        let parts: Vec<wit::Part> = parts
            .iter()
            .map(|(key, range)| wit::Part {
                key: key.clone(),
                range: range.as_ref().map(byte_range),
            })
            .collect();
        let found = wit::get_many(&parts);
        found
            .into_iter()
            .map(|data| data.map_err(object_error))
            .collect()
    }

    fn nearest(
        &self,
        spans: &[CodeSpan],
        queries: &[CodedQuery],
        limit: usize,
    ) -> Option<Result<Vec<Vec<Candidate>>, NearestError>> {
        let spans: Vec<codes::Span> = spans.iter().map(code_span).collect();
        let coded = |query: &CodedQuery| codes::Query {
            code: query.code.clone(),
            scale: query.scale,
        };
        let queries: Vec<codes::Query> = queries.iter().map(coded).collect();
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let found = codes::nearest(&spans, &queries, limit)?.map_err(nearest_error);
        let candidate = |one: codes::Candidate| Candidate {
            score: one.score,
            part: one.span,
            row: one.row,
        };
        let of_query = |found: Vec<codes::Candidate>| found.into_iter().map(candidate).collect();
        Some(found.map(|found| found.into_iter().map(of_query).collect()))
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        wit::head(key).map(object_meta).map_err(object_error)
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        wit::put(key, data).map_err(object_error)
    }

    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        wit::put_new(key, data).map_err(object_error)
    }

    fn put_new_many(&self, objects: &[NewObject]) -> Vec<Result<(), ObjectError>> {
        let new_object = |(key, data): &NewObject| wit::NewObject {
            key: key.clone(),
            data: data.clone(),
        };
        let calls = objects.chunks(MAX_CREATED).map(|objects| {
            let objects: Vec<_> = objects.iter().map(new_object).collect();
            wit::put_new_many(&objects)
        });
        calls
            .flatten()
            .map(|answer| answer.map_err(object_error))
            .collect()
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        let found = wit::list(prefix, start_after, limit).map_err(object_error)?;
        Ok(found.into_iter().map(object_meta).collect())
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        wit::folders(prefix).map_err(object_error)
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        wit::delete(key).map_err(object_error)
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), ObjectError> {
        let mut calls = keys.chunks(MAX_DELETED);
        calls.try_for_each(|keys| wit::delete_many(keys).map_err(object_error))
    }

    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        let writer = wit::create(key).map_err(object_error)?;
        Ok(Box::new(PlatformWriter(writer)))
    }
}

struct PlatformWriter(wit::Writer);

impl ObjectWriter for PlatformWriter {
    fn write(&mut self, data: &[u8]) -> Result<(), ObjectError> {
        self.0.write(data).map_err(object_error)
    }

    fn finish(self: Box<Self>) -> Result<u64, ObjectError> {
        wit::Writer::finish(self.0).map_err(object_error)
    }
}

fn byte_range(range: &Range<u64>) -> ByteRange {
    ByteRange {
        offset: range.start,
        length: range.end.saturating_sub(range.start),
    }
}

fn code_span(span: &CodeSpan) -> codes::Span {
    let rows = |rows: &Range<u32>| codes::Rows {
        first: rows.start,
        end: rows.end,
    };
    codes::Span {
        key: span.key.clone(),
        bytes: byte_range(&span.bytes),
        scales_at: span.scales_at,
        live: span.live.iter().map(rows).collect(),
    }
}

fn nearest_error(error: codes::Error) -> NearestError {
    match error {
        codes::Error::Storage(error) => object_error(error).into(),
        codes::Error::Damaged(span) => NearestError::Damaged(span),
        codes::Error::Invalid(why) => NearestError::Invalid(why),
    }
}

fn object_meta(meta: wit::ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        key: meta.key,
        size: meta.size,
        modified_ms: meta.modified_ms,
    }
}

fn object_error(error: wit::Error) -> ObjectError {
    match error {
        wit::Error::NotFound => ObjectError::NotFound,
        wit::Error::AlreadyExists => ObjectError::AlreadyExists,
        wit::Error::Denied(why) => ObjectError::Denied(why),
        wit::Error::InvalidKey(why) => ObjectError::InvalidKey(why),
        wit::Error::TooLarge(why) => ObjectError::TooLarge(why),
        wit::Error::OutOfSpace(why) => ObjectError::OutOfSpace(why),
        wit::Error::OverQuota(why) => ObjectError::OverQuota(why),
        wit::Error::Unavailable(why) => ObjectError::Unavailable(why),
        wit::Error::Unusable(why) => ObjectError::unusable(obstacle(why.obstacle), why.text),
    }
}

fn obstacle(obstacle: wit::Obstacle) -> Obstacle {
    match obstacle {
        wit::Obstacle::NoSuchBucket => Obstacle::NoSuchBucket,
        wit::Obstacle::Unsupported => Obstacle::Unsupported,
        wit::Obstacle::Refused => Obstacle::Refused,
    }
}
