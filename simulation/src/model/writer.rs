//! A writer of versions, who prunes after each of its own.

use std::cell::RefCell;

use dayfly_core::objects::{ObjectError, Objects};
use dayfly_core::platform::Clock;

use super::version::{PREFIX, Version, key, number};
use super::{Ledger, Rule};
use crate::context::TaskContext;

const OPERATIONS: u32 = 6;
pub(super) struct Writer<'a> {
    task: &'a TaskContext,
    rule: Rule,
    /// Does not ask whether a version that was read still counts.
    trusts: bool,
    /// So many versions before the newest are kept.
    retained: u64,
}

impl<'a> Writer<'a> {
    pub fn new(task: &'a TaskContext, rule: Rule, trusts: bool, retained: u64) -> Self {
        Self {
            task,
            rule,
            trusts,
            retained,
        }
    }

    pub fn write_all(&self, me: u32, ledger: &RefCell<Ledger>) {
        for count in 0..OPERATIONS {
            let operation = format!("{me}.{count}");
            ledger.borrow_mut().begin(&operation);
            self.task.measured("commit", || self.commit(&operation));
            ledger.borrow_mut().acknowledge(&operation);
            self.task.say(format_args!("{operation} is acknowledged"));
        }
    }

    /// Returns once `operation` is in a version that counts.
    fn commit(&self, operation: &str) {
        loop {
            match self.try_commit(operation) {
                Ok(true) => return,
                Ok(false) => {}
                Err(_) => self.task.pause(20),
            }
        }
    }

    fn try_commit(&self, operation: &str) -> Result<bool, ObjectError> {
        let at = self.newest()?;
        let Some(base) = self.read(at)? else {
            return Ok(false);
        };
        if base.operations.iter().any(|done| done == operation) {
            return Ok(self.trusts || self.descends(at, &base)?);
        }
        let nonce = format!("{:016x}", self.task.clock().random());
        let mine = base.next(nonce, operation);
        let created = self
            .task
            .objects()
            .put_new(&key(at + 1), mine.to_text().as_bytes());
        match created {
            Ok(()) => {}
            Err(ObjectError::AlreadyExists) => return Ok(false),
            Err(error) => return Err(error),
        }
        let counts = self.counts(at, &base, &mine)?;
        if counts {
            self.prune();
        }
        Ok(counts)
    }

    /// Whether `mine`, made after `base`, which was number `at`, counts.
    fn counts(&self, at: u64, base: &Version, mine: &Version) -> Result<bool, ObjectError> {
        match self.rule {
            Rule::Number => Ok(self.read(at)?.is_some()),
            Rule::Nonce => Ok(self.read(at)?.is_some_and(|now| now.nonce == base.nonce)),
            Rule::Chain => self.is_followed(at + 1, mine),
            Rule::History => self.descends(at + 1, mine),
        }
    }

    /// Whether nothing is above `version`, or its direct successor names it.
    fn is_followed(&self, at: u64, version: &Version) -> Result<bool, ObjectError> {
        let above = self.task.objects().list(PREFIX, Some(&key(at)), 1_000)?;
        let Some(next) = above.first() else {
            return Ok(true);
        };
        if number(&next.key) != at + 1 {
            return Ok(false);
        }
        let next = self.read(at + 1)?;
        Ok(next.is_some_and(|next| next.history.first() == Some(&version.nonce)))
    }

    /// Whether nothing is above `version`, or the newest has it among its ancestors. A number that
    /// was read is believed only if it is still the newest afterwards: until then it was never
    /// free, so what was read is what counts.
    fn descends(&self, at: u64, version: &Version) -> Result<bool, ObjectError> {
        let mut seen = None;
        loop {
            let from = seen.as_ref().map_or(at, |(number, _)| *number);
            let above = self.task.objects().list(PREFIX, Some(&key(from)), 1_000)?;
            match (above.last(), seen) {
                (None, None) => return Ok(true),
                (None, Some((_, descends))) => return Ok(descends),
                (Some(newest), earlier) => {
                    let newest = number(&newest.key);
                    let read = self.read(newest)?;
                    let descends = |read: Version| read.history.contains(&version.nonce);
                    seen = read.map(|read| (newest, descends(read))).or(earlier);
                }
            }
        }
    }

    fn newest(&self) -> Result<u64, ObjectError> {
        let all = self.task.objects().list_all(PREFIX)?;
        let last = all.last().ok_or(ObjectError::NotFound)?;
        Ok(number(&last.key))
    }

    fn read(&self, version: u64) -> Result<Option<Version>, ObjectError> {
        match self.task.objects().get(&key(version)) {
            Ok(bytes) => Ok(Some(Version::from_bytes(&bytes))),
            Err(ObjectError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Oldest first; whoever comes next goes on with what this leaves.
    fn prune(&self) {
        let objects = self.task.objects();
        let Ok(all) = objects.list_all(PREFIX) else {
            return;
        };
        let newest = all.last().map_or(0, |meta| number(&meta.key));
        let old = |key: &str| number(key) + self.retained < newest;
        for meta in all.iter().filter(|meta| old(&meta.key)) {
            if objects.delete(&meta.key).is_err() {
                return;
            }
        }
    }
}
