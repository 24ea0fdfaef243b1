//! Which job is next. It has no I/O, and its time is handed in.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::tenant::{MOST, Overflow, Tenant};
use super::{Figures, Job, Need, Progress};

/// How long a job that has just begun may go on beside those that fill the places.
pub(super) const BRIEF: Duration = Duration::from_secs(1);
/// After that time it is not to wait for its embedder any longer: in a place it may.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long a job goes on at the least before it gives way to another tenant's, and by how much that
/// tenant must have had less. Giving way costs a part of a second in a distant bucket.
pub(super) const TURN: Duration = Duration::from_secs(10);
/// The same for jobs of its own tenant: others lose nothing by it, and it ends later itself.
pub(super) const OWN_TURN: Duration = Duration::from_secs(60);
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LAST_BACKOFF: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) places: usize,
    tenants: HashMap<Arc<str>, Tenant>,
    known: HashMap<Job, Entry>,
    turns: BTreeMap<u64, Running>,
    numbers: u64,
    /// Where those begin that come anew: what those had at the least that held or wanted places.
    floor: Duration,
    starved: VecDeque<Arc<str>>,
    gave_way: u64,
}

#[derive(Debug, Default)]
struct Entry {
    attempts: u32,
    lost: Option<String>,
    is_running: bool,
    again: bool,
    has_begun: bool,
}

#[derive(Debug)]
struct Running {
    job: Job,
    began: Instant,
    /// It is in none of the places, but beside them.
    is_beside: bool,
    gives_way: bool,
}

/// When a job has to be called again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Never.
    Done,
    /// It waits for its turn already.
    Waits,
    /// It waits for that time first.
    In(Duration),
}

impl State {
    /// Takes a job up, or answers false where its tenant has too many: it is fetched when it has
    /// fewer.
    pub(super) fn schedule(&mut self, job: Job, now: Instant) -> bool {
        if let Some(entry) = self.known.get_mut(&job) {
            entry.again |= entry.is_running;
            return true;
        }
        let tenant = Arc::clone(&job.tenant);
        if self.know(job, now) {
            return true;
        }
        let overflow = &mut self.tenant(&tenant).overflow;
        match overflow {
            Some(overflow) => overflow.again = true,
            None => *overflow = Some(Overflow::default()),
        }
        false
    }

    /// Takes up a job that was found in the bucket; false where its tenant has too many.
    pub(super) fn find(&mut self, job: Job, now: Instant) -> bool {
        self.known.contains_key(&job) || self.know(job, now)
    }

    fn know(&mut self, job: Job, now: Instant) -> bool {
        if self.tenant(&job.tenant).is_full() {
            return false;
        }
        self.known.insert(job.clone(), Entry::default());
        self.wait(job, now);
        true
    }

    /// Puts a job that is known where it waits for its turn.
    pub(super) fn wait(&mut self, job: Job, now: Instant) {
        let Some(entry) = self.known.get(&job) else {
            return;
        };
        let has_begun = entry.has_begun;
        self.raise_floor(now);
        let floor = self.floor;
        let tenant = self.tenant(&job.tenant);
        if !tenant.is_active() {
            tenant.used = tenant.used.max(floor);
        }
        tenant.wait(job, has_begun, now);
    }

    /// A job whose time to wait is over.
    pub(super) fn wake(&mut self, job: Job, now: Instant) {
        let tenant = self.tenant(&job.tenant);
        tenant.sleeping = tenant.sleeping.saturating_sub(1);
        self.wait(job, now);
    }

    /// Whose turn it is, where there is a place; with why its last instance died here.
    pub(super) fn take(&mut self, now: Instant) -> Option<(u64, Job, Option<String>)> {
        let is_beside = self.filled() >= self.places;
        if is_beside && (self.places == 0 || self.turns.values().any(|turn| turn.is_beside)) {
            return None;
        }
        let name = self.next_tenant(is_beside, now)?;
        let tenant = self.tenants.get_mut(&name)?;
        let job = tenant.next(is_beside)?;
        self.numbers += 1;
        let number = self.numbers;
        tenant.begin(number, now);
        let entry = self.known.entry(job.clone()).or_default();
        entry.is_running = true;
        let lost = entry.lost.take();
        let running = Running {
            job: job.clone(),
            began: now,
            is_beside,
            gives_way: false,
        };
        self.turns.insert(number, running);
        Some((number, job, lost))
    }

    /// Places that are taken.
    fn filled(&self) -> usize {
        let beside = self.turns.values().filter(|turn| turn.is_beside).count();
        self.turns.len() - beside
    }

    /// Who has had least of those that wait.
    fn next_tenant(&self, only_fresh: bool, now: Instant) -> Option<Arc<str>> {
        let waiting = self.tenants.iter().filter_map(|(name, tenant)| {
            let since = tenant.next_since(only_fresh)?;
            Some((tenant.used(now), tenant.turns(), since, name))
        });
        waiting.min().map(|(.., name)| Arc::clone(name))
    }

    /// Whether a turn has to end, so that another can begin.
    pub(super) fn needed(&mut self, number: u64, now: Instant) -> Need {
        if !self.gives_way(number, now) {
            return Need::None;
        }
        let is_late = |turn: &Running| turn.is_beside && now - turn.began >= PATIENCE;
        match self.turns.get(&number).is_some_and(is_late) {
            true => Need::Urgent,
            false => Need::Some,
        }
    }

    fn gives_way(&mut self, number: u64, now: Instant) -> bool {
        let Some(turn) = self.turns.get(&number) else {
            return false;
        };
        if turn.gives_way {
            return true;
        }
        let gives_way = match turn.is_beside {
            true => now - turn.began >= BRIEF && !self.finds_a_place(number),
            false => self.is_overdue(number, now),
        };
        if gives_way && let Some(turn) = self.turns.get_mut(&number) {
            turn.gives_way = true;
            self.gave_way += 1;
        }
        gives_way
    }

    /// Moves a turn from beside the places into one that is free.
    fn finds_a_place(&mut self, number: u64) -> bool {
        let is_free = self.filled() < self.places;
        if let Some(turn) = self.turns.get_mut(&number) {
            turn.is_beside &= !is_free;
        }
        is_free
    }

    /// Whether a turn in one of the places is the one to end for what waits.
    fn is_overdue(&self, number: u64, now: Instant) -> bool {
        let Some(turn) = self.turns.get(&number) else {
            return false;
        };
        let held = now - turn.began;
        let is_one_going = self
            .turns
            .values()
            .any(|turn| turn.gives_way && !turn.is_beside);
        if held < TURN || is_one_going {
            return false;
        }
        let Some(tenant) = self.tenants.get(&turn.job.tenant) else {
            return false;
        };
        let own_waits = tenant.begun_since().map(|since| now - since);
        if held >= OWN_TURN && own_waits >= Some(OWN_TURN) {
            return true;
        }
        let used = tenant.used(now);
        let others = self.tenants.iter();
        let least = others
            .filter(|(name, other)| **name != turn.job.tenant && other.waits())
            .map(|(_, other)| other.used(now))
            .min();
        least.is_some_and(|least| least + TURN <= used) && self.has_had_most(used, now)
    }

    /// Whether nobody has had more of those whose turns might end as well.
    fn has_had_most(&self, used: Duration, now: Instant) -> bool {
        let might_end = |turn: &&Running| !turn.is_beside && now - turn.began >= TURN;
        let tenants = self.turns.values().filter(might_end);
        let most = tenants.filter_map(|turn| self.tenants.get(&turn.job.tenant));
        most.map(|tenant| tenant.used(now)).max() <= Some(used)
    }

    /// Ends a turn.
    pub(super) fn settle(&mut self, number: u64, progress: Progress, now: Instant) -> Next {
        let Some(Running { job, .. }) = self.turns.remove(&number) else {
            return Next::Done;
        };
        let held = self.tenant(&job.tenant).end(number, now);
        let next = self.next_of(&job, progress, held);
        match &next {
            Next::Done => drop(self.known.remove(&job)),
            Next::Waits => self.wait(job.clone(), now),
            Next::In(_) => self.tenant(&job.tenant).sleeping += 1,
        }
        self.note_shortage(&job.tenant);
        self.forget_idle(now);
        next
    }

    fn next_of(&mut self, job: &Job, progress: Progress, held: Duration) -> Next {
        let is_crowded = self.tenant(&job.tenant).sleeping >= MOST;
        let Some(entry) = self.known.get_mut(job) else {
            return Next::Done;
        };
        entry.is_running = false;
        entry.has_begun |= held >= BRIEF;
        match progress {
            Progress::Done if std::mem::take(&mut entry.again) => {
                *entry = Entry::default();
                return Next::Waits;
            }
            Progress::Done => return Next::Done,
            Progress::Step => {
                entry.attempts = 0;
                entry.has_begun = true;
                return Next::Waits;
            }
            // The next sweep finds it.
            Progress::Later | Progress::Lost(_) if is_crowded => return Next::Done,
            Progress::Later => {}
            Progress::Lost(reason) => entry.lost = Some(reason),
        }
        let pause = FIRST_BACKOFF.saturating_mul(1 << entry.attempts.min(16));
        entry.attempts += 1;
        Next::In(pause.min(LAST_BACKOFF))
    }

    /// Forgets tenants that have nothing, once nobody has had less than they.
    fn forget_idle(&mut self, now: Instant) {
        self.raise_floor(now);
        if !self.tenants.values().any(Tenant::is_active) {
            // Nobody went without for what anybody has had.
            let most = self.tenants.values().map(|tenant| tenant.used).max();
            self.floor = self.floor.max(most.unwrap_or_default());
        }
        let floor = self.floor;
        self.tenants
            .retain(|_, tenant| tenant.is_known() || tenant.used > floor);
    }

    fn raise_floor(&mut self, now: Instant) {
        let active = self.tenants.values().filter(|tenant| tenant.is_active());
        let least = active.map(|tenant| tenant.used(now)).min();
        self.floor = self.floor.max(least.unwrap_or_default());
    }

    /// Notes that a tenant has room for more of its jobs.
    fn note_shortage(&mut self, name: &Arc<str>) {
        let tenant = self.tenant(name);
        if tenant.is_short() && !tenant.is_starved {
            tenant.is_starved = true;
            self.starved.push_back(Arc::clone(name));
        }
    }

    /// A tenant that has room for more of its jobs than are known.
    pub(super) fn next_starved(&mut self) -> Option<Arc<str>> {
        let name = self.starved.pop_front()?;
        if let Some(tenant) = self.tenants.get_mut(&name) {
            tenant.is_starved = false;
        }
        Some(name)
    }

    /// After which key a tenant's jobs are to be looked for; `None` where it has enough.
    pub(super) fn look_after(&self, tenant: &str) -> Option<Option<String>> {
        match self.tenants.get(tenant) {
            Some(tenant) if tenant.overflow.is_some() && !tenant.is_short() => None,
            tenant => Some(tenant.and_then(|tenant| tenant.overflow.as_ref()?.after.clone())),
        }
    }

    /// All jobs of a tenant up to that key were looked at, and no more fit.
    pub(super) fn note_overflow(&mut self, tenant: &Arc<str>, after: Option<String>) {
        let overflow = self.tenant(tenant).overflow.get_or_insert_default();
        overflow.after = after;
    }

    /// All jobs of a tenant were looked at; answers whether there may be more again.
    pub(super) fn end_overflow(&mut self, tenant: &str) -> bool {
        let Some(tenant) = self.tenants.get_mut(tenant) else {
            return false;
        };
        let again = tenant.overflow.take().is_some_and(|ended| ended.again);
        if again {
            tenant.overflow = Some(Overflow::default());
        }
        again
    }

    pub(super) fn figures(&self, now: Instant) -> Figures {
        let tenants = || self.tenants.values();
        let oldest = tenants().filter_map(Tenant::oldest).min();
        Figures {
            running: self.turns.len(),
            waiting: tenants().map(Tenant::waiting).sum(),
            sleeping: tenants().map(|tenant| tenant.sleeping).sum(),
            overflowing: tenants().filter(|tenant| tenant.overflow.is_some()).count(),
            oldest: oldest.map_or(Duration::ZERO, |since| now - since),
            gave_way: self.gave_way,
        }
    }

    fn tenant(&mut self, name: &Arc<str>) -> &mut Tenant {
        self.tenants.entry(Arc::clone(name)).or_default()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.tenants.is_empty() && self.turns.is_empty()
    }
}
