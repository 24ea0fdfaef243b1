//! What every version of a store must be, and what no effect may touch.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use dayfly_core::filter::AttributeValue;
use dayfly_core::platform::Platform;
use dayfly_core::store::runs::{Bounds, Cursor, Direction, RunRef};
use dayfly_core::store::{
    self, Change, MAX_MANIFEST_BYTES, Manifest, StoreError, TAIL_CHANGES, named,
};

use super::ledger::{Ledger, Seen};
use super::writers::ATTRIBUTE;
use crate::call::Action;
use crate::failure::Violation;
use crate::observer::Observer;
use crate::world::{Effect, Event, Outcome, World};

/// More runs than that have not been merged.
const MOST_RUNS: usize = 24;
/// Requests of one commit, all of its tries, its compaction aside.
const MOST_REQUESTS: u64 = 3_000;

/// Looks at every new version and at every deletion.
pub struct Audit {
    ledger: Rc<RefCell<Ledger>>,
    /// What the newest version of each store names.
    named: HashMap<String, HashSet<String>>,
    runs: HashMap<String, Vec<Change>>,
}

impl Audit {
    /// Against what is promised.
    pub fn new(ledger: Rc<RefCell<Ledger>>) -> Self {
        Self {
            ledger,
            named: HashMap::new(),
            runs: HashMap::new(),
        }
    }

    /// To be called after every event.
    ///
    /// # Errors
    /// The promise that does not hold.
    pub fn see(&mut self, world: &World, event: &Event<'_>) -> Result<(), Violation> {
        match event {
            Event::Effect(effect) if effect.action.changes() => self.effect(world, effect),
            Event::Said(..) => Ok(()),
            Event::Measured(_, name, cost) if cost.requests() > MOST_REQUESTS => {
                let message = format!("{name} took {} requests", cost.requests());
                Err(Violation::new("bounded", message))
            }
            _ => Ok(()),
        }
    }

    fn effect(&mut self, world: &World, effect: &Effect) -> Result<(), Violation> {
        let key: &str = &effect.key;
        if effect.outcome != Outcome::Done {
            return Ok(());
        }
        if effect.action == Action::Delete {
            let mut all = self.named.values();
            if all.any(|named| named.contains(key)) {
                let message = format!("{key} was deleted, and the newest version names it");
                return Err(Violation::new("no live object is deleted", message));
            }
        }
        match store_of(key) {
            Some(store) => self.version(world, store),
            None => Ok(()),
        }
    }

    /// Checks the newest version of a store.
    fn version(&mut self, world: &World, store: &str) -> Result<(), Violation> {
        let observer = Observer::new(world.storage());
        let platform = Platform::new(&observer, world);
        let newest = store::newest(platform, store).map_err(unreadable)?;
        let Some(newest) = newest.filter(|newest| !newest.deleted) else {
            self.named.remove(store);
            return self.ledger.borrow_mut().check(store, &BTreeMap::new());
        };
        self.named.insert(store.to_owned(), named(&newest));
        check_bounds(&newest)?;
        for key in &self.named[store] {
            if world.storage().get(key).is_none() {
                let message = format!("version {} names {key}, which is gone", newest.version);
                return Err(Violation::new("no live object is deleted", message));
            }
        }
        check_index(&newest)?;
        let files = self.files(platform, &newest).map_err(unreadable)?;
        check_totals(&newest, &files)?;
        let seen = files
            .values()
            .map(|file| (file.file_id.clone(), seen(file)));
        let seen: BTreeMap<String, Seen> = seen.collect();
        check_rows(platform, &newest, &files)?;
        self.ledger.borrow_mut().check(store, &seen)
    }

    /// All files of a version.
    fn files(
        &mut self,
        platform: Platform<'_>,
        manifest: &Manifest,
    ) -> Result<BTreeMap<String, store::FileEntry>, StoreError> {
        let mut files = BTreeMap::new();
        for run in manifest.runs.iter().rev() {
            self.read_run(platform, manifest, run)?;
            apply(&mut files, &self.runs[&run.id]);
        }
        apply(&mut files, &manifest.tail);
        Ok(files)
    }

    fn read_run(
        &mut self,
        platform: Platform<'_>,
        manifest: &Manifest,
        run: &RunRef,
    ) -> Result<(), StoreError> {
        if self.runs.contains_key(&run.id) {
            return Ok(());
        }
        let (home, bounds) = (manifest.home(), Bounds::default());
        let runs = std::slice::from_ref(run);
        let cursor = Cursor::new(platform.objects, &home, runs, bounds, Direction::Ascending)?;
        let changes = cursor.collect::<Result<Vec<_>, _>>()?;
        self.runs.insert(run.id.clone(), changes);
        Ok(())
    }
}

fn apply(files: &mut BTreeMap<String, store::FileEntry>, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Put(file) => drop(files.insert(file.file_id.clone(), file.clone())),
            Change::Delete { file_id } => drop(files.remove(file_id)),
        }
    }
}

fn store_of(key: &str) -> Option<&str> {
    let rest = key.strip_prefix("stores/")?;
    let (store, rest) = rest.split_once('/')?;
    rest.starts_with("manifest/").then_some(store)
}

fn seen(file: &store::FileEntry) -> Seen {
    let attribute = match file.attributes.get(ATTRIBUTE) {
        Some(AttributeValue::Number(number)) => *number as u64,
        _ => 0,
    };
    Seen {
        ingest_id: file.ingest_id.clone(),
        rows: file.row_count(),
        attribute,
    }
}

fn unreadable(error: StoreError) -> Violation {
    Violation::new("the newest version can be read", error)
}

fn check_bounds(manifest: &Manifest) -> Result<(), Violation> {
    let bytes = serde_json::to_vec(manifest).map_or(usize::MAX, |data| data.len());
    let what = match manifest {
        _ if bytes > MAX_MANIFEST_BYTES => format!("{bytes} bytes"),
        _ if manifest.tail.len() > TAIL_CHANGES => format!("{} changes", manifest.tail.len()),
        _ if manifest.runs.len() > MOST_RUNS => format!("{} runs", manifest.runs.len()),
        _ => return Ok(()),
    };
    let message = format!("version {} has {what}", manifest.version);
    Err(Violation::new("bounded", message))
}

/// An index numbers the rows of one base, and only those may be in the version.
fn check_index(manifest: &Manifest) -> Result<(), Violation> {
    let own = manifest.index.as_ref().map(|index| index.base.as_str());
    for segment in &manifest.segments {
        let base = segment.meta.base.as_ref().map(|place| place.id.as_str());
        if base.is_some() && base != own {
            let (version, id) = (manifest.version, &segment.meta.id);
            let message = format!("version {version} has {id}, and the index of {own:?}");
            return Err(Violation::new("an index tells of its own rows", message));
        }
    }
    Ok(())
}

fn check_totals(
    manifest: &Manifest,
    files: &BTreeMap<String, store::FileEntry>,
) -> Result<(), Violation> {
    let rows: u64 = files.values().map(store::FileEntry::row_count).sum();
    let live: u64 = manifest
        .segments
        .iter()
        .map(store::SegmentRef::live_rows)
        .sum();
    let totals = manifest.totals;
    if totals.files == files.len() as u64 && totals.rows == rows && live == rows {
        return Ok(());
    }
    let message = format!(
        "version {} says {totals:?}; its files are {} with {rows} rows, and {live} rows are live",
        manifest.version,
        files.len()
    );
    Err(Violation::new("atomic", message))
}

/// Each file's rows are live, and are its own.
fn check_rows(
    platform: Platform<'_>,
    manifest: &Manifest,
    files: &BTreeMap<String, store::FileEntry>,
) -> Result<(), Violation> {
    let live = store::live_rows(platform, manifest, None).map_err(unreadable)?;
    let mut taken: HashMap<&str, HashSet<u32>> = HashMap::new();
    for file in files.values() {
        for range in &file.rows {
            let of_segment = live.get(&range.segment);
            let rows = taken.entry(&range.segment).or_default();
            for row in range.first..range.first + range.rows {
                let is_live = of_segment.is_some_and(|all| all.iter().any(|r| r.contains(&row)));
                if !is_live || !rows.insert(row) {
                    let message = format!(
                        "version {}: row {row} of {} is not {}'s alone, or not live",
                        manifest.version, range.segment, file.file_id
                    );
                    return Err(Violation::new("atomic", message));
                }
            }
        }
    }
    Ok(())
}
