//! A host: its clock, its process, its network.

use crate::world::EPOCH_MS;

/// A host as it is now.
#[derive(Debug, Clone)]
pub struct Host {
    name: String,
    offset_ms: i64,
    drift_ppm: i64,
    /// Nothing runs before that time.
    pub(crate) frozen_until: u64,
    /// Storage is not reached before that time.
    pub(crate) cut_off_until: u64,
    pub(crate) down: bool,
}

impl Host {
    pub(crate) fn new(name: &str, offset_ms: i64, drift_ppm: i64) -> Self {
        Self {
            name: name.to_owned(),
            offset_ms,
            drift_ppm,
            frozen_until: 0,
            cut_off_until: 0,
            down: false,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its process is dead.
    pub fn is_down(&self) -> bool {
        self.down
    }

    /// What its clock shows at the virtual time `now_ms`.
    pub fn clock_ms(&self, now_ms: u64) -> u64 {
        let drift = now_ms as i64 / 1_000 * self.drift_ppm / 1_000;
        (EPOCH_MS + now_ms).saturating_add_signed(self.offset_ms + drift)
    }

    /// From now on the clock is off by so much.
    pub(crate) fn jump(&mut self, offset_ms: i64) {
        self.offset_ms = offset_ms;
    }

    pub(crate) fn set_right(&mut self) {
        self.frozen_until = 0;
        self.cut_off_until = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_drifts_and_jumps() {
        let mut host = Host::new("a", -500, 100);
        assert_eq!(host.clock_ms(0), EPOCH_MS - 500);
        assert_eq!(
            host.clock_ms(10_000_000),
            EPOCH_MS + 10_000_000 - 500 + 1_000
        );
        host.jump(2_000);
        assert_eq!(host.clock_ms(0), EPOCH_MS + 2_000);
    }
}
