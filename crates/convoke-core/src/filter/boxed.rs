//! Running a box filter: rows of sums across, in groups that the pass down turns into windows. The walk of
//! [`Method::Box`](super::plan::Method); its arithmetic is in [`crate::kernel::boxes`].

use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::gather::{Picture, gather_row};
use super::pixel::Pixel;
use super::plan::{ALIGN, Filter2dPlan};
use super::scatter::{Post, Scatter};
use crate::error::{Error, checked_len};
use crate::kernel::boxes::{Group, across, layout};

/// What a group of rows of sums may take, in elements: half of a second cache. Narrower blocks of columns cost more at
/// their edges than they save, unless the group is very tall.
const GROUP: usize = 128 * 1024;
/// Narrowest block of columns, in elements.
const NARROWEST: usize = 512;

/// How scratch is divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoxLayout {
    /// Pixels in a block of columns.
    pub(super) block: usize,
    /// Elements from one row of sums to the next.
    pitch: usize,
    /// Outputs across at a time, and elements for their levels.
    chunk: usize,
    levels: usize,
}

impl BoxLayout {
    /// The layout and the length of scratch. `halo` is what a row has to the left and the right of its outputs.
    pub(super) fn new(
        [rows, taps]: [usize; 2],
        halo: usize,
        [width, channels]: [usize; 2],
        lanes: usize,
    ) -> Result<(Self, usize), Error> {
        let overflow = Error::Overflow { operand: "scratch" };
        let room = (GROUP / rows).max(NARROWEST).max(halo) / channels;
        let block = width.div_ceil(width.div_ceil(room));
        let (chunk, levels) = layout(taps, halo, block * channels, lanes).ok_or(overflow)?;
        let pitch = (block * channels).max(lanes) + lanes;
        let pitch = pitch.next_multiple_of(ALIGN);
        let pitch = if pitch.is_multiple_of(512) { pitch + ALIGN } else { pitch };
        let line = pitch.checked_add(halo).ok_or(overflow)?.next_multiple_of(ALIGN);
        // The group, the prefix, the next group's row, and a row of results.
        let group = checked_len("scratch", &[rows.saturating_add(3), pitch])?;
        let len = group.saturating_add(line).saturating_add(levels).saturating_add(ALIGN - 1);
        Ok((Self { block, pitch, chunk, levels }, checked_len("scratch", &[len])?))
    }
}

/// A run with all lengths checked.
pub(super) struct RunBox<'a, I, O> {
    pub(super) plan: &'a Filter2dPlan,
    pub(super) layout: BoxLayout,
    /// The mask's value.
    pub(super) weight: f32,
    pub(super) rows: Range<usize>,
    pub(super) cols: Range<usize>,
    /// The picture's column at which rows of `dst` begin.
    pub(super) origin: usize,
    pub(super) src: &'a [I],
    pub(super) dst: &'a mut [O],
    pub(super) scratch: &'a mut [f32],
}

impl<I: Pixel, O: Pixel> Kernel for RunBox<'_, I, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, layout, weight, rows, cols, origin, src, dst, scratch } = self;
        let desc = &plan.desc;
        let ([height, width], [r, _], channels) = (desc.size, desc.mask_size, desc.channels);
        let picture =
            Picture { data: src, height, width, channels, row_stride: plan.src_stride, border: desc.border };

        // A misaligned start costs time, never correctness.
        let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1);
        let (group, rest) = scratch[start..].split_at_mut(r * layout.pitch);
        let (prefix, rest) = rest.split_at_mut(layout.pitch);
        let (next, rest) = rest.split_at_mut(layout.pitch);
        let (values, rest) = rest.split_at_mut(layout.pitch);
        let (levels, line) = rest.split_at_mut(layout.levels);

        for start in cols.clone().step_by(layout.block) {
            let block = start..cols.end.min(start + layout.block);
            let outputs = block.len() * channels;
            let mut group = Group { data: &mut *group, pitch: layout.pitch, width: outputs.max(S::LANES) };
            let mut sums = Across { plan, picture, chunk: layout.chunk, block: block.clone(), line, levels };
            // Groups are those of the whole picture, whatever rows are asked for: each sum has its own order.
            for first in (rows.start / r * r..rows.end).step_by(r) {
                let wanted = rows.start.max(first) - first..rows.end.min(first + r) - first;
                let top = first as isize - plan.before[0] as isize;
                if first <= rows.start {
                    for i in wanted.start..r {
                        sums.row(simd, top + i as isize, &mut group.data[i * layout.pitch..]);
                    }
                }
                group.suffix_sums(simd, wanted.start..r);
                for i in 0..wanted.end {
                    sums.row(simd, top + (r + i) as isize, next);
                    if i < wanted.start {
                        group.skip(simd, i, next, prefix);
                        continue;
                    }
                    let at = (first + i - rows.start) * plan.dst_stride + (block.start - origin) * channels;
                    let dst = &mut dst[at..][..outputs];
                    let mut put = |values: &mut [f32]| {
                        let post = Post::of(desc);
                        let mut scatter = Scatter { dst: values, row_stride: 0, post, left: 0, settle: None };
                        group.window(simd, i, next, prefix, weight, (0, outputs, &mut scatter));
                    };
                    // Pixels other than floats are made of finished values in a second step, which is the same for
                    // every type of them.
                    match O::as_f32_mut(dst) {
                        Some(dst) => put(dst),
                        None => {
                            put(&mut *values);
                            O::store_row(simd, &values[..outputs], dst, None, [0, 0]);
                        }
                    }
                }
            }
        }
    }
}

/// Makes rows of sums across.
struct Across<'a, I> {
    plan: &'a Filter2dPlan,
    picture: Picture<'a, I>,
    chunk: usize,
    block: Range<usize>,
    line: &'a mut [f32],
    levels: &'a mut [f32],
}

impl<I: Pixel> Across<'_, I> {
    /// The sums of input row `y`, which may lie outside the picture.
    #[inline(always)]
    fn row<S: Simd>(&mut self, simd: S, y: isize, dst: &mut [f32]) {
        let ([_, s], channels) = (self.plan.desc.mask_size, self.plan.desc.channels);
        let first = self.block.start as isize - self.plan.before[1] as isize;
        let outputs = self.block.len() * channels;
        let pixels = self.block.len() + s - 1;
        let (row, behind) = self.line.split_at_mut(pixels * channels);
        gather_row(simd, &self.picture, y, first..first + pixels as isize, row);
        if let Some(behind) = behind.get_mut(..S::LANES.saturating_sub(outputs)) {
            behind.fill(0.0);
        }
        across(simd, self.line, [s, channels], [outputs, self.chunk], self.levels, dst);
    }
}
