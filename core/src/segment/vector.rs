//! Vectors on their way in: checked, normalised, quantised; and their products.

use super::{MAX_DIMENSION, SegmentError};
use crate::codes::CodedQuery;

/// A query, prepared once for all segments.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(super) unit: Vec<f32>,
    pub(super) coded: CodedQuery,
}

impl Query {
    /// Normalises and quantises `vector`.
    ///
    /// Fails with [`SegmentError::Invalid`] when it has no direction (all zeros), a component
    /// that is not finite, or no or too many components.
    pub fn new(vector: &[f32]) -> Result<Self, SegmentError> {
        if vector.is_empty() || vector.len() > MAX_DIMENSION as usize {
            return Err(SegmentError::Invalid(format!(
                "a vector has 1 to {MAX_DIMENSION} components, not {}",
                vector.len()
            )));
        }
        let mut unit = vector.to_vec();
        normalise(&mut unit)?;
        let mut code = Vec::with_capacity(unit.len());
        let scale = quantise(&unit, &mut code);
        let coded = CodedQuery { code, scale };
        Ok(Self { unit, coded })
    }

    /// Its components, scaled to length 1.
    pub fn unit(&self) -> &[f32] {
        &self.unit
    }

    /// The number of its components.
    pub fn dimension(&self) -> u32 {
        self.unit.len() as u32
    }
}

/// Scales `vector` to length 1.
pub(super) fn normalise(vector: &mut [f32]) -> Result<(), SegmentError> {
    let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if !square.is_finite() {
        return Err(SegmentError::Invalid(
            "a vector has a component that is NaN or infinite; check the embedding model's answer"
                .to_owned(),
        ));
    }
    if square == 0.0 {
        return Err(SegmentError::Invalid(
            "a vector is all zeros and has no direction; check the embedding model's answer"
                .to_owned(),
        ));
    }
    let inverse = square.sqrt().recip();
    for x in vector {
        *x = (f64::from(*x) * inverse) as f32;
    }
    Ok(())
}

/// Appends the int8 code of `unit` and answers the factor that turns codes back into components.
///
/// Codes are kept as the bytes that storage gives, in two's complement.
pub(super) fn quantise(unit: &[f32], code: &mut Vec<u8>) -> f32 {
    let largest = unit.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let step = 127.0 / largest;
    code.extend(unit.iter().map(|x| (x * step).round() as i8 as u8));
    largest / 127.0
}

/// Components added up side by side: what lets the compiler use vector instructions.
const LANES: usize = 16;

/// The product of two vectors of equal length.
#[inline]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_lanes
        .remainder()
        .iter()
        .zip(b_lanes.remainder())
        .map(|(x, y)| x * y)
        .sum();
    let mut sums = [0.0_f32; LANES];
    for (x, y) in a_lanes.zip(b_lanes) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::dot_codes;
    use proptest::prelude::*;

    #[test]
    fn vectors_without_direction_or_with_nonsense_are_refused() {
        for bad in [
            vec![],
            vec![0.0; 8],
            vec![1.0, f32::NAN],
            vec![f32::INFINITY],
        ] {
            assert!(
                matches!(Query::new(&bad), Err(SegmentError::Invalid(_))),
                "{bad:?}"
            );
        }
        assert!(Query::new(&vec![1.0; MAX_DIMENSION as usize + 1]).is_err());
    }

    #[test]
    fn very_small_and_very_large_vectors_are_normalised() {
        for scale in [1e-38_f32, 1.0, 1e38] {
            let query = Query::new(&[3.0 * scale, 2.0 * scale]).unwrap();
            let length = dot(&query.unit, &query.unit);
            assert!((length - 1.0).abs() < 1e-5, "{scale}: {length}");
        }
    }

    #[test]
    fn the_largest_product_of_codes_does_not_overflow() {
        let code = vec![-127_i8 as u8; MAX_DIMENSION as usize];
        assert_eq!(dot_codes(&code, &code), 127 * 127 * MAX_DIMENSION as i32);
        let hostile = vec![i8::MIN as u8; MAX_DIMENSION as usize];
        assert_eq!(
            dot_codes(&hostile, &hostile),
            128 * 128 * MAX_DIMENSION as i32
        );
    }

    proptest! {
        #[test]
        fn codes_keep_the_product_to_within_their_step(
            pairs in prop::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 2..300)
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            prop_assume!(a.iter().any(|x| x.abs() > 1e-3) && b.iter().any(|x| x.abs() > 1e-3));
            let (a, b) = (Query::new(&a).unwrap(), Query::new(&b).unwrap());
            let exact: f32 = a.unit.iter().zip(&b.unit).map(|(x, y)| x * y).sum();
            prop_assert!((dot(&a.unit, &b.unit) - exact).abs() < 1e-5);
            let coded = dot_codes(&a.coded.code, &b.coded.code) as f32 * a.coded.scale * b.coded.scale;
            let rows = a.unit.len() as f32;
            let (a_scale, b_scale) = (a.coded.scale, b.coded.scale);
            let bound = (a_scale + b_scale) / 2.0 * rows.sqrt() + rows * a_scale * b_scale / 4.0;
            prop_assert!((coded - exact).abs() <= bound + 1e-5, "{coded} {exact} {bound}");
        }
    }
}
