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
//! block: there eight outputs of a row share their inputs, by way of the [sliding kernel](crate::kernel::slide), and what is
//! outside the image is an input like others.

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
    #[expect(
        clippy::needless_range_loop,
        reason = "iterators are not unrolled here, and sums would be memory"
    )]
    fn row<S: Simd, const V: usize>(&self, simd: S, channels: &Channels<'_>, y: usize, dst: &mut [f32]) {
        let [vertical, horizontal] = &self.walks;
        let (border, width) = (self.plan.desc.border, self.plan.geometry.out_size[1]);
        let mut rows = 0..vertical.taps;
        let shown = |r| border.index(vertical.position(y, r), vertical.size).is_some();
        let inside =
            if border == Border::Zero || rows.all(shown) { horizontal.all_inside(width) } else { 0..0 };
        // A tap on padding is absent. A finite weight may meet a zero instead.
        let slides = V == 1
            && self.plan.geometry.group_in == 1
            && (border != Border::Zero || self.operands.weights.is_finite())
            && [horizontal.stride, horizontal.dilation] == [1, 1]
            && horizontal.taps <= MOST_SLIDING;
        let (runs, out) = (self.runs(), self.out::<V>(channels, y));
        let all = 0..horizontal.taps;
        let mut x = 0;
        while x < width {
            let left = inside.end.saturating_sub(x);
            if slides {
                let sums = self.slide(simd, channels, [y, x]);
                for m in 0..SLIDING.min(width - x) {
                    out.put(simd, x + m, &[[sums[m]; V]], dst);
                }
                x += SLIDING;
            } else if !inside.contains(&x) {
                let sums = if border == Border::Zero {
                    self.tile::<S, 1, V>(simd, channels, [y, x], runs, horizontal.taps(x))
                } else {
                    self.edge::<S, V>(simd, channels, [y, x])
                };
                out.put(simd, x, &sums, dst);
                x += 1;
            } else if left >= PIXELS {
                let sums = self.tile::<S, PIXELS, V>(simd, channels, [y, x], runs, all.clone());
                out.put(simd, x, &sums, dst);
                x += PIXELS;
            } else {
                let sums = self.tile::<S, 1, V>(simd, channels, [y, x], runs, all.clone());
                out.put(simd, x, &sums, dst);
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
        let mut bias = [0.0; V];
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
            bias: operands.bias.map(|_| bias),
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

    /// The sums of `M` pixels from `x` on, over columns `taps` of the taps, which are all inside the image. (All columns, or one
    /// pixel and those it has.)
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        channels: &Channels<'_>,
        [y, x]: [usize; 2],
        runs: Runs,
        taps: Range<usize>,
    ) -> [[S::F32; V]; M] {
        let [vertical, horizontal] = &self.walks;
        let (pixel, depth) = (self.plan.geometry.src.pixel, self.plan.geometry.group_in);
        let mut sums = [[simd.splat(0.0); V]; M];
        if taps.is_empty() {
            return sums;
        }
        let start = horizontal.position(x, taps.start) as usize * pixel;
        // Several columns in a run, or one.
        let (count, len) = if runs.runs == 1 { (1, taps.len() * depth) } else { (taps.len(), depth) };
        let row_len = horizontal.taps * depth * V;
        for r in 0..vertical.taps {
            let Some(row) = self.image_row(channels, y, r) else { continue };
            let mut at = start;
            let mut from = r * row_len + taps.start * depth * V;
            for _ in 0..count {
                let Some(weights) = channels.weights.get(from..from + len * V) else { break };
                sums = steps::<S, M, V>(simd, row, [at, horizontal.stride * pixel, runs.step], weights, sums);
                at += runs.apart;
                from += len * V;
            }
        }
        sums
    }

    /// The sums of eight outputs of a depthwise layer, some of which may lie behind the row's last. Taps outside the image have the
    /// border's value.
    #[inline(always)]
    fn slide<S: Simd>(&self, simd: S, channels: &Channels<'_>, [y, x]: [usize; 2]) -> [S::F32; SLIDING] {
        let ([vertical, horizontal], pixel) = (&self.walks, self.plan.geometry.src.pixel);
        let border = self.plan.desc.border;
        let first = horizontal.position(x, 0);
        let read = SLIDING + horizontal.taps - 1;
        // Those of the inputs that are inside the image.
        let size = horizontal.size as isize;
        let within = |at: isize| at.max(0).min(read as isize) as usize;
        let inside = within(-first)..within(size - first);
        let outside = |j: usize, row: &[f32]| {
            let shown = border.index(first + j as isize, horizontal.size).and_then(|j| row.get(j * pixel));
            shown.copied().unwrap_or(border.outside())
        };
        let mut sums = [simd.splat(0.0); SLIDING];
        let mut inputs = [0.0; SLIDING + MOST_SLIDING - 1];
        let mut weights = channels.weights.chunks_exact(horizontal.taps.max(1));
        for r in 0..vertical.taps {
            let Some(weights) = weights.next() else { return sums };
            match self.image_row(channels, y, r) {
                Some(row) => {
                    for (j, input) in inputs.iter_mut().enumerate().take(inside.start) {
                        *input = outside(j, row);
                    }
                    let mut from = (first + inside.start as isize).max(0) as usize * pixel;
                    for input in inputs.iter_mut().take(inside.end).skip(inside.start) {
                        *input = row.get(from).copied().unwrap_or_default();
                        from += pixel;
                    }
                    for (j, input) in inputs.iter_mut().enumerate().take(read).skip(inside.end) {
                        *input = outside(j, row);
                    }
                }
                None if border == Border::Zero => continue,
                None => inputs.fill(border.outside()),
            }
            sums = slide::row(simd, weights, &inputs, sums);
        }
        sums
    }

    /// An output some of whose taps are outside, where the border has a value.
    fn edge<S: Simd, const V: usize>(
        &self,
        simd: S,
        channels: &Channels<'_>,
        [y, x]: [usize; 2],
    ) -> [[S::F32; V]; 1] {
        let [vertical, horizontal] = &self.walks;
        let (border, strides) = (self.plan.desc.border, self.plan.geometry.src);
        let mut sums = [[simd.splat(0.0); V]];
        let mut taps = channels.weights.chunks_exact((self.plan.geometry.group_in * V).max(1));
        for r in 0..vertical.taps {
            let row = self.image_row(channels, y, r);
            for s in 0..horizontal.taps {
                let Some(weights) = taps.next() else { return sums };
                let column = border.index(horizontal.position(x, s), horizontal.size);
                let (row, at) = match (row, column) {
                    (Some(row), Some(column)) => (row, [column * strides.pixel, 0, strides.channel]),
                    _ => (&[border.outside()][..], [0, 0, 0]),
                };
                sums = steps::<S, 1, V>(simd, row, at, weights, sums);
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
    bias: Option<[f32; V]>,
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
                let mut value = sums[m][v];
                if let Some(bias) = &self.bias {
                    value = simd.add(value, simd.splat(bias[v]));
                }
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
