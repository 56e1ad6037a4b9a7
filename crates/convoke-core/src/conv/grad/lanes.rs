//! The walk of weight gradients of depthwise layers and small groups: as many groups as a vector has lanes at a time. Blocks are walked
//! through in strips of rows that stay in the first cache: an out channel of every group and an in channel of every group are laid out as pixels of
//! one vector each, border in place, and every pair of them has the sums of all taps. A strip finds the rows of the image that
//! it shares with the one before it where they are.

use core::ops::Range;

use convoke_simd::{Kernel, Level, Simd};

use super::blocks::{Blocks, Segment};
use super::layout::{ALIGN, border};
use super::plan::WeightsGradPlan;
use crate::conv::desc::{Conv2dDesc, Layout};
use crate::conv::geometry::{Geometry, Strides};
use crate::conv::window::Walk;
use crate::error::checked_len;
use crate::kernel::outer_lanes::{self, Pixels, TAPS};
use crate::kernel::transpose::transpose_into;
use crate::kernel::turn;

/// In or out channels of a group, at most; more fill panels.
const MOST_CHANNELS: usize = 8;
/// Elements of a strip's band that the first cache has room for beside the gradient of the output.
const NEAR: usize = 6 * 1024;
/// Elements of a band, at most, and how many times what is read of it.
const WIDEST: usize = 1024 * 1024;
const MOST_BETWEEN: usize = 8;

/// Sizes of scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaneArrangement {
    /// Rows of outputs in a strip, at most.
    rows: usize,
    /// Elements of a strip of one out channel of each group, and of a band of one in channel.
    left: usize,
    band: usize,
    /// Of the sums of all weights of as many groups as there are lanes.
    sums: usize,
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
        let [_, most] = blocks.segments();
        let [window, width] = reach(desc, [1, blocks.cols()]);
        let row = checked_len("scratch", &[width, lanes]).ok()?;
        let stride = desc.stride[0];
        // As many as are near; but where most of a window is moved on from strip to strip, enough to be worth it.
        let near = (NEAR / row).saturating_sub(window.saturating_sub(stride)) / stride;
        let rows = near.max((window / 2).div_ceil(stride)).clamp(1, most);
        let [height, _] = reach(desc, [rows, 1]);
        let band = checked_len("scratch", &[height, row]).ok()?;
        let [r, s] = desc.kernel;
        let read = [rows, blocks.cols(), r, s, lanes].into_iter().fold(MOST_BETWEEN, usize::saturating_mul);
        let bands = checked_len("scratch", &[band, geometry.group_in]).ok()?;
        if bands > WIDEST || band > read {
            return None;
        }
        let left = rows * blocks.cols() * lanes;
        let sums = checked_len("scratch", &[geometry.group_out, geometry.group_in, r, s, lanes]).ok()?;
        let others = left * geometry.group_out + bands + ALIGN;
        let len = checked_len("scratch", &[sums.checked_mul(2)?.checked_add(others)?]).ok()?;
        Some(Self { rows, left, band, sums, len })
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
        let (lefts, rest) = scratch[start..].split_at_mut(arrangement.left * group_out);
        let (sums, rest) = rest.split_at_mut(arrangement.sums);
        let (totals, bands) = rest.split_at_mut(arrangement.sums);
        let walks = [0, 1].map(|axis| Walk::new(&plan.desc, &plan.geometry, axis));
        let walk = Walker { plan, arrangement, walks, dy, src };
        let groups = channels.start / group_out..channels.end.div_ceil(group_out);
        for first in groups.clone().step_by(S::LANES) {
            let wanted = first..(first + S::LANES).min(groups.end);
            let mut held = Held { image: 0, col: 0, rows: 0..0 };
            for block in plan.blocks.iter() {
                sums.fill(0.0);
                for segment in block.segments() {
                    let Range { start, end } = segment.ys;
                    for y in (start..end).step_by(arrangement.rows) {
                        let ys = y..(y + arrangement.rows).min(end);
                        let strip = Segment { ys, xs: segment.xs.clone(), ..segment };
                        walk.lay_band(simd, &strip, &wanted, group_in, &mut held, bands);
                        let lefts = walk.lay_left(simd, &strip, &wanted, lefts);
                        walk.strip(simd, &strip, lefts, bands, sums);
                    }
                }
                for (sum, total) in sums.chunks_exact(S::LANES).zip(totals.chunks_exact_mut(S::LANES)) {
                    let v = simd.load(sum);
                    simd.store(if block.first { v } else { simd.add(simd.load(total), v) }, total);
                }
            }
            walk.finish(simd, &wanted, totals, &channels, dw);
        }
        plan.reorder(simd, dw, scratch);
    }
}

/// Rows of an image that are in the bands, from a column on.
struct Held {
    image: usize,
    col: usize,
    rows: Range<isize>,
}

/// Out channels of a strip: those of a group `channel` elements apart, pixels `pixel`.
#[derive(Clone, Copy)]
struct Lefts<'a> {
    data: &'a [f32],
    channel: usize,
    pixel: usize,
    /// From one row to the next.
    row: usize,
}

struct Walker<'a> {
    plan: &'a WeightsGradPlan,
    arrangement: LaneArrangement,
    walks: [Walk; 2],
    dy: &'a [f32],
    src: &'a [f32],
}

impl<'a> Walker<'a> {
    /// The out channels of each group, a vector for every pixel of a strip: `dy` itself where they lie like that.
    #[inline(always)]
    fn lay_left<'s, S: Simd>(
        &self,
        simd: S,
        strip: &Segment,
        groups: &Range<usize>,
        out: &'s mut [f32],
    ) -> Lefts<'s>
    where
        'a: 's,
    {
        let WeightsGradPlan { desc, geometry, .. } = self.plan;
        let (dst, outs) = (&geometry.dst, geometry.group_out);
        let place = |o: usize, y: usize| dst.at(strip.image, groups.start * outs + o, y, strip.xs.start);
        if desc.layout == Layout::Nhwc && outs == 1 && groups.len() == S::LANES {
            let data = &self.dy[place(0, strip.ys.start)..];
            return Lefts { data, channel: 0, pixel: dst.pixel, row: dst.row };
        }
        let count = strip.xs.len();
        for o in 0..outs {
            let out = &mut out[o * self.arrangement.left..];
            for (y, out) in strip.ys.clone().zip(out.chunks_exact_mut(count * S::LANES)) {
                row(simd, desc.layout, dst, &self.dy[place(o, y)..], outs, groups.len(), count, out);
            }
        }
        Lefts { data: out, channel: self.arrangement.left, pixel: S::LANES, row: count * S::LANES }
    }

    /// What the windows of a strip reach of the in channels of each group, with its border. Rows that are there are moved to the front.
    #[inline(always)]
    fn lay_band<S: Simd>(
        &self,
        simd: S,
        strip: &Segment,
        groups: &Range<usize>,
        ins: usize,
        held: &mut Held,
        bands: &mut [f32],
    ) {
        let [rows, cols] = reach(&self.plan.desc, [strip.ys.len(), strip.xs.len()]);
        let len = cols * S::LANES;
        let top = self.walks[0].position(strip.ys.start, 0);
        let wanted = top..top + rows as isize;
        let alike = (held.image, held.col) == (strip.image, strip.xs.start) && held.rows.contains(&top);
        let kept = if alike { (held.rows.end - top) as usize } else { 0 };
        for i in 0..ins {
            let band = &mut bands[i * self.arrangement.band..][..self.arrangement.band];
            if kept > 0 && held.rows.start < top {
                let first = (top - held.rows.start) as usize * len;
                band.copy_within(first..first + kept * len, 0);
            }
            for (y, out) in wanted.clone().zip(band.chunks_exact_mut(len)).skip(kept) {
                self.lay_row(simd, strip, y, groups, i, out);
            }
        }
        *held =
            Held { image: strip.image, col: strip.xs.start, rows: top..wanted.end.max(top + kept as isize) };
    }

    /// One row of a band.
    #[inline(always)]
    fn lay_row<S: Simd>(
        &self,
        simd: S,
        strip: &Segment,
        y: isize,
        groups: &Range<usize>,
        i: usize,
        out: &mut [f32],
    ) {
        let WeightsGradPlan { desc, geometry, .. } = self.plan;
        let border = border(desc);
        let [height, width] = desc.in_size;
        let Some(y) = border.index(y, height) else {
            return out.fill(border.outside());
        };
        let (ins, lanes) = (geometry.group_in, groups.len());
        let src = &self.src[geometry.src.at(strip.image, groups.start * ins + i, y, 0)..];
        let left = self.walks[1].position(strip.xs.start, 0);
        let cols = (out.len() / S::LANES) as isize;
        let first = (-left).clamp(0, cols);
        let end = (width as isize - left).clamp(first, cols);
        if first < end {
            let src = &src[(left + first) as usize * geometry.src.pixel..];
            let out = &mut out[first as usize * S::LANES..end as usize * S::LANES];
            row(simd, desc.layout, &geometry.src, src, ins, lanes, (end - first) as usize, out);
        }
        for x in (0..first).chain(end..cols) {
            let out = &mut out[x as usize * S::LANES..][..S::LANES];
            match border.index(left + x, width) {
                None => out.fill(border.outside()),
                Some(x) => {
                    let src = &src[x * geometry.src.pixel..];
                    for (lane, value) in out.iter_mut().enumerate().take(lanes) {
                        *value = src[lane * ins * geometry.src.channel];
                    }
                }
            }
        }
    }

    /// Adds the products of a strip to the sums: for each out channel its weights, tap by tap, in channels fastest, each a vector of groups.
    #[inline(always)]
    fn strip<S: Simd>(&self, simd: S, strip: &Segment, lefts: Lefts<'_>, bands: &[f32], sums: &mut [f32]) {
        let WeightsGradPlan { desc, geometry, .. } = self.plan;
        let Geometry { group_in, group_out, .. } = *geometry;
        let [rows, cols] = desc.kernel;
        let per = self.plan.weights_of_one();
        let row = reach(desc, [1, strip.xs.len()])[1] * S::LANES;
        for first in (0..rows * cols).step_by(TAPS) {
            let count = (rows * cols - first).min(TAPS);
            let mut taps = [0; TAPS];
            for (tap, at) in (first..).zip(&mut taps[..count]) {
                let tap = self.plan.window_tap(tap);
                *at = tap / cols * desc.dilation[0] * row + tap % cols * desc.dilation[1] * S::LANES;
            }
            for o in 0..group_out {
                for i in 0..group_in {
                    let pixels = Pixels {
                        left: &lefts.data[o * lefts.channel..],
                        left_steps: [lefts.row, lefts.pixel],
                        right: &bands[i * self.arrangement.band..],
                        steps: [desc.stride[0] * row, desc.stride[1] * S::LANES],
                        size: [strip.ys.len(), strip.xs.len()],
                    };
                    let sums = &mut sums[(o * per + first * group_in + i) * S::LANES..];
                    outer_lanes::run(simd, &pixels, &taps[..count], sums, group_in * S::LANES);
                }
            }
        }
    }

    /// From vectors of groups to the weights of each.
    fn finish<S: Simd>(
        &self,
        simd: S,
        groups: &Range<usize>,
        totals: &[f32],
        channels: &Range<usize>,
        dw: &mut [f32],
    ) {
        let (per, outs) = (self.plan.weights_of_one(), self.plan.geometry.group_out);
        for (o, totals) in totals.chunks_exact(per * S::LANES).enumerate() {
            let first = groups.start * outs + o;
            if channels.start <= first && (groups.end - 1) * outs + o < channels.end {
                let dw = &mut dw[(first - channels.start) * per..];
                transpose_into(simd, totals, S::LANES, [per, groups.len()], dw, outs * per);
                continue;
            }
            // A piece may be cut between the out channels of a group.
            for (lane, k) in (first..).step_by(outs).take(groups.len()).enumerate() {
                if channels.contains(&k) {
                    let dw = &mut dw[(k - channels.start) * per..][..per];
                    for (dw, totals) in dw.iter_mut().zip(totals.chunks_exact(S::LANES)) {
                        *dw = totals[lane];
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
        Layout::Nhwc if size == 1 => outer_lanes::lay(simd, src, strides.pixel, lanes, count, out),
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
