//! A row of the table.

use std::fmt;
use std::time::Duration;

use dayfly_tests::isolation::Tally;

use crate::pace::Phase;

/// The head of the table.
pub const HEAD: [&str; 2] = [
    "                     victim's search, p50/p99 ms         bound       upload p99 ms     file, slowest s  host RSS MiB",
    "attack                    before      during       after    ms        before   during      before   during  before   peak  after  what the attacker got",
];

/// What an attack may add to a search.
const ADDED: Duration = Duration::from_millis(50);

/// What was measured of one attack: before, during and after it.
pub struct Row {
    /// The attack.
    pub name: &'static str,
    /// What the victim felt.
    pub phases: [Phase; 3],
    /// The host's memory: before, at its peak, and after.
    pub resident: [u64; 3],
    /// What the attacker got.
    pub tally: Tally,
}

impl Row {
    /// Whether a search was slower than the bound, or anything refused.
    pub fn is_over(&self) -> bool {
        let bound = self.bound();
        let [_, felt @ ..] = &self.phases;
        felt.iter()
            .any(|phase| !phase.refused.is_empty() || at(&phase.searches, 99) > bound)
    }

    fn bound(&self) -> Duration {
        at(&self.phases[0].searches, 99) * 2 + ADDED
    }
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, during, after] = &self.phases;
        write!(out, "{:<20}", self.name)?;
        for phase in &self.phases {
            let (p50, p99) = (at(&phase.searches, 50), at(&phase.searches, 99));
            let both = format!("{}/{}", milliseconds(p50), milliseconds(p99));
            write!(out, " {both:>11}")?;
        }
        let verdict = if self.is_over() { "over" } else { "ok" };
        write!(out, " {:>5} {verdict:<4}", milliseconds(self.bound()))?;
        let uploads = |phase: &Phase| milliseconds(at(&phase.uploads, 99));
        write!(out, " {:>8} {:>8}", uploads(before), uploads(during))?;
        write!(out, "    {:>8} {:>8} ", slowest(before), slowest(during))?;
        for bytes in self.resident {
            write!(out, " {:>6.0}", bytes as f64 / f64::from(1 << 20))?;
        }
        write!(out, "  {}", self.tally)?;
        for (when, phase) in [("before", before), ("during", during), ("after", after)] {
            for (error, count) in &phase.refused {
                let error: String = error.chars().take(200).collect();
                write!(
                    out,
                    "\n    {when}, the victim was refused {count} times: {error}"
                )?;
            }
        }
        Ok(())
    }
}

/// The time that so many of a hundred took at most; zero of none.
fn at(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1e3)
}

fn slowest(phase: &Phase) -> String {
    if phase.files.contains(&None) {
        return "never".to_owned();
    }
    let slowest = phase.files.iter().flatten().max();
    slowest.map_or_else(
        || "–".to_owned(),
        |time| format!("{:.2}", time.as_secs_f64()),
    )
}
