//! What runs on every host: workers of the queue, collectors, rebuilds.

use std::rc::Rc;

use dayfly_core::files;
use dayfly_core::home::{Home, QUEUE};
use dayfly_core::ops;
use dayfly_core::pending::{self, Ending, Hold, LastError, PendingError, Ticket, take_up};
use dayfly_core::platform::Platform;
use dayfly_core::rebuild::{Order, rebuild};
use dayfly_core::store::{self, StoreError, Upkeep};

use super::content;
use super::indexer::Exact;
use super::workload::{self, Workload};
use crate::context::TaskContext;
use crate::options::MINUTE_MS;
use crate::simulation::Boot;

/// As products have it unless they are told otherwise.
const PATIENCE_MS: u64 = 60 * MINUTE_MS;

/// Starts a host's upkeep.
pub fn boot(boot: &mut Boot, node: &str, workload: &Rc<Workload>) {
    let name = node.to_owned();
    let stores = Rc::clone(workload);
    boot.spawn_daemon("worker", move |task| {
        let upkeep = workload::upkeep(&name, task.below(u64::MAX));
        loop {
            drive(&task, &upkeep, stores.failing);
            task.pause(1 + task.below(stores.rest(MINUTE_MS)));
        }
    });
    let name = node.to_owned();
    let stores = Rc::clone(workload);
    boot.spawn_daemon("collector", move |task| {
        let upkeep = workload::upkeep(&name, task.below(u64::MAX));
        loop {
            task.pause(1 + task.below(stores.rest(40 * MINUTE_MS)));
            collect(&task, &stores, &upkeep);
        }
    });
    if workload.rebuilds {
        let name = node.to_owned();
        let stores = Rc::clone(workload);
        boot.spawn_daemon("rebuilder", move |task| {
            let upkeep = workload::upkeep(&name, task.below(u64::MAX));
            while !stores.quiet.get() {
                task.pause(1 + task.below(60 * MINUTE_MS));
                let store = &stores.stores[task.below(stores.stores.len() as u64) as usize];
                let order = Order {
                    rows_per_segment: 16,
                    ..Order::new(store, upkeep.worker.clone(), 1 << 30)
                };
                let _ = rebuild(task.platform(), &order, &Exact, &mut |_| {});
            }
        });
    }
}

/// Looks for accepted ingestions and does them.
fn drive(task: &TaskContext, upkeep: &Upkeep, failing: u32) {
    let Ok(listed) = task.platform().objects.list_all(QUEUE) else {
        return;
    };
    for ticket in listed.iter().filter_map(|meta| Ticket::parse(&meta.key)) {
        let _ = process(task, &ticket, upkeep, failing);
    }
}

fn process(
    task: &TaskContext,
    ticket: &Ticket,
    upkeep: &Upkeep,
    failing: u32,
) -> Result<(), PendingError> {
    let platform = task.platform();
    let home = ticket.home();
    let Some(pending) = pending::read(platform, ticket)? else {
        return Ok(());
    };
    let Some(mut hold) = take_up(platform, &home, &pending, &upkeep.worker, None)? else {
        return Ok(());
    };
    if content::fails(&ticket.ingest_id, failing) {
        return hold.end(Ending::Failed(LastError::server("it cannot be read")));
    }
    let ending = match ingest(platform, &home, &mut hold) {
        Ok(committed) => {
            let _ = ops::after_commit(platform, &committed, upkeep);
            Ending::Committed
        }
        Err(PendingError::Store(StoreError::NoSuchStore(_))) => {
            Ending::Failed(LastError::server("the store is gone"))
        }
        Err(error @ (PendingError::Held { .. } | PendingError::Cancelled)) => {
            Ending::Stopped(error)
        }
        Err(error) => Ending::Passing {
            error: LastError::server(error.to_string()),
            patience_ms: patience_ms(&ticket.ingest_id),
        },
    };
    hold.end(ending)
}

/// Three in four are not tried again: failures are rare otherwise, and much has to be right about those.
fn patience_ms(ingest_id: &str) -> u64 {
    match ingest_id.bytes().last().is_some_and(|last| last % 4 != 0) {
        true => 0,
        false => PATIENCE_MS,
    }
}

fn ingest(
    platform: Platform<'_>,
    home: &Home,
    hold: &mut Hold<'_>,
) -> Result<store::Manifest, PendingError> {
    let pending = hold.pending();
    let (file_id, ingest_id) = (&pending.file_id, &pending.ingest_id);
    let file = files::read(platform.objects, file_id).map_err(|_| PendingError::Contended)?;
    let mut progress = hold.progress().clone();
    let rows = content::rows_of(ingest_id);
    for chunk in progress.chunks..rows {
        hold.renew()?;
        let segment = content::ingest(platform, home, file_id, ingest_id, 1);
        progress.segments.push(segment.map_err(StoreError::from)?);
        progress.chunks = chunk + 1;
        if chunk % 2 == 0 {
            hold.record(&progress)?;
        }
    }
    let entry = content::entry(&file, ingest_id, &progress.segments);
    hold.commit(&entry, &progress.segments)
}

fn collect(task: &TaskContext, workload: &Workload, upkeep: &Upkeep) {
    let platform = task.platform();
    let _ = store::finish_deletions(platform, 100);
    let _ = ops::finish_file_deletions(platform, 100);
    for store in &workload.stores {
        let _ = ops::look_after(platform, store, upkeep, true);
    }
    let _ = ops::scrub_catalog(platform);
    let mut place: Option<String> = None;
    while let Ok(Some(next)) = ops::scrub_files(platform, place.as_deref()) {
        place = Some(next);
    }
}
