//! `dayfly search`.

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Failure;
use super::client::{Client, Server};
use super::output::Output;
use super::text;

const INDENT: &str = "    ";

#[derive(Args, Debug)]
pub struct Arguments {
    /// What to look for
    query: String,

    /// Store to search, by name or id
    #[arg(long, value_name = "NAME", default_value = "default")]
    store: String,

    /// Passages to show, at most 50
    #[arg(short = 'k', long = "limit", value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u8).range(1..=50))]
    limit: u8,

    /// Attributes that a file must have, as the API's filter:
    /// '{"type":"eq","key":"year","value":2024}'
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    filter: Option<Map<String, Value>>,

    /// Leave out passages with a score below this, from 0 to 1
    #[arg(long, value_name = "SCORE")]
    threshold: Option<f32>,

    #[command(flatten)]
    server: Server,
}

/// Searches and prints the passages, best first.
pub async fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let client = Client::new(&arguments.server)?;
    let path = ["v1", "vector_stores", &arguments.store, "search"];
    let answer = client.post(&path, &request(arguments)).await?;
    if output.is_json() {
        return Ok(output.answer(&answer, String::new)?);
    }
    let page: Page = serde_json::from_value(answer)?;
    let text = page.show(&arguments.store, text::width());
    Ok(output.answer(&Value::Null, || text)?)
}

fn request(arguments: &Arguments) -> Value {
    let mut request = json!({
        "query": arguments.query,
        "max_num_results": arguments.limit,
    });
    if let Some(filter) = &arguments.filter {
        request["filters"] = json!(filter);
    }
    if let Some(threshold) = arguments.threshold {
        request["ranking_options"] = json!({ "score_threshold": threshold });
    }
    request
}

fn json_object(text: &str) -> Result<Map<String, Value>, serde_json::Error> {
    serde_json::from_str(text)
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    filename: String,
    score: f64,
    content: Vec<Passage>,
}

#[derive(Deserialize)]
struct Passage {
    text: String,
}

impl Page {
    fn show(&self, store: &str, width: usize) -> String {
        if self.data.is_empty() {
            return format!("Nothing in the store {} fits.\n", text::printable(store));
        }
        let blocks: Vec<String> = (1..)
            .zip(&self.data)
            .map(|(rank, hit)| hit.show(rank, width))
            .collect();
        blocks.join("\n")
    }
}

impl Hit {
    fn show(&self, rank: usize, width: usize) -> String {
        let heading = format!(
            "{rank:>2}  {:.3}  {}\n",
            self.score,
            text::printable(&self.filename)
        );
        let passages = self
            .content
            .iter()
            .map(|passage| text::wrapped(&passage.text, INDENT, width));
        std::iter::once(heading).chain(passages).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(words: &[&str]) -> Result<Arguments, clap::Error> {
        let words = std::iter::once("search").chain(words.iter().copied());
        Command::try_parse_from(words).map(|command| command.arguments)
    }

    #[test]
    fn the_request_says_what_the_flags_say() {
        let filter = r#"{"type":"eq","key":"year","value":2024}"#;
        let arguments =
            parsed(&["why", "-k", "3", "--filter", filter, "--threshold", "0.5"]).unwrap();
        assert_eq!(
            request(&arguments),
            json!({
                "query": "why",
                "max_num_results": 3,
                "filters": { "type": "eq", "key": "year", "value": 2024 },
                "ranking_options": { "score_threshold": 0.5 },
            })
        );
    }

    #[test]
    fn a_filter_that_is_no_json_object_is_refused_at_once() {
        assert!(parsed(&["q", "--filter", "year = 2024"]).is_err());
        assert!(parsed(&["q", "-k", "51"]).is_err());
        assert!(parsed(&["q", "-k", "0"]).is_err());
    }

    #[test]
    fn a_passage_is_shown_with_rank_score_and_file() {
        let page: Page = serde_json::from_value(json!({ "data": [
            { "filename": "a.md", "score": 0.91234, "content": [{ "type": "text", "text": "one two\nthree" }] },
            { "filename": "b.md", "score": 0.5, "content": [{ "type": "text", "text": "four" }] },
        ]}))
        .unwrap();
        assert_eq!(
            page.show("default", 60),
            " 1  0.912  a.md\n    one two\n    three\n\n 2  0.500  b.md\n    four\n"
        );
    }

    #[test]
    fn an_empty_answer_names_the_store() {
        let page = Page { data: Vec::new() };
        assert!(page.show("handbook", 60).contains("handbook"));
    }
}
