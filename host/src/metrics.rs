//! What the server counts, and how it tells Prometheus.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use crate::guests::Guest;

/// Of the text that [`render`] answers.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

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

    fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// That of an answered request.
    pub fn of_status(status: u16) -> Self {
        match status {
            ..400 => Self::Ok,
            400..500 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

const KILLS: [Outcome; 4] = [Outcome::Memory, Outcome::Cpu, Outcome::Wall, Outcome::Trap];

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The counters; all methods may be called from any thread.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    memory_peak: Family<Labels<1>, Gauge>,
    cpu_ms: Family<Labels<1>, Counter<f64, AtomicU64>>,
    instances: Family<Labels<1>, Counter>,
    live: Gauge,
    kills: Family<Labels<1>, Counter>,
}

impl Metrics {
    /// None of them has counted; `sources` are told of, too.
    pub fn new(sources: Vec<Box<dyn Collector>>) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            memory_peak: Family::default(),
            cpu_ms: Family::default(),
            instances: Family::default(),
            live: Gauge::default(),
            kills: Family::default(),
        };
        metrics.begin_at_zero();
        metrics.register();
        for source in sources {
            metrics.registry.register_collector(source);
        }
        metrics
    }

    /// What has not happened yet is told of, so that its first time is a change.
    fn begin_at_zero(&self) {
        for guest in Guest::ALL {
            for outcome in Outcome::NAMES {
                let _ = self
                    .requests
                    .get_or_create(&[("guest", guest.name()), ("outcome", outcome)]);
            }
            let of_guest = of(guest);
            let _ = self.memory_peak.get_or_create(&of_guest);
            let _ = self.cpu_ms.get_or_create(&of_guest);
            let _ = self.instances.get_or_create(&of_guest);
        }
        for kill in KILLS {
            let _ = self.kills.get_or_create(&[("reason", kill.name())]);
        }
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "dayfly_requests",
            "Requests by guest and how they ended",
            self.requests.clone(),
        );
        registry.register(
            "dayfly_guest_memory_peak_bytes",
            "The most linear memory that one instance ever had",
            self.memory_peak.clone(),
        );
        registry.register(
            "dayfly_guest_cpu_milliseconds",
            "CPU time of instances that have ended",
            self.cpu_ms.clone(),
        );
        registry.register("dayfly_instances", "Instances alive now", self.live.clone());
        registry.register(
            "dayfly_instances",
            "Instances that were made",
            self.instances.clone(),
        );
        registry.register(
            "dayfly_guest_kills",
            "Instances that did not end by themselves",
            self.kills.clone(),
        );
        registry.register_collector(source(|mut encoder| {
            let Some(bytes) = resident_memory("self") else {
                return Ok(());
            };
            let help = "Resident memory of the server.";
            let name = "process_resident_memory_bytes";
            tell(&mut encoder, &[(name, MetricType::Gauge, help, bytes)])
        }));
    }

    /// A request, or a job's call, has ended.
    pub fn request(&self, guest: Guest, outcome: Outcome) {
        let labels = [("guest", guest.name()), ("outcome", outcome.name())];
        self.requests.get_or_create(&labels).inc();
    }

    /// An instance begins.
    pub fn instance_begins(&self, guest: Guest) {
        self.instances.get_or_create(&of(guest)).inc();
        self.live.inc();
    }

    /// An instance has ended; `kill` is why, where it did not end by itself.
    pub fn instance_ends(
        &self,
        guest: Guest,
        memory_peak: u64,
        cpu_ns: u64,
        kill: Option<Outcome>,
    ) {
        let peak = i64::try_from(memory_peak).unwrap_or(i64::MAX);
        let known = self.memory_peak.get_or_create(&of(guest));
        known.inner().fetch_max(peak, Relaxed);
        let cpu_ms = cpu_ns as f64 / 1e6;
        self.cpu_ms.get_or_create(&of(guest)).inc_by(cpu_ms);
        self.live.dec();
        if let Some(kill) = kill.filter(|kill| KILLS.contains(kill)) {
            self.kills.get_or_create(&[("reason", kill.name())]).inc();
        }
    }

    /// Instances alive now.
    pub fn live(&self) -> i64 {
        self.live.get()
    }

    /// The text that `GET /metrics` answers.
    pub fn render(&self) -> String {
        render(&self.registry)
    }
}

fn of(guest: Guest) -> Labels<1> {
    [("guest", guest.name())]
}

/// What a registry tells, in Prometheus' text format.
pub fn render(registry: &Registry) -> String {
    let mut text = String::with_capacity(4096);
    // A string takes all of it.
    let _ = prometheus_text::encode(&mut text, registry);
    text
}

struct Source<F>(F);

impl<F> fmt::Debug for Source<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Source")
    }
}

impl<F> Collector for Source<F>
where
    F: Fn(DescriptorEncoder<'_>) -> fmt::Result + Send + Sync + 'static,
{
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0(encoder)
    }
}

/// Figures that are read when they are asked for.
pub fn source<F>(tells: F) -> Box<dyn Collector>
where
    F: Fn(DescriptorEncoder<'_>) -> fmt::Result + Send + Sync + 'static,
{
    Box::new(Source(tells))
}

/// A figure without labels: its name, a counter's without its `_total`; what it is, for people, and how
/// much.
pub type Figure = (&'static str, MetricType, &'static str, u64);

/// Tells of figures, for a [`source`].
///
/// # Errors
/// Those of the encoder.
pub fn tell(encoder: &mut DescriptorEncoder<'_>, figures: &[Figure]) -> fmt::Result {
    for (name, kind, help, value) in figures {
        let metric = encoder.encode_descriptor(name, help, None, *kind)?;
        match kind {
            MetricType::Counter => ConstCounter::new(*value).encode(metric)?,
            _ => ConstGauge::new(*value).encode(metric)?,
        }
    }
    Ok(())
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
        let metrics = Metrics::new(Vec::new());
        metrics.instance_begins(Guest::Ingest);
        metrics.instance_begins(Guest::Ingest);
        metrics.instance_ends(Guest::Ingest, 1 << 20, 5_000_000, Some(Outcome::Memory));
        metrics.request(Guest::Ingest, Outcome::Memory);
        let text = metrics.render();
        let heads = text.lines().filter(|line| line.starts_with("# TYPE"));
        let mut heads: Vec<&str> = heads.collect();
        heads.sort_unstable();
        let all = heads.len();
        heads.dedup();
        assert_eq!(heads.len(), all, "{text}");
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
