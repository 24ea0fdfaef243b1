//! What tasks ask for.

use std::rc::Rc;

use crate::call::{Call, NewTask, Reply, Request};
use crate::failure::Failure;
use crate::flight::Flight;
use crate::options::logarithmic;
use crate::plan::Plan;
use crate::queue::Due;
use crate::simulation::{Boot, Simulation, Task};
use crate::world::{Counts, Event, HostId, TaskId, TaskInfo};

/// Quarters of the usual time that a task's requests take for a while: some tasks outrun others by far.
const PACES: [u64; 6] = [1, 4, 4, 4, 16, 64];

impl Simulation {
    /// What `task` gets at once; `None` when it has to wait.
    pub(crate) fn serve(&mut self, task: TaskId, call: Call) -> Result<Option<Reply>, Failure> {
        match call {
            Call::Storage(request) => {
                self.send(task, request);
                return Ok(None);
            }
            Call::Pause(ms) => {
                let late = self.rng.u64(..=ms / 16 + 1);
                self.push(self.world.now_ms + ms.max(1) + late, Due::Wake(task));
                return Ok(None);
            }
            Call::Say(text) => self.tell(&Event::Said(task, &text))?,
            Call::Measured(name, counts) => self.tell(&Event::Measured(task, &name, counts))?,
            Call::Counts => return Ok(Some(Reply::Counts(self.counts_of(task)))),
            Call::TrueTime => return Ok(Some(Reply::Time(self.world.true_ms()))),
            Call::Spawn(new) => {
                self.add_task(self.host_of(task), new);
            }
            Call::Violate(violation) => return Err(self.failure(violation)),
        }
        Ok(Some(Reply::Go))
    }

    fn counts_of(&self, task: TaskId) -> Counts {
        self.world.tasks[task.0 as usize].counts
    }

    /// Spawns all that `boot` asks for; answers the last of it.
    pub(crate) fn spawn_all(&mut self, host: HostId, boot: Boot) -> TaskId {
        let mut last = TaskId::SETUP;
        for task in boot.tasks {
            last = self.add_task(host, task);
        }
        last
    }

    fn add_task(&mut self, host: HostId, new: NewTask) -> TaskId {
        let id = TaskId(self.tasks.len() as u32);
        self.world.tasks.push(TaskInfo {
            name: new.name.clone(),
            host,
            daemon: new.daemon,
            alive: true,
            counts: Counts::default(),
        });
        self.awaited += usize::from(!new.daemon);
        self.tasks.push(Task {
            new: Some(new),
            coroutine: None,
            pace: 4,
        });
        let late = self.rng.u64(..=*self.options.latency_ms.end());
        self.push(self.world.now_ms + late, Due::Wake(id));
        id
    }

    fn send(&mut self, task: TaskId, request: Request) {
        let now = self.world.now_ms;
        let host = self.host_of(task);
        let (action, effects) = (request.action(), request.effects());
        let counts = &mut self.world.tasks[task.0 as usize].counts;
        counts.add(action, effects as u64);
        counts.bytes_written += request.bytes();
        if self.rng.u8(..) < 8 {
            self.tasks[task.0 as usize].pace = PACES[self.rng.usize(..PACES.len())];
        }
        let plan = Plan::draw(
            &mut self.rng,
            &self.options,
            action,
            &request.key(0),
            now,
            self.world.hosts[host.0 as usize].cut_off_until,
            self.tasks[task.0 as usize].pace,
        );
        self.trace.mix((task, now, plan.answer_at));
        let mut flight = Flight::new(request, task, host, now);
        flight.fault = plan.fault;
        if plan.effect_at.is_some() {
            flight.expect(effects);
        }
        let request = Rc::clone(&flight.request);
        let id = self.flights.add(flight);
        self.push(plan.answer_at, Due::Answer(id));
        if let Some(at) = plan.effect_at {
            // The parts of one call are requests of their own.
            let latest = plan.answer_at.saturating_sub(at).max(1);
            self.push(at, Due::Effect(id, 0));
            for part in 1..effects {
                let late = self.rng.u64(..latest);
                self.push(at + late, Due::Effect(id, part));
            }
        }
        if let Some(at) = plan.duplicate_at {
            self.push(at, Due::Duplicate(task, request));
        }
        self.trouble(host, now, plan.answer_at);
    }

    /// Perhaps something befalls `host` within a request.
    fn trouble(&mut self, host: HostId, from: u64, until: u64) {
        let options = &self.options;
        let mut left = self.rng.f64();
        let mut falls = |probability: f64| {
            left -= probability;
            left < 0.0
        };
        let due = if falls(options.crash) {
            Due::Crash(host)
        } else if falls(options.freeze) {
            Due::Freeze(host, logarithmic(&mut self.rng, &options.freeze_ms))
        } else if falls(options.partition) {
            Due::Partition(host, logarithmic(&mut self.rng, &options.partition_ms))
        } else if falls(options.clock_jump) {
            let most = options.clock_jump_ms as i64;
            Due::ClockJump(host, self.rng.i64(-most..=most))
        } else {
            return;
        };
        let at = self.rng.u64(from..=until);
        self.push(at, due);
    }
}
