//! Flags that say how uploaded files are indexed.

use clap::Args;
use dayfly_core::filter::is_exact;
use serde_json::{Value, json};

use super::super::indexing::Plan;

/// The store, the attributes and the chunks.
#[derive(Args, Debug)]
pub struct Indexing {
    /// Store to put them into, by name or id; made when there is none of that name
    #[arg(long, value_name = "NAME", default_value = "default")]
    store: String,

    /// What to know of each file, for filters; repeatable. A number is taken as one where it reads back to
    /// the same text, and so are true and false; KEY:number=…, KEY:boolean=… or KEY:text=… says which
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = attribute)]
    attributes: Vec<(String, Value)>,

    /// Length of a chunk in characters [default: the store's]
    #[arg(long, value_name = "N", conflicts_with = "chunk_tokens")]
    chunk_chars: Option<u32>,

    /// Length of a chunk in tokens (cl100k_base), from 100 to 4096
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=4096))]
    chunk_tokens: Option<u32>,

    /// How much of a chunk is repeated in the next, in its unit [default: 15 % of the length]
    #[arg(long, value_name = "N")]
    chunk_overlap: Option<u32>,
}

impl Indexing {
    /// What these flags ask for.
    pub fn plan(&self) -> Plan {
        Plan {
            store: self.store.clone(),
            attributes: self.attributes.iter().cloned().collect(),
            chunking: self.chunking(),
        }
    }

    fn chunking(&self) -> Option<Value> {
        let overlap = |length: u32| {
            self.chunk_overlap
                .unwrap_or(length / 100 * 15 + length % 100 * 15 / 100)
        };
        if let Some(length) = self.chunk_chars {
            return Some(json!({ "type": "characters", "characters": {
                "max_chunk_size_chars": length,
                "chunk_overlap_chars": overlap(length),
            }}));
        }
        self.chunk_tokens.map(|length| {
            json!({ "type": "static", "static": {
                "max_chunk_size_tokens": length,
                "chunk_overlap_tokens": overlap(length),
            }})
        })
    }
}

/// `KEY=VALUE`, where the value is a number or a boolean if it looks like one and is written as that is;
/// `KEY:TYPE=VALUE` says which it is.
fn attribute(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or("write it as KEY=VALUE, or as KEY:number=VALUE to say of which type it is")?;
    let (key, value) = match key.rsplit_once(':') {
        Some((key, "number")) => (key, number(value)?),
        Some((key, "boolean" | "bool")) => (key, boolean(value)?),
        Some((key, "text" | "string")) => (key, Value::from(value)),
        _ => (key, guessed(value)),
    };
    match key.is_empty() {
        true => Err("the attribute has no name: write it as KEY:TYPE=VALUE".to_owned()),
        false => Ok((key.to_owned(), value)),
    }
}

fn number(value: &str) -> Result<Value, String> {
    match serde_json::from_str(value) {
        Ok(number @ Value::Number(_)) => Ok(number),
        _ => Err(format!(
            "{value} is no number: write it as 2024, -1.5 or 1e10"
        )),
    }
}

fn boolean(value: &str) -> Result<Value, String> {
    match value {
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        _ => Err(format!("{value} is no boolean: write it as true or false")),
    }
}

/// A version, a hash or a post code is no number, though it may look like one: a number is what reads back
/// to the same text.
fn guessed(value: &str) -> Value {
    match serde_json::from_str(value) {
        Ok(scalar @ (Value::Bool(_) | Value::String(_))) => scalar,
        Ok(Value::Number(number)) if number.to_string() == value && is_exact(&number) => {
            Value::Number(number)
        }
        _ => Value::from(value),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        indexing: Indexing,
    }

    fn parsed(words: &[&str]) -> Result<Plan, clap::Error> {
        let words = std::iter::once("upload").chain(words.iter().copied());
        Command::try_parse_from(words).map(|command| command.indexing.plan())
    }

    #[test]
    fn an_attribute_has_the_type_it_looks_like() {
        assert_eq!(attribute("year=2024"), Ok(("year".to_owned(), json!(2024))));
        assert_eq!(
            attribute("draft=true"),
            Ok(("draft".to_owned(), json!(true)))
        );
        assert_eq!(attribute("lang=en"), Ok(("lang".to_owned(), json!("en"))));
        assert_eq!(attribute("id=\"7\""), Ok(("id".to_owned(), json!("7"))));
        assert_eq!(attribute("a=b=c"), Ok(("a".to_owned(), json!("b=c"))));
        assert_eq!(attribute("l=[1]"), Ok(("l".to_owned(), json!("[1]"))));
        assert!(attribute("year").is_err());
        assert!(attribute("=7").is_err());
    }

    #[test]
    fn what_only_looks_like_a_number_stays_text() {
        for text in [
            "1.10",
            "1e10",
            "01234",
            "+1",
            "9007199254740993",
            "1E3",
            "0x10",
        ] {
            let expected = ("v".to_owned(), json!(text));
            assert_eq!(attribute(&format!("v={text}")), Ok(expected));
        }
        assert_eq!(attribute("v=1.5"), Ok(("v".to_owned(), json!(1.5))));
        assert_eq!(attribute("v=-3"), Ok(("v".to_owned(), json!(-3))));
    }

    #[test]
    fn a_type_that_is_named_is_the_one() {
        let is = |text, value| assert_eq!(attribute(text), Ok(("v".to_owned(), value)));
        is("v:number=1e10", json!(1e10));
        is("v:text=2024", json!("2024"));
        is("v:string=true", json!("true"));
        is("v:boolean=true", json!(true));
        assert_eq!(attribute("a:b=1"), Ok(("a:b".to_owned(), json!(1))));
        for wrong in ["v:number=one", "v:boolean=1", ":number=1"] {
            assert!(attribute(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_servers_chunking_is_left_alone_unless_asked() {
        let plan = parsed(&[]).unwrap();
        assert_eq!(plan.store, "default");
        assert_eq!(plan.chunking, None);
    }

    #[test]
    fn chunks_are_measured_in_one_unit() {
        let chars = parsed(&["--chunk-chars", "1000"])
            .unwrap()
            .chunking
            .unwrap();
        assert_eq!(chars["characters"]["chunk_overlap_chars"], 150);
        let tokens = parsed(&["--chunk-tokens", "400", "--chunk-overlap", "0"]).unwrap();
        assert_eq!(
            tokens.chunking.unwrap()["static"],
            json!({ "max_chunk_size_tokens": 400, "chunk_overlap_tokens": 0 })
        );
        assert!(parsed(&["--chunk-chars", "9", "--chunk-tokens", "400"]).is_err());
        assert!(parsed(&["--chunk-tokens", "99"]).is_err());
    }

    #[test]
    fn a_core_that_reads_the_strategy_accepts_it() {
        for words in [["--chunk-chars", "1"], ["--chunk-tokens", "4096"]] {
            let chunking = parsed(&words).unwrap().chunking.unwrap();
            let strategy = dayfly_core::chunk::ChunkingStrategy::parse(&chunking);
            assert!(strategy.is_ok(), "{strategy:?}");
        }
    }
}
