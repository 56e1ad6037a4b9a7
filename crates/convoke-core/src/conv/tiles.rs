//! The walk of the register tile: outputs that share their taps, as many at a time as a tile has pixels. A tile may
//! run on from one row of outputs to the next.

use core::ops::Range;

use convoke_simd::Simd;

use super::band::Gather;
use super::direct::{Direct, Group, Region, taps};
use super::pack::Block;
use crate::kernel::scatter::MAX_PIXELS;
use crate::kernel::tile::{self, Tile};

/// Steps of a reduction from which on a larger tile is worth more than a square of pixels saved.
const SHALLOW: usize = 256;

impl Direct<'_> {
    /// All tiles of outputs that share their taps.
    pub(super) fn run_tiles<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        (block, blocks): (&Block, usize),
        region: &Region<'_>,
        dst: &mut [f32],
    ) {
        let Region { source, ys, xs } = region;
        let [vertical, horizontal] = self.walks;
        let width = block.vectors * self.plan.blocks.lanes;
        let [rows, cols] = taps(ys, xs);
        // With dense columns, the taps of a row are one contiguous run of steps.
        let merged = horizontal.dilation == 1 && source.pixel == self.depth;
        let tap = self.first_tap(ys, xs) * self.depth * width;
        let mut tile = Tile {
            src: source.data,
            at: [0; MAX_PIXELS],
            rows,
            cols: if merged { cols.min(1) } else { cols },
            run: if merged { cols * self.depth } else { self.depth },
            row_step: vertical.dilation * source.row,
            col_step: horizontal.dilation * source.pixel,
            weights: &group.weights[block.weights..][tap..],
            weights_row_step: self.plan.desc.kernel[1] * self.depth * width,
            weights_col_step: self.depth * width,
            blocks,
            weights_block_step: self.plan.blocks.steps() * width,
        };
        let (y, x) = (ys.outputs.start, xs.outputs.start);
        // Wholly on the padding, there may be no pixel to point at.
        let (src, src_steps) = match rows {
            0 => (0, [0, 0]),
            _ => (
                source.at(vertical.position(y, ys.taps.start), horizontal.position(x, xs.taps.start)),
                source.steps([vertical.stride, horizontal.stride]),
            ),
        };
        let [dst_row, dst_pixel, _] = self.part.steps();
        let (width, total) = (xs.outputs.len(), ys.outputs.len() * xs.outputs.len());
        // Rows that follow each other without a gap, on both sides, are one.
        let dense = src_steps[0] == width * src_steps[1] && dst_row == width * dst_pixel;
        let mut outputs = Outputs {
            row: [src, self.place(group, block, y, x)],
            row_steps: [src_steps[0], dst_row],
            pixel_steps: [src_steps[1], dst_pixel],
            width: if dense { total } else { width },
            col: 0,
        };
        let mut scatter = self.block_scatter(group, block, blocks);
        for count in tile_counts(total, self.full(block)) {
            outputs.take(&mut tile.at[..count], &mut scatter.at[..count]);
            tile.run(simd, count, block.vectors, &scatter, dst);
        }
    }

    /// Pixels of a full tile.
    fn full(&self, block: &Block) -> usize {
        let level = self.plan.level;
        let pixels = tile::pixels(level, block.vectors);
        // Where channels lie apart, pixels are written in squares: one pixel more than those hold takes a square of its own.
        let squares = self.part.steps()[2] != 1 && self.plan.blocks.steps() < SHALLOW;
        if level.by_lane() && squares && pixels % level.lanes() == 1 { pixels - 1 } else { pixels }
    }

    /// All tiles of a band whose windows are gathered one by one.
    pub(super) fn run_windows<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        gather: &Gather<'_>,
        [ys, xs]: [Range<usize>; 2],
        dst: &mut [f32],
        scratch: &mut [f32],
    ) {
        let most = self.wanted_blocks(group).map(|block| self.full(&block)).min().unwrap_or(1);
        let most = most.min(tile::shape(self.plan.level).0);
        let kernel_row = self.plan.desc.kernel[1] * self.depth;
        for ys in self.spans(0, ys) {
            for xs in self.spans(1, xs.clone()) {
                let [rows, cols] = taps(&ys, &xs);
                // Pixels may lie further apart than their channels reach.
                let pixel = gather.channels.pitch();
                let merged = pixel == self.depth;
                let window = rows * cols * pixel;
                let mut windows = [0; MAX_PIXELS];
                for (i, at) in windows.iter_mut().enumerate() {
                    *at = i * window;
                }
                let width = xs.outputs.len();
                let mut next = 0;
                for count in tile_counts(ys.outputs.len() * width, most) {
                    let outputs = (next..next + count)
                        .map(|i| [ys.outputs.start + i / width, xs.outputs.start + i % width]);
                    next += count;
                    gather.windows(
                        simd,
                        &self.walks,
                        outputs.clone(),
                        ys.taps.clone(),
                        xs.taps.clone(),
                        &mut scratch[..count * window],
                    );
                    for block in self.wanted_blocks(group) {
                        let width = block.vectors * self.plan.blocks.lanes;
                        let tap = self.first_tap(&ys, &xs) * self.depth * width;
                        let tile = Tile {
                            src: scratch,
                            at: windows,
                            rows,
                            cols: if merged { cols.min(1) } else { cols },
                            run: if merged { cols * self.depth } else { self.depth },
                            row_step: cols * pixel,
                            col_step: pixel,
                            weights: &group.weights[block.weights..][tap..],
                            weights_row_step: kernel_row * width,
                            weights_col_step: self.depth * width,
                            blocks: 1,
                            weights_block_step: 0,
                        };
                        let scatter = self.scatter(group, &block, outputs.clone());
                        tile.run(simd, count, block.vectors, &scatter, dst);
                    }
                }
            }
        }
    }
}

/// The sizes of tiles for this many outputs: as few tiles as possible, and none much smaller than the others, whose
/// few sums would wait for each other.
fn tile_counts(outputs: usize, most: usize) -> impl Iterator<Item = usize> {
    let tiles = outputs.div_ceil(most);
    let (size, larger) = (outputs / tiles.max(1), outputs % tiles.max(1));
    (0..tiles).map(move |i| size + usize::from(i < larger))
}

/// Outputs of a box, row by row: where each reads, and where it goes.
struct Outputs {
    /// The first output of the row.
    row: [usize; 2],
    row_steps: [usize; 2],
    pixel_steps: [usize; 2],
    width: usize,
    /// The next output of the row.
    col: usize,
}

impl Outputs {
    #[inline(always)]
    fn take(&mut self, src: &mut [usize], dst: &mut [usize]) {
        if self.col + src.len() < self.width {
            // The usual case, without a test inside.
            let [mut from, mut to] = [0, 1].map(|i| self.row[i] + self.col * self.pixel_steps[i]);
            self.col += src.len();
            for (src, dst) in src.iter_mut().zip(dst) {
                (*src, *dst) = (from, to);
                from += self.pixel_steps[0];
                to += self.pixel_steps[1];
            }
            return;
        }
        for (src, dst) in src.iter_mut().zip(dst) {
            *src = self.row[0] + self.col * self.pixel_steps[0];
            *dst = self.row[1] + self.col * self.pixel_steps[1];
            self.col += 1;
            if self.col == self.width {
                self.col = 0;
                self.row = [self.row[0] + self.row_steps[0], self.row[1] + self.row_steps[1]];
            }
        }
    }
}
