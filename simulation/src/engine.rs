//! What happens at each event.

use std::rc::Rc;

use dayfly_core::objects::ObjectError;

use crate::call::{Answer, Found, Reply, Request};
use crate::context::TaskContext;
use crate::coroutine::{Coroutine, Pause};
use crate::failure::{ENDS, Failure, NO_PANIC, Violation};
use crate::objects::{SimClock, SimObjects, set_host_now};
use crate::plan::Fault;
use crate::queue::Due;
use crate::simulation::{Auditor, Simulation};
use crate::trace::Trace;
use crate::world::{Effect, Event, HostId, Outcome, TaskId, World};

impl Simulation {
    pub(crate) fn failure(&mut self, violation: Violation) -> Failure {
        self.trace.line(&self.world, &violation);
        Failure {
            seed: self.world.seed,
            step: self.world.step,
            time_ms: self.world.now_ms,
            promise: violation.promise,
            message: violation.message,
        }
    }

    /// Shows `event` to the trace and to every auditor.
    pub(crate) fn tell(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        let told = show(&self.world, &mut self.trace, &mut self.auditors, event);
        told.map_err(|violation| self.failure(violation))
    }

    fn tell_of_effect(&mut self, effect: Effect) -> Result<(), Failure> {
        self.world.log.push(effect);
        let Some(effect) = self.world.log.last() else {
            return Ok(());
        };
        let event = Event::Effect(effect);
        let told = show(&self.world, &mut self.trace, &mut self.auditors, &event);
        told.map_err(|violation| self.failure(violation))
    }

    pub(crate) fn push(&mut self, at: u64, due: Due) {
        let chance = self.rng.u32(..);
        self.queue.push(at, chance, due);
    }

    /// Lets what is `due` happen `at` its time.
    pub(crate) fn advance(&mut self, at: u64, due: Due) -> Result<(), Failure> {
        self.world.now_ms = at.max(self.world.now_ms);
        self.world.step += 1;
        if self.world.step > self.options.max_steps {
            let message = format!("it goes on after {} events", self.options.max_steps);
            return Err(self.failure(Violation::new(ENDS, message)));
        }
        match due {
            Due::Effect(flight, part) => self.effect(flight, part),
            Due::Answer(flight) => self.answer(flight),
            Due::Wake(task) => self.wake(task),
            Due::Duplicate(task, request) => self.apply(&request, 0, task, true).map(|_| ()),
            Due::Crash(host) if self.options.crash > 0.0 => self.crash(host),
            Due::Freeze(host, ms) if self.options.freeze > 0.0 => self.freeze(host, ms),
            Due::Partition(host, ms) if self.options.partition > 0.0 => self.partition(host, ms),
            Due::ClockJump(host, off) if self.options.clock_jump > 0.0 => {
                self.jump_clock(host, off)
            }
            Due::Boot(host) => self.boot(host),
            Due::Crash(_) | Due::Freeze(..) | Due::Partition(..) | Due::ClockJump(..) => Ok(()),
        }
    }

    fn effect(&mut self, id: usize, part: usize) -> Result<(), Failure> {
        let Some(flight) = self.flights.get(id) else {
            return Ok(());
        };
        let (request, task) = (Rc::clone(&flight.request), flight.task);
        if flight.is_lost() {
            self.flights.arrived(id, part, None);
            return Ok(());
        }
        let answer = self.apply(&request, part, task, false)?;
        self.flights.arrived(id, part, Some(answer));
        Ok(())
    }

    fn apply(
        &mut self,
        request: &Request,
        part: usize,
        task: TaskId,
        duplicate: bool,
    ) -> Result<Answer, Failure> {
        let now = self.world.true_ms();
        let overwrite = self.options.ignore_if_none_match;
        let answer = self
            .world
            .storage
            .apply(request, part, task, now, overwrite);
        let outcome = match &answer {
            Ok(_) => Outcome::Done,
            Err(ObjectError::AlreadyExists) => Outcome::AlreadyExists,
            Err(_) => Outcome::NotFound,
        };
        let bytes = match &answer {
            Ok(Found::Bytes(bytes)) => bytes.len() as u64,
            _ => request.bytes(),
        };
        self.tell_of_effect(Effect {
            step: self.world.step,
            time_ms: self.world.now_ms,
            task,
            host: self.host_of(task),
            action: request.action(),
            key: request.key(part),
            outcome,
            bytes,
            duplicate,
        })?;
        Ok(answer)
    }

    /// Where `task` runs; it must have been spawned.
    pub(crate) fn host_of(&self, task: TaskId) -> HostId {
        self.world.tasks[task.0 as usize].host
    }

    /// Puts `due` off while `task`'s host stands still; gives it back when it does not.
    fn unless_frozen(&mut self, task: TaskId, due: Due) -> Option<Due> {
        let frozen = self.world.hosts[self.host_of(task).0 as usize].frozen_until;
        if frozen <= self.world.now_ms {
            return Some(due);
        }
        let late = self.rng.u64(..50);
        self.push(frozen + late, due);
        None
    }

    fn answer(&mut self, id: usize) -> Result<(), Failure> {
        let Some(flight) = self.flights.get(id) else {
            return Ok(());
        };
        let (task, host, sent_at) = (flight.task, flight.host, flight.sent_at);
        if !self.world.tasks[task.0 as usize].alive {
            self.flights.answered(id, &mut self.rng);
            return Ok(());
        }
        if self.unless_frozen(task, Due::Answer(id)).is_none() {
            return Ok(());
        }
        let cut_off = self.world.hosts[host.0 as usize].cut_off_until;
        let gives_up = sent_at + self.options.timeout_ms;
        if cut_off > self.world.now_ms {
            if cut_off < gives_up {
                self.push(cut_off + 1, Due::Answer(id));
                return Ok(());
            }
            if let Some(flight) = self.flights.get(id)
                && flight.fault != Some(Fault::TimedOut)
            {
                flight.fault = Some(Fault::TimedOut);
                self.push(gives_up.max(self.world.now_ms), Due::Answer(id));
                return Ok(());
            }
        }
        match self.flights.answered(id, &mut self.rng) {
            Some(answer) => self.deliver(task, answer),
            None => Ok(()),
        }
    }

    fn deliver(&mut self, task: TaskId, answer: Answer) -> Result<(), Failure> {
        let read = match &answer {
            Ok(Found::Bytes(bytes)) => bytes.len(),
            Ok(Found::Many(many)) => many.iter().flatten().map(Vec::len).sum(),
            _ => 0,
        };
        self.world.tasks[task.0 as usize].counts.bytes_read += read as u64;
        if self.trace.is_shown()
            && let Err(error) = &answer
        {
            let line = format!("{:<24} is told: {error}", self.world.name(task).to_string());
            self.trace.line(&self.world, line);
        }
        self.resume(task, Reply::Storage(answer))
    }

    fn wake(&mut self, id: TaskId) -> Result<(), Failure> {
        if !self.world.tasks[id.0 as usize].alive || self.unless_frozen(id, Due::Wake(id)).is_none()
        {
            return Ok(());
        }
        let Some(new) = self.tasks[id.0 as usize].new.take() else {
            return self.resume(id, Reply::Go);
        };
        let context = TaskContext {
            task: id,
            host: self.host_of(id),
            objects: SimObjects,
            clock: SimClock::new(self.rng.u64(..)),
        };
        match Coroutine::new(move || (new.body)(context)) {
            Ok(coroutine) => self.tasks[id.0 as usize].coroutine = Some(coroutine),
            Err(error) => {
                let message = format!("there is no stack for it: {error}");
                return Err(self.failure(Violation::new(NO_PANIC, message)));
            }
        }
        self.tell(&Event::Began(id))?;
        self.resume(id, Reply::Go)
    }

    fn resume(&mut self, id: TaskId, mut reply: Reply) -> Result<(), Failure> {
        let host = self.host_of(id).0 as usize;
        set_host_now(self.world.hosts[host].clock_ms(self.world.now_ms));
        loop {
            let Some(coroutine) = &mut self.tasks[id.0 as usize].coroutine else {
                return Ok(());
            };
            match coroutine.resume(reply) {
                Pause::Called(call) => match self.serve(id, call)? {
                    Some(at_once) => reply = at_once,
                    None => return Ok(()),
                },
                Pause::Ended => {
                    self.end(id);
                    return self.tell(&Event::Ended(id));
                }
                Pause::Panicked(words) => {
                    let message = format!("{}: {words}", self.world.name(id));
                    return Err(self.failure(Violation::new(NO_PANIC, message)));
                }
            }
        }
    }

    /// `task` lives no longer; what it holds is dropped.
    pub(crate) fn end(&mut self, task: TaskId) {
        let info = &mut self.world.tasks[task.0 as usize];
        info.alive = false;
        self.awaited -= usize::from(!info.daemon);
        let task = &mut self.tasks[task.0 as usize];
        task.new = None;
        task.coroutine = None;
    }
}

fn show(
    world: &World,
    trace: &mut Trace,
    auditors: &mut [Auditor],
    event: &Event<'_>,
) -> Result<(), Violation> {
    trace.event(world, event);
    auditors
        .iter_mut()
        .try_for_each(|auditor| auditor(world, event))
}
