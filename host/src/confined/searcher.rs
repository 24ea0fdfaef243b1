//! Searches in the confined process, which is started anew where it dies.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::client::{Client, Limits};
use super::index::{Hit, bytes_of_hits, hits};
use super::lock;
use super::protocol::{Call, Facts, Failure, Search};

/// A search that takes longer is one that hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// So long an index that kills the process is not opened again.
const SHUNNED: Duration = Duration::from_secs(600);

/// Searches indexes in a process that is started again where one of them kills it.
///
/// A search whose process dies is tried once more, in a process of its own: if that dies, too, it was
/// this search, and its index is shunned for ten minutes, by its name. So whoever else was searching
/// is not suspected, and waits a moment longer.
pub struct Searcher {
    start: Box<dyn Fn() -> Result<Client, Failure> + Send + Sync>,
    patience: Duration,
    running: Mutex<Option<Arc<Running>>>,
    shunned: Mutex<HashMap<String, Shunned>>,
    /// Held by who repeats a search.
    alone: Mutex<()>,
    numbers: AtomicU64,
    started: AtomicU64,
}

/// Since when an index is not opened any more, and what is said of it.
struct Shunned {
    since: Instant,
    failure: Failure,
}

/// A process, and what is open in it.
struct Running {
    client: Client,
    indexes: Mutex<HashMap<u64, Facts>>,
    rows: Mutex<HashSet<u64>>,
    forgotten: Mutex<Vec<u64>>,
}

/// A file with an index, opened in the process whenever it is needed there.
pub struct File {
    searcher: Arc<Searcher>,
    number: u64,
    name: String,
    file: std::fs::File,
}

/// A set of rows that searches may find.
pub struct Rows {
    searcher: Arc<Searcher>,
    number: u64,
    of: u64,
    ranges: Vec<u64>,
}

/// What a search is to find.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// How many rows.
    pub k: usize,
    /// FAISS's parameters.
    pub parameters: String,
    /// Whether all rows are looked at.
    pub exhaustive: bool,
}

impl Searcher {
    /// With a process that is started when the first search needs it.
    pub fn new(limits: Limits) -> Arc<Self> {
        Self::with(PATIENCE, move || Client::start(limits))
    }

    /// As [`new`](Self::new), with a program that has [`COMMAND`](super::COMMAND).
    pub fn by(program: PathBuf, limits: Limits) -> Arc<Self> {
        Self::with(PATIENCE, move || Client::start_by(&program, limits))
    }

    pub(super) fn with(
        patience: Duration,
        start: impl Fn() -> Result<Client, Failure> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            start: Box::new(start),
            patience,
            running: Mutex::new(None),
            shunned: Mutex::default(),
            alone: Mutex::default(),
            numbers: AtomicU64::new(0),
            started: AtomicU64::new(0),
        })
    }

    /// In a thread of this process.
    #[cfg(test)]
    pub fn in_thread() -> Arc<Self> {
        Self::with(PATIENCE, || Ok(Client::in_thread()))
    }

    /// Takes a file that holds an index, which must not change any more, and opens it. The same index
    /// always has the same name.
    ///
    /// # Errors
    /// As of [`search`](Self::search).
    pub fn file(
        self: &Arc<Self>,
        name: &str,
        file: std::fs::File,
    ) -> Result<(File, Facts), Failure> {
        let file = File {
            searcher: Arc::clone(self),
            number: self.number(),
            name: name.to_owned(),
            file,
        };
        let facts = self.guarded(&file, |running, patience| running.open(&file, patience))?;
        Ok((file, facts))
    }

    /// A set of the `of` rows that there are.
    pub fn rows(self: &Arc<Self>, ranges: &[Range<u64>], of: u64) -> Rows {
        Rows {
            searcher: Arc::clone(self),
            number: self.number(),
            of,
            ranges: ranges.iter().flat_map(|r| [r.start, r.end]).collect(),
        }
    }

    /// The rows of an index, or of those of `rows`, that are nearest to a vector.
    ///
    /// # Errors
    /// [`Failure::Corrupt`] where the index kills who searches it, [`Failure::Slow`] where that takes
    /// too long even by itself; [`Failure::Lost`] never.
    pub fn search(
        &self,
        file: &File,
        rows: Option<&Rows>,
        query: &[f32],
        wanted: &Wanted,
    ) -> Result<Vec<Hit>, Failure> {
        self.guarded(file, |running, patience| {
            running.open(file, patience)?;
            if let Some(rows) = rows {
                running.select(rows, patience)?;
            }
            let how = Search {
                k: wanted.k,
                parameters: wanted.parameters.clone(),
                rows_id: rows.map(|rows| rows.number),
                exhaustive: wanted.exhaustive,
            };
            let call = Call::Search {
                index: file.number,
                how,
            };
            let body = [bytemuck::cast_slice(query)];
            let most = bytes_of_hits(1, wanted.k);
            let bounds = (Some(patience), most);
            let (_, found) = running.client.call(call, &body, None, bounds)?;
            Ok(hits(&found)?.pop().unwrap_or_default())
        })
    }

    /// Processes that were started: all but one had died.
    pub fn started(&self) -> u64 {
        self.started.load(Relaxed)
    }

    /// The process that runs, if there is one.
    pub fn pid(&self) -> Option<u32> {
        lock(&self.running).as_ref()?.client.pid()
    }

    /// Does it with others, and once more in a process of its own where that process ended.
    fn guarded<T>(
        &self,
        file: &File,
        work: impl Fn(&Running, Duration) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.ensure_trusted(&file.name)?;
        let first = work(&*self.running()?, self.patience);
        let Err(Failure::Lost(_) | Failure::Slow(_)) = &first else {
            return first;
        };
        // One after the other: each takes the memory of a process.
        let _alone = lock(&self.alone);
        // Of several searches of one index the first may have told.
        self.ensure_trusted(&file.name)?;
        let alone = self.fresh()?;
        match work(&alone, self.patience) {
            Err(Failure::Lost(why)) => {
                let index = &file.name;
                tracing::error!(index, why, "an index kills the process that searches it");
                let failure = Failure::Corrupt("who searches it dies of it".to_owned());
                Err(self.shun(&file.name, failure))
            }
            Err(slow @ Failure::Slow(_)) => Err(self.shun(&file.name, slow)),
            second => second,
        }
    }

    fn ensure_trusted(&self, name: &str) -> Result<(), Failure> {
        let mut shunned = lock(&self.shunned);
        shunned.retain(|_, one| one.since.elapsed() < SHUNNED);
        match shunned.get(name) {
            Some(one) => Err(one.failure.clone()),
            None => Ok(()),
        }
    }

    fn shun(&self, name: &str, failure: Failure) -> Failure {
        let one = Shunned {
            since: Instant::now(),
            failure: failure.clone(),
        };
        lock(&self.shunned).insert(name.to_owned(), one);
        failure
    }

    fn running(&self) -> Result<Arc<Running>, Failure> {
        let running = self.started_one()?;
        // Not while others wait for the lock: this asks the process.
        running.forget()?;
        Ok(running)
    }

    fn started_one(&self) -> Result<Arc<Running>, Failure> {
        let mut running = lock(&self.running);
        if let Some(running) = running.as_ref().filter(|one| one.client.is_alive()) {
            return Ok(Arc::clone(running));
        }
        let fresh = Arc::new(self.fresh()?);
        *running = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    fn fresh(&self) -> Result<Running, Failure> {
        let client = (self.start)()?;
        self.started.fetch_add(1, Relaxed);
        Ok(Running {
            client,
            indexes: Mutex::default(),
            rows: Mutex::default(),
            forgotten: Mutex::default(),
        })
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Relaxed)
    }

    /// Notes what nobody needs any more, for the next search to say: this waits for nobody.
    fn forget(&self, number: u64) {
        if let Some(running) = &*lock(&self.running) {
            lock(&running.forgotten).push(number);
        }
    }
}

impl Running {
    fn open(&self, file: &File, patience: Duration) -> Result<Facts, Failure> {
        if let Some(facts) = lock(&self.indexes).get(&file.number) {
            return Ok(facts.clone());
        }
        let call = Call::Open {
            index: file.number,
            whole: false,
        };
        let handed = Some(file.file.as_fd());
        let (facts, _) = self.client.call(call, &[], handed, (Some(patience), 0))?;
        lock(&self.indexes).insert(file.number, facts.clone());
        Ok(facts)
    }

    fn select(&self, rows: &Rows, patience: Duration) -> Result<(), Failure> {
        if lock(&self.rows).contains(&rows.number) {
            return Ok(());
        }
        let call = Call::Select {
            rows_id: rows.number,
            rows: rows.of,
        };
        let body = [bytemuck::cast_slice(&rows.ranges)];
        self.client.call(call, &body, None, (Some(patience), 0))?;
        lock(&self.rows).insert(rows.number);
        Ok(())
    }

    fn forget(&self) -> Result<(), Failure> {
        let numbers = std::mem::take(&mut *lock(&self.forgotten));
        if numbers.is_empty() {
            return Ok(());
        }
        for number in &numbers {
            lock(&self.indexes).remove(number);
            lock(&self.rows).remove(number);
        }
        let call = Call::Forget { numbers };
        match self.client.call(call, &[], None, (Some(PATIENCE), 0)) {
            // What died has forgotten all.
            Ok(_) | Err(Failure::Lost(_) | Failure::Slow(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.searcher.forget(self.number);
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.searcher.forget(self.number);
    }
}
