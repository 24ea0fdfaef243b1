//! HTTP requests by WASI. What they ask for is built elsewhere.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use dayfly_clock as clock;
use futures::future::{Either, select};
use futures::{SinkExt, StreamExt};
use rusty_s3::Method;
use spin_sdk::http::{
    ErrorCode, Headers, IncomingResponse, OutgoingRequest, Scheme, SendError, send,
};

use crate::s3::{Fault, Request, Response, Room, Transport};

/// The body goes out in pieces, so that it is never in memory twice.
const PIECE: usize = 64 << 10;
/// So much of an error is read.
const ERROR_BYTES: usize = 64 << 10;

/// Outbound `wasi:http`, and WASI's clocks and randomness.
pub struct WasiHttp;

impl Transport for WasiHttp {
    async fn exchange(
        &self,
        request: &Request<'_>,
        room: &Room,
        limit: Duration,
    ) -> Result<Response, Fault> {
        let claim = Claim {
            room,
            taken: Cell::new(0),
        };
        let result = clock::timeout(limit, exchange(request, &claim))
            .await
            .unwrap_or_else(|| {
                let text = format!("no answer within {} ms", limit.as_millis());
                Err(Fault::Lost(text))
            });
        if result.is_err() {
            room.give_back(claim.taken.get());
        }
        result
    }

    async fn sleep(&self, duration: Duration) {
        clock::sleep(duration).await;
    }

    fn monotonic(&self) -> Duration {
        clock::monotonic()
    }

    fn now_ms(&self) -> u64 {
        clock::now_ms()
    }

    fn random(&self) -> u64 {
        clock::random()
    }

    fn log(&self, text: &str) {
        eprintln!("{text}");
    }
}

/// What one exchange took of the room.
struct Claim<'a> {
    room: &'a Room,
    taken: Cell<u64>,
}

impl Claim<'_> {
    fn take(&self, size: u64) -> Result<(), Fault> {
        self.room.take(size).map_err(Fault::TooLarge)?;
        self.taken.set(self.taken.get() + size);
        Ok(())
    }
}

async fn exchange(request: &Request<'_>, claim: &Claim<'_>) -> Result<Response, Fault> {
    let outgoing = prepare(request)?;
    let has_body = matches!(request.method, Method::Put | Method::Post);
    let sink = has_body.then(|| outgoing.take_body());
    let upload = async {
        let Some(sink) = sink else { return };
        let mut sink = pin!(sink);
        for piece in request.body.chunks(PIECE) {
            // Whatever ended the body ends the request, which tells why.
            if sink.send(piece.to_vec()).await.is_err() {
                return;
            }
        }
    };
    let answer = send::<_, IncomingResponse>(outgoing);
    // It outlives the reading: ending a body early may end the connection, and the answer with it.
    let mut upload = pin!(upload);
    let response = match select(pin!(answer), upload.as_mut()).await {
        Either::Left((response, _)) => response,
        Either::Right(((), answer)) => answer.await,
    };
    let response = response.map_err(fault)?;
    read(request, &response, claim).await
}

fn prepare(request: &Request<'_>) -> Result<OutgoingRequest, Fault> {
    let invalid =
        |what: &str| Fault::Forbidden(format!("the storage's address has no usable {what}"));
    let text = |value: &str| value.as_bytes().to_vec();
    let mut headers: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), text(value)))
        .collect();
    if matches!(request.method, Method::Put | Method::Post) {
        let length = request.body.len().to_string();
        headers.push(("content-length".to_owned(), length.into_bytes()));
    }
    let headers = Headers::from_list(&headers).map_err(|_| invalid("headers"))?;
    let outgoing = OutgoingRequest::new(headers);
    let url = &request.url;
    let scheme = match url.scheme() {
        "http" => Scheme::Http,
        _ => Scheme::Https,
    };
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let method = match request.method {
        Method::Head => spin_sdk::http::Method::Head,
        Method::Get => spin_sdk::http::Method::Get,
        Method::Post => spin_sdk::http::Method::Post,
        Method::Put => spin_sdk::http::Method::Put,
        Method::Delete => spin_sdk::http::Method::Delete,
    };
    let set = outgoing
        .set_method(&method)
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(url.authority())))
        .and_then(|()| outgoing.set_path_with_query(Some(&path)));
    set.map_err(|()| invalid("authority"))?;
    Ok(outgoing)
}

async fn read(
    request: &Request<'_>,
    incoming: &IncomingResponse,
    claim: &Claim<'_>,
) -> Result<Response, Fault> {
    let headers = incoming.headers().entries().into_iter();
    let headers = headers.filter_map(|(name, value)| {
        Some((name.to_ascii_lowercase(), String::from_utf8(value).ok()?))
    });
    let mut response = Response {
        status: incoming.status(),
        headers: headers.collect(),
        body: Vec::new(),
    };
    if request.method == Method::Head {
        return Ok(response);
    }
    let declared: Option<u64> = response
        .header("content-length")
        .and_then(|length| length.parse().ok());
    if let (true, Some(length)) = (response.is_success(), declared) {
        claim.take(length)?;
        response
            .body
            .reserve_exact(usize::try_from(length).unwrap_or_default());
    }
    let mut pieces = pin!(incoming.take_body_stream());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| cut())?;
        if response.is_success() && declared.is_none() {
            claim.take(piece.len() as u64)?;
        }
        response.body.extend(piece);
        if !response.is_success() && response.body.len() >= ERROR_BYTES {
            return Ok(response);
        }
    }
    let whole = declared.is_none_or(|length| response.body.len() as u64 == length);
    match whole {
        true => Ok(response),
        false => Err(cut()),
    }
}

fn cut() -> Fault {
    Fault::Lost("the connection was cut".to_owned())
}

fn fault(error: SendError) -> Fault {
    let SendError::Http(code) = error else {
        return Fault::Lost(error.to_string());
    };
    let text = format!("{code:?}");
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            Fault::Forbidden(format!(
                "the host does not let this component reach the storage ({text}): the operator has to name `s3_endpoint` in `allowed_outbound_hosts`, and every variable must be known there"
            ))
        }
        ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_) => Fault::Forbidden(format!(
            "the host does not send a request to the storage ({text}): the operator has to check `s3_endpoint`"
        )),
        ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError => Fault::NotSent(text),
        _ => Fault::Lost(text),
    }
}
