//! The most memory that a process has while it is looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dayfly_tests::process::resident_bytes;

const PAUSE: Duration = Duration::from_millis(20);

/// Looks at a process until it is dropped.
pub struct Resident {
    pid: u32,
    seen: Arc<Seen>,
    looking: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    most: AtomicU64,
    is_over: AtomicBool,
}

impl Resident {
    /// Begins to look.
    pub fn of(pid: u32) -> Self {
        let seen = Arc::<Seen>::default();
        let shared = Arc::clone(&seen);
        let looking = thread::spawn(move || {
            while !shared.is_over.load(Relaxed) {
                shared.most.fetch_max(resident_bytes(pid), Relaxed);
                thread::sleep(PAUSE);
            }
        });
        Self {
            pid,
            seen,
            looking: Some(looking),
        }
    }

    /// Bytes now.
    pub fn now(&self) -> u64 {
        resident_bytes(self.pid)
    }

    /// The most bytes so far.
    pub fn most(&self) -> u64 {
        self.seen.most.load(Relaxed)
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        self.seen.is_over.store(true, Relaxed);
        // It panics where the process died, which others notice, too.
        let _ = self.looking.take().map(JoinHandle::join);
    }
}
