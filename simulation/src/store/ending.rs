//! When everything was quiet for long: what was accepted has ended, and nothing is left over.

use std::collections::HashSet;

use dayfly_core::home::QUEUE;
use dayfly_core::pending;
use dayfly_core::platform::Platform;
use dayfly_core::store::{self, StoreError, named};

use super::ledger::Ledger;
use crate::failure::{ENDS, Violation};
use crate::observer::Observer;
use crate::world::World;

/// No accepted ingestion is under way any more.
///
/// # Errors
/// Where one is.
pub fn everything_has_ended(world: &World) -> Result<(), Violation> {
    match world.storage().below(QUEUE).next() {
        None => Ok(()),
        Some((key, _)) => Err(Violation::new(ENDS, format!("{key} is still there"))),
    }
}

/// Every ingestion that was accepted came, failed in sight, or was taken out; and no store holds a
/// file that is not there.
///
/// # Errors
/// Where one did not.
pub fn nothing_accepted_is_missing(world: &World, ledger: &Ledger) -> Result<(), Violation> {
    let observer = Observer::new(world.storage());
    let platform = Platform::new(&observer, world);
    for (store, file_id, ingest_id) in ledger.unfinished() {
        let suffix = format!("/failed/{file_id}/{ingest_id}.json");
        let mut all = world.storage().below("stores/");
        let has_failed = all.any(|(key, _)| key.ends_with(&suffix));
        // It may have come before its caller was told, and nothing after it.
        if !has_failed && !holds(platform, &store, &file_id)? {
            let message = format!("{file_id} was accepted into {store} and never heard of");
            return Err(Violation::new(ENDS, message));
        }
    }
    for store in &ledger.stores() {
        for file_id in ledger.files(store) {
            let meta = dayfly_core::files::meta_key(&file_id);
            if world.storage().get(&meta).is_none() && holds(platform, store, &file_id)? {
                let message = format!("{store} holds {file_id}, which was deleted");
                return Err(Violation::new("deletions come to their end", message));
            }
        }
    }
    Ok(())
}

/// What is said to have failed is nothing that came when it was attached again.
///
/// # Errors
/// Where one is.
pub fn no_failure_hides_what_came(world: &World, ledger: &Ledger) -> Result<(), Violation> {
    let observer = Observer::new(world.storage());
    let platform = Platform::new(&observer, world);
    for store in &ledger.stores() {
        let newest = store::current(platform, store).map_err(unreadable)?;
        let Some(home) = newest.map(|newest| newest.home()) else {
            continue;
        };
        for file_id in ledger.files(store) {
            let failed = pending::failed_of(platform, &home, &file_id);
            let failed = failed.map_err(|error| Violation::new(ENDS, error))?;
            let Some(ingest_id) = failed.map(|failed| failed.ingest_id) else {
                continue;
            };
            if ledger.is_followed(store, &file_id, &ingest_id) {
                let message = format!("{file_id} in {store} is said to have failed, and came");
                return Err(Violation::new("linear", message));
            }
        }
    }
    Ok(())
}

/// Whether the newest version of a store has the file.
fn holds(platform: Platform<'_>, store: &str, file_id: &str) -> Result<bool, Violation> {
    let newest = store::current(platform, store).map_err(unreadable)?;
    let Some(newest) = newest else {
        return Ok(false);
    };
    let found = store::find(platform, &newest, file_id).map_err(unreadable)?;
    Ok(found.is_some())
}

fn unreadable(error: StoreError) -> Violation {
    Violation::new("the newest version can be read", error)
}

/// Every object belongs to something.
///
/// # Errors
/// Where one does not.
pub fn nothing_is_left_over(world: &World) -> Result<(), Violation> {
    let observer = Observer::new(world.storage());
    let platform = Platform::new(&observer, world);
    let mut reachable = Reachable::default();
    for (key, _) in world.storage().iter() {
        if let Some(store) = key
            .strip_prefix("stores/")
            .and_then(|k| k.split('/').next())
        {
            reachable.add(platform, store)?;
        }
    }
    for (key, _) in world.storage().iter() {
        if !reachable.has(world, key) {
            let message = format!("{key} belongs to nothing");
            return Err(Violation::new("every other object goes", message));
        }
    }
    Ok(())
}

#[derive(Default)]
struct Reachable {
    stores: HashSet<String>,
    keys: HashSet<String>,
    prefixes: HashSet<String>,
}

impl Reachable {
    fn add(&mut self, platform: Platform<'_>, store: &str) -> Result<(), Violation> {
        if !self.stores.insert(store.to_owned()) {
            return Ok(());
        }
        let newest = store::newest(platform, store).map_err(unreadable)?;
        let Some(newest) = newest else {
            return Ok(());
        };
        for version in newest.version.saturating_sub(48)..=newest.version {
            self.keys.insert(store::manifest_key(store, version));
        }
        if newest.deleted {
            return Ok(());
        }
        let home = newest.home();
        self.keys.extend(named(&newest));
        // Failures stay in sight, and garbage waits for its time.
        self.prefixes.insert(home.key("failed/"));
        self.prefixes.insert(home.key("garbage/"));
        let noted = newest.garbage.iter().flat_map(|garbage| &garbage.keys);
        for key in noted {
            match key.ends_with('/') {
                true => drop(self.prefixes.insert(key.clone())),
                false => drop(self.keys.insert(key.clone())),
            }
        }
        Ok(())
    }

    fn has(&self, world: &World, key: &str) -> bool {
        let is_below = self.prefixes.iter().any(|prefix| key.starts_with(prefix));
        if self.keys.contains(key) || is_below {
            return true;
        }
        let mut parts = key.split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("files"), Some(id), _) => {
                let meta = dayfly_core::files::meta_key(id);
                world.storage().get(&meta).is_some()
            }
            // That every store has a marker is a marker itself.
            (Some("catalog"), Some(_), Some("complete")) => true,
            (Some("catalog"), Some(_), Some(store)) => self.stores.contains(store),
            _ => false,
        }
    }
}
