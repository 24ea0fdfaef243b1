//! Speaks to a Dayfly server.

mod error;
mod retry;

use std::time::Duration;

use clap::Args;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use url::{Host, Url};

pub use error::{ApiAnswer, ClientError};
pub use retry::patiently;

/// Longer than the longest request that a server allows by default.
const READ_TIMEOUT: Duration = Duration::from_secs(330);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which server, and as whom.
#[derive(Args, Clone, Debug)]
pub struct Server {
    /// The server's address
    #[arg(
        long,
        global = true,
        env = "DAYFLY_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8787"
    )]
    pub url: Url,

    /// Token to show, where the server asks for one
    #[arg(
        long,
        global = true,
        env = "DAYFLY_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
}

/// A connection pool to one server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    server: Server,
}

impl Client {
    /// Connects lazily: the first request is the first to fail.
    ///
    /// # Errors
    /// When the address is not one of HTTP, or TLS cannot be set up.
    pub fn new(server: &Server) -> Result<Self, ClientError> {
        if !matches!(server.url.scheme(), "http" | "https") {
            return Err(ClientError::Address(server.url.clone()));
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("dayfly/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT);
        if is_loopback(&server.url) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|source| ClientError::Broken {
            url: server.url.clone(),
            source,
        })?;
        let server = server.clone();
        Ok(Self { http, server })
    }

    /// The answer to `GET`; asks again while the server is full.
    ///
    /// # Errors
    /// [`ClientError`], as for every call below.
    pub async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, ClientError> {
        patiently(async || self.send(self.request(Method::GET, path, query)).await).await
    }

    /// The answer to `POST` with a JSON body; asks again while the server is full.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Value, ClientError> {
        patiently(async || {
            self.send(self.request(Method::POST, path, &[]).json(body))
                .await
        })
        .await
    }

    /// The answer to `DELETE`; asks again while the server is full.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete(&self, path: &[&str]) -> Result<Value, ClientError> {
        patiently(async || self.send(self.request(Method::DELETE, path, &[])).await).await
    }

    /// Uploads one file. Not repeated, for a stream can be read only once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn upload(&self, file: Part) -> Result<Value, ClientError> {
        let form = Form::new().text("purpose", "assistants").part("file", file);
        let request = self.request(Method::POST, &["v1", "files"], &[]);
        self.send(request.multipart(form)).await
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let request = self
            .http
            .request(method, address(&self.server.url, path, query));
        match &self.server.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, ClientError> {
        let broken = |source| ClientError::from_transport(self.server.url.clone(), source);
        let response = request.send().await.map_err(broken)?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = response.bytes().await.map_err(broken)?;
        if !status.is_success() {
            let answer = ApiAnswer::read(status, &headers, &body);
            return Err(ClientError::Api(Box::new(answer)));
        }
        serde_json::from_slice(&body).map_err(ClientError::Unexpected)
    }
}

/// `path` below the server's address, each of its parts one segment whatever letters it holds.
fn address(server: &Url, path: &[&str], query: &[(&str, &str)]) -> Url {
    let mut url = server.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Url {
        Url::parse(url).unwrap()
    }

    #[test]
    fn a_name_stays_one_segment_of_the_address() {
        let url = address(
            &server("http://127.0.0.1:1"),
            &["v1", "vector_stores", "a/b?c"],
            &[],
        );
        assert_eq!(
            url.as_str(),
            "http://127.0.0.1:1/v1/vector_stores/a%2Fb%3Fc"
        );
    }

    #[test]
    fn a_server_may_live_below_a_path() {
        let url = address(&server("http://h/dayfly/"), &["v1"], &[("limit", "5")]);
        assert_eq!(url.as_str(), "http://h/dayfly/v1?limit=5");
    }

    #[test]
    fn only_http_is_spoken() {
        let server = Server {
            url: server("ftp://h/"),
            token: None,
        };
        assert!(matches!(Client::new(&server), Err(ClientError::Address(_))));
    }

    #[test]
    fn loopback_is_known_in_each_spelling() {
        for url in ["http://127.0.0.1", "http://[::1]:80", "http://localhost:1"] {
            assert!(is_loopback(&server(url)), "{url}");
        }
        assert!(!is_loopback(&server("http://example.com")));
    }
}
