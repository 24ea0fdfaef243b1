//! What one instance may use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use wasmtime::{Error, ResourceLimiter};

/// Elements of all tables of an instance: functions that are called indirectly.
const MAX_TABLE_ELEMENTS: usize = 65_536;

/// What one instance may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceLimits {
    /// Linear memory, all memories together.
    pub memory_bytes: u64,
    /// CPU time.
    pub cpu: Duration,
    /// Life time.
    pub wall: Duration,
    /// Outbound HTTP requests.
    pub outbound_requests: u32,
}

/// What one instance has used so far; shared with those who report it.
#[derive(Debug, Default)]
pub struct Usage {
    memory_peak: AtomicU64,
    memory_refused: AtomicBool,
    cpu_ns: AtomicU64,
}

impl Usage {
    /// The most linear memory at any time, in bytes.
    pub fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Relaxed)
    }

    /// Whether it asked for more memory than its limit.
    pub fn memory_refused(&self) -> bool {
        self.memory_refused.load(Relaxed)
    }

    /// CPU time in nanoseconds.
    pub fn cpu_ns(&self) -> u64 {
        self.cpu_ns.load(Relaxed)
    }

    /// Adds to the CPU time; what it comes to.
    pub fn add_cpu_ns(&self, spent: u64) -> u64 {
        self.cpu_ns.fetch_add(spent, Relaxed) + spent
    }
}

/// Refuses memory past the limit, summed over all memories of a store.
#[derive(Debug)]
pub struct MemoryLimiter {
    limit: u64,
    used: u64,
    growing: u64,
    usage: Arc<Usage>,
}

impl MemoryLimiter {
    /// Reports to `usage`.
    pub fn new(limit: u64, usage: Arc<Usage>) -> Self {
        Self {
            limit,
            used: 0,
            growing: 0,
            usage,
        }
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, Error> {
        self.growing = desired.saturating_sub(current) as u64;
        if self.used + self.growing > self.limit {
            self.growing = 0;
            self.usage.memory_refused.store(true, Relaxed);
            return Ok(false);
        }
        self.used += self.growing;
        self.usage.memory_peak.fetch_max(self.used, Relaxed);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: Error) -> Result<(), Error> {
        self.used -= std::mem::take(&mut self.growing);
        self.usage.memory_refused.store(true, Relaxed);
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, Error> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_summed_over_all_memories_and_its_peak_kept() {
        let usage = Arc::new(Usage::default());
        let mut limiter = MemoryLimiter::new(1000, Arc::clone(&usage));
        assert!(limiter.memory_growing(0, 400, None).unwrap());
        assert!(limiter.memory_growing(0, 500, None).unwrap());
        assert!(!usage.memory_refused());
        assert!(!limiter.memory_growing(400, 501, None).unwrap());
        assert!(usage.memory_refused());
        assert!(limiter.memory_growing(400, 500, None).unwrap());
        assert_eq!(usage.memory_peak(), 1000);
    }

    #[test]
    fn a_growth_that_failed_is_not_counted() {
        let usage = Arc::new(Usage::default());
        let mut limiter = MemoryLimiter::new(1000, usage);
        assert!(limiter.memory_growing(0, 900, None).unwrap());
        limiter.memory_grow_failed(Error::msg("no")).unwrap();
        assert!(limiter.memory_growing(0, 1000, None).unwrap());
    }
}
