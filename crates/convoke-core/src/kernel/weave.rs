//! Rows whose columns were made apart, put together: every so many values come from one strip. The end of a transposed
//! convolution of planes.

use convoke_simd::Simd;

use crate::Activation;

/// Row number `row` of a plane from strips of as many `rows` as there are, one strip for each value of a column modulo `stride`:
/// `out[p + i * stride] = strip[p][row][i]`. Strips follow each other, the first ones with one column more if need be.
#[inline(always)]
pub(crate) fn row<S: Simd>(simd: S, strips: &[f32], rows: usize, row: usize, stride: usize, out: &mut [f32]) {
    let (fewest, more) = (out.len() / stride, out.len() % stride);
    let strip = |p: usize| {
        let count = fewest + usize::from(p < more);
        &strips[rows * (p * fewest + p.min(more)) + row * count..][..count]
    };
    // Whole vectors of all strips.
    let mut done = 0;
    match stride {
        2 => {
            let [a, b] = [strip(0), strip(1)];
            while done + S::LANES <= fewest {
                let [low, high] = simd.interleave(simd.load(&a[done..]), simd.load(&b[done..]));
                let out = &mut out[2 * done..][..2 * S::LANES];
                simd.store(low, out);
                simd.store(high, &mut out[S::LANES..]);
                done += S::LANES;
            }
        }
        4 if fewest > 0 => {
            let [a, b, c, d] = [strip(0), strip(1), strip(2), strip(3)];
            while done + S::LANES <= fewest {
                let even = simd.interleave(simd.load(&a[done..]), simd.load(&c[done..]));
                let odd = simd.interleave(simd.load(&b[done..]), simd.load(&d[done..]));
                let out = &mut out[4 * done..][..4 * S::LANES];
                for half in 0..2 {
                    let [low, high] = simd.interleave(even[half], odd[half]);
                    simd.store(low, &mut out[2 * half * S::LANES..]);
                    simd.store(high, &mut out[(2 * half + 1) * S::LANES..]);
                }
                done += S::LANES;
            }
        }
        _ => {}
    }
    for p in 0..stride.min(out.len()) {
        for (i, value) in strip(p).iter().enumerate().skip(done) {
            out[p + i * stride] = *value;
        }
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
