use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{Semaphore, watch};

use super::front::Front;

/// Also how long a connection may idle between requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEADER_BYTES: usize = 64 << 10;
const MAX_BUFFER_BYTES: usize = 256 << 10;
const MAX_CONNECTIONS: usize = 4_096;
/// After a failure of `accept`, which mostly means that there are no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on `listen`; without keys on loopback only.
pub async fn bind(listen: &str, has_keys: bool) -> anyhow::Result<TcpListener> {
    let addresses: Vec<SocketAddr> = lookup_host(listen)
        .await
        .with_context(|| {
            format!("listen must be ADDRESS:PORT, such as 127.0.0.1:8787, not {listen}")
        })?
        .collect();
    let outside = addresses.iter().find(|address| !address.ip().is_loopback());
    if let Some(address) = outside.filter(|_| !has_keys) {
        bail!(
            "{address} can be reached from other machines, and without keys everybody could read and \
             delete everything: listen on 127.0.0.1, or make a key pair with `dayfly token keygen` and \
             name the public key with --auth-key"
        );
    }
    TcpListener::bind(&*addresses)
        .await
        .with_context(|| format!("cannot listen on {listen}: choose another address with --listen"))
}

/// Serves connections until `stop` changes, then lets requests under way end within `grace`.
pub async fn serve(
    listener: TcpListener,
    front: Arc<Front>,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
) {
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let accept_all = async {
        loop {
            let Ok(place) = Arc::clone(&connections).acquire_owned().await else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let connection = graceful.watch(connection(stream, Arc::clone(&front)));
            tokio::spawn(async move {
                let _place = place;
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended");
                }
            });
        }
    };
    tokio::select! {
        () = accept_all => {}
        _ = stop.wait_for(|stopped| *stopped) => {}
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests are broken off: they did not end in time");
    }
}

fn connection(
    stream: TcpStream,
    front: Arc<Front>,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    // Small answers should not wait for more.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let front = Arc::clone(&front);
        async move { Ok::<_, std::convert::Infallible>(front.answer(request).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_keys_only_loopback_is_listened_on() {
        for open in ["0.0.0.0:0", "[::]:0"] {
            let error = bind(open, false).await.unwrap_err().to_string();
            assert!(error.contains("dayfly token keygen"), "{error}");
        }
        assert!(bind("127.0.0.1:0", false).await.is_ok());
        assert!(bind("0.0.0.0:0", true).await.is_ok());
    }

    #[tokio::test]
    async fn a_bad_address_says_how_one_looks() {
        let error = bind("nonsense", false).await.unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:8787"), "{error}");
    }
}
