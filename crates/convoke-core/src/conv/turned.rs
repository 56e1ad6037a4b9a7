//! The walk for layers whose out channels see few in channels, by blocks of as many channels as a vector holds: a band of
//! rows is laid out as pixels of one vector each, and the [lane kernel](crate::kernel::lanes) makes the outputs. For NCHW,
//! where the way to such pixels is a transposition, as is the way back; and for NHWC with large masks, where the pixels that
//! a mask spans would compete for the same few places of the first-level cache.

use core::ops::Range;

use convoke_simd::{Level, Simd};

use super::desc::{Conv2dDesc, Layout};
use super::geometry::{Geometry, Strides};
use super::lanes::{LaneBlocks, orders, permutations, sharing, strips, walks};
use super::operands::Operands;
use super::part::Part;
use super::plan::Conv2dPlan;
use super::window::Walk;
use crate::error::{Error, checked_len};
use crate::kernel::lanes::{Layer, Strip};
use crate::kernel::turn::{self, Target};
use crate::{Activation, Border};

/// Elements of a cache line.
const ALIGN: usize = 16;

/// Elements of input that a band aims at: a part of the second-level cache.
const BAND: usize = 24 * 1024;

/// How much is turned at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) blocks: LaneBlocks,
    /// Output rows of a band, and the elements of its input.
    rows: usize,
    input: usize,
}

impl Turn {
    /// The bands and the length of the scratch, or an error if a band does not fit in memory.
    pub(crate) fn new(
        desc: &Conv2dDesc,
        geometry: &Geometry,
        level: Level,
        blocks: LaneBlocks,
    ) -> Result<(Self, usize), Error> {
        let lanes = level.lanes();
        let [height, width] = geometry.out_size;
        let input =
            |rows: usize| checked_len("scratch", &[reach(desc, 0, rows), reach(desc, 1, width), lanes]);
        // At least a tile's height; pairs of rows are whole.
        let mut rows = 2.min(height);
        while rows < height && input((2 * rows).min(height)).is_ok_and(|len| len <= BAND) {
            rows = (2 * rows).min(height);
        }
        while rows + 2 <= height && input(rows + 2).is_ok_and(|len| len <= BAND) {
            rows += 2;
        }
        // Bands of equal height, lest the last be a row.
        let rows = height.div_ceil(height.div_ceil(rows)).next_multiple_of(2).min(height);
        let input = input(rows)?;
        let output = match desc.layout {
            Layout::Nchw => checked_len("scratch", &[rows, width, lanes])?,
            // Outputs go straight to `dst`.
            Layout::Nhwc => 0,
        };
        let len = checked_len("scratch", &[input.saturating_add(output).saturating_add(ALIGN)])?;
        Ok((Self { blocks, rows, input }, len))
    }

    /// Whether a band holds at most `most` times the elements that its outputs read.
    pub(crate) fn is_dense(&self, desc: &Conv2dDesc, geometry: &Geometry, level: Level, most: usize) -> bool {
        let factors = [self.rows, geometry.out_size[1], desc.kernel[0], desc.kernel[1], level.lanes()];
        self.input <= factors.into_iter().fold(most, usize::saturating_mul)
    }
}

/// Rows or columns of the image that as many outputs read: without those on a border that is nothing.
fn reach(desc: &Conv2dDesc, axis: usize, outputs: usize) -> usize {
    let reach = (outputs - 1) * desc.stride[axis] + (desc.kernel[axis] - 1) * desc.dilation[axis] + 1;
    match (axis, desc.border) {
        // All columns are turned, whether or not they are read.
        (1, Border::Zero) => desc.in_size[1],
        (_, Border::Zero) => reach.min(desc.in_size[0]),
        _ => reach,
    }
}

/// The walk's fixed data.
pub(crate) struct Turned<'a> {
    pub(crate) plan: &'a Conv2dPlan,
    pub(crate) turn: Turn,
    pub(crate) part: &'a Part,
    pub(crate) operands: &'a Operands<'a>,
    pub(crate) weights: &'a [f32],
    pub(crate) walks: [Walk; 2],
}

/// Vectors of channels of an image.
struct Block<'a> {
    image: usize,
    /// First in channel and out channel.
    first: [usize; 2],
    /// Out channels that are wanted, counted from the first.
    wanted: Range<usize>,
    weights: &'a [f32],
}

impl Turned<'_> {
    pub(crate) fn run<S: Simd>(&self, simd: S, dst: &mut [f32], scratch: &mut [f32]) {
        let desc = &self.plan.desc;
        let LaneBlocks { filled, count } = self.turn.blocks;
        let len = self.weights.len() / count;
        // Vectors of scratch on cache lines.
        let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN);
        let scratch = &mut scratch[start..];
        for image in self.part.images() {
            let channels = self.part.channels(image);
            for b in 0..count {
                let totals = [desc.in_channels, desc.out_channels];
                let first = [0, 1].map(|i| (b * filled[i]).min(totals[i] - filled[i]));
                let wanted = channels.start.max(first[1])..channels.end.min(first[1] + filled[1]);
                if wanted.is_empty() {
                    continue;
                }
                let wanted = wanted.start - first[1]..wanted.end - first[1];
                let block = Block { image, first, wanted, weights: &self.weights[b * len..][..len] };
                let rows = self.part.rows.clone();
                for y in rows.clone().step_by(self.turn.rows) {
                    self.band(simd, &block, y..(y + self.turn.rows).min(rows.end), dst, scratch);
                }
            }
        }
    }

    /// Output rows `ys` of a block.
    fn band<S: Simd>(
        &self,
        simd: S,
        block: &Block<'_>,
        ys: Range<usize>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let width = geometry.out_size[1];
        let [vertical, horizontal] = self.walks;
        let (input, output) = scratch.split_at_mut(self.turn.input);
        let [rows, cols] = [self.span(0, ys.clone()), self.span(1, 0..width)];
        self.gather(simd, block, [rows.clone(), cols.clone()], input);

        let orders = orders(geometry);
        let sharing = sharing(desc, [ys.len(), width], S::REGISTERS);
        let direct = desc.layout == Layout::Nhwc;
        let k = block.first[1];
        let lanes = if direct { self.turn.blocks.filled } else { [S::LANES; 2] };
        let layer = Layer {
            taps: desc.kernel,
            stride: desc.stride,
            dilation: desc.dilation,
            sharing,
            walks: lanes[0] == S::LANES && walks(desc, geometry, sharing, [ys.len(), S::LANES, S::REGISTERS]),
            depth: geometry.group_in,
            orders: permutations(geometry, &orders),
            lanes,
            channels: lanes,
            blocks: 1,
            weights: block.weights,
            src: input,
            size: [rows.len(), cols.len()],
            row: cols.len() * S::LANES,
            pixel: S::LANES,
            bias: self.operands.bias.filter(|_| direct).map(|bias| &bias[k..][..lanes[1]]),
            residual: self.operands.residual.filter(|_| direct),
            activation: if direct { desc.activation } else { Activation::None },
        };
        let (start, row, pixel) = match direct {
            true => (self.part.at(block.image, k, ys.start, 0), geometry.dst.row, geometry.dst.pixel),
            false => (0, width * S::LANES, S::LANES),
        };
        for (y, count) in strips(ys.clone(), sharing[0], layer.most_rows()) {
            let strip = Strip {
                at: [vertical.position(y, 0) - rows.start, horizontal.position(0, 0) - cols.start],
                rows: count,
                width,
                blocks: 0..1,
                dst: start + (y - ys.start) * row,
                residual: geometry.dst.at(block.image, k, y, 0),
                row: sharing[0].apart * row,
                pixel,
            };
            layer.strip(simd, &strip, if direct { &mut *dst } else { &mut *output });
        }
        if !direct {
            self.scatter(simd, block, ys, output, dst);
        }
    }

    /// The rows or columns that `outputs` read, cut to the image where the border has no value.
    fn span(&self, axis: usize, outputs: Range<usize>) -> Range<isize> {
        let walk = self.walks[axis];
        let size = walk.size as isize;
        match (axis, self.plan.desc.border) {
            (1, Border::Zero) => 0..size,
            (_, border) => {
                let start = walk.position(outputs.start, 0);
                let end = walk.position(outputs.end - 1, walk.taps - 1) + 1;
                if border == Border::Zero {
                    let start = start.clamp(0, size);
                    start..end.clamp(start, size)
                } else {
                    start..end
                }
            }
        }
    }

    /// Lays out rows and columns of the block's in channels.
    fn gather<S: Simd>(&self, simd: S, block: &Block<'_>, [rows, cols]: [Range<isize>; 2], out: &mut [f32]) {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let [height, width] = desc.in_size;
        let channels = self.turn.blocks.filled[0];
        let planes = &self.operands.src[geometry.src.at(block.image, block.first[0], 0, 0)..];
        let Strides { channel: plane, pixel: step, .. } = geometry.src;
        if desc.layout == Layout::Nchw && desc.border == Border::Zero && geometry.src.row == width {
            // Rows that follow each other without a gap are one.
            let planes = planes.get(rows.start as usize * width..).unwrap_or_default();
            return turn::gather(simd, planes, plane, channels, rows.len() * width, out);
        }
        // Image columns among those, which are nothing but border if there are none.
        let inside = cols.start.clamp(0, width as isize)..cols.end.clamp(0, width as isize);
        for (y, out) in rows.zip(out.chunks_exact_mut(cols.len() * S::LANES)) {
            let Some(y) = desc.border.index(y, height) else {
                out.fill(desc.border.outside());
                continue;
            };
            let row = &planes[y * geometry.src.row..];
            if !inside.is_empty() {
                let at = (inside.start - cols.start) as usize * S::LANES;
                let row = &row[inside.start as usize * step..];
                let (count, out) = (inside.len(), &mut out[at..]);
                match desc.layout {
                    Layout::Nchw => turn::gather(simd, row, plane, channels, count, out),
                    Layout::Nhwc => turn::pick(simd, row, step, channels, count, out),
                }
            }
            for (x, pixel) in cols.clone().zip(out.chunks_exact_mut(S::LANES)) {
                if inside.contains(&x) {
                    continue;
                }
                match desc.border.index(x, width) {
                    None => pixel.fill(desc.border.outside()),
                    Some(x) => {
                        for (c, lane) in pixel.iter_mut().enumerate() {
                            *lane = if c < channels { row[c * plane + x * step] } else { 0.0 };
                        }
                    }
                }
            }
        }
    }

    /// Turns output rows back.
    fn scatter<S: Simd>(
        &self,
        simd: S,
        block: &Block<'_>,
        ys: Range<usize>,
        pixels: &[f32],
        dst: &mut [f32],
    ) {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let width = geometry.out_size[1];
        let k = block.first[1] + block.wanted.start;
        // Where rows follow each other without a gap, they are one.
        let step = if geometry.dst.row == width { ys.len() } else { 1 };
        let [_, _, plane] = self.part.steps();
        let bias = self.operands.bias.map(|bias| &bias[block.first[1]..][..self.turn.blocks.filled[1]]);
        for (y, pixels) in ys.clone().step_by(step).zip(pixels.chunks(step * width * S::LANES)) {
            let residual = self
                .operands
                .residual
                .map(|residual| (&residual[geometry.dst.at(block.image, k, y, 0)..], geometry.dst.channel));
            let target =
                Target { lanes: block.wanted.clone(), bias, residual, plane, activation: desc.activation };
            let pixels = &pixels[..step * width * S::LANES];
            target.scatter(simd, pixels, &mut dst[self.part.at(block.image, k, y, 0)..]);
        }
    }
}
