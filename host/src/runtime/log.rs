//! What guests print, as lines of the log.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// What one instance may log; the rest is dropped.
const MAX_BYTES: usize = 64 << 10;
const MAX_LINE: usize = 4 << 10;

/// A guest's stdout or stderr: lines that go to the server's log, up to a bound.
#[derive(Clone)]
pub struct GuestLog {
    request_id: Arc<str>,
    left: Arc<AtomicUsize>,
    line: Arc<Mutex<Vec<u8>>>,
}

impl GuestLog {
    /// The log of the instance that answers `request_id`.
    pub fn new(request_id: Arc<str>) -> Self {
        Self {
            request_id,
            left: Arc::new(AtomicUsize::new(MAX_BYTES)),
            line: Arc::default(),
        }
    }

    fn emit(&self, line: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line);
        // Control characters could forge lines of other requests.
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        tracing::info!(target: "guest", request_id = &*self.request_id, "{}", text.trim_end());
        line.clear();
    }
}

impl Drop for GuestLog {
    fn drop(&mut self) {
        if Arc::strong_count(&self.line) > 1 {
            return;
        }
        let line = Arc::clone(&self.line);
        let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
        if !line.is_empty() {
            self.emit(&mut line);
        }
    }
}

#[async_trait]
impl Pollable for GuestLog {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let left = self.left.load(Relaxed);
        let taken = bytes.len().min(left);
        self.left.store(left - taken, Relaxed);
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in &bytes[..taken] {
            if *byte == b'\n' || line.len() == MAX_LINE {
                self.emit(&mut line);
            }
            if *byte != b'\n' {
                line.push(*byte);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_BYTES)
    }
}

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // For other versions of WASI, which no guest here has.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}
