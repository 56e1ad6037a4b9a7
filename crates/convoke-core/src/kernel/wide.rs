//! The plane kernel with sums in f64: for pictures or masks whose f32 sums would lose what matters. The accumulate stage,
//! and the arithmetic of the scatter stage, of filters that ask for [`Accumulate::F64`](crate::Accumulate).
//!
//! ```text
//! for each output row and tile of pixels
//!     sums = 0
//!     for each tap (r, s) in order
//!         sums += f64(weight) * f64(pixels of row r from s on)
//!     sums = sums * scale / divisor + offset, in f64;  round once, to f32
//! ```
//!
//! A product of two f32 has 48 bits and is exact in f64. So every tap costs one rounding, of 2^-53, fused or not, and
//! all levels give the same bits.
//!
//! Plain arrays: in a vector region the compiler makes registers of them, two for every vector of f32. The order of taps
//! is that of the plane kernel, whose sharing of loads between output rows would save little here, where half the work is
//! arithmetic on twice as many registers.

use convoke_simd::Simd;

use super::plane::{Rows, Sink};

/// What is done to every sum in f64: `* scale`, `/ divisor`, `+ offset`.
#[derive(Clone, Copy)]
pub(crate) struct WidePost {
    pub(crate) scale: f64,
    pub(crate) divisor: f64,
    pub(crate) offset: f64,
}

/// A mask of `cols` columns, whose taps of a row are `step` elements from each other.
#[derive(Clone, Copy)]
pub(crate) struct WideTaps<'a> {
    pub(crate) weights: &'a [f32],
    pub(crate) cols: usize,
    pub(crate) step: usize,
}

/// Computes `count` output rows of `width` elements; `rows` are as for the plane kernel.
// Not inlined: callers are generic over pixel types that make no difference here.
#[inline(never)]
pub(crate) fn accumulate<S: Simd, K: Sink>(
    simd: S,
    taps: WideTaps<'_>,
    rows: Rows<'_>,
    post: WidePost,
    [count, width]: [usize; 2],
    sink: &mut K,
) {
    const { assert!(matches!(S::LANES, 1 | 4 | 8 | 16), "tiles are written out for these") };
    simd.vectorize(
        #[inline(always)]
        || {
            for y in 0..count {
                let mut x = 0;
                while x + 4 * S::LANES <= width {
                    let sums = match S::LANES {
                        16 => tile::<S, 64, 4>(simd, taps, rows, post, [y, x]),
                        8 => tile::<S, 32, 4>(simd, taps, rows, post, [y, x]),
                        4 => tile::<S, 16, 4>(simd, taps, rows, post, [y, x]),
                        _ => tile::<S, 4, 4>(simd, taps, rows, post, [y, x]),
                    };
                    sink.put(simd, [y, x], 4 * S::LANES, sums);
                    x += 4 * S::LANES;
                }
                // The last vector is pushed back to end with the row where it would hang over.
                while x < width {
                    let at = x.min(width.saturating_sub(S::LANES));
                    let sums = match S::LANES {
                        16 => tile::<S, 16, 1>(simd, taps, rows, post, [y, at]),
                        8 => tile::<S, 8, 1>(simd, taps, rows, post, [y, at]),
                        4 => tile::<S, 4, 1>(simd, taps, rows, post, [y, at]),
                        _ => tile::<S, 1, 1>(simd, taps, rows, post, [y, at]),
                    };
                    sink.put(simd, [y, at], S::LANES.min(width), sums);
                    x = at + S::LANES;
                }
            }
        },
    );
}

/// `NV` vectors of one output row, `W` elements.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "iterators would not stay in registers")]
fn tile<S: Simd, const W: usize, const NV: usize>(
    simd: S,
    taps: WideTaps<'_>,
    rows: Rows<'_>,
    post: WidePost,
    [y, x]: [usize; 2],
) -> [[S::F32; NV]; 1] {
    let mut sums = [0.0_f64; W];
    for (r, weights) in taps.weights.chunks_exact(taps.cols).enumerate() {
        let row = rows.at(y + r, x);
        // A local copy for each run of taps keeps the sums in registers.
        let mut local = sums;
        for (s, &w) in weights.iter().enumerate() {
            let w = f64::from(w);
            let pixels = &row[s * taps.step..][..W];
            for i in 0..W {
                local[i] += w * f64::from(pixels[i]);
            }
        }
        sums = local;
    }
    if post.scale != 1.0 {
        for i in 0..W {
            sums[i] *= post.scale;
        }
    }
    if post.divisor != 1.0 {
        for i in 0..W {
            sums[i] /= post.divisor;
        }
    }
    if post.offset != 0.0 {
        for i in 0..W {
            sums[i] += post.offset;
        }
    }
    let mut values = [0.0_f32; W];
    for i in 0..W {
        values[i] = sums[i] as f32;
    }
    let mut vectors = [simd.splat(0.0); NV];
    for j in 0..NV {
        vectors[j] = simd.load(&values[j * S::LANES..]);
    }
    [vectors]
}
