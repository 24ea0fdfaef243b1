//! A cache by weight.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tokio::sync::OnceCell;

/// What was used last, up to a weight: the least recently used goes first, and the last one stays
/// however heavy it is. What is wanted by several at once is made once.
pub struct Recent<K, V> {
    most: u64,
    entries: Mutex<Entries<K, V>>,
}

type Cell<V> = Arc<OnceCell<(Arc<V>, u64)>>;

struct Entries<K, V> {
    cells: LruCache<K, Cell<V>>,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    /// Of so much weight, and at most so many.
    pub fn new(most: u64, entries: NonZeroUsize) -> Self {
        Self {
            most,
            entries: Mutex::new(Entries {
                cells: LruCache::new(entries),
            }),
        }
    }

    /// The value of `key`, which `make` makes, with its weight, where it is not there.
    pub async fn get<E>(
        &self,
        key: &K,
        make: impl AsyncFnOnce() -> Result<(V, u64), E>,
    ) -> Result<Arc<V>, E> {
        let cell = {
            let mut entries = self.lock();
            Arc::clone(entries.cells.get_or_insert(key.clone(), Cell::default))
        };
        let made = cell
            .get_or_try_init(async || {
                let (value, weight) = make().await?;
                Ok((Arc::new(value), weight))
            })
            .await;
        match made {
            Ok((value, _)) => {
                let value = Arc::clone(value);
                self.trim(key);
                Ok(value)
            }
            Err(error) => {
                let mut entries = self.lock();
                let unmade = entries
                    .cells
                    .peek(key)
                    .is_some_and(|cell| cell.get().is_none());
                if unmade {
                    entries.cells.pop(key);
                }
                Err(error)
            }
        }
    }

    /// Lets go of all whose keys `superseded` names.
    pub fn forget(&self, superseded: impl Fn(&K) -> bool) {
        let mut entries = self.lock();
        let keys = entries.cells.iter().map(|(key, _)| key);
        let keys: Vec<K> = keys.filter(|key| superseded(key)).cloned().collect();
        for key in keys {
            entries.cells.pop(&key);
        }
    }

    /// How many there are, and their weight.
    pub fn held(&self) -> (u64, u64) {
        let entries = self.lock();
        let weights = entries
            .cells
            .iter()
            .filter_map(|(_, cell)| Some(cell.get()?.1));
        weights.fold((0, 0), |(count, sum), weight| (count + 1, sum + weight))
    }

    fn trim(&self, newest: &K) {
        loop {
            if self.held().1 <= self.most {
                return;
            }
            let mut entries = self.lock();
            match entries.cells.peek_lru() {
                Some((key, _)) if key != newest => entries.cells.pop_lru(),
                _ => return,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;

    fn recent(most: u64) -> Recent<u32, u32> {
        Recent::new(most, NonZeroUsize::new(100).unwrap())
    }

    async fn get(recent: &Recent<u32, u32>, key: u32, weight: u64) -> u32 {
        let made = recent
            .get(&key, async || Ok::<_, ()>((key * 10, weight)))
            .await;
        *made.unwrap()
    }

    #[tokio::test]
    async fn the_least_recently_used_go_first() {
        let recent = recent(10);
        for key in [1, 2, 3] {
            get(&recent, key, 3).await;
        }
        get(&recent, 1, 3).await;
        get(&recent, 4, 3).await;
        assert_eq!(recent.held(), (3, 9));
        let there = |key| recent.lock().cells.peek(&key).is_some();
        assert!(there(1) && !there(2) && there(3) && there(4));
        recent.forget(|key| *key < 4);
        assert_eq!(recent.held(), (1, 3));
    }

    #[tokio::test]
    async fn one_that_is_too_heavy_for_all_stays_until_the_next() {
        let recent = recent(10);
        get(&recent, 1, 3).await;
        get(&recent, 2, 50).await;
        assert_eq!(recent.held(), (1, 50));
        get(&recent, 3, 3).await;
        assert_eq!(recent.held(), (1, 3));
    }

    #[tokio::test]
    async fn what_several_want_is_made_once_and_what_fails_is_made_again() {
        let recent = recent(10);
        let made = AtomicU32::new(0);
        let failing = recent
            .get(&1, async || Err::<(u32, u64), &str>("away"))
            .await;
        assert_eq!(failing, Err("away"));
        assert_eq!(recent.held(), (0, 0));
        let one = || {
            recent.get(&1, async || {
                tokio::task::yield_now().await;
                made.fetch_add(1, SeqCst);
                Ok::<_, ()>((7, 1))
            })
        };
        let (a, b, c) = tokio::join!(one(), one(), one());
        assert_eq!([a, b, c].map(|value| *value.unwrap()), [7; 3]);
        assert_eq!(made.load(SeqCst), 1);
    }
}
