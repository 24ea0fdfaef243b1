//! Places that tenants take in turns.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::guests::Guest;

/// After so many that are urgent a tenant's other one has its turn, so that it does not wait for ever.
const URGENT_IN_A_ROW: u32 = 3;

/// What is waiting goes by this, within a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody waits for the answer: a search.
    Now,
    /// Everything else.
    Later,
}

impl Urgency {
    /// Of a request to that guest.
    pub fn of(guest: Guest) -> Self {
        match guest {
            Guest::Search => Self::Now,
            Guest::Stores | Guest::Ingest => Self::Later,
        }
    }
}

/// Nothing became free in time.
#[derive(Debug, PartialEq, Eq)]
pub struct Overloaded;

/// Places that tenants take in turns.
///
/// A tenant has at most `most` places, and while others hold some, at most as many as are free times
/// `most / (places - most)`: however many greedy tenants there are, a place is left for the next one, and
/// a lone tenant reaches its most (the dynamic thresholds of Choudhury and Hahne, IEEE/ACM Transactions
/// on Networking 6(2), 1998). What becomes free goes to the tenant that has had least of those that wait
/// and may have it, by the start-time fair queueing of Goyal, Vin and Cheng (IEEE/ACM Transactions on
/// Networking 5(5), 1997), within it to what is most urgent, then oldest.
///
/// Of those that wait there are at most `queue`. Where it is full, one that comes takes the place of the
/// last of the tenant that has most waiting, unless it would have as many itself (McKenney's longest
/// queue drop, 1990).
pub struct Turns {
    places: usize,
    most: usize,
    /// Of a tenant's, what only [`Urgency::Now`] may have.
    kept: usize,
    queue: usize,
    /// What a place costs when it is taken.
    cost: u64,
    state: Mutex<State>,
}

/// A place. It is free again when this is dropped.
pub struct Place {
    turns: Arc<Turns>,
    tenant: Arc<str>,
}

/// There is no place to wait in.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

#[derive(Default)]
struct State {
    held: usize,
    waiting: usize,
    numbers: u64,
    /// What who was served last had had then.
    served: u64,
    tenants: HashMap<Arc<str>, Tenant>,
}

#[derive(Default)]
struct Tenant {
    held: usize,
    /// What it has had, counted from what others had when it came.
    had: u64,
    urgent_in_a_row: u32,
    waiting: BTreeMap<(Urgency, u64), oneshot::Sender<Place>>,
}

/// Takes its entry out of the queue, wherever the wait ends.
struct Waiter {
    turns: Arc<Turns>,
    tenant: Arc<str>,
    key: (Urgency, u64),
}

impl Turns {
    /// So many places, at least one; `most` of one tenant, and `queue` that wait for one.
    pub fn new(places: usize, most: usize, queue: usize) -> Arc<Self> {
        let places = places.max(1);
        Arc::new(Self {
            places,
            most: most.clamp(1, places),
            kept: 0,
            queue,
            cost: 1,
            state: Mutex::default(),
        })
    }

    /// The same, with a quarter of what a tenant may have kept for what it has waiting that is urgent.
    pub fn keeping_some(places: usize, most: usize, queue: usize) -> Arc<Self> {
        let most = most.clamp(1, places.max(1));
        Arc::new(Self {
            places: places.max(1),
            most,
            kept: most / 4,
            queue,
            cost: 1,
            state: Mutex::default(),
        })
    }

    /// The same, where a place costs what is [spent](Place::spend) of it.
    pub fn by_cost(places: usize) -> Arc<Self> {
        let places = places.max(1);
        Arc::new(Self {
            places,
            most: places,
            kept: 0,
            queue: usize::MAX,
            cost: 0,
            state: Mutex::default(),
        })
    }

    /// Waits for a place. Whoever stops waiting loses its turn.
    ///
    /// Errors: [`Full`] at once, or when somebody else takes the place to wait in.
    pub async fn take(
        self: &Arc<Self>,
        tenant: &Arc<str>,
        urgency: Urgency,
    ) -> Result<Place, Full> {
        let (place, _waiter) = self.queue_up(tenant, urgency)?;
        self.hand_out();
        place.await.map_err(|_| Full)
    }

    /// A place, where the tenant may have one without waiting.
    pub fn take_now(self: &Arc<Self>, tenant: &Arc<str>, urgency: Urgency) -> Option<Place> {
        let mut state = self.lock();
        if !self.may_have(&state, tenant, urgency) {
            return None;
        }
        state.arrive(tenant);
        state.serve(tenant, self.cost);
        Some(Place {
            turns: Arc::clone(self),
            tenant: Arc::clone(tenant),
        })
    }

    /// Places that a tenant has, and those that it waits for.
    pub fn of(&self, tenant: &str) -> (usize, usize) {
        let state = self.lock();
        let own = state.tenants.get(tenant);
        own.map_or((0, 0), |own| (own.held, own.waiting.len()))
    }

    fn queue_up(
        self: &Arc<Self>,
        tenant: &Arc<str>,
        urgency: Urgency,
    ) -> Result<(oneshot::Receiver<Place>, Waiter), Full> {
        let mut state = self.lock();
        // Who need not wait takes no place to wait in: of those that do, none may have what is free.
        let waits = !self.may_have(&state, tenant, urgency);
        if waits && state.waiting >= self.queue && !state.make_room(tenant, urgency) {
            return Err(Full);
        }
        state.numbers += 1;
        let key = (urgency, state.numbers);
        let (sender, place) = oneshot::channel();
        state.waiting += 1;
        let own = state.arrive(tenant);
        own.waiting.insert(key, sender);
        let waiter = Waiter {
            turns: Arc::clone(self),
            tenant: Arc::clone(tenant),
            key,
        };
        Ok((place, waiter))
    }

    /// Gives what is free to those whose turn it is.
    fn hand_out(self: &Arc<Self>) {
        loop {
            let Some((tenant, sender)) = self.next() else {
                return;
            };
            let place = Place {
                turns: Arc::clone(self),
                tenant,
            };
            // Who has gone meanwhile gives it back by dropping it.
            let _ = sender.send(place);
        }
    }

    fn next(&self) -> Option<(Arc<str>, oneshot::Sender<Place>)> {
        let mut state = self.lock();
        let turns = state.tenants.iter();
        let turns =
            turns.filter_map(|(name, own)| Some((own.had, self.whose_turn(&state, name)?, name)));
        let (_, key, name) = turns.min_by_key(|(had, (_, number), _)| (*had, *number))?;
        let name = Arc::clone(name);
        let own = state.tenants.get_mut(&name)?;
        let sender = own.waiting.remove(&key)?;
        own.urgent_in_a_row = match key.0 {
            Urgency::Now => own.urgent_in_a_row + 1,
            Urgency::Later => 0,
        };
        state.waiting -= 1;
        state.serve(&name, self.cost);
        Some((name, sender))
    }

    /// What of a tenant's is next, where it may have a place.
    fn whose_turn(&self, state: &State, tenant: &str) -> Option<(Urgency, u64)> {
        let own = state.tenants.get(tenant)?;
        let later = own.waiting.range((Urgency::Later, 0)..).next();
        let later = later.map(|(key, _)| *key);
        let first = own.waiting.first_key_value().map(|(key, _)| *key);
        let in_turn = match own.urgent_in_a_row < URGENT_IN_A_ROW {
            true => [first, later],
            false => [later, first],
        };
        let mut keys = in_turn.into_iter().flatten();
        keys.find(|(urgency, _)| self.may_have(state, tenant, *urgency))
    }

    fn may_have(&self, state: &State, tenant: &str, urgency: Urgency) -> bool {
        let free = self.places - state.held;
        let own = state.tenants.get(tenant).map_or(0, |tenant| tenant.held);
        let most = match urgency {
            Urgency::Now => self.most,
            Urgency::Later => self.most - self.kept,
        };
        if free == 0 || own >= most {
            return false;
        }
        own == 0 || own * (self.places - self.most) < free * self.most
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A tenant that had nothing waiting is no further behind than who was served last.
    fn arrive(&mut self, tenant: &Arc<str>) -> &mut Tenant {
        let served = self.served;
        let own = self.tenants.entry(Arc::clone(tenant)).or_default();
        if own.waiting.is_empty() {
            own.had = own.had.max(served);
        }
        own
    }

    fn serve(&mut self, tenant: &str, cost: u64) {
        self.held += 1;
        if let Some(own) = self.tenants.get_mut(tenant) {
            self.served = self.served.max(own.had);
            own.held += 1;
            own.had += cost;
        }
    }

    /// Takes one out of the queue: of who has more there than `tenant` would have, or of its own where
    /// that is less urgent.
    fn make_room(&mut self, tenant: &str, urgency: Urgency) -> bool {
        let own = self.waiting_of(tenant);
        let longest = self.tenants.keys().max_by_key(|name| self.waiting_of(name));
        let longest = longest.filter(|name| self.waiting_of(name) > own + 1);
        let from = match longest.cloned() {
            Some(longest) => longest,
            None if urgency == Urgency::Now => Arc::from(tenant),
            None => return false,
        };
        let Some(other) = self.tenants.get_mut(&from) else {
            return false;
        };
        let is_own = &*from == tenant;
        let last = other.waiting.last_entry();
        let Some(last) = last.filter(|last| !is_own || last.key().0 == Urgency::Later) else {
            return false;
        };
        last.remove();
        self.waiting -= 1;
        true
    }

    fn waiting_of(&self, tenant: &str) -> usize {
        self.tenants.get(tenant).map_or(0, |one| one.waiting.len())
    }

    /// An idle tenant costs nothing.
    fn forget_idle(&mut self, tenant: &str) {
        let own = self.tenants.get(tenant);
        if own.is_some_and(|own| own.held == 0 && own.waiting.is_empty()) {
            self.tenants.remove(tenant);
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        let own = state.tenants.get_mut(&self.tenant);
        let gone = own.and_then(|own| own.waiting.remove(&self.key));
        if gone.is_some() {
            state.waiting -= 1;
        }
        state.forget_idle(&self.tenant);
        drop(state);
        drop(gone);
    }
}

impl Place {
    /// Its tenant has had so much more by it.
    pub fn spend(&self, cost: u64) {
        let mut state = self.turns.lock();
        if let Some(own) = state.tenants.get_mut(&self.tenant) {
            own.had += cost;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        state.held -= 1;
        if let Some(own) = state.tenants.get_mut(&self.tenant) {
            own.held -= 1;
        }
        state.forget_idle(&self.tenant);
        drop(state);
        self.turns.hand_out();
    }
}

#[cfg(test)]
mod tests;
