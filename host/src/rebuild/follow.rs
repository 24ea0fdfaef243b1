//! A rebuild's process, and what it reports.

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use dayfly_core::rebuild::Progress;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::protocol::{Ended, Line, Order};

/// A rebuild's process. It ends when this is dropped.
pub struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// While it is open, the process knows that its parent lives.
    _stdin: ChildStdin,
    memory_mib: u32,
    /// The process that runs FAISS for it.
    helper: Option<u32>,
    progress: Progress,
    /// When the step began.
    begun: Instant,
}

/// The hidden command that is a rebuild's process.
pub const COMMAND: &str = "rebuild-process";

impl Process {
    /// Starts it with its order.
    pub async fn start(order: &Order) -> std::io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(COMMAND)
            // Threads that wait sleep: they would cost CPU time for nothing.
            .env("OMP_WAIT_POLICY", "passive")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || std::io::Error::other("a pipe to the rebuild's process is missing");
        let mut stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        stdin.write_all(&line).await?;
        Ok(Self {
            child,
            lines: BufReader::new(stdout).lines(),
            _stdin: stdin,
            memory_mib: order.memory_mib,
            helper: None,
            progress: Progress::default(),
            begun: Instant::now(),
        })
    }

    /// Reads what it tells until `until`; how it ended, once it has.
    pub async fn follow(&mut self, until: tokio::time::Instant) -> Option<Ended> {
        loop {
            let line = tokio::time::timeout_at(until, self.lines.next_line()).await;
            match line {
                Err(_) => return None,
                Ok(Ok(Some(line))) => match serde_json::from_str(&line) {
                    Ok(Line::Helper(pid)) => self.helper = Some(pid),
                    Ok(Line::Progress(progress)) => self.advance(progress),
                    Ok(Line::Ended(ended)) => return Some(self.end(Some(ended)).await),
                    Err(error) => tracing::warn!(%error, line, "a rebuild's process said"),
                },
                Ok(Ok(None) | Err(_)) => return Some(self.end(None).await),
            }
        }
    }

    fn advance(&mut self, progress: Progress) {
        if progress.step != self.progress.step {
            self.begun = Instant::now();
        }
        self.progress = progress;
    }

    /// What it told last.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// How long the step will go on, if it goes on as it did.
    pub fn seconds_left(&self) -> Option<u64> {
        let Progress { done, of, .. } = self.progress;
        let elapsed = self.begun.elapsed();
        if done == 0 || elapsed < Duration::from_secs(1) {
            return None;
        }
        let left = of.saturating_sub(done) as f64 / done as f64;
        Some((elapsed.as_secs_f64() * left).ceil() as u64)
    }

    /// Its resident memory and that of FAISS's process, where the system tells (Linux).
    pub fn memory_bytes(&self) -> Option<u64> {
        let of = |pid: u32| crate::metrics::resident_memory(&pid.to_string());
        let own = of(self.child.id()?)?;
        Some(own + self.helper.and_then(of).unwrap_or(0))
    }

    async fn end(&mut self, ended: Option<Ended>) -> Ended {
        let status = self.child.wait().await;
        match (ended, status) {
            (Some(ended), _) => ended,
            (None, Ok(status)) => Ended::Retry(self.died(status)),
            (None, Err(error)) => Ended::Retry(format!("the rebuild's process is lost: {error}")),
        }
    }

    /// Why it ended without a word.
    fn died(&self, status: ExitStatus) -> String {
        use std::os::unix::process::ExitStatusExt;
        let step = self.progress.step.name();
        match status.signal() {
            // What an allocation that fails ends in.
            Some(6) => format!(
                "the rebuild's process broke off while {step}, most likely because it may not use \
                 more than {} MiB: raise rebuild.memory_mib",
                self.memory_mib
            ),
            Some(9) => format!(
                "the rebuild's process was killed while {step}, perhaps by the system for want of \
                 memory"
            ),
            Some(signal) => format!("the rebuild's process ended by signal {signal} while {step}"),
            None => format!("the rebuild's process ended while {step} ({status})"),
        }
    }
}
