use dayfly_core::error::ApiError;
use dayfly_core::files;
use dayfly_core::ids;
use dayfly_core::pending::{self, Attempt, Claim, LastError, Lost, Pending, Status, Worker, claim};
use dayfly_core::store::{self, FileEntry, Indexing, Manifest, Table};
use dayfly_guest::call::Call;
use dayfly_guest::clock;
use dayfly_guest::platform::{PlatformObjects, settings};
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::{existing, usable};

use crate::attach::format_of;
use crate::pipeline::{self, Ingested, Source};

/// A pending ingestion.
#[derive(Debug)]
pub struct Job {
    /// The store's id.
    pub store: String,
    /// The file's id.
    pub file_id: String,
}

/// `POST …/process`: takes up an ingestion that was accepted and is not finished.
pub async fn answer(call: &Call, store: &str, file_id: &str) -> Result<Reply, ApiError> {
    let job = Job {
        store: existing(store)?.store.id,
        file_id: file_id.to_owned(),
    };
    let lost = call.header("x-dayfly-lost");
    run(&job, lost.as_deref()).await?;
    crate::store_files::get(store, file_id)
}

/// Works on a pending ingestion until it is `completed` or `failed`. Nothing to do is success.
///
/// Errors: 409 with Retry-After while another attempt holds it; others where not even the
/// failure could be recorded, so that it has to be taken up again.
pub async fn run(job: &Job, lost: Option<&str>) -> Result<(), ApiError> {
    let Some(pending) = pending::read(&PlatformObjects, &job.store, &job.file_id)? else {
        return Ok(());
    };
    if pending.status != Status::InProgress {
        return Ok(());
    }
    let now_ms = clock::now_ms();
    let lost = lost.map(lost_from);
    let claimed = claim(
        &PlatformObjects,
        &job.store,
        &pending.ingest_id,
        &worker(),
        now_ms,
        lost,
    )?;
    match claimed {
        Claim::Granted(attempt) => work(job, &pending, attempt).await,
        Claim::Exhausted(reason) => fail(job, &pending, LastError::server(reason)),
        Claim::Held { until_ms } => {
            let mut held = ApiError::conflict("Another attempt at this ingestion is under way.");
            held.retry_after_s = Some((until_ms.saturating_sub(now_ms) / 1_000) as u32 + 1);
            Err(held.code("attempt_held"))
        }
    }
}

fn worker() -> Worker {
    let settings = settings();
    Worker {
        node: settings.node,
        boot: settings.boot,
    }
}

/// Reads the host's `kind: detail`.
fn lost_from(reason: &str) -> Lost {
    let (kind, detail) = reason
        .split_once(':')
        .unwrap_or((reason, "no more is known"));
    let advice = match kind {
        "memory" => "Split the document, or raise the server's memory limit for jobs.",
        "cpu" => "Split the document, or raise the server's CPU limit for jobs.",
        "wall" => {
            "Split the document, use a faster embedder, or raise the server's time limit for jobs."
        }
        _ => return Lost::Chance(format!("its instance trapped: {}", detail.trim())),
    };
    Lost::Deterministic(format!(
        "The ingestion was ended: {}. {advice}",
        detail.trim()
    ))
}

async fn work(job: &Job, pending: &Pending, mut attempt: Attempt) -> Result<(), ApiError> {
    let mut still_wanted = || {
        attempt.renew(&PlatformObjects, clock::now_ms())?;
        ensure_pending(job, pending)
    };
    match ingest(job, pending, &mut still_wanted).await {
        Ok(committed) => {
            pending::remove(
                &PlatformObjects,
                &job.store,
                &job.file_id,
                &pending.ingest_id,
            )?;
            tidy(&committed);
            Ok(())
        }
        Err(error) if error.code.as_deref() == Some(CANCELLED) => Ok(()),
        Err(error) => fail(job, pending, error.into()),
    }
}

async fn ingest(
    job: &Job,
    pending: &Pending,
    still_wanted: &mut dyn FnMut() -> Result<(), ApiError>,
) -> Result<Manifest, ApiError> {
    let manifest = usable(&job.store)?;
    if is_committed(
        &Table::of(&PlatformObjects, &manifest)?,
        &job.file_id,
        &pending.ingest_id,
    ) {
        return Ok(manifest);
    }
    let file = files::read(&PlatformObjects, &job.file_id)?;
    let source = Source {
        file_id: file.id.clone(),
        bytes: file.bytes,
        format: format_of(&file)?,
        chunking: pending.chunking,
    };
    let ingested = pipeline::run(&manifest, &source, still_wanted).await?;
    let entry = FileEntry {
        file_id: file.id,
        filename: file.filename,
        ingest_id: pending.ingest_id.clone(),
        created_at: pending.created_at,
        usage_bytes: ingested.bytes(),
        chunking: pending.chunking,
        attributes: pending.attributes.clone(),
        segments: ingested.segment_ids(),
    };
    let committed = commit(&manifest, entry, &ingested, || ensure_pending(job, pending));
    if committed.is_err() {
        ingested.discard(&manifest.store.id);
    }
    committed
}

/// Makes an ingested file visible, all of it at once.
pub fn commit(
    manifest: &Manifest,
    entry: FileEntry,
    ingested: &Ingested,
    still_wanted: impl Fn() -> Result<(), ApiError>,
) -> Result<Manifest, ApiError> {
    let now_ms = clock::now_ms();
    let committed = store::change(&PlatformObjects, &manifest.store.id, now_ms, |newest| {
        let table = Table::of(&PlatformObjects, newest)?;
        if is_committed(&table, &entry.file_id, &entry.ingest_id) {
            return Ok(None);
        }
        still_wanted()?;
        let mut next = newest.with_file(&table, entry.clone(), ingested.segments.clone(), now_ms);
        let present = next
            .store
            .embedding
            .dimension
            .get_or_insert(ingested.dimension);
        if *present != ingested.dimension {
            return Err(pipeline::wrong_dimension(*present, ingested.dimension));
        }
        Ok(Some(next))
    })?;
    Ok(committed)
}

/// Folds a store whose tail has grown long, unless another request is at it. Nothing depends on
/// it: a later commit tries again.
pub fn tidy(committed: &Manifest) {
    if !committed.is_fold_due() {
        return;
    }
    let store = &committed.store.id;
    let base = committed.base.as_ref().map_or("first", |base| &base.id);
    let work = format!("fold-{base}");
    let now_ms = clock::now_ms();
    match claim(&PlatformObjects, store, &work, &worker(), now_ms, None) {
        Ok(Claim::Granted(_)) => {
            let configured = settings().indexing;
            let indexing = Indexing {
                graph_min_rows: configured.graph_min_rows,
                segment_max_rows: configured.segment_max_rows,
            };
            let new_id = || ids::time_ordered("", clock::now_ms(), clock::random());
            let _ = store::fold(&PlatformObjects, committed, indexing, now_ms, new_id);
        }
        Ok(Claim::Exhausted(_)) => {}
        Ok(Claim::Held { .. }) | Err(_) => return,
    }
    let _ = pending::forget_attempts(&PlatformObjects, store, &work);
}

fn is_committed(table: &Table, file_id: &str, ingest_id: &str) -> bool {
    table
        .files
        .get(file_id)
        .is_some_and(|file| file.ingest_id == ingest_id)
}

const CANCELLED: &str = "cancelled";

/// Ends the ingestion when its file was taken out of the store meanwhile.
fn ensure_pending(job: &Job, pending: &Pending) -> Result<(), ApiError> {
    let present = pending::read(&PlatformObjects, &job.store, &job.file_id)?;
    if present.is_some_and(|present| present.ingest_id == pending.ingest_id) {
        return Ok(());
    }
    Err(
        ApiError::conflict("The file was taken out of the store while it was ingested.")
            .code(CANCELLED),
    )
}

fn fail(job: &Job, pending: &Pending, error: LastError) -> Result<(), ApiError> {
    if ensure_pending(job, pending).is_err() {
        return Ok(());
    }
    let failed = Pending {
        status: Status::Failed,
        last_error: Some(error),
        ..pending.clone()
    };
    pending::write(&PlatformObjects, &job.store, &failed)?;
    pending::forget_attempts(&PlatformObjects, &job.store, &pending.ingest_id)
}
