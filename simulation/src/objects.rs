//! Storage and time as a task sees them: each request suspends it.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use dayfly_core::objects::{ObjectError, ObjectMeta, ObjectWriter, Objects, Part};
use dayfly_core::platform::Clock;

use crate::call::{Answer, Call, Found, Reply, Request};
use crate::coroutine::suspend;

/// An upload sends a part whenever so many bytes have come together.
const PART_BYTES: usize = 64 << 10;

/// The simulated storage. It works within a task alone: elsewhere, also in the destructors of a
/// task that was killed, each request fails at once with [`ObjectError::Unavailable`].
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SimObjects;

fn ask(request: Request) -> Answer {
    match suspend(Call::Storage(request)) {
        Some(Reply::Storage(answer)) => answer,
        _ => Err(ObjectError::Unavailable("the process is dead".to_owned())),
    }
}

fn unexpected<T>(_: Found) -> Result<T, ObjectError> {
    let text = "the simulation answered another request";
    Err(ObjectError::Denied(text.to_owned()))
}

fn nothing(request: Request) -> Result<(), ObjectError> {
    ask(request).map(|_| ())
}

fn bytes(request: Request) -> Result<Vec<u8>, ObjectError> {
    match ask(request)? {
        Found::Bytes(bytes) => Ok(bytes),
        other => unexpected(other),
    }
}

impl Objects for SimObjects {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        bytes(Request::Get(Rc::from(key), None))
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        bytes(Request::Get(Rc::from(key), Some(range)))
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        if parts.is_empty() {
            return Vec::new();
        }
        match ask(Request::GetMany(parts.to_vec())) {
            Ok(Found::Many(many)) => many,
            Ok(other) => vec![unexpected(other); parts.len()],
            Err(error) => vec![Err(error); parts.len()],
        }
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        match ask(Request::Head(Rc::from(key)))? {
            Found::Meta(meta) => Ok(meta),
            other => unexpected(other),
        }
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        nothing(Request::Put(Rc::from(key), Rc::from(data)))
    }

    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        nothing(Request::PutNew(Rc::from(key), Rc::from(data)))
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        let request = Request::List {
            prefix: Rc::from(prefix),
            after: start_after.map(str::to_owned),
            limit,
        };
        match ask(request)? {
            Found::Page(page) => Ok(page),
            other => unexpected(other),
        }
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        match ask(Request::Folders(Rc::from(prefix)))? {
            Found::Names(names) => Ok(names),
            other => unexpected(other),
        }
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        nothing(Request::Delete(Rc::from(key)))
    }

    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        nothing(Request::Begin(Rc::from(key)))?;
        Ok(Box::new(SimWriter {
            key: key.to_owned(),
            data: Vec::new(),
            sent: 0,
        }))
    }
}

struct SimWriter {
    key: String,
    data: Vec<u8>,
    sent: usize,
}

impl ObjectWriter for SimWriter {
    fn write(&mut self, data: &[u8]) -> Result<(), ObjectError> {
        self.data.extend_from_slice(data);
        let waiting = self.data.len() - self.sent;
        if waiting < PART_BYTES {
            return Ok(());
        }
        self.sent = self.data.len();
        nothing(Request::Part(Rc::from(self.key.as_str()), waiting as u64))
    }

    fn finish(self: Box<Self>) -> Result<u64, ObjectError> {
        let size = self.data.len() as u64;
        let unsent = size - self.sent as u64;
        let (key, data) = (Rc::from(self.key), Rc::from(self.data));
        nothing(Request::Finish(key, data, unsent))?;
        Ok(size)
    }
}

thread_local! {
    /// What the clock of the host that runs, or that ran last, shows.
    static HOST_NOW_MS: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn set_host_now(ms: u64) {
    HOST_NOW_MS.set(ms);
}

/// The clock of a task's host, and chance of the task's own. Time stands still between requests.
#[derive(Debug)]
pub struct SimClock {
    rng: RefCell<fastrand::Rng>,
}

impl SimClock {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: RefCell::new(fastrand::Rng::with_seed(seed)),
        }
    }

    /// A number below `end`; 0 where `end` is.
    pub fn below(&self, end: u64) -> u64 {
        self.rng.borrow_mut().u64(..end.max(1))
    }

    /// True with the probability `p`.
    pub fn chance(&self, p: f64) -> bool {
        self.rng.borrow_mut().f64() < p
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        HOST_NOW_MS.get()
    }

    fn random(&self) -> u64 {
        self.rng.borrow_mut().u64(..)
    }

    fn pause(&self, milliseconds: u64) {
        // A dead task has no time to pass.
        let _ = suspend(Call::Pause(milliseconds));
    }
}
