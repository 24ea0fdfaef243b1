//! How the embedding provider of the tests puts its answers, right and wrong.

use std::convert::Infallible;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode, Version};

use crate::fault::Fault;
use crate::habit::{Habit, compressed};

pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A good answer as such a provider gives it.
pub(crate) fn dressed(mut good: String, habits: &[Habit]) -> Response<Body> {
    if habits.contains(&Habit::LeavesOutZero) {
        good = good.replacen(r#""index":0,"#, "", 1);
    }
    let mut response = json(StatusCode::OK, good.clone());
    if habits.contains(&Habit::Compresses) {
        let body = Full::new(Bytes::from(compressed(&good)));
        *response.body_mut() = UnsyncBoxBody::new(body.map_err(|never| match never {}));
        let gzip = HeaderValue::from_static("gzip");
        response.headers_mut().insert("content-encoding", gzip);
    }
    if habits.contains(&Habit::Http10) {
        *response.version_mut() = Version::HTTP_10;
    }
    response
}

pub(crate) fn moved(target: &str) -> Result<Response<Body>, std::io::Error> {
    let mut response = json(StatusCode::TEMPORARY_REDIRECT, String::new());
    let target = target.parse().map_err(std::io::Error::other)?;
    response.headers_mut().insert("location", target);
    Ok(response)
}

pub(crate) async fn misbehave(fault: Fault, good: &str) -> Result<Response<Body>, std::io::Error> {
    match fault {
        Fault::Status(status, retry_after) => {
            let status = StatusCode::from_u16(status).unwrap();
            let mut response = json(status, error_body("the provider says no"));
            if let Some(seconds) = retry_after {
                response.headers_mut().insert("retry-after", seconds.into());
            }
            Ok(response)
        }
        Fault::Never => std::future::pending().await,
        Fault::Cut => Err(std::io::Error::other("cut")),
        Fault::Truncated => Ok(truncated(good)),
        Fault::NotJson => Ok(page("<html>Bad gateway</html>")),
        Fault::WrongShape => Ok(json(StatusCode::OK, r#"{"hello":"world"}"#.to_owned())),
        Fault::Endless => Ok(endless(good)),
        Fault::Redirect(target) => moved(&target),
        // The rest change the vectors and are dealt with where those are made.
        _ => Ok(json(StatusCode::OK, good.to_owned())),
    }
}

pub(crate) fn encode(model: &str, vectors: &[Vec<f32>], as_base64: bool) -> String {
    let dimension = vectors.first().map_or(0, Vec::len);
    let mut text = String::with_capacity(200 + vectors.len() * (dimension * 6 + 80));
    text.push_str(r#"{"object":"list","data":["#);
    let mut raw = Vec::with_capacity(dimension * 4);
    for (index, vector) in vectors.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&format!(
            r#"{{"object":"embedding","index":{index},"embedding":"#
        ));
        if as_base64 {
            raw.clear();
            raw.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
            text.push('"');
            STANDARD.encode_string(&raw, &mut text);
            text.push('"');
        } else {
            let numbers: Vec<String> = vector.iter().map(number).collect();
            text.push_str(&format!("[{}]", numbers.join(",")));
        }
        text.push('}');
    }
    text.push_str(&format!(
        r#"],"model":"{model}","usage":{{"prompt_tokens":{0},"total_tokens":{0}}}}}"#,
        vectors.len()
    ));
    text
}

fn number(x: &f32) -> String {
    if x.is_finite() {
        format!("{x}")
    } else {
        "1e999".to_owned()
    }
}

pub(crate) fn error_body(message: &str) -> String {
    format!(
        r#"{{"error":{{"message":"{message}","type":"server_error","param":null,"code":null}}}}"#
    )
}

pub(crate) fn json(status: StatusCode, body: String) -> Response<Body> {
    let body = Full::new(Bytes::from(body)).map_err(|never: Infallible| match never {});
    let mut response = Response::new(UnsyncBoxBody::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", "application/json".parse().unwrap());
    response
}

fn page(text: &'static str) -> Response<Body> {
    let mut response = json(StatusCode::OK, text.to_owned());
    response
        .headers_mut()
        .insert("content-type", "text/html".parse().unwrap());
    response
}

/// Half of the body, then the end of the connection.
fn truncated(good: &str) -> Response<Body> {
    let half = Bytes::copy_from_slice(&good.as_bytes()[..good.len() / 2]);
    let frames = futures::stream::iter([
        Ok(Frame::data(half)),
        Err(std::io::Error::other("cut in the middle")),
    ]);
    streamed(StreamBody::new(frames))
}

/// The good answer with its first vector going on for ever, at a pace that fills memory in
/// seconds.
fn endless(good: &str) -> Response<Body> {
    let start = good.find(r#""embedding":"#).unwrap_or(0) + r#""embedding":""#.len();
    let head = Bytes::copy_from_slice(&good.as_bytes()[..start.min(good.len())]);
    let filler = Bytes::from(vec![b'A'; 65_536]);
    let rest = futures::stream::repeat(filler).then(|chunk| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        chunk
    });
    let frames = futures::stream::once(async move { head })
        .chain(rest)
        .map(|chunk| Ok(Frame::data(chunk)));
    streamed(StreamBody::new(frames))
}

fn streamed<S>(body: S) -> Response<Body>
where
    S: hyper::body::Body<Data = Bytes, Error = std::io::Error> + Send + 'static,
{
    let mut response = Response::new(UnsyncBoxBody::new(body));
    response
        .headers_mut()
        .insert("content-type", "application/json".parse().unwrap());
    response
}
