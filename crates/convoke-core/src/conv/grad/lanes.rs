//! The walk of weight gradients of depthwise layers and small groups: as many groups as a vector has lanes at a time. For each
//! block of pixels, an out channel of every group and an in channel of every group are laid out as pixels of one vector each, border in
//! place; every pair of them has the sums of all taps.

use core::ops::Range;

use convoke_simd::{Kernel, Level, Simd};

use super::blocks::{Block, Blocks, Segment};
use super::layout::{ALIGN, border};
use super::plan::WeightsGradPlan;
use crate::conv::desc::{Conv2dDesc, Layout};
use crate::conv::geometry::{Geometry, Strides};
use crate::conv::window::Walk;
use crate::error::checked_len;
use crate::kernel::outer_lanes::{self, Pixels, SUMS, TAPS};
use crate::kernel::turn;

/// In or out channels of a group, at most; more fill panels.
const MOST_CHANNELS: usize = 8;
/// Elements of a band, at most, and how many times what is read of it.
const WIDEST: usize = 1024 * 1024;
const MOST_BETWEEN: usize = 8;

/// Sizes of scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaneArrangement {
    /// Elements of a block of one out channel of each group, and of a band of one in channel and one image.
    left: usize,
    band: usize,
    pub(super) len: usize,
}

impl LaneArrangement {
    /// `None` for layers that are better off with panels.
    pub(super) fn new(desc: &Conv2dDesc, geometry: &Geometry, blocks: &Blocks, level: Level) -> Option<Self> {
        let lanes = level.lanes();
        let small = geometry.group_in.max(geometry.group_out) <= MOST_CHANNELS;
        if lanes == 1 || !small || 2 * desc.groups < lanes {
            return None;
        }
        let [images, rows] = blocks.segments();
        let [height, width] = reach(desc, [rows, blocks.cols()]);
        let band = checked_len("scratch", &[height, width, lanes]).ok()?;
        let [r, s] = desc.kernel;
        let read = [rows, blocks.cols(), r, s, lanes].into_iter().fold(MOST_BETWEEN, usize::saturating_mul);
        let bands = checked_len("scratch", &[band, geometry.group_in, images]).ok()?;
        if bands > WIDEST || band > read {
            return None;
        }
        let left = blocks.most() * lanes;
        Some(Self { left, band, len: left * geometry.group_out + bands + ALIGN })
    }
}

/// Rows and columns that so many outputs read.
fn reach(desc: &Conv2dDesc, outputs: [usize; 2]) -> [usize; 2] {
    [0, 1].map(|axis| {
        (outputs[axis] - 1) * desc.stride[axis] + (desc.kernel[axis] - 1) * desc.dilation[axis] + 1
    })
}

/// One call: the gradients of some out channels.
pub(super) struct Lanes<'a> {
    pub(super) plan: &'a WeightsGradPlan,
    pub(super) arrangement: LaneArrangement,
    pub(super) channels: Range<usize>,
    pub(super) dy: &'a [f32],
    pub(super) src: &'a [f32],
    pub(super) dw: &'a mut [f32],
    pub(super) scratch: &'a mut [f32],
}

impl Kernel for Lanes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Lanes { plan, arrangement, channels, dy, src, dw, scratch } = self;
        let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN);
        let Geometry { group_in, group_out, .. } = plan.geometry;
        let (lefts, bands) = scratch[start..].split_at_mut(arrangement.left * group_out);
        let walks = [0, 1].map(|axis| Walk::new(&plan.desc, &plan.geometry, axis));
        let walk = Walker { plan, arrangement, walks, dy, src };
        let groups = channels.start / group_out..channels.end.div_ceil(group_out);
        for first in groups.clone().step_by(S::LANES) {
            let wanted = first..(first + S::LANES).min(groups.end);
            for block in plan.blocks.iter() {
                for o in 0..group_out {
                    walk.lay_left(simd, &block, &wanted, o, &mut lefts[o * arrangement.left..]);
                }
                for i in 0..group_in {
                    for segment in block.segments() {
                        let band = &mut bands[(segment.number * group_in + i) * arrangement.band..];
                        walk.lay_band(simd, &segment, &wanted, i, band);
                    }
                }
                for o in 0..group_out {
                    for i in 0..group_in {
                        let left = &lefts[o * arrangement.left..];
                        walk.pair(simd, &block, &wanted, [o, i], [left, bands], &channels, dw);
                    }
                }
            }
        }
        plan.reorder(simd, dw, scratch);
    }
}

struct Walker<'a> {
    plan: &'a WeightsGradPlan,
    arrangement: LaneArrangement,
    walks: [Walk; 2],
    dy: &'a [f32],
    src: &'a [f32],
}

impl Walker<'_> {
    /// Out channel `o` of each group, a vector for every pixel of a block.
    fn lay_left<S: Simd>(&self, simd: S, block: &Block, groups: &Range<usize>, o: usize, out: &mut [f32]) {
        let WeightsGradPlan { desc, geometry, .. } = self.plan;
        let first = groups.start * geometry.group_out + o;
        for segment in block.segments() {
            let mut at = segment.at * S::LANES;
            for y in segment.ys.clone() {
                let dy = &self.dy[geometry.dst.at(segment.image, first, y, segment.xs.start)..];
                let count = segment.xs.len();
                row(
                    simd,
                    desc.layout,
                    &geometry.dst,
                    dy,
                    geometry.group_out,
                    groups.len(),
                    count,
                    &mut out[at..],
                );
                at += count * S::LANES;
            }
        }
    }

    /// What the windows of a segment reach of in channel `i` of each group, with its border.
    fn lay_band<S: Simd>(
        &self,
        simd: S,
        segment: &Segment,
        groups: &Range<usize>,
        i: usize,
        out: &mut [f32],
    ) {
        let WeightsGradPlan { desc, geometry, .. } = self.plan;
        let border = border(desc);
        let [height, width] = desc.in_size;
        let first = groups.start * geometry.group_in + i;
        let lanes = groups.len();
        let [rows, cols] = reach(desc, [segment.ys.len(), segment.xs.len()]);
        let (top, left) =
            (self.walks[0].position(segment.ys.start, 0), self.walks[1].position(segment.xs.start, 0));
        let inside = left.clamp(0, width as isize)..(left + cols as isize).clamp(0, width as isize);
        for (y, out) in (top..).zip(out.chunks_exact_mut(cols * S::LANES).take(rows)) {
            let Some(y) = border.index(y, height) else {
                out.fill(border.outside());
                continue;
            };
            let src = &self.src[geometry.src.at(segment.image, first, y, 0)..];
            if !inside.is_empty() {
                let at = (inside.start - left) as usize * S::LANES;
                let src = &src[inside.start as usize * geometry.src.pixel..];
                row(
                    simd,
                    desc.layout,
                    &geometry.src,
                    src,
                    geometry.group_in,
                    lanes,
                    inside.len(),
                    &mut out[at..],
                );
            }
            for (x, pixel) in (left..).zip(out.chunks_exact_mut(S::LANES)) {
                if inside.contains(&x) {
                    continue;
                }
                match border.index(x, width) {
                    None => pixel.fill(border.outside()),
                    Some(x) => {
                        let step = geometry.group_in * geometry.src.channel;
                        for (lane, value) in pixel.iter_mut().enumerate().take(lanes) {
                            *value = src[lane * step + x * geometry.src.pixel];
                        }
                    }
                }
            }
        }
    }

    /// Adds the sums of a block for one pair of channels of each group.
    #[expect(clippy::too_many_arguments, reason = "what a block has, and where its sums go")]
    fn pair<S: Simd>(
        &self,
        simd: S,
        block: &Block,
        groups: &Range<usize>,
        [o, i]: [usize; 2],
        [left, bands]: [&[f32]; 2],
        channels: &Range<usize>,
        dw: &mut [f32],
    ) {
        let WeightsGradPlan { desc, geometry, .. } = self.plan;
        let Geometry { group_in, group_out, .. } = *geometry;
        let [rows, cols] = desc.kernel;
        let per = self.plan.weights_of_one();
        for first in (0..rows * cols).step_by(TAPS) {
            let count = (rows * cols - first).min(TAPS);
            let mut sums = [simd.splat(0.0); SUMS];
            for segment in block.segments() {
                let width = reach(desc, [segment.ys.len(), segment.xs.len()])[1];
                let row = width * S::LANES;
                let mut taps = [0; TAPS];
                for (tap, at) in (first..).zip(&mut taps[..count]) {
                    let tap = self.plan.window_tap(tap);
                    *at = tap / cols * desc.dilation[0] * row + tap % cols * desc.dilation[1] * S::LANES;
                }
                let pixels = Pixels {
                    left: &left[segment.at * S::LANES..],
                    right: &bands[(segment.number * group_in + i) * self.arrangement.band..],
                    steps: [desc.stride[0] * row, desc.stride[1] * S::LANES],
                    size: [segment.ys.len(), segment.xs.len()],
                };
                outer_lanes::run(simd, &pixels, &taps[..count], &mut sums);
            }
            for (tap, sum) in (first..first + count).zip(sums) {
                let mut values = [0.0; crate::kernel::transpose::MAX_LANES];
                simd.store(sum, &mut values);
                for (g, value) in groups.clone().zip(values) {
                    let k = g * group_out + o;
                    if channels.contains(&k) {
                        let dw = &mut dw[(k - channels.start) * per + tap * group_in + i];
                        *dw = if block.first { value } else { *dw + value };
                    }
                }
            }
        }
    }
}

/// A channel of each of `lanes` groups of `size` channels, `count` pixels, as vectors.
#[expect(clippy::too_many_arguments, reason = "where pixels lie, and how many of what")]
fn row<S: Simd>(
    simd: S,
    layout: Layout,
    strides: &Strides,
    src: &[f32],
    size: usize,
    lanes: usize,
    count: usize,
    out: &mut [f32],
) {
    match layout {
        Layout::Nchw => turn::gather(simd, src, size * strides.channel, lanes, count, out),
        Layout::Nhwc if size == 1 => turn::pick(simd, src, strides.pixel, lanes, count, out),
        Layout::Nhwc => {
            for (i, out) in out.chunks_exact_mut(S::LANES).take(count).enumerate() {
                let src = &src[i * strides.pixel..];
                for (lane, value) in out.iter_mut().enumerate() {
                    *value = if lane < lanes { src[lane * size] } else { 0.0 };
                }
            }
        }
    }
}
