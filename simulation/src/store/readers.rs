//! Readers: whoever began with a version can read all of it for a while, and lists leave nothing out.

use std::cell::RefCell;

use dayfly_core::ops::{self, Wanted};
use dayfly_core::platform::Platform;
use dayfly_core::segment::{self, each_row};
use dayfly_core::store::{self, Manifest, StoreError, live_rows};

use super::ledger::Ledger;
use super::workload::Workload;
use crate::context::TaskContext;
use crate::options::MINUTE_MS;

/// Readers have at least so long, with clocks as far apart as they may be.
const SAFE_MS: u64 = 30 * MINUTE_MS;

const LISTS_PER_WRITE: u64 = 4;

/// Reads stores again and again.
pub fn work(task: &TaskContext, workload: &Workload, ledger: &RefCell<Ledger>) {
    for _ in 0..workload.writes {
        task.pause(task.below(workload.rest_ms * 3));
        let store = &workload.stores[task.below(workload.stores.len() as u64) as usize];
        let began_ms = task.true_ms();
        let moment = ledger.borrow_mut().now();
        let Ok(Some(manifest)) = store::current(task.platform(), store) else {
            continue;
        };
        let held = ledger.borrow().held_since(store, moment);
        look_for_one(task, &manifest, &held);
        let read = slowly(task, &manifest);
        let took_ms = task.true_ms() - began_ms;
        match read {
            Err(error) if error.is_missing() && took_ms < SAFE_MS => {
                ensure_deleted(task, &manifest, &error);
            }
            _ => {}
        }
        let _ = ops::count(task.platform(), &manifest.home());
    }
}

/// What was done before a version was read as the newest is in it.
fn look_for_one(task: &TaskContext, manifest: &Manifest, held: &[String]) {
    let Some(file_id) = held.get(task.below(held.len().max(1) as u64) as usize) else {
        return;
    };
    if let Ok(None) = store::find(task.platform(), manifest, file_id) {
        let message = format!("{file_id} is not in version {}", manifest.version);
        task.violate("linear", message);
    }
}

/// Lists stores more often than anything else happens, so that what changes meanwhile meets it.
pub fn list_often(task: &TaskContext, workload: &Workload, ledger: &RefCell<Ledger>) {
    for _ in 0..workload.writes * LISTS_PER_WRITE {
        task.pause(task.below(workload.rest_ms / LISTS_PER_WRITE + 1));
        let store = &workload.stores[task.below(workload.stores.len() as u64) as usize];
        if let Ok(Some(manifest)) = store::current(task.platform(), store) {
            list(task, &manifest, ledger);
        }
    }
}

/// What was acknowledged before a list was asked for is in it.
fn list(task: &TaskContext, manifest: &Manifest, ledger: &RefCell<Ledger>) {
    let moment = ledger.borrow_mut().now();
    let wanted = Wanted {
        after: None,
        before: None,
        ascending: task.chance(0.5),
        limit: 1_000,
        status: None,
    };
    let Ok((listed, _)) = ops::files_of(task.platform(), &manifest.home(), &wanted) else {
        return;
    };
    for file_id in ledger.borrow().listed_since(&manifest.store.id, moment) {
        if listed.iter().all(|one| one.file_id() != file_id) {
            let message = format!("{file_id} is not in the list of {}", manifest.store.id);
            task.violate("lists leave nothing out", message);
        }
    }
}

fn slowly(task: &TaskContext, manifest: &Manifest) -> Result<(), StoreError> {
    let platform = task.platform();
    task.pause(task.below(20 * MINUTE_MS));
    let live = live_rows(platform, manifest, None)?;
    task.pause(task.below(5 * MINUTE_MS));
    read_rows(platform, manifest, &live)
}

fn read_rows(
    platform: Platform<'_>,
    manifest: &Manifest,
    live: &store::Live,
) -> Result<(), StoreError> {
    let home = manifest.home();
    let metas: Vec<_> = manifest
        .segments
        .iter()
        .map(|segment| &segment.meta)
        .collect();
    for segment in segment::open(platform.objects, &home, &metas)? {
        let rows = live.get(&segment.meta().id);
        let rows = rows.map_or(&[][..], Vec::as_slice);
        each_row(
            platform.objects,
            &segment,
            rows,
            |_| Ok::<_, StoreError>(()),
        )?;
    }
    Ok(())
}

/// Only where the store was deleted may anything be missing.
fn ensure_deleted(task: &TaskContext, manifest: &Manifest, error: &StoreError) {
    loop {
        match store::newest(task.platform(), &manifest.store.id) {
            Ok(Some(newest)) => {
                if newest.incarnation == manifest.incarnation && !newest.deleted {
                    let message = format!("version {}: {error}", manifest.version);
                    task.violate("readers keep what they began with", message);
                }
                return;
            }
            Ok(None) => return,
            Err(_) => task.pause(1_000),
        }
    }
}
