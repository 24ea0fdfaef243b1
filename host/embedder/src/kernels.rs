//! The arithmetic of a BERT layer: matrix product, softmax, GELU and layer normalisation.

use gemm_common::Parallelism;
use gemm_f32::gemm::f32::get_gemm_fn;
use pulp::Arch;

/// Partial sums kept apart, so that a reduction fills whole vector registers.
const LANES: usize = 16;

/// A read-only view of a matrix with any strides, in elements.
#[derive(Clone, Copy)]
pub(crate) struct Mat<'a> {
    pub data: &'a [f32],
    pub rows: usize,
    pub cols: usize,
    pub row_stride: usize,
    pub col_stride: usize,
}

impl<'a> Mat<'a> {
    /// A view of `rows` rows of `cols` adjacent elements, `row_stride` apart.
    pub fn rows(data: &'a [f32], rows: usize, cols: usize, row_stride: usize) -> Self {
        Self {
            data,
            rows,
            cols,
            row_stride,
            col_stride: 1,
        }
    }

    /// The same elements with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }

    fn fits(&self) -> bool {
        let last = (self.rows - 1) * self.row_stride + (self.cols - 1) * self.col_stride;
        last < self.data.len()
    }
}

/// Writes `scale * a * b`, or adds it where `accumulate` is set, to the matrix whose rows lie
/// `row_stride` apart in `dst`.
///
/// # Panics
///
/// Where the shapes do not agree or a matrix reaches past its slice.
#[expect(unsafe_code, reason = "`gemm-f32` has no safe interface")]
pub(crate) fn matmul(
    dst: &mut [f32],
    row_stride: usize,
    accumulate: bool,
    a: Mat<'_>,
    b: Mat<'_>,
    scale: f32,
) {
    let (m, n, k) = (a.rows, b.cols, a.cols);
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    assert_eq!(k, b.rows, "inner dimensions");
    assert!(a.fits() && b.fits(), "a factor reaches past its slice");
    assert!(n <= row_stride, "rows of the product overlap");
    assert!(
        (m - 1) * row_stride + n <= dst.len(),
        "the product reaches past its slice"
    );
    // SAFETY: the assertions above hold every element that it reads or writes, which are
    // exactly those of the three shapes and strides, inside its slice; `dst` is borrowed
    // mutably, so it overlaps neither factor. Strides are below `isize::MAX`, being lengths of
    // slices.
    unsafe {
        // The transposed product: its kernels write columns.
        get_gemm_fn()(
            n,
            m,
            k,
            dst.as_mut_ptr(),
            row_stride as isize,
            1,
            accumulate,
            b.data.as_ptr(),
            b.row_stride as isize,
            b.col_stride as isize,
            a.data.as_ptr(),
            a.row_stride as isize,
            a.col_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Adds `bias` to each row.
pub(crate) fn add_bias(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (x, b) in row.iter_mut().zip(bias) {
            *x += b;
        }
    }
}

/// Sets each row to `bias`.
pub(crate) fn fill_rows(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        row.copy_from_slice(bias);
    }
}

/// Replaces each row of `width` elements by its softmax.
pub(crate) fn softmax(rows: &mut [f32], width: usize) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for row in rows.chunks_exact_mut(width) {
                softmax_row(row);
            }
        },
    );
}

#[inline(always)]
fn softmax_row(row: &mut [f32]) {
    let top = reduce(row, f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
    for x in row.iter_mut() {
        *x = exp_of_nonpositive(*x - top);
    }
    let inverse = 1.0 / reduce(row, 0.0, |a, b| a + b);
    for x in row.iter_mut() {
        *x *= inverse;
    }
}

/// Replaces each element by its GELU, `x * Phi(x)`, in the exact form that BERT is trained with.
pub(crate) fn gelu(values: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for x in values.iter_mut() {
                *x = gelu_of(*x);
            }
        },
    );
}

/// GELU through the error function as in Abramowitz and Stegun, Handbook of Mathematical
/// Functions, 7.1.26, whose absolute error is below 1.5e-7.
#[inline(always)]
fn gelu_of(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_7) * t - 0.284_496_74) * t
        + 0.254_829_6)
        * t;
    // For x > 0, x - 0.5 x tail; for x < 0, 0.5 x tail.
    let half_tail = 0.5 * x * poly * exp_of_nonpositive(-z * z);
    if x > 0.0 { x - half_tail } else { half_tail }
}

/// `exp(x)` for `x <= 0`, to about 2e-7 of its value; below -87 as for -87 (1.6e-38).
///
/// Cephes' `expf` (Moshier): the argument is reduced by multiples of ln 2, kept as a sum of two
/// constants, and a polynomial of degree five covers the rest. No branch and no call, so loops
/// over it become vector code.
#[inline(always)]
fn exp_of_nonpositive(x: f32) -> f32 {
    /// Adding 1.5 * 2^23 rounds to an integer, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > -87.0 { x } else { -87.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let poly = ((((1.987_569_1e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r
        + 1.666_666_5e-1)
        * r
        + 5.0e-1;
    let power = shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127)
        << 23;
    (poly * r * r + r + 1.0) * f32::from_bits(power)
}

/// Normalises each row to mean 0 and variance 1, then scales and shifts it by `weight` and
/// `bias`.
pub(crate) fn layer_norm(rows: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for row in rows.chunks_exact_mut(weight.len()) {
                layer_norm_row(row, weight, bias, epsilon);
            }
        },
    );
}

#[inline(always)]
fn layer_norm_row(row: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let inverse_width = 1.0 / row.len() as f32;
    let mean = reduce(row, 0.0, |a, b| a + b) * inverse_width;
    for x in row.iter_mut() {
        *x -= mean;
    }
    let squares = reduce_mapped(row, 0.0, |x| x * x, |a, b| a + b);
    let inverse_deviation = 1.0 / (squares * inverse_width + epsilon).sqrt();
    for ((x, w), b) in row.iter_mut().zip(weight).zip(bias) {
        *x = *x * inverse_deviation * w + b;
    }
}

/// Scales `row` to length 1; a row of zeros stays as it is.
pub(crate) fn l2_normalize(row: &mut [f32]) {
    let norm = reduce_mapped(row, 0.0, |x| x * x, |a, b| a + b).sqrt();
    if norm == 0.0 {
        return;
    }
    for x in row {
        *x /= norm;
    }
}

#[inline(always)]
fn reduce(row: &[f32], start: f32, combine: impl Fn(f32, f32) -> f32) -> f32 {
    reduce_mapped(row, start, |x| x, combine)
}

#[inline(always)]
fn reduce_mapped(
    row: &[f32],
    start: f32,
    map: impl Fn(f32) -> f32,
    combine: impl Fn(f32, f32) -> f32,
) -> f32 {
    let mut lanes = [start; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane = combine(*lane, map(*x));
        }
    }
    let mut total = start;
    for lane in lanes {
        total = combine(total, lane);
    }
    for x in rest {
        total = combine(total, map(*x));
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_standard_library() {
        for i in 0..=80_000 {
            let x = -(i as f32) / 1000.0;
            let (got, want) = (exp_of_nonpositive(x), x.exp());
            assert!((got - want).abs() <= 3e-7 * want, "exp({x}): {got} {want}");
        }
        assert!(exp_of_nonpositive(f32::NEG_INFINITY) < 1e-37);
    }

    /// Values of x * Phi(x) computed in double precision.
    #[test]
    fn gelu_agrees_with_its_definition() {
        let cases = [
            (-6.0, -5.919_53e-9),
            (-3.0, -0.004_049_694),
            (-1.0, -0.158_655_25),
            (-0.5, -0.154_268_77),
            (0.0, 0.0),
            (0.25, 0.149_676_57),
            (1.0, 0.841_344_8),
            (2.5, 2.484_475_8),
            (12.0, 12.0),
        ];
        for (x, want) in cases {
            let got = gelu_of(x);
            assert!((got - want).abs() < 1e-6, "gelu({x}): {got} {want}");
        }
    }

    #[test]
    fn softmax_sums_to_one_and_keeps_ratios() {
        let mut rows: Vec<f32> = (0..37 * 2).map(|i| (i % 11) as f32 - 100.0).collect();
        softmax(&mut rows, 37);
        for row in rows.chunks(37) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
        assert!((rows[1] / rows[0] - std::f32::consts::E).abs() < 1e-5);
    }

    #[test]
    fn layer_norm_gives_mean_zero_and_variance_one() {
        let mut row: Vec<f32> = (0..53).map(|i| (i * i % 17) as f32 + 1000.0).collect();
        layer_norm(&mut row, &[1.0; 53], &[0.0; 53], 1e-12);
        let mean = row.iter().sum::<f32>() / 53.0;
        let variance = row.iter().map(|x| x * x).sum::<f32>() / 53.0;
        assert!(mean.abs() < 1e-5, "{mean}");
        assert!((variance - 1.0).abs() < 1e-4, "{variance}");
    }

    #[test]
    fn matmul_agrees_with_its_definition_for_any_strides() {
        let a: Vec<f32> = (0..5 * 9).map(|i| (i % 7) as f32 - 3.0).collect();
        let b: Vec<f32> = (0..4 * 7).map(|i| (i % 5) as f32 - 2.0).collect();
        // a: 5 x 7 inside rows of 9; b: 7 x 4, the transpose of 4 x 7.
        let (left, right) = (Mat::rows(&a, 5, 7, 9), Mat::rows(&b, 4, 7, 7).transposed());
        let mut product = vec![1.0; 5 * 6];
        matmul(&mut product, 6, true, left, right, 0.5);
        for row in 0..5 {
            for col in 0..4 {
                let dot: f32 = (0..7).map(|k| a[row * 9 + k] * b[col * 7 + k]).sum();
                assert_eq!(product[row * 6 + col], 1.0 + 0.5 * dot);
            }
            let beyond = product[row * 6 + 4..row * 6 + 6].to_vec();
            assert_eq!(beyond, [1.0, 1.0], "past the product");
        }
    }

    #[test]
    #[should_panic(expected = "reaches past its slice")]
    fn matmul_refuses_a_matrix_larger_than_its_slice() {
        let mut dst = [0.0; 4];
        let three = [0.0; 3];
        let four = [0.0; 4];
        matmul(
            &mut dst,
            2,
            false,
            Mat::rows(&three, 2, 2, 2),
            Mat::rows(&four, 2, 2, 2),
            1.0,
        );
    }
}
