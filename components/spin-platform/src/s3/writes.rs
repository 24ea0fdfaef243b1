//! Creating an object only where it is absent, also when the answer is lost.

use std::time::Duration;

use dayfly_core::objects::limits::CONCURRENT_PUTS;
use dayfly_core::objects::{NewObject, ObjectError};
use futures::StreamExt;

use super::answer::STORAGE;
use super::attempts::{Outcome, Parcel, Patience};
use super::objects::SMALL;
use super::{Client, Response, Room, TenantObjects, Transport};

/// Names the call that wrote an object, so that a call whose answer was lost knows its own. Two
/// writers may write the same bytes, so the bytes do not tell.
pub(super) const WRITER: &str = "x-amz-meta-dayfly-writer";
/// For finding out what became of a write whose answer was lost, after its own deadline.
const READ_BACK: Duration = Duration::from_secs(5);

impl<T: Transport> TenantObjects<'_, T> {
    /// As the platform's `put`.
    pub async fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        let path = self.path(key)?;
        self.client.put_at(&path, data).await
    }

    /// As the platform's `put-new`. An answer that is lost is found out by reading back whose
    /// object it is; `unavailable` when that cannot be told.
    pub async fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        let path = self.path(key)?;
        let token = self.client.token();
        let headers = [("if-none-match", "*"), (WRITER, &token)];
        let Outcome { answer, doubtful } = self.client.write(&path, &headers, data).await;
        match answer {
            Ok(response) if response.is_success() => Ok(()),
            Ok(response) if response.status == 412 && !doubtful => Err(ObjectError::AlreadyExists),
            Ok(response) if response.status != 412 => Err(self.client.creation_refusal(&response)),
            Err(error) if !doubtful => Err(error),
            Ok(_) | Err(_) => match self.client.written_by(&path, &token).await? {
                true => Ok(()),
                false => Err(ObjectError::AlreadyExists),
            },
        }
    }

    /// As the platform's `put-new-many`.
    pub async fn put_new_many(&self, objects: Vec<NewObject>) -> Vec<Result<(), ObjectError>> {
        futures::stream::iter(objects)
            .map(async |(key, data)| self.put_new(&key, &data).await)
            .buffered(CONCURRENT_PUTS)
            .collect()
            .await
    }
}

impl<T: Transport> Client<T> {
    pub(super) async fn put_at(&self, path: &str, data: &[u8]) -> Result<(), ObjectError> {
        let response = self.write(path, &[], data).await.answer?;
        match response.is_success() {
            true => Ok(()),
            false => Err(self.refusal(&response)),
        }
    }

    async fn write(&self, path: &str, headers: &[(&str, &str)], data: &[u8]) -> Outcome {
        let config = &self.config;
        let action = config.bucket.put_object(Some(&config.credentials), path);
        let parcel = Parcel {
            headers,
            body: data,
            ..Parcel::default()
        };
        let room = Room::new(SMALL);
        self.send(action, parcel, &room, self.patience()).await
    }

    /// Whether the object is that of the call which drew `token`; `unavailable` when there is
    /// none, for it may have been there.
    pub(super) async fn written_by(&self, path: &str, token: &str) -> Result<bool, ObjectError> {
        match self.examine(path, self.patience_of(READ_BACK)).await {
            Ok(response) => Ok(response.header(WRITER) == Some(token)),
            Err(ObjectError::NotFound) => Err(ObjectError::Unavailable(
                "the object store failed; try again".to_owned(),
            )),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn examine(
        &self,
        path: &str,
        patience: Patience,
    ) -> Result<Response, ObjectError> {
        let config = &self.config;
        let action = config.bucket.head_object(Some(&config.credentials), path);
        let room = Room::new(SMALL);
        let response = self
            .send(action, Parcel::default(), &room, patience)
            .await
            .answer?;
        match response.is_success() {
            true => Ok(response),
            false => Err(self.explain(&response)),
        }
    }

    /// As `refusal`, of a write that creates.
    fn creation_refusal(&self, response: &Response) -> ObjectError {
        self.refusal(response).advising_where_unsupported(|| {
            format!(
                "{STORAGE} does not support conditional writes (`If-None-Match: *`), and Dayfly needs them"
            )
        })
    }

    /// As `explain`, of a write: it finds no missing object.
    pub(super) fn refusal(&self, response: &Response) -> ObjectError {
        match self.explain(response) {
            ObjectError::NotFound => self.nonsense("404 to a write"),
            error => error,
        }
    }
}
