//! Reading Prometheus text.

use crate::Client;

/// One reading of `/metrics`.
pub struct Metrics(String);

impl Metrics {
    /// Asks the server.
    ///
    /// # Panics
    /// When it does not answer with Prometheus text.
    pub fn read(client: &Client) -> Self {
        let answer = client.get("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self(answer.text())
    }

    /// The sum of the series of `name` whose labels include all of `labels`; zero where there
    /// is none yet.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.series(name)
            .filter(|(has, _)| {
                labels
                    .iter()
                    .all(|(key, value)| has.contains(&format!("{key}=\"{value}\"")))
            })
            .map(|(_, value)| value)
            .sum()
    }

    /// Whether there is any series of that name.
    pub fn has(&self, name: &str) -> bool {
        self.series(name).next().is_some()
    }

    /// The text as it came.
    pub fn text(&self) -> &str {
        &self.0
    }

    fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            if !rest.starts_with(['{', ' ']) {
                return None;
            }
            let (labels, value) = rest.rsplit_once(' ')?;
            Some((labels, value.parse().ok()?))
        })
    }
}
