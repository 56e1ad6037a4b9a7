//! The walk of the register tile: outputs that share their taps, as many at a time as a tile has pixels. A tile may
//! run on from one row of outputs to the next.

use core::ops::Range;

use convoke_simd::Simd;

use super::band::Gather;
use super::direct::{Direct, Group, Region, taps};
use super::pack::Block;
use crate::kernel::tile::{self, MAX_PIXELS, MAX_TILE, Tile};

impl Direct<'_> {
    /// All tiles of outputs that share their taps.
    pub(super) fn run_tiles<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        block: &Block,
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
        };
        let (full, _) = tile::shape(self.plan.level);
        let [first_row, first_col] = [ys.taps.start, xs.taps.start];
        let mut outputs = Outputs::new(ys.outputs.clone(), xs.outputs.clone());
        loop {
            let mut pixels = [[0; 2]; MAX_PIXELS];
            let count = outputs.take(&mut pixels[..full]);
            if count == 0 {
                break;
            }
            if rows > 0 {
                for (at, [y, x]) in tile.at.iter_mut().zip(&pixels[..count]) {
                    *at = source.at(vertical.position(*y, first_row), horizontal.position(*x, first_col));
                }
            }
            self.finish(simd, group, block, &tile, &pixels[..count], dst);
        }
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
        let (full, _) = tile::shape(self.plan.level);
        let kernel_row = self.plan.desc.kernel[1] * self.depth;
        for ys in self.spans(0, ys) {
            for xs in self.spans(1, xs.clone()) {
                let [rows, cols] = taps(&ys, &xs);
                let run = cols * self.depth;
                let window = rows * run;
                let mut outputs = Outputs::new(ys.outputs.clone(), xs.outputs.clone());
                loop {
                    let mut pixels = [[0; 2]; MAX_PIXELS];
                    let count = outputs.take(&mut pixels[..full]);
                    if count == 0 {
                        break;
                    }
                    let outputs = pixels[..count].iter().copied();
                    gather.windows(
                        &self.walks,
                        outputs,
                        ys.taps.clone(),
                        xs.taps.clone(),
                        &mut scratch[..count * window],
                    );
                    for block in self.wanted_blocks(group) {
                        let width = block.vectors * self.plan.blocks.lanes;
                        let tap = self.first_tap(&ys, &xs) * self.depth * width;
                        let tile = Tile {
                            src: scratch,
                            at: core::array::from_fn(|i| i * window),
                            rows,
                            cols: 1,
                            run,
                            row_step: run,
                            col_step: 0,
                            weights: &group.weights[block.weights..][tap..],
                            weights_row_step: kernel_row * width,
                            weights_col_step: 0,
                        };
                        self.finish(simd, group, &block, &tile, &pixels[..count], dst);
                    }
                }
            }
        }
    }

    /// Accumulates one tile and scatters it.
    #[inline(always)]
    fn finish<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        block: &Block,
        tile: &Tile<'_>,
        pixels: &[[usize; 2]],
        dst: &mut [f32],
    ) {
        let plan = self.plan;
        let width = block.vectors * plan.blocks.lanes;
        let mut sums = [0.0; MAX_TILE];
        let sums = &mut sums[..pixels.len() * width];
        tile.run(simd, pixels.len(), block.vectors, sums);
        self.scatter(group, block, pixels.iter().copied()).run(simd, sums, width, pixels.len(), dst);
    }
}

/// Outputs of a box, row by row.
struct Outputs {
    xs: Range<usize>,
    y_end: usize,
    next: [usize; 2],
}

impl Outputs {
    fn new(ys: Range<usize>, xs: Range<usize>) -> Self {
        Self { next: [ys.start, xs.start], y_end: ys.end, xs }
    }

    /// The next outputs, as many as `out` holds or are left.
    #[inline(always)]
    fn take(&mut self, out: &mut [[usize; 2]]) -> usize {
        let mut count = 0;
        while count < out.len() && self.next[0] < self.y_end {
            out[count] = self.next;
            count += 1;
            self.next[1] += 1;
            if self.next[1] == self.xs.end {
                self.next = [self.next[0] + 1, self.xs.start];
            }
        }
        count
    }
}
