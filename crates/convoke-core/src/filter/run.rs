//! Running a filter: down the picture a tile of rows at a time, gather, accumulate, scatter.

use core::ops::Range;

use convoke_simd::Simd;

use super::certificate::Certificate;
use super::gather::{Input, Ring, Walk};
use super::pixel::Pixel;
use super::plan::{ALIGN, Filter2dPlan};
use super::split::Split;
use super::stage::Stage;
use crate::kernel::plane::{Rows, TILE_ROWS};
use crate::slices::{rest, rest_mut, split_mut};

/// Elements of a picture that a core's second cache might hold.
const CACHED: usize = 256 * 1024;

/// A run with all lengths checked.
pub(super) struct Run<'a, O> {
    pub(super) plan: &'a Filter2dPlan,
    pub(super) weights: &'a [f32],
    /// Given if results need it.
    pub(super) certificate: Option<Certificate>,
    /// Whether sums are made in f64.
    pub(super) wide: bool,
    pub(super) rows: Range<usize>,
    pub(super) cols: Range<usize>,
    /// The picture's column at which rows of `dst` begin.
    pub(super) origin: usize,
    pub(super) dst: &'a mut [O],
    pub(super) scratch: &'a mut [f32],
}

impl<O: Pixel> Walk for Run<'_, O> {
    #[inline(never)]
    fn run<S: Simd>(self, simd: S, picture: &dyn Input<S>) {
        simd.vectorize(
            #[inline(always)]
            || self.walk(simd, picture),
        );
    }
}

impl<O: Pixel> Run<'_, O> {
    #[inline(always)]
    fn walk<S: Simd>(self, simd: S, picture: &dyn Input<S>) {
        let Self { plan, wide, rows, cols, origin, dst, scratch, .. } = self;
        let desc = &plan.desc;
        let ([height, _], [r, _], channels) = (desc.size, desc.mask_size, desc.channels);
        let [above, left] = plan.before;

        // A misaligned start costs time, never correctness.
        let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1);
        let ring_rows = r + TILE_ROWS - 1;
        let (_, scratch) = split_mut(scratch, start);
        let (whole, scratch) = split_mut(scratch, ring_rows * plan.block_pitch);
        let (first_strip, scratch) = split_mut(scratch, ring_rows * plan.strip_pitch);
        let (last_strip, sums) = split_mut(scratch, ring_rows * plan.strip_pitch);
        let mut stage = Stage::new(plan, self.weights, self.certificate, (sums, plan.sums_pitch), wide);

        for start in cols.clone().step_by(plan.block.max(1)) {
            let block = start..cols.end.min(start + plan.block);
            // Where there is nothing to widen and no border, rows are read where they are, and only the edges go
            // through scratch.
            let floats = picture.floats();
            let split = floats.and_then(|src| Some((src, Split::new::<S, O>(plan, dst, origin, &block)?)));
            let placed = |elements: &Range<usize>| {
                elements.start - origin * channels..elements.end - origin * channels
            };

            let mut ring = Ring::new(plan, &mut *whole, plan.block_pitch, ring_rows, block.clone());
            let [first, last] = split.as_ref().map_or([None, None], |(_, split)| split.edges.clone());
            let mut edges = [(first, &mut *first_strip), (last, &mut *last_strip)].map(|(outputs, data)| {
                let outputs = outputs?;
                let pixel = channels.max(1);
                let cols = outputs.start / pixel..outputs.end.div_ceil(pixel);
                // Outputs may begin inside a pixel.
                let skip = outputs.start % pixel;
                Some((outputs, skip, Ring::new(plan, data, plan.strip_pitch, ring_rows, cols)))
            });

            for y in rows.clone().step_by(TILE_ROWS) {
                let count = TILE_ROWS.min(rows.end - y);
                let top = y as isize - above as isize;
                let wanted = top..top + (count + r - 1) as isize;
                let Some(dst) = rest_mut(dst, (y - rows.start) * plan.dst_stride) else { return };
                match &split {
                    Some((src, Split { inner, .. }))
                        if wanted.start >= 0 && wanted.end <= height as isize =>
                    {
                        let first = top as usize * plan.src_stride + inner.start - left * channels;
                        let Some(data) = rest(src, first) else { return };
                        let from_memory = src.len() > CACHED;
                        let input =
                            Rows { data, pitch: plan.src_stride, first: 0, count: usize::MAX, from_memory };
                        stage.run(simd, input, count, placed(inner), dst);
                        for (outputs, skip, ring) in edges.iter_mut().flatten() {
                            let input = ring.fill(simd, picture, wanted.clone());
                            stage.run(simd, input.shifted(*skip), count, placed(outputs), dst);
                        }
                    }
                    _ => {
                        let input = ring.fill(simd, picture, wanted);
                        let outputs = block.start * channels..block.end * channels;
                        stage.run(simd, input, count, placed(&outputs), dst);
                    }
                }
            }
        }
    }
}
