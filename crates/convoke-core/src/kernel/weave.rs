//! Rows whose columns were made apart, put together: every so many values come from one strip. The end of a transposed
//! convolution of planes.

use convoke_simd::Simd;

use crate::Activation;

/// Row number `row` of a plane from strips of as many `rows` as there are, one strip for each value of a column modulo `stride`:
/// `out[p + i * stride] = strip[p][row][i]`. Strips follow each other, the first ones with one column more if need be.
#[inline(always)]
pub(crate) fn row<S: Simd>(simd: S, strips: &[f32], rows: usize, row: usize, stride: usize, out: &mut [f32]) {
    let (fewest, more) = (out.len() / stride, out.len() % stride);
    let place = Place { strips, rows, row, fewest, more };
    match stride {
        2 => {
            let strips = [place.strip(0), place.strip(1)];
            for (i, out) in out.chunks_mut(2 * S::LANES).enumerate() {
                let [low, high] = simd.interleave(some(simd, strips[0], i), some(simd, strips[1], i));
                put(simd, [low, high, low, high], out);
            }
        }
        4 => {
            let strips = [place.strip(0), place.strip(1), place.strip(2), place.strip(3)];
            for (i, out) in out.chunks_mut(4 * S::LANES).enumerate() {
                let even = simd.interleave(some(simd, strips[0], i), some(simd, strips[2], i));
                let odd = simd.interleave(some(simd, strips[1], i), some(simd, strips[3], i));
                let lower = simd.interleave(even[0], odd[0]);
                let upper = simd.interleave(even[1], odd[1]);
                put(simd, [lower[0], lower[1], upper[0], upper[1]], out);
            }
        }
        _ => {
            for p in 0..stride.min(out.len()) {
                for (i, value) in place.strip(p).iter().enumerate() {
                    out[p + i * stride] = *value;
                }
            }
        }
    }
}

/// A row of all strips.
struct Place<'a> {
    strips: &'a [f32],
    rows: usize,
    row: usize,
    /// Columns of each strip; the first `more` have one more.
    fewest: usize,
    more: usize,
}

impl<'a> Place<'a> {
    #[inline(always)]
    fn strip(&self, p: usize) -> &'a [f32] {
        let count = self.fewest + usize::from(p < self.more);
        &self.strips[self.rows * (p * self.fewest + p.min(self.more)) + self.row * count..][..count]
    }
}

/// Vector `i` of a strip, as far as there is one.
#[inline(always)]
fn some<S: Simd>(simd: S, strip: &[f32], i: usize) -> S::F32 {
    let start = strip.len().min(i * S::LANES);
    let end = strip.len().min(start + S::LANES);
    simd.load_first(&strip[start..end])
}

/// As many of the vectors as there is room for.
#[inline(always)]
fn put<S: Simd>(simd: S, vectors: [S::F32; 4], out: &mut [f32]) {
    for (v, out) in vectors.into_iter().zip(out.chunks_mut(S::LANES)) {
        simd.store_first(v, out);
    }
}

/// Adds a residual, then applies an activation.
#[inline(always)]
pub(crate) fn finish<S: Simd>(simd: S, residual: Option<&[f32]>, activation: Activation, out: &mut [f32]) {
    for (i, out) in out.chunks_mut(S::LANES).enumerate() {
        let mut v = simd.load_first(out);
        if let Some(residual) = residual {
            v = simd.add(v, simd.load_first(&residual[i * S::LANES..][..out.len()]));
        }
        simd.store_first(activation.apply(simd, v), out);
    }
}
