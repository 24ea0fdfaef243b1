//! What becomes of one request: chosen when it is sent.

use crate::call::Action;
use crate::options::{Options, logarithmic};

/// What becomes of a request. Times are virtual milliseconds since the run began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// When it takes effect, if it does; of several reads the earliest that one does.
    pub effect_at: Option<u64>,
    /// When the task goes on.
    pub answer_at: u64,
    /// What the task is told in place of the truth.
    pub fault: Option<Fault>,
    /// When it is executed once more.
    pub duplicate_at: Option<u64>,
}

/// What a task is told in place of the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A passing failure.
    Failed,
    /// No answer within the client's timeout.
    TimedOut,
    /// The client's own resend found what the first request made.
    OwnConflict,
}

impl Plan {
    /// For a request sent `now` from a host that is cut off until `cut_off_until`, by a task that is
    /// `pace` quarters as slow as usual.
    pub fn draw(
        rng: &mut fastrand::Rng,
        options: &Options,
        action: Action,
        key: &str,
        now: u64,
        cut_off_until: u64,
        pace: u64,
    ) -> Self {
        let mut draw = Draw {
            rng,
            options,
            action,
            key,
        };
        if cut_off_until > now + options.timeout_ms {
            return draw.unreachable(now, cut_off_until);
        }
        let latency = draw.rng.u64(options.latency_ms.clone()) * pace / 4;
        let mut plan = draw.once_connected(now.max(cut_off_until), latency.max(1));
        if action.changes() && draw.happens(options.duplicate) {
            plan.duplicate_at = plan.effect_at.map(|at| at + draw.lateness());
        }
        plan
    }
}

struct Draw<'a> {
    rng: &'a mut fastrand::Rng,
    options: &'a Options,
    action: Action,
    key: &'a str,
}

impl Draw<'_> {
    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.f64() < probability
    }

    /// How much later than it should an effect of this request may come.
    fn lateness(&mut self) -> u64 {
        let options = self.options;
        let unlimited = |part: &str| self.action == Action::PutNew && self.key.contains(part);
        let most = if options.any_time_keys.is_some_and(unlimited) {
            options.any_time_ms
        } else {
            options.duplicate_within_ms
        };
        logarithmic(self.rng, &(1..=most.max(1)))
    }

    /// The client gives up; what it sent may arrive once the network is back, but not too late.
    fn unreachable(&mut self, now: u64, cut_off_until: u64) -> Plan {
        let at = cut_off_until + 1;
        let arrives = self.rng.bool() && at <= now + self.lateness();
        Plan {
            effect_at: arrives.then_some(at),
            answer_at: now + self.options.timeout_ms,
            fault: Some(Fault::TimedOut),
            duplicate_at: None,
        }
    }

    fn once_connected(&mut self, now: u64, latency: u64) -> Plan {
        let options = self.options;
        let effect_at = now + self.rng.u64(..latency);
        let mut plan = Plan {
            effect_at: Some(effect_at),
            answer_at: now + latency,
            fault: None,
            duplicate_at: None,
        };
        let mut left = self.rng.f64();
        let mut falls = |probability: f64| {
            left -= probability;
            left < 0.0
        };
        if falls(options.fail_before) {
            plan.effect_at = None;
            plan.fault = Some(Fault::Failed);
        } else if falls(options.fail_after) {
            plan.fault = Some(Fault::Failed);
        } else if falls(options.late_effect) {
            plan.effect_at = Some(effect_at + self.lateness());
            plan.answer_at = now + options.timeout_ms;
            plan.fault = Some(Fault::TimedOut);
        } else if falls(options.late_answer) {
            plan.answer_at += logarithmic(self.rng, &options.stall_ms);
        } else if falls(options.stall) {
            let stall = logarithmic(self.rng, &options.stall_ms);
            plan.effect_at = Some(effect_at + stall);
            plan.answer_at += stall;
        } else if falls(options.own_conflict) && self.action == Action::PutNew {
            plan.fault = Some(Fault::OwnConflict);
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(options: &Options, cut_off_until: u64) -> impl Iterator<Item = Plan> {
        let mut rng = fastrand::Rng::with_seed(3);
        let all = (0..2_000).map(move |_| {
            Plan::draw(
                &mut rng,
                options,
                Action::Put,
                "key",
                1_000,
                cut_off_until,
                4,
            )
        });
        all.collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn a_calm_request_happens_before_its_answer() {
        assert!(draw(&Options::calm(), 0).all(|plan| {
            let effect = plan.effect_at.unwrap();
            plan.fault.is_none() && (1_000..=plan.answer_at).contains(&effect)
        }));
    }

    #[test]
    fn a_wild_one_fails_in_every_way_and_never_comes_later_than_a_duplicate_may() {
        let plans: Vec<Plan> = draw(&Options::wild(), 0).collect();
        let count = |which: fn(&Plan) -> bool| plans.iter().filter(|plan| which(plan)).count();
        assert!(count(|plan| plan.effect_at.is_none()) > 10);
        assert!(count(|plan| plan.fault.is_some() && plan.effect_at.is_some()) > 10);
        assert!(count(|plan| plan.fault.is_none() && plan.answer_at > 10_000) > 10);
        assert!(count(|plan| plan.duplicate_at.is_some()) > 50);
        let given_up = plans
            .iter()
            .filter(|plan| plan.fault == Some(Fault::TimedOut));
        for plan in given_up {
            assert!(plan.effect_at.unwrap() <= 1_100 + Options::wild().duplicate_within_ms);
        }
    }

    #[test]
    fn a_host_that_is_cut_off_waits_or_times_out() {
        assert!(draw(&Options::calm(), 5_000).all(|plan| plan.answer_at > 5_000));
        let far: Vec<Plan> = draw(&Options::calm(), 200_000).collect();
        assert!(far.iter().all(|plan| plan.answer_at == 61_000));
        assert!(far.iter().any(|plan| plan.effect_at == Some(200_001)));
        assert!(far.iter().any(|plan| plan.effect_at.is_none()));
    }
}
