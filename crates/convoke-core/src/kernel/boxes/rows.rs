//! Down, a row at a time: what [`down`](super::down) does, for whoever gets rows one by one. Same sums, in the same order.
//!
//! A row that is done with gives its place in the group to the next group's, which goes into the prefix at the same time.
//! So a group of R rows and the prefix are all that is kept.

use convoke_simd::Simd;

use crate::kernel::plane::Sink;
use crate::slices::{part, part_mut, rest_mut};

/// Vectors that are worked on at a time.
const NV: usize = 4;

/// A group of rows of sums.
pub(crate) struct Group<'a> {
    /// Row by row, at `pitch`.
    pub(crate) data: &'a mut [f32],
    pub(crate) pitch: usize,
    /// Elements of a row that matter, at least a vector.
    pub(crate) width: usize,
}

impl Group<'_> {
    /// Makes every row, from the last-but-one of `rows` up to the first, the sum of itself and all below it.
    #[inline(never)]
    pub(crate) fn suffix_sums<S: Simd>(&mut self, simd: S, rows: core::ops::Range<usize>) {
        simd.vectorize(
            #[inline(always)]
            || {
                // Tiles must not overlap here: a sum made twice would be another one.
                let mut x = 0;
                while x + NV * S::LANES <= self.width {
                    self.suffix_tile::<S, NV>(simd, rows.clone(), x);
                    x += NV * S::LANES;
                }
                while x < self.width {
                    // The pitch leaves room for a vector behind the row.
                    self.suffix_tile::<S, 1>(simd, rows.clone(), x);
                    x += S::LANES;
                }
            },
        );
    }

    #[inline(always)]
    fn suffix_tile<S: Simd, const NV: usize>(&mut self, simd: S, rows: core::ops::Range<usize>, x: usize) {
        let mut sums = [simd.splat(0.0); NV];
        for i in rows.clone().rev() {
            let Some(row) = part_mut(self.data, i * self.pitch + x, NV * S::LANES) else { return };
            for j in 0..NV {
                let v = simd.load(&row[j * S::LANES..]);
                sums[j] = if i + 1 == rows.end { v } else { simd.add(v, sums[j]) };
                simd.store(sums[j], &mut row[j * S::LANES..]);
            }
        }
    }

    /// Takes the window of row `i`, which is its suffix and the prefix so far, and puts the next group's row `i` in its
    /// place and into the prefix. `weight` is the mask's value.
    #[inline(never)]
    pub(crate) fn window<S: Simd, K: Sink>(
        &mut self,
        simd: S,
        i: usize,
        next: &[f32],
        prefix: &mut [f32],
        weight: f32,
        (y, outputs, sink): (usize, usize, &mut K),
    ) {
        simd.vectorize(
            #[inline(always)]
            || {
                let Some(row) = rest_mut(self.data, i * self.pitch) else { return };
                let mut x = 0;
                while x + NV * S::LANES <= outputs {
                    let sums = window_tile::<S, NV>(simd, row, next, prefix, weight, x, i > 0);
                    sink.put(simd, [y, x], NV * S::LANES, sums);
                    x += NV * S::LANES;
                }
                while x < self.width {
                    let sums = window_tile::<S, 1>(simd, row, next, prefix, weight, x, i > 0);
                    // Sums are made once; pixels may be written twice, so the last vector is pushed back.
                    if x + S::LANES <= outputs {
                        sink.put(simd, [y, x], S::LANES, sums);
                    } else if x < outputs {
                        sink.put(simd, [y, x], outputs - x, sums);
                    }
                    x += S::LANES;
                }
            },
        );
    }
}

#[inline(always)]
fn window_tile<S: Simd, const NV: usize>(
    simd: S,
    row: &mut [f32],
    next: &[f32],
    prefix: &mut [f32],
    weight: f32,
    x: usize,
    has_prefix: bool,
) -> [[S::F32; NV]; 1] {
    let mut sums = [simd.splat(0.0); NV];
    let Some(row) = part_mut(row, x, NV * S::LANES) else { return [sums] };
    let Some(next) = part(next, x, NV * S::LANES) else { return [sums] };
    let Some(prefix) = part_mut(prefix, x, NV * S::LANES) else { return [sums] };
    for (j, sum) in sums.iter_mut().enumerate() {
        let at = j * S::LANES;
        let (suffix, new) = (simd.load(&row[at..]), simd.load(&next[at..]));
        if has_prefix {
            let old = simd.load(&prefix[at..]);
            *sum = simd.add(suffix, old);
            simd.store(simd.add(old, new), &mut prefix[at..]);
        } else {
            *sum = suffix;
            simd.store(new, &mut prefix[at..]);
        }
        simd.store(new, &mut row[at..]);
    }
    if weight != 1.0 {
        for sum in &mut sums {
            *sum = simd.mul(*sum, simd.splat(weight));
        }
    }
    [sums]
}
