//! The plane kernel with sums in f64: for pictures or masks whose f32 sums would lose what matters. The accumulate stage,
//! and the arithmetic of the scatter stage, of filters that ask for [`Accumulate::F64`](crate::Accumulate), and of those on
//! integers whose f32 sums would leave the rounding of too many pixels open.
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
//! Of a separable mask, [`down`] makes sums of the column in f64 and [`across`] those of the row of these, as the two kernels
//! for f32 do; only the second's products round, unfused, once more.
//!
//! Plain arrays: in a vector region the compiler makes registers of them, two for every vector of f32. The order of taps
//! is that of the plane kernel, whose sharing of loads between output rows would save little here, where half the work is
//! arithmetic on twice as many registers.

use convoke_simd::Simd;

use super::plane::{Rows, Sink, TILE_ROWS};
use crate::slices::{item, part, part_mut, rest};

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
fn tile<S: Simd, const W: usize, const NV: usize>(
    simd: S,
    taps: WideTaps<'_>,
    rows: Rows<'_>,
    post: WidePost,
    [y, x]: [usize; 2],
) -> [[S::F32; NV]; 1] {
    let mut sums = [0.0_f64; W];
    for (r, weights) in taps.weights.chunks_exact(taps.cols.max(1)).enumerate() {
        let Some(row) = rows.at(y + r, x) else { break };
        // A local copy for each run of taps keeps the sums in registers.
        let mut local = sums;
        for (s, &w) in weights.iter().enumerate() {
            let w = f64::from(w);
            let Some(pixels) = part(row, s * taps.step, W) else { break };
            for i in 0..W {
                local[i] += w * f64::from(pixels[i]);
            }
        }
        sums = local;
    }
    finish(simd, sums, post)
}

/// What is done to every sum, and the one rounding to f32.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "iterators would not stay in registers")]
fn finish<S: Simd, const W: usize, const NV: usize>(
    simd: S,
    mut sums: [f64; W],
    post: WidePost,
) -> [[S::F32; NV]; 1] {
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

/// Where the sums of [`down`] go: `width` elements per row, at least a vector.
pub(crate) struct WideSums<'a> {
    pub(crate) data: &'a mut [f64],
    /// Elements from one row to the next.
    pub(crate) pitch: usize,
}

/// `dst[y, x] = sum over r of column[r] * rows[y + r, x]`, as in the [kernel for f32](super::separable::down): `count`
/// rows, at most [`TILE_ROWS`], of `width` elements, at least a vector.
#[inline(never)]
pub(crate) fn down<S: Simd>(
    simd: S,
    column: &[f32],
    rows: Rows<'_>,
    [count, width]: [usize; 2],
    dst: &mut WideSums<'_>,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            if count == TILE_ROWS && column.len() >= TILE_ROWS {
                columns::<S, TILE_ROWS>(column, rows, 0, width, dst);
            } else {
                for y in 0..count {
                    columns::<S, 1>(column, rows, y, width, dst);
                }
            }
        },
    );
}

/// `OR` rows from `y` on. The last vector is pushed back to end with them.
#[inline(always)]
fn columns<S: Simd, const OR: usize>(
    column: &[f32],
    rows: Rows<'_>,
    y: usize,
    width: usize,
    dst: &mut WideSums<'_>,
) {
    let mut x = 0;
    while x < width {
        let at = x.min(width - S::LANES);
        match S::LANES {
            16 => column_tile::<OR, 16>(column, rows, [y, at], dst),
            8 => column_tile::<OR, 8>(column, rows, [y, at], dst),
            4 => column_tile::<OR, 4>(column, rows, [y, at], dst),
            _ => column_tile::<OR, 1>(column, rows, [y, at], dst),
        }
        x = at + S::LANES;
    }
}

/// `OR` rows of `W` elements: a row of inputs, once it is f64, serves every output row whose column contains it.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "iterators would not stay in registers")]
fn column_tile<const OR: usize, const W: usize>(
    column: &[f32],
    rows: Rows<'_>,
    [y, x]: [usize; 2],
    dst: &mut WideSums<'_>,
) {
    let mut sums = [[0.0_f64; W]; OR];
    macro_rules! input_row {
        ($r:expr, $lo:expr, $hi:expr) => {
            let Some(row) = rows.at(y + $r, x) else { return };
            let Some(pixels) = part(row, 0, W) else { return };
            let mut v = [0.0_f64; W];
            for j in 0..W {
                v[j] = f64::from(pixels[j]);
            }
            for i in $lo..$hi {
                let Some(w) = item(column, $r - i) else { return };
                let w = f64::from(*w);
                for j in 0..W {
                    sums[i][j] += w * v[j];
                }
            }
        };
    }
    // The rows that only some of the outputs need are written out: see the tile of the plane kernel.
    let taps = column.len();
    if OR == TILE_ROWS {
        input_row!(0, 0, 1);
        input_row!(1, 0, 2);
        input_row!(2, 0, 3);
    }
    for r in OR - 1..taps {
        input_row!(r, 0, OR);
    }
    if OR == TILE_ROWS {
        input_row!(taps, 1, OR);
        input_row!(taps + 1, 2, OR);
        input_row!(taps + 2, 3, OR);
    }
    for i in 0..OR {
        let Some(dst) = part_mut(dst.data, (y + i) * dst.pitch + x, W) else { return };
        for (dst, sum) in dst.iter_mut().zip(sums[i]) {
            *dst = sum;
        }
    }
}

/// `sum over s of row[s] * src[y, x + s * step]`, over all terms of the mask (`rows` has a row for each, `src` its sums of
/// [`TILE_ROWS`] rows), for `count` rows of `width` elements, and what is done to every sum.
///
/// Here a product has two roundings of f64, its own and that of the sum. It is never fused, so that all levels give the
/// same bits.
#[inline(never)]
pub(crate) fn across<S: Simd, K: Sink>(
    simd: S,
    rows: WideTaps<'_>,
    src: &WideSums<'_>,
    post: WidePost,
    [count, width]: [usize; 2],
    sink: &mut K,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            for y in 0..count {
                let mut x = 0;
                while x + 4 * S::LANES <= width {
                    let sums = match S::LANES {
                        16 => row_tile::<S, 64, 4>(simd, rows, src, [y, x], post),
                        8 => row_tile::<S, 32, 4>(simd, rows, src, [y, x], post),
                        4 => row_tile::<S, 16, 4>(simd, rows, src, [y, x], post),
                        _ => row_tile::<S, 4, 4>(simd, rows, src, [y, x], post),
                    };
                    sink.put(simd, [y, x], 4 * S::LANES, sums);
                    x += 4 * S::LANES;
                }
                while x < width {
                    let at = x.min(width.saturating_sub(S::LANES));
                    let sums = match S::LANES {
                        16 => row_tile::<S, 16, 1>(simd, rows, src, [y, at], post),
                        8 => row_tile::<S, 8, 1>(simd, rows, src, [y, at], post),
                        4 => row_tile::<S, 4, 1>(simd, rows, src, [y, at], post),
                        _ => row_tile::<S, 1, 1>(simd, rows, src, [y, at], post),
                    };
                    sink.put(simd, [y, at], S::LANES.min(width), sums);
                    x = at + S::LANES;
                }
            }
        },
    );
}

/// `NV` vectors, `W` elements, of one row.
#[inline(always)]
fn row_tile<S: Simd, const W: usize, const NV: usize>(
    simd: S,
    rows: WideTaps<'_>,
    src: &WideSums<'_>,
    [y, x]: [usize; 2],
    post: WidePost,
) -> [[S::F32; NV]; 1] {
    let mut sums = [0.0_f64; W];
    for (term, row) in rows.weights.chunks_exact(rows.cols.max(1)).enumerate() {
        let Some(src) = rest(src.data, (term * TILE_ROWS + y) * src.pitch + x) else { break };
        let mut local = sums;
        for (s, &w) in row.iter().enumerate() {
            let w = f64::from(w);
            let Some(src) = part(src, s * rows.step, W) else { break };
            for i in 0..W {
                local[i] += w * src[i];
            }
        }
        sums = local;
    }
    finish(simd, sums, post)
}
