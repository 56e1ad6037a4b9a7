//! How a block of columns divides into outputs that read the picture where it lies, and those at its edges, which read
//! through scratch. Used by the walk down the picture.

use core::ops::Range;

use convoke_simd::{Level, Simd};

use super::plan::Filter2dPlan;
use crate::kernel::plane::tile_vectors;

/// Elements between the edges from which on reading in place pays for the strips at the edges. More than both strips
/// take.
const IN_PLACE: usize = 512;

/// The outputs of a block of columns, in elements of a row of the picture.
pub(super) struct Split {
    /// Those that read in place.
    pub(super) inner: Range<usize>,
    /// Those whose windows hang over the left and the right edge.
    pub(super) edges: [Option<Range<usize>>; 2],
}

impl Split {
    /// Divides a block, if so much lies between the edges that it pays.
    ///
    /// An edge takes at least a vector. Between the edges outputs begin on a cache line of `dst`, and fill whole tiles: a
    /// store across two lines takes the time of two, and a 3x3 mask has one store for nine multiply-adds.
    pub(super) fn new<S: Simd, O>(
        plan: &Filter2dPlan,
        dst: &[O],
        origin: usize,
        block: &Range<usize>,
    ) -> Option<Self> {
        let ([_, width], channels) = (plan.desc.size, plan.desc.channels);
        let [left, right] = sides(plan.desc.mask_size[1], plan.before[1]);
        let all = block.start * channels..block.end * channels;
        let free = block.start.max(left) * channels..block.end.min(width.saturating_sub(right)) * channels;
        if free.len() < IN_PLACE {
            return None;
        }
        let mut inner = all.clone();
        if free.start > all.start {
            inner.start = free.start.max(all.start + S::LANES);
            if plan.dst_stride.is_multiple_of(S::LANES) {
                let line = dst.as_ptr().align_offset(S::LANES * size_of::<O>()) % S::LANES;
                let at = (inner.start - origin * channels) % S::LANES;
                inner.start += (line + S::LANES - at) % S::LANES;
            }
        }
        if free.end < all.end {
            inner.end = free.end.min(all.end - S::LANES);
            inner.end -= (inner.end - inner.start) % (tile_vectors(S::REGISTERS) * S::LANES);
        }
        let edge = |outputs: Range<usize>| Some(outputs).filter(|outputs| !outputs.is_empty());
        Some(Self { edges: [edge(all.start..inner.start), edge(inner.end..all.end)], inner })
    }

    /// Pixels of the widest edge.
    pub(super) fn widest(mask_width: usize, before: usize, channels: usize, level: Level) -> usize {
        let [left, right] = sides(mask_width, before);
        let tile = tile_vectors(level.registers()) * level.lanes();
        // One more, since an edge may begin inside a pixel.
        left.max(right).max(level.lanes().div_ceil(channels)) + tile.div_ceil(channels) + 1
    }
}

/// Pixels that a mask hangs over to the left, and to the right.
fn sides(mask_width: usize, before: usize) -> [usize; 2] {
    [before, mask_width - 1 - before]
}
