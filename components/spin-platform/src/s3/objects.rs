//! Reading and writing a tenant's objects. Large ones are written by `upload`.

use dayfly_core::objects::keys::check_key;
use dayfly_core::objects::limits::{CONCURRENT_GETS, MAX_ANSWER, MAX_PARTS};
use dayfly_core::objects::{ObjectError, ObjectMeta};
use futures::StreamExt;

use super::attempts::Parcel;
use super::{Client, Response, Room, Transport};

/// The most bytes of an answer that is not an object's.
pub(super) const SMALL: u64 = 8 << 20;

/// An offset and a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes {
    /// Of the first byte.
    pub offset: u64,
    /// In bytes.
    pub length: u64,
}

/// The objects of one tenant. No key leads out of it.
pub struct TenantObjects<'a, T> {
    pub(super) client: &'a Client<T>,
    /// Ends in `/`.
    pub(super) root: String,
}

impl<T: Transport> TenantObjects<'_, T> {
    /// As the platform's `get`.
    pub async fn get(&self, key: &str, range: Option<Bytes>) -> Result<Vec<u8>, ObjectError> {
        self.read(key, range, &Room::new(MAX_ANSWER)).await
    }

    /// As the platform's `get-many`. All answers together are bounded like a single one; parts
    /// past the bound are too large.
    pub async fn get_many(
        &self,
        parts: Vec<(String, Option<Bytes>)>,
    ) -> Vec<Result<Vec<u8>, ObjectError>> {
        if parts.len() > MAX_PARTS {
            let text = format!("one call gets at most {MAX_PARTS} parts");
            return vec![Err(ObjectError::TooLarge(text)); parts.len()];
        }
        let room = &Room::new(MAX_ANSWER);
        futures::stream::iter(parts)
            .map(async |(key, range)| self.read(&key, range, room).await)
            .buffered(CONCURRENT_GETS)
            .collect()
            .await
    }

    async fn read(
        &self,
        key: &str,
        range: Option<Bytes>,
        room: &Room,
    ) -> Result<Vec<u8>, ObjectError> {
        let path = self.path(key)?;
        let Some(range) = range else {
            let response = self.fetch(&path, &[], room).await?;
            return match response.is_success() {
                true => Ok(response.body),
                false => Err(self.client.explain(&response)),
            };
        };
        if range.length == 0 {
            self.head(key).await?;
            return Ok(Vec::new());
        }
        let last = range.offset.saturating_add(range.length - 1);
        let wanted = format!("bytes={}-{last}", range.offset);
        let response = self.fetch(&path, &[("range", &wanted)], room).await?;
        match response.status {
            206 => Ok(response.body),
            // It begins past the end.
            416 => Ok(Vec::new()),
            200 => Ok(cut(response.body, range)),
            _ => Err(self.client.explain(&response)),
        }
    }

    async fn fetch(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        room: &Room,
    ) -> Result<Response, ObjectError> {
        let config = &self.client.config;
        let action = config.bucket.get_object(Some(&config.credentials), path);
        let parcel = Parcel {
            headers,
            ..Parcel::default()
        };
        let patience = self.client.patience();
        self.client
            .send(action, parcel, room, patience)
            .await
            .answer
    }

    /// As the platform's `head`.
    pub async fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        let path = self.path(key)?;
        let response = self.client.examine(&path, self.client.patience()).await?;
        let size = response
            .header("content-length")
            .and_then(|size| size.parse().ok());
        let modified = response
            .header("last-modified")
            .and_then(|date| httpdate::parse_http_date(date).ok())
            .and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
        let (Some(size), Some(modified)) = (size, modified) else {
            return Err(self.client.nonsense("no size or date of an object"));
        };
        Ok(ObjectMeta {
            key: key.to_owned(),
            size,
            modified_ms: u64::try_from(modified.as_millis()).unwrap_or_default(),
        })
    }

    /// The key within the bucket.
    pub(super) fn path(&self, key: &str) -> Result<String, ObjectError> {
        check_key(key)?;
        Ok(format!("{}{key}", self.root))
    }
}

/// The range of an object that came whole, from a server that knows no ranges.
fn cut(mut body: Vec<u8>, range: Bytes) -> Vec<u8> {
    let start = usize::try_from(range.offset)
        .unwrap_or(usize::MAX)
        .min(body.len());
    body.drain(..start);
    body.truncate(usize::try_from(range.length).unwrap_or(usize::MAX));
    body
}
