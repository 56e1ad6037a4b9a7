//! Weights in the order of the register tile: for each group and each block of out channels, the taps row by row, in
//! channels innermost, one tile width of out channels side by side for each.

use convoke_simd::{Kernel, Simd};

use super::desc::{Conv2dDesc, Layout, Mode};
use super::geometry::Geometry;
use crate::kernel::transpose::transpose_to;
use crate::slices::{part_mut, rest};

/// How the out channels of a group are cut into tiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    /// Out channels of a group.
    pub(crate) channels: usize,
    pub(crate) lanes: usize,
    /// Vectors of a full tile.
    pub(crate) vectors: usize,
    /// Reduction steps: taps times in channels.
    steps: usize,
}

/// A tile's width of out channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// First out channel of the group.
    pub(crate) first: usize,
    /// Channels that count.
    pub(crate) channels: usize,
    pub(crate) vectors: usize,
    /// Where its weights start in those of the group.
    pub(crate) weights: usize,
}

impl Blocks {
    pub(crate) fn new(lanes: usize, channels: usize, steps: usize, vectors: usize) -> Self {
        Self { channels, lanes, vectors, steps }
    }

    /// Vectors over all blocks.
    pub(crate) fn total_vectors(self) -> usize {
        // Never 0, which the compiler does not know.
        self.channels.div_ceil(self.lanes.max(1))
    }

    /// Reduction steps: taps times in channels.
    pub(crate) fn steps(self) -> usize {
        self.steps
    }

    /// Packed elements of a group.
    pub(crate) fn len(self) -> usize {
        self.total_vectors() * self.lanes * self.steps
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Block> + Clone {
        let mut first = 0;
        core::iter::from_fn(move || {
            let left = self.channels - first;
            if left == 0 {
                return None;
            }
            // Three vectors make one tile, which is better than one of two and one of one.
            // A tile of one vector reads as many pixel values as one of three for a third of the multiply-adds.
            let vectors = match (left.div_ceil(self.lanes.max(1)), self.vectors) {
                (3, 2) => 3,
                (4, 3) => 2,
                (5, 4) if self.lanes > 1 => 3,
                (vectors, most) => vectors.min(most),
            };
            let block = Block {
                first,
                channels: left.min(vectors * self.lanes),
                vectors,
                weights: first * self.steps,
            };
            first += block.channels;
            Some(block)
        })
    }
}

/// Writes the weights of all groups; `packed` starts as zeros. (For the lane kernel all out channels are one group.)
pub(crate) struct Pack<'a> {
    pub(crate) desc: &'a Conv2dDesc,
    pub(crate) geometry: &'a Geometry,
    pub(crate) blocks: Blocks,
    pub(crate) weights: &'a [f32],
    pub(crate) packed: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    /// The weights of a block are a matrix, out channels by steps, and packed it lies transposed: squares change places in
    /// registers. Where the order of steps is not that of the weights, its rows go to other places.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { desc, geometry, blocks, weights, packed } = self;
        let depth = geometry.group_in;
        for (group, packed) in packed.chunks_exact_mut(blocks.len().max(1)).enumerate() {
            let Some(weights) = rest(weights, group * blocks.channels * blocks.steps) else { return };
            for block in blocks.iter() {
                let width = block.vectors * blocks.lanes;
                let Some(weights) = rest(weights, block.first * blocks.steps) else { return };
                let Some(packed) = part_mut(packed, block.weights, width * blocks.steps) else { return };
                let size = [block.channels, blocks.steps];
                if block.channels == 1 && width == 1 {
                    for (at, w) in weights.iter().enumerate().take(blocks.steps) {
                        if let Some(packed) = packed.get_mut(step(desc, depth, at)) {
                            *packed = *w;
                        }
                    }
                } else {
                    transpose_to(
                        simd,
                        weights,
                        blocks.steps,
                        size,
                        packed,
                        #[inline(always)]
                        |at| step(desc, depth, at) * width,
                    );
                }
            }
        }
    }
}

/// The step of the reduction that the weight at a place in those of its out channel belongs to. Turned by 180 degrees,
/// taps come in the opposite order.
#[inline(always)]
fn step(desc: &Conv2dDesc, depth: usize, at: usize) -> usize {
    // Neither is 0, which the compiler does not know.
    let (taps, depth) = ((desc.kernel[0] * desc.kernel[1]).max(1), depth.max(1));
    let (tap, c) = match desc.layout {
        Layout::Nchw => (at % taps, at / taps),
        Layout::Nhwc => (at / depth, at % depth),
    };
    let tap = match desc.mode {
        Mode::Correlate => tap,
        Mode::Convolve => taps - 1 - tap,
    };
    tap * depth + c
}

/// Where the weight of a tap and an in channel lies in those of its out channel.
pub(super) fn tap_place(desc: &Conv2dDesc, geometry: &Geometry, tap: usize, c: usize) -> usize {
    match desc.layout {
        Layout::Nchw => c * desc.kernel[0] * desc.kernel[1] + tap,
        Layout::Nhwc => c + tap * geometry.group_in,
    }
}
