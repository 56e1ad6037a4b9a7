//! The direct algorithm's walk: cuts a part of the output into bands, blocks of out channels and tiles of pixels, and
//! hands each tile to gather, accumulate and scatter. It decides where, they decide how.

use core::ops::Range;

use convoke_simd::{Kernel, Level, Simd};

use super::band::{Channels, Gather, Source};
use super::desc::{Conv2dDesc, Layout};
use super::geometry::Geometry;
use super::operands::Operands;
use super::pack::Block;
use super::part::Part;
use super::plan::Conv2dPlan;
use super::planes::{Planes, RowLayout};
use super::window::{Span, Walk};
use crate::Border;
use crate::error::{Error, checked_len};
use crate::kernel::lanes::{self, MAX_RUN};
use crate::kernel::scatter::Scatter;
use crate::kernel::tile::{self, MAX_PIXELS, MAX_TILE, Tile};

/// Elements of input that one band aims at: a quarter of a megabyte, which leaves room for weights and output in the
/// second-level cache of anything that has one.
const BAND: usize = 64 * 1024;
/// Above this, a band is not worth its memory.
const WIDEST_BAND: usize = 16 * BAND;

/// How a reduction step reads its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// One value, for all lanes: every out channel of the tile sees the same in channel. The register tile.
    Splat,
    /// One vector, lane by lane: depthwise and small groups, where every out channel has its own in channel. The lane
    /// kernel.
    Lanes,
    /// One vector of pixels of a plane, for one out channel. The plane kernel.
    Planes,
}

/// Where tiles read their pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    /// From `src` itself, this many output rows at a time so that the input stays in the cache.
    InPlace { rows: usize },
    /// From a copy in scratch of what this many output rows and columns need.
    Band { rows: usize, cols: usize },
    /// From copies of single windows: for windows that reach further than is worth copying.
    Windows,
    /// From gathered rows of planes, for [`Read::Planes`].
    Rows(RowLayout),
}

/// Which way of reading fits the channels.
pub(crate) fn choose_read(desc: &Conv2dDesc, geometry: &Geometry, level: Level) -> Read {
    // A tile of splats fills `group_out` of its lanes, a tile of lanes all of them, at the price of a copy in which
    // each in channel stands once per out channel (none is needed for depthwise).
    if desc.layout == Layout::Nchw
        && 2 * geometry.group_out <= level.lanes().max(8)
        && (desc.kernel[0] == 1 || desc.dilation[0] == 1)
        && RowLayout::new(desc, geometry, level).is_ok_and(|(_, len)| len <= WIDEST_BAND)
    {
        return Read::Planes;
    }
    let thin = desc.groups > 1 && 2 * geometry.group_out <= level.lanes();
    if thin && band_len(desc, [1, 1], lane_channels(desc, geometry)).is_ok_and(|len| len <= WIDEST_BAND) {
        Read::Lanes
    } else {
        Read::Splat
    }
}

/// Decides where tiles read from, and how much scratch that takes.
pub(crate) fn choose_feed(
    desc: &Conv2dDesc,
    geometry: &Geometry,
    level: Level,
    read: Read,
) -> Result<(Feed, usize), Error> {
    if read == Read::Planes {
        return RowLayout::new(desc, geometry, level).map(|(layout, len)| (Feed::Rows(layout), len));
    }
    let [height, width] = geometry.out_size;
    let in_place = desc.layout == Layout::Nhwc
        && (desc.border == Border::Zero || [geometry.pad_before, geometry.pad_after] == [[0, 0]; 2])
        && (read == Read::Splat || (geometry.group_in == 1 && geometry.group_out == 1));
    if in_place {
        let row = desc.in_size[1].saturating_mul(desc.in_channels).saturating_mul(desc.stride[0]);
        return Ok((Feed::InPlace { rows: (BAND / row.max(1)).clamp(1, height) }, 0));
    }
    let pixels = tile::shape(level).0;
    let channels = match read {
        Read::Splat => Channels::Plain { first: 0, count: geometry.group_in },
        Read::Lanes | Read::Planes => lane_channels(desc, geometry),
    };
    let fits = |size: [usize; 2]| band_len(desc, size, channels).is_ok_and(|len| len <= BAND);
    // All columns and as many rows as fit; if not even one row fits, as many columns.
    let rows = largest(height, |rows| fits([rows, width]));
    let cols =
        if fits([1, width]) { width } else { largest(width, |cols| fits([1, cols])).max(width.min(pixels)) };
    let len = band_len(desc, [rows, cols], channels);
    match len {
        Ok(len) if len <= WIDEST_BAND || read == Read::Lanes => Ok((Feed::Band { rows, cols }, len)),
        _ => {
            let [r, s] = desc.kernel;
            Ok((Feed::Windows, checked_len("scratch", &[pixels, r, s, geometry.group_in])?))
        }
    }
}

/// The largest number from 1 to `most` that fits, by halving; 1 if none does.
fn largest(most: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (1, most);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    low
}

/// Elements of a band for this many output rows and columns.
fn band_len(desc: &Conv2dDesc, outputs: [usize; 2], channels: Channels) -> Result<usize, Error> {
    let reach = |axis: usize| {
        let reach =
            (outputs[axis] - 1) * desc.stride[axis] + (desc.kernel[axis] - 1) * desc.dilation[axis] + 1;
        if desc.border == Border::Zero { reach.min(desc.in_size[axis]) } else { reach }
    };
    checked_len("scratch", &[reach(0), reach(1), channels.len()])
}

fn lane_channels(desc: &Conv2dDesc, geometry: &Geometry) -> Channels {
    Channels::PerOutput { group_in: geometry.group_in, group_out: geometry.group_out, out: desc.out_channels }
}

/// One call: a part of the output to compute.
pub(crate) struct Run<'a> {
    pub(crate) plan: &'a Conv2dPlan,
    pub(crate) part: &'a Part,
    pub(crate) operands: &'a Operands<'a>,
    pub(crate) weights: &'a [f32],
    pub(crate) dst: &'a mut [f32],
    pub(crate) scratch: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // The tiles enter the target-feature region one by one; the walk itself is plain code.
        let Run { plan, part, operands, weights, dst, scratch } = self;
        match plan.feed {
            Feed::Rows(layout) => {
                let walks = [0, 1].map(|axis| Walk::new(&plan.desc, &plan.geometry, axis));
                Planes { plan, layout, part, operands, weights, walks }.run(simd, dst, scratch);
            }
            _ => Direct::new(plan, part, operands, weights).run(simd, dst, scratch),
        }
    }
}

/// The walk's fixed data.
struct Direct<'a> {
    plan: &'a Conv2dPlan,
    part: &'a Part,
    operands: &'a Operands<'a>,
    weights: &'a [f32],
    walks: [Walk; 2],
    /// Pixels of a full tile.
    pixels: usize,
    /// Reduction steps of one tap.
    depth: usize,
}

/// A group of out channels that read the same in channels; all of them when lanes are read.
struct Group<'a> {
    image: usize,
    /// First out channel.
    first: usize,
    /// Wanted out channels, counted from `first`.
    wanted: Range<usize>,
    weights: &'a [f32],
}

/// Outputs that share their taps, in one block of out channels.
struct Region<'a> {
    source: Source<'a>,
    ys: Span,
    xs: Span,
}

impl<'a> Direct<'a> {
    fn new(plan: &'a Conv2dPlan, part: &'a Part, operands: &'a Operands<'a>, weights: &'a [f32]) -> Self {
        let walks = [0, 1].map(|axis| Walk::new(&plan.desc, &plan.geometry, axis));
        let (pixels, _) = tile::shape(plan.level);
        Self { plan, part, operands, weights, walks, pixels, depth: plan.geometry.group_in }
    }

    fn run<S: Simd>(&self, simd: S, dst: &mut [f32], scratch: &mut [f32]) {
        let plan = self.plan;
        let size = plan.blocks.channels;
        for image in self.part.images() {
            let channels = self.part.channels(image);
            if channels.is_empty() || self.part.rows.is_empty() {
                continue;
            }
            for index in channels.start / size..channels.end.div_ceil(size) {
                let first = index * size;
                let wanted = channels.start.saturating_sub(first)..(channels.end - first).min(size);
                let weights = &self.weights[index * plan.blocks.len()..][..plan.blocks.len()];
                let group = Group { image, first, wanted, weights };
                self.run_group(simd, &group, index, dst, scratch);
            }
        }
    }

    fn run_group<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        index: usize,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) {
        let Conv2dPlan { desc, geometry, read, feed, .. } = self.plan;
        let image = &self.operands.src[group.image * geometry.src.image..];
        let channels = match read {
            Read::Splat => Channels::Plain { first: index * self.depth, count: self.depth },
            Read::Lanes | Read::Planes => lane_channels(desc, geometry),
        };
        let gather =
            Gather { image, strides: geometry.src, size: desc.in_size, border: desc.border, channels };
        let rows = self.part.rows.clone();
        let width = geometry.out_size[1];
        let (row_step, col_step) = match *feed {
            Feed::InPlace { rows } => (rows, width),
            Feed::Band { rows, cols } => (rows, cols),
            Feed::Windows | Feed::Rows(_) => (rows.len(), width),
        };
        for y in rows.clone().step_by(row_step) {
            let ys = y..(y + row_step).min(rows.end);
            for x in (0..width).step_by(col_step) {
                let xs = x..(x + col_step).min(width);
                let source = match *feed {
                    Feed::InPlace { .. } => {
                        let data = &image[if *read == Read::Splat { index * self.depth } else { 0 }..];
                        Source { data, row: geometry.src.row, pixel: geometry.src.pixel, origin: [0, 0] }
                    }
                    Feed::Band { .. } => gather.band(&self.walks, ys.clone(), xs, scratch),
                    Feed::Windows | Feed::Rows(_) => {
                        self.run_windows(simd, group, &gather, ys.clone(), xs, dst, scratch);
                        continue;
                    }
                };
                self.run_band(simd, group, source, ys.clone(), x..(x + col_step).min(width), dst);
            }
        }
    }

    /// All blocks of out channels over one band of outputs.
    fn run_band<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        source: Source<'_>,
        ys: Range<usize>,
        xs: Range<usize>,
        dst: &mut [f32],
    ) {
        match self.plan.read {
            // The weights of a block stay in the cache while its tiles pass.
            Read::Splat => {
                for block in self.wanted_blocks(group) {
                    for ys in self.spans(0, ys.clone()) {
                        for xs in self.spans(1, xs.clone()) {
                            let region = Region { source, ys: ys.clone(), xs };
                            self.run_region(simd, group, &block, &region, dst);
                        }
                    }
                }
            }
            // There are few weights; the pixels stay in the cache while their channels pass.
            Read::Lanes | Read::Planes => {
                for ys in self.spans(0, ys) {
                    for xs in self.spans(1, xs.clone()) {
                        let region = Region { source, ys: ys.clone(), xs };
                        self.run_lanes(simd, group, &region, dst);
                    }
                }
            }
        }
    }

    /// All runs of outputs that share their taps, for the lane kernel.
    fn run_lanes<S: Simd>(&self, simd: S, group: &Group<'_>, region: &Region<'_>, dst: &mut [f32]) {
        let Region { source, ys, xs } = region;
        let [vertical, horizontal] = self.walks;
        let steps = [ys.taps.start * self.plan.desc.kernel[1] + xs.taps.start, self.plan.desc.kernel[1]];
        let [tap, weights_row_step] = steps.map(|step| step * self.depth * self.plan.blocks.lanes);
        let empty = ys.taps.is_empty() || xs.taps.is_empty();
        for y in ys.outputs.clone() {
            for x in xs.outputs.clone().step_by(MAX_RUN) {
                let count = (xs.outputs.end - x).min(MAX_RUN);
                let at = if empty {
                    0
                } else {
                    source.at(vertical.position(y, ys.taps.start), horizontal.position(x, xs.taps.start))
                };
                for block in self.wanted_blocks(group) {
                    let run = lanes::Run {
                        src: &source.data[block.first..],
                        at,
                        rows: if empty { 0 } else { ys.taps.len() },
                        cols: xs.taps.len(),
                        depth: self.depth,
                        row_step: vertical.dilation * source.row,
                        col_step: horizontal.dilation * source.pixel,
                        depth_step: self.plan.blocks.channels,
                        pixel_step: horizontal.stride * source.pixel,
                        weights: &group.weights[block.weights..][tap..],
                        weights_row_step,
                        lanes: block.channels,
                    };
                    let scatter = self.scatter(group, &block, (x..x + count).map(|x| [y, x]));
                    run.run(simd, count, &scatter, dst);
                }
            }
        }
    }

    fn wanted_blocks(&self, group: &Group<'_>) -> impl Iterator<Item = Block> + Clone {
        let wanted = group.wanted.clone();
        self.plan
            .blocks
            .iter()
            .filter(move |block| block.first < wanted.end && wanted.start < block.first + block.channels)
    }

    /// Runs of outputs along an axis that share their taps. Borders that have a value have no taps outside.
    fn spans(&self, axis: usize, outputs: Range<usize>) -> impl Iterator<Item = Span> + Clone {
        let walk = self.walks[axis];
        let walk = if self.plan.desc.border == Border::Zero {
            walk
        } else {
            // An image without edges.
            Walk { before: 0, size: usize::MAX / 2, ..walk }
        };
        walk.spans(outputs)
    }

    /// All tiles of outputs that share their taps.
    fn run_region<S: Simd>(
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
        let [rows, cols] = [ys.taps.len(), xs.taps.len()];
        // With dense columns, the taps of a row are one contiguous run of steps.
        let merged = horizontal.dilation == 1 && source.pixel == self.depth;
        let tap = (ys.taps.start * self.plan.desc.kernel[1] + xs.taps.start) * self.depth * width;
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
        if rows == 0 || cols == 0 {
            // Wholly on the padding: sums are +0, and there may be no pixel to point at.
            (tile.rows, tile.src) = (0, &[]);
        }
        let [first_row, first_col] = [ys.taps.start, xs.taps.start];
        let mut outputs = Outputs::new(ys.outputs.clone(), xs.outputs.clone());
        loop {
            let mut pixels = [[0; 2]; MAX_PIXELS];
            let count = outputs.take(&mut pixels[..self.pixels]);
            if count == 0 {
                break;
            }
            if tile.rows > 0 {
                for (at, [y, x]) in tile.at.iter_mut().zip(&pixels[..count]) {
                    *at = source.at(vertical.position(*y, first_row), horizontal.position(*x, first_col));
                }
            }
            self.finish(simd, group, block, &tile, &pixels[..count], dst);
        }
    }

    /// All tiles of a band whose windows are gathered one by one.
    #[expect(clippy::too_many_arguments, reason = "the same seven as its sibling, and scratch")]
    fn run_windows<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        gather: &Gather<'_>,
        ys: Range<usize>,
        xs: Range<usize>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) {
        let kernel_row = self.plan.desc.kernel[1] * self.depth;
        for ys in self.spans(0, ys) {
            for xs in self.spans(1, xs.clone()) {
                let run = xs.taps.len() * self.depth;
                let window = ys.taps.len() * run;
                let mut outputs = Outputs::new(ys.outputs.clone(), xs.outputs.clone());
                loop {
                    let mut pixels = [[0; 2]; MAX_PIXELS];
                    let count = outputs.take(&mut pixels[..self.pixels]);
                    if count == 0 {
                        break;
                    }
                    let outputs = pixels[..count].iter().copied();
                    gather.windows(&self.walks, outputs, ys.taps.clone(), xs.taps.clone(), scratch);
                    for block in self.wanted_blocks(group) {
                        let width = block.vectors * self.plan.blocks.lanes;
                        let tap = (ys.taps.start * kernel_row + xs.taps.start * self.depth) * width;
                        let tile = Tile {
                            src: scratch,
                            at: core::array::from_fn(|i| i * window),
                            rows: if run == 0 { 0 } else { ys.taps.len() },
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

    /// Where the sums of a block at these outputs go.
    #[inline(always)]
    fn scatter(
        &self,
        group: &Group<'_>,
        block: &Block,
        outputs: impl Iterator<Item = [usize; 2]>,
    ) -> Scatter<'a> {
        // A piece may start or end within the block; lanes outside it are not written.
        let skip = group.wanted.start.saturating_sub(block.first);
        let end = block.channels.min(group.wanted.end - block.first);
        let k = group.first + block.first;
        let [_, _, channel_step] = self.part.steps();
        let mut scatter = Scatter {
            at: [0; MAX_PIXELS],
            residual_at: [0; MAX_PIXELS],
            channel_step,
            lanes: skip..end,
            bias: self.operands.bias.map(|bias| &bias[k..][..block.channels]),
            residual: self.operands.residual,
            activation: self.plan.desc.activation,
        };
        for (i, [y, x]) in outputs.enumerate() {
            scatter.at[i] = self.part.at(group.image, k + skip, y, x);
            scatter.residual_at[i] = self.plan.geometry.dst.at(group.image, k + skip, y, x);
        }
        scatter
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
