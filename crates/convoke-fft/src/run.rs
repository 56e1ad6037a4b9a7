//! Running a filter: tile by tile, gather, transform, scatter.
//!
//! ```text
//! for every row of tiles, for every pair of tiles in it (a channel of a tile each):
//!     gather both, with border values, as planes of f32                                           (gather.rs)
//!     z = first + i * second; forward along y, column block by column block                       (convolve.rs)
//!     for every block of rows: transpose, forward along x, times the mask's spectrum, back along x, transpose back
//!     back along y
//!     real parts are the first tile's sums, imaginary parts the second's: to pixels               (scatter.rs)
//! ```
//!
//! * **Two real tiles make one complex one.** The mask is real, so its correlation with `a + i b` is that with `a` and
//!   `i` times that with `b`: two tiles for one transform, and none of the untangling that transforms of real data need.
//! * **Tiles lie at fixed places of the picture**, whatever rows are asked for, and pairs are the same, so a range of rows has
//!   the same bits as the whole.
//! * **Everything is in the second cache, the inner loops in the first.** A column block, or a block of rows, is
//!   transformed there and back while it is in the first cache; the tile itself is passed over four times.
//! * **A mean is taken off** tiles of integers, which makes the norm of what is transformed, and with it the error, several
//!   times smaller on pictures. It is an integer, so that taking it off is exact; what it adds to a sum is known.
//! * **The gathered planes stay as they are**, because pixels whose rounding is open are summed again from them.
//! * **Three functions do the work**, called here and not inlined: one knows the input's type of pixels, one none, one the
//!   output's, and nothing is compiled for every pair of types.

use core::mem::take;
use core::ops::Range;

use convoke_core::{PackedMask, Source, Target, with_source, with_target};
use convoke_simd::{Kernel, Simd};

use crate::convolve::{column_pitch, convolve};
use crate::gather::gather;
use crate::plan::{FftFilter, pitch};
use crate::scatter::{Sums, scatter};

/// Elements of a cache line.
pub(crate) const ALIGN: usize = 16;

/// What part of a filter's result is asked for.
pub(crate) struct Asked<'a> {
    pub(crate) filter: &'a FftFilter,
    pub(crate) mask: PackedMask<'a>,
    pub(crate) rows: Range<usize>,
    pub(crate) cols: Range<usize>,
    /// The picture's column at which rows of `dst` begin is the first of `cols`; elements from one row to the next.
    pub(crate) stride: usize,
}

/// A run with all lengths checked.
pub(crate) struct Run<'a> {
    pub(crate) asked: Asked<'a>,
    pub(crate) src: Source<'a>,
    pub(crate) dst: Target<'a>,
    pub(crate) scratch: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match S::LANES {
            16 => self.tiles::<S, 16>(simd),
            8 => self.tiles::<S, 8>(simd),
            4 => self.tiles::<S, 4>(simd),
            _ => self.tiles::<S, 1>(simd),
        }
    }
}

/// One channel of a tile.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    /// Its place in its row of tiles.
    pub(crate) tile: usize,
    pub(crate) channel: usize,
}

impl Run<'_> {
    fn tiles<S: Simd, const L: usize>(mut self, simd: S) {
        let asked = &self.asked;
        let (plan, rows, cols) = (&asked.filter.plan, &asked.rows, &asked.cols);
        let (shape, channels) = (plan.shape, plan.desc().channels);
        let ([p, q], [_, tiles_across]) = (shape.points, shape.tiles);
        let scratch = take(&mut self.scratch);
        let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1);
        let (planes, rest) = scratch[start..].split_at_mut(2 * p * pitch(q));
        let (tile, rest) = rest.split_at_mut(2 * column_pitch(p) * q);
        let (block, rest) = rest.split_at_mut(2 * ALIGN * q);
        let (lines, direct) = rest.split_at_mut(2 * q);
        if rows.is_empty() || cols.is_empty() {
            return;
        }
        let (points, _) = tile.as_chunks_mut::<L>().0.as_chunks_mut::<2>();
        let (block, _) = block.as_chunks_mut::<L>().0.as_chunks_mut::<2>();
        let wanted = cols.start / shape.outputs[1]..=(cols.end - 1) / shape.outputs[1];
        for band in rows.start / shape.outputs[0]..=(rows.end - 1) / shape.outputs[0] {
            // The last tile of this row that was computed directly.
            let mut done = None;
            for at in (0..tiles_across * channels).step_by(2) {
                let unit = |at: usize| Unit { tile: at / channels, channel: at % channels };
                let units = [Some(unit(at)), (at + 1 < tiles_across * channels).then(|| unit(at + 1))];
                // Of a pair, both are transformed if one is needed: the bits of the one depend on the other.
                let needed = units.map(|unit| unit.filter(|unit| done != Some(unit.tile)));
                if !needed.iter().flatten().any(|unit| wanted.contains(&unit.tile)) {
                    continue;
                }
                let (src, mut means) = (self.src, [0.0; 2]);
                let mut halves = planes.chunks_exact_mut(p * pitch(q));
                for ((unit, mean), plane) in units.into_iter().zip(&mut means).zip(&mut halves) {
                    match unit {
                        Some(unit) => *mean = with_source!(src => gather(simd, plan, src, band, unit, plane)),
                        None => plane.fill(0.0),
                    }
                }
                let (a, b) = planes.split_at(p * pitch(q));
                let squares = convolve(simd, asked.filter, [a, b], means, points, block);
                let sums = Sums { units: needed, planes: [a, b], means, squares, points };
                let (range, dst) = (src.range(), &mut self.dst);
                let kept = with_target!(dst => scatter(simd, asked, band, sums, range, lines, dst));
                if !kept {
                    for unit in units.iter().flatten() {
                        if done != Some(unit.tile) {
                            done = Some(unit.tile);
                            asked.direct(band, unit.tile, self.src, &mut self.dst, direct);
                        }
                    }
                }
            }
        }
    }
}

impl Asked<'_> {
    /// Those of a tile's columns of outputs that are asked for.
    pub(crate) fn wanted(&self, cols: &Range<usize>) -> Range<usize> {
        cols.start.max(self.cols.start)..cols.end.min(self.cols.end)
    }

    /// Computes all channels of a tile by the direct plan.
    #[cold]
    #[inline(never)]
    fn direct(&self, band: usize, tile: usize, src: Source<'_>, dst: &mut Target<'_>, scratch: &mut [f32]) {
        let [rows, cols] = self.filter.plan.outputs(band, tile);
        let rows = rows.start.max(self.rows.start)..rows.end.min(self.rows.end);
        let cols = self.wanted(&cols);
        if cols.is_empty() {
            return;
        }
        let plan = &self.filter.plan.direct;
        let channels = plan.desc().channels;
        let start = (rows.start - self.rows.start) * self.stride + (cols.start - self.cols.start) * channels;
        let len = (rows.len() - 1) * self.stride + cols.len() * channels;
        let result = with_source!(src => with_target!(dst => {
            let dst = &mut dst[start..][..len];
            plan.run_region([rows, cols], &self.mask, src, dst, self.stride, scratch)
        }));
        debug_assert_eq!(result, Ok(()), "everything was checked before");
    }
}
