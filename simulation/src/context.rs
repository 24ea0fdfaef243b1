//! What a task is given.

use std::fmt::Display;

use dayfly_core::platform::{Clock, Platform};

use crate::call::{Call, NewTask, Reply};
use crate::coroutine::suspend;
use crate::failure::Violation;
use crate::objects::{SimClock, SimObjects};
use crate::world::{Counts, HostId, TaskId};

/// A task's surroundings: storage, its host's clock, chance, and the run that it is part of.
#[derive(Debug)]
pub struct TaskContext {
    pub(crate) task: TaskId,
    pub(crate) host: HostId,
    pub(crate) objects: SimObjects,
    pub(crate) clock: SimClock,
}

impl TaskContext {
    /// Which task this is.
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// Where it runs.
    pub fn host(&self) -> HostId {
        self.host
    }

    /// What `core` works with.
    pub fn platform(&self) -> Platform<'_> {
        Platform::new(&self.objects, &self.clock)
    }

    /// Storage: each request suspends this task.
    pub fn objects(&self) -> &SimObjects {
        &self.objects
    }

    /// The host's clock and this task's chance.
    pub fn clock(&self) -> &SimClock {
        &self.clock
    }

    /// Lets time pass.
    pub fn pause(&self, milliseconds: u64) {
        self.clock.pause(milliseconds);
    }

    /// A number below `end`; 0 where `end` is.
    pub fn below(&self, end: u64) -> u64 {
        self.clock.below(end)
    }

    /// True with the probability `p`.
    pub fn chance(&self, p: f64) -> bool {
        self.clock.chance(p)
    }

    /// The true time, which no host knows; for what an auditor is told.
    pub fn true_ms(&self) -> u64 {
        match suspend(Call::TrueTime) {
            Some(Reply::Time(ms)) => ms,
            _ => 0,
        }
    }

    /// Writes a line into the trace; auditors are called with it ([`Event::Said`](crate::Event::Said)).
    pub fn say(&self, text: impl Display) {
        let _ = suspend(Call::Say(text.to_string()));
    }

    /// All requests and bytes of this task so far.
    pub fn counts(&self) -> Counts {
        match suspend(Call::Counts) {
            Some(Reply::Counts(counts)) => counts,
            _ => Counts::default(),
        }
    }

    /// Does `work` and tells auditors what it cost ([`Event::Measured`](crate::Event::Measured)),
    /// unless it was killed within.
    pub fn measured<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        let before = self.counts();
        let result = work();
        let cost = self.counts() - before;
        let _ = suspend(Call::Measured(name.to_owned(), cost));
        result
    }

    /// Starts another task on this host.
    pub fn spawn(&self, name: &str, body: impl FnOnce(Self) + 'static) {
        self.start(name, false, body);
    }

    /// Starts another task on this host, for whose end nobody waits.
    pub fn spawn_daemon(&self, name: &str, body: impl FnOnce(Self) + 'static) {
        self.start(name, true, body);
    }

    fn start(&self, name: &str, daemon: bool, body: impl FnOnce(Self) + 'static) {
        let _ = suspend(Call::Spawn(NewTask {
            name: name.to_owned(),
            daemon,
            body: Box::new(body),
        }));
    }

    /// Ends the run: `promise` does not hold. A living task does not come back from this.
    pub fn violate(&self, promise: &'static str, message: impl Display) {
        let _ = suspend(Call::Violate(Violation::new(promise, message)));
    }
}
