//! `dayfly rebuild --worker`.

use std::sync::Arc;

use dayfly::rebuild::{Queue, Work, Workers};
use dayfly::storage::{Data, ensure_sound, random_id};
use dayfly_core::platform::Worker;
use serde_json::json;
use tokio::runtime::Handle;

use super::Failure;
use super::output::Output;
use super::serve::Stop;
use crate::config::{self, Flags};

/// Does the rebuilds of a bucket until it is stopped, or until none is left. Breaking it off loses
/// nothing: another worker takes up what was under way.
pub fn run(flags: &Flags, log: &str, once: bool, output: Output) -> Result<(), Failure> {
    if !cfg!(feature = "faiss") {
        return Err(anyhow::anyhow!(dayfly::rebuild::NO_FAISS).into());
    }
    super::serve::log_to_stderr(log, output)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work(flags, once, output))
}

async fn work(flags: &Flags, once: bool, output: Output) -> Result<(), Failure> {
    let mut options = config::load(flags)?;
    // A worker that leaves all work to others is none.
    options.rebuild.concurrency = options.rebuild.concurrency.max(1);
    let storage = Data::beside(&options.data)?;
    ensure_sound(&storage).await?;
    let work = Arc::<Work>::default();
    let workers = Workers {
        queue: Arc::new(Queue::new(&storage, &Handle::current())),
        worker: Worker {
            node: options.node.clone().map_or_else(random_id, Ok)?,
            boot: random_id()?,
        },
        data: options.data.clone(),
        options: options.rebuild.clone(),
        work: Arc::clone(&work),
    };
    let mut stop = Stop::new()?;
    if once {
        let tries = tokio::select! {
            tries = workers.drain() => tries?,
            () = stop.asked() => {
                return Err(anyhow::anyhow!("broken off; what waits is left to others").into());
            }
        };
        let (done, failed) = work.ended();
        let answer = json!({"tries": tries, "done": done, "failed": failed});
        return Ok(output.answer(&answer, || format!("{done} rebuilt, {failed} failed\n"))?);
    }
    tracing::info!(data = options.data, "waiting for rebuilds");
    let _tasks = workers.start();
    stop.asked().await;
    Ok(())
}
