//! What guests may ask of the host: the implementation of `dayfly:platform`, and the only place that knows
//! its generated types. Who runs the guests is not known here.

mod codes;
mod errors;
mod faiss;
mod identity;
mod learnt;
mod objects;

use std::sync::Arc;
use std::time::Instant;

use dayfly_core::objects::keys::check_segment;
use wasmtime::component::{HasData, ResourceTable};

use self::bindings::dayfly::platform::ingestion;
pub use self::bindings::dayfly::platform::settings;
use crate::faiss::Service;
use crate::identity::{Principal, Quota, Scope, Verifier};
use crate::queue::{JobQueue, Need, Watch};
use crate::quota::{Ledger, Pace, Rates};
use crate::storage::Storage;

#[expect(
    missing_docs,
    reason = "generated from wit/platform.wit, which documents it"
)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "guest",
        imports: {
            "dayfly:platform/objects": async,
            "dayfly:platform/codes": async,
            "dayfly:platform/faiss": async,
        },
        with: { "dayfly:platform/objects.writer": super::objects::Written },
    });
}

pub use bindings::Guest as Imports;
pub use learnt::Learnt;

/// So much longer guests of tenants whose embedding is slowed down wait for it.
const PACED_MS: u64 = 600_000;

/// What all instances share.
pub struct Platform {
    /// Verifies tokens.
    pub verifier: Arc<Verifier>,
    /// All tenants' objects.
    pub storage: Storage,
    /// What guests get to know of the configuration.
    pub settings: settings::Values,
    /// What of it the embedding provider does not take.
    pub learnt: Learnt,
    /// Ingestions that go on after their response; none where this host does not drive them.
    pub jobs: Option<Arc<JobQueue>>,
    /// How fast tenants may go, and what they may have.
    pub rates: Arc<Rates>,
    /// What they have.
    pub ledger: Arc<Ledger>,
    /// The native indexes; none where FAISS is not part of this binary.
    pub faiss: Option<Arc<Service>>,
}

/// One instance's side of the platform: nothing before it has authenticated, then one tenant.
pub struct Instance {
    platform: Arc<Platform>,
    expected: Principal,
    trusted: bool,
    bound: Option<Principal>,
    quota: Quota,
    /// Of a job.
    turn: Option<Watch>,
    writers: u32,
}

impl Instance {
    /// For a request whose token the host found to be `principal`'s. The guest still has to
    /// present that token.
    pub fn for_request(platform: Arc<Platform>, principal: Principal) -> Self {
        let quota = platform.rates.of(&principal);
        Self::new(platform, principal, quota, false)
    }

    /// For the host's own call on behalf of `tenant`: whatever the guest presents is accepted.
    pub fn for_job(platform: Arc<Platform>, tenant: &str) -> Self {
        let quota = platform.rates.of_job(tenant);
        Self::new(platform, Principal::full(tenant), quota, true)
    }

    /// For a job's turn, which tells the guest when to end it.
    pub fn during(self, turn: Watch) -> Self {
        Self {
            turn: Some(turn),
            ..self
        }
    }

    fn new(platform: Arc<Platform>, expected: Principal, quota: Quota, trusted: bool) -> Self {
        Self {
            platform,
            expected,
            trusted,
            bound: None,
            quota,
            turn: None,
            writers: 0,
        }
    }
}

impl Instance {
    /// Whose it is.
    pub fn tenant(&self) -> &str {
        &self.expected.tenant
    }

    /// How fast it may have text embedded.
    pub fn pace(&self) -> Option<Pace> {
        self.platform.rates.pace(&self.expected.tenant, &self.quota)
    }
}

/// What the platform's functions work on: an instance's side, and its handles.
pub struct View<'a> {
    /// The side.
    pub instance: &'a mut Instance,
    /// The handles.
    pub table: &'a mut ResourceTable,
}

/// For linking: whatever holds an instance gives a [`View`] of it.
pub struct HasPlatform;

impl HasData for HasPlatform {
    type Data<'a> = View<'a>;
}

impl settings::Host for View<'_> {
    fn get(&mut self) -> settings::Values {
        let platform = &self.instance.platform;
        let mut values = platform.settings.clone();
        let tenant = self.instance.tenant();
        platform
            .learnt
            .apply(tenant, &mut values.embedding, Instant::now());
        if self.instance.pace().is_some() {
            // They wait here for their tokens, which no limit of their own is to cut short.
            values.embedding.request_timeout_ms += PACED_MS;
            values.embedding.deadline_ms += 10 * PACED_MS;
        }
        values
    }

    fn learn(&mut self, as_base64: bool, batch_inputs: u32) {
        let (learnt, tenant) = (&self.instance.platform.learnt, self.instance.tenant());
        learnt.learn(tenant, as_base64, batch_inputs, Instant::now());
    }
}

impl ingestion::Host for View<'_> {
    fn schedule(&mut self, store: String, file: String) -> bool {
        self.instance.schedule(&store, &file).is_some()
    }

    fn needed(&mut self) -> ingestion::Need {
        let turn = self.instance.turn.as_ref();
        match turn.map_or(Need::None, Watch::needed) {
            Need::None => ingestion::Need::None,
            Need::Some => ingestion::Need::Some,
            Need::Urgent => ingestion::Need::Urgent,
        }
    }
}

impl Instance {
    /// Jobs may write, so whoever asks for one has to be allowed to; and the names become part
    /// of a path.
    fn schedule(&self, store: &str, file: &str) -> Option<()> {
        let principal = self.bound.as_ref()?;
        let named = check_segment(store).and(check_segment(file)).is_ok();
        if !named || !principal.scopes.contains(&Scope::Write) {
            return None;
        }
        let jobs = self.platform.jobs.as_ref()?;
        jobs.schedule(&principal.tenant, store, file);
        Some(())
    }
}
