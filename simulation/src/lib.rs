//! Runs `core` over a seeded scheduler, clock, chance and object store.
//!
//! One seed decides everything in a [`Simulation`]: which task runs next, how long requests take,
//! what fails. Time is virtual. A task is a function on a stack of its own, so that `core`'s
//! synchronous code runs as it is; it is suspended in each storage request and each pause. Auditors
//! see the whole [`World`] after every event. A [`Scenario`] makes a run from a seed, and
//! [`runner`] runs many.
//!
//! ```
//! use std::cell::Cell;
//! use std::rc::Rc;
//!
//! use dayfly_core::objects::Objects;
//! use dayfly_simulation::{Event, HOUR_MS, Options, Simulation, Violation};
//!
//! let mut simulation = Simulation::new(7, Options::wild());
//! let host = simulation.host("host-1");
//! let acknowledged = Rc::new(Cell::new(false));
//!
//! let told = Rc::clone(&acknowledged);
//! simulation.spawn(host, "writer", move |task| {
//!     if task.objects().put("key", b"value").is_ok() {
//!         told.set(true);
//!         task.say("acknowledged");
//!     }
//! });
//! simulation.auditor(move |world, _event: &Event<'_>| {
//!     if acknowledged.get() && world.storage().get("key").is_none() {
//!         return Err(Violation::new("durable", "the value is gone"));
//!     }
//!     Ok(())
//! });
//!
//! simulation.run_for(HOUR_MS)?;
//! simulation.heal();
//! simulation.run_until_idle(HOUR_MS)?;
//! # Ok::<(), dayfly_simulation::Failure>(())
//! ```

mod call;
mod context;
mod coroutine;
mod engine;
mod failure;
mod flight;
mod host;
pub mod model;
mod objects;
mod observer;
mod options;
mod panics;
mod plan;
mod queue;
pub mod runner;
mod scenario;
mod serve;
mod simulation;
mod storage;
pub mod store;
mod trace;
mod trouble;
mod world;

pub use call::Action;
pub use context::TaskContext;
pub use failure::{ENDS, Failure, NO_PANIC, Violation};
pub use host::Host;
pub use objects::{SimClock, SimObjects};
pub use observer::Observer;
pub use options::{HOUR_MS, MINUTE_MS, Options};
pub use scenario::{Catch, Run, Scenario};
pub use simulation::{Boot, Report, Simulation};
pub use storage::{Object, Storage};
pub use world::{Counts, EPOCH_MS, Effect, Event, HostId, Outcome, TaskId, TaskInfo, World};
