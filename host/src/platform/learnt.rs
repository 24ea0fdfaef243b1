//! How the embedding provider wants to be asked, as its refusals taught the instances that are gone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::settings::Embedding;

/// After so long it is asked as it is configured again, in case it meant something else, or has changed.
const KEPT: Duration = Duration::from_secs(600);

/// What each tenant's instances were taught: what a tenant sends, and so what it is refused, is no other's.
#[derive(Debug, Default)]
pub struct Learnt {
    tenants: Mutex<HashMap<String, Lesson>>,
}

#[derive(Debug, Clone, Copy)]
struct Lesson {
    until: Instant,
    base64: bool,
    batch_inputs: u32,
}

impl Learnt {
    /// Takes in what an instance of that tenant learnt.
    pub fn learn(&self, tenant: &str, base64: bool, batch_inputs: u32, now: Instant) {
        tracing::info!(
            tenant,
            base64,
            batch_inputs,
            "the embedding provider wants to be asked otherwise than it is configured"
        );
        let mut tenants = self.lock();
        tenants.retain(|_, lesson| lesson.until > now);
        // One that began before the present lesson may know only another part of it.
        let known = tenants.get(tenant);
        let lesson = Lesson {
            until: now + KEPT,
            base64: base64 && known.is_none_or(|known| known.base64),
            batch_inputs: known
                .map_or(u32::MAX, |known| known.batch_inputs)
                .min(batch_inputs.max(1)),
        };
        tenants.insert(tenant.to_owned(), lesson);
    }

    /// The configuration, as far as the provider takes it.
    pub fn apply(&self, tenant: &str, embedding: &mut Embedding, now: Instant) {
        let found = self.lock().get(tenant).copied();
        if let Some(lesson) = found.filter(|lesson| lesson.until > now) {
            embedding.as_base64 &= lesson.base64;
            embedding.batch_inputs = embedding.batch_inputs.min(lesson.batch_inputs);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Lesson>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_taught_for_a_time_and_teaches_no_other() {
        let (learnt, begun) = (Learnt::default(), Instant::now());
        learnt.learn("acme", false, 10, begun);
        let asked = |tenant: &str, after: Duration| {
            let mut embedding = Embedding {
                url: String::new(),
                authorization: None,
                headers: Vec::new(),
                model: String::new(),
                dimensions: None,
                query_prefix: String::new(),
                passage_prefix: String::new(),
                as_base64: true,
                batch_inputs: 64,
                batch_bytes: 1,
                concurrency: 1,
                request_timeout_ms: 1,
                deadline_ms: 1,
            };
            learnt.apply(tenant, &mut embedding, begun + after);
            (embedding.as_base64, embedding.batch_inputs)
        };
        assert_eq!(asked("acme", Duration::ZERO), (false, 10));
        learnt.learn("acme", true, 64, begun);
        assert_eq!(asked("acme", Duration::ZERO), (false, 10));
        assert_eq!(asked("other", Duration::ZERO), (true, 64));
        assert_eq!(asked("acme", KEPT), (true, 64));
        learnt.learn("other", true, 0, begun + KEPT);
        assert_eq!(asked("other", KEPT), (true, 1));
        assert_eq!(learnt.lock().len(), 1, "nothing is kept of who is gone");
    }
}
