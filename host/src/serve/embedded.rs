use std::sync::Arc;

use anyhow::{Context as _, bail};
use axum::Router;
use dayfly_embedder::{Embedder, EmbedderConfig, locate, router};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::options::EmbedOptions;

/// Where guests get their vectors.
pub struct Embedding {
    /// The endpoint, whole.
    pub url: String,
    /// The model to ask for.
    pub model: String,
    /// The embedded embedder, unless another is configured.
    pub router: Option<Router>,
    /// Serves the embedded embedder to the guests.
    pub server: JoinSet<()>,
}

/// Takes the configured endpoint, or starts the embedded embedder on a port of its own.
pub async fn start(options: &EmbedOptions) -> anyhow::Result<Embedding> {
    let Some(url) = &options.url else {
        return embedded(options).await;
    };
    let Some(model) = &options.model else {
        bail!(
            "embed.url is set without embed.model: name the model that {url} should use (--embed-model)"
        );
    };
    Ok(Embedding {
        url: url.clone(),
        model: model.clone(),
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
    let router = router(Arc::new(embedder));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v1/embeddings", listener.local_addr()?);
    let mut server = JoinSet::new();
    let service = router.clone();
    server.spawn(async move {
        if let Err(error) = axum::serve(listener, service).await {
            tracing::error!(%error, "the embedder's port failed");
        }
    });
    Ok(Embedding {
        url,
        model: model.into(),
        router: Some(router),
        server,
    })
}
