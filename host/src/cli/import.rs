//! `dayfly import`.

use std::path::PathBuf;

use clap::Args;
use dayfly::exchange::Importer;
use dayfly::platform::random_id;
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
    let (objects, configured) = arguments.direct.open(runtime.handle())?;
    let model = arguments.model.clone().or(configured);
    let model = model.unwrap_or_else(|| dayfly_embedder::MODEL_ID.to_owned());
    random_id()?;
    let random = || {
        let id = random_id().unwrap_or_default();
        u64::from_str_radix(&id, 16).unwrap_or_default()
    };
    let bar = rows_bar();
    let importer = Importer {
        objects: &objects,
        store: &arguments.store,
        model: &model,
        clock: &dayfly::rebuild::now_ms,
        random: &random,
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
