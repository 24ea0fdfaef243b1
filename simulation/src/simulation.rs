//! A run: hosts, tasks, auditors, and phases of time.

use std::rc::Rc;

use crate::call::NewTask;
use crate::context::TaskContext;
use crate::coroutine::Coroutine;
use crate::failure::{ENDS, Failure, Violation};
use crate::flight::Flights;
use crate::host::Host;
use crate::options::Options;
use crate::queue::{Due, Queue};
use crate::trace::Trace;
use crate::world::{Event, HostId, TaskId, TaskInfo, World};

/// Called after every event; an error ends the run.
pub(crate) type Auditor = Box<dyn FnMut(&World, &Event<'_>) -> Result<(), Violation>>;

/// Spawns what runs on a host whenever it starts.
pub(crate) type BootFn = Box<dyn FnMut(&mut Boot)>;

/// A host that starts.
#[derive(Default)]
pub struct Boot {
    pub(crate) tasks: Vec<NewTask>,
}

impl Boot {
    /// Runs `body` on this host.
    pub fn spawn(&mut self, name: &str, body: impl FnOnce(TaskContext) + 'static) {
        self.add(name, false, body);
    }

    /// Runs `body` on this host; nobody waits for its end.
    pub fn spawn_daemon(&mut self, name: &str, body: impl FnOnce(TaskContext) + 'static) {
        self.add(name, true, body);
    }

    fn add(&mut self, name: &str, daemon: bool, body: impl FnOnce(TaskContext) + 'static) {
        self.tasks.push(NewTask {
            name: name.to_owned(),
            daemon,
            body: Box::new(body),
        });
    }
}

/// A task as the scheduler has it.
pub(crate) struct Task {
    /// Until it began.
    pub new: Option<NewTask>,
    /// From then on, while it lives.
    pub coroutine: Option<Coroutine>,
    /// In quarters of the usual time that its requests take.
    pub pace: u64,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What decided it.
    pub seed: u64,
    /// Events.
    pub steps: u64,
    /// Virtual milliseconds.
    pub time_ms: u64,
    /// Requests to storage.
    pub requests: u64,
    /// Tells runs apart: the same seed, options and binary make the same.
    pub trace_hash: u64,
}

/// A run of tasks on hosts over one storage. One seed decides everything in it.
pub struct Simulation {
    pub(crate) options: Options,
    pub(crate) world: World,
    pub(crate) rng: fastrand::Rng,
    pub(crate) queue: Queue,
    pub(crate) flights: Flights,
    pub(crate) tasks: Vec<Task>,
    pub(crate) boots: Vec<Option<BootFn>>,
    pub(crate) auditors: Vec<Auditor>,
    pub(crate) trace: Trace,
    /// Living tasks that are no daemons.
    pub(crate) awaited: usize,
}

impl Simulation {
    /// A run that `seed` decides, with nothing in it.
    pub fn new(seed: u64, options: Options) -> Self {
        Self {
            options,
            world: World::new(seed),
            rng: fastrand::Rng::with_seed(seed),
            queue: Queue::default(),
            flights: Flights::default(),
            tasks: Vec::new(),
            boots: Vec::new(),
            auditors: Vec::new(),
            trace: Trace::new(),
            awaited: 0,
        }
    }

    /// Gives every event, as a line for people, to `sink`.
    pub fn trace_to(&mut self, sink: impl FnMut(&str) + 'static) {
        self.trace.show(Box::new(sink));
    }

    /// Adds a host, on which nothing runs by itself.
    pub fn host(&mut self, name: &str) -> HostId {
        self.add_host(name, None)
    }

    /// Adds a host; `boot` spawns what runs on it, now and after each crash.
    pub fn host_with(&mut self, name: &str, boot: impl FnMut(&mut Boot) + 'static) -> HostId {
        let host = self.add_host(name, Some(Box::new(boot)));
        self.start_boot_tasks(host);
        host
    }

    fn add_host(&mut self, name: &str, boot: Option<BootFn>) -> HostId {
        let off = self.options.clock_jump_ms as i64;
        let drift = self.options.clock_drift_ppm as i64;
        let (off, drift) = (self.rng.i64(-off..=off), self.rng.i64(-drift..=drift));
        let host = HostId(self.world.hosts.len() as u32);
        self.world.hosts.push(Host::new(name, off, drift));
        self.boots.push(boot);
        host
    }

    /// Runs `body` on `host`, until it ends or the host crashes.
    pub fn spawn(
        &mut self,
        host: HostId,
        name: &str,
        body: impl FnOnce(TaskContext) + 'static,
    ) -> TaskId {
        let mut boot = Boot::default();
        boot.spawn(name, body);
        self.spawn_all(host, boot)
    }

    /// Calls `auditor` after every event; its error ends the run.
    pub fn auditor(
        &mut self,
        auditor: impl FnMut(&World, &Event<'_>) -> Result<(), Violation> + 'static,
    ) {
        self.auditors.push(Box::new(auditor));
    }

    /// Puts an object there before the run, without time passing.
    pub fn place(&mut self, key: &str, data: &[u8]) {
        let now = self.world.true_ms();
        let (key, data) = (Rc::from(key), Rc::from(data));
        self.world.storage.insert(&key, &data, TaskId::SETUP, now);
    }

    /// The run as it is now.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// From now on faults come as `options` say. Clocks stay as off as they are.
    /// So does a storage that creates over what exists.
    pub fn phase(&mut self, mut options: Options) {
        options.ignore_if_none_match |= self.options.ignore_if_none_match;
        self.options = options;
    }

    /// From now on nothing fails; the network is whole, hosts that stood still go on, dead ones start.
    /// What is under way stays as late as it was to be.
    pub fn heal(&mut self) {
        self.options = self.options.healed();
        for (host, state) in (0..).map(HostId).zip(&mut self.world.hosts) {
            state.set_right();
            if state.down {
                let now = self.world.now_ms;
                self.queue.push(now, self.rng.u32(..), Due::Boot(host));
            }
        }
    }

    /// Lets so much time pass.
    ///
    /// # Errors
    /// When a promise is broken.
    pub fn run_for(&mut self, milliseconds: u64) -> Result<(), Failure> {
        let until = self.world.now_ms + milliseconds;
        while let Some((at, due)) = self.queue.pop(until) {
            self.advance(at, due)?;
        }
        self.world.now_ms = until;
        Ok(())
    }

    /// Lets time pass until every task has ended that is no daemon.
    ///
    /// # Errors
    /// When a promise is broken; [`ENDS`] is when they take longer than `within_ms`.
    pub fn run_until_idle(&mut self, within_ms: u64) -> Result<(), Failure> {
        let until = self.world.now_ms + within_ms;
        while self.awaited > 0 {
            let Some((at, due)) = self.queue.pop(until) else {
                return Err(self.late(within_ms));
            };
            self.advance(at, due)?;
        }
        Ok(())
    }

    fn late(&mut self, within_ms: u64) -> Failure {
        let waited = |task: &&TaskInfo| task.alive && !task.daemon;
        let names = self.world.tasks().filter(|(_, task)| waited(task));
        let names: Vec<_> = names
            .map(|(id, _)| self.world.name(id).to_string())
            .collect();
        let message = format!("after {within_ms} ms there still run: {}", names.join(", "));
        self.failure(Violation::new(ENDS, message))
    }

    /// Checks what must be true now.
    ///
    /// # Errors
    /// When `check` finds that it is not.
    pub fn check(
        &mut self,
        check: impl FnOnce(&World) -> Result<(), Violation>,
    ) -> Result<(), Failure> {
        check(&self.world).map_err(|violation| self.failure(violation))
    }

    /// What the run came to so far.
    pub fn report(&self) -> Report {
        Report {
            seed: self.world.seed,
            steps: self.world.step,
            time_ms: self.world.now_ms,
            requests: self.world.counts().requests(),
            trace_hash: self.trace.hash(),
        }
    }
}
