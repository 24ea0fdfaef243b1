//! Who is computed for next.

use std::collections::{HashMap, VecDeque};

use axum::http::HeaderMap;

/// Names the tenant that a request is for. Whoever serves the router decides who may say it.
pub const TENANT_HEADER: &str = "x-dayfly-tenant";
/// There where somebody waits for the answer.
pub const URGENT_HEADER: &str = "x-dayfly-urgent";

/// After so many that are urgent a tenant's other one has its turn, so that it does not wait for ever.
const URGENT_IN_A_ROW: u32 = 3;

/// For whom a request is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Tenants take turns.
    pub tenant: String,
    /// It goes before what else its tenant has waiting.
    pub is_urgent: bool,
}

impl Caller {
    /// What a request's headers say; who names no tenant is of the nameless one.
    pub fn of(headers: &HeaderMap) -> Self {
        let tenant = headers.get(TENANT_HEADER);
        let tenant = tenant.and_then(|name| name.to_str().ok());
        Self {
            tenant: tenant.unwrap_or_default().to_owned(),
            is_urgent: headers.contains_key(URGENT_HEADER),
        }
    }
}

/// Jobs of tenants, who take turns; so do the jobs of a tenant, the urgent ones before the others.
pub(crate) struct Queue<T> {
    tenants: HashMap<String, Jobs<T>>,
    turns: VecDeque<String>,
}

struct Jobs<T> {
    urgent: VecDeque<T>,
    others: VecDeque<T>,
    urgent_in_a_row: u32,
}

impl<T> Jobs<T> {
    fn pop(&mut self) -> Option<(T, bool)> {
        let urgent = match self.urgent_in_a_row < URGENT_IN_A_ROW || self.others.is_empty() {
            true => self.urgent.pop_front(),
            false => None,
        };
        self.urgent_in_a_row = match urgent {
            Some(_) => self.urgent_in_a_row + 1,
            None => 0,
        };
        match urgent {
            Some(job) => Some((job, true)),
            None => Some((self.others.pop_front()?, false)),
        }
    }

    fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.others.is_empty()
    }
}

/// A job that was taken, with whose it is.
pub(crate) struct Taken<T> {
    pub job: T,
    pub caller: Caller,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            tenants: HashMap::new(),
            turns: VecDeque::new(),
        }
    }
}

impl<T> Queue<T> {
    /// At the end of its tenant's.
    pub fn push(&mut self, caller: Caller, job: T) {
        let is_new = !self.tenants.contains_key(&caller.tenant);
        if is_new {
            self.turns.push_back(caller.tenant.clone());
        }
        let jobs = self.tenants.entry(caller.tenant).or_insert_with(|| Jobs {
            urgent: VecDeque::new(),
            others: VecDeque::new(),
            urgent_in_a_row: 0,
        });
        match caller.is_urgent {
            true => jobs.urgent.push_back(job),
            false => jobs.others.push_back(job),
        }
    }

    /// The next tenant's next of which that is true; those before it are dropped, and cost no turn.
    pub fn pop(&mut self, is_wanted: impl Fn(&T) -> bool) -> Option<Taken<T>> {
        loop {
            let tenant = self.turns.pop_front()?;
            let jobs = self.tenants.get_mut(&tenant)?;
            let next = std::iter::from_fn(|| jobs.pop()).find(|(job, _)| is_wanted(job));
            match jobs.is_empty() {
                true => drop(self.tenants.remove(&tenant)),
                false => self.turns.push_back(tenant.clone()),
            }
            if let Some((job, is_urgent)) = next {
                let caller = Caller { tenant, is_urgent };
                return Some(Taken { job, caller });
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let jobs = self.tenants.values();
        jobs.flat_map(|jobs| jobs.urgent.iter().chain(&jobs.others))
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(tenant: &str, is_urgent: bool) -> Caller {
        Caller {
            tenant: tenant.to_owned(),
            is_urgent,
        }
    }

    fn all(queue: &mut Queue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop(|_| true))
            .map(|taken| taken.job)
            .collect()
    }

    #[test]
    fn tenants_take_turns_however_much_they_have() {
        let mut queue = Queue::default();
        for job in 0..3 {
            queue.push(caller("a", false), job);
        }
        queue.push(caller("b", false), 10);
        assert_eq!(all(&mut queue), [0, 10, 1, 2]);
        assert!(queue.tenants.is_empty() && queue.turns.is_empty());
    }

    #[test]
    fn what_is_urgent_goes_before_its_tenant_s_others() {
        let mut queue = Queue::default();
        queue.push(caller("a", false), 0);
        queue.push(caller("b", false), 10);
        queue.push(caller("b", true), 11);
        assert_eq!(all(&mut queue), [0, 11, 10]);
    }

    #[test]
    fn jobs_of_a_tenant_take_turns_too() {
        let mut queue = Queue::default();
        queue.push(caller("a", false), 0);
        queue.push(caller("a", false), 1);
        let first = queue.pop(|_| true).unwrap();
        queue.push(first.caller, first.job);
        assert_eq!(all(&mut queue), [1, 0]);
    }

    #[test]
    fn what_nobody_wants_any_more_costs_no_turn() {
        let mut queue = Queue::default();
        for job in 0..5 {
            queue.push(caller("a", false), job);
        }
        queue.push(caller("b", false), 10);
        let taken = queue.pop(|job| *job >= 3).unwrap();
        assert_eq!(taken.job, 3);
        assert_eq!(all(&mut queue), [10, 4]);
    }

    #[test]
    fn others_do_not_wait_for_ever() {
        let mut queue = Queue::default();
        queue.push(caller("a", false), 0);
        for job in 1..6 {
            queue.push(caller("a", true), job);
        }
        assert_eq!(all(&mut queue), [1, 2, 3, 0, 4, 5]);
    }

    #[test]
    fn headers_say_whose_it_is() {
        let mut headers = HeaderMap::new();
        assert_eq!(Caller::of(&headers), Caller::default());
        headers.insert(TENANT_HEADER, "acme".parse().unwrap());
        headers.insert(URGENT_HEADER, "1".parse().unwrap());
        assert_eq!(Caller::of(&headers), caller("acme", true));
    }
}
