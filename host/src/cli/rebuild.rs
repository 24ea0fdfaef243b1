//! `dayfly rebuild`: asks a server for a rebuild and follows it, or does rebuilds itself.

use std::time::Duration;

use clap::Args;
use dayfly_core::api::{RebuildObject, RebuildStatus};
use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::client::{Client, Server};
use super::output::Output;
use super::{Failure, text};
use crate::config::Flags;

#[derive(Args, Debug)]
pub struct Arguments {
    /// The store, by name or id
    #[arg(required_unless_present = "worker")]
    store: Option<String>,

    /// Kind of index, in FAISS's words: Flat, SQ8, HNSW32,SQ8, IVF1024,SQ8, OPQ48,IVF1024,PQ48
    /// [default: chosen by the store's size]
    #[arg(long, value_name = "FACTORY", conflicts_with = "worker")]
    factory: Option<String>,

    /// Only ask; do not wait for its end
    #[arg(long, conflicts_with = "worker")]
    no_wait: bool,

    /// Do the rebuilds of the bucket instead, beside any number of others
    #[arg(long, conflicts_with = "store")]
    worker: bool,

    /// End when none is left to do
    #[arg(long, requires = "worker")]
    once: bool,

    /// What a worker logs on standard error (tracing's filter)
    #[arg(
        long,
        env = "DAYFLY_LOG",
        value_name = "FILTER",
        default_value = "info",
        value_parser = super::serve::filter
    )]
    log: String,

    #[command(flatten)]
    server: Server,

    #[command(flatten)]
    worker_flags: Box<Flags>,
}

const PAUSE: Duration = Duration::from_millis(300);

/// Asks, follows, or works.
pub fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    match &arguments.store {
        Some(store) => super::wait_for(ask(store, arguments, output)),
        None => {
            let Arguments {
                worker_flags,
                log,
                once,
                ..
            } = arguments;
            super::worker::run(worker_flags, log, *once, output)
        }
    }
}

async fn ask(store: &str, arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let client = Client::new(&arguments.server)?;
    let path = ["v1", "vector_stores", store, "rebuild"];
    let request = match &arguments.factory {
        Some(factory) => json!({ "factory": factory }),
        None => json!({}),
    };
    let mut answer = client.post(&path, &request).await?;
    if !arguments.no_wait {
        answer = follow(&client, &path, answer).await?;
    }
    let state: RebuildObject = serde_json::from_value(answer.clone())?;
    if state.status == RebuildStatus::Failed {
        let why = state
            .message
            .unwrap_or_else(|| "it does not say why".to_owned());
        return Err(anyhow::anyhow!("the rebuild failed: {why}").into());
    }
    Ok(output.answer(&answer, || described(&state))?)
}

async fn follow(client: &Client, path: &[&str], first: Value) -> Result<Value, Failure> {
    let bar = ProgressBar::new(0);
    bar.set_style(style(
        "{msg:10} {wide_bar} {human_pos}/{human_len} rows, {prefix}",
    ));
    let mut answer = first;
    loop {
        let state: RebuildObject = serde_json::from_value(answer.clone())?;
        if matches!(state.status, RebuildStatus::Idle | RebuildStatus::Failed) {
            bar.finish_and_clear();
            return Ok(answer);
        }
        show(&bar, &state);
        tokio::time::sleep(PAUSE).await;
        answer = client.get(path, &[]).await?;
    }
}

fn show(bar: &ProgressBar, state: &RebuildObject) {
    bar.set_length(state.rows);
    bar.set_position(state.rows_done);
    let waiting = state.message.as_deref().unwrap_or("queued");
    let step = state.step.as_deref().unwrap_or(waiting);
    bar.set_message(text::printable(step));
    let mut about = Vec::new();
    about.extend(
        state
            .memory_bytes
            .map(|bytes| BinaryBytes(bytes).to_string()),
    );
    about.extend(
        state
            .seconds_left
            .map(|seconds| format!("{seconds} s left")),
    );
    bar.set_prefix(about.join(", "));
}

fn described(state: &RebuildObject) -> String {
    let store = &state.vector_store_id;
    match (&state.index, state.status) {
        (Some(index), RebuildStatus::Idle) => format!(
            "{store} has an index of {} rows: {} ({})\nrecall of the ten nearest {:.3} with {}\n",
            index.rows,
            index.factory,
            index.reason,
            index.recall,
            if index.parameters.is_empty() {
                "every row looked at"
            } else {
                &index.parameters
            },
        ),
        (None, RebuildStatus::Idle) => format!("{store} has no rows to index\n"),
        _ => format!("{store} will be rebuilt; `dayfly rebuild {store}` follows it\n"),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
