//! The product where taps on the padding must be absent, term by term.
//!
//! With finite weights an absent tap and a zero in the panel are the same. An infinite or NaN weight times that zero
//! is NaN, which `Border::Zero` must not spread to outputs whose window merely hangs over the edge. Such weights are
//! rare (a layer gone wrong, a test), so this path may be slow; it differs from `product` only in asking for every
//! term and pixel whether it is there.

use convoke_simd::Simd;

use crate::product::{Left, TileBuffer};
use crate::tile::COLUMNS_MAX;

/// As [`product::multiply`](crate::product::multiply), but without the terms for which `is_inside(tap, pixel)` is
/// false; `pixel` counts from the first row or column of the tile, whichever pixels are.
///
/// `first` is the number of the first term in the whole sum (with 0 the tile is fresh), `group_in` the terms of a tap.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    simd: S,
    left: Left,
    right: &[f32],
    [rows, vectors]: [usize; 2],
    (first, terms, group_in): (usize, usize, usize),
    tile: &mut TileBuffer,
    is_inside: impl Fn(usize, usize) -> bool,
) {
    let columns = vectors * S::LANES;
    let tile = &mut tile.0[..rows * columns];
    if first == 0 {
        tile.fill(0.0);
    }
    let pixels = if matches!(left, Left::Pixels(_)) { rows } else { columns };
    // 1 for a pixel that has the tap, 0 for one that has not.
    let mut inside = [0.0_f32; COLUMNS_MAX];
    for (q, right) in right.chunks_exact(columns).take(terms).enumerate() {
        let tap = (first + q) / group_in;
        if q == 0 || (first + q) % group_in == 0 {
            for (pixel, inside) in inside[..pixels].iter_mut().enumerate() {
                *inside = is_inside(tap, pixel).into();
            }
        }
        for (i, sums) in tile.chunks_exact_mut(columns).enumerate() {
            let value = simd.splat(left.at(q, i, rows));
            for (j, (sum, right)) in
                sums.chunks_exact_mut(S::LANES).zip(right.chunks_exact(S::LANES)).enumerate()
            {
                let there = match left {
                    Left::Pixels(_) => simd.splat(inside[i]),
                    Left::Weights(_) => simd.load(&inside[j * S::LANES..]),
                };
                let without = simd.load(sum);
                let with = simd.mul_add(value, simd.load(right), without);
                simd.store(simd.select_lt(simd.splat(0.0), there, with, without), sum);
            }
        }
    }
}
