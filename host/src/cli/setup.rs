//! `dayfly setup`.

use serde_json::json;

use super::Failure;
use super::output::Output;

/// Fetches and verifies the built-in embedder's model; what is there and whole is left alone.
pub fn run(output: Output) -> Result<(), Failure> {
    let mut progress = dayfly_embedder::terminal_progress();
    let files = dayfly_embedder::install(None, &mut progress)?;
    let answer = json!({
        "model": files.id,
        "sha256": files.sha256,
        "weights": files.weights,
        "tokenizer": files.tokenizer,
    });
    let human = || format!("{} is ready: {}\n", files.id, files.weights.display());
    Ok(output.answer(&answer, human)?)
}
