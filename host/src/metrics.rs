//! What the server counts, in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use crate::guests::Guest;
use crate::queue::JobQueue;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered with a status below 400.
    Ok,
    /// Answered with 4xx.
    ClientError,
    /// Answered with 5xx.
    ServerError,
    /// Ended by the memory limit.
    Memory,
    /// Ended by the CPU limit.
    Cpu,
    /// Ended by the limit of its life time.
    Wall,
    /// The guest trapped.
    Trap,
    /// Refused: no instance became free in time.
    Overloaded,
    /// Refused: its tenant is at a limit.
    RateLimited,
    /// Refused: no good token.
    Unauthorized,
    /// Refused: the body is too large.
    TooLarge,
    /// The client went away first.
    Cancelled,
}

impl Outcome {
    const NAMES: [&'static str; 12] = [
        "ok",
        "client_error",
        "server_error",
        "memory",
        "cpu",
        "wall",
        "trap",
        "overloaded",
        "rate_limited",
        "unauthorized",
        "too_large",
        "cancelled",
    ];

    /// That of an answered request.
    pub fn of_status(status: u16) -> Self {
        match status {
            ..400 => Self::Ok,
            400..500 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

const KILLS: [(Outcome, &str); 4] = [
    (Outcome::Memory, "memory"),
    (Outcome::Cpu, "cpu"),
    (Outcome::Wall, "wall"),
    (Outcome::Trap, "trap"),
];

#[derive(Default)]
struct PerGuest {
    requests: [AtomicU64; Outcome::NAMES.len()],
    instances: AtomicU64,
    memory_peak: AtomicU64,
    cpu_ns: AtomicU64,
}

/// The counters; all methods may be called from any thread.
#[derive(Default)]
pub struct Metrics {
    guests: [PerGuest; Guest::ALL.len()],
    live: AtomicI64,
    kills: [AtomicU64; KILLS.len()],
    jobs: OnceLock<Arc<JobQueue>>,
}

impl Metrics {
    /// A request, or a job's call, has ended.
    pub fn request(&self, guest: Guest, outcome: Outcome) {
        self.guests[guest.index()].requests[outcome as usize].fetch_add(1, Relaxed);
    }

    /// An instance begins.
    pub fn instance_begins(&self, guest: Guest) {
        self.guests[guest.index()].instances.fetch_add(1, Relaxed);
        self.live.fetch_add(1, Relaxed);
    }

    /// An instance has ended; `kill` is why, where it did not end by itself.
    pub fn instance_ends(
        &self,
        guest: Guest,
        memory_peak: u64,
        cpu_ns: u64,
        kill: Option<Outcome>,
    ) {
        let counters = &self.guests[guest.index()];
        counters.memory_peak.fetch_max(memory_peak, Relaxed);
        counters.cpu_ns.fetch_add(cpu_ns, Relaxed);
        self.live.fetch_sub(1, Relaxed);
        let reason = KILLS.iter().position(|(outcome, _)| Some(*outcome) == kill);
        if let Some(reason) = reason {
            self.kills[reason].fetch_add(1, Relaxed);
        }
    }

    /// Tells of these jobs from now on.
    pub fn watch(&self, jobs: &Arc<JobQueue>) {
        // There is one queue, and it is told of once.
        let _ = self.jobs.set(Arc::clone(jobs));
    }

    /// Instances alive now.
    pub fn live(&self) -> i64 {
        self.live.load(Relaxed)
    }

    /// The text that `GET /metrics` answers.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(4096);
        head(
            &mut text,
            "dayfly_requests_total",
            "counter",
            "Requests by guest and how they ended.",
        );
        for guest in Guest::ALL {
            for (count, outcome) in self.guests[guest.index()]
                .requests
                .iter()
                .zip(Outcome::NAMES)
            {
                let labels = format!("guest=\"{}\",outcome=\"{outcome}\"", guest.name());
                sample(
                    &mut text,
                    "dayfly_requests_total",
                    &labels,
                    count.load(Relaxed),
                );
            }
        }
        self.per_guest(
            &mut text,
            (
                "dayfly_guest_memory_peak_bytes",
                "gauge",
                "The most linear memory that one instance ever had.",
            ),
            |guest| guest.memory_peak.load(Relaxed),
        );
        self.per_guest(
            &mut text,
            (
                "dayfly_guest_cpu_milliseconds_total",
                "counter",
                "CPU time of instances that have ended.",
            ),
            |guest| guest.cpu_ns.load(Relaxed) / 1_000_000,
        );
        self.per_guest(
            &mut text,
            (
                "dayfly_instances_total",
                "counter",
                "Instances that were made.",
            ),
            |guest| guest.instances.load(Relaxed),
        );
        head(
            &mut text,
            "dayfly_instances",
            "gauge",
            "Instances alive now.",
        );
        let _ = writeln!(text, "dayfly_instances {}", self.live());
        head(
            &mut text,
            "dayfly_guest_kills_total",
            "counter",
            "Instances that did not end by themselves.",
        );
        for ((_, reason), count) in KILLS.iter().zip(&self.kills) {
            let labels = format!("reason=\"{reason}\"");
            sample(
                &mut text,
                "dayfly_guest_kills_total",
                &labels,
                count.load(Relaxed),
            );
        }
        if let Some(jobs) = self.jobs.get() {
            render_jobs(&mut text, jobs);
        }
        if let Some(bytes) = resident_memory("self") {
            head(
                &mut text,
                "process_resident_memory_bytes",
                "gauge",
                "Resident memory of the server.",
            );
            let _ = writeln!(text, "process_resident_memory_bytes {bytes}");
        }
        text
    }

    fn per_guest(
        &self,
        text: &mut String,
        (name, kind, help): (&str, &str, &str),
        value: impl Fn(&PerGuest) -> u64,
    ) {
        head(text, name, kind, help);
        for guest in Guest::ALL {
            let labels = format!("guest=\"{}\"", guest.name());
            sample(text, name, &labels, value(&self.guests[guest.index()]));
        }
    }
}

fn render_jobs(text: &mut String, jobs: &JobQueue) {
    let figures = jobs.figures();
    let name = "dayfly_jobs";
    head(
        text,
        name,
        "gauge",
        "Pending ingestions that are known here.",
    );
    for (state, count) in [
        ("running", figures.running),
        ("waiting", figures.waiting),
        ("sleeping", figures.sleeping),
    ] {
        sample(text, name, &format!("state=\"{state}\""), count as u64);
    }
    for (name, kind, help, value) in [
        (
            "dayfly_jobs_oldest_seconds",
            "gauge",
            "How long the job waits that has waited longest.",
            figures.oldest.as_secs(),
        ),
        (
            "dayfly_jobs_overflowing_tenants",
            "gauge",
            "Tenants with more pending ingestions than are known here.",
            figures.overflowing as u64,
        ),
        (
            "dayfly_jobs_gave_way_total",
            "counter",
            "Turns of jobs that ended for others' sake.",
            figures.gave_way,
        ),
    ] {
        head(text, name, kind, help);
        let _ = writeln!(text, "{name} {value}");
    }
}

pub(crate) fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(text: &mut String, name: &str, labels: &str, value: u64) {
    let _ = writeln!(text, "{name}{{{labels}}} {value}");
}

/// That of a process, by its number or `self`. Linux only; elsewhere there is no such sample.
pub fn resident_memory(process: &str) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_what_is_rendered() {
        let metrics = Metrics::default();
        metrics.instance_begins(Guest::Ingest);
        metrics.instance_begins(Guest::Ingest);
        metrics.instance_ends(Guest::Ingest, 1 << 20, 5_000_000, Some(Outcome::Memory));
        metrics.request(Guest::Ingest, Outcome::Memory);
        let text = metrics.render();
        for line in [
            "dayfly_requests_total{guest=\"ingest\",outcome=\"memory\"} 1",
            "dayfly_requests_total{guest=\"search\",outcome=\"ok\"} 0",
            "dayfly_guest_memory_peak_bytes{guest=\"ingest\"} 1048576",
            "dayfly_instances_total{guest=\"ingest\"} 2",
            "dayfly_instances 1",
            "dayfly_guest_kills_total{reason=\"memory\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
