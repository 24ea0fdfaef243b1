use std::cell::Cell;
use std::ops::Range;

use super::*;
use crate::objects::{MemoryObjects, ObjectError, ObjectMeta, ObjectWriter, Obstacle, Part};

const NOW_MS: u64 = 1_790_000_000_000;

struct Still;

impl Clock for Still {
    fn now_ms(&self) -> u64 {
        NOW_MS
    }

    fn random(&self) -> u64 {
        7
    }

    fn pause(&self, _milliseconds: u64) {}
}

/// What is wrong with a storage.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    IgnoresConditions,
    SaysItExistsAndOverwrites,
    ChecksThenWrites,
    Answers(Obstacle),
    RefusesWrites,
    IsAway,
    ReadsLate,
    ListsLate,
    ListsFoldersLast,
    IgnoresStart,
    KeepsDeleted,
}

/// A storage with a fault and a clock.
struct Faulty {
    inner: MemoryObjects,
    wrong: Wrong,
    modified_ms: u64,
    calls: Cell<usize>,
}

fn faulty(wrong: Wrong) -> Faulty {
    Faulty {
        inner: MemoryObjects::default(),
        wrong,
        modified_ms: NOW_MS,
        calls: Cell::new(0),
    }
}

impl Faulty {
    fn called(&self) -> Result<(), ObjectError> {
        self.calls.set(self.calls.get() + 1);
        match self.wrong {
            Wrong::IsAway => Err(ObjectError::Unavailable("away".to_owned())),
            Wrong::Answers(Obstacle::NoSuchBucket) => Err(ObjectError::unusable(
                Obstacle::NoSuchBucket,
                "make the bucket",
            )),
            _ => Ok(()),
        }
    }

    fn dated(&self, meta: ObjectMeta) -> ObjectMeta {
        let modified_ms = match meta.key.contains("left") {
            true => NOW_MS - 3_700_000,
            false => self.modified_ms,
        };
        ObjectMeta {
            modified_ms,
            ..meta
        }
    }
}

impl Contest for Faulty {
    fn put_new_at_once(&self, key: &str, contents: &[Vec<u8>]) -> Vec<Result<(), ObjectError>> {
        match self.wrong {
            Wrong::ChecksThenWrites => contents
                .iter()
                .map(|data| self.inner.put(key, data))
                .collect(),
            _ => self.inner.put_new_at_once(key, contents),
        }
    }
}

impl Objects for Faulty {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.called()?;
        match self.wrong {
            Wrong::ReadsLate => Err(ObjectError::NotFound),
            _ => self.inner.get(key),
        }
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.inner.get_range(key, range)
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        self.inner.get_many(parts)
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.called()?;
        self.inner.head(key).map(|meta| self.dated(meta))
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.called()?;
        self.inner.put(key, data)
    }

    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.called()?;
        match self.wrong {
            Wrong::IgnoresConditions => self.inner.put(key, data),
            Wrong::SaysItExistsAndOverwrites => {
                let answer = self.inner.put_new(key, data);
                self.inner.put(key, data)?;
                answer
            }
            Wrong::Answers(obstacle) => Err(ObjectError::unusable(obstacle, "status 501")),
            Wrong::RefusesWrites => Err(ObjectError::unusable(Obstacle::Refused, "status 403")),
            _ => self.inner.put_new(key, data),
        }
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        self.called()?;
        let start_after = start_after.filter(|_| self.wrong != Wrong::IgnoresStart);
        let mut found = self.inner.list(prefix, start_after, limit)?;
        match self.wrong {
            Wrong::ListsLate => found.clear(),
            Wrong::ListsFoldersLast => found.sort_by_key(|meta| meta.key.matches('/').count()),
            _ => {}
        }
        Ok(found.into_iter().map(|meta| self.dated(meta)).collect())
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.inner.folders(prefix)
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        match self.wrong {
            Wrong::KeepsDeleted => Ok(()),
            _ => self.inner.delete(key),
        }
    }

    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        self.inner.create(key)
    }
}

fn probed(storage: &Faulty) -> (Vec<Check>, Result<Report, ProbeError>) {
    let mut passed = Vec::new();
    let result = probe(storage, storage, &Still, &mut |check| passed.push(check));
    (passed, result)
}

fn refused(wrong: Wrong) -> (Option<Check>, ProbeError) {
    let (passed, result) = probed(&faulty(wrong));
    (passed.last().copied(), result.unwrap_err())
}

#[test]
fn a_sound_storage_passes_every_check_and_is_left_as_it_was() {
    let storage = faulty(Wrong::Nothing);
    storage.inner.put("probe/other/new", b"").unwrap();
    let (passed, result) = probed(&storage);
    assert_eq!(passed, Check::ALL);
    let report = result.unwrap();
    assert_eq!(report.clock_ahead_ms, 0);
    assert_eq!(report.warning(), None);
    let keys = storage.inner.list_all("").unwrap();
    assert_eq!(keys.len(), 1, "another probe under way keeps its objects");
}

#[test]
fn what_killed_probes_left_an_hour_ago_is_removed() {
    let storage = faulty(Wrong::Nothing);
    storage.inner.put("probe/left/new", b"").unwrap();
    storage.inner.put("left", b"").unwrap();
    probed(&storage).1.unwrap();
    let keys = storage.inner.list_all("").unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].key, "left");
}

#[test]
fn a_storage_that_ignores_conditional_writes_is_refused() {
    assert_eq!(
        refused(Wrong::IgnoresConditions),
        (Some(Check::Reach), ProbeError::ConditionalWritesIgnored)
    );
    assert_eq!(
        refused(Wrong::SaysItExistsAndOverwrites),
        (Some(Check::Create), ProbeError::ConditionalWritesIgnored)
    );
}

#[test]
fn a_storage_that_looks_before_it_writes_is_refused() {
    let (last, error) = refused(Wrong::ChecksThenWrites);
    assert_eq!(last, Some(Check::Read));
    assert!(matches!(
        error,
        ProbeError::ConditionalWritesNotAtomic { winners, writers } if winners == writers
    ));
}

#[test]
fn what_the_storage_says_of_itself_is_told_apart() {
    let unsupported = refused(Wrong::Answers(Obstacle::Unsupported)).1;
    assert!(matches!(
        unsupported,
        ProbeError::ConditionalWritesUnsupported(_)
    ));
    let bucket = refused(Wrong::Answers(Obstacle::NoSuchBucket));
    assert_eq!(
        bucket,
        (None, ProbeError::NoSuchBucket("make the bucket".to_owned()))
    );
    let denied = refused(Wrong::RefusesWrites).1;
    assert!(matches!(
        denied,
        ProbeError::Denied {
            what: "writing",
            ..
        }
    ));
    let away = refused(Wrong::IsAway).1;
    assert!(away.may_pass() && !denied.may_pass());
}

#[test]
fn a_storage_that_answers_late_is_refused() {
    assert!(matches!(
        refused(Wrong::ReadsLate).1,
        ProbeError::NotReadBack(_)
    ));
    assert!(matches!(
        refused(Wrong::ListsLate).1,
        ProbeError::NotListed(_)
    ));
    assert!(matches!(
        refused(Wrong::KeepsDeleted).1,
        ProbeError::NotDeleted(_)
    ));
}

#[test]
fn a_storage_that_lists_in_another_order_is_refused() {
    for wrong in [Wrong::ListsFoldersLast, Wrong::IgnoresStart] {
        assert!(matches!(refused(wrong).1, ProbeError::ListedOutOfOrder(_)));
    }
}

#[test]
fn a_refused_storage_is_left_empty() {
    for wrong in [
        Wrong::IgnoresConditions,
        Wrong::ChecksThenWrites,
        Wrong::IgnoresStart,
    ] {
        let storage = faulty(wrong);
        probed(&storage).1.unwrap_err();
        assert!(storage.inner.list_all("").unwrap().is_empty());
    }
}

#[test]
fn a_clock_that_differs_is_told_but_no_reason_to_refuse() {
    for (modified_ms, words) in [
        (NOW_MS - 90_000, "90 seconds ahead of"),
        (NOW_MS + 7_200_000, "7200 seconds behind"),
    ] {
        let storage = Faulty {
            modified_ms,
            ..faulty(Wrong::Nothing)
        };
        let warning = probed(&storage).1.unwrap().warning().unwrap();
        assert!(warning.contains(words), "{warning}");
    }
}

#[test]
fn a_storage_is_probed_once_and_then_costs_one_request() {
    let storage = faulty(Wrong::Nothing);
    ensure(&storage, &storage, &Still, "http://one/bucket").unwrap();
    let before = storage.calls.get();
    ensure(&storage, &storage, &Still, "http://one/bucket").unwrap();
    assert_eq!(storage.calls.get(), before + 1);
    ensure(&storage, &storage, &Still, "http://two/bucket").unwrap();
    assert!(
        storage.calls.get() > before + 10,
        "a copy elsewhere is probed"
    );
}

#[test]
fn a_storage_that_failed_gets_no_marker() {
    let storage = faulty(Wrong::IgnoresConditions);
    for _ in 0..2 {
        let error = ensure(&storage, &storage, &Still, "http://one/bucket");
        assert_eq!(error, Err(ProbeError::ConditionalWritesIgnored));
    }
    assert!(storage.inner.list_all("").unwrap().is_empty());
}
