//! What a probe tries.

use std::cell::RefCell;

use super::{Check, Contest, FOLDER, ProbeError, Report};
use crate::ids;
use crate::objects::{ObjectError, ObjectMeta, Objects};
use crate::platform::Clock;

/// What a probe leaves is removed by a later one when it is older.
const LEFT_MS: u64 = 3_600_000;
/// How often writers race, and how many each time.
const CONTESTS: usize = 4;
const WRITERS: usize = 6;
/// In the order of keys as bytes, which is not that of folders before files, nor of names.
const NAMES: [&str; 5] = ["a-b", "a.b", "a/b", "a/c", "a=b"];
const PAGE: u32 = 1_000;

/// One probe under way.
pub(super) struct Trial<'a> {
    objects: &'a dyn Objects,
    contest: &'a dyn Contest,
    clock: &'a dyn Clock,
    /// Ends in `/`; nobody else's.
    folder: String,
    made: RefCell<Vec<String>>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(
        objects: &'a dyn Objects,
        contest: &'a dyn Contest,
        clock: &'a dyn Clock,
    ) -> Self {
        let name = ids::time_ordered("", clock.now_ms(), clock.random());
        Self {
            objects,
            contest,
            clock,
            folder: format!("{FOLDER}{name}/"),
            made: RefCell::default(),
        }
    }

    pub(super) fn run(&self, passed: &mut dyn FnMut(Check)) -> Result<Report, ProbeError> {
        let present = self.objects.list(FOLDER, None, PAGE);
        let present = present.map_err(|error| ProbeError::of("listing", error))?;
        passed(Check::Reach);
        let key = self.create()?;
        let now_ms = self.clock.now_ms();
        passed(Check::Create);
        let written = self.read_back(&key)?;
        passed(Check::Read);
        for number in 0..CONTESTS {
            self.compete(number)?;
        }
        passed(Check::Contest);
        self.list()?;
        passed(Check::List);
        self.delete(&key)?;
        passed(Check::Delete);
        self.tidy(present, written.modified_ms);
        let ahead = i128::from(now_ms) - i128::from(written.modified_ms);
        Ok(Report {
            clock_ahead_ms: i64::try_from(ahead).unwrap_or(i64::MAX),
        })
    }

    /// Removes what there is, as far as that works.
    pub(super) fn give_up(&self) {
        drop(self.objects.delete_many(&self.made.take()));
    }

    fn key(&self, name: &str) -> String {
        let key = format!("{}{name}", self.folder);
        self.made.borrow_mut().push(key.clone());
        key
    }

    fn create(&self) -> Result<String, ProbeError> {
        let key = self.key("new");
        self.objects
            .put_new(&key, b"first")
            .map_err(ProbeError::of_creation)?;
        match self.objects.put_new(&key, b"second") {
            Err(ObjectError::AlreadyExists) => Ok(key),
            Ok(()) => Err(ProbeError::ConditionalWritesIgnored),
            Err(error) => Err(ProbeError::of_creation(error)),
        }
    }

    fn read_back(&self, key: &str) -> Result<ObjectMeta, ProbeError> {
        let missing = |error| match error {
            ObjectError::NotFound => ProbeError::NotReadBack("it was not there".to_owned()),
            error => ProbeError::of("reading", error),
        };
        match self.objects.get(key).map_err(missing)?.as_slice() {
            b"first" => self.objects.head(key).map_err(missing),
            b"second" => Err(ProbeError::ConditionalWritesIgnored),
            _ => Err(ProbeError::NotReadBack("it was another one".to_owned())),
        }
    }

    fn compete(&self, number: usize) -> Result<(), ProbeError> {
        let key = self.key(&format!("contest/{number}"));
        let writers: Vec<Vec<u8>> = (0..WRITERS)
            .map(|writer| writer.to_string().into_bytes())
            .collect();
        let answers = self.contest.put_new_at_once(&key, &writers);
        let mut winners = Vec::new();
        for (writer, answer) in writers.iter().zip(answers) {
            match answer {
                Ok(()) => winners.push(writer),
                Err(ObjectError::AlreadyExists) => {}
                Err(error) => return Err(ProbeError::of_creation(error)),
            }
        }
        let [winner] = winners[..] else {
            return Err(ProbeError::ConditionalWritesNotAtomic {
                winners: winners.len(),
                writers: WRITERS,
            });
        };
        match self.objects.get(&key) {
            Ok(found) if found == *winner => Ok(()),
            Ok(_) => Err(ProbeError::ConditionalWritesIgnored),
            Err(error) => Err(ProbeError::of("reading", error)),
        }
    }

    fn list(&self) -> Result<(), ProbeError> {
        let folder = format!("{}list/", self.folder);
        // Not in their order, which some storages would then list them in.
        for name in NAMES.iter().rev() {
            let written = self.objects.put(&self.key(&format!("list/{name}")), b"");
            written.map_err(|error| ProbeError::of("writing", error))?;
        }
        let all = self.names(&folder, None, PAGE)?;
        if let Some(name) = NAMES
            .iter()
            .find(|name| !all.iter().any(|key| key == *name))
        {
            return Err(ProbeError::NotListed((*name).to_owned()));
        }
        let after = format!("{folder}{}", NAMES[1]);
        let rest = self.names(&folder, Some(&after), 2)?;
        let folders = self.objects.folders(&folder);
        let folders = folders.map_err(|error| ProbeError::of("listing", error))?;
        if all == NAMES && rest == NAMES[2..4] && folders == ["a"] {
            return Ok(());
        }
        Err(ProbeError::ListedOutOfOrder(
            [all, rest, folders].concat().join(", "),
        ))
    }

    fn names(
        &self,
        folder: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, ProbeError> {
        let found = self.objects.list(folder, after, limit);
        let found = found.map_err(|error| ProbeError::of("listing", error))?;
        let name = |meta: ObjectMeta| Some(meta.key.strip_prefix(folder)?.to_owned());
        Ok(found.into_iter().filter_map(name).collect())
    }

    /// One alone, then all others together; of each kind of deletion one that there is nothing for.
    fn delete(&self, key: &str) -> Result<(), ProbeError> {
        let failed = |error| ProbeError::of("deleting", error);
        let mut keys = self.made.borrow().clone();
        for _ in 0..2 {
            self.objects.delete(key).map_err(failed)?;
        }
        keys.push(format!("{}never", self.folder));
        self.objects.delete_many(&keys).map_err(failed)?;
        if self.objects.get(key) != Err(ObjectError::NotFound) {
            return Err(ProbeError::NotDeleted("it can still be read".to_owned()));
        }
        match self.names(&self.folder, None, PAGE)?.first() {
            Some(name) => Err(ProbeError::NotDeleted(format!("{name} is still listed"))),
            None => Ok(()),
        }
    }

    /// Removes what killed probes left. Ages are told by the storage's own clock.
    fn tidy(&self, present: Vec<ObjectMeta>, now_ms: u64) {
        let left: Vec<String> = present
            .into_iter()
            .filter(|meta| meta.modified_ms + LEFT_MS < now_ms)
            .map(|meta| meta.key)
            .collect();
        // What fails here is removed by the next one.
        drop(self.objects.delete_many(&left));
    }
}
