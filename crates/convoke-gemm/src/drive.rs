//! The loops around gather, accumulate and scatter.
//!
//! ```text
//! for each box of the part, for each group
//!     for each block of pixels
//!         for each block of the depth
//!             gather                            pixels x depth into scratch: used for all out channels
//!             for each right panel              a panel of columns stays in the nearer caches...
//!                 for each left panel           ...while the rows pass by
//!                     accumulate, scatter
//! ```

use core::ops::Range;

use convoke_core::{Border, Conv2dDesc, Geometry, Layout, Part};
use convoke_simd::{Kernel, Simd};

use crate::columns::Windows;
use crate::masked;
use crate::pixels::{Pixels, boxes};
use crate::product::{self, Left, TileBuffer};
use crate::scatter::{Epilogue, Extent, Place};
use crate::tile::{ROW, TILE_MAX, Tile, depth, depth_blocks};
use crate::weights::Order;

/// One call: everything checked, nothing left to decide but the level.
pub(crate) struct Call<'a> {
    pub(crate) desc: &'a Conv2dDesc,
    pub(crate) geometry: &'a Geometry,
    pub(crate) tile: Tile,
    pub(crate) part: Part,
    pub(crate) src: &'a [f32],
    /// The body of the packed weights.
    pub(crate) weights: &'a [f32],
    pub(crate) weights_are_finite: bool,
    pub(crate) epilogue: Epilogue<'a>,
    pub(crate) dst: &'a mut [f32],
    /// At least [`Tile::block_len`].
    pub(crate) scratch: &'a mut [f32],
}

/// A block of gathered pixels times the weights of a group.
struct Step<'a> {
    /// The pixels' list, the first, and how many.
    pixels: (&'a Pixels, usize, usize),
    g: usize,
    /// Out channels to write, all in the group.
    channels: Range<usize>,
    /// The first term and how many.
    block: (usize, usize),
    place: Place<'a>,
    /// Whether taps on the padding must be skipped one by one.
    masked: bool,
    last: bool,
}

/// The panels of one tile.
struct Panels<'a> {
    left: Left<'a>,
    right: &'a [f32],
    rows: usize,
    extent: Extent,
}

impl Kernel for Call<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let (desc, geometry) = (self.desc, self.geometry);
        let [height, width] = geometry.out_size;
        let depth = depth(desc, geometry);
        let windows = Windows::new(desc, geometry);
        let order = Order::new(desc, geometry, &self.tile);
        let masked = desc.border == Border::Zero
            && !self.weights_are_finite
            && (geometry.pad_before, geometry.pad_after) != ([0, 0], [0, 0]);
        let part = self.part.clone();
        let joined = desc.layout == Layout::Nchw && (geometry.dst.row == width || height == 1);
        let mut tile = TileBuffer([0.0; TILE_MAX]);

        for (pixels, channels) in boxes(&part, width) {
            let stored = if joined { pixels.with_rows_joined() } else { pixels.clone() };
            let place = Place {
                layout: desc.layout,
                part: &part,
                geometry,
                pixels: &stored,
                columns: self.tile.columns,
            };
            for g in 0..desc.groups {
                let group = g * geometry.group_out..(g + 1) * geometry.group_out;
                let channels = channels.start.max(group.start)..channels.end.min(group.end);
                if channels.is_empty() {
                    continue;
                }
                for p in (0..pixels.len()).step_by(self.tile.block) {
                    let count = self.tile.block.min(pixels.len() - p);
                    for block in depth_blocks(depth) {
                        let step = Step {
                            pixels: (&pixels, p, count),
                            g,
                            channels: channels.clone(),
                            block,
                            place,
                            masked,
                            last: block.0 + block.1 == depth,
                        };
                        match desc.layout {
                            Layout::Nhwc => self.pixels_left(simd, &windows, &order, &step, &mut tile),
                            Layout::Nchw => self.pixels_right(simd, &windows, &order, &step, &mut tile),
                        }
                    }
                }
            }
        }
    }
}

impl Call<'_> {
    /// NHWC: pixels are the rows of tiles, out channels the columns.
    #[inline(always)]
    fn pixels_left<S: Simd>(
        &mut self,
        simd: S,
        windows: &Windows,
        order: &Order,
        step: &Step,
        tile: &mut TileBuffer,
    ) {
        let (_, p, count) = step.pixels;
        let columns = self.tile.columns;
        let gathered = self.scratch.as_chunks_mut::<ROW>().0;
        windows.gather_rows(self.src, step.g * self.geometry.group_in, step.pixels, step.block, gathered);
        let gathered = &*gathered;
        for (k, channels) in (0..).step_by(columns).zip(chunks(&step.channels, columns)) {
            let at = order.panel(step.g, step.block, k);
            let right = &self.weights[at..at + step.block.1 * columns];
            for (i, rows) in self.tile.steps(count) {
                let panels = Panels {
                    left: Left::Pixels(&gathered[i..i + rows]),
                    right,
                    rows,
                    extent: Extent { pixels: (p + i, rows), channels: channels.clone(), row: 0 },
                };
                make_tile(simd, windows, step, &panels, &self.epilogue, tile, self.dst);
            }
        }
    }

    /// NCHW: out channels are the rows of tiles, pixels the columns.
    #[inline(always)]
    fn pixels_right<S: Simd>(
        &mut self,
        simd: S,
        windows: &Windows,
        order: &Order,
        step: &Step,
        tile: &mut TileBuffer,
    ) {
        let (pixels, p, count) = step.pixels;
        let (columns, terms) = (self.tile.columns, step.block.1);
        let first_in = step.g * self.geometry.group_in;
        let first_out = step.g * self.geometry.group_out;
        for first in (0..count).step_by(columns) {
            let some = (pixels, p + first, columns.min(count - first));
            let panel = &mut self.scratch[first * terms..][..columns * terms];
            windows.gather_columns(self.src, first_in, some, step.block, (panel, columns));
        }
        for first in (0..count).step_by(columns) {
            let right = &self.scratch[first * terms..][..columns * terms];
            for (k, rows) in self.tile.steps(self.geometry.group_out) {
                // A piece may begin and end inside a panel of weights.
                let start = step.channels.start.max(first_out + k);
                let channels = start..step.channels.end.min(first_out + k + rows);
                if channels.is_empty() {
                    continue;
                }
                let at = order.panel(step.g, step.block, k);
                let panels = Panels {
                    left: Left::Weights(&self.weights[at..at + rows * terms]),
                    right,
                    rows,
                    extent: Extent {
                        pixels: (p + first, columns.min(count - first)),
                        row: start - first_out - k,
                        channels,
                    },
                };
                make_tile(simd, windows, step, &panels, &self.epilogue, tile, self.dst);
            }
        }
    }
}

/// Accumulates one tile over one block of the depth.
#[inline(always)]
fn make_tile<S: Simd>(
    simd: S,
    windows: &Windows,
    step: &Step,
    panels: &Panels,
    epilogue: &Epilogue,
    tile: &mut TileBuffer,
    dst: &mut [f32],
) {
    let (first, terms) = step.block;
    let fresh = first == 0;
    let sizes = [panels.rows, step.place.columns / S::LANES];
    if !fresh {
        step.place.resume(&panels.extent, tile, dst);
    }
    if step.masked {
        let (pixels, ..) = step.pixels;
        let (p, count) = panels.extent.pixels;
        let is_inside = |tap, pixel| {
            // Columns behind the last pixel are never stored.
            let (_, y, x) = pixels.at(p + usize::min(pixel, count - 1));
            windows.is_inside(tap, y, x)
        };
        let terms = (first, terms, windows.group_in());
        masked::multiply(simd, panels.left, panels.right, sizes, terms, tile, is_inside);
    } else {
        product::multiply(simd, panels.left, panels.right, sizes, terms, fresh, tile);
    }
    if step.last {
        step.place.finish(simd, &panels.extent, epilogue, tile, dst);
    } else {
        step.place.suspend(&panels.extent, tile, dst);
    }
}

/// `range` in chunks of `size`, the last one shorter.
fn chunks(range: &Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.clone().step_by(size).map(move |first| first..end.min(first.saturating_add(size)))
}
