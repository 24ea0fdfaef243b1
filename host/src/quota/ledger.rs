//! What tenants have stored, as it was measured and has grown since.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::measure::{Measured, Usage, is_file, measure, store_of};
use super::rest::Rest;
use crate::identity::Quota;
use crate::storage::{Failure, Storage};

/// So long a request waits for what may be known soon.
const PATIENCE: Duration = Duration::from_secs(3);
/// A measurement that fails counts as if it had taken so long, however long storage was tried.
const FAILED: Duration = Duration::from_millis(150);
/// Other hosts add to it, too.
const OLD: Duration = Duration::from_secs(600);
/// Tenants that are measured at once.
const AT_ONCE: usize = 2;
/// Of a tenant that stores nothing for so long nothing is known any more.
const IDLE: Duration = Duration::from_secs(600);
const FEW: usize = 64;

/// What is stored for the tenants that are limited in it: measured by listing, now and again, and in
/// between by what this host adds. What other hosts add, and what is deleted, counts from the next
/// measurement on, which whoever would be refused waits for, where it is near.
pub struct Ledger {
    storage: Storage,
    accounts: Mutex<Accounts>,
    measuring: tokio::sync::Semaphore,
}

/// What a write is, to a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// More is kept for the tenant: refused where that is too much.
    More,
    /// What is needed to keep in order, or to delete, what there is: counted, and never refused.
    Upkeep,
}

#[derive(Default)]
struct Accounts {
    known: HashMap<String, Arc<Account>>,
    most: usize,
}

#[derive(Default)]
struct Account {
    state: Mutex<State>,
    /// Held by who measures.
    measuring: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    measured: Option<Measured>,
    /// Since then, by this host.
    added: Usage,
    /// Of that, what may not be there yet.
    in_flight: Usage,
    /// When the last measurement that has ended began, and whether it succeeded.
    tried: Option<(Instant, bool)>,
    /// Measuring has its share of the time.
    rest: Rest,
    used: Option<Instant>,
}

impl Ledger {
    /// Of those objects.
    pub fn new(storage: &Storage) -> Arc<Self> {
        Arc::new(Self {
            storage: storage.clone(),
            accounts: Mutex::default(),
            measuring: tokio::sync::Semaphore::new(AT_ONCE),
        })
    }

    /// Counts `bytes` that are about to be written at `key` for a tenant, until [`done`](Self::done) or
    /// [`give_back`](Self::give_back).
    ///
    /// Errors: [`Failure::OverQuota`] where that is more than the tenant may have; nothing is counted.
    pub async fn admit(
        self: &Arc<Self>,
        tenant: &str,
        quota: &Quota,
        key: &str,
        bytes: u64,
        kind: Kind,
    ) -> Result<(), Failure> {
        if quota.stored_bytes.is_none() && quota.files.is_none() && quota.stores.is_none() {
            return Ok(());
        }
        let more = of(key, bytes);
        let account = self.account(tenant);
        if kind == Kind::Upkeep {
            account.add(more);
            return Ok(());
        }
        self.know(&account, tenant).await;
        let Err(refusal) = account.try_add(quota, more) else {
            return Ok(());
        };
        // What was deleted meanwhile may make room.
        match self.measure_soon(&account, tenant).await {
            true => account.try_add(quota, more),
            false => Err(refusal),
        }
    }

    /// What [`admit`](Self::admit) counted is there.
    pub fn done(&self, tenant: &str, key: &str, bytes: u64) {
        if let Some(account) = self.known(tenant) {
            let mut state = account.lock();
            state.in_flight = less(state.in_flight, of(key, bytes));
        }
    }

    /// What [`admit`](Self::admit) counted is not there after all.
    pub fn give_back(&self, tenant: &str, key: &str, bytes: u64) {
        if let Some(account) = self.known(tenant) {
            let mut state = account.lock();
            state.in_flight = less(state.in_flight, of(key, bytes));
            state.added = less(state.added, of(key, bytes));
        }
    }

    fn known(&self, tenant: &str) -> Option<Arc<Account>> {
        self.lock().known.get(tenant).cloned()
    }

    /// What is stored for a tenant, as it was found at most `age` ago, or as far as is known where it
    /// takes longer than a few seconds to find out.
    pub async fn usage(self: &Arc<Self>, tenant: &str, age: Duration) -> Option<Measured> {
        let account = self.account(tenant);
        self.know(&account, tenant).await;
        let known = account.lock().measured;
        if known.is_none_or(|known| known.age() > age) {
            self.measure_soon(&account, tenant).await;
        }
        account.present()
    }

    /// What was found last of a tenant, without finding out.
    pub async fn last(&self, tenant: &str) -> Option<Measured> {
        let account = self.known(tenant);
        match account.and_then(|account| account.present()) {
            Some(measured) => Some(measured),
            None => Measured::read(&self.storage, tenant).await,
        }
    }

    fn account(&self, tenant: &str) -> Arc<Account> {
        let mut accounts = self.lock();
        if accounts.known.len() >= accounts.most.max(FEW) {
            accounts.known.retain(|_, account| !account.is_idle());
            accounts.most = 2 * accounts.known.len();
        }
        let account = accounts.known.entry(tenant.to_owned()).or_default();
        account.lock().used = Some(Instant::now());
        Arc::clone(account)
    }

    /// Finds out what is stored where nothing is known, and has it found out anew where that is old.
    async fn know(self: &Arc<Self>, account: &Arc<Account>, tenant: &str) {
        let known = account.lock().measured;
        if let Some(known) = known {
            if known.age() > OLD && account.wait().is_zero() && !account.is_being_measured() {
                self.begin_measuring(account, tenant, Instant::now());
            }
            return;
        }
        // Only the first one waits: who has more than can be counted soon is limited once it is.
        if account.is_being_measured() {
            return;
        }
        let read = Measured::read(&self.storage, tenant).await;
        if let Some(read) = read.filter(|read| read.age() < OLD) {
            account.lock().measured.get_or_insert(read);
            return;
        }
        self.measure_soon(account, tenant).await;
    }

    /// Whether it was measured since this was called, and within the patience of a request; where not,
    /// the measurement goes on.
    async fn measure_soon(self: &Arc<Self>, account: &Arc<Account>, tenant: &str) -> bool {
        let (asked, wait) = (Instant::now(), account.wait());
        if wait > PATIENCE {
            return false;
        }
        tokio::time::sleep(wait).await;
        let measuring = self.begin_measuring(account, tenant, asked);
        matches!(
            tokio::time::timeout(PATIENCE, measuring).await,
            Ok(Ok(true))
        )
    }

    fn begin_measuring(
        self: &Arc<Self>,
        account: &Arc<Account>,
        tenant: &str,
        asked: Instant,
    ) -> tokio::task::JoinHandle<bool> {
        let (ledger, account, tenant) = (Arc::clone(self), Arc::clone(account), tenant.to_owned());
        tokio::spawn(async move { ledger.measure(&account, &tenant, asked).await })
    }

    /// Once for all who asked while it had not begun.
    async fn measure(&self, account: &Account, tenant: &str, asked: Instant) -> bool {
        let _alone = account.measuring.lock().await;
        let tried = account.lock().tried;
        if let Some((_, succeeded)) = tried.filter(|(began, _)| *began >= asked) {
            return succeeded;
        }
        if !account.wait().is_zero() {
            return false;
        }
        let Ok(_place) = self.measuring.acquire().await else {
            return false;
        };
        let (began, before) = (Instant::now(), account.settled());
        let found = match measure(&self.storage, tenant).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, tenant, "what is stored for a tenant cannot be found out");
                account.fail(began);
                return false;
            }
        };
        tracing::debug!(tenant, ?found, waited = ?asked.elapsed(), "measured");
        account.settle(found, before, began);
        if let Err(error) = found.write(&self.storage, tenant).await {
            tracing::warn!(%error, tenant, "what is stored for a tenant cannot be written down");
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(&self) -> bool {
        let used = self.lock().used;
        used.is_none_or(|used| used.elapsed() > IDLE)
    }

    fn is_being_measured(&self) -> bool {
        self.measuring.try_lock().is_err()
    }

    /// What was found, and what was added since.
    fn present(&self) -> Option<Measured> {
        let state = self.lock();
        state.measured.map(|measured| Measured {
            usage: sum(measured.usage, state.added),
            ..measured
        })
    }

    fn add(&self, more: Usage) {
        self.lock().add(more);
    }

    /// What was added and is there, so that a measurement that begins now finds it.
    fn settled(&self) -> Usage {
        let state = self.lock();
        less(state.added, state.in_flight)
    }

    fn try_add(&self, quota: &Quota, more: Usage) -> Result<(), Failure> {
        let mut state = self.lock();
        let found = state.measured.map(|measured| measured.usage);
        let present = sum(found.unwrap_or_default(), state.added);
        check(
            "bytes",
            quota.stored_bytes,
            present.stored_bytes,
            more.stored_bytes,
        )?;
        check("files", quota.files, present.files, more.files)?;
        check("vector stores", quota.stores, present.stores, more.stores)?;
        state.add(more);
        Ok(())
    }

    /// Until the next measurement may begin.
    fn wait(&self) -> Duration {
        self.lock().rest.left(Instant::now())
    }

    /// What was added while it was measured counts twice until the next time, so that nothing is missed.
    fn settle(&self, found: Measured, before: Usage, began: Instant) {
        let mut state = self.lock();
        state.rest.after(began.elapsed(), Instant::now());
        state.measured = Some(found);
        state.added = less(state.added, before);
        state.tried = Some((began, true));
    }

    fn fail(&self, began: Instant) {
        let mut state = self.lock();
        state.rest.after(FAILED, Instant::now());
        state.tried = Some((began, false));
    }
}

impl State {
    fn add(&mut self, more: Usage) {
        self.added = sum(self.added, more);
        self.in_flight = sum(self.in_flight, more);
    }
}

/// What an object of so many bytes is.
fn of(key: &str, bytes: u64) -> Usage {
    Usage {
        stored_bytes: bytes,
        files: u64::from(is_file(key)),
        stores: u64::from(store_of(key).is_some()),
    }
}

fn less(a: Usage, b: Usage) -> Usage {
    Usage {
        stored_bytes: a.stored_bytes.saturating_sub(b.stored_bytes),
        files: a.files.saturating_sub(b.files),
        stores: a.stores.saturating_sub(b.stores),
    }
}

fn sum(a: Usage, b: Usage) -> Usage {
    Usage {
        stored_bytes: a.stored_bytes.saturating_add(b.stored_bytes),
        files: a.files.saturating_add(b.files),
        stores: a.stores.saturating_add(b.stores),
    }
}

/// Whoever adds none of what there is too much of may go on.
fn check(what: &str, most: Option<u64>, present: u64, more: u64) -> Result<(), Failure> {
    match most {
        Some(most) if more > 0 && present.saturating_add(more) > most => {
            Err(Failure::OverQuota(format!(
                "The tenant has {present} of the {most} {what} that its quota allows: delete some (what a \
                 store no longer needs counts for an hour more), or ask the server's operator for more."
            )))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
