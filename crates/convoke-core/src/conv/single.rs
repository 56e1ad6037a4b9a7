//! The walk where the machine has one lane: straight from the image to sums in registers, whatever the layer. No scratch,
//! and little code, for flash is small where there are no vectors.
//!
//! All other walks exist to fill vectors. With one lane there is nothing to fill: any element can be loaded alone, from either
//! layout, with any stride; a border is a look at an index. What is left of their ideas is that a tile of outputs shares
//! what it loads.
//!
//! ```text
//! for each block of up to four out channels, and each row of outputs
//!     for four pixels whose taps are all inside the image, or else one
//!         for each row of taps, and each of its columns, and each in channel     (the order of the contract)
//!             load the pixels' inputs and the channels' weights; multiply each with each
//! ```
//!
//! Taps and in channels that lie one after the other, on both sides, are one run. Depthwise layers have one channel in a
//! block: there eight outputs of a row share their inputs, by way of the [sliding kernel](crate::kernel::slide).

use core::ops::Range;

use convoke_simd::Simd;

use super::operands::Operands;
use super::pack::Block;
use super::part::Part;
use super::plan::Conv2dPlan;
use super::window::Walk;
use crate::kernel::slide;
use crate::{Activation, Border};

/// Out channels of a block.
pub(crate) const CHANNELS: usize = 4;
/// Pixels of a tile, and outputs of a depthwise one.
const PIXELS: usize = 4;
const SLIDING: usize = 8;
/// Columns of taps that slide.
const MOST_SLIDING: usize = 8;

/// One call.
pub(super) struct Single<'a> {
    pub(super) plan: &'a Conv2dPlan,
    pub(super) part: &'a Part,
    pub(super) operands: &'a Operands<'a>,
    pub(super) weights: &'a [f32],
    pub(super) walks: [Walk; 2],
}

/// Out channels that read the same, and where.
struct Channels<'a> {
    image: usize,
    /// The first of the block, and those that are wanted.
    first: usize,
    wanted: Range<usize>,
    /// The image, from the group's first in channel on.
    src: &'a [f32],
    /// The block's weights: its channels side by side for each step.
    weights: &'a [f32],
}

/// How a row of taps is read: `runs` of `count` steps each.
#[derive(Clone, Copy)]
struct Runs {
    runs: usize,
    /// From one run to the next, and from one step to the next.
    apart: usize,
    count: usize,
    step: usize,
}

impl<'a> Single<'a> {
    pub(super) fn run<S: Simd>(&self, simd: S, dst: &mut [f32]) {
        let Self { plan, part, operands, weights, .. } = self;
        let (blocks, strides) = (plan.blocks, plan.geometry.src);
        for image in part.images() {
            let all = part.channels(image);
            for (group, weights) in weights.chunks_exact(blocks.len().max(1)).enumerate() {
                let start = image * strides.image + group * plan.geometry.group_in * strides.channel;
                for block in blocks.iter() {
                    let first = group * blocks.channels + block.first;
                    let wanted = all.start.max(first)..all.end.min(first + block.channels);
                    let len = block.channels * self.steps();
                    let (Some(src), Some(weights)) =
                        (operands.src.get(start..), weights.get(block.weights..block.weights + len))
                    else {
                        continue;
                    };
                    if !wanted.is_empty() {
                        let channels = Channels { image, first, wanted, src, weights };
                        self.run_block(simd, &channels, &block, dst);
                    }
                }
            }
        }
    }

    /// Reduction steps.
    fn steps(&self) -> usize {
        self.walks[0].taps * self.walks[1].taps * self.plan.geometry.group_in
    }

    fn run_block<S: Simd>(&self, simd: S, channels: &Channels<'_>, block: &Block, dst: &mut [f32]) {
        for y in self.part.rows.clone() {
            match block.channels {
                1 => self.row::<S, 1>(simd, channels, y, dst),
                2 => self.row::<S, 2>(simd, channels, y, dst),
                3 => self.row::<S, 3>(simd, channels, y, dst),
                _ => self.row::<S, CHANNELS>(simd, channels, y, dst),
            }
        }
    }

    /// A row of outputs.
    fn row<S: Simd, const V: usize>(&self, simd: S, channels: &Channels<'_>, y: usize, dst: &mut [f32]) {
        let [vertical, horizontal] = &self.walks;
        let (border, width) = (self.plan.desc.border, self.plan.geometry.out_size[1]);
        let rows = 0..vertical.taps;
        let shown = |r| border.index(vertical.position(y, r), vertical.size).is_some();
        let inside = if border == Border::Zero || rows.clone().all(shown) {
            horizontal.all_inside(width)
        } else {
            0..0
        };
        let slides = V == 1
            && self.plan.geometry.group_in == 1
            && [horizontal.stride, horizontal.dilation] == [1, 1]
            && horizontal.taps <= MOST_SLIDING;
        let mut x = 0;
        while x < width {
            let left = inside.end.saturating_sub(x);
            if !inside.contains(&x) {
                self.edge::<S, V>(simd, channels, [y, x], dst);
                x += 1;
            } else if slides && left >= SLIDING {
                self.slide(simd, channels, [y, x], dst);
                x += SLIDING;
            } else if left >= PIXELS {
                self.tile::<S, PIXELS, V>(simd, channels, [y, x], dst);
                x += PIXELS;
            } else {
                self.tile::<S, 1, V>(simd, channels, [y, x], dst);
                x += 1;
            }
        }
    }

    /// The row of the image that row `r` of the taps reads; nothing if that is on padding.
    fn image_row<'c>(&self, channels: &Channels<'c>, y: usize, r: usize) -> Option<&'c [f32]> {
        let vertical = &self.walks[0];
        let row = self.plan.desc.border.index(vertical.position(y, r), vertical.size)?;
        channels.src.get(row * self.plan.geometry.src.row..)
    }

    /// How a row of taps is read.
    fn runs(&self) -> Runs {
        let (strides, depth) = (self.plan.geometry.src, self.plan.geometry.group_in);
        let [_, Walk { taps, dilation, .. }] = self.walks;
        let apart = dilation * strides.pixel;
        if depth == 1 {
            Runs { runs: 1, apart: 0, count: taps, step: apart }
        } else if strides.channel == 1 && apart == depth {
            Runs { runs: 1, apart: 0, count: taps * depth, step: 1 }
        } else {
            Runs { runs: taps, apart, count: depth, step: strides.channel }
        }
    }

    /// `M` pixels from `x` on, all of whose columns of taps are inside the image.
    fn tile<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        channels: &Channels<'_>,
        [y, x]: [usize; 2],
        dst: &mut [f32],
    ) {
        let [vertical, horizontal] = &self.walks;
        let pixel = self.plan.geometry.src.pixel;
        let start = horizontal.position(x, 0) as usize * pixel;
        let runs = self.runs();
        let mut sums = [[simd.splat(0.0); V]; M];
        let rows = channels.weights.chunks_exact((self.steps() / vertical.taps.max(1) * V).max(1));
        for (r, weights) in rows.enumerate() {
            let Some(row) = self.image_row(channels, y, r) else { continue };
            for (i, weights) in weights.chunks_exact(runs.count * V).enumerate().take(runs.runs) {
                let at = start + i * runs.apart;
                sums = steps::<S, M, V>(simd, row, [at, horizontal.stride * pixel, runs.step], weights, sums);
            }
        }
        for m in 0..M {
            self.put(simd, channels, [y, x + m], &sums[m], dst);
        }
    }

    /// Eight outputs of a depthwise layer whose taps are all inside.
    fn slide<S: Simd>(&self, simd: S, channels: &Channels<'_>, [y, x]: [usize; 2], dst: &mut [f32]) {
        let (horizontal, pixel) = (&self.walks[1], self.plan.geometry.src.pixel);
        let start = horizontal.position(x, 0) as usize * pixel;
        let mut sums = [simd.splat(0.0); SLIDING];
        for (r, weights) in channels.weights.chunks_exact(horizontal.taps.max(1)).enumerate() {
            let Some(row) = self.image_row(channels, y, r).and_then(|row| row.get(start..)) else { continue };
            let mut inputs = [0.0; SLIDING + MOST_SLIDING - 1];
            for (input, value) in inputs.iter_mut().zip(row.iter().step_by(pixel.max(1))) {
                *input = *value;
            }
            sums = slide::row(simd, weights, &inputs, sums);
        }
        for m in 0..SLIDING {
            self.put(simd, channels, [y, x + m], &[sums[m]], dst);
        }
    }

    /// An output some of whose taps are outside.
    fn edge<S: Simd, const V: usize>(
        &self,
        simd: S,
        channels: &Channels<'_>,
        [y, x]: [usize; 2],
        dst: &mut [f32],
    ) {
        let [_, horizontal] = &self.walks;
        let (border, strides) = (self.plan.desc.border, self.plan.geometry.src);
        let depth = self.plan.geometry.group_in;
        let mut sums = [[simd.splat(0.0); V]];
        let taps = channels.weights.chunks_exact((depth * V).max(1));
        for (tap, weights) in taps.enumerate() {
            let (r, s) = (tap / horizontal.taps.max(1), tap % horizontal.taps.max(1));
            let row = self.image_row(channels, y, r);
            let column = border.index(horizontal.position(x, s), horizontal.size);
            match (row, column) {
                (Some(row), Some(column)) => {
                    let at = [column * strides.pixel, 0, strides.channel];
                    sums = steps::<S, 1, V>(simd, row, at, weights, sums);
                }
                // The tap is absent.
                _ if border == Border::Zero => {}
                _ => sums = steps::<S, 1, V>(simd, &[border.outside()], [0, 0, 0], weights, sums),
            }
        }
        self.put(simd, channels, [y, x], &sums[0], dst);
    }

    /// Bias, residual, activation, and where it goes.
    #[inline(always)]
    fn put<S: Simd, const V: usize>(
        &self,
        simd: S,
        channels: &Channels<'_>,
        [y, x]: [usize; 2],
        sums: &[S::F32; V],
        dst: &mut [f32],
    ) {
        let (part, operands) = (self.part, self.operands);
        let [_, _, step] = part.steps();
        let place = |k| part.at(channels.image, k, y, x);
        for v in 0..V {
            let k = channels.first + v;
            if !channels.wanted.contains(&k) {
                continue;
            }
            let at = place(channels.wanted.start) + (k - channels.wanted.start) * step;
            let mut value = sums[v];
            if let Some(bias) = operands.bias.and_then(|bias| bias.get(k)) {
                value = simd.add(value, simd.splat(*bias));
            }
            if let Some(residual) = operands.residual {
                // The buffer of a part starts later than `dst`, and has no more of anything.
                let start = part.rows.start;
                let whole = self.plan.geometry.dst.at(channels.image, k, start, 0);
                let shift = whole - part.at(channels.image, k, start, 0);
                if let Some(residual) = residual.get(at + shift) {
                    value = simd.add(value, simd.splat(*residual));
                }
            }
            value = match self.plan.desc.activation {
                Activation::None => value,
                Activation::Relu => Activation::Relu.apply(simd, value),
                other => other.apply(simd, value),
            };
            if let Some(dst) = dst.get_mut(at..) {
                simd.store_first(value, dst.get_mut(..1).unwrap_or_default());
            }
        }
    }
}

/// Adds a run of steps to `M` pixels by `V` channels. The first pixel's inputs start at `at`, the next one's `apart`
/// further on, and so on; a step's are `step` from the one before. `weights` has `V` for each.
#[inline(always)]
fn steps<S: Simd, const M: usize, const V: usize>(
    simd: S,
    row: &[f32],
    [at, apart, step]: [usize; 3],
    weights: &[f32],
    sums: [[S::F32; V]; M],
) -> [[S::F32; V]; M] {
    let (weights, _) = weights.as_chunks::<V>();
    let count = weights.len();
    // One step of any length is a step of one.
    if step == 1 || count == 1 {
        return dense(simd, row, [at, apart], weights, sums);
    }
    let mut sums = sums;
    let mut pixels: [&[f32]; M] = [&[]; M];
    for m in 0..M {
        pixels[m] = row.get(at + m * apart..).unwrap_or_default();
    }
    let mut next = 0;
    for weights in weights {
        for m in 0..M {
            // It is always there: windows end inside the image.
            let x = simd.splat(pixels[m].get(next).copied().unwrap_or_default());
            for v in 0..V {
                sums[m][v] = simd.mul_add(x, simd.splat(weights[v]), sums[m][v]);
            }
        }
        next += step;
    }
    sums
}

/// The same where steps lie one after the other: the hot loop of dense layers.
#[inline(always)]
fn dense<S: Simd, const M: usize, const V: usize>(
    simd: S,
    row: &[f32],
    [at, apart]: [usize; 2],
    weights: &[[f32; V]],
    mut sums: [[S::F32; V]; M],
) -> [[S::F32; V]; M] {
    let mut pixels: [&[f32]; M] = [&[]; M];
    for m in 0..M {
        // As many as there are weights, so that no index need be looked at below.
        let start = at + m * apart;
        let Some(pixel) = row.get(start..start + weights.len()) else { return sums };
        pixels[m] = pixel;
    }
    for c in 0..weights.len() {
        for m in 0..M {
            let x = simd.splat(pixels[m].get(c).copied().unwrap_or_default());
            for v in 0..V {
                sums[m][v] = simd.mul_add(x, simd.splat(weights[c][v]), sums[m][v]);
            }
        }
    }
    sums
}

impl Walk {
    /// The outputs of `0..width` all of whose taps are inside.
    fn all_inside(&self, width: usize) -> Range<usize> {
        let reach = (self.taps - 1) * self.dilation;
        let start = self.before.div_ceil(self.stride);
        let end = (self.before + self.size).checked_sub(reach + 1).map_or(0, |room| room / self.stride + 1);
        start..end.min(width)
    }
}
