//! What was promised, and whether it is true.

use super::version::{PREFIX, Version};
use crate::failure::Violation;
use crate::world::{Event, World};

/// When an operation began and was acknowledged, in the order of a run.
struct Entry {
    operation: String,
    began: u64,
    acknowledged: Option<u64>,
}

/// The operations of a run.
#[derive(Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    order: u64,
}

impl Ledger {
    fn next(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// Somebody sets out to do `operation`.
    pub fn begin(&mut self, operation: &str) {
        let began = self.next();
        self.entries.push(Entry {
            operation: operation.to_owned(),
            began,
            acknowledged: None,
        });
    }

    /// Somebody was told that `operation` is done.
    pub fn acknowledge(&mut self, operation: &str) {
        let now = self.next();
        let mut all = self.entries.iter_mut();
        if let Some(entry) = all.find(|entry| entry.operation == operation) {
            entry.acknowledged = Some(now);
        }
    }

    /// Every acknowledged operation is in the newest version, once; one that began after another was
    /// acknowledged comes after it.
    pub(super) fn audit(&self, world: &World, event: &Event<'_>) -> Result<(), Violation> {
        let concerns = match event {
            Event::Effect(effect) => effect.action.changes(),
            Event::Said(..) => true,
            Event::Measured(_, _, cost) => return bounded(cost.requests()),
            _ => false,
        };
        if !concerns {
            return Ok(());
        }
        let newest = world.storage().below(PREFIX).last();
        let newest = newest.map_or_else(Version::first, |(_, object)| {
            Version::from_bytes(&object.data)
        });
        self.compare(&newest.operations)
    }

    fn compare(&self, done: &[String]) -> Result<(), Violation> {
        let mut acknowledged: Vec<(&Entry, u64)> = Vec::new();
        for entry in &self.entries {
            let times = done
                .iter()
                .filter(|operation| **operation == entry.operation);
            match (times.count(), entry.acknowledged) {
                (1, Some(at)) => acknowledged.push((entry, at)),
                (0 | 1, None) => {}
                (0, Some(_)) => {
                    let message = format!("{} was acknowledged and is gone", entry.operation);
                    return Err(Violation::new("durable", message));
                }
                (times, _) => {
                    let message = format!("{} was done {times} times", entry.operation);
                    return Err(Violation::new("atomic", message));
                }
            }
        }
        acknowledged.sort_by_key(|(entry, _)| place(done, entry));
        in_order(&acknowledged)
    }
}

fn place(done: &[String], entry: &Entry) -> Option<usize> {
    done.iter()
        .position(|operation| *operation == entry.operation)
}

/// Nothing stands before what was acknowledged before it began.
fn in_order(acknowledged: &[(&Entry, u64)]) -> Result<(), Violation> {
    let mut latest_began: Option<&Entry> = None;
    for (entry, at) in acknowledged {
        if let Some(earlier) = latest_began.filter(|earlier| earlier.began > *at) {
            let (first, second) = (&entry.operation, &earlier.operation);
            let message =
                format!("{second} began after {first} was acknowledged, and is before it");
            return Err(Violation::new("linear", message));
        }
        if latest_began.is_none_or(|earlier| earlier.began < entry.began) {
            latest_began = Some(entry);
        }
    }
    Ok(())
}

fn bounded(requests: u64) -> Result<(), Violation> {
    const MOST: u64 = 1_000;
    if requests <= MOST {
        return Ok(());
    }
    let message = format!("a commit took {requests} requests");
    Err(Violation::new("bounded", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(done: &[&str]) -> Option<&'static str> {
        let mut ledger = Ledger::default();
        for operation in ["a", "b"] {
            ledger.begin(operation);
            ledger.acknowledge(operation);
        }
        ledger.begin("c");
        let done: Vec<String> = done
            .iter()
            .map(|operation| (*operation).to_owned())
            .collect();
        ledger
            .compare(&done)
            .err()
            .map(|violation| violation.promise)
    }

    #[test]
    fn what_is_lost_doubled_or_out_of_order_is_found() {
        assert_eq!(check(&["a", "b"]), None);
        assert_eq!(check(&["c", "a", "b"]), None);
        assert_eq!(check(&["a"]), Some("durable"));
        assert_eq!(check(&["a", "b", "c", "c"]), Some("atomic"));
        assert_eq!(check(&["b", "a"]), Some("linear"));
    }
}
