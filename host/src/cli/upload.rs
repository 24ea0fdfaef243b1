//! `dayfly upload`.

mod options;
mod progress;
mod report;
mod source;

use std::path::{Path, PathBuf};

use clap::Args;
use futures::StreamExt;
use serde::Deserialize;

use super::Failure;
use super::client::{Client, ClientError, Server, patiently};
use super::folder::{self, Choice};
use super::indexing::{self, IndexError, Plan};
use super::output::Output;
use options::Indexing;
use progress::{Bars, FileBar};
use report::{Outcome, Report};
use source::Source;

/// Files under way at once: enough to overlap sending with indexing.
const AT_ONCE: usize = 4;

#[derive(Args, Debug)]
pub struct Arguments {
    /// Files and folders; `-` is standard input. Below a folder, hidden files and files that are not
    /// text are left out
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    indexing: Indexing,

    /// What to call the text of standard input; .md is split as Markdown
    #[arg(long, value_name = "NAME", default_value = "stdin.txt")]
    stdin_name: String,

    #[command(flatten)]
    server: Server,
}

#[derive(Deserialize)]
struct Uploaded {
    id: String,
    bytes: u64,
}

/// Uploads and indexes; ends when every file is searchable or has failed.
pub async fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let client = Client::new(&arguments.server)?;
    let plan = arguments.indexing.plan();
    let (sources, choice) = gather(arguments);
    if !output.is_json() {
        for (path, reason) in &choice.skipped {
            eprintln!("skipped {}: {reason}", path.display());
        }
    }
    let mut report = Report::new(&plan.store, &choice);
    deliver(&client, &plan, sources, &mut report).await;
    output.answer(&report.json(), || report.summary())?;
    if report.is_complete() {
        return Ok(());
    }
    if !output.is_json() {
        eprint!("{}", report.failures());
    }
    Err(Failure::Told)
}

fn gather(arguments: &Arguments) -> (Vec<Source>, Choice) {
    let mut choice = Choice::default();
    let mut sources = Vec::new();
    for path in &arguments.paths {
        if path == Path::new("-") {
            sources.push(Source::Stdin(arguments.stdin_name.clone()));
        } else {
            folder::choose(path, &mut choice);
        }
    }
    sources.extend(choice.chosen.iter().cloned().map(Source::File));
    (sources, choice)
}

/// Brings the sources to the server, some at once. A failure that would meet every other file
/// too ends it early.
async fn deliver(client: &Client, plan: &Plan, sources: Vec<Source>, report: &mut Report) {
    let bars = Bars::new(sources.len());
    let mut waiting = futures::stream::iter(&sources)
        .map(|source| deliver_one(client, plan, source, &bars))
        .buffer_unordered(AT_ONCE);
    while let Some(outcome) = waiting.next().await {
        bars.one_done();
        let hopeless = outcome.is_hopeless();
        report.add(outcome);
        if hopeless {
            break;
        }
    }
    drop(waiting);
    bars.clear();
    report.leave(sources.len());
}

async fn deliver_one(client: &Client, plan: &Plan, source: &Source, bars: &Bars) -> Outcome {
    let bar = bars.file(source.name(), source.bytes());
    let result = send_and_index(client, plan, source, &bar).await;
    bar.clear();
    match result {
        Ok(uploaded) => Outcome::completed(source, uploaded.id, uploaded.bytes),
        Err(error) => Outcome::failed(source, error),
    }
}

async fn send_and_index(
    client: &Client,
    plan: &Plan,
    source: &Source,
    bar: &FileBar,
) -> Result<Uploaded, IndexError> {
    let answer = match source {
        Source::Stdin(name) => client.upload(source::stdin(name, bar)).await?,
        Source::File(file) => {
            patiently(async || {
                bar.restart();
                client.upload(source::file(file, bar).await?).await
            })
            .await?
        }
    };
    let uploaded: Uploaded = serde_json::from_value(answer).map_err(ClientError::Unexpected)?;
    bar.index();
    indexing::index(client, plan, &uploaded.id).await?;
    Ok(uploaded)
}
