//! Down: windows of R rows from rows of sums across.
//!
//! Rows are cut into groups of R (van Herk, *A fast algorithm for local minimum and maximum filters on rectangular and
//! octagonal kernels*, 1992; Gil and Werman, 1993). A window of R rows that starts at row `i` of a group is that group's
//! end from row `i` on, and the next group's first `i` rows:
//!
//! ```text
//! ends[i] = sums[i] + ends[i + 1]             once per group, from below
//! window  = ends[i] + prefix;   prefix += next group's sums[i]
//! ```
//!
//! three additions per element, whatever R is. Both loops go down a tile of a few columns before they turn to the next:
//! the prefix stays in registers, and the ends are a buffer of the tile's width, which stays in the first cache.

use core::ops::Range;

use convoke_simd::Simd;

use crate::kernel::plane::Sink;
use crate::slices::{part, part_mut};

/// Most vectors in a tile.
pub(crate) const NV: usize = 8;

/// The vectors of the next tile of a row of `width` elements at `x`, where `most` are wanted.
pub(crate) fn tile(x: usize, width: usize, lanes: usize, most: usize) -> usize {
    match most.min((width - x) / lanes) {
        NV.. => NV,
        4.. => 4,
        2.. => 2,
        _ => 1,
    }
}

/// Sums of rows `rows` of a group, from the last one up, `vectors` vectors from `x` on; `ends` has a row of those per row
/// of the group. The pitch leaves room for a vector behind the row.
// Not inlined: callers are generic over pixel types that make no difference here.
#[inline(never)]
pub(crate) fn ends<S: Simd>(
    simd: S,
    group: &[f32],
    pitch: usize,
    rows: Range<usize>,
    [x, vectors]: [usize; 2],
    ends: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || match vectors {
            NV => tile_ends::<S, NV>(simd, group, pitch, rows, x, ends),
            4 => tile_ends::<S, 4>(simd, group, pitch, rows, x, ends),
            2 => tile_ends::<S, 2>(simd, group, pitch, rows, x, ends),
            _ => tile_ends::<S, 1>(simd, group, pitch, rows, x, ends),
        },
    );
}

#[inline(always)]
fn tile_ends<S: Simd, const NV: usize>(
    simd: S,
    group: &[f32],
    pitch: usize,
    rows: Range<usize>,
    x: usize,
    ends: &mut [f32],
) {
    let tile = NV * S::LANES;
    let mut sums = [simd.splat(0.0); NV];
    let Some(group) = part(group, rows.start * pitch, rows.len() * pitch) else { return };
    let Some(ends) = part_mut(ends, rows.start * tile, rows.len() * tile) else { return };
    let (group, ends) = (group.chunks_exact(pitch.max(1)), ends.chunks_exact_mut(tile));
    for (i, (row, ends)) in group.zip(ends).rev().enumerate() {
        let Some(row) = part(row, x, tile) else { return };
        for j in 0..NV {
            let v = simd.load(&row[j * S::LANES..]);
            // Not added to +0, which would take the sign from a zero.
            sums[j] = if i == 0 { v } else { simd.add(v, sums[j]) };
            simd.store(sums[j], &mut ends[j * S::LANES..]);
        }
    }
}

/// The windows of rows `wanted` of a group, of which `below` is the next: their `vectors` vectors from `x` on, or what of
/// them is inside `width`, times the mask's `weight`, to rows from 0 on of the sink.
#[inline(never)]
pub(crate) fn windows<S: Simd, K: Sink>(
    simd: S,
    ends: &[f32],
    below: &[f32],
    pitch: usize,
    wanted: Range<usize>,
    [x, vectors]: [usize; 2],
    (width, weight, sink): (usize, f32, &mut K),
) {
    simd.vectorize(
        #[inline(always)]
        || match vectors {
            NV => tile_windows::<S, K, NV>(simd, ends, below, pitch, wanted, x, (width, weight, sink)),
            4 => tile_windows::<S, K, 4>(simd, ends, below, pitch, wanted, x, (width, weight, sink)),
            2 => tile_windows::<S, K, 2>(simd, ends, below, pitch, wanted, x, (width, weight, sink)),
            _ => tile_windows::<S, K, 1>(simd, ends, below, pitch, wanted, x, (width, weight, sink)),
        },
    );
}

#[inline(always)]
fn tile_windows<S: Simd, K: Sink, const NV: usize>(
    simd: S,
    ends: &[f32],
    below: &[f32],
    pitch: usize,
    wanted: Range<usize>,
    x: usize,
    (width, weight, sink): (usize, f32, &mut K),
) {
    let tile = NV * S::LANES;
    let mut prefix = [simd.splat(0.0); NV];
    for (i, (ends, below)) in
        ends.chunks_exact(tile).zip(below.chunks(pitch.max(1))).enumerate().take(wanted.end)
    {
        let Some(below) = part(below, x, tile) else { return };
        if i >= wanted.start {
            let mut sums = [simd.splat(0.0); NV];
            for j in 0..NV {
                let end = simd.load(&ends[j * S::LANES..]);
                sums[j] = if i == 0 { end } else { simd.add(end, prefix[j]) };
            }
            if weight != 1.0 {
                for sum in &mut sums {
                    *sum = simd.mul(*sum, simd.splat(weight));
                }
            }
            sink.put(simd, [i - wanted.start, x], tile.min(width - x), [sums]);
        }
        for j in 0..NV {
            let v = simd.load(&below[j * S::LANES..]);
            prefix[j] = if i == 0 { v } else { simd.add(prefix[j], v) };
        }
    }
}
