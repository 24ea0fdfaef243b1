//! The built-in model, as guests and callers reach it.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use dayfly_embedder::{Embedder, EmbedderConfig, locate, router};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::options::EmbedOptions;
use crate::serve::provider::access;
use crate::storage::random_id;

/// What callers outside may have wait in the embedder, beside what guests may.
const OUTSIDE_REQUESTS: usize = 256;
const OUTSIDE_BYTES: usize = 64 << 20;

/// Where guests get their vectors.
pub struct Embedding {
    /// The endpoint, whole.
    pub url: String,
    /// The model to ask for.
    pub model: String,
    /// What requests to it carry.
    pub headers: HeaderMap,
    /// The embedded embedder for callers outside, unless another is configured.
    pub router: Option<Router>,
    /// Serves the embedded embedder to the guests.
    pub server: JoinSet<()>,
}

/// Takes the configured endpoint, or starts the embedded embedder on a port of its own.
pub async fn start(options: &EmbedOptions) -> anyhow::Result<Embedding> {
    let Some(url) = &options.url else {
        return embedded(options).await;
    };
    if !options.aliases.is_empty() {
        bail!(
            "embed.aliases are names of the built-in model, and embed.url is set: leave one of them out"
        );
    }
    let Some(model) = &options.model else {
        bail!(
            "embed.url is set without embed.model: name the model that it should use (--embed-model)"
        );
    };
    let (url, headers) = access(url, options)?;
    Ok(Embedding {
        url,
        model: model.clone(),
        headers,
        router: None,
        server: JoinSet::new(),
    })
}

async fn embedded(options: &EmbedOptions) -> anyhow::Result<Embedding> {
    let load = || {
        let files = locate(None)?;
        Embedder::load(files, EmbedderConfig::default())
    };
    let embedder = tokio::task::spawn_blocking(load)
        .await
        .context("loading the embedder")?;
    let embedder = embedder.context(
        "there is no embedder: install the embedded one with `dayfly setup`, or name an endpoint with --embed-url",
    )?;
    let model = embedder.model().id;
    if options
        .model
        .as_deref()
        .is_some_and(|wanted| wanted != model)
    {
        bail!(
            "embed.model asks for another model than the embedded {model}: name its endpoint with --embed-url"
        );
    }
    let beside = Arc::new(embedder.beside(OUTSIDE_REQUESTS, OUTSIDE_BYTES));
    let outside = router(beside, options.aliases.clone());
    let router = router(Arc::new(embedder), Vec::new());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v1/embeddings", listener.local_addr()?);
    let mut server = JoinSet::new();
    // Any program of this machine reaches the port: guests' requests carry what no other knows.
    let secret = format!("Bearer {}{}", random_id()?, random_id()?);
    let mut credential = HeaderValue::from_str(&secret)?;
    credential.set_sensitive(true);
    let expected = credential.clone();
    let service = router.layer(from_fn(move |request, next| {
        only_with(expected.clone(), request, next)
    }));
    server.spawn(async move {
        if let Err(error) = axum::serve(listener, service).await {
            tracing::error!(%error, "the embedder's port failed");
        }
    });
    Ok(Embedding {
        url,
        model: model.into(),
        headers: HeaderMap::from_iter([(AUTHORIZATION, credential)]),
        router: Some(outside),
        server,
    })
}

async fn only_with(expected: HeaderValue, request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION);
    let is_known = shown.is_some_and(|shown| {
        verify_slices_are_equal(shown.as_bytes(), expected.as_bytes()).is_ok()
    });
    match is_known {
        true => next.run(request).await,
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn only_who_knows_the_secret_is_answered() {
        let expected = HeaderValue::from_static("Bearer secret");
        let layer = from_fn(move |request, next| only_with(expected.clone(), request, next));
        let router = Router::new().route("/", get(|| async {})).layer(layer);
        let status = async |shown: Option<&str>| {
            let request = Request::builder().uri("/");
            let request = match shown {
                Some(shown) => request.header(AUTHORIZATION, shown),
                None => request,
            };
            let request = request.body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(status(None).await, StatusCode::UNAUTHORIZED);
        assert_eq!(status(Some("Bearer guess")).await, StatusCode::UNAUTHORIZED);
        assert_eq!(status(Some("Bearer secret")).await, StatusCode::OK);
    }
}
