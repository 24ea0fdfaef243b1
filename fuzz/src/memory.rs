//! A bound of what a run allocates.

use std::alloc::System;

use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Runs `work`, which may hold so many bytes at a time beside what is held now, on all threads.
pub fn within<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let _bound = Bound::set(bytes);
    work()
}

/// From now on there is no bound: for a program that is ending, and explains why.
pub fn lift() {
    let _ = ALLOCATOR.set_limit(usize::MAX);
}

struct Bound;

impl Bound {
    fn set(bytes: usize) -> Self {
        let most = ALLOCATOR.allocated().saturating_add(bytes);
        ALLOCATOR.set_limit(most).expect("more is held than before");
        Self
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        lift();
    }
}
