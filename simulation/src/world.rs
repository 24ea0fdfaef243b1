//! A run as an observer sees it, without time passing.

use std::fmt;
use std::ops::{AddAssign, Sub};
use std::rc::Rc;

use crate::call::Action;
use crate::host::Host;
use crate::storage::Storage;

/// Milliseconds since the Unix epoch at which every run begins.
pub const EPOCH_MS: u64 = 1_800_000_000_000;

/// A host of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub(crate) u32);

/// A task of the run; never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) u32);

impl TaskId {
    /// Whoever made what was there before the run.
    pub const SETUP: Self = Self(u32::MAX);
}

/// Requests and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reads of objects; each part of many counts.
    pub gets: u64,
    /// Reads of sizes and times.
    pub heads: u64,
    /// Pages of listings.
    pub lists: u64,
    /// Creations, replacements, uploads and their parts.
    pub puts: u64,
    /// Removals.
    pub deletes: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Bytes that were sent.
    pub bytes_written: u64,
}

impl Counts {
    /// Of every kind.
    pub fn requests(&self) -> u64 {
        self.gets + self.heads + self.lists + self.puts + self.deletes
    }

    pub(crate) fn add(&mut self, action: Action, requests: u64) {
        let count = match action {
            Action::Get => &mut self.gets,
            Action::Head => &mut self.heads,
            Action::List => &mut self.lists,
            Action::Delete => &mut self.deletes,
            _ => &mut self.puts,
        };
        *count += requests;
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.gets += other.gets;
        self.heads += other.heads;
        self.lists += other.lists;
        self.puts += other.puts;
        self.deletes += other.deletes;
        self.bytes_read += other.bytes_read;
        self.bytes_written += other.bytes_written;
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            gets: self.gets - earlier.gets,
            heads: self.heads - earlier.heads,
            lists: self.lists - earlier.lists,
            puts: self.puts - earlier.puts,
            deletes: self.deletes - earlier.deletes,
            bytes_read: self.bytes_read - earlier.bytes_read,
            bytes_written: self.bytes_written - earlier.bytes_written,
        }
    }
}

/// What is known of a task.
#[derive(Debug, Clone)]
pub struct TaskInfo {
    /// As it was spawned.
    pub name: String,
    /// Where.
    pub host: HostId,
    /// Nobody waits for its end.
    pub daemon: bool,
    /// Whether it goes on.
    pub alive: bool,
    /// What it cost so far.
    pub counts: Counts,
}

/// How a request's effect went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It did what it says.
    Done,
    /// There was no such object.
    NotFound,
    /// The object was there already.
    AlreadyExists,
}

/// The instant at which a request took effect.
#[derive(Debug, Clone)]
pub struct Effect {
    /// The event of the run.
    pub step: u64,
    /// Virtual milliseconds since the run began.
    pub time_ms: u64,
    /// Who asked for it; perhaps dead by now.
    pub task: TaskId,
    /// Where from.
    pub host: HostId,
    /// What.
    pub action: Action,
    /// The key or prefix.
    pub key: Rc<str>,
    /// How it went.
    pub outcome: Outcome,
    /// Bytes that it read or wrote.
    pub bytes: u64,
    /// It is a request that was executed once more.
    pub duplicate: bool,
}

/// What an auditor is called with.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request took effect.
    Effect(&'a Effect),
    /// A task said something.
    Said(TaskId, &'a str),
    /// A task finished work that it measured.
    Measured(TaskId, &'a str, Counts),
    /// A task began.
    Began(TaskId),
    /// A task came to its end by itself.
    Ended(TaskId),
    /// All tasks of a host were killed.
    Crashed(HostId),
    /// A host started.
    Booted(HostId),
    /// Nothing of a host runs for so many milliseconds.
    Frozen(HostId, u64),
    /// A host is cut off from storage for so many milliseconds.
    Partitioned(HostId, u64),
    /// A host's clock jumped, and is off by so many milliseconds.
    ClockJumped(HostId, i64),
}

/// Everything there is.
#[derive(Debug)]
pub struct World {
    pub(crate) seed: u64,
    pub(crate) now_ms: u64,
    pub(crate) step: u64,
    pub(crate) storage: Storage,
    pub(crate) hosts: Vec<Host>,
    pub(crate) tasks: Vec<TaskInfo>,
    pub(crate) log: Vec<Effect>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            now_ms: 0,
            step: 0,
            storage: Storage::default(),
            hosts: Vec::new(),
            tasks: Vec::new(),
            log: Vec::new(),
        }
    }

    /// What decides the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Virtual milliseconds since the run began.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The true time, in milliseconds since the Unix epoch: that of the storage's clock.
    pub fn true_ms(&self) -> u64 {
        EPOCH_MS + self.now_ms
    }

    /// Events so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// All objects.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Every effect so far, oldest first.
    pub fn log(&self) -> &[Effect] {
        &self.log
    }

    /// What is known of `task`; nothing of [`TaskId::SETUP`].
    pub fn task(&self, task: TaskId) -> Option<&TaskInfo> {
        self.tasks.get(task.0 as usize)
    }

    /// Every task that was ever spawned.
    pub fn tasks(&self) -> impl Iterator<Item = (TaskId, &TaskInfo)> {
        (0..).map(TaskId).zip(&self.tasks)
    }

    /// `host`'s name and state.
    pub fn host(&self, host: HostId) -> Option<&Host> {
        self.hosts.get(host.0 as usize)
    }

    /// Requests and bytes of all tasks.
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        self.tasks.iter().for_each(|task| sum += task.counts);
        sum
    }

    /// Where `task` runs and how it is called, for people.
    pub fn name(&self, task: TaskId) -> impl fmt::Display {
        let Some(info) = self.task(task) else {
            return "setup".to_owned();
        };
        let host = self.host(info.host).map_or("?", Host::name);
        format!("{host}/{}#{}", info.name, task.0)
    }
}
