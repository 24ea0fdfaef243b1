//! A bucket by its URL.

use std::sync::Arc;

use async_trait::async_trait;
use http::StatusCode;
use object_store::aws::AmazonS3Builder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, ObjectStoreScheme, Result, parse_url_opts};
use thiserror::Error;
use url::Url;

/// The bucket that `url` names, confined to the prefix that it names. Credentials and endpoints come
/// from the environment, as the vendors' own tools take them (`AWS_ACCESS_KEY_ID`).
pub fn open(url: &Url) -> Result<Arc<dyn ObjectStore>> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let (store, prefix) = match url.scheme() {
        "s3" | "s3a" => s3(url, environment)?,
        _ => parse_url_opts(url, environment)?,
    };
    Ok(match prefix.as_ref() {
        "" => Arc::from(store),
        _ => Arc::new(PrefixStore::new(store, prefix)),
    })
}

fn s3(
    url: &Url,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(Box<dyn ObjectStore>, Path)> {
    let (_, prefix) = ObjectStoreScheme::parse(url)?;
    let begun = AmazonS3Builder::new()
        .with_url(url.to_string())
        .with_http_connector(Firm);
    let builder = environment.fold(begun, |builder, (name, value)| {
        match name.to_ascii_lowercase().parse() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        }
    });
    Ok((Box::new(builder.build()?), prefix))
}

/// The storage does not know what it was asked for: it answered 501.
#[derive(Debug, Error)]
#[error("the storage answered 501, Not Implemented")]
pub struct NotImplemented;

/// The client takes every status from 500 on for a failure that passes, and would ask a storage that
/// does not know an operation for minutes.
#[derive(Debug)]
struct Firm;

#[derive(Debug)]
struct FirmClient(HttpClient);

impl HttpConnector for Firm {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(FirmClient(client)))
    }
}

#[async_trait]
impl HttpService for FirmClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.0.execute(request).await?;
        match answer.status() {
            StatusCode::NOT_IMPLEMENTED => {
                Err(HttpError::new(HttpErrorKind::Unknown, NotImplemented))
            }
            _ => Ok(answer),
        }
    }
}
