//! Starting the confined process and talking to it.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::frame::{receive, send};
use super::lock;
use super::process::COMMAND;
use super::protocol::{Answer, Call, Facts, Failure, Request};
use super::sandbox::Confinement;

/// What the process learns of its parent's environment.
const ENVIRONMENT: [&str; 2] = ["DAYFLY_FAISS_CPU", "LD_LIBRARY_PATH"];
/// What jemalloc is told there: memory that was given back does not count against the limit.
const ALLOCATOR: (&str, &str) = ("_RJEM_MALLOC_CONF", "retain:false");
/// This program, also where its file was replaced by a newer one since.
const PROGRAM: &str = "/proc/self/exe";

/// For calls that take no time.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// What the process may take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Calls that it does at a time, at least one.
    pub threads: usize,
    /// Threads that one of them may share its work among, at least one.
    pub openmp: usize,
    /// Its memory, mapped files aside; what its parent may have where it is 0.
    pub memory_mib: u64,
}

/// A process that runs FAISS. Any number of threads may call it at a time. It ends with this.
pub struct Client {
    out: Mutex<UnixStream>,
    calls: Arc<Calls>,
    next: AtomicU64,
    pid: Option<u32>,
}

type Reply = (Result<Facts, Failure>, Vec<u8>);

/// Those that wait for answers.
struct Calls {
    stream: UnixStream,
    waiting: Mutex<Waiting>,
    /// `None` once it is gone, or where it is a thread.
    child: Mutex<Option<Child>>,
}

enum Waiting {
    /// By the numbers of their calls, each with the most bytes that its answer may have.
    For(HashMap<u64, (SyncSender<Reply>, u64)>),
    /// It is gone: why.
    Lost(String),
}

impl Client {
    /// Starts a process.
    ///
    /// # Errors
    /// [`Failure::Io`] where the system has none to give.
    pub fn start(limits: Limits) -> Result<Self, Failure> {
        Self::start_by(Path::new(PROGRAM), limits)
    }

    /// As [`start`](Self::start), with a program that has [`COMMAND`].
    ///
    /// # Errors
    /// As there.
    pub fn start_by(program: &Path, limits: Limits) -> Result<Self, Failure> {
        let (ours, theirs) = UnixStream::pair()?;
        let kept = ENVIRONMENT.map(|name| (name, std::env::var_os(name)));
        let kept = kept
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let child = Command::new(program)
            .arg(COMMAND)
            .arg(limits.threads.max(1).to_string())
            .arg(limits.memory_mib.to_string())
            .env_clear()
            .envs(kept)
            .env(ALLOCATOR.0, ALLOCATOR.1)
            // OpenBLAS reserves memory for as many as it is loaded, before the limit is set.
            .env("OMP_NUM_THREADS", limits.openmp.max(1).to_string())
            // Threads that wait sleep: they would cost CPU time for nothing.
            .env("OMP_WAIT_POLICY", "passive")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()?;
        Self::over(ours, Some(child))
    }

    /// The same in a thread of this process.
    #[cfg(test)]
    pub fn in_thread() -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || super::process::serve(theirs, 2, Default::default()));
        Self::over(ours, None).unwrap()
    }

    pub(super) fn over(stream: UnixStream, child: Option<Child>) -> Result<Self, Failure> {
        let pid = child.as_ref().map(Child::id);
        let calls = Arc::new(Calls {
            stream: stream.try_clone()?,
            waiting: Mutex::new(Waiting::For(HashMap::new())),
            child: Mutex::new(child),
        });
        let heard = Arc::clone(&calls);
        std::thread::Builder::new()
            .name("faiss-answers".to_owned())
            .spawn(move || heard.listen())?;
        Ok(Self {
            out: Mutex::new(stream),
            calls,
            next: AtomicU64::new(0),
            pid,
        })
    }

    /// A number for an index or a set of rows.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    /// The process.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Whether it can be called.
    pub fn is_alive(&self) -> bool {
        matches!(*lock(&self.calls.waiting), Waiting::For(_))
    }

    /// What the process has given up.
    ///
    /// # Errors
    /// [`Failure::Lost`] where it has ended.
    pub fn confinement(&self) -> Result<Confinement, Failure> {
        let (_, told) = self.call(Call::Tell, &[], None, (Some(SOON), 1 << 10))?;
        serde_json::from_slice(&told).map_err(|fault| Failure::Io(fault.to_string()))
    }

    /// Calls it, and waits for the answer, whose numbers have at most so many bytes; where that takes
    /// longer than `patience`, the process is ended.
    ///
    /// # Errors
    /// What FAISS says; [`Failure::Lost`] where the process ends before it answers, [`Failure::Slow`]
    /// where it takes too long.
    pub(super) fn call(
        &self,
        call: Call,
        body: &[&[u8]],
        file: Option<BorrowedFd<'_>>,
        (patience, most): (Option<Duration>, u64),
    ) -> Result<(Facts, Vec<u8>), Failure> {
        let id = self.number();
        let (sender, receiver) = sync_channel(1);
        self.calls.expect(id, sender, most)?;
        let head = serde_json::to_vec(&Request { id, call })
            .map_err(|fault| Failure::Invalid(fault.to_string()))?;
        let sent = {
            let out = lock(&self.out);
            out.set_write_timeout(patience)?;
            send(&out, &head, body, file)
        };
        if sent.is_err() {
            // Half a message may be on its way.
            self.calls.end();
        }
        let waited = match patience {
            Some(patience) => receiver.recv_timeout(patience),
            None => receiver.recv().map_err(RecvTimeoutError::from),
        };
        match waited {
            Ok((outcome, body)) => Ok((outcome?, body)),
            Err(RecvTimeoutError::Disconnected) => Err(self.calls.lost()),
            Err(RecvTimeoutError::Timeout) => {
                self.calls.end();
                Err(Failure::Slow(patience.unwrap_or_default().as_secs()))
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.calls.end();
    }
}

impl Calls {
    fn expect(&self, id: u64, sender: SyncSender<Reply>, most: u64) -> Result<(), Failure> {
        match &mut *lock(&self.waiting) {
            Waiting::For(waiting) => drop(waiting.insert(id, (sender, most))),
            Waiting::Lost(why) => return Err(Failure::Lost(why.clone())),
        }
        Ok(())
    }

    /// Hands answers out until there are no more. The process may answer what it likes: it is ended
    /// where that is no answer, or longer than any can be.
    fn listen(&self) {
        while let Ok(Some(frame)) = receive(&self.stream, |head| self.most(head)) {
            let Ok(Answer { id, outcome }) = serde_json::from_slice(&frame.head) else {
                break;
            };
            let sender = match &mut *lock(&self.waiting) {
                Waiting::For(waiting) => waiting.remove(&id),
                Waiting::Lost(_) => None,
            };
            if let Some((sender, _)) = sender {
                // Whoever asked may have lost patience.
                let _ = sender.send((outcome, frame.body));
            }
        }
        self.end();
    }

    /// How many bytes an answer with that head may have.
    fn most(&self, head: &[u8]) -> u64 {
        let answer: Option<Answer> = serde_json::from_slice(head).ok();
        match (&*lock(&self.waiting), answer) {
            (Waiting::For(waiting), Some(answer)) => {
                waiting.get(&answer.id).map_or(0, |(_, most)| *most)
            }
            _ => 0,
        }
    }

    /// Ends the process, if it still goes on. Nobody calls it from here on, and those that wait are
    /// told by the end of their channels.
    fn end(&self) {
        // Also where something else has the other end of it.
        let _ = self.stream.shutdown(Shutdown::Both);
        let child = lock(&self.child).take();
        let why = match child {
            Some(mut child) => {
                // One that has just died by itself is not reached by this.
                let died = match child.try_wait() {
                    Ok(Some(status)) => Ok(status),
                    _ => child.kill().and_then(|()| child.wait()),
                };
                died.map_or_else(|error| format!("is lost: {error}"), told)
            }
            None => "has ended".to_owned(),
        };
        let mut waiting = lock(&self.waiting);
        if matches!(*waiting, Waiting::For(_)) {
            *waiting = Waiting::Lost(why);
        }
    }

    fn lost(&self) -> Failure {
        match &*lock(&self.waiting) {
            Waiting::Lost(why) => Failure::Lost(why.clone()),
            Waiting::For(_) => Failure::Lost("has ended".to_owned()),
        }
    }
}

fn told(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        // What an allocation that fails ends in.
        (Some(6), _) => "broke off, perhaps for want of memory".to_owned(),
        (Some(9), _) => "was killed, perhaps by the system for want of memory".to_owned(),
        (Some(signal), _) => format!("ended by signal {signal}"),
        (None, Some(code)) => format!("ended with {code}"),
        (None, None) => "ended".to_owned(),
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        Self::other(failure)
    }
}
