//! Running a filter: down the picture a tile of rows at a time, gather, accumulate, scatter.

use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::certificate::Certificate;
use super::gather::{Picture, Ring};
use super::pixel::Pixel;
use super::plan::{ALIGN, Filter2dPlan};
use super::stage::{STAGED, Stage};
use crate::kernel::plane::{Rows, TILE_ROWS};

/// Elements between the edges from which on reading in place pays for the strips at the edges. More than the vectors
/// of both strips.
const IN_PLACE: usize = 512;

/// A run with all lengths checked.
pub(super) struct Run<'a, I, O> {
    pub(super) plan: &'a Filter2dPlan,
    pub(super) weights: &'a [f32],
    /// Given if results need it.
    pub(super) certificate: Option<Certificate>,
    pub(super) rows: Range<usize>,
    pub(super) cols: Range<usize>,
    /// The picture's column at which rows of `dst` begin.
    pub(super) origin: usize,
    pub(super) src: &'a [I],
    pub(super) dst: &'a mut [O],
    pub(super) scratch: &'a mut [f32],
}

impl<I: Pixel, O: Pixel> Kernel for Run<'_, I, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, rows, dst, scratch, origin, .. } = self;
        let placed = |cols: &Range<usize>| cols.start - origin..cols.end - origin;
        let desc = &plan.desc;
        let ([height, width], [r, s], channels) = (desc.size, desc.mask_size, desc.channels);
        let [above, left] = plan.before;
        let picture = Picture {
            data: self.src,
            height,
            width,
            channels,
            row_stride: plan.src_stride,
            border: desc.border,
        };

        // A misaligned start costs time, never correctness.
        let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1);
        let ring_rows = r + TILE_ROWS - 1;
        let (whole, rest) = scratch[start..].split_at_mut(ring_rows * plan.block_pitch);
        let (first_strip, rest) = rest.split_at_mut(ring_rows * plan.strip_pitch);
        let (last_strip, sums) = rest.split_at_mut(ring_rows * plan.strip_pitch);
        // The direct algorithm goes through whole rows, which is how memory likes it best.
        let staged = if plan.stages() { STAGED } else { 0 };
        let (sums, staged) = sums.split_at_mut(sums.len() - staged);
        let mut stage = Stage::new(plan, self.weights, self.certificate, sums, plan.is_wide::<I, O>());
        stage.staged = staged;

        for start in self.cols.clone().step_by(plan.block) {
            let block = start..self.cols.end.min(start + plan.block);
            // Outputs whose windows lie between the left and the right edge.
            let inner = block.start.max(left)..block.end.min((width + left).saturating_sub(s - 1));
            // Where there is nothing to widen and no border, rows are read where they are, and only the edges go
            // through scratch, in strips of at least a vector.
            let least = S::LANES.div_ceil(channels);
            let in_place = I::as_f32(self.src).filter(|_| inner.len() * channels >= IN_PLACE);
            let first = block.start..inner.start.max(block.start + least);
            let last = inner.end.min(block.end.saturating_sub(least))..block.end;
            let first = (inner.start > block.start).then_some((first, &mut *first_strip));
            let last = (inner.end < block.end).then_some((last, &mut *last_strip));

            let mut ring = Ring::new(plan, &mut *whole, plan.block_pitch, ring_rows, block.clone());
            let mut edges = [first, last].map(|edge| {
                let (cols, data) = edge.filter(|_| in_place.is_some())?;
                Some((cols.clone(), Ring::new(plan, data, plan.strip_pitch, ring_rows, cols)))
            });

            for y in rows.clone().step_by(TILE_ROWS) {
                let count = TILE_ROWS.min(rows.end - y);
                let top = y as isize - above as isize;
                let wanted = top..top + (count + r - 1) as isize;
                let dst = &mut dst[(y - rows.start) * plan.dst_stride..];
                match in_place {
                    Some(src) if wanted.start >= 0 && wanted.end <= height as isize => {
                        let data = &src[top as usize * plan.src_stride + (inner.start - left) * channels..];
                        let input = Rows { data, pitch: plan.src_stride, first: 0, count: usize::MAX };
                        stage.run(simd, input, count, placed(&inner), dst);
                        for (cols, ring) in edges.iter_mut().flatten() {
                            let input = ring.fill(simd, &picture, wanted.clone());
                            stage.run(simd, input, count, placed(cols), dst);
                        }
                    }
                    _ => {
                        let input = ring.fill(simd, &picture, wanted);
                        stage.run(simd, input, count, placed(&block), dst);
                    }
                }
            }
        }
    }
}
