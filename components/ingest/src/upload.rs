//! `POST /upload`: a text that is kept, ingested and searchable when the answer comes.

use std::collections::BTreeMap;

use dayfly_core::api::{ApiError, StoreFileObject};
use dayfly_core::chunk::{ChunkingStrategy, Format};
use dayfly_core::files::{self, FileMeta};
use dayfly_core::home::Home;
use dayfly_core::ingest::Source;
use dayfly_core::ingestion::{Ended, Requester};
use dayfly_core::ops::{self, Listed};
use dayfly_core::pending::{self, Pending, PendingError, Progress, Recorded, Status, Track};
use dayfly_core::store::{self, Manifest};
use dayfly_guest::body;
use dayfly_guest::call::Call;
use dayfly_guest::platform::{PlatformObjects, settings};
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::{store_id, usable_or_new};
use dayfly_guest::{Made, clock, platform, upkeep};
use dayfly_intake::keep_text;
use spin_sdk::http::IncomingRequest;

use crate::run::run;
use crate::stop::Stop;
use crate::{After, Answer, Budget};

const DEFAULT_STORE: &str = "default";

/// `POST /upload`: keeps the text as a file, ingests it, and answers 200 when it is searchable.
/// Where the budget is over before, the rest goes on as for an attached file: 202, with the file's
/// state as its body and its place in `location`. Repeated with the same `Idempotency-Key` it makes
/// nothing a second time.
pub async fn receive(
    call: &Call,
    request: IncomingRequest,
    mut budget: Budget,
) -> Result<Answer, ApiError> {
    call.expect_json()?;
    let store = call.query("store").unwrap_or(DEFAULT_STORE);
    let made = Made::by(call, || Ok(format!("upload:{}", store_id(store)?)))?;
    if made.is_repeatable
        && let Some(known) = known(&store_id(store)?, &made.id)?
    {
        return Ok((known, None));
    }
    let (mut reader, most) = (body::reader(&request)?, settings().max_file_bytes);
    let key = files::content_key(&made.id);
    let text = keep_text(&mut reader, &PlatformObjects, &key, most);
    let Some(text) = text.inspect_err(|_| body::drain(&mut reader))? else {
        return Ok((Reply::text(400, "Error: No text provided"), None));
    };
    let bytes = text.finish()?;
    let upload = Upload {
        file: FileMeta {
            filename: format!("{}.txt", made.id),
            id: made.id,
            bytes,
            created_at: clock::now_ms() / 1_000,
            purpose: "assistants".to_owned(),
            content_type: Some("text/plain".to_owned()),
            expires_at: None,
            parts: Vec::new(),
        },
        ingest_id: platform().new_id(""),
        is_repeatable: made.is_repeatable,
    };
    match upload.ingest(store, &mut budget).await? {
        Received::Searchable(committed) => Ok((searchable(), Some(After::Tidy(committed)))),
        Received::Accepted(home, pending) => Ok((accepted(&home, &pending)?, None)),
    }
}

/// The answer to an earlier request with the same key, where it came to something.
fn known(store: &str, file_id: &str) -> Result<Option<Reply>, ApiError> {
    let Some(manifest) = store::current(platform(), store)? else {
        return Ok(None);
    };
    Ok(match ops::look_from(platform(), &manifest, file_id)? {
        Some(Listed::Completed(_)) => Some(searchable()),
        Some(Listed::Pending(pending)) if pending.status == Status::InProgress => {
            Some(accepted(&manifest.home(), &pending)?)
        }
        Some(Listed::Pending(_)) | None => None,
    })
}

fn searchable() -> Reply {
    Reply::text(200, "Success: Data uploaded and indexed successfully")
}

fn accepted(home: &Home, pending: &Pending) -> Result<Reply, ApiError> {
    let store = &home.store;
    let mut reply = Reply::json(&StoreFileObject::pending(store, pending))?.status(202);
    let place = format!("/v1/vector_stores/{store}/files/{}", pending.file_id);
    reply.set_header("location", &place);
    Ok(reply)
}

/// A text that has arrived.
struct Upload {
    file: FileMeta,
    ingest_id: String,
    /// Others may be at the same file, or come back for it.
    is_repeatable: bool,
}

/// What became of it.
enum Received {
    /// It is in this version.
    Searchable(Box<Manifest>),
    /// Time was over: this ingestion goes on in that store.
    Accepted(Home, Pending),
}

impl Upload {
    async fn ingest(&self, store: &str, budget: &mut Budget) -> Result<Received, ApiError> {
        // Where it fails the caller still has the text and is told; what cannot be removed is inert.
        let manifest = self.begin(store).inspect_err(|_| {
            if !self.is_repeatable {
                let _ = files::delete(&PlatformObjects, &self.file.id);
            }
        })?;
        let stop = match self.index(&manifest, budget).await {
            Ok(received) => return Ok(received),
            Err(stop) => stop,
        };
        let (home, keep) = (manifest.home(), self.is_repeatable);
        match ops::take_back(platform(), &home, &self.file, &self.ingest_id, keep) {
            Ok(Some(committed)) => Ok(Received::Searchable(Box::new(committed))),
            Ok(None) | Err(_) => Err(stop.into()),
        }
    }

    fn begin(&self, store: &str) -> Result<Manifest, ApiError> {
        let manifest = usable_or_new(store)?;
        files::note_store(&PlatformObjects, &self.file.id, &manifest.store.id)?;
        files::write(&PlatformObjects, &self.file)?;
        if self.is_repeatable {
            // Or that of an earlier request would hide what comes of this one.
            pending::forget_failed(platform(), &manifest.home(), &self.file.id)?;
        }
        Ok(manifest)
    }

    async fn index(&self, manifest: &Manifest, budget: &mut Budget) -> Result<Received, Stop> {
        let source = Source {
            file: self.file.clone(),
            format: Format::Text,
            chunking: ChunkingStrategy::Auto,
        };
        let nothing = Progress {
            format: Some(source.format),
            ..Progress::default()
        };
        let (home, ingest_id) = (manifest.home(), &self.ingest_id);
        let ended = run(
            manifest,
            ingest_id,
            &source,
            nothing,
            budget,
            &mut Caller,
            false,
        )
        .await?;
        let written = match ended {
            Ended::Whole(written) => written,
            Ended::Step(progress) => return Ok(self.accept(home, progress)?),
        };
        let entry = written.entry(
            &self.file,
            ingest_id,
            self.file.created_at,
            source.chunking,
            BTreeMap::new(),
        );
        let committed = store::making_room(
            platform(),
            &home.store,
            &upkeep(),
            PendingError::is_full,
            || ops::commit_upload(platform(), &home, &entry, &written.segments),
        )?;
        Ok(Received::Searchable(Box::new(committed)))
    }

    /// Leaves the rest to others. The progress goes first: nobody looks for it before the pending
    /// record is there.
    fn accept(&self, home: Home, progress: Progress) -> Result<Received, PendingError> {
        let mut track = Track::read(&PlatformObjects, &home, &self.ingest_id)?;
        if track.record(&PlatformObjects, 0, progress)? != Recorded::Yes {
            return Err(PendingError::Contended);
        }
        let asked = Pending::new(&self.file, self.ingest_id.clone());
        let pending = pending::accept(platform(), &home, asked)?;
        platform::schedule(&home.store, &self.file.id);
        Ok(Received::Accepted(home, pending))
    }
}

/// The caller waits, and wants all of it.
struct Caller;

impl Requester for Caller {
    fn still_wanted(&mut self) -> Result<(), PendingError> {
        Ok(())
    }

    fn record(&mut self, _: &Progress) -> Result<(), PendingError> {
        Ok(())
    }
}
