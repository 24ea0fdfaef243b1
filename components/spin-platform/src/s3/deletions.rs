//! Deleting objects, many in one request where the storage can.

use dayfly_core::objects::ObjectError;
use futures::{StreamExt, TryStreamExt};
use rusty_s3::actions::ObjectIdentifier;

use super::answer::error_code;
use super::attempts::Parcel;
use super::objects::SMALL;
use super::{Client, Response, Room, TenantObjects, Transport};

/// The most keys of one request.
const BATCH: usize = 1_000;
/// Deletions under way at once where the storage knows no others.
const CONCURRENT: usize = 16;

impl<T: Transport> TenantObjects<'_, T> {
    /// As the platform's `delete`.
    pub async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.client.delete_one(&self.path(key)?).await
    }

    /// As the platform's `delete-many`, of any number.
    pub async fn delete_many(&self, keys: &[String]) -> Result<(), ObjectError> {
        let paths = keys.iter().map(|key| self.path(key));
        let paths: Vec<String> = paths.collect::<Result<_, _>>()?;
        for batch in paths.chunks(BATCH) {
            self.client.delete_batch(batch).await?;
        }
        Ok(())
    }
}

impl<T: Transport> Client<T> {
    async fn delete_one(&self, path: &str) -> Result<(), ObjectError> {
        let config = &self.config;
        let action = config.bucket.delete_object(Some(&config.credentials), path);
        let room = Room::new(SMALL);
        let sent = self.send(action, Parcel::default(), &room, self.patience());
        let response = sent.await.answer?;
        if response.is_success() {
            return Ok(());
        }
        match self.explain(&response) {
            ObjectError::NotFound => Ok(()),
            error => Err(error),
        }
    }

    /// In one request where the storage can, else one by one. Remembers which.
    async fn delete_batch(&self, paths: &[String]) -> Result<(), ObjectError> {
        if !self.one_by_one.get() {
            let response = self.ask_to_delete(paths).await?;
            if response.is_success() {
                return self.judge_deletions(&response);
            }
            if !is_unknown(&response) {
                return Err(match self.explain(&response) {
                    ObjectError::NotFound => self.nonsense("404 to a deletion"),
                    error => error,
                });
            }
            self.one_by_one.set(true);
        }
        futures::stream::iter(paths)
            .map(Ok)
            .try_for_each_concurrent(CONCURRENT, |path| self.delete_one(path))
            .await
    }

    async fn ask_to_delete(&self, paths: &[String]) -> Result<Response, ObjectError> {
        let config = &self.config;
        let keys: Vec<ObjectIdentifier> = paths
            .iter()
            .map(|path| ObjectIdentifier::new(path.clone()))
            .collect();
        let credentials = Some(&config.credentials);
        let mut action = config.bucket.delete_objects(credentials, keys.iter());
        // Only what failed is answered.
        action.set_quiet(true);
        let (body, digest) = action.clone().body_with_md5();
        let headers = [("content-md5", digest.as_str())];
        let parcel = Parcel {
            headers: &headers,
            body: body.as_bytes(),
            fails_late: true,
        };
        let room = Room::new(SMALL);
        let sent = self.send(action, parcel, &room, self.patience());
        sent.await.answer
    }

    /// Each key may have failed by itself.
    fn judge_deletions(&self, response: &Response) -> Result<(), ObjectError> {
        let text = response.text();
        if !text.trim().is_empty() && !text.contains("DeleteResult") {
            return Err(self.nonsense("a deletion of many"));
        }
        let codes = text.split("<Error>").skip(1).map(|error| {
            let code = error.split_once("<Code>").map(|(_, code)| code);
            let code = code.and_then(|code| code.split_once("</Code>"));
            code.map_or("", |(code, _)| code)
        });
        let mut failed = codes.filter(|code| !matches!(*code, "NoSuchKey" | "NoSuchVersion"));
        match failed.next() {
            None => Ok(()),
            Some(code @ "AccessDenied") => Err(self.explain_code(403, code)),
            Some(code) => Err(self.explain_code(500, code)),
        }
    }
}

/// Not every S3 has deletions of many.
fn is_unknown(response: &Response) -> bool {
    let code = error_code(response).unwrap_or_default();
    matches!(response.status, 405 | 501) || matches!(code, "NotImplemented" | "MethodNotAllowed")
}
