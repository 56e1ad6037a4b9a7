//! The second step of a repeated box: bands of rows, transposed so that the kernel goes down them, and pixels of what
//! comes out.
//!
//! ```text
//! for each band of rows
//!     lines: for each channel, one line per column, of as many values as the band has rows
//!     transpose the plane's rows into the lines of the columns; continue them to the left and the right
//!     all passes down the lines of each channel
//!     transpose the lines into rows, a few columns at a time; scale, offset, round
//! ```
//!
//! Transposed, a row's neighbours lie in other lines and its vectors are those of other rows: the kernel shares all its
//! loads and needs no sums of 4, 16, 64, ... neighbours. A square of as many rows as a vector has lanes is transposed in
//! registers, by interleaving vectors half the square apart, as often as halving leaves one row.

use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::plan::{LEAST_BAND, RepeatedBoxPlan, STRIP};
use crate::filter::pixel::Pixel;
use crate::kernel::transpose::{MAX_LANES, transpose};

/// Rows with everything checked.
pub(super) struct Across<'a, O> {
    pub(super) plan: &'a RepeatedBoxPlan,
    pub(super) rows: Range<usize>,
    pub(super) plane: &'a [f32],
    pub(super) dst: &'a mut [O],
    pub(super) scratch: &'a mut [f32],
}

impl<O: Pixel> Kernel for Across<'_, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, rows, plane, dst, scratch } = self;
        let (lines, sums) = plan.divide(scratch);
        let ([_, width], channels) = (plan.desc.size, plan.desc.channels);
        let count = width + 2 * plan.reach;
        for y in rows.clone().step_by(plan.band) {
            let real = y..rows.end.min(y + plan.band);
            let band = Band {
                plan,
                rows: real.len().next_multiple_of(LEAST_BAND).min(plan.band),
                real: real.clone(),
                count,
            };
            let lines = &mut lines[..count * channels * band.rows];
            band.load(simd, plane, lines);
            for lines in lines.chunks_exact_mut(count * band.rows) {
                band.extend(lines);
                let mut left = count;
                for _ in 0..plan.desc.passes {
                    plan.shape.pass(simd, &mut lines[..left * band.rows], band.rows, sums);
                    left -= plan.shape.around();
                }
            }
            band.store(simd, lines, &mut dst[(y - rows.start) * plan.dst_stride..]);
        }
    }
}

/// A band.
struct Band<'a> {
    plan: &'a RepeatedBoxPlan,
    /// Elements of a line.
    rows: usize,
    /// The rows of the picture: fewer at its end, where the last one fills up the lines.
    real: Range<usize>,
    /// Lines of a channel.
    count: usize,
}

impl Band<'_> {
    /// Transposes the plane's rows into lines.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "iterators would not stay in registers")]
    fn load<S: Simd>(&self, simd: S, plane: &[f32], lines: &mut [f32]) {
        simd.vectorize(
            #[inline(always)]
            || {
                let (channels, reach) = (self.plan.desc.channels, self.plan.reach);
                let (mut column, mut channel) = (0, 0);
                for at in (0..self.plan.row_len()).step_by(S::LANES) {
                    let strip = &plane[at / STRIP * self.plan.strip_len()..][..self.plan.strip_len()];
                    let [mut c, mut x] = [channel, column];
                    for y in (0..self.rows).step_by(S::LANES) {
                        let mut square = [simd.splat(0.0); MAX_LANES];
                        for i in 0..S::LANES {
                            let row = (self.real.start + y + i).min(self.real.end - 1);
                            square[i] = simd.load(&strip[row * STRIP + at % STRIP..]);
                        }
                        transpose(simd, &mut square);
                        [c, x] = [channel, column];
                        for i in 0..S::LANES.min(self.plan.row_len() - at) {
                            let line = (c * self.count + reach + x) * self.rows;
                            simd.store(square[i], &mut lines[line + y..]);
                            c += 1;
                            if c == channels {
                                [c, x] = [0, x + 1];
                            }
                        }
                    }
                    [channel, column] = [c, x];
                }
            },
        );
    }

    /// Continues the lines of a channel to the left and the right.
    fn extend(&self, lines: &mut [f32]) {
        let (width, reach, rows) = (self.plan.desc.size[1], self.plan.reach, self.rows);
        let border = self.plan.desc.border;
        for line in (0..reach).chain(reach + width..self.count) {
            match border.index(line as isize - reach as isize, width) {
                Some(x) => {
                    let from = (reach + x) * rows;
                    lines.copy_within(from..from + rows, line * rows);
                }
                None => lines[line * rows..][..rows].fill(border.outside()),
            }
        }
    }

    /// Transposes finished lines into rows and makes pixels of them.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "iterators would not stay in registers")]
    fn store<S: Simd, O: Pixel>(&self, simd: S, lines: &[f32], dst: &mut [O]) {
        simd.vectorize(
            #[inline(always)]
            || {
                let (channels, row_len) = (self.plan.desc.channels, self.plan.row_len());
                for y in (0..self.real.len()).step_by(S::LANES) {
                    let (mut column, mut channel) = (0, 0);
                    for start in (0..row_len).step_by(STRIP) {
                        let len = STRIP.min(row_len - start);
                        let mut staged = [[0.0; STRIP]; MAX_LANES];
                        for at in (0..len).step_by(S::LANES) {
                            let mut square = [simd.splat(0.0); MAX_LANES];
                            for i in 0..S::LANES.min(len - at) {
                                let line = (channel * self.count + column) * self.rows;
                                square[i] = self.finish(simd, simd.load(&lines[line + y..]));
                                channel += 1;
                                if channel == channels {
                                    [channel, column] = [0, column + 1];
                                }
                            }
                            transpose(simd, &mut square);
                            for i in 0..S::LANES {
                                simd.store(square[i], &mut staged[i][at..]);
                            }
                        }
                        let rows = S::LANES.min(self.real.len() - y);
                        for (i, values) in staged.iter().take(rows).enumerate() {
                            let dst = &mut dst[(y + i) * self.plan.dst_stride + start..][..len];
                            O::store_row(simd, &values[..len], dst, None, [0, 0]);
                        }
                    }
                }
            },
        );
    }

    /// Scale and offset, each only where it is not neutral.
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, mut v: S::F32) -> S::F32 {
        if self.plan.desc.scale != 1.0 {
            v = simd.mul(v, simd.splat(self.plan.desc.scale));
        }
        if self.plan.desc.offset != 0.0 {
            v = simd.add(v, simd.splat(self.plan.desc.offset));
        }
        v
    }
}
