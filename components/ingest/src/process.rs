use dayfly_core::error::ApiError;
use dayfly_core::files;
use dayfly_core::ingest::Source;
use dayfly_core::pending::{self, HELD, Hold, Lost, Progress, Status};
use dayfly_core::store::{self, FileEntry, Manifest, Table};
use dayfly_guest::call::Call;
use dayfly_guest::clock;
use dayfly_guest::platform::{self, PlatformObjects};
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::{existing, usable};

use crate::attach::format_of;
use crate::budget::Budget;
use crate::pipeline::{self, Ended, Principal};
use crate::tidy::{tidy, worker};

/// A pending ingestion.
#[derive(Debug)]
pub struct Job {
    /// The store's id.
    pub store: String,
    /// The file's id.
    pub file_id: String,
}

/// `POST …/process`: takes up an ingestion that was accepted and is not finished, and answers
/// where the file stands then.
pub async fn answer(
    call: &Call,
    store: &str,
    file_id: &str,
    budget: Budget,
) -> Result<Reply, ApiError> {
    let job = Job {
        store: existing(store)?.store.id,
        file_id: file_id.to_owned(),
    };
    // Only a platform that drives ingestions knows how they ended, and lets nobody else say it.
    let lost = call
        .header("x-dayfly-lost")
        .filter(|_| platform::schedule(&job.store, file_id));
    run(&job, lost.as_deref(), budget).await?;
    crate::store_files::state(store, file_id)
}

/// Works on the first of `jobs` that nobody else works on. Its outcome is in the file's status.
pub async fn drive(jobs: &[Job], budget: Budget) {
    for job in jobs {
        match run(job, None, budget).await {
            Ok(false) => {}
            Err(error) if error.code.as_deref() == Some(HELD) => {}
            Ok(true) | Err(_) => return,
        }
    }
}

/// Works on a pending ingestion until it is `completed` or `failed`, or the budget is over.
/// Answers whether there was anything to do.
///
/// Errors: 409 with Retry-After while another attempt holds it; others where not even the
/// failure could be recorded, so that it has to be taken up again.
async fn run(job: &Job, lost: Option<&str>, budget: Budget) -> Result<bool, ApiError> {
    let (objects, store) = (&PlatformObjects, &job.store);
    let Some(pending) = pending::read(objects, store, &job.file_id)? else {
        return Ok(false);
    };
    let now_ms = clock::now_ms();
    match pending.status {
        Status::InProgress => {}
        Status::Failed => {
            pending::conclude_failed(objects, store, &pending, now_ms)?;
            return Ok(false);
        }
        Status::Completed | Status::Cancelled => return Ok(false),
    }
    let lost = lost.map(lost_from);
    if let Some(hold) = pending::take_up(objects, store, &pending, &worker(), now_ms, lost)? {
        work(job, hold, budget).await?;
    }
    Ok(true)
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

impl Principal for Hold<'_> {
    fn still_wanted(&mut self) -> Result<(), ApiError> {
        self.renew(clock::now_ms())
    }

    fn came(&mut self, progress: &Progress) -> Result<(), ApiError> {
        Hold::came(self, progress)
    }
}

async fn work(job: &Job, mut hold: Hold<'_>, budget: Budget) -> Result<(), ApiError> {
    match ingest(job, &mut hold, budget).await {
        Ok(Some(committed)) => {
            hold.complete(&committed)?;
            tidy(&committed);
            Ok(())
        }
        Ok(None) => hold.release(),
        Err(error) => hold.end(error, budget.is_limited(), clock::now_ms()),
    }
}

/// Answers the version in which the file is, or nothing when the budget was over before.
async fn ingest(
    job: &Job,
    hold: &mut Hold<'_>,
    budget: Budget,
) -> Result<Option<Manifest>, ApiError> {
    let pending = hold.pending();
    let manifest = usable(&job.store)?;
    let table = Table::of(&PlatformObjects, &manifest)?;
    if table.is_committed(&job.file_id, &pending.ingest_id) {
        return Ok(Some(manifest));
    }
    let file = files::read(&PlatformObjects, &job.file_id)?;
    let mut progress = hold.progress().clone();
    let format = match progress.format {
        Some(format) => format,
        None => format_of(&file)?,
    };
    progress.format = Some(format);
    let source = Source {
        file: file.clone(),
        format,
        chunking: pending.chunking,
    };
    let ingest_id = &pending.ingest_id;
    let ended = pipeline::run(&manifest, ingest_id, &source, progress, budget, hold).await?;
    let ingested = match ended {
        Ended::Whole(ingested) => ingested,
        Ended::Step(progress) => {
            hold.came(&progress)?;
            return Ok(None);
        }
    };
    let entry = FileEntry {
        file_id: file.id,
        filename: file.filename,
        ingest_id: ingest_id.clone(),
        created_at: pending.created_at,
        usage_bytes: ingested.bytes(),
        chunking: pending.chunking,
        attributes: pending.attributes.clone(),
        segments: ingested.segment_ids(),
    };
    let committed = store::add_file(
        &PlatformObjects,
        &job.store,
        &entry,
        &ingested.segments,
        clock::now_ms(),
        || hold.ensure_wanted(),
    )?;
    Ok(Some(committed))
}
