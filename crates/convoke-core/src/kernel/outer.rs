//! The outer product: the hot loop of weight gradients. It makes `M` out channels by `V` vectors of weights of each, and keeps
//! their sums in registers over all pixels of a block.
//!
//! It is the [register tile](super::tile) with other operands: they lie one step of the reduction after the other, mostly in panels
//! that were laid out for that, so that it knows no geometry.

use convoke_simd::Simd;

use super::each::each;
use super::stripe;

/// Vectors of a full tile.
pub(crate) const VECTORS: usize = 2;

/// Out channels of a full tile: as many as a stripe has. With one more the compiler keeps sums in memory.
pub(crate) const fn channels(registers: usize) -> usize {
    stripe::channels(registers)
}

/// Where a tile of sums goes.
pub(crate) struct Target<'a> {
    /// The first out channel's first weight of the tile, and from one out channel to the next.
    pub(crate) dst: &'a mut [f32],
    pub(crate) step: usize,
    /// Lanes that are weights.
    pub(crate) lanes: usize,
    /// Whether sums are added to what is there.
    pub(crate) add: bool,
}

/// What is broadcast: values of a pixel side by side, and from one pixel to the next.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) step: usize,
}

/// Sums over all pixels: `left` has `count` values of each, `right` has `vectors` vectors.
#[inline]
pub(crate) fn run<S: Simd>(
    simd: S,
    left: Left<'_>,
    right: &[f32],
    [count, vectors]: [usize; 2],
    target: Target<'_>,
) {
    macro_rules! choose {
        ($v:literal: $($m:literal)*) => {
            $(if const { $m <= channels(S::REGISTERS) } && count == $m {
                return accumulate::<S, $m, $v>(simd, left, right, target);
            })*
        };
    }
    if vectors == 1 {
        choose!(1: 13 12 11 10 9 8 7 6 5 4 3 2 1);
    } else {
        choose!(2: 13 12 11 10 9 8 7 6 5 4 3 2 1);
    }
    debug_assert!(false, "a tile of {count} out channels");
}

/// The plain algorithm, for one out channel `k` and one weight `j` of it:
///
/// ```text
/// sum = 0
/// for each pixel p of the block        (row by row: the order of the contract)
///     sum += left[p][k] * right[p][j]
/// dst[k][j] = sum                      (or += for all blocks but the first)
/// ```
///
/// Departures: what will be written is fetched first (most tiles of a large gradient are not in any near cache); a tile at once, sums in registers, one function for each shape: as in the [register tile](super::tile). Each step
/// reads `V` vectors and broadcasts `M` values for `M * V` multiply-adds; both are read from front to back. Where a multiply-add takes a
/// lane of a vector for all of its lanes, the values are loaded as vectors as well.
#[inline(never)]
fn accumulate<S: Simd, const M: usize, const V: usize>(
    simd: S,
    left: Left<'_>,
    right: &[f32],
    target: Target<'_>,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let Target { dst, step, lanes, add } = target;
            let step_left = left.step;
            // Where the sums will go is fetched while they are made: stores that wait for memory hold up those behind them.
            for m in 0..M {
                for v in 0..V {
                    simd.prefetch(dst.get(m * step + v * S::LANES..).unwrap_or_default());
                }
            }
            let mut sums = [[simd.splat(0.0); V]; M];
            let mut at = 0;
            for right in right.chunks_exact(V * S::LANES) {
                let left = &left.data[at..][..M];
                at += step_left;
                let mut x = [simd.splat(0.0); V];
                for v in 0..V {
                    x[v] = simd.load(&right[v * S::LANES..]);
                }
                if const { S::BY_LANE } {
                    each!(lane I where I < M => {
                        let y = if const { I < M - M % S::LANES } {
                            simd.splat_lane::<I>(simd.load(&left[I - I % S::LANES..]))
                        } else {
                            simd.splat(left[I])
                        };
                        for v in 0..V {
                            sums[I][v] = simd.mul_add(y, x[v], sums[I][v]);
                        }
                    });
                } else {
                    for m in 0..M {
                        let y = simd.splat(left[m]);
                        for v in 0..V {
                            sums[m][v] = simd.mul_add(y, x[v], sums[m][v]);
                        }
                    }
                }
            }
            if lanes == V * S::LANES {
                for m in 0..M {
                    let dst = &mut dst[m * step..][..V * S::LANES];
                    for v in 0..V {
                        let dst = &mut dst[v * S::LANES..];
                        let sum = if add { simd.add(simd.load(dst), sums[m][v]) } else { sums[m][v] };
                        simd.store(sum, dst);
                    }
                }
            } else if const { S::BY_LANE } {
                // A call, and of a copy: where vectors have no masks, the sums would be in memory all the time for its sake.
                let sums = sums;
                put_apart(simd, &sums, dst, [step, lanes], add);
            } else {
                put_some(simd, &sums, dst, [step, lanes], add);
            }
        },
    );
}

/// Writes the first `lanes` lanes of each row of sums.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "indices into several arrays at once; iterators are calls here"
)]
fn put_some<S: Simd, const M: usize, const V: usize>(
    simd: S,
    sums: &[[S::F32; V]; M],
    dst: &mut [f32],
    [step, lanes]: [usize; 2],
    add: bool,
) {
    for m in 0..M {
        for v in 0..V {
            let (first, end) = (v * S::LANES, lanes.min((v + 1) * S::LANES));
            if first < end {
                let dst = &mut dst[m * step + first..m * step + end];
                let sum = if add { simd.add(simd.load_first(dst), sums[m][v]) } else { sums[m][v] };
                simd.store_first(sum, dst);
            }
        }
    }
}

/// The same, out of line.
#[inline(never)]
fn put_apart<S: Simd, const M: usize, const V: usize>(
    simd: S,
    sums: &[[S::F32; V]; M],
    dst: &mut [f32],
    [step, lanes]: [usize; 2],
    add: bool,
) {
    simd.vectorize(
        #[inline(always)]
        || put_some(simd, sums, dst, [step, lanes], add),
    );
}
