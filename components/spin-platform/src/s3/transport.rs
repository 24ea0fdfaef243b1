//! One signed request, and who sends it.

use std::time::Duration;

use dayfly_core::objects::ObjectError;
use rusty_s3::Method;
use url::Url;

use super::Room;

/// One HTTP request, signed.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The signed address.
    pub url: Url,
    /// Signed headers, by lowercase name.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, whole.
    pub body: &'a [u8],
}

/// One HTTP answer, read to its end.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers, by lowercase name.
    pub headers: Vec<(String, String)>,
    /// The body; that of an error may be cut.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the status says so.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// As text, for XML.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing reached the server.
    NotSent(String),
    /// The server may have done what was asked.
    Lost(String),
    /// Trying again does not help; the text is for the operator.
    Forbidden(String),
    /// The answer is larger than there is room for.
    TooLarge(ObjectError),
}

/// The network, time and chance.
#[allow(
    async_fn_in_trait,
    reason = "never boxed, and an instance has one thread"
)]
pub trait Transport {
    /// Sends the request and reads a successful answer's body into `room`; nothing is taken from
    /// it when that fails. Gives up after `limit`.
    async fn exchange(
        &self,
        request: &Request<'_>,
        room: &Room,
        limit: Duration,
    ) -> Result<Response, Fault>;

    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// Time since an arbitrary moment.
    fn monotonic(&self) -> Duration;

    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// Sixty-four random bits.
    fn random(&self) -> u64;

    /// Tells the operator.
    fn log(&self, text: &str);
}
