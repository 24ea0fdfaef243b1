//! Sockets and connections.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

/// Also how long a connection may idle between requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEADER_BYTES: usize = 64 << 10;
const MAX_BUFFER_BYTES: usize = 256 << 10;
const MAX_CONNECTIONS: usize = 4_096;
/// Of one address: others always find places.
const MAX_OF_PEER: usize = MAX_CONNECTIONS / 2;
/// A client that takes nothing of its answer for so long is gone: what waits for it is let go.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
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

/// Answers requests until `stop` changes, then lets those under way end within `grace`.
pub async fn serve<H, F>(
    listener: TcpListener,
    answer: H,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
) where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let peers = Arc::new(Peers::default());
    let accept_all = async {
        loop {
            let Ok(place) = Arc::clone(&connections).acquire_owned().await else {
                return;
            };
            let (stream, peer) = match listener.accept().await {
                Ok((stream, address)) => (stream, address.ip()),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(of_peer) = peers.admit(peer) else {
                tracing::debug!(%peer, "has as many connections as it may");
                continue;
            };
            let connection = graceful.watch(connection(stream, answer.clone()));
            tokio::spawn(async move {
                let _places = (place, of_peer);
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

fn connection<H, F>(
    stream: TcpStream,
    answer: H,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    // Small answers should not wait for more.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALL_TIMEOUT));
    let service = service_fn(move |request| {
        let answered = answer(request);
        async move { Ok::<_, std::convert::Infallible>(answered.await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
}

/// Connections by the address that they come from.
#[derive(Default)]
struct Peers {
    connections: Mutex<HashMap<IpAddr, usize>>,
}

/// A place of an address.
struct OfPeer {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Peers {
    /// `None` where the address has as many as it may.
    fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<OfPeer> {
        let mut connections = self.lock();
        let count = connections.entry(peer).or_default();
        if *count >= MAX_OF_PEER {
            return None;
        }
        *count += 1;
        let peers = Arc::clone(self);
        Some(OfPeer { peers, peer })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OfPeer {
    fn drop(&mut self) {
        let mut connections = self.peers.lock();
        if let Some(count) = connections.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&self.peer);
            }
        }
    }
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

    #[test]
    fn no_address_takes_all_places_and_those_that_are_gone_cost_nothing() {
        let peers = Arc::new(Peers::default());
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let mut places: Vec<OfPeer> = (0..MAX_OF_PEER).flat_map(|_| peers.admit(one)).collect();
        assert_eq!(places.len(), MAX_OF_PEER);
        assert!(peers.admit(one).is_none());
        assert!(peers.admit(other).is_some());
        places.pop();
        assert!(peers.admit(one).is_some());
        drop(places);
        assert!(peers.lock().is_empty());
    }

    #[tokio::test]
    async fn a_bad_address_says_how_one_looks() {
        let error = bind("nonsense", false).await.unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:8787"), "{error}");
    }
}
