//! The walk of the lane kernel: strips of output rows, and the channels that make a vector.

use core::ops::Range;

use convoke_simd::{Level, Simd};

use super::band::Source;
use super::desc::{Conv2dDesc, Mode};
use super::direct::{Direct, Group};
use super::geometry::Geometry;
use super::pack::tap_place;
use crate::kernel::lanes::{self, Layer, ROWS, Sharing, Strip};
use crate::kernel::transpose::MAX_LANES;

/// Weights of all channels that are too many to pass by for every tile.
const MANY_WEIGHTS: usize = 4096;

/// How channels fill vectors: by whole groups, so that each vector of out channels sees one vector of in channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneBlocks {
    /// In channels and out channels of a vector.
    pub(crate) filled: [usize; 2],
    /// Vectors.
    pub(crate) count: usize,
}

impl LaneBlocks {
    /// `None` if a group does not fit into a vector.
    pub(crate) fn new(desc: &Conv2dDesc, geometry: &Geometry, level: Level) -> Option<Self> {
        let groups = (level.lanes() / geometry.group_in.max(geometry.group_out)).min(desc.groups);
        if groups == 0 {
            return None;
        }
        let count = desc.groups.div_ceil(groups);
        Some(Self { filled: [groups * geometry.group_in, groups * geometry.group_out], count })
    }
}

/// Writes the weights in the order in which the lane kernel reads them; `packed` starts as zeros.
pub(super) fn pack(
    desc: &Conv2dDesc,
    geometry: &Geometry,
    blocks: LaneBlocks,
    level: Level,
    weights: &[f32],
    packed: &mut [f32],
) {
    let [rows, cols] = desc.kernel;
    let depth = geometry.group_in;
    let steps = rows * cols * depth;
    let out = blocks.filled[1];
    let mut vectors = packed.chunks_exact_mut(level.lanes().max(1));
    for block in 0..blocks.count {
        let first = (block * out).min(desc.out_channels - out);
        for r in 0..rows {
            let mut s = 0;
            while s < cols {
                let chunk = lanes::chunk(cols - s);
                for (c, s) in (0..depth).flat_map(|c| (s..s + chunk).map(move |s| (c, s))) {
                    let Some(vector) = vectors.next() else { return };
                    let tap = match desc.mode {
                        Mode::Correlate => r * cols + s,
                        Mode::Convolve => rows * cols - 1 - (r * cols + s),
                    };
                    let place = tap_place(desc, geometry, tap, c);
                    for (k, lane) in vector.iter_mut().take(out).enumerate() {
                        *lane = weights.get((first + k) * steps + place).copied().unwrap_or_default();
                    }
                }
                s += chunk;
            }
        }
    }
}

impl Direct<'_> {
    /// The outputs `ys` by `xs`, all channels.
    pub(super) fn run_lanes<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        source: &Source<'_>,
        [ys, xs]: [Range<usize>; 2],
        blocks: LaneBlocks,
        dst: &mut [f32],
    ) {
        let desc = &self.plan.desc;
        let geometry = &self.plan.geometry;
        let orders = orders(geometry);
        let sharing = sharing(desc, [ys.len(), xs.len()], S::REGISTERS);
        let layer = Layer {
            taps: desc.kernel,
            stride: desc.stride,
            dilation: desc.dilation,
            sharing,
            walks: blocks.filled[0] == S::LANES
                && walks(desc, geometry, sharing, [ys.len(), source.pixel, S::REGISTERS]),
            depth: self.depth,
            orders: permutations(geometry, &orders),
            lanes: blocks.filled,
            channels: [desc.in_channels, desc.out_channels],
            blocks: blocks.count,
            weights: group.weights,
            src: source.data,
            size: source.size,
            row: source.row,
            pixel: source.pixel,
            bias: self.operands.bias,
            residual: self.operands.residual,
            activation: desc.activation,
        };
        let [vertical, horizontal] = self.walks;
        // All channels of a tile before the next one, unless their weights would fill the first-level cache.
        let apart = group.weights.len() > MANY_WEIGHTS && xs.len() > lanes::pixels(S::REGISTERS);
        let step = if apart && !layer.walks { 1 } else { blocks.count };
        for (y, rows) in strips(ys, sharing[0], layer.most_rows()) {
            for first in (0..blocks.count).step_by(step) {
                let strip = Strip {
                    at: [
                        vertical.position(y, 0) - source.origin[0],
                        horizontal.position(xs.start, 0) - source.origin[1],
                    ],
                    rows,
                    width: xs.len(),
                    blocks: first..(first + step).min(blocks.count),
                    dst: self.part.at(group.image, 0, y, xs.start),
                    residual: geometry.dst.at(group.image, 0, y, xs.start),
                    row: sharing[0].apart * geometry.dst.row,
                    pixel: geometry.dst.pixel,
                };
                layer.strip(simd, &strip, dst);
            }
        }
    }
}

/// How the outputs of a band share their input.
pub(super) fn sharing(desc: &Conv2dDesc, outputs: [usize; 2], registers: usize) -> [Sharing; 2] {
    let tile = [ROWS, lanes::pixels(registers)];
    [0, 1].map(|axis| {
        let steps = [desc.stride[axis], desc.dilation[axis]];
        Sharing::new(steps, desc.kernel[axis], outputs[axis], tile[axis])
    })
}

/// Whether tiles walk down a band of so many rows, so long a pixel, on a level of so many registers.
pub(super) fn walks(
    desc: &Conv2dDesc,
    geometry: &Geometry,
    [vertical, _]: [Sharing; 2],
    [rows, pixel, registers]: [usize; 3],
) -> bool {
    let depthwise = [geometry.group_in, geometry.group_out] == [1, 1];
    depthwise && lanes::walks(desc.kernel, vertical, [rows / vertical.apart, pixel, registers])
}

/// Those of [`orders`] that a layer needs: none if each channel sees its own.
pub(super) fn permutations<'a>(
    geometry: &Geometry,
    orders: &'a [[u32; MAX_LANES]; MAX_LANES],
) -> &'a [[u32; MAX_LANES]] {
    match [geometry.group_in, geometry.group_out] {
        [1, 1] => &[],
        [depth, _] => &orders[..depth],
    }
}

/// For each in channel of a group, the lane of a vector of in channels that each lane of a vector of out channels sees.
pub(super) fn orders(geometry: &Geometry) -> [[u32; MAX_LANES]; MAX_LANES] {
    let mut orders = [[0; MAX_LANES]; MAX_LANES];
    for (c, order) in orders.iter_mut().enumerate() {
        for (k, lane) in order.iter_mut().enumerate() {
            *lane = (k / geometry.group_out * geometry.group_in + c) as u32;
        }
    }
    orders
}

/// The rows of `ys` in strips of at most so many that share input, from which row on and how many; or one by one.
pub(super) fn strips(
    ys: Range<usize>,
    sharing: Sharing,
    most: usize,
) -> impl Iterator<Item = (usize, usize)> {
    let Sharing { apart, taps } = sharing;
    let most = if taps > 0 { most } else { 1 };
    (ys.start..ys.end.min(ys.start.saturating_add(apart))).flat_map(move |first| {
        (first..ys.end)
            .step_by(apart.saturating_mul(most))
            .map(move |y| (y, (ys.end - y).div_ceil(apart).min(most)))
    })
}
