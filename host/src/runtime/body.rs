//! Bodies with limits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error as WasiError, WasiBody};

/// Tells that a request's body went past its limit.
#[derive(Default)]
pub struct Overflow {
    seen: AtomicBool,
    notify: Notify,
}

impl Overflow {
    /// Whether it did.
    pub fn seen(&self) -> bool {
        self.seen.load(SeqCst)
    }

    /// Resolves when it does, and never otherwise.
    pub async fn wait(&self) {
        self.notify.notified().await;
    }

    fn report(&self) {
        self.seen.store(true, SeqCst);
        self.notify.notify_one();
    }
}

/// A request's body that fails once it is longer than its limit.
pub struct Limited<B> {
    inner: B,
    left: u64,
    overflow: Arc<Overflow>,
}

impl<B> Limited<B> {
    /// Lets `limit` bytes of `inner` through and reports the next to `overflow`.
    pub fn new(inner: B, limit: u64, overflow: Arc<Overflow>) -> Self {
        Self {
            inner,
            left: limit,
            overflow,
        }
    }
}

impl<B> Body for Limited<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<WasiError>,
{
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            other => return other.map(|frame| frame.map(|frame| frame.map_err(Into::into))),
        };
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Some(Ok(frame)))
            }
            None => {
                self.overflow.report();
                Poll::Ready(Some(Err(WasiError::HttpRequestBodySize(None))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body that fails when it is not whole by a deadline.
pub struct Deadlined {
    inner: Incoming,
    deadline: Pin<Box<Sleep>>,
}

impl Deadlined {
    /// `inner` has until `deadline`.
    pub fn new(inner: Incoming, deadline: Instant) -> Self {
        Self {
            inner,
            deadline: Box::pin(tokio::time::sleep_until(deadline)),
        }
    }
}

impl Body for Deadlined {
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Pending => {}
            ready => return ready.map(|frame| frame.map(|frame| frame.map_err(WasiError::from))),
        }
        let late = self.deadline.as_mut().poll(cx);
        late.map(|()| Some(Err(WasiError::ConnectionReadTimeout)))
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The instance died before its response was whole.
#[derive(Debug, Error)]
pub enum Broken {
    /// It was killed, or trapped.
    #[error("the instance died before its response was whole")]
    Died,
    /// It gave up.
    #[error("the guest broke its response off: {0}")]
    BrokenOff(WasiError),
}

/// A response's body that fails, and does not just end, when its instance dies.
pub struct Guarded {
    inner: WasiBody,
    died: Arc<AtomicBool>,
}

impl Guarded {
    /// `died` has to be set before the instance is dropped.
    pub fn new(inner: WasiBody, died: Arc<AtomicBool>) -> Self {
        Self { inner, died }
    }
}

impl Body for Guarded {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(None) if self.died.load(SeqCst) => Poll::Ready(Some(Err(Broken::Died))),
            other => other.map(|frame| frame.map(|frame| frame.map_err(Broken::BrokenOff))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty, Full, StreamBody};

    use super::*;

    fn chunks(sizes: &[usize]) -> impl Body<Data = Bytes, Error = WasiError> + Unpin + use<> {
        let frames: Vec<Result<_, WasiError>> = sizes
            .iter()
            .map(|size| Ok(Frame::data(Bytes::from(vec![0; *size]))))
            .collect();
        StreamBody::new(futures::stream::iter(frames))
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_passes() {
        let overflow = Arc::new(Overflow::default());
        let body = Limited::new(chunks(&[4, 6]), 10, Arc::clone(&overflow));
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 10);
        assert!(!overflow.seen());
    }

    #[tokio::test]
    async fn a_body_past_the_limit_fails_and_is_reported() {
        let overflow = Arc::new(Overflow::default());
        let body = Limited::new(chunks(&[4, 6, 1]), 10, Arc::clone(&overflow));
        assert!(body.collect().await.is_err());
        assert!(overflow.seen());
        overflow.wait().await;
    }

    #[tokio::test]
    async fn the_body_of_a_dead_instance_does_not_end_as_if_it_were_whole() {
        let whole = || {
            Full::new(Bytes::from("part"))
                .map_err(|e| match e {})
                .boxed_unsync()
        };
        let died = Arc::new(AtomicBool::new(true));
        assert!(
            Guarded::new(whole(), Arc::clone(&died))
                .collect()
                .await
                .is_err()
        );
        died.store(false, SeqCst);
        assert!(Guarded::new(whole(), died).collect().await.is_ok());
        let empty = Empty::new()
            .map_err(|e: std::convert::Infallible| match e {})
            .boxed_unsync();
        assert!(Guarded::new(empty, Arc::default()).collect().await.is_ok());
    }
}
