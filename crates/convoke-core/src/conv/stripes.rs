//! The walk of stripes: pixels are lanes, and each block of out channels reads the planes of all in channels. For layers
//! whose out channels would not fill vectors, and for NCHW layers, above all pointwise ones, which read and write in
//! place.
//!
//! Where planes cannot be read in place, a band of them is gathered: from NHWC in squares that are transposed in
//! registers, with the border in place. Rows and columns are taken apart by the strides on the way, those that are a
//! stride apart laid side by side, so that a tap is always a shift of the band. Then the rows of a band are one line
//! of pixels, and stripes run on from one to the next, over the few places between them that are no outputs. Where rows are
//! short, the columns of a band are its lines instead: only gathering and places in `dst` know which.

use core::ops::Range;

use convoke_simd::Simd;

use super::desc::Layout;
use super::direct::taps;
use super::grid::{BAND, Grid};
use super::operands::Operands;
use super::pack::Block;
use super::part::Part;
use super::plan::Conv2dPlan;
use super::window::{Span, Walk};
use crate::Border;
use crate::kernel::lines::{NO_BIAS, Output, Place};
use crate::kernel::stripe::{self, Stripe, Taps};
use crate::kernel::transpose::{Line, pick_into, transpose_into};

/// Lines that are gathered at a time.
const LINES: usize = 64;
/// Lines up to this length are cleared with all of their band, and not each at its ends.
const SHORT: usize = 64;
/// Elements of input that stay in the first-level cache while blocks of out channels pass.
const NEAR: usize = 4 * 1024;

/// Planes that stripes read.
#[derive(Clone, Copy)]
struct Planes<'a> {
    data: &'a [f32],
    channel: usize,
    pitch: usize,
    /// Elements from one phase of rows to the next, and of columns.
    phases: [usize; 2],
    /// Whether vectors may be read that end behind the last output.
    slack: bool,
}

/// The walk's fixed data.
pub(crate) struct Stripes<'a> {
    pub(crate) plan: &'a Conv2dPlan,
    pub(crate) grid: Grid,
    pub(crate) part: &'a Part,
    pub(crate) operands: &'a Operands<'a>,
    pub(crate) weights: &'a [f32],
    pub(crate) walks: [Walk; 2],
}

/// The wanted out channels of one group of one image.
struct Group<'a> {
    image: usize,
    /// First out channel.
    first: usize,
    /// Wanted ones, counted from `first`.
    wanted: Range<usize>,
    weights: &'a [f32],
}

impl Stripes<'_> {
    pub(crate) fn run<S: Simd>(&self, simd: S, dst: &mut [f32], scratch: &mut [f32]) {
        let Conv2dPlan { geometry, blocks, .. } = self.plan;
        let size = blocks.channels;
        let width = geometry.out_size[1];
        for image in self.part.images() {
            let channels = self.part.channels(image);
            if channels.is_empty() || self.part.rows.is_empty() {
                continue;
            }
            for index in channels.start / size..channels.end.div_ceil(size) {
                let first = index * size;
                let group = Group {
                    image,
                    first,
                    wanted: channels.start.saturating_sub(first)..(channels.end - first).min(size),
                    weights: &self.weights[index * blocks.len()..][..blocks.len()],
                };
                let channel = index * geometry.group_in;
                let rows = self.part.rows.clone();
                for y in rows.clone().step_by(self.grid.band[0]) {
                    let ys = y..(y + self.grid.band[0]).min(rows.end);
                    for x in (0..width).step_by(self.grid.band[1]) {
                        let xs = x..(x + self.grid.band[1]).min(width);
                        let planes = if self.grid.in_place && ys.len() * xs.len() >= S::LANES {
                            let row = self.walks[0].position(ys.start, 0) as usize;
                            let at = geometry.src.at(image, channel, row, xs.start);
                            Planes {
                                data: &self.operands.src[at..],
                                channel: geometry.src.channel,
                                pitch: width,
                                phases: [0, 0],
                                slack: false,
                            }
                        } else {
                            self.gather(simd, image, channel, [ys.clone(), xs.clone()], scratch)
                        };
                        self.run_band(simd, &group, planes, [ys.clone(), xs], dst);
                    }
                }
            }
        }
    }

    /// All wanted out channels of a group over one band of outputs.
    fn run_band<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        planes: Planes<'_>,
        band: [Range<usize>; 2],
        dst: &mut [f32],
    ) {
        let desc = &self.plan.desc;
        let [line, along] = self.grid.axes;
        let whole = |axis: usize| Span { outputs: band[axis].clone(), taps: 0..desc.kernel[axis] };
        // Outputs that share their taps are made together, with just the weights of those: where lines are made one by one
        // that leaves out the padding at no cost, and a zero that stands for nothing must not meet an infinite weight.
        let zeros = desc.border == Border::Zero;
        let infinite = zeros && !self.operands.weights.is_finite();
        let lines = zeros && !self.grid.runs_on(band[along].len(), planes.pitch);
        let spans = |axis: usize, apart: bool| {
            let many = apart.then(|| self.walks[axis].spans(band[axis].clone()));
            let one = (!apart).then(|| whole(axis));
            many.into_iter().flatten().chain(one)
        };
        for first in spans(line, infinite || lines) {
            for second in spans(along, infinite) {
                let mut both = [first.clone(), second];
                if line == 1 {
                    both.swap(0, 1);
                }
                self.run_box(simd, group, planes, &band, &both, dst);
            }
        }
    }

    /// The outputs of a box inside the band, which share their taps.
    fn run_box<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        planes: Planes<'_>,
        band: &[Range<usize>; 2],
        spans: &[Span; 2],
        dst: &mut [f32],
    ) {
        let [line, along] = self.grid.axes;
        let Planes { pitch, .. } = planes;
        let (height, width) = (spans[line].outputs.len(), spans[along].outputs.len());
        let start = |axis: usize| spans[axis].outputs.start - band[axis].start;
        let base = start(line) * pitch + start(along);
        let runs_on = spans[along].outputs == band[along] && self.grid.runs_on(width, pitch);
        let (lines, len) = if runs_on { (1, (height - 1) * pitch + width) } else { (height, width) };
        // In `dst` too, one line may follow the other.
        let steps = self.part.steps();
        let whole = runs_on && pitch == width && steps[line] == width * steps[along];
        let shape = if whole { [len, len] } else { [width, pitch] };
        // As many stripes as have room for their input in the first cache are made of one block of out channels, then as
        // many of the next; or as many as have room in the second, if that is less than one.
        let stripe = self.grid.vectors * self.grid.lanes;
        let stripes = |elements: usize| elements / (self.plan.geometry.group_in * stripe);
        let chunk = match stripes(NEAR) {
            0 => stripes(BAND).max(1) * stripe,
            some => some * stripe,
        };
        for number in 0..lines {
            for first in (0..len).step_by(chunk) {
                let wanted = first..(first + chunk).min(len);
                for block in self.plan.blocks.iter() {
                    if block.first < group.wanted.end && group.wanted.start < block.first + block.channels {
                        let (mut stripe, output) = self.block(group, &block, &planes, spans, shape);
                        let data = &planes.data[base + number * pitch..];
                        let mut next = wanted.start;
                        while next < wanted.end {
                            let (at, vectors) = self.stripe::<S>(&block, planes.slack, next..wanted.end, len);
                            let lanes = (vectors * S::LANES).min(len - at);
                            stripe.src = &data[at..];
                            let place = match at < shape[0] {
                                true => Place { y: number, x: at, lanes },
                                false => Place { y: number + at / shape[1], x: at % shape[1], lanes },
                            };
                            stripe.run(simd, [block.channels, vectors], &output, place, dst);
                            next = at + lanes;
                        }
                    }
                }
            }
        }
    }

    /// Where on a line of `len` places the next stripe starts that is to begin with the first of `wanted`, and how many
    /// vectors it has.
    #[inline(always)]
    fn stripe<S: Simd>(
        &self,
        block: &Block,
        slack: bool,
        wanted: Range<usize>,
        len: usize,
    ) -> (usize, usize) {
        let most = stripe::vectors(S::REGISTERS, block.channels).min(self.grid.vectors);
        let mut vectors = wanted.len().div_ceil(S::LANES).next_power_of_two().min(most);
        while !slack && vectors * S::LANES > len {
            vectors /= 2;
        }
        // The last stripe of a line is moved back, so that all its lanes are outputs.
        let size = vectors * S::LANES;
        let at = if wanted.start + size > len { len.saturating_sub(size) } else { wanted.start };
        (at, vectors)
    }

    /// The stripes of a block of out channels, but for their places, and where they go. `shape` has the columns of the
    /// outputs, and the places of a row that stripes run on over.
    #[inline(always)]
    fn block<'s>(
        &'s self,
        group: &Group<'s>,
        block: &Block,
        planes: &Planes<'_>,
        [ys, xs]: &[Span; 2],
        [width, pitch]: [usize; 2],
    ) -> (Stripe<'s>, Output<'s>) {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let depth = geometry.group_in;
        let [rows, cols] = taps(ys, xs);
        let tap = if rows == 0 { 0 } else { ys.taps.start * desc.kernel[1] + xs.taps.start };
        let [line, along] = self.grid.axes;
        let axis = |axis: usize, first: usize, count: usize| {
            let walk = &self.walks[axis];
            let step = if axis == line { planes.pitch } else { 1 };
            Taps::new(first, count, [walk.dilation, walk.stride], [planes.phases[axis], step])
        };
        let stripe = Stripe {
            src: &[],
            rows: axis(0, ys.taps.start, rows),
            cols: axis(1, xs.taps.start, cols),
            depth,
            channel_step: planes.channel,
            weights: &group.weights[block.weights..][tap * depth * block.channels..],
            weights_row_step: desc.kernel[1] * depth * block.channels,
        };
        let first = group.wanted.start.saturating_sub(block.first);
        let end = block.channels.min(group.wanted.end - block.first);
        let k = group.first + block.first;
        let (y, x) = (ys.outputs.start, xs.outputs.start);
        let steps = self.part.steps();
        let at = self.part.at(group.image, k + first, y, x);
        let output = Output {
            at,
            // The buffer of a part starts later than `dst`, and has no more of anything.
            residual_shift: geometry.dst.at(group.image, k + first, y, x) - at,
            row_step: steps[line],
            pixel_step: steps[along],
            channel_step: steps[2],
            residual_channel_step: geometry.dst.channel,
            width,
            pitch,
            first,
            end,
            bias: self.operands.bias.map_or(
                &NO_BIAS[..],
                #[inline(always)]
                |bias| &bias[k..][..block.channels],
            ),
            residual: self.operands.residual,
            activation: desc.activation,
        };
        (stripe, output)
    }

    /// Gathers what the outputs `ys` by `xs` read, with its border.
    fn gather<'s, S: Simd>(
        &self,
        simd: S,
        image: usize,
        channel: usize,
        outputs: [Range<usize>; 2],
        scratch: &'s mut [f32],
    ) -> Planes<'s> {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let depth = geometry.group_in;
        let [rows, cols] = self.grid.phases;
        let [line, along] = self.grid.axes;
        let [ys, xs] = &outputs;
        // The same sizes, or smaller ones, were checked when planning.
        let [pitch, height, step] = self.grid.sizes([ys.len(), xs.len()]).unwrap_or_default();
        let plane = height * pitch;
        let band = &mut scratch[..depth * step + S::LANES * self.grid.vectors];
        let flat = along == 1
            && self.grid.pointwise
            && Grid::rows_are_dense(desc, geometry)
            && xs.len() == desc.in_size[1];
        if !flat && desc.border == Border::Zero && pitch <= SHORT {
            band.fill(0.0);
        } else {
            // What stripes read behind the last plane, and between planes.
            for c in 0..depth {
                band[c * step + rows * cols * plane..(c + 1) * step].fill(0.0);
            }
            band[depth * step..].fill(0.0);
        }
        let src = &self.operands.src[geometry.src.at(image, channel, 0, 0)..];
        if flat {
            // One row follows the other.
            let src = &src[self.walks[0].position(ys.start, 0) as usize * geometry.src.row..];
            let line = Line { from: 0, count: ys.len() * xs.len(), to: 0 };
            self.copy(simd, src, geometry.src.pixel, &[line], band, step);
        } else {
            let steps = [geometry.src.row, geometry.src.pixel];
            // If that is too much, lines have one place.
            let distance = steps[along].wrapping_mul(desc.stride[along]);
            // Some lines at a time, plane after plane.
            let mut lines = [Line::default(); LINES];
            let mut count = 0;
            for row_phase in 0..rows {
                for col_phase in 0..cols {
                    let phase = [row_phase as isize, col_phase as isize];
                    let position = |axis: usize, add: usize| {
                        self.walks[axis].position(outputs[axis].start + add, 0) + phase[axis]
                    };
                    for i in 0..height {
                        let at = (row_phase * cols + col_phase) * plane + i * pitch;
                        let place = [position(line, i), position(along, 0)];
                        if let Some(inside) = self.line(src, place, pitch, &mut band[at..], step) {
                            lines[count] = Line { to: at + inside.to, ..inside };
                            count += 1;
                        }
                        if count == LINES {
                            self.copy(simd, src, distance, &lines, band, step);
                            count = 0;
                        }
                    }
                }
            }
            self.copy(simd, src, distance, &lines[..count], band, step);
        }
        Planes { data: band, channel: step, pitch, phases: [cols * plane, plane], slack: true }
    }

    /// Of one line of all planes, `count` places from image coordinates on, across lines and along them, that may lie outside:
    /// writes those outside, and says which lie inside.
    fn line(
        &self,
        src: &[f32],
        [across, from]: [isize; 2],
        count: usize,
        out: &mut [f32],
        step: usize,
    ) -> Option<Line> {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let strides = &geometry.src;
        let [line, along] = self.grid.axes;
        let steps = [strides.row, strides.pixel];
        let stride = desc.stride[along];
        let depth = geometry.group_in;
        let row = desc.border.index(across, desc.in_size[line]);
        // The places that lie inside.
        let before = |edge: usize| (edge as isize - from).max(0) as usize;
        let [first, end] = [0, desc.in_size[along]].map(|edge| before(edge).div_ceil(stride).min(count));
        let [first, end] = if row.is_some() { [first, end.max(first)] } else { [0, 0] };
        let place = |i: usize| from + (i * stride) as isize;
        if desc.border != Border::Zero {
            for i in (0..first).chain(end..count) {
                let from = row.and_then(|row| Some((row, desc.border.index(place(i), desc.in_size[along])?)));
                for c in 0..depth {
                    out[c * step + i] = match from {
                        Some((row, at)) => src[c * strides.channel + row * steps[line] + at * steps[along]],
                        None => desc.border.outside(),
                    };
                }
            }
        } else if count > SHORT && (first, end) != (0, count) {
            for c in 0..depth {
                let out = &mut out[c * step..][..count];
                out[..first].fill(0.0);
                out[end..].fill(0.0);
            }
        }
        let row = row.filter(|_| first < end)?;
        let from = row * steps[line] + place(first) as usize * steps[along];
        Some(Line { from, count: end - first, to: first })
    }

    /// Lines of pixels, `distance` elements apart, of all planes.
    fn copy<S: Simd>(
        &self,
        simd: S,
        src: &[f32],
        distance: usize,
        lines: &[Line],
        out: &mut [f32],
        step: usize,
    ) {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let depth = geometry.group_in;
        if desc.layout == Layout::Nhwc {
            for line in lines {
                transpose_into(
                    simd,
                    &src[line.from..],
                    distance,
                    [line.count, depth],
                    &mut out[line.to..],
                    step,
                );
            }
            return;
        }
        pick_into(simd, src, [depth, geometry.src.channel, distance], lines, out, step);
    }
}
