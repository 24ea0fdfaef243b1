//! Requests to the embedding provider, over HTTP.

use std::cell::RefCell;
use std::io::Read;
use std::time::Duration;

use dayfly_core::embedding::{Answer, EmbeddingError, Transport, location};
use dayfly_core::retry::told_to_wait;
use dayfly_intake::Encoding;
use futures::StreamExt;
use spin_sdk::http::{ErrorCode, IncomingResponse, Method, Request, SendError, send};

use crate::bindings::dayfly::platform::settings::Embedding;
use crate::clock;

/// A request is sent on so often.
const MOST_REDIRECTS: usize = 3;

/// The provider that the operator configured.
pub struct Provider<'a> {
    settings: &'a Embedding,
    /// The longest that a request may take.
    limit: Duration,
    /// Where it was sent on to, if it was.
    url: RefCell<String>,
}

impl<'a> Provider<'a> {
    pub fn new(settings: &'a Embedding, limit: Duration) -> Self {
        Self {
            settings,
            limit,
            url: RefCell::new(settings.url.clone()),
        }
    }

    /// Its host, and its port where one is named.
    pub fn authority(&self) -> &'a str {
        location::authority(&self.settings.url)
    }

    async fn follow(&self, body: &[u8], most: usize) -> Result<Answer, EmbeddingError> {
        let mut url = self.url.borrow().clone();
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(&url, body).await?;
            let status = response.status();
            let Some(location) = redirect(&response) else {
                self.url.replace(url);
                return self.read(response, most).await;
            };
            let refused = || EmbeddingError::redirected(self.authority(), &location);
            let is_followed = location::FOLLOWED.contains(&status);
            let next = location::resolve(&url, &location).filter(|_| is_followed);
            url = next.ok_or_else(refused)?;
        }
        Err(EmbeddingError::redirected(self.authority(), &url))
    }

    async fn send(&self, url: &str, body: &[u8]) -> Result<IncomingResponse, EmbeddingError> {
        let mut request = Request::builder();
        request
            .method(Method::Post)
            .uri(url)
            .header("content-type", "application/json")
            .header("content-length", body.len().to_string());
        if let Some(authorization) = &self.settings.authorization {
            request.header("authorization", authorization.as_str());
        }
        for (name, value) in &self.settings.headers {
            request.header(name.as_str(), value.as_str());
        }
        let sent = send(request.body(body.to_vec()).build()).await;
        sent.map_err(|fault| match &fault {
            SendError::Http(
                ErrorCode::HttpRequestDenied
                | ErrorCode::HttpRequestUriInvalid
                | ErrorCode::DestinationIpProhibited,
            ) => EmbeddingError::forbidden(self.authority(), &fault.to_string()),
            SendError::Http(ErrorCode::ConnectionLimitReached) => {
                EmbeddingError::asked_too_often(self.authority())
            }
            _ => self.unreachable(&fault.to_string()),
        })
    }

    async fn read(
        &self,
        response: IncomingResponse,
        most: usize,
    ) -> Result<Answer, EmbeddingError> {
        let status = response.status();
        let headers = response.headers();
        let header = |name: &str| text(headers.get(name).first()).map(str::to_owned);
        let retry_after = told_to_wait(header, status, clock::now_ms());
        let encoding = header("content-encoding");
        let mut body = Vec::new();
        let mut stream = std::pin::pin!(response.take_body_stream());
        while let Some(piece) = stream.next().await {
            body.extend(piece.map_err(|_| self.unreachable("the connection was cut"))?);
            if body.len() > most {
                // Longer than any right answer: let the parser say so.
                break;
            }
        }
        if let Some(encoding) = encoding {
            body = match self.decoded(&encoding, body, most) {
                Ok(body) => body,
                Err(error) if status == 200 => return Err(error),
                // Its status says what is wrong.
                Err(_) => Vec::new(),
            };
        }
        Ok(Answer {
            status,
            retry_after,
            body,
        })
    }

    /// Some compress unasked.
    fn decoded(
        &self,
        encoding: &str,
        body: Vec<u8>,
        most: usize,
    ) -> Result<Vec<u8>, EmbeddingError> {
        let unreadable =
            |reason: String| EmbeddingError::unreadable(self.authority(), encoding, &reason);
        let known = Encoding::parse(Some(encoding)).map_err(|error| unreadable(error.message))?;
        let mut decoded = Vec::new();
        let reader = known.decode(std::io::Cursor::new(body));
        let read = reader.and_then(|reader| reader.take(most as u64 + 1).read_to_end(&mut decoded));
        read.map_err(|fault| unreadable(fault.to_string()))?;
        Ok(decoded)
    }

    fn unreachable(&self, reason: &str) -> EmbeddingError {
        EmbeddingError::unreachable(self.authority(), reason)
    }
}

/// Where a response sends its request.
fn redirect(response: &IncomingResponse) -> Option<String> {
    if !(300..400).contains(&response.status()) {
        return None;
    }
    text(response.headers().get("location").first()).map(str::to_owned)
}

fn text(value: Option<&Vec<u8>>) -> Option<&str> {
    std::str::from_utf8(value?).ok()
}

impl Transport for Provider<'_> {
    async fn exchange(&self, body: &[u8], most: usize) -> Result<Answer, EmbeddingError> {
        let exchange = clock::timeout(self.limit, self.follow(body, most)).await;
        exchange.unwrap_or_else(|| {
            let reason = format!("no answer within {} ms", self.limit.as_millis());
            Err(self.unreachable(&reason))
        })
    }

    fn monotonic(&self) -> Duration {
        clock::monotonic()
    }

    fn random(&self) -> u64 {
        clock::random()
    }

    async fn sleep(&self, wait: Duration) {
        clock::sleep(wait).await;
    }
}
