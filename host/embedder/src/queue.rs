//! Who is computed for next.

use std::collections::{HashMap, VecDeque};

use axum::http::HeaderMap;

/// Names the tenant that a request is for. Whoever serves the router decides who may say it.
pub const TENANT_HEADER: &str = "x-dayfly-tenant";
/// There where somebody waits for the answer.
pub const URGENT_HEADER: &str = "x-dayfly-urgent";

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
        });
        match caller.is_urgent {
            true => jobs.urgent.push_back(job),
            false => jobs.others.push_back(job),
        }
    }

    /// The next tenant's next.
    pub fn pop(&mut self) -> Option<Taken<T>> {
        let tenant = self.turns.pop_front()?;
        let jobs = self.tenants.get_mut(&tenant)?;
        let urgent = jobs.urgent.pop_front();
        let is_urgent = urgent.is_some();
        let job = urgent.or_else(|| jobs.others.pop_front())?;
        match jobs.urgent.is_empty() && jobs.others.is_empty() {
            true => drop(self.tenants.remove(&tenant)),
            false => self.turns.push_back(tenant.clone()),
        }
        let caller = Caller { tenant, is_urgent };
        Some(Taken { job, caller })
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
        std::iter::from_fn(|| queue.pop())
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
        let first = queue.pop().unwrap();
        queue.push(first.caller, first.job);
        assert_eq!(all(&mut queue), [1, 0]);
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
