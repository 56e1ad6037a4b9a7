//! The walk where the machine has one lane: straight from the image to sums in registers, whatever the layer. No scratch,
//! and little code, for flash is small where there are no vectors.
//!
//! All other walks exist to fill vectors. With one lane there is nothing to fill: any element can be loaded alone, from either
//! layout, with any stride; a border is a look at an index. What is left of their ideas is that a tile of outputs shares
//! what it loads.
//!
//! ```text
//! for each block of up to four out channels, and each row of outputs
//!     for four pixels whose columns of taps are all inside the image, or else one
//!         for each row of taps, and each of its columns, and each in channel     (the order of the contract)
//!             load the pixels' inputs and the channels' weights; multiply each with each
//! ```
//!
//! Taps and in channels that lie one after the other, on both sides, are one run. Of depthwise layers a block is four channels
//! too, each with an input of its own: whatever there is to find out about a pixel and a tap is found out once for all four, and
//! where channels are innermost their inputs lie side by side.

use core::ops::Range;

use convoke_simd::Simd;

use super::geometry::{Geometry, Strides};
use super::operands::Operands;
use super::pack::Block;
use super::part::Part;
use super::plan::Conv2dPlan;
use super::window::Walk;
use crate::{Activation, Border};

/// Out channels of a block.
pub(crate) const CHANNELS: usize = 4;
/// Pixels of a tile.
const PIXELS: usize = 4;

/// Whether each channel is a group of its own. Then all of them are packed like one group's.
pub(super) fn own(geometry: &Geometry) -> bool {
    [geometry.group_in, geometry.group_out] == [1, 1]
}

/// One call.
pub(super) struct Single<'a> {
    pub(super) plan: &'a Conv2dPlan,
    pub(super) part: &'a Part,
    pub(super) operands: &'a Operands<'a>,
    pub(super) weights: &'a [f32],
    pub(super) walks: [Walk; 2],
}

/// Out channels of a block, and what they read.
struct Channels<'a> {
    image: usize,
    /// The first of the block, and those that are wanted.
    first: usize,
    wanted: Range<usize>,
    /// The image, from the block's first in channel on.
    src: &'a [f32],
    /// The block's weights: its channels side by side for each step.
    weights: &'a [f32],
}

/// How a row of taps is read: as so many runs, one or one for each column.
#[derive(Clone, Copy)]
struct Runs {
    runs: usize,
    /// From one run to the next, and from one step to the next.
    apart: usize,
    step: usize,
}

impl<'a> Single<'a> {
    pub(super) fn run<S: Simd>(&self, simd: S, dst: &mut [f32]) {
        let Self { plan, part, operands, weights, .. } = self;
        let (blocks, strides) = (plan.blocks, plan.geometry.src);
        for image in part.images() {
            let all = part.channels(image);
            for (group, weights) in weights.chunks_exact(blocks.len().max(1)).enumerate() {
                for block in blocks.iter() {
                    let first = group * blocks.channels + block.first;
                    let read = if own(&plan.geometry) { first } else { group * plan.geometry.group_in };
                    let wanted = all.start.max(first)..all.end.min(first + block.channels);
                    let len = block.channels * self.steps();
                    let (Some(src), Some(weights)) = (
                        operands.src.get(image * strides.image + read * strides.channel..),
                        weights.get(block.weights..block.weights + len),
                    ) else {
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
        let own = own(&self.plan.geometry);
        for y in self.part.rows.clone() {
            match (block.channels, own) {
                (1, _) => self.row::<S, 1, false>(simd, channels, y, dst),
                (2, false) => self.row::<S, 2, false>(simd, channels, y, dst),
                (3, false) => self.row::<S, 3, false>(simd, channels, y, dst),
                (_, false) => self.row::<S, CHANNELS, false>(simd, channels, y, dst),
                (2, true) => self.row::<S, 2, true>(simd, channels, y, dst),
                (3, true) => self.row::<S, 3, true>(simd, channels, y, dst),
                (_, true) => self.row::<S, CHANNELS, true>(simd, channels, y, dst),
            }
        }
    }

    /// A row of outputs. If `OWN`, each channel reads an in channel of its own, and nothing else.
    fn row<S: Simd, const V: usize, const OWN: bool>(
        &self,
        simd: S,
        channels: &Channels<'_>,
        y: usize,
        dst: &mut [f32],
    ) {
        let [vertical, horizontal] = &self.walks;
        let (border, width) = (self.plan.desc.border, self.plan.geometry.out_size[1]);
        let mut rows = 0..vertical.taps;
        let shown = |r| border.index(vertical.position(y, r), vertical.size).is_some();
        let inside =
            if border == Border::Zero || rows.all(shown) { horizontal.all_inside(width) } else { 0..0 };
        let (runs, out) = (self.runs(), self.out::<V>(channels, y));
        let mut x = 0;
        while x < width {
            if inside.contains(&x) && inside.len() >= PIXELS {
                // Pushed back where it would reach further.
                let at = x.min(inside.end - PIXELS);
                let sums = self.tile::<S, PIXELS, V, OWN>(simd, channels, [y, at], runs);
                out.put(simd, at, &sums, dst);
                x = at + PIXELS;
            } else {
                out.put(simd, x, &self.single::<S, V, OWN>(simd, channels, [y, x], runs), dst);
                x += 1;
            }
        }
    }

    /// Where the outputs of a row go, and what is done to them.
    fn out<const V: usize>(&self, channels: &Channels<'_>, y: usize) -> Out<'a, V> {
        let (part, operands) = (self.part, self.operands);
        let Channels { image, first, ref wanted, .. } = *channels;
        let [_, pixel, step] = part.steps();
        let whole = &self.plan.geometry.dst;
        // What changes no value where there is no bias.
        let mut bias = [-0.0; V];
        if let Some(biases) = operands.bias.and_then(|biases| biases.get(first..)) {
            for (bias, value) in bias.iter_mut().zip(biases) {
                *bias = *value;
            }
        }
        let start = part.rows.start;
        Out {
            at: part.at(image, wanted.start, y, 0),
            pixel,
            step,
            lanes: wanted.start - first..wanted.end - first,
            bias,
            // The buffer of a part starts later than `dst`, and has no more of anything.
            residual: operands.residual.and_then(|residual| {
                residual
                    .get(whole.at(image, wanted.start, start, 0) - part.at(image, wanted.start, start, 0)..)
            }),
            residual_step: whole.channel,
            activation: self.plan.desc.activation,
        }
    }

    /// The row of the image that row `r` of the taps reads; nothing if that is on padding.
    #[inline(always)]
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
            Runs { runs: 1, apart: 0, step: apart }
        } else if strides.channel == 1 && apart == depth {
            Runs { runs: 1, apart: 0, step: 1 }
        } else {
            Runs { runs: taps, apart, step: strides.channel }
        }
    }

    /// The sums of `M` pixels from `x` on, whose columns of taps are all inside the image.
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const V: usize, const OWN: bool>(
        &self,
        simd: S,
        channels: &Channels<'_>,
        [y, x]: [usize; 2],
        runs: Runs,
    ) -> [[S::F32; V]; M] {
        let horizontal = &self.walks[1];
        let (strides, depth) = (self.plan.geometry.src, self.plan.geometry.group_in);
        let start = horizontal.position(x, 0) as usize * strides.pixel;
        let apart = horizontal.stride * strides.pixel;
        let len = horizontal.taps * depth * V / runs.runs.max(1);
        let mut sums = [[simd.splat(0.0); V]; M];
        let mut from = 0;
        for r in 0..self.walks[0].taps {
            let Some(row) = self.image_row(channels, y, r) else {
                from += len * runs.runs;
                continue;
            };
            let mut at = start;
            for _ in 0..runs.runs {
                let Some(weights) = channels.weights.get(from..from + len) else { return sums };
                sums = if OWN {
                    separate::<S, M, V>(simd, row, at, [apart, runs.step, strides.channel], weights, sums)
                } else {
                    steps::<S, M, V>(simd, row, [at, apart, runs.step], weights, sums)
                };
                at += runs.apart;
                from += len;
            }
        }
        sums
    }

    /// The sums of a pixel some of whose taps may be outside the image: there the border has a value, or they are left out.
    #[inline(always)]
    fn single<S: Simd, const V: usize, const OWN: bool>(
        &self,
        simd: S,
        channels: &Channels<'_>,
        [y, x]: [usize; 2],
        runs: Runs,
    ) -> [[S::F32; V]; 1] {
        let horizontal = &self.walks[1];
        let Strides { pixel, channel, .. } = self.plan.geometry.src;
        let (border, depth, taps) = (self.plan.desc.border, self.plan.geometry.group_in, horizontal.taps);
        let outside = [border.outside()];
        let mut sums = [[simd.splat(0.0); V]];
        let mut from = 0;
        for r in 0..self.walks[0].taps {
            let row = self.image_row(channels, y, r);
            let mut s = 0;
            while s < taps {
                let position = horizontal.position(x, s);
                // As many taps as are one run, and inside.
                let left = horizontal.size as isize - position;
                let together = runs.runs == 1 && position >= 0 && left > 0 && row.is_some();
                let most = if together { (left as usize).div_ceil(horizontal.dilation.max(1)) } else { 1 };
                let count = most.min(taps - s);
                let Some(weights) = channels.weights.get(from..from + count * depth * V) else { return sums };
                (s, from) = (s + count, from + weights.len());
                let (row, at, [step, channel]) = match (row, border.index(position, horizontal.size)) {
                    (Some(row), Some(column)) => (row, column * pixel, [runs.step, channel]),
                    _ if border == Border::Zero => continue,
                    _ => (&outside[..], 0, [0, 0]),
                };
                sums = if OWN {
                    separate::<S, 1, V>(simd, row, at, [0, step, channel], weights, sums)
                } else {
                    steps::<S, 1, V>(simd, row, [at, 0, step], weights, sums)
                };
            }
        }
        sums
    }
}

/// Where the outputs of a row go, and what is done to them: bias, residual, activation.
struct Out<'a, const V: usize> {
    /// Place of the first wanted channel of the first output, and from one output and one channel to the next.
    at: usize,
    pixel: usize,
    step: usize,
    /// Channels of the block that are wanted.
    lanes: Range<usize>,
    bias: [f32; V],
    residual: Option<&'a [f32]>,
    residual_step: usize,
    activation: Activation,
}

impl<const V: usize> Out<'_, V> {
    /// Puts the sums of `M` outputs from `x` on.
    #[inline(always)]
    #[expect(
        clippy::needless_range_loop,
        reason = "iterators are not unrolled here, and sums would be memory"
    )]
    fn put<S: Simd, const M: usize>(&self, simd: S, x: usize, sums: &[[S::F32; V]; M], dst: &mut [f32]) {
        for m in 0..M {
            let start = self.at + (x + m) * self.pixel;
            for v in 0..V {
                if !self.lanes.contains(&v) {
                    continue;
                }
                let lane = v - self.lanes.start;
                let mut value = simd.add(sums[m][v], simd.splat(self.bias[v]));
                if let Some(residual) = self.residual.and_then(|r| r.get(start + lane * self.residual_step)) {
                    value = simd.add(value, simd.splat(*residual));
                }
                value = match self.activation {
                    Activation::None => value,
                    Activation::Relu => Activation::Relu.apply(simd, value),
                    other => curve(simd, other, value),
                };
                if let Some(dst) = dst.get_mut(start + lane * self.step..) {
                    simd.store_first(value, dst.get_mut(..1).unwrap_or_default());
                }
            }
        }
    }
}

/// Other activations: once in the program, since they are longer than all else.
#[inline(never)]
fn curve<S: Simd>(simd: S, activation: Activation, value: S::F32) -> S::F32 {
    activation.apply(simd, value)
}

/// Adds a run of steps to `M` pixels by `V` channels. The first pixel's inputs start at `at`, the next one's `apart`
/// further on, and so on; a step's are `step` from the one before. `weights` has `V` for each.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "iterators are not unrolled here, and sums would be memory")]
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

/// Adds a run of taps to `M` pixels by `V` channels, each of which reads a channel of its own. The first pixel's inputs of the
/// first channel start at `at`, the next one's `apart` further on, a tap's `step` from the one before, a channel's `channel`.
#[inline(always)]
fn separate<S: Simd, const M: usize, const V: usize>(
    simd: S,
    row: &[f32],
    at: usize,
    [apart, step, channel]: [usize; 3],
    weights: &[f32],
    mut sums: [[S::F32; V]; M],
) -> [[S::F32; V]; M] {
    let (weights, _) = weights.as_chunks::<V>();
    let mut next = at;
    for weights in weights {
        let Some(mut pixel) = row.get(next..) else { return sums };
        for m in 0..M {
            // They are always there: windows end inside the image.
            if m > 0 {
                let Some(pixels) = pixel.get(apart..) else { return sums };
                pixel = pixels;
            }
            if channel == 1 {
                let Some(pixel) = pixel.first_chunk::<V>() else { return sums };
                for v in 0..V {
                    sums[m][v] = simd.mul_add(simd.splat(pixel[v]), simd.splat(weights[v]), sums[m][v]);
                }
            } else {
                for v in 0..V {
                    let x = simd.splat(pixel.get(v * channel).copied().unwrap_or_default());
                    sums[m][v] = simd.mul_add(x, simd.splat(weights[v]), sums[m][v]);
                }
            }
        }
        next += step;
    }
    sums
}

/// The same where steps lie one after the other: the hot loop of dense layers.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "iterators are not unrolled here, and sums would be memory")]
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
        // Never 0, which the compiler does not know.
        let (reach, stride) = ((self.taps - 1) * self.dilation, self.stride.max(1));
        let start = self.before.div_ceil(stride);
        let end = (self.before + self.size).checked_sub(reach + 1).map_or(0, |room| room / stride + 1);
        start..end.min(width)
    }
}
