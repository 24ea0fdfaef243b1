//! Whether a run is as it was written.

use std::collections::BTreeSet;

use super::RunError;
use super::cursor::{Bounds, Cursor};
use super::direction::Direction;
use super::reference::RunRef;
use super::scan::scan;
use crate::home::Home;
use crate::objects::Objects;

/// Reads the whole run and its index, and compares every checksum and what the reference says.
///
/// What only other readers use (the Arrow schema and footer) is not looked at.
pub fn verify(objects: &dyn Objects, home: &Home, run: &RunRef) -> Result<(), RunError> {
    let corrupt = |what: &str| Err(RunError::corrupt(&run.key(home), what));
    let size = objects.head(&run.key(home))?.size;
    if size != run.bytes {
        return corrupt(&format!("it has {size} bytes, not {}", run.bytes));
    }
    let runs = std::slice::from_ref(run);
    let mut entries = 0;
    let mut outside = false;
    for change in Cursor::new(objects, home, runs, Bounds::default(), Direction::Ascending)? {
        outside |= !run.spans(change?.file_id());
        entries += 1;
    }
    if outside || entries != run.entries {
        return corrupt("it holds other files than it should");
    }
    scan(objects, home, runs, &BTreeSet::new(), |_| {})
}
