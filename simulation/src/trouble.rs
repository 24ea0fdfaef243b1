//! What befalls hosts, by chance or because a test wants it.

use crate::failure::Failure;
use crate::objects::set_host_now;
use crate::queue::Due;
use crate::simulation::{Boot, Simulation};
use crate::world::{Event, HostId, TaskId};

impl Simulation {
    /// Kills all tasks of `host` where they wait. Half of what they have asked storage for still
    /// happens. The host starts again after a while.
    ///
    /// # Errors
    /// When an auditor finds a broken promise.
    pub fn crash(&mut self, host: HostId) -> Result<(), Failure> {
        let state = &mut self.world.hosts[host.0 as usize];
        if state.down {
            return Ok(());
        }
        state.down = true;
        state.frozen_until = 0;
        set_host_now(state.clock_ms(self.world.now_ms));
        let all = self.world.tasks();
        let here = all.filter(|(_, task)| task.host == host && task.alive);
        let here: Vec<TaskId> = here.map(|(id, _)| id).collect();
        here.into_iter().for_each(|task| self.end(task));
        for flight in self.flights.of(host) {
            if self.rng.bool() {
                flight.lose();
            }
        }
        let restart = self.rng.u64(self.options.restart_ms.clone());
        self.push(self.world.now_ms + restart, Due::Boot(host));
        self.tell(&Event::Crashed(host))
    }

    /// Nothing of `host` runs for so long; what it has asked storage for happens meanwhile.
    ///
    /// # Errors
    /// When an auditor finds a broken promise.
    pub fn freeze(&mut self, host: HostId, milliseconds: u64) -> Result<(), Failure> {
        let until = self.world.now_ms + milliseconds;
        let state = &mut self.world.hosts[host.0 as usize];
        state.frozen_until = state.frozen_until.max(until);
        self.tell(&Event::Frozen(host, milliseconds))
    }

    /// Storage is not reached from `host` for so long: requests hang, then time out.
    ///
    /// # Errors
    /// When an auditor finds a broken promise.
    pub fn partition(&mut self, host: HostId, milliseconds: u64) -> Result<(), Failure> {
        let until = self.world.now_ms + milliseconds;
        let state = &mut self.world.hosts[host.0 as usize];
        state.cut_off_until = state.cut_off_until.max(until);
        self.tell(&Event::Partitioned(host, milliseconds))
    }

    /// `host`'s clock shows so much more, or less, than before.
    ///
    /// # Errors
    /// When an auditor finds a broken promise.
    pub fn jump_clock(&mut self, host: HostId, off_ms: i64) -> Result<(), Failure> {
        self.world.hosts[host.0 as usize].jump(off_ms);
        self.tell(&Event::ClockJumped(host, off_ms))
    }

    pub(crate) fn boot(&mut self, host: HostId) -> Result<(), Failure> {
        let state = &mut self.world.hosts[host.0 as usize];
        if !state.down {
            return Ok(());
        }
        state.down = false;
        self.start_boot_tasks(host);
        self.tell(&Event::Booted(host))
    }

    pub(crate) fn start_boot_tasks(&mut self, host: HostId) {
        let mut boot = Boot::default();
        if let Some(start) = &mut self.boots[host.0 as usize] {
            start(&mut boot);
        }
        self.spawn_all(host, boot);
    }
}
