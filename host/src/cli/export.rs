//! `dayfly export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dayfly::exchange::{Format, export};
use dayfly_core::ids;
use serde_json::json;

use super::direct::{Direct, rows_bar, runtime};
use super::output::Output;
use super::{Failure, text};

#[derive(Args, Debug)]
pub struct Arguments {
    /// The store, by name or id
    store: String,

    /// What to write: `faiss` (index.faiss and texts.jsonl), `langchain` (index.faiss and index.pkl,
    /// for FAISS.load_local) or `arrow` (rows.arrow, vectors included)
    #[arg(long, value_enum)]
    format: FormatName,

    /// Folder to write into; made where it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Kind of index, in FAISS's words: Flat keeps the vectors as they are
    #[arg(long, value_name = "FACTORY", default_value = "Flat")]
    factory: String,

    #[command(flatten)]
    direct: Direct,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatName {
    Faiss,
    Langchain,
    Arrow,
}

/// Writes a store's rows for other programs.
pub fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let runtime = runtime()?;
    let (objects, _) = arguments.direct.open(runtime.handle())?;
    let store = ids::store_id(&arguments.store)
        .ok_or_else(|| anyhow::anyhow!("{:?} is no name of a store", arguments.store))?;
    let format = match arguments.format {
        FormatName::Faiss => Format::Faiss,
        FormatName::Langchain => Format::LangChain,
        FormatName::Arrow => Format::Arrow,
    };
    let bar = rows_bar();
    let (out, factory) = (&arguments.out, &arguments.factory);
    let exported = export(objects.platform(), &store, format, factory, out, |rows| {
        bar.set_position(rows)
    })?;
    bar.finish_and_clear();
    let answer = json!({
        "store": store,
        "folder": out,
        "rows": exported.rows,
        "files": exported.files,
    });
    let human = || {
        format!(
            "{} rows of {} files are in {}\n",
            exported.rows,
            exported.files,
            text::printable(&out.display().to_string())
        )
    };
    Ok(output.answer(&answer, human)?)
}
