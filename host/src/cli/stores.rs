//! `dayfly stores`.

mod usage;

use clap::{Args, Subcommand};
use indicatif::BinaryBytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Failure;
use super::client::{Client, ClientError, Server};
use super::output::Output;
use super::text;

const PAGE: &str = "100";

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// Also what the tenant has stored, and what it may have
    #[arg(long)]
    usage: bool,

    /// What each tenant has stored, and may have (needs a token with the scope `admin`)
    #[arg(long, conflicts_with = "usage")]
    usage_of_all: bool,

    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All stores (what `dayfly stores` alone does)
    List,
    /// One store
    Get {
        /// Its name or id
        store: String,
    },
    /// Delete a store and its index; the uploaded files stay
    Delete {
        /// Its name or id
        store: String,
    },
}

/// Lists, shows or deletes.
pub async fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let client = Client::new(&arguments.server)?;
    match &arguments.command {
        None if arguments.usage_of_all => usage::of_all(&client, output).await,
        None if arguments.usage => usage::with_stores(&client, all(&client).await?, output).await,
        None | Some(Command::List) => show(all(&client).await?, output),
        Some(Command::Get { store }) => {
            let found = client.get(&["v1", "vector_stores", store], &[]).await?;
            if output.is_json() {
                return Ok(output.answer(&found, String::new)?);
            }
            show(vec![found], output)
        }
        Some(Command::Delete { store }) => {
            let gone = client.delete(&["v1", "vector_stores", store]).await?;
            Ok(output.answer(&gone, || format!("deleted {}\n", text::printable(store)))?)
        }
    }
}

/// Every store, page after page.
async fn all(client: &Client) -> Result<Vec<Value>, ClientError> {
    let mut stores: Vec<Value> = Vec::new();
    loop {
        let after = stores
            .last()
            .and_then(|store| store["id"].as_str().map(str::to_owned));
        let mut query = vec![("limit", PAGE), ("order", "asc")];
        query.extend(after.as_deref().map(|id| ("after", id)));
        let mut page = client.get(&["v1", "vector_stores"], &query).await?;
        let more = page["has_more"] == true;
        let Value::Array(data) = page["data"].take() else {
            return Ok(stores);
        };
        if data.is_empty() {
            return Ok(stores);
        }
        stores.extend(data);
        if !more {
            return Ok(stores);
        }
    }
}

fn show(stores: Vec<Value>, output: Output) -> Result<(), Failure> {
    let answer = json!({ "object": "list", "data": stores });
    if output.is_json() {
        return Ok(output.answer(&answer, String::new)?);
    }
    let List { data } = serde_json::from_value(answer)?;
    Ok(output.answer(&Value::Null, || listing(&data))?)
}

#[derive(Deserialize)]
struct List {
    data: Vec<Store>,
}

#[derive(Deserialize)]
struct Store {
    id: String,
    name: Option<String>,
    usage_bytes: u64,
    file_counts: Counts,
    model: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    in_progress: u64,
    completed: u64,
    failed: u64,
}

impl Counts {
    fn show(&self) -> String {
        let mut text = self.completed.to_string();
        if self.in_progress > 0 {
            text += &format!(" (+{} under way)", self.in_progress);
        }
        if self.failed > 0 {
            text += &format!(" ({} failed)", self.failed);
        }
        text
    }
}

fn listing(stores: &[Store]) -> String {
    if stores.is_empty() {
        return "There is no store yet: `dayfly upload FILE` makes one.\n".to_owned();
    }
    let heading = ["ID", "NAME", "FILES", "SIZE", "MODEL"]
        .map(str::to_owned)
        .to_vec();
    let row = |store: &Store| {
        vec![
            store.id.clone(),
            text::printable(store.name.as_deref().unwrap_or_default()),
            store.file_counts.show(),
            BinaryBytes(store.usage_bytes).to_string(),
            text::printable(store.model.as_deref().unwrap_or_default()),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading)
        .chain(stores.iter().map(row))
        .collect();
    text::table(&rows, &[false, false, true, true, false])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_listed_in_columns() {
        let list: List = serde_json::from_value(json!({ "data": [{
            "id": "vs_1",
            "name": "handbook",
            "usage_bytes": 2048,
            "file_counts": { "in_progress": 1, "completed": 2, "failed": 0, "cancelled": 0, "total": 3 },
            "model": "m",
        }]}))
        .unwrap();
        assert_eq!(
            listing(&list.data),
            "ID    NAME                 FILES      SIZE  MODEL\n\
             vs_1  handbook  2 (+1 under way)  2.00 KiB  m\n"
        );
    }

    #[test]
    fn without_stores_the_way_to_one_is_shown() {
        assert!(listing(&[]).contains("dayfly upload"));
    }

    #[test]
    fn a_failed_file_is_not_hidden() {
        let counts = Counts {
            in_progress: 0,
            completed: 1,
            failed: 2,
        };
        assert_eq!(counts.show(), "1 (2 failed)");
    }
}
