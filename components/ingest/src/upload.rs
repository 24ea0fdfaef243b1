use std::collections::BTreeMap;
use std::io::Read;

use dayfly_core::chunk::{ChunkingStrategy, Format};
use dayfly_core::decode::TextDecoder;
use dayfly_core::error::ApiError;
use dayfly_core::files::{self, FileMeta};
use dayfly_core::ids;
use dayfly_core::objects::{ObjectWriter, Objects};
use dayfly_core::store::{FileEntry, Manifest};
use dayfly_guest::body::BodyReader;
use dayfly_guest::call::Call;
use dayfly_guest::clock;
use dayfly_guest::platform::{PlatformObjects, settings};
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::usable_or_new;
use spin_sdk::http::IncomingRequest;
use struson::reader::{JsonReader, JsonStreamReader, ReaderError, ValueType};

use crate::pipeline::{self, Source};
use crate::process::commit;
use crate::{After, Answer};

const DEFAULT_STORE: &str = "default";
const PIECE: usize = 256 << 10;

/// `POST /upload`: keeps the text as a file, ingests it, and answers when it is searchable.
pub async fn receive(call: &Call, request: IncomingRequest) -> Result<Answer, ApiError> {
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
    };
    match ingest(name, &file).await {
        Ok(committed) => {
            let reply = Reply::text(200, "Success: Data uploaded and indexed successfully");
            Ok((reply, Some(After::Tidy(committed))))
        }
        Err(error) => {
            // The caller still has the text and was told; what cannot be removed now is inert.
            let _ = files::delete(&PlatformObjects, &file.id);
            Err(error)
        }
    }
}

async fn ingest(store: &str, file: &FileMeta) -> Result<Manifest, ApiError> {
    let manifest = usable_or_new(store)?;
    files::note_store(&PlatformObjects, &file.id, &manifest.store.id)?;
    files::write(&PlatformObjects, file)?;
    let source = Source {
        file_id: file.id.clone(),
        bytes: file.bytes,
        format: Format::Text,
        chunking: ChunkingStrategy::Auto,
    };
    let ingested = pipeline::run(&manifest, &source, &mut || Ok(())).await?;
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
    let committed = commit(&manifest, entry, &ingested, || Ok(()));
    if committed.is_err() {
        ingested.discard(&manifest.store.id);
    }
    committed
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
