//! What tests count in the place of time.

use std::cell::Cell;

/// What was done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Work {
    /// Bytes of which a size was asked for.
    pub(super) measured: usize,
    /// Bytes whose tokens were made.
    pub(super) merged: usize,
    /// Bytes that were split at once, for each chunk of them.
    pub(super) looked_at: usize,
}

thread_local! {
    static DONE: Cell<Work> = const { Cell::new(Work { measured: 0, merged: 0, looked_at: 0 }) };
}

impl Work {
    /// That of `work`.
    pub(super) fn of(work: impl FnOnce()) -> Self {
        DONE.set(Self::default());
        work();
        DONE.get()
    }
}

pub(super) fn measured(bytes: usize) {
    update(|work| work.measured += bytes);
}

pub(super) fn merged(bytes: usize) {
    update(|work| work.merged += bytes);
}

pub(super) fn cut(bytes: usize) {
    update(|work| work.looked_at += bytes);
}

fn update(change: impl FnOnce(&mut Work)) {
    let mut work = DONE.get();
    change(&mut work);
    DONE.set(work);
}
