//! How wild a run, or a phase of it, is.

use std::ops::RangeInclusive;

/// A minute, in milliseconds.
pub const MINUTE_MS: u64 = 60_000;
/// An hour, in milliseconds.
pub const HOUR_MS: u64 = 60 * MINUTE_MS;

/// How long things take, and how often they fail. Every probability is one per storage request.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How long a request usually takes.
    pub latency_ms: RangeInclusive<u64>,
    /// A client gives up a request that has no answer after so long.
    pub timeout_ms: u64,
    /// Fails, and has no effect.
    pub fail_before: f64,
    /// Fails, although it has its effect.
    pub fail_after: f64,
    /// Fails at the client's timeout; the effect comes later, no later than a duplicate may.
    pub late_effect: f64,
    /// Has its effect at once; the answer takes as long as `stall_ms`.
    pub late_answer: f64,
    /// As if the process stood still before sending: effect and answer take as long as `stall_ms`.
    pub stall: f64,
    /// Of a stall or a late answer. Short ones are as likely as long ones: the logarithm is uniform.
    pub stall_ms: RangeInclusive<u64>,
    /// A request that changes something is executed once more later, as when a client resends.
    pub duplicate: f64,
    /// The latest that a duplicate or a late effect comes.
    pub duplicate_within_ms: u64,
    /// Creations of keys that contain this may come as late as `any_time_ms`.
    pub any_time_keys: Option<&'static str>,
    /// See `any_time_keys`.
    pub any_time_ms: u64,
    /// A creation that happened is answered "exists already", as when the client's own resend
    /// found the first request's object. Platforms recognise their own; so this is off by default.
    pub own_conflict: f64,
    /// The host is cut off from storage.
    pub partition: f64,
    /// Of a partition.
    pub partition_ms: RangeInclusive<u64>,
    /// The host's process is killed somewhere within the request.
    pub crash: f64,
    /// From a crash until the host starts again.
    pub restart_ms: RangeInclusive<u64>,
    /// Nothing of the host runs for a while.
    pub freeze: f64,
    /// Of a freeze. The logarithm is uniform.
    pub freeze_ms: RangeInclusive<u64>,
    /// The host's clock jumps, back or forth.
    pub clock_jump: f64,
    /// The farthest that a host's clock is off, when it starts and after a jump, its drift aside.
    pub clock_jump_ms: u64,
    /// The fastest drift of a host's clock, in parts per million.
    pub clock_drift_ppm: u64,
    /// The storage creates over what exists, as a bucket does that ignores `If-None-Match`.
    pub ignore_if_none_match: bool,
    /// A run of more steps has failed.
    pub max_steps: u64,
}

impl Options {
    /// Nothing fails, clocks are exact.
    pub fn calm() -> Self {
        Self {
            latency_ms: 1..=100,
            timeout_ms: MINUTE_MS,
            fail_before: 0.0,
            fail_after: 0.0,
            late_effect: 0.0,
            late_answer: 0.0,
            stall: 0.0,
            stall_ms: 1_000..=3 * HOUR_MS,
            duplicate: 0.0,
            duplicate_within_ms: HOUR_MS,
            any_time_keys: Some("/manifest/"),
            any_time_ms: 30 * HOUR_MS,
            own_conflict: 0.0,
            partition: 0.0,
            partition_ms: 1_000..=HOUR_MS,
            crash: 0.0,
            restart_ms: 1..=MINUTE_MS,
            freeze: 0.0,
            freeze_ms: 100..=3 * HOUR_MS,
            clock_jump: 0.0,
            clock_jump_ms: 0,
            clock_drift_ppm: 0,
            ignore_if_none_match: false,
            max_steps: 5_000_000,
        }
    }

    /// Everything fails, often.
    pub fn wild() -> Self {
        Self {
            fail_before: 0.02,
            fail_after: 0.02,
            late_effect: 0.01,
            late_answer: 0.01,
            stall: 0.01,
            duplicate: 0.05,
            partition: 0.002,
            crash: 0.003,
            freeze: 0.003,
            clock_jump: 0.002,
            clock_jump_ms: 10 * MINUTE_MS,
            clock_drift_ppm: 500,
            ..Self::calm()
        }
    }

    /// [`wild`](Self::wild), with each kind of fault as it is, ten times rarer, four times more
    /// frequent or absent, as `seed` decides: rare combinations are met that everything at once
    /// would drown.
    pub fn swarm(seed: u64) -> Self {
        Self::weighted(seed, [0.0, 0.0, 0.1, 1.0, 1.0, 4.0])
    }

    /// As [`swarm`](Self::swarm), with every kind of fault, and most of them more frequent.
    pub fn rough(seed: u64) -> Self {
        Self::weighted(seed, [0.1, 0.5, 1.0, 2.0, 4.0, 8.0])
    }

    fn weighted(seed: u64, weights: [f64; 6]) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x5741_524d);
        let mut options = Self::wild();
        for fault in options.faults() {
            *fault *= weights[rng.usize(..weights.len())];
        }
        if rng.bool() {
            options.stall_ms = 1_000..=5 * MINUTE_MS;
            options.freeze_ms = 100..=5 * MINUTE_MS;
        }
        options
    }

    /// As long as these, and as off as these clocks; but nothing fails.
    pub fn healed(&self) -> Self {
        let mut options = self.clone();
        options.faults().into_iter().for_each(|fault| *fault = 0.0);
        options
    }

    /// Whether nothing fails.
    pub fn is_calm(&self) -> bool {
        *self == self.healed()
    }

    fn faults(&mut self) -> [&mut f64; 11] {
        [
            &mut self.fail_before,
            &mut self.fail_after,
            &mut self.late_effect,
            &mut self.late_answer,
            &mut self.stall,
            &mut self.duplicate,
            &mut self.own_conflict,
            &mut self.partition,
            &mut self.crash,
            &mut self.freeze,
            &mut self.clock_jump,
        ]
    }
}

/// A length within `range` whose logarithm is uniform.
pub(crate) fn logarithmic(rng: &mut fastrand::Rng, range: &RangeInclusive<u64>) -> u64 {
    let (low, high) = (*range.start().max(&1), *range.end());
    let factor = high as f64 / low as f64;
    ((low as f64 * factor.powf(rng.f64())) as u64).clamp(low, high.max(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healing_leaves_no_fault() {
        assert!(!Options::wild().is_calm());
        assert!(Options::wild().healed().is_calm());
        assert_eq!(Options::wild().healed().clock_drift_ppm, 500);
    }

    #[test]
    fn lengths_are_within_their_range_and_often_short() {
        let mut rng = fastrand::Rng::with_seed(1);
        let drawn: Vec<u64> = (0..1_000)
            .map(|_| logarithmic(&mut rng, &(10..=1_000_000)))
            .collect();
        assert!(drawn.iter().all(|length| (10..=1_000_000).contains(length)));
        let short = drawn.iter().filter(|length| **length < 1_000).count();
        assert!((300..500).contains(&short), "{short}");
    }
}
