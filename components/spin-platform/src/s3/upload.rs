//! Objects that are written as they come: at once, or in parts.

use std::time::Duration;

use dayfly_core::objects::ObjectError;
use rusty_s3::S3Action;
use rusty_s3::actions::{CompleteMultipartUploadResponse, CreateMultipartUpload};

use super::attempts::Parcel;
use super::objects::SMALL;
use super::writes::WRITER;
use super::{Client, Response, Room, TenantObjects, Transport};

/// An object up to this size is written at once, a larger one in parts of it. S3 takes no less
/// than 5 MiB; two of these fit beside each other into the smallest memory a host gives.
const PART_BYTES: usize = 8 << 20;
/// What is larger is taken for an object in parts.
const AT_ONCE: usize = 1 << 20;
/// S3's limit.
const MAX_PARTS: usize = 10_000;
/// An instance that ends does not wait long for the storage to tidy up.
const ABORT: Duration = Duration::from_secs(5);

/// An object in the making. It has to be ended by [`finish`](Self::finish) or
/// [`abort`](Self::abort).
pub struct Upload {
    path: String,
    buffer: Vec<u8>,
    parts: Option<Parts>,
    size: u64,
}

struct Parts {
    upload: String,
    writer: String,
    etags: Vec<String>,
}

impl<T: Transport> TenantObjects<'_, T> {
    /// As the platform's `create`.
    pub fn create(&self, key: &str) -> Result<Upload, ObjectError> {
        Ok(Upload {
            path: self.path(key)?,
            buffer: Vec::new(),
            parts: None,
            size: 0,
        })
    }
}

impl Upload {
    /// Adds `data` at the end.
    pub async fn write<T: Transport>(
        &mut self,
        client: &Client<T>,
        mut data: &[u8],
    ) -> Result<(), ObjectError> {
        self.size += data.len() as u64;
        while self.buffer.len() + data.len() > PART_BYTES {
            let (fits, rest) = data.split_at(PART_BYTES - self.buffer.len());
            self.append(fits);
            data = rest;
            self.send_part(client).await?;
        }
        self.append(data);
        Ok(())
    }

    /// Room for a whole part at once, where there will be one: growing by doubling would leave
    /// holes in the memory that fit no other part.
    fn append(&mut self, data: &[u8]) {
        if self.buffer.len() + data.len() > AT_ONCE {
            self.buffer.reserve_exact(PART_BYTES - self.buffer.len());
        }
        self.buffer.extend_from_slice(data);
    }

    /// Makes the object visible and durable; answers its size. What fails is aborted.
    pub async fn finish<T: Transport>(mut self, client: &Client<T>) -> Result<u64, ObjectError> {
        let finished = self.end(client).await;
        if finished.is_err() {
            self.abort(client).await;
        }
        finished.map(|()| self.size)
    }

    /// Leaves nothing behind, as far as the storage can be reached: what stays of parts costs
    /// space until the bucket's own rule for incomplete uploads removes it.
    pub async fn abort<T: Transport>(&mut self, client: &Client<T>) {
        let Some(parts) = self.parts.take() else {
            return;
        };
        let config = &client.config;
        let credentials = Some(&config.credentials);
        let bucket = &config.bucket;
        let action = bucket.abort_multipart_upload(credentials, &self.path, &parts.upload);
        let (room, patience) = (Room::new(SMALL), client.patience_of(ABORT));
        let sent = client
            .send(action, Parcel::default(), &room, patience)
            .await;
        if let Err(error) = sent.answer {
            let text = format!("an unfinished upload is left in {}: {error}", config.place);
            client.transport.log(&text);
        }
    }

    async fn end<T: Transport>(&mut self, client: &Client<T>) -> Result<(), ObjectError> {
        if self.parts.is_none() {
            return client.put_at(&self.path, &self.buffer).await;
        }
        if !self.buffer.is_empty() {
            self.send_part(client).await?;
        }
        match &self.parts {
            Some(parts) => client.complete(&self.path, parts).await?,
            None => return Ok(()),
        }
        self.parts = None;
        Ok(())
    }

    async fn send_part<T: Transport>(&mut self, client: &Client<T>) -> Result<(), ObjectError> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => none.insert(client.begin(&self.path).await?),
        };
        if parts.etags.len() == MAX_PARTS {
            let most = (MAX_PARTS * PART_BYTES) >> 30;
            let text = format!("an object has at most {most} GiB");
            return Err(ObjectError::TooLarge(text));
        }
        let etag = client.part(&self.path, parts, &self.buffer).await?;
        parts.etags.push(etag);
        self.buffer.clear();
        Ok(())
    }
}

impl<T: Transport> Client<T> {
    /// The answer to an action that comes to nothing where it is refused.
    async fn accepted<'a, A: S3Action<'a>>(
        &self,
        action: A,
        parcel: Parcel<'a>,
    ) -> Result<Response, ObjectError> {
        let room = Room::new(SMALL);
        let outcome = self.send(action, parcel, &room, self.patience()).await;
        let response = outcome.answer?;
        match response.is_success() {
            true => Ok(response),
            false => Err(self.refusal(&response)),
        }
    }

    async fn begin(&self, path: &str) -> Result<Parts, ObjectError> {
        let config = &self.config;
        let writer = self.token();
        let bucket = &config.bucket;
        let action = bucket.create_multipart_upload(Some(&config.credentials), path);
        let headers = [(WRITER, writer.as_str())];
        let parcel = Parcel {
            headers: &headers,
            ..Parcel::default()
        };
        let response = self.accepted(action, parcel).await?;
        let begun = CreateMultipartUpload::parse_response(response.text())
            .map_err(|error| self.nonsense(&format!("a begun upload: {error}")))?;
        let upload = begun.upload_id().to_owned();
        drop(response);
        Ok(Parts {
            upload,
            writer,
            etags: Vec::new(),
        })
    }

    async fn part(&self, path: &str, parts: &Parts, data: &[u8]) -> Result<String, ObjectError> {
        let config = &self.config;
        let number = u16::try_from(parts.etags.len() + 1).unwrap_or(u16::MAX);
        let credentials = Some(&config.credentials);
        let action = config
            .bucket
            .upload_part(credentials, path, number, &parts.upload);
        let parcel = Parcel {
            body: data,
            ..Parcel::default()
        };
        let response = self.accepted(action, parcel).await?;
        let etag = response.header("etag").map(str::to_owned);
        etag.ok_or_else(|| self.nonsense("no etag of a part"))
    }

    /// A completion whose answer is lost may find its upload gone when it is repeated: then the
    /// object tells whose it is.
    async fn complete(&self, path: &str, parts: &Parts) -> Result<(), ObjectError> {
        let config = &self.config;
        let etags = parts.etags.iter().map(String::as_str);
        let credentials = Some(&config.credentials);
        let bucket = &config.bucket;
        let action = bucket.complete_multipart_upload(credentials, path, &parts.upload, etags);
        let body = action.clone().body();
        let parcel = Parcel {
            body: body.as_bytes(),
            fails_late: true,
            ..Parcel::default()
        };
        let room = Room::new(SMALL);
        let outcome = self.send(action, parcel, &room, self.patience()).await;
        let failed = match outcome.answer {
            Ok(response) if response.is_success() => {
                match CompleteMultipartUploadResponse::parse(response.text()) {
                    Ok(_) => return Ok(()),
                    // An error that S3 found after it had begun to answer with 200.
                    Err(_) => self.nonsense("a completed upload"),
                }
            }
            Ok(response) => self.refusal(&response),
            Err(error) => error,
        };
        if outcome.doubtful && self.written_by(path, &parts.writer).await? {
            return Ok(());
        }
        Err(failed)
    }
}
