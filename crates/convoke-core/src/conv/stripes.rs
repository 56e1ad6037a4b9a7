//! The walk of stripes: pixels are lanes, and each block of out channels reads the planes of all in channels. For layers
//! whose out channels would not fill vectors, and for NCHW layers, above all pointwise ones, which read and write in
//! place.
//!
//! Where planes cannot be read in place, a band of them is gathered: from NHWC in squares that are transposed in
//! registers, with the border in place. Rows and columns are taken apart by the strides on the way, those that are a
//! stride apart laid side by side, so that a tap is always a shift of the band. Then the rows of a band are one line
//! of pixels, and stripes run on from one to the next, over the few places between them that are no outputs.

use core::ops::Range;

use convoke_simd::Simd;

use super::band::{APART, crowded};
use super::desc::{Conv2dDesc, Layout};
use super::direct::taps;
use super::geometry::Geometry;
use super::operands::Operands;
use super::pack::Block;
use super::part::Part;
use super::plan::Conv2dPlan;
use super::window::{Span, Walk};
use crate::error::{Error, checked_len};
use crate::kernel::stripe::{self, Output, Place, Stripe, Taps};
use crate::kernel::transpose::transpose_into;
use crate::{Border, Level};

/// Elements of input that a band aims at: half a megabyte of second-level cache has room for it, weights and output.
const BAND: usize = 32 * 1024;
/// Elements of input that one tap of a stripe may read if the next is to find them in the first-level cache, and sums that
/// are needed to cover the latency of the multiply-add.
const TWICE_READ: usize = 6 * 1024;
const FEWEST_SUMS: usize = 8;
/// Elements of input that stay in the first-level cache while blocks of out channels pass.
const NEAR: usize = 4 * 1024;

/// How the planes of a band are cut and laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Whether planes are read where they are.
    in_place: bool,
    /// Output rows and columns of a band.
    rows: usize,
    cols: usize,
    /// Rows and columns are taken apart into so many.
    phases: [usize; 2],
    /// Rows and columns of one phase behind those of the outputs.
    reach: [usize; 2],
    /// Out channels of a block, and vectors of a full stripe.
    pub(crate) channels: usize,
    pub(crate) vectors: usize,
    lanes: usize,
}

impl Grid {
    /// The grid and the length of the scratch, or an error if a band does not fit in memory.
    pub(crate) fn new(desc: &Conv2dDesc, geometry: &Geometry, level: Level) -> Result<(Self, usize), Error> {
        let lanes = level.lanes();
        // Blocks of about the same size.
        let most = stripe::channels(level.registers());
        let channels = geometry.group_out.div_ceil(geometry.group_out.div_ceil(most));
        let mut vectors = stripe::vectors(level.registers(), channels);
        // Each tap passes over all in channels: better a few sums less than to lose the pixels between two taps.
        let often = desc.kernel != [1, 1];
        while often
            && vectors > 2
            && channels * vectors / 2 >= FEWEST_SUMS
            && geometry.group_in.saturating_mul(vectors * lanes) > TWICE_READ
        {
            vectors /= 2;
        }
        let extent = [0, 1].map(|axis| (desc.kernel[axis] - 1) * desc.dilation[axis]);
        let phases = [0, 1].map(|axis| desc.stride[axis].min(1 + extent[axis]));
        let reach = [0, 1].map(|axis| extent[axis] / desc.stride[axis]);
        let [height, width] = geometry.out_size;
        let dense = Self::is_pointwise(desc, geometry) && Self::rows_are_dense(desc, geometry);
        let in_place = desc.layout == Layout::Nchw
            && dense
            && geometry.dst.row == width
            && !crowded(geometry.src.channel)
            && height * width >= lanes;
        let mut grid = Self { in_place, rows: height, cols: width, phases, reach, channels, vectors, lanes };
        // As many rows as fit, or columns of one row; but enough for a stripe, and bands of about the same size.
        let stripe = vectors * lanes;
        let fits = |grid: &Self| in_place || grid.band_len(geometry).is_ok_and(|len| len <= BAND);
        while grid.rows > 1 && !fits(&grid) && grid.rows * width > 4 * stripe {
            grid.rows = grid.rows.div_ceil(2);
        }
        while grid.cols > 4 * stripe && !fits(&grid) {
            grid.cols = grid.cols.div_ceil(2);
        }
        let scratch = if in_place {
            // For a part of the output that is smaller than a vector.
            checked_len("scratch", &[geometry.group_in, 2 * lanes])?.saturating_add(stripe)
        } else {
            grid.band_len(geometry)?.saturating_add(stripe)
        };
        Ok((grid, checked_len("scratch", &[scratch])?))
    }

    fn is_pointwise(desc: &Conv2dDesc, geometry: &Geometry) -> bool {
        desc.kernel == [1, 1]
            && desc.stride == [1, 1]
            && [geometry.pad_before, geometry.pad_after] == [[0, 0]; 2]
            && desc.in_size == geometry.out_size
    }

    /// Whether the rows of `src` follow each other without gaps.
    fn rows_are_dense(desc: &Conv2dDesc, geometry: &Geometry) -> bool {
        geometry.src.row == desc.in_size[1] * geometry.src.pixel
    }

    /// Elements of a band of so many outputs: places of a row, rows of a phase, and elements of a channel.
    fn sizes(&self, [rows, cols]: [usize; 2]) -> Result<[usize; 3], Error> {
        let (pitch, height) = (cols.saturating_add(self.reach[1]), rows.saturating_add(self.reach[0]));
        let channel = checked_len("scratch", &[self.phases[0], self.phases[1], height, pitch])?;
        Ok([pitch, height, channel + if crowded(channel) { APART } else { 0 }])
    }

    /// Elements of a band of all in channels.
    fn band_len(&self, geometry: &Geometry) -> Result<usize, Error> {
        let [_, _, channel] = self.sizes([self.rows, self.cols])?;
        checked_len("scratch", &[geometry.group_in, channel])
    }

    /// Whether a band holds at most `most` times the elements that its outputs read.
    pub(crate) fn is_dense(&self, desc: &Conv2dDesc, most: usize) -> bool {
        let [r, s] = desc.kernel;
        let read = [self.rows, self.cols, r, s].into_iter().fold(most, usize::saturating_mul);
        self.in_place || self.sizes([self.rows, self.cols]).is_ok_and(|[_, _, channel]| channel <= read)
    }

    /// Whether stripes run on from one row of a band to the next: if what lies between costs less than the ends of rows
    /// would.
    fn runs_on(&self, width: usize, pitch: usize) -> bool {
        pitch == width || pitch < width.next_multiple_of(self.lanes)
    }

    /// How input is read, for people.
    pub(crate) fn reads(&self) -> &'static str {
        if self.in_place { "stripes in place" } else { "stripes by bands" }
    }

    /// Vectors of pixels of one image: what each step of the reduction takes.
    pub(crate) fn image_vectors(&self, geometry: &Geometry) -> u64 {
        let [height, width] = geometry.out_size;
        let pitch = if self.in_place { width } else { width + self.reach[1] };
        let vectors = if self.runs_on(width, pitch) {
            (pitch as u64).saturating_mul(height as u64).div_ceil(self.lanes as u64)
        } else {
            (width.div_ceil(self.lanes) as u64).saturating_mul(height as u64)
        };
        vectors.max(1)
    }

    /// Elements that are gathered for one image and all groups.
    pub(crate) fn gathered(&self, desc: &Conv2dDesc, geometry: &Geometry) -> u64 {
        if self.in_place {
            return 0;
        }
        let [height, width] = geometry.out_size;
        let bands = [height.div_ceil(self.rows), width.div_ceil(self.cols)];
        match self.sizes([self.rows, self.cols]) {
            Ok([_, _, channel]) => [bands[0], bands[1], channel, desc.in_channels]
                .into_iter()
                .fold(1, |product: u64, n| product.saturating_mul(n as u64)),
            Err(_) => u64::MAX,
        }
    }
}

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
                for y in rows.clone().step_by(self.grid.rows) {
                    let ys = y..(y + self.grid.rows).min(rows.end);
                    for x in (0..width).step_by(self.grid.cols) {
                        let xs = x..(x + self.grid.cols).min(width);
                        let planes = if self.grid.in_place && ys.len() * xs.len() >= S::LANES {
                            let at = geometry.src.at(image, channel, ys.start, xs.start);
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
        // A zero that stands for nothing must not meet an infinite weight: outputs that share their taps are made
        // together, with just the weights of those.
        if desc.border == Border::Zero && !self.operands.weights.is_finite() {
            for ys in self.walks[0].spans(band[0].clone()) {
                for xs in self.walks[1].spans(band[1].clone()) {
                    self.run_box(simd, group, planes, &band, &[ys.clone(), xs], dst);
                }
            }
        } else {
            let span = |axis: usize| Span { outputs: band[axis].clone(), taps: 0..desc.kernel[axis] };
            self.run_box(simd, group, planes, &band, &[span(0), span(1)], dst);
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
        let [ys, xs] = spans;
        let Planes { pitch, .. } = planes;
        let width = xs.outputs.len();
        let base = (ys.outputs.start - band[0].start) * pitch + (xs.outputs.start - band[1].start);
        let runs_on = xs.outputs == band[1] && self.grid.runs_on(width, pitch);
        let (lines, len) =
            if runs_on { (1, (ys.outputs.len() - 1) * pitch + width) } else { (ys.outputs.len(), width) };
        // In `dst` too, one row may follow the other.
        let [row_step, pixel_step, _] = self.part.steps();
        let whole = runs_on && pitch == width && row_step == width * pixel_step;
        let shape = if whole { [len, len] } else { [width, pitch] };
        // As many stripes as have room for their input in the first cache are made of one block of out channels, then as
        // many of the next; or as many as have room in the second, if that is less than one.
        let stripe = self.grid.vectors * self.grid.lanes;
        let stripes = |elements: usize| elements / (self.plan.geometry.group_in * stripe);
        let chunk = match stripes(NEAR) {
            0 => stripes(BAND).max(1) * stripe,
            some => some * stripe,
        };
        for line in 0..lines {
            for first in (0..len).step_by(chunk) {
                let wanted = first..(first + chunk).min(len);
                for block in self.plan.blocks.iter() {
                    if block.first < group.wanted.end && group.wanted.start < block.first + block.channels {
                        let (mut stripe, output) = self.block(group, &block, &planes, spans, shape);
                        let data = &planes.data[base + line * pitch..];
                        let mut next = wanted.start;
                        while next < wanted.end {
                            let (at, vectors) = self.stripe::<S>(&block, planes.slack, next..wanted.end, len);
                            let lanes = (vectors * S::LANES).min(len - at);
                            stripe.src = &data[at..];
                            let place = match at < shape[0] {
                                true => Place { y: line, x: at, lanes },
                                false => Place { y: line + at / shape[1], x: at % shape[1], lanes },
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
        let axis = |axis: usize, first: usize, count: usize, step: usize| {
            let walk = &self.walks[axis];
            Taps::new(first, count, [walk.dilation, walk.stride], [planes.phases[axis], step])
        };
        let stripe = Stripe {
            src: &[],
            rows: axis(0, ys.taps.start, rows, planes.pitch),
            cols: axis(1, xs.taps.start, cols, 1),
            depth,
            channel_step: planes.channel,
            weights: &group.weights[block.weights..][tap * depth * block.channels..],
            weights_row_step: desc.kernel[1] * depth * block.channels,
        };
        let first = group.wanted.start.saturating_sub(block.first);
        let end = block.channels.min(group.wanted.end - block.first);
        let k = group.first + block.first;
        let (y, x) = (ys.outputs.start, xs.outputs.start);
        let [row_step, pixel_step, channel_step] = self.part.steps();
        let at = self.part.at(group.image, k + first, y, x);
        let output = Output {
            at,
            // The buffer of a part starts later than `dst`, and has no more of anything.
            residual_shift: geometry.dst.at(group.image, k + first, y, x) - at,
            row_step,
            pixel_step,
            channel_step,
            residual_channel_step: geometry.dst.channel,
            width,
            pitch,
            first,
            end,
            bias: self.operands.bias.map_or(
                &stripe::NO_BIAS[..],
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
        [ys, xs]: [Range<usize>; 2],
        scratch: &'s mut [f32],
    ) -> Planes<'s> {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let depth = geometry.group_in;
        let [rows, cols] = self.grid.phases;
        // The same sizes, or smaller ones, were checked when planning.
        let [pitch, height, step] = self.grid.sizes([ys.len(), xs.len()]).unwrap_or_default();
        let plane = height * pitch;
        let band = &mut scratch[..depth * step + S::LANES * self.grid.vectors];
        // What stripes read behind the last plane, and between planes.
        for c in 0..depth {
            band[c * step + rows * cols * plane..(c + 1) * step].fill(0.0);
        }
        band[depth * step..].fill(0.0);
        let src = &self.operands.src[geometry.src.at(image, channel, 0, 0)..];
        if Grid::is_pointwise(desc, geometry)
            && Grid::rows_are_dense(desc, geometry)
            && xs.len() == desc.in_size[1]
        {
            // One row follows the other.
            let src = &src[ys.start * geometry.src.row..];
            self.copy(simd, src, 1, ys.len() * xs.len(), band, step);
        } else {
            for row_phase in 0..rows {
                for col_phase in 0..cols {
                    for y in 0..height {
                        let at = (row_phase * cols + col_phase) * plane + y * pitch;
                        let row = self.walks[0].position(ys.start + y, 0) + row_phase as isize;
                        let col = self.walks[1].position(xs.start, 0) + col_phase as isize;
                        self.gather_row(simd, src, [row, col], pitch, &mut band[at..], step);
                    }
                }
            }
        }
        Planes { data: band, channel: step, pitch, phases: [cols * plane, plane], slack: true }
    }

    /// `count` places of one row of all planes, from an image row and column on that may lie outside.
    fn gather_row<S: Simd>(
        &self,
        simd: S,
        src: &[f32],
        [y, x]: [isize; 2],
        count: usize,
        out: &mut [f32],
        step: usize,
    ) {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let strides = &geometry.src;
        let [height, width] = desc.in_size;
        let stride = desc.stride[1];
        let depth = geometry.group_in;
        let row = desc.border.index(y, height).map(
            #[inline(always)]
            |y| &src[y * strides.row..],
        );
        // The places whose columns lie inside.
        let before = |edge: usize| (edge as isize - x).max(0) as usize;
        let [first, end] = [0, width].map(|edge| before(edge).div_ceil(stride).min(count));
        let [first, end] = if row.is_some() { [first, end.max(first)] } else { [0, 0] };
        let column = |i: usize| x + (i * stride) as isize;
        if let (Some(row), true) = (row, first < end) {
            let src = &row[column(first) as usize * strides.pixel..];
            self.copy(simd, src, stride, end - first, &mut out[first..], step);
        }
        for i in (0..first).chain(end..count) {
            let from = row.and_then(|row| Some((row, desc.border.index(column(i), width)?)));
            for c in 0..depth {
                out[c * step + i] = match from {
                    Some((row, x)) => row[c * strides.channel + x * strides.pixel],
                    None => desc.border.outside(),
                };
            }
        }
    }

    /// `count` pixels, `stride` apart, of all planes.
    fn copy<S: Simd>(&self, simd: S, src: &[f32], stride: usize, count: usize, out: &mut [f32], step: usize) {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let depth = geometry.group_in;
        if desc.layout == Layout::Nhwc {
            return transpose_into(simd, src, stride * geometry.src.pixel, [count, depth], out, step);
        }
        for c in 0..depth {
            let (src, out) = (&src[c * geometry.src.channel..], &mut out[c * step..][..count]);
            if stride == 1 {
                out.copy_from_slice(&src[..count]);
            } else {
                for (out, x) in out.iter_mut().zip(src.iter().step_by(stride)) {
                    *out = *x;
                }
            }
        }
    }
}
