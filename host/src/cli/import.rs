//! `dayfly import`.

use std::path::PathBuf;

use clap::Args;
use dayfly::exchange::Importer;
use dayfly::storage::random_id;
use dayfly_core::platform::Worker;
use dayfly_core::segment::DEFAULT_SEGMENT_MAX_ROWS;
use dayfly_core::store::{Indexing, Upkeep};
use serde_json::json;

use super::Failure;
use super::direct::{Direct, rows_bar, runtime};
use super::output::Output;

#[derive(Args, Debug)]
pub struct Arguments {
    /// Folder with index.faiss and either LangChain's index.pkl (as FAISS.save_local writes them) or
    /// texts.jsonl, a line {"text": …, "metadata": {"source": …}} for each row
    folder: PathBuf,

    /// Store to import into, by name or id; one with a new name is made
    #[arg(long, value_name = "NAME")]
    store: String,

    /// The embedding model that made the vectors; queries will be embedded with it
    /// [default: the configured one]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    #[command(flatten)]
    direct: Direct,
}

/// Brings an index and its texts into a store. The vectors stay what they are: nothing is embedded.
pub fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let runtime = runtime()?;
    let (objects, configured) = arguments.direct.open_to_write(runtime.handle())?;
    let model = arguments.model.clone().or(configured);
    let model = model.unwrap_or_else(|| dayfly_embedder::MODEL_ID.to_owned());
    let upkeep = Upkeep {
        worker: Worker {
            node: random_id()?,
            boot: random_id()?,
        },
        indexing: Indexing {
            graph_min_rows: u32::MAX,
            segment_max_rows: DEFAULT_SEGMENT_MAX_ROWS,
        },
    };
    let bar = rows_bar();
    let importer = Importer {
        platform: objects.platform(),
        store: &arguments.store,
        model: &model,
        upkeep: &upkeep,
    };
    let imported = importer.import(&arguments.folder, |rows| bar.set_position(rows))?;
    bar.finish_and_clear();
    let answer = json!({
        "store": imported.store,
        "model": model,
        "rows": imported.rows,
        "files": imported.files,
        "compared_otherwise": imported.compared_otherwise,
    });
    let human = || {
        let note = match imported.compared_otherwise {
            true => {
                "note: these vectors were compared otherwise than by direction (cosine), which is \
                 how Dayfly compares: results may come in another order\n"
            }
            false => "",
        };
        format!(
            "{} rows of {} files are in {} ({model})\n{note}",
            imported.rows, imported.files, imported.store
        )
    };
    Ok(output.answer(&answer, human)?)
}
