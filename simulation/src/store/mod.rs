//! Stores under everything at once: uploads, attachments, removals, deletions and re-creations,
//! compactions, rebuilds, collectors and readers on several hosts, over `core` as it is.

mod audit;
mod content;
mod ending;
mod indexer;
mod ledger;
mod readers;
mod upkeep;
mod workload;
mod writers;

use std::cell::RefCell;
use std::rc::Rc;

use dayfly_core::mutants::Mutant;

use crate::failure::Failure;
use crate::options::{HOUR_MS, MINUTE_MS, Options};
use crate::scenario::{Catch, Run, Scenario};
use crate::simulation::Report;

use workload::Workload;

/// Everything that is done to stores.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Stores {
    is_rough: bool,
}

/// The scenario.
pub const STORES: Stores = Stores { is_rough: false };
/// The same where more fails: runs that are shorter, and meet sooner what takes several rare faults.
pub const ROUGH_STORES: Stores = Stores { is_rough: true };

const HOSTS: u32 = 3;
const CLIENTS: u32 = 3;
/// With the slowest storage, and the most that befalls hosts, readers have needed more than a week.
const PATIENCE_MS: u64 = 28 * 24 * HOUR_MS;

impl Scenario for Stores {
    fn name(&self) -> &'static str {
        match self.is_rough {
            true => "rough-stores",
            false => "stores",
        }
    }

    fn catches(&self) -> &'static [Catch] {
        if self.is_rough {
            // What takes several rare faults at once.
            return const { &[Catch::new(Mutant::LateFailure, 6_000).seen(902)] };
        }
        const {
            &[
                Catch::new(Mutant::PruneByNumberOnly, 2_000),
                Catch::new(Mutant::SharedIncarnation, 2_000),
                Catch::new(Mutant::RecordByFileOnly, 2_000),
                Catch::new(Mutant::DeleteBeforeRecording, 2_000),
                Catch::new(Mutant::NoGrace, 2_000),
                Catch::new(Mutant::ApplyTwice, 2_000),
                Catch::new(Mutant::CommitAfterEnd, 2_000).seen(152),
                Catch::new(Mutant::NoFence, 2_000),
                Catch::new(Mutant::ReviveRows, 2_000).seen(163),
                Catch::new(Mutant::StalePlaces, 2_000),
                Catch::new(Mutant::ManifestBeforeQueue, 4_000).seen(1_193),
                Catch::new(Mutant::NoScrub, 2_000),
                Catch::new(Mutant::IgnoreIfNoneMatch, 2_000),
            ]
        }
    }

    fn run(&self, run: &Run) -> Result<Report, Failure> {
        let mut simulation = run.simulation(self.options(run.seed));
        let workload = Rc::new(Workload::draw(run.seed));
        let ledger = Rc::new(RefCell::new(ledger::Ledger::default()));
        let mut hosts = Vec::new();
        for number in 0..HOSTS {
            let name = format!("host-{number}");
            let (node, workload) = (name.clone(), Rc::clone(&workload));
            hosts.push(simulation.host_with(&name, move |boot| {
                upkeep::boot(boot, &node, &workload);
            }));
        }
        let clients = simulation.host("clients");
        for number in 0..CLIENTS {
            let (ledger, workload) = (Rc::clone(&ledger), Rc::clone(&workload));
            let host = hosts[number as usize % hosts.len()];
            simulation.spawn(host, "client", move |task| {
                writers::work(&task, number, &workload, &ledger);
            });
        }
        let (read, told) = (Rc::clone(&workload), Rc::clone(&ledger));
        simulation.spawn(clients, "reader", move |task| {
            readers::work(&task, &read, &told);
        });
        let (read, told) = (Rc::clone(&workload), Rc::clone(&ledger));
        simulation.spawn(clients, "lister", move |task| {
            readers::list_often(&task, &read, &told);
        });
        let mut audit = audit::Audit::new(Rc::clone(&ledger));
        simulation.auditor(move |world, event| audit.see(world, event));
        simulation.run_until_idle(PATIENCE_MS)?;
        simulation.heal();
        simulation.run_for(4 * HOUR_MS)?;
        simulation.check(ending::everything_has_ended)?;
        workload.quiet.set(true);
        simulation.run_for(80 * HOUR_MS)?;
        simulation.check(ending::everything_has_ended)?;
        simulation.check(ending::nothing_is_left_over)?;
        simulation.check(|world| ending::nothing_accepted_is_missing(world, &ledger.borrow()))?;
        simulation.check(|world| ending::no_failure_hides_what_came(world, &ledger.borrow()))?;
        Ok(simulation.report())
    }
}

impl Stores {
    /// As wild as the seed has it; clocks are off by minutes, and requests take no longer than the
    /// storage accepts them, but for those of manifests.
    fn options(&self, seed: u64) -> Options {
        let swarm = match self.is_rough {
            true => Options::rough(seed),
            false => Options::swarm(seed),
        };
        Options {
            clock_jump_ms: 4 * MINUTE_MS,
            max_steps: 400_000,
            ..swarm
        }
    }
}
