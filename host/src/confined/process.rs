//! The process itself: takes calls, does them, answers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, mpsc};

use dayfly_faiss::{self as faiss, Hit, Parameters, SearchOptions, Selector};

use super::frame::{Frame, receive, send};
use super::lock;
use super::protocol::{Answer, Call, Facts, Failure, Kind, Metric, Request, Search};
use super::sandbox::{self, Confinement};

/// The hidden command that is this process.
pub const COMMAND: &str = "faiss-process";

/// What a thread takes, OpenMP's beside it included.
const STACK: u64 = 16 << 20;
/// What OpenBLAS reserves for each thread that multiplies at a time.
const MULTIPLYING: u64 = 128 << 20;
/// Buffers of index files.
const BUFFER: usize = 1 << 20;

/// Does calls, so many at a time, until nobody calls any more. `memory_mib` bounds its memory where
/// it is not 0.
///
/// # Errors
/// Where standard input is no socket.
pub fn run(threads: usize, memory_mib: u64) -> anyhow::Result<()> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    if memory_mib > 0 {
        ensure_room()?;
        // Has OpenBLAS reserve what it needs for one, by a product, before that is counted.
        faiss::set_threads(1);
        let _ = faiss::nearest(&[0.5; 1_024], &[0.5; 1_024], 32, 1);
        let threads = threads as u64;
        let own = threads * STACK + threads.saturating_sub(1) * MULTIPLYING;
        sandbox::limit_memory((memory_mib << 20) + own)?;
    }
    let confinement = sandbox::enter();
    serve(UnixStream::from(socket), threads, confinement)?;
    // Whoever called is gone: calls that still go on are for nobody.
    std::process::exit(0)
}

/// OpenBLAS asks for what it needs for a product for ever, where it does not get it.
fn ensure_room() -> anyhow::Result<()> {
    let mut room: Vec<u8> = Vec::new();
    let bytes = (MULTIPLYING + STACK) as usize;
    room.try_reserve_exact(bytes).map_err(|_| {
        anyhow::anyhow!(
            "FAISS needs {} MiB before it begins, and this process may not have them: raise its \
             limit of memory (ulimit -d, ulimit -v)",
            bytes >> 20
        )
    })
}

/// Does the calls that come over a socket, until it is closed.
pub(super) fn serve(
    socket: UnixStream,
    threads: usize,
    confinement: Confinement,
) -> io::Result<()> {
    let (sender, receiver) = mpsc::sync_channel::<Frame>(threads);
    let receiver = Arc::new(Mutex::new(receiver));
    let work = Arc::new(Work {
        held: RwLock::default(),
        confinement,
        out: Mutex::new(socket.try_clone()?),
    });
    for _ in 0..threads.max(1) {
        let (receiver, work) = (Arc::clone(&receiver), Arc::clone(&work));
        std::thread::spawn(move || {
            loop {
                let next = lock(&receiver).recv();
                let Ok(frame) = next else { return };
                if work.answer(frame).is_err() {
                    return;
                }
            }
        });
    }
    while let Some(frame) = receive(&socket, |_| u64::MAX)? {
        if sender.send(frame).is_err() {
            break;
        }
    }
    Ok(())
}

/// What is open, by the caller's numbers.
#[derive(Default)]
struct Held {
    indexes: HashMap<u64, Arc<RwLock<faiss::Index>>>,
    rows: HashMap<u64, Arc<Selector>>,
}

struct Work {
    held: RwLock<Held>,
    confinement: Confinement,
    out: Mutex<UnixStream>,
}

impl Work {
    fn answer(&self, frame: Frame) -> io::Result<()> {
        let Ok(Request { id, call }) = serde_json::from_slice(&frame.head) else {
            return Err(io::Error::other("a call that is none"));
        };
        let done = catch_unwind(AssertUnwindSafe(|| {
            self.call(call, &frame.body, frame.file)
        }));
        let done = done.unwrap_or_else(|_| Err(Failure::Io("FAISS's caller panicked".to_owned())));
        let (outcome, body) = match done {
            Ok((facts, body)) => (Ok(facts), body),
            Err(failure) => (Err(failure), Vec::new()),
        };
        let head = serde_json::to_vec(&Answer { id, outcome })?;
        send(&lock(&self.out), &head, &[&body], None)
    }

    fn call(
        &self,
        call: Call,
        body: &[u8],
        file: Option<OwnedFd>,
    ) -> Result<(Facts, Vec<u8>), Failure> {
        let nothing = Ok((Facts::default(), Vec::new()));
        match call {
            Call::Make {
                index,
                dimension,
                factory,
                threads,
            } => {
                faiss::set_threads(threads);
                let made = faiss::Index::from_factory(dimension, &factory)?;
                Ok((self.keep(index, made), Vec::new()))
            }
            Call::Open { index, whole } => {
                let file = File::from(handed(file)?);
                let opened = match whole {
                    true => faiss::Index::read(&mut BufReader::with_capacity(BUFFER, file))?,
                    false => faiss::Index::map_file(&file)?,
                };
                Ok((self.keep(index, opened), Vec::new()))
            }
            Call::Train { index } => {
                let index = self.index(index)?;
                let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
                index.train(&floats(body)?)?;
                nothing
            }
            Call::Add { index } => {
                let index = self.index(index)?;
                let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
                index.add(&floats(body)?)?;
                nothing
            }
            Call::Write { index } => {
                let file = File::from(handed(file)?);
                let mut file = BufWriter::with_capacity(BUFFER, file);
                let index = self.index(index)?;
                read(&index).write(&mut file)?;
                file.flush()?;
                nothing
            }
            Call::Search { index, how } => {
                let index = self.index(index)?;
                let found = self.search(&read(&index), &how, &floats(body)?)?;
                Ok((Facts::default(), bytes_of_hits(&found)))
            }
            Call::Reconstruct {
                index,
                first,
                count,
            } => {
                let index = self.index(index)?;
                let mut vectors = Vec::new();
                let rows = first..first.saturating_add(count);
                read(&index).reconstruct(rows, &mut vectors)?;
                Ok((Facts::default(), bytemuck::cast_slice(&vectors).to_vec()))
            }
            Call::Nearest {
                dimension,
                queries,
                k,
                threads,
            } => {
                faiss::set_threads(threads);
                let all = floats(body)?;
                let length = queries.saturating_mul(dimension.into());
                let split = usize::try_from(length).ok();
                let parts = split.and_then(|split| all.split_at_checked(split));
                let (queries, vectors) = parts.ok_or_else(unfit)?;
                let found = faiss::nearest(queries, vectors, dimension, k)?;
                Ok((Facts::default(), bytes_of_hits(&found)))
            }
            Call::Select { rows_id, rows } => {
                let ranges = ranges(body)?;
                let selector = Arc::new(Selector::from_ranges(&ranges, rows));
                self.held_mut(|held| held.rows.insert(rows_id, selector));
                nothing
            }
            Call::Tell => {
                let told = serde_json::to_vec(&self.confinement);
                Ok((Facts::default(), told.map_err(|error| io_failure(&error))?))
            }
            Call::Forget { numbers } => {
                for number in numbers {
                    self.held_mut(|held| (held.indexes.remove(&number), held.rows.remove(&number)));
                }
                nothing
            }
        }
    }

    fn search(
        &self,
        index: &faiss::Index,
        how: &Search,
        queries: &[f32],
    ) -> Result<Vec<Vec<Hit>>, Failure> {
        let parameters: Parameters = how.parameters.parse()?;
        let selector = match how.rows_id {
            None => None,
            Some(id) => {
                let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
                let rows = held.rows.get(&id).cloned();
                Some(rows.ok_or_else(|| Failure::Invalid("unknown rows".to_owned()))?)
            }
        };
        let options = SearchOptions {
            parameters,
            selector: selector.as_deref(),
            exhaustive: how.exhaustive,
            ..SearchOptions::default()
        };
        Ok(index.search(queries, how.k, &options)?)
    }

    fn keep(&self, number: u64, index: faiss::Index) -> Facts {
        let facts = facts_of(&index);
        let index = Arc::new(RwLock::new(index));
        self.held_mut(|held| held.indexes.insert(number, index));
        facts
    }

    fn index(&self, number: u64) -> Result<Arc<RwLock<faiss::Index>>, Failure> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let index = held.indexes.get(&number).cloned();
        index.ok_or_else(|| Failure::Invalid("an unknown index".to_owned()))
    }

    /// What is closed is closed after the lock is given back: that may take long.
    fn held_mut<T>(&self, change: impl FnOnce(&mut Held) -> T) {
        let changed = {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            change(&mut held)
        };
        drop(changed);
    }
}

fn facts_of(index: &faiss::Index) -> Facts {
    Facts {
        rows: index.rows(),
        dimension: index.dimension(),
        kind: match index.kind() {
            faiss::Kind::Hnsw => Kind::Graph,
            faiss::Kind::Ivf { .. } => Kind::Lists,
            faiss::Kind::Flat | faiss::Kind::Other => Kind::Flat,
        },
        metric: match index.metric() {
            faiss::Metric::InnerProduct => Metric::InnerProduct,
            faiss::Metric::L2 => Metric::L2,
            faiss::Metric::Other => Metric::Other,
        },
        needs_training: index.needs_training(),
    }
}

fn read(index: &RwLock<faiss::Index>) -> RwLockReadGuard<'_, faiss::Index> {
    index.read().unwrap_or_else(PoisonError::into_inner)
}

fn handed(file: Option<OwnedFd>) -> Result<OwnedFd, Failure> {
    file.ok_or_else(|| Failure::Invalid("a call without its file".to_owned()))
}

fn unfit() -> Failure {
    Failure::Invalid("a body of another length".to_owned())
}

/// Numbers out of bytes: as they lie, where they lie well.
fn floats(bytes: &[u8]) -> Result<Cow<'_, [f32]>, Failure> {
    match bytemuck::try_cast_slice(bytes) {
        Ok(numbers) => Ok(Cow::Borrowed(numbers)),
        Err(_) => copied(bytes).map(Cow::Owned),
    }
}

/// Numbers out of bytes that lie anywhere.
pub(super) fn copied(bytes: &[u8]) -> Result<Vec<f32>, Failure> {
    let (words, rest) = bytes.as_chunks::<4>();
    match rest.is_empty() {
        true => Ok(words.iter().copied().map(f32::from_le_bytes).collect()),
        false => Err(unfit()),
    }
}

fn ranges(bytes: &[u8]) -> Result<Vec<Range<u64>>, Failure> {
    let (words, rest) = bytes.as_chunks::<8>();
    let (pairs, odd) = words.as_chunks::<2>();
    if !rest.is_empty() || !odd.is_empty() {
        return Err(unfit());
    }
    let range = |[start, end]: &[[u8; 8]; 2]| u64::from_le_bytes(*start)..u64::from_le_bytes(*end);
    Ok(pairs.iter().map(range).collect())
}

/// For each query how many hits, then each one's row and score.
fn bytes_of_hits(found: &[Vec<Hit>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(found.iter().map(|hits| 4 + hits.len() * 12).sum());
    for hits in found {
        bytes.extend((hits.len() as u32).to_le_bytes());
        for hit in hits {
            bytes.extend(hit.row.to_le_bytes());
            bytes.extend(hit.score.to_le_bytes());
        }
    }
    bytes
}

impl From<faiss::Error> for Failure {
    fn from(error: faiss::Error) -> Self {
        match error {
            faiss::Error::Invalid(text) => Self::Invalid(text),
            faiss::Error::Corrupt(text) => Self::Corrupt(text),
            faiss::Error::OutOfMemory => Self::OutOfMemory,
            other => Self::Io(other.to_string()),
        }
    }
}

fn io_failure(error: &dyn std::fmt::Display) -> Failure {
    Failure::Io(error.to_string())
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}
