//! Whether something grows: a line through samples, and how sure it is.

/// A line by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// How much it grows from one sample to the next.
    pub per_sample: f64,
    /// How far from that the truth may be, in 19 cases of 20.
    pub within: f64,
}

/// The line through samples at equal distances: ordinary least squares, with the interval of a
/// normal distribution.
///
/// # Panics
/// For fewer than three samples.
pub fn slope(samples: &[f64]) -> Slope {
    const TWO_SIDED_95: f64 = 1.96;
    assert!(
        samples.len() > 2,
        "a line through {} samples",
        samples.len()
    );
    let count = samples.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = samples.iter().sum::<f64>() / count;
    let at = |n: usize| n as f64 - middle;
    let spread: f64 = (0..samples.len()).map(|n| at(n).powi(2)).sum();
    let rises = samples.iter().enumerate();
    let per_sample = rises.map(|(n, y)| at(n) * (y - mean)).sum::<f64>() / spread;
    let rest = samples.iter().enumerate();
    let error: f64 = rest
        .map(|(n, y)| (y - mean - per_sample * at(n)).powi(2))
        .sum::<f64>()
        / (count - 2.0);
    Slope {
        per_sample,
        within: TWO_SIDED_95 * (error / spread).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_noise_around_a_level_is_none() {
        let line: Vec<f64> = (0..10).map(|n| 3.0 + 2.0 * f64::from(n)).collect();
        let found = slope(&line);
        assert!(
            (found.per_sample - 2.0).abs() < 1e-9 && found.within < 1e-9,
            "{found:?}"
        );
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<f64> = (0..200).map(|_| 50.0 + random.f64()).collect();
        let found = slope(&noise);
        assert!(found.per_sample.abs() < found.within, "{found:?}");
    }
}
