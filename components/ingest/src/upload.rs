use std::collections::BTreeMap;
use std::io::Read;

use dayfly_core::api::StoreFileObject;
use dayfly_core::chunk::{ChunkingStrategy, Format};
use dayfly_core::decode::TextDecoder;
use dayfly_core::error::ApiError;
use dayfly_core::files::{self, FileMeta};
use dayfly_core::ids;
use dayfly_core::ingest::Source;
use dayfly_core::objects::{ObjectWriter, Objects};
use dayfly_core::pending::{self, Pending, Progress, Recorded, Track};
use dayfly_core::store::{self, FileEntry, Manifest};
use dayfly_guest::body::BodyReader;
use dayfly_guest::call::Call;
use dayfly_guest::clock;
use dayfly_guest::platform::{self, PlatformObjects, settings};
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::usable_or_new;
use spin_sdk::http::IncomingRequest;
use struson::reader::{JsonReader, JsonStreamReader, ReaderError, ValueType};

use crate::budget::Budget;
use crate::pipeline::{self, Ended, Principal};
use crate::{After, Answer};

const DEFAULT_STORE: &str = "default";
const PIECE: usize = 256 << 10;

/// `POST /upload`: keeps the text as a file, ingests it, and answers 200 when it is searchable.
/// Where the budget is over before, the rest goes on as for an attached file: 202, with the file's
/// state as its body and its place in `location`.
pub async fn receive(
    call: &Call,
    request: IncomingRequest,
    budget: Budget,
) -> Result<Answer, ApiError> {
    call.expect_json()?;
    let name = call.query("store").unwrap_or(DEFAULT_STORE);
    let now_ms = clock::now_ms();
    let id = ids::time_ordered(ids::FILE_PREFIX, now_ms, clock::random());
    let Some(text) = keep_text(&request, &files::content_key(&id))? else {
        return Ok((Reply::text(400, "Error: No text provided"), None));
    };
    let bytes = text.finish()?;
    let file = FileMeta {
        filename: format!("{id}.txt"),
        id,
        bytes,
        created_at: now_ms / 1_000,
        purpose: "assistants".to_owned(),
        content_type: Some("text/plain".to_owned()),
        parts: Vec::new(),
    };
    match ingest(name, &file, budget).await? {
        Received::Searchable(committed) => {
            let reply = Reply::text(200, "Success: Data uploaded and indexed successfully");
            Ok((reply, Some(After::Tidy(Box::new(committed)))))
        }
        Received::Accepted(store, pending) => {
            let mut reply = Reply::json(&StoreFileObject::pending(&store, &pending))?.status(202);
            let place = format!("/v1/vector_stores/{store}/files/{}", file.id);
            reply.set_header("location", &place);
            Ok((reply, None))
        }
    }
}

/// What became of a text.
enum Received {
    /// It is in this version.
    Searchable(Manifest),
    /// Time was over: this ingestion goes on in the store with this id.
    Accepted(String, Pending),
}

async fn ingest(store: &str, file: &FileMeta, budget: Budget) -> Result<Received, ApiError> {
    // Where it fails the caller still has the text and is told; what cannot be removed is inert.
    let manifest = begin(store, file).inspect_err(|_| {
        let _ = files::delete(&PlatformObjects, &file.id);
    })?;
    let error = match index(&manifest, file, budget).await {
        Ok(received) => return Ok(received),
        Err(error) => error,
    };
    match take_back(&manifest, file) {
        Ok(Some(committed)) => Ok(Received::Searchable(committed)),
        Ok(None) | Err(_) => Err(error),
    }
}

fn begin(store: &str, file: &FileMeta) -> Result<Manifest, ApiError> {
    let manifest = usable_or_new(store)?;
    files::note_store(&PlatformObjects, &file.id, &manifest.store.id)?;
    files::write(&PlatformObjects, file)?;
    Ok(manifest)
}

async fn index(manifest: &Manifest, file: &FileMeta, budget: Budget) -> Result<Received, ApiError> {
    let source = Source {
        file: file.clone(),
        format: Format::Text,
        chunking: ChunkingStrategy::Auto,
    };
    let nothing = Progress {
        format: Some(source.format),
        ..Progress::default()
    };
    let ended = pipeline::run(manifest, &file.id, &source, nothing, budget, &mut Caller).await?;
    let ingested = match ended {
        Ended::Whole(ingested) => ingested,
        Ended::Step(progress) => return accept(&manifest.store.id, file, progress),
    };
    let entry = FileEntry {
        file_id: file.id.clone(),
        filename: file.filename.clone(),
        ingest_id: file.id.clone(),
        created_at: file.created_at,
        usage_bytes: ingested.bytes(),
        chunking: source.chunking,
        attributes: BTreeMap::new(),
        segments: ingested.segment_ids(),
    };
    let committed = store::add_file(
        &PlatformObjects,
        &manifest.store.id,
        &entry,
        &ingested.segments,
        clock::now_ms(),
        || Ok(()),
    )?;
    Ok(Received::Searchable(committed))
}

/// The caller waits, and wants all of it.
struct Caller;

impl Principal for Caller {
    fn still_wanted(&mut self) -> Result<(), ApiError> {
        Ok(())
    }

    fn came(&mut self, _: &Progress) -> Result<(), ApiError> {
        Ok(())
    }
}

/// Leaves the rest to others. The progress goes first: nobody looks for it before the pending
/// record is there.
fn accept(store: &str, file: &FileMeta, progress: Progress) -> Result<Received, ApiError> {
    let mut track = Track::read(&PlatformObjects, store, &file.id)?;
    if track.record(&PlatformObjects, 0, progress)? != Recorded::Yes {
        return Err(ApiError::unavailable(
            "The upload was interfered with; send it again.",
        ));
    }
    let pending = pending::accept(
        &PlatformObjects,
        store,
        file,
        BTreeMap::new(),
        ChunkingStrategy::Auto,
        file.id.clone(),
        clock::now_ms(),
    )?;
    platform::schedule(store, &file.id);
    Ok(Received::Accepted(store.to_owned(), pending))
}

/// Removes an upload that failed. One whose commit succeeded although this instance was told
/// otherwise stays, and is answered.
fn take_back(manifest: &Manifest, file: &FileMeta) -> Result<Option<Manifest>, ApiError> {
    let store = &manifest.store.id;
    pending::remove(&PlatformObjects, store, &file.id, &file.id)?;
    let now_ms = clock::now_ms();
    if pending::conclude(&PlatformObjects, store, &file.id, &file.id, now_ms)? {
        return store::current(&PlatformObjects, store);
    }
    files::delete(&PlatformObjects, &file.id)?;
    Ok(None)
}

/// Streams the JSON body's `text` into an object that is finished when the whole body was good.
/// `None` when there is no text.
fn keep_text(
    request: &IncomingRequest,
    key: &str,
) -> Result<Option<Box<dyn ObjectWriter>>, ApiError> {
    let mut json = JsonStreamReader::new(BodyReader::new(request)?);
    if json.peek().map_err(not_json)? != ValueType::Object {
        return Err(ApiError::invalid_request(
            "The body is not a JSON object; send {\"text\": \"…\"}.",
        ));
    }
    json.begin_object().map_err(not_json)?;
    let mut kept = None;
    while json.has_next().map_err(not_json)? {
        let is_text = json.next_name().map_err(not_json)? == "text";
        match (is_text, json.peek().map_err(not_json)?) {
            (true, ValueType::String) => kept = keep_string(&mut json, key)?,
            (true, ValueType::Null) | (false, _) => json.skip_value().map_err(not_json)?,
            (true, other) => {
                return Err(ApiError::invalid_request(format!(
                    "'text' is of the type {other}; send a string."
                ))
                .param("text"));
            }
        }
    }
    json.end_object().map_err(not_json)?;
    json.consume_trailing_whitespace().map_err(not_json)?;
    Ok(kept)
}

fn keep_string(
    json: &mut JsonStreamReader<BodyReader>,
    key: &str,
) -> Result<Option<Box<dyn ObjectWriter>>, ApiError> {
    let most = settings().max_file_bytes;
    let mut text = json.next_string_reader().map_err(not_json)?;
    let mut writer = PlatformObjects.create(key)?;
    let mut piece = vec![0; PIECE];
    let (mut bytes, mut blank) = (0_u64, true);
    let mut decoder = TextDecoder::new();
    loop {
        let read = text.read(&mut piece).map_err(|fault| {
            ApiError::invalid_request(format!("The body is not valid JSON, or was cut: {fault}."))
        })?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        if bytes > most {
            return Err(ApiError::new(
                413,
                format!("The text is larger than {most} bytes, which is the most here; send it in parts."),
            )
            .param("text")
            .code("too_large"));
        }
        let decoded = decoder.push(&piece[..read]);
        blank &= decoded.is_ok_and(|text| text.trim().is_empty());
        writer.write(&piece[..read])?;
    }
    Ok((!blank).then_some(writer))
}

fn not_json(error: ReaderError) -> ApiError {
    ApiError::invalid_request(format!(
        "The body is not valid JSON ({error}); send {{\"text\": \"…\"}}."
    ))
}
