//! What is to happen, by virtual time; chance decides between what is due at once.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::rc::Rc;

use crate::call::Request;
use crate::world::{HostId, TaskId};

/// Something that is to happen.
#[derive(Debug)]
pub(crate) enum Due {
    /// The `part`th effect of a request under way.
    Effect(usize, usize),
    /// The answer to a request under way.
    Answer(usize),
    /// A task begins or goes on.
    Wake(TaskId),
    /// A request is executed once more.
    Duplicate(TaskId, Rc<Request>),
    Crash(HostId),
    Boot(HostId),
    Freeze(HostId, u64),
    Partition(HostId, u64),
    ClockJump(HostId, i64),
}

struct Item {
    at: u64,
    tie: u64,
    due: Due,
}

impl Item {
    fn place(&self) -> (u64, u64) {
        (self.at, self.tie)
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

/// The heap of it.
#[derive(Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Item>>,
    numbers: u32,
}

impl Queue {
    /// `due` is to happen `at`; of what is due at once, in the order of `chance`.
    pub fn push(&mut self, at: u64, chance: u32, due: Due) {
        self.numbers = self.numbers.wrapping_add(1);
        let tie = u64::from(chance) << 32 | u64::from(self.numbers);
        self.heap.push(Reverse(Item { at, tie, due }));
    }

    /// The next that is due by `until`, and when.
    pub fn pop(&mut self, until: u64) -> Option<(u64, Due)> {
        if self.heap.peek()?.0.at > until {
            return None;
        }
        self.heap.pop().map(|Reverse(item)| (item.at, item.due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_chance_decides_between_equals() {
        let mut queue = Queue::default();
        for (at, chance) in [(5, 1), (3, 9), (3, 2), (8, 0)] {
            queue.push(at, chance, Due::Answer(chance as usize));
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop(7))
            .map(|(at, due)| (at, format!("{due:?}")))
            .collect();
        let expected = [(3, "Answer(2)"), (3, "Answer(9)"), (5, "Answer(1)")];
        assert_eq!(order, expected.map(|(at, due)| (at, due.to_owned())));
    }
}
