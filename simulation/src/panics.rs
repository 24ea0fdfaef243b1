//! Panics within runs: silent, because a run that panics fails and says so, and told with their place.

use std::cell::{Cell, RefCell};
use std::panic::PanicHookInfo;

thread_local! {
    static SEED: Cell<u64> = const { Cell::new(0) };
    static KILLING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics of this process are printed only where they end it: in the destructor of a
/// task that is killed.
pub fn silence() {
    std::panic::set_hook(Box::new(see));
}

fn see(panic: &PanicHookInfo<'_>) {
    if KILLING.get() {
        eprintln!(
            "seed {}: a destructor of a killed task: {panic}",
            SEED.get()
        );
    }
    let place = panic.location().map(ToString::to_string);
    PLACE.with_borrow_mut(|last| *last = place);
}

/// This thread makes the run of `seed`.
pub(crate) fn in_seed(seed: u64) {
    SEED.set(seed);
}

/// Whether this thread unwinds a task.
pub(crate) fn killing(whether: bool) {
    KILLING.set(whether);
}

/// Where this thread's last panic was, if [`silence`] is on.
pub(crate) fn place() -> String {
    let last = PLACE.with_borrow_mut(Option::take);
    last.map(|place| format!(" at {place}")).unwrap_or_default()
}
