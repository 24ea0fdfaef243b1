//! What a guest may try with others: the machine's files, environment and network, other
//! destinations, other tenants.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use futures::stream::{FuturesUnordered, StreamExt};
use spin_sdk::http::{Method, Request, Response};

use crate::platform::dayfly::platform::{codes, identity, ingestion, objects, settings};

/// The attempts without arguments.
pub fn run(attempt: &str) -> String {
    match attempt {
        "env" => {
            let variables: Vec<_> = std::env::vars().collect();
            let arguments: Vec<_> = std::env::args().collect();
            format!("{variables:?} {arguments:?}")
        }
        "fs" => files(),
        "socket" => sockets(),
        "settings" => format!("{:?}", settings::get()),
        other => format!("no attempt is called {other}"),
    }
}

fn files() -> String {
    let read = std::fs::read("/etc/passwd").map(|bytes| bytes.len());
    let listed = std::fs::read_dir("/").map(|entries| entries.count());
    let written = std::fs::write("escaped", "x");
    format!(
        "read {}, listed {}, written {}",
        shown(&read),
        shown(&listed),
        shown(&written)
    )
}

fn sockets() -> String {
    let connected = TcpStream::connect("127.0.0.1:80").map(drop);
    let listening = TcpListener::bind("127.0.0.1:0").map(drop);
    let sent = UdpSocket::bind("0.0.0.0:0").map(drop);
    let resolved = "localhost:80".to_socket_addrs().map(drop);
    format!(
        "tcp {}, listen {}, udp {}, resolve {}",
        shown(&connected),
        shown(&listening),
        shown(&sent),
        shown(&resolved)
    )
}

/// Posts to `url` `times` times at once, with a credential of its own; answers the outcomes,
/// each once.
pub async fn outbound(url: &str, times: usize) -> String {
    let sends: FuturesUnordered<_> = (0..times).map(|_| post(url)).collect();
    let mut outcomes: Vec<String> = sends.collect().await;
    outcomes.sort();
    outcomes.dedup();
    outcomes.join("\n")
}

async fn post(url: &str) -> String {
    let mut request = Request::new(Method::Post, url);
    request.set_header("authorization", "Bearer of-the-guest");
    *request.body_mut() = b"{}".to_vec();
    match spin_sdk::http::send::<Request, Response>(request).await {
        Ok(response) => format!(
            "{} {}",
            response.status(),
            String::from_utf8_lossy(response.body())
        ),
        Err(error) => format!("failed: {error:?}"),
    }
}

/// Authenticates and then tries everything that takes a key.
pub fn key(authorization: Option<&str>, key: &str) -> String {
    match identity::authenticate(authorization) {
        Ok(principal) => format!("tenant {}; {}", principal.tenant, objects(key)),
        Err(error) => format!("not authenticated: {error:?}"),
    }
}

/// Tries everything that takes a key.
pub fn objects(key: &str) -> String {
    let put = objects::put(key, b"written by a guest");
    let put_new = objects::put_new(key, b"written by a guest");
    let get = objects::get(key, None).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let head = objects::head(key).map(|meta| meta.size);
    let list = objects::list(key, None, 10).map(|found| found.len());
    let folders = objects::folders(key);
    let create = objects::create(key).and_then(|writer| {
        writer.write(b"written by a guest")?;
        objects::Writer::finish(writer)
    });
    let nearest = nearest(key);
    format!(
        "nearest {nearest:?}, get {get:?}, head {head:?}, put {put:?}, put-new {put_new:?}, list {list:?}, folders {folders:?}, create {create:?}"
    )
}

/// Looks through the first byte of an object as if it were a code, its factor behind it.
fn nearest(key: &str) -> Option<Result<usize, codes::Error>> {
    let span = codes::Span {
        key: key.to_owned(),
        bytes: objects::ByteRange {
            offset: 0,
            length: 5,
        },
        scales_at: 1,
        live: vec![codes::Rows { first: 0, end: 1 }],
    };
    let query = codes::Query {
        code: vec![1],
        scale: 1.0,
    };
    let found = codes::nearest(&[span], &[query], 1)?;
    Some(found.map(|found| found.concat().len()))
}

/// Leaves `text` at `left` in the tenant's root.
pub fn leave(text: &str) -> String {
    match identity::authenticate(None) {
        Ok(_) => shown(&objects::put("left", text.as_bytes())),
        Err(error) => format!("{error:?}"),
    }
}

/// Asks for a job on `file` of the store `hostile`.
pub fn schedule(file: &str) -> String {
    match identity::authenticate(None) {
        Ok(_) => ingestion::schedule("hostile", file).to_string(),
        Err(error) => format!("{error:?}"),
    }
}

fn shown<T, E: std::fmt::Debug>(result: &Result<T, E>) -> String {
    match result {
        Ok(_) => "allowed".into(),
        Err(error) => format!("refused ({error:?})"),
    }
}
