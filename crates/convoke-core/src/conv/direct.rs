//! The direct algorithm's walk: cuts a part of the output into bands, blocks of out channels and runs of pixels that
//! share their taps, and hands them to a kernel. It decides where, [`tiles`](super::tiles), [`lanes`](super::lanes)
//! and [`planes`](super::planes) decide how.

use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::band::{Channels, Gather, Source};
use super::operands::Operands;
use super::pack::Block;
use super::part::Part;
use super::plan::Conv2dPlan;
use super::planes::Planes;
use super::route::{Feed, Route};
use super::single::Single;
use super::stripes::Stripes;
use super::turned::Turned;
use super::window::{Span, Walk};
use crate::Border;
use crate::kernel::scatter::{MAX_PIXELS, Scatter};

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
        let walks = [0, 1].map(|axis| Walk::new(&plan.desc, &plan.geometry, axis));
        if const { S::LANES == 1 } {
            return Single { plan, part, operands, weights, walks }.run(simd, dst);
        }
        match plan.route {
            Route::Tiles(feed) | Route::Lanes(feed, _) => {
                let depth = plan.geometry.group_in;
                let border = match feed {
                    Feed::Band { padded: true, .. } if operands.weights.is_finite() => Border::Constant(0.0),
                    _ => plan.desc.border,
                };
                Direct { plan, feed, border, part, operands, weights, walks, depth }.run(simd, dst, scratch);
            }
            Route::Stripes(grid) => {
                Stripes { plan, grid, part, operands, weights, walks }.run(simd, dst, scratch);
            }
            Route::Turned(turn) => {
                Turned { plan, turn, part, operands, weights, walks }.run(simd, dst, scratch);
            }
            Route::Planes(layout) => {
                Planes { plan, layout, part, operands, weights, walks }.run(simd, dst, scratch);
            }
        }
    }
}

/// Elements of packed weights that tiles of the same pixels meet one after the other: a sixteenth of a second-level cache.
const TOGETHER: usize = 16 * 1024;

/// The walk's fixed data.
pub(super) struct Direct<'a> {
    pub(super) plan: &'a Conv2dPlan,
    feed: Feed,
    /// What windows read outside the image: zeros may be gathered as if they were values.
    border: Border,
    pub(super) part: &'a Part,
    pub(super) operands: &'a Operands<'a>,
    weights: &'a [f32],
    pub(super) walks: [Walk; 2],
    /// Reduction steps of one tap.
    pub(super) depth: usize,
}

/// A group of out channels that read the same in channels; all of them when lanes are read.
pub(super) struct Group<'a> {
    pub(super) image: usize,
    /// First out channel.
    first: usize,
    /// Wanted out channels, counted from `first`.
    wanted: Range<usize>,
    pub(super) weights: &'a [f32],
}

/// Outputs that share their taps, and where they read.
pub(super) struct Region<'a> {
    pub(super) source: Source<'a>,
    pub(super) ys: Span,
    pub(super) xs: Span,
}

/// Rows and columns of taps inside the image; no rows and no columns if there is no tap at all, when the sums are +0.
pub(super) fn taps(ys: &Span, xs: &Span) -> [usize; 2] {
    match [ys.taps.len(), xs.taps.len()] {
        [0, _] | [_, 0] => [0, 0],
        some => some,
    }
}

impl<'a> Direct<'a> {
    fn run<S: Simd>(&self, simd: S, dst: &mut [f32], scratch: &mut [f32]) {
        let plan = self.plan;
        let (size, len) = match plan.route {
            // All channels at once.
            Route::Lanes(..) => (plan.desc.out_channels, self.weights.len()),
            _ => (plan.blocks.channels, plan.blocks.len()),
        };
        for image in self.part.images() {
            let channels = self.part.channels(image);
            if channels.is_empty() || self.part.rows.is_empty() {
                continue;
            }
            for index in channels.start / size..channels.end.div_ceil(size) {
                let first = index * size;
                let wanted = channels.start.saturating_sub(first)..(channels.end - first).min(size);
                let weights = &self.weights[index * len..][..len];
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
        let Conv2dPlan { desc, geometry, route, .. } = self.plan;
        let image = &self.operands.src[group.image * geometry.src.image..];
        let (channels, data) = match route {
            Route::Tiles(_) => {
                let first = index * self.depth;
                (Channels::of_tile(desc, first, self.depth), &image[first * geometry.src.channel..])
            }
            _ => (Channels::of_lanes(desc), image),
        };
        let gather =
            Gather { image, strides: geometry.src, size: desc.in_size, border: self.border, channels };
        let rows = self.part.rows.clone();
        let width = geometry.out_size[1];
        let [row_step, col_step] = match self.feed {
            Feed::InPlace { rows } => [rows, width],
            Feed::Band { rows, cols, .. } => [rows, cols],
            Feed::Windows => [rows.len(), width],
        };
        for y in rows.clone().step_by(row_step) {
            let ys = y..(y + row_step).min(rows.end);
            for x in (0..width).step_by(col_step) {
                let xs = x..(x + col_step).min(width);
                let source = match self.feed {
                    Feed::InPlace { .. } => {
                        let (row, pixel) = (geometry.src.row, geometry.src.pixel);
                        Source { data, row, pixel, origin: [0, 0], size: desc.in_size, every: [1, 1] }
                    }
                    Feed::Band { .. } => gather.band(simd, &self.walks, ys.clone(), xs.clone(), scratch),
                    Feed::Windows => {
                        self.run_windows(simd, group, &gather, [ys.clone(), xs], dst, scratch);
                        continue;
                    }
                };
                self.run_band(simd, group, source, [ys.clone(), xs], dst);
            }
        }
    }

    /// All blocks of out channels over one band of outputs.
    fn run_band<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        source: Source<'_>,
        [ys, xs]: [Range<usize>; 2],
        dst: &mut [f32],
    ) {
        // The lane kernel finds the taps inside by itself.
        if let Route::Lanes(_, blocks) = self.plan.route {
            return self.run_lanes(simd, group, &source, [ys, xs], blocks, dst);
        }
        let regions = self
            .spans(0, ys)
            .flat_map(|ys| self.spans(1, xs.clone()).map(move |xs| Region { source, ys: ys.clone(), xs }));
        // The weights of blocks stay in the cache while their tiles pass.
        for (block, blocks) in self.block_runs(group) {
            for region in regions.clone() {
                self.run_tiles(simd, group, (&block, blocks), &region, dst);
            }
        }
    }

    /// The wanted blocks, those together whose tiles are made of the same pixels one after the other: what is done once for the
    /// pixels of a tile takes as long as some hundred steps of the reduction.
    fn block_runs(&self, group: &Group<'_>) -> impl Iterator<Item = (Block, usize)> {
        let blocks = self.plan.blocks;
        let wanted = group.wanted.clone();
        let side_by_side = self.part.steps()[2] == 1 && self.plan.geometry.dst.channel == 1;
        let whole = move |block: &Block| {
            side_by_side
                && wanted.start <= block.first
                && block.first + block.vectors * blocks.lanes <= wanted.end
        };
        let mut rest = self.wanted_blocks(group).peekable();
        core::iter::from_fn(move || {
            let first = rest.next()?;
            let most = TOGETHER / (first.vectors * blocks.lanes * blocks.steps());
            let mut count = 1;
            while count < most
                && whole(&first)
                && rest.next_if(|next| next.vectors == first.vectors && whole(next)).is_some()
            {
                count += 1;
            }
            Some((first, count))
        })
    }

    /// The first tap that outputs with these taps have, in the order of the weights.
    pub(super) fn first_tap(&self, ys: &Span, xs: &Span) -> usize {
        match taps(ys, xs) {
            [0, _] => 0,
            _ => ys.taps.start * self.plan.desc.kernel[1] + xs.taps.start,
        }
    }

    /// The blocks of out channels that the part wants some of.
    pub(super) fn wanted_blocks(&self, group: &Group<'_>) -> impl Iterator<Item = Block> + Clone {
        let wanted = group.wanted.clone();
        self.plan
            .blocks
            .iter()
            .filter(move |block| block.first < wanted.end && wanted.start < block.first + block.channels)
    }

    /// Runs of outputs along an axis that share their taps. Borders that have a value have no taps outside.
    pub(super) fn spans(&self, axis: usize, outputs: Range<usize>) -> impl Iterator<Item = Span> + Clone {
        let walk = self.walks[axis];
        let walk = if self.border == Border::Zero {
            walk
        } else {
            // An image without edges.
            Walk { before: 0, size: usize::MAX / 2, ..walk }
        };
        walk.spans(outputs)
    }

    /// Where the sums of a block at these outputs go.
    #[inline(always)]
    pub(super) fn scatter(
        &self,
        group: &Group<'_>,
        block: &Block,
        outputs: impl Iterator<Item = [usize; 2]>,
    ) -> Scatter<'a> {
        let mut scatter = self.block_scatter(group, block, 1);
        for (at, [y, x]) in scatter.at.iter_mut().zip(outputs) {
            *at = self.place(group, block, y, x);
        }
        scatter
    }

    /// What is done to the sums of a block, but for their places.
    pub(super) fn block_scatter(&self, group: &Group<'_>, block: &Block, blocks: usize) -> Scatter<'a> {
        // A piece may start or end within the block; lanes outside it are not written.
        let skip = group.wanted.start.saturating_sub(block.first);
        let end = block.channels.min(group.wanted.end - block.first);
        let k = group.first + block.first;
        let [_, _, channel_step] = self.part.steps();
        let dst = &self.plan.geometry.dst;
        let y = self.part.rows.start;
        Scatter {
            at: [0; MAX_PIXELS],
            // The buffer of a part starts later than `dst`, and has no more of anything.
            residual_shift: dst.at(group.image, k + skip, y, 0) - self.part.at(group.image, k + skip, y, 0),
            channel_step,
            residual_step: dst.channel,
            lanes: skip..end,
            bias: self.operands.bias.map(|bias| &bias[k..][..blocks * block.channels]),
            residual: self.operands.residual,
            activation: self.plan.desc.activation,
        }
    }

    /// Where the first wanted channel of a block at an output goes.
    #[inline(always)]
    pub(super) fn place(&self, group: &Group<'_>, block: &Block, y: usize, x: usize) -> usize {
        let skip = group.wanted.start.saturating_sub(block.first);
        self.part.at(group.image, group.first + block.first + skip, y, x)
    }
}
