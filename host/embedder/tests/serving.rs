//! The embedder over HTTP on loopback, and its queue.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dayfly_embedder::{EmbedError, Embedder, EmbedderConfig, MODEL_ID, locate, router};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Far above what a pass takes and far below what the work that is cancelled would take.
const PATIENCE: Duration = Duration::from_secs(20);

fn embedder(config: EmbedderConfig) -> Arc<Embedder> {
    let files = locate(None).unwrap_or_else(|e| panic!("{e}"));
    Arc::new(Embedder::load(files, config).unwrap_or_else(|e| panic!("{e}")))
}

async fn serve(embedder: Arc<Embedder>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router(embedder, Vec::new())).await });
    address
}

async fn send(address: SocketAddr, method: &str, path: &str, body: Vec<u8>) -> Response<Vec<u8>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{address}{path}"))
        .body(Body::from(body))
        .unwrap();
    let (parts, body) = client.request(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, bytes.to_vec())
}

async fn embed(address: SocketAddr, body: Value) -> (StatusCode, Value) {
    let body = body.to_string().into_bytes();
    let response = send(address, "POST", "/v1/embeddings", body).await;
    let json = serde_json::from_slice(response.body()).unwrap();
    (response.status(), json)
}

/// Texts of which each takes a whole pass; 2,000 of them take one thread a minute.
fn long_texts(count: usize) -> Vec<String> {
    vec!["many words make a long text ".repeat(50); count]
}

#[tokio::test]
async fn floats_and_base64_are_the_same_vectors() {
    let address = serve(embedder(EmbedderConfig::default())).await;
    let input = json!({"model": MODEL_ID, "input": ["a cat", "a dog"]});
    let (status, floats) = embed(address, input).await;
    assert_eq!(status, 200);
    assert_eq!(floats["object"], "list");
    assert_eq!(floats["model"], MODEL_ID);
    // [CLS] a cat [SEP] and the same with a dog.
    assert_eq!(
        floats["usage"],
        json!({"prompt_tokens": 8, "total_tokens": 8})
    );

    let input = json!({"model": MODEL_ID, "input": ["a cat", "a dog"],
        "encoding_format": "base64"});
    let (_, packed) = embed(address, input).await;
    for number in 0..2 {
        let item = &floats["data"][number];
        assert_eq!(
            (&item["object"], &item["index"]),
            (&json!("embedding"), &json!(number))
        );
        let values: Vec<f32> = serde_json::from_value(item["embedding"].clone()).unwrap();
        let text = packed["data"][number]["embedding"].as_str().unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(STANDARD.decode(text).unwrap(), bytes);
    }
}

#[tokio::test]
async fn the_model_is_listed() {
    let address = serve(embedder(EmbedderConfig::default())).await;
    let response = send(address, "GET", "/v1/models", Vec::new()).await;
    let models: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(models["data"][0]["id"], MODEL_ID);
}

#[tokio::test]
async fn errors_have_the_envelope() {
    let address = serve(embedder(EmbedderConfig::default())).await;
    let (status, json) = embed(address, json!({"model": "other", "input": "a"})).await;
    assert_eq!(status, 404);
    assert_eq!(json["error"]["code"], "model_not_found");
    assert_eq!(json["error"]["type"], "invalid_request_error");

    let (status, json) = embed(address, json!({"model": MODEL_ID, "input": [[1, 2]]})).await;
    assert_eq!(status, 400);
    assert_eq!(json["error"]["param"], "input");
    assert!(json["error"]["code"].is_null());

    let response = send(address, "GET", "/v1/embeddings", Vec::new()).await;
    assert_eq!(response.status(), 405);
    assert!(serde_json::from_slice::<Value>(response.body()).unwrap()["error"].is_object());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_answered() {
    let address = serve(embedder(EmbedderConfig::default())).await;
    let response = send(address, "POST", "/v1/embeddings", vec![b' '; 9 << 20]).await;
    assert_eq!(response.status(), 413);
    let json: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(json["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn a_full_queue_answers_503_and_when_to_come_back() {
    let embedder = embedder(EmbedderConfig {
        max_requests: 1,
        ..EmbedderConfig::default()
    });
    let address = serve(Arc::clone(&embedder)).await;
    let body = json!({"model": MODEL_ID, "input": "a"}).to_string();
    let place = embedder.admit(1).unwrap();
    let response = send(address, "POST", "/v1/embeddings", body.clone().into_bytes()).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    let json: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(json["error"]["code"], "overloaded");

    drop(place);
    let response = send(address, "POST", "/v1/embeddings", body.into_bytes()).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn waiting_bytes_are_bounded() {
    let embedder = embedder(EmbedderConfig {
        max_bytes: 1 << 20,
        ..EmbedderConfig::default()
    });
    let place = embedder.admit(900 << 10).unwrap();
    assert!(matches!(
        embedder.admit(200 << 10),
        Err(EmbedError::Busy { .. })
    ));
    assert!(embedder.admit(100 << 10).is_ok());
    drop(place);
    assert!(
        embedder.admit(usize::MAX).is_ok(),
        "alone, any size gets in"
    );
}

#[tokio::test]
async fn the_vectors_of_many_short_texts_count_as_bytes() {
    let embedder = embedder(EmbedderConfig {
        max_bytes: 100 << 10,
        ..EmbedderConfig::default()
    });
    let place = embedder.admit(10 << 10).unwrap();
    let texts = vec!["a".to_owned(); 100];
    let refused = embedder.embed(texts.clone()).await;
    assert!(matches!(refused, Err(EmbedError::Busy { .. })));
    drop(place);
    assert!(embedder.embed(texts).await.is_ok());
}

#[tokio::test]
async fn a_query_does_not_wait_for_a_large_request() {
    let embedder = embedder(EmbedderConfig {
        threads: 1,
        ..EmbedderConfig::default()
    });
    tokio::select! {
        biased;
        _ = embedder.embed(long_texts(100)) => panic!("the query waited for the large request"),
        query = embedder.embed(vec!["a query".to_owned()]) => assert!(query.is_ok()),
    }
}

#[tokio::test]
async fn a_client_that_disconnects_leaves_no_work_behind() {
    let embedder = embedder(EmbedderConfig {
        threads: 1,
        max_requests: 1,
        ..EmbedderConfig::default()
    });
    let address = serve(Arc::clone(&embedder)).await;
    let body = json!({"model": MODEL_ID, "input": long_texts(2000)}).to_string();
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/embeddings HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(body.as_bytes()).await.unwrap();
    // The server has taken the request once no other is admitted.
    while embedder.admit(1).is_ok() {
        tokio::task::yield_now().await;
    }
    let mut nothing = [0; 1];
    let early = tokio::time::timeout(Duration::ZERO, client.read(&mut nothing)).await;
    assert!(early.is_err(), "answered before the client went");
    drop(client);

    let released = async {
        while embedder.admit(1).is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let released = tokio::time::timeout(PATIENCE, released).await;
    assert!(released.is_ok(), "the request still holds its place");
}
