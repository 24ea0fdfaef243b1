//! A bucket in memory whose network fails as told.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rusty_s3::Method;

use crate::s3::{Fault, Request, Response, Room, Transport};

const XMLNS: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

/// What happens to the next exchange.
#[derive(Clone)]
pub enum Fate {
    Passes,
    NotSent,
    LostBefore,
    LostAfter,
    /// Answered in the storage's stead, which did not see it.
    Answered(u16, &'static str),
    /// The storage did it, and something on the way answered this.
    AnsweredAfter(u16),
    /// Another writer comes first, with the same bytes.
    Overtaken,
}

#[derive(Default)]
pub struct Storage {
    /// Whether `If-None-Match` means nothing to it.
    pub ignores_conditions: Cell<bool>,
    pub objects: RefCell<BTreeMap<String, Object>>,
    /// Uploads under way by id: whose they are, and their parts.
    pub uploads: RefCell<BTreeMap<String, UnderWay>>,
    /// What happens to the next exchanges, and what to all after them.
    pub fates: RefCell<VecDeque<Fate>>,
    pub always: RefCell<Option<Fate>>,
    pub clock: Cell<Duration>,
    pub sent: Cell<usize>,
    /// The most entries of a listing's page, where not 0.
    pub page: Cell<usize>,
    random: Cell<u64>,
}

/// An upload's key, and its parts.
type UnderWay = (String, Vec<Vec<u8>>);

#[derive(Clone, Default)]
pub struct Object {
    pub data: Vec<u8>,
    pub writer: Option<String>,
}

impl Transport for &Storage {
    async fn exchange(
        &self,
        request: &Request<'_>,
        room: &Room,
        _limit: Duration,
    ) -> Result<Response, Fault> {
        self.sent.set(self.sent.get() + 1);
        self.pass(Duration::from_millis(5));
        let fate = self.fates.borrow_mut().pop_front();
        let fate = fate.or_else(|| self.always.borrow().clone());
        match fate.unwrap_or(Fate::Passes) {
            Fate::Passes => self.serve(request, room),
            Fate::NotSent => Err(Fault::NotSent("ConnectionRefused".to_owned())),
            Fate::LostBefore => Err(Fault::Lost("cut".to_owned())),
            Fate::LostAfter => {
                self.serve(request, &Room::new(u64::MAX))?;
                Err(Fault::Lost("cut".to_owned()))
            }
            Fate::Answered(status, code) => Ok(error(status, code)),
            Fate::AnsweredAfter(status) => {
                self.serve(request, &Room::new(u64::MAX))?;
                Ok(error(status, ""))
            }
            Fate::Overtaken => {
                let other = Object {
                    data: request.body.to_vec(),
                    writer: Some("somebody else".to_owned()),
                };
                self.objects.borrow_mut().insert(key(request), other);
                Err(Fault::Lost("cut".to_owned()))
            }
        }
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(duration);
    }

    fn monotonic(&self) -> Duration {
        self.clock.get()
    }

    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }

    fn random(&self) -> u64 {
        // SplitMix64's increment: spreads over all of u64.
        let next = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(next);
        next
    }

    fn log(&self, _text: &str) {}
}

impl Storage {
    pub fn next(&self, fates: &[Fate]) {
        self.fates.borrow_mut().extend(fates.iter().cloned());
    }

    fn pass(&self, duration: Duration) {
        self.clock.set(self.clock.get() + duration);
    }

    fn serve(&self, request: &Request<'_>, room: &Room) -> Result<Response, Fault> {
        let query: BTreeMap<_, _> = request.url.query_pairs().into_owned().collect();
        let upload = query.get("uploadId");
        let response = match (request.method, upload) {
            (Method::Put, Some(upload)) => self.part(request, upload, &query["partNumber"]),
            (Method::Put, None) => self.put(request),
            (Method::Post, Some(upload)) => self.complete(request, upload),
            (Method::Post, None) if query.contains_key("delete") => self.delete(request),
            (Method::Post, None) => self.begin(request),
            (Method::Delete, Some(upload)) => {
                self.uploads.borrow_mut().remove(upload);
                found(204, &[], b"")
            }
            (Method::Delete, None) => match self.objects.borrow_mut().remove(&key(request)) {
                Some(_) => found(204, &[], b""),
                None => error(404, "NoSuchKey"),
            },
            (Method::Get, _) if query.contains_key("list-type") => {
                found(200, &[], self.listing(&query).as_bytes())
            }
            (Method::Get | Method::Head, _) => return self.read(request, room),
        };
        Ok(response)
    }

    fn put(&self, request: &Request<'_>) -> Response {
        let mut objects = self.objects.borrow_mut();
        let conditional = header(request, "if-none-match").is_some();
        if conditional && !self.ignores_conditions.get() && objects.contains_key(&key(request)) {
            return error(412, "PreconditionFailed");
        }
        let object = Object {
            data: request.body.to_vec(),
            writer: header(request, "x-amz-meta-dayfly-writer"),
        };
        objects.insert(key(request), object);
        found(200, &[], b"")
    }

    fn delete(&self, request: &Request<'_>) -> Response {
        let digest = header(request, "content-md5").unwrap();
        assert_eq!(digest.len(), 24, "S3 insists on it");
        let body = std::str::from_utf8(request.body).unwrap();
        let mut errors = String::new();
        for entry in body.split("<Key>").skip(1) {
            let (key, _) = entry.split_once("</Key>").unwrap();
            if key.ends_with("locked") {
                let error = format!("<Key>{key}</Key><Code>AccessDenied</Code><Message/>");
                errors += &format!("<Error>{error}</Error>");
            } else {
                self.objects.borrow_mut().remove(key);
            }
        }
        let body = format!("<DeleteResult {XMLNS}>{errors}</DeleteResult>");
        found(200, &[], body.as_bytes())
    }

    fn begin(&self, request: &Request<'_>) -> Response {
        let mut uploads = self.uploads.borrow_mut();
        let id = format!("u{}", self.sent.get());
        let writer = header(request, "x-amz-meta-dayfly-writer").unwrap();
        uploads.insert(id.clone(), (writer, Vec::new()));
        let element = "InitiateMultipartUploadResult";
        let body = format!("<{element} {XMLNS}><UploadId>{id}</UploadId></{element}>");
        found(200, &[], body.as_bytes())
    }

    fn part(&self, request: &Request<'_>, upload: &str, number: &str) -> Response {
        let mut uploads = self.uploads.borrow_mut();
        let Some((_, parts)) = uploads.get_mut(upload) else {
            return error(404, "NoSuchUpload");
        };
        let number: usize = number.parse().unwrap();
        parts.resize(parts.len().max(number), Vec::new());
        parts[number - 1] = request.body.to_vec();
        found(200, &[("etag", &format!("\"{number}\""))], b"")
    }

    fn complete(&self, request: &Request<'_>, upload: &str) -> Response {
        let Some((writer, parts)) = self.uploads.borrow_mut().remove(upload) else {
            return error(404, "NoSuchUpload");
        };
        let object = Object {
            data: parts.concat(),
            writer: Some(writer),
        };
        self.objects.borrow_mut().insert(key(request), object);
        let element = "CompleteMultipartUploadResult";
        let body = format!("<{element} {XMLNS}><ETag>e</ETag></{element}>");
        found(200, &[], body.as_bytes())
    }

    fn read(&self, request: &Request<'_>, room: &Room) -> Result<Response, Fault> {
        let objects = self.objects.borrow();
        let Some(object) = objects.get(&key(request)) else {
            return Ok(error(404, "NoSuchKey"));
        };
        let length = object.data.len();
        if request.method == Method::Head {
            let headers = [
                ("content-length", length.to_string()),
                ("last-modified", "Wed, 01 Nov 2023 10:00:00 GMT".to_owned()),
                (
                    "x-amz-meta-dayfly-writer",
                    object.writer.clone().unwrap_or_default(),
                ),
            ];
            let headers = headers
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            return Ok(found(200, &headers, b""));
        }
        let (status, bytes) = match header(request, "range") {
            None => (200, 0..length),
            Some(range) => {
                let (first, last) = range
                    .strip_prefix("bytes=")
                    .and_then(|range| range.split_once('-'))
                    .unwrap();
                let last = last.parse().unwrap_or(usize::MAX).min(length - 1);
                (206, first.parse().unwrap()..last + 1)
            }
        };
        if bytes.start >= length && status == 206 {
            return Ok(error(416, "InvalidRange"));
        }
        room.take(bytes.len() as u64).map_err(Fault::TooLarge)?;
        Ok(found(status, &[], &object.data[bytes]))
    }

    fn listing(&self, query: &BTreeMap<String, String>) -> String {
        let prefix = query.get("prefix").cloned().unwrap_or_default();
        let after = query.get("continuation-token").or(query.get("start-after"));
        let after = after.cloned().unwrap_or_default();
        let asked: usize = query["max-keys"].parse().unwrap();
        let most = match self.page.get() {
            0 => asked,
            page => asked.min(page),
        };
        let objects = self.objects.borrow();
        let mut names: Vec<String> = Vec::new();
        for key in objects.keys().filter(|key| key.starts_with(&prefix)) {
            let folder = key[prefix.len()..].split_once('/');
            let name = match (query.get("delimiter"), folder) {
                (Some(_), Some((folder, _))) => format!("{prefix}{folder}/"),
                _ => key.clone(),
            };
            if name > after && !names.contains(&name) {
                names.push(name);
            }
        }
        let truncated = names.len() > most;
        names.truncate(most);
        let entry = |name: &String| match name.ends_with('/') {
            true => format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"),
            false => format!(
                "<Contents><Key>{name}</Key><LastModified>2023-11-01T10:00:00.000Z</LastModified><Size>{}</Size></Contents>",
                objects[name].data.len()
            ),
        };
        let entries: String = names.iter().map(entry).collect();
        let token = match (truncated, names.last()) {
            (true, Some(last)) => format!("<NextContinuationToken>{last}</NextContinuationToken>"),
            _ => String::new(),
        };
        format!(
            "<ListBucketResult {XMLNS}><IsTruncated>{truncated}</IsTruncated>{entries}{token}</ListBucketResult>"
        )
    }
}

fn key(request: &Request<'_>) -> String {
    let path = request.url.path().replace("%3D", "=");
    path.strip_prefix("/documents/").unwrap().to_owned()
}

fn header(request: &Request<'_>, name: &str) -> Option<String> {
    let found = request.headers.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| (*value).to_owned())
}

fn found(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let headers = headers.iter();
    Response {
        status,
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.to_vec(),
    }
}

pub fn error(status: u16, code: &str) -> Response {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
    found(status, &[], body.as_bytes())
}
