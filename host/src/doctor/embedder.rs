//! What there is to say of the embedder.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use dayfly_core::embedding::{EmbeddingError, Expected, parse_response, request_body};
use url::Url;

use super::{Finding, State};
use crate::options::EmbedOptions;
use crate::serve::embedded;

const MODEL: &str = "model";
const EMBEDDER: &str = "embedder";
/// Longer than any model should take for a sentence.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn examine(options: &EmbedOptions) -> Vec<Finding> {
    let model = model(options);
    let embedder = match model.state {
        State::Failed => Finding::skipped(EMBEDDER, "its model is missing"),
        _ => embedder(options).await,
    };
    vec![model, embedder]
}

fn model(options: &EmbedOptions) -> Finding {
    match (&options.url, dayfly_embedder::locate(None)) {
        (Some(_), _) => Finding::skipped(
            MODEL,
            "another embedder than the built-in one is configured",
        ),
        (None, Ok(files)) => Finding::good(
            MODEL,
            format!("{} in {}", files.id, files.weights.display()),
        ),
        (None, Err(error)) => Finding::failed(MODEL, error.to_string()),
    }
}

async fn embedder(options: &EmbedOptions) -> Finding {
    match tokio::time::timeout(PATIENCE, embed_one(options)).await {
        Ok(Ok(detail)) => Finding::good(EMBEDDER, detail),
        Ok(Err(error)) => Finding::failed(EMBEDDER, format!("{error:#}")),
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            Finding::failed(EMBEDDER, format!("no answer within {seconds} seconds"))
        }
    }
}

/// One embedding, of the endpoint that guests get theirs from.
async fn embed_one(options: &EmbedOptions) -> anyhow::Result<String> {
    let embedding = embedded::start(options).await?;
    let url: Url = embedding
        .url
        .parse()
        .with_context(|| format!("embed.url is no URL: {}", embedding.url))?;
    let provider = url.authority().to_owned();
    let built_in = embedding.router.is_some();
    // As guests do, it shows the key to no other host.
    let mut client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    if built_in {
        client = client.no_proxy();
    }
    let sentence = ["How long does a mayfly live?"];
    let body = request_body(&embedding.model, &sentence, false, options.dimensions);
    let request = client
        .build()?
        .post(url)
        .header("content-type", "application/json")
        .headers(embedding.headers.clone())
        .body(body);
    let begun = Instant::now();
    let answer = request
        .send()
        .await
        .with_context(|| format!("the embedder {provider} does not answer"))?;
    let status = answer.status().as_u16();
    if let Some(location) = answer
        .headers()
        .get("location")
        .filter(|_| (300..400).contains(&status))
    {
        let location = String::from_utf8_lossy(location.as_bytes());
        return Err(EmbeddingError::redirected(&provider, &location).into());
    }
    let body = answer.bytes().await?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    let expected = Expected {
        provider: &provider,
        count: 1,
        dimension: None,
    };
    let found = parse_response(status, None, &body, &expected)?;
    let place = match built_in {
        true => "built in".to_owned(),
        false => format!("at {provider}"),
    };
    Ok(format!(
        "{}, {place}: {} dimensions, {took:.1} ms",
        embedding.model, found.dimension
    ))
}
