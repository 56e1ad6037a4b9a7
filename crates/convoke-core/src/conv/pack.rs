//! Weights in the order of the register tile: for each group and each block of out channels, the taps row by row, in
//! channels innermost, one tile width of out channels side by side for each.

use super::desc::{Conv2dDesc, Layout, Mode};
use super::geometry::Geometry;

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
        self.channels.div_ceil(self.lanes)
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
            let vectors = left.div_ceil(self.lanes).min(self.vectors);
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

/// Writes the weights of all groups; `packed` starts as zeros.
pub(crate) fn pack(
    desc: &Conv2dDesc,
    geometry: &Geometry,
    blocks: Blocks,
    weights: &[f32],
    packed: &mut [f32],
) {
    let [rows, cols] = desc.kernel;
    let depth = geometry.group_in;
    for (group, packed) in packed.chunks_exact_mut(blocks.len()).enumerate() {
        let weights = &weights[group * blocks.channels * blocks.steps..];
        for block in blocks.iter() {
            let width = block.vectors * blocks.lanes;
            let steps = packed[block.weights..].chunks_exact_mut(width).take(blocks.steps);
            for (step, packed) in steps.enumerate() {
                let (tap, c) = (step / depth, step % depth);
                let tap = match desc.mode {
                    Mode::Correlate => tap,
                    // Turned by 180 degrees, the taps come in the opposite order.
                    Mode::Convolve => rows * cols - 1 - tap,
                };
                let place = tap_place(desc, geometry, tap, c);
                for (k, packed) in packed[..block.channels].iter_mut().enumerate() {
                    *packed = weights[(block.first + k) * blocks.steps + place];
                }
            }
        }
    }
}

/// Where the weight of a tap and an in channel lies in those of its out channel.
pub(super) fn tap_place(desc: &Conv2dDesc, geometry: &Geometry, tap: usize, c: usize) -> usize {
    match desc.layout {
        Layout::Nchw => c * desc.kernel[0] * desc.kernel[1] + tap,
        Layout::Nhwc => c + tap * geometry.group_in,
    }
}
