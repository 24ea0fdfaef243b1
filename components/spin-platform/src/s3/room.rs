//! How much one call may take into memory.

use std::cell::Cell;

use dayfly_core::objects::ObjectError;

/// What one call may still take into memory. Taken before it is read.
#[derive(Debug)]
pub struct Room(Cell<u64>);

impl Room {
    /// For so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self(Cell::new(bytes))
    }

    /// Sets `size` bytes aside, or says that there are not so many.
    pub fn take(&self, size: u64) -> Result<(), ObjectError> {
        let left = self.0.get();
        let rest = left.checked_sub(size).ok_or_else(|| {
            ObjectError::TooLarge(format!(
                "{size} bytes are more than the {left} that the call may still answer with: read ranges"
            ))
        })?;
        self.0.set(rest);
        Ok(())
    }

    /// Gives back what was taken for an answer that broke off.
    pub fn give_back(&self, size: u64) {
        self.0.set(self.0.get().saturating_add(size));
    }
}
