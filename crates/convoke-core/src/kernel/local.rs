//! The three hot loops of layers whose weights are not shared. Operands are turned: a place holds one element of many images side by side, so
//! that a vector is the same element of several images. Every weight is then used for a vector of images, whatever the number of channels, the
//! layout, stride or dilation; what is left over is lanes without an image.

use convoke_simd::Simd;

use super::transpose::{MAX_LANES, transpose};
use crate::conv::local::taps::Taps;

/// Elements of a place are whole groups of so many images, which are whole vectors on every level.
pub(crate) const LANES: usize = MAX_LANES;

/// Out channels that a pass over a window of gradients serves, on every level: the order of an input gradient's sums depends on it.
pub(crate) const SPREAD: usize = 8;

/// What a window at one output meets.
pub(crate) struct Field<'a> {
    pub(crate) taps: &'a Taps,
    /// The output's row and column.
    pub(crate) at: [usize; 2],
    /// The group, counted in in channels.
    pub(crate) first: usize,
    /// Weights of the first out channel of a tile, and those of the next ones, each `set` further on.
    pub(crate) weights: &'a [f32],
    pub(crate) set: usize,
    /// Elements of a place.
    pub(crate) width: usize,
}

/// Sums of a tile that a level's registers hold.
pub(crate) const fn tile(registers: usize) -> usize {
    if registers >= 32 { 16 } else { 8 }
}

impl Field<'_> {
    /// Sums of `channels` out channels for all images of a block. They go to `out`, `step` elements from one channel to the next.
    #[inline(always)]
    pub(crate) fn sums<S: Simd>(
        &self,
        simd: S,
        channels: usize,
        turned: &[f32],
        out: &mut [f32],
        step: usize,
    ) {
        let vectors = self.width / S::LANES;
        let mut v = 0;
        while v < vectors {
            let lane = v * S::LANES;
            let some = if vectors - v >= 4 {
                4
            } else if vectors - v >= 2 {
                2
            } else {
                1
            };
            let mut k = 0;
            while k < channels {
                let left = channels - k;
                macro_rules! choose {
                    ($($v:literal $m:literal)*) => {
                        $(if const { $v * $m <= tile(S::REGISTERS) } && some == $v && left >= $m {
                            accumulate::<S, $m, $v>(simd, self, k, lane, turned, out, step);
                            k += $m;
                            continue;
                        })*
                    };
                }
                choose!(4 4  4 2  4 1  2 8  2 4  2 2  2 1  1 8  1 4  1 2  1 1);
            }
            v += some;
        }
    }

    /// Adds what `channels` out channels give back, at most [`SPREAD`], to the places of `turned` that the window meets. Their gradients are
    /// in `grad`, `step` elements from one channel to the next.
    #[inline(always)]
    pub(crate) fn spread<S: Simd>(
        &self,
        simd: S,
        channels: usize,
        grad: &[f32],
        step: usize,
        turned: &mut [f32],
    ) {
        let vectors = self.width / S::LANES;
        let mut v = 0;
        while v < vectors {
            let some = if vectors - v >= 2 && S::REGISTERS >= 32 { 2 } else { 1 };
            macro_rules! choose {
                ($($m:literal)*) => {
                    match (some, channels) {
                        $((2, $m) => give_back::<S, $m, 2>(simd, self, v * S::LANES, grad, step, turned),
                        (_, $m) => give_back::<S, $m, 1>(simd, self, v * S::LANES, grad, step, turned),)*
                        _ => debug_assert!(false, "{channels} out channels"),
                    }
                };
            }
            choose!(1 2 3 4 5 6 7 8);
            v += some;
        }
    }
}

/// The plain algorithm, for one out channel `k` and one image `n`:
///
/// ```text
/// sum = 0
/// for each tap of the window that is not absent     (rows, then columns: the order of the contract)
///     for c in 0..depth
///         sum += weights[k][tap][c] * x[place of (tap, c)][n]
/// ```
///
/// `M` out channels and `V` vectors of images are summed at once: each weight that is spread over a vector serves `V` of them, each vector of
/// pixels `M` channels. A window's taps come in runs of equal steps (see [`Taps`]), one in each row as a rule.
#[inline(never)]
#[expect(
    clippy::needless_range_loop,
    reason = "indices into several arrays at once; iterators are calls here"
)]
fn accumulate<S: Simd, const M: usize, const V: usize>(
    simd: S,
    field: &Field<'_>,
    first: usize,
    lane: usize,
    turned: &[f32],
    out: &mut [f32],
    step: usize,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let Field { taps, at: [y, x], width, set, .. } = *field;
            let mut rows: [&[f32]; M] = [&[]; M];
            for m in 0..M {
                rows[m] = &field.weights[(first + m) * set..][..set];
            }
            let mut sums = [[simd.splat(0.0); V]; M];
            for r in 0..taps.kernel[0] {
                let Some(line) = taps.line(y, r) else { continue };
                let mut s = 0;
                while s < taps.kernel[1] {
                    let (count, run) = taps.run(line, x, s);
                    if let Some(run) = run {
                        let start = run.place + field.first * run.channel;
                        for i in 0..count {
                            let mut at = (start + i * run.step) * width + lane;
                            let mut w = taps.weight(r, s + i);
                            for _ in 0..taps.depth {
                                let pixels = &turned[at..][..V * S::LANES];
                                let mut value = [simd.splat(0.0); V];
                                for v in 0..V {
                                    value[v] = simd.load(&pixels[v * S::LANES..]);
                                }
                                for m in 0..M {
                                    let weight = simd.splat(rows[m][w]);
                                    for v in 0..V {
                                        sums[m][v] = simd.mul_add(value[v], weight, sums[m][v]);
                                    }
                                }
                                at += run.channel * width;
                                w += taps.depth_step;
                            }
                        }
                    }
                    s += count;
                }
            }
            for m in 0..M {
                let out = &mut out[(first + m) * step + lane..][..V * S::LANES];
                for v in 0..V {
                    simd.store(sums[m][v], &mut out[v * S::LANES..]);
                }
            }
        },
    );
}

/// The plain algorithm, for one image `n`:
///
/// ```text
/// for each tap of the window that lies in the image
///     for c in 0..depth
///         for k in 0..M
///             dx[place of (tap, c)][n] += weights[k][tap][c] * dy[k][n]
/// ```
///
/// The gradients `dy` of `M` out channels stay in registers for the whole window, so that each place is read and written once for `M` of them.
#[inline(never)]
fn give_back<S: Simd, const M: usize, const V: usize>(
    simd: S,
    field: &Field<'_>,
    lane: usize,
    grad: &[f32],
    step: usize,
    turned: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let Field { taps, at: [y, x], width, set, .. } = *field;
            let mut rows: [&[f32]; M] = [&[]; M];
            let mut dy = [[simd.splat(0.0); V]; M];
            for m in 0..M {
                rows[m] = &field.weights[m * set..][..set];
                let grad = &grad[m * step + lane..][..V * S::LANES];
                for v in 0..V {
                    dy[m][v] = simd.load(&grad[v * S::LANES..]);
                }
            }
            for r in 0..taps.kernel[0] {
                let Some(line) = taps.line(y, r) else { continue };
                let mut s = 0;
                while s < taps.kernel[1] {
                    let (count, run) = taps.run(line, x, s);
                    // A constant has no gradient.
                    if let Some(run) = run
                        && run.channel > 0
                    {
                        let start = run.place + field.first * run.channel;
                        for i in 0..count {
                            let mut at = (start + i * run.step) * width + lane;
                            let mut w = taps.weight(r, s + i);
                            for _ in 0..taps.depth {
                                let places = &mut turned[at..][..V * S::LANES];
                                let mut sum = [simd.splat(0.0); V];
                                for v in 0..V {
                                    sum[v] = simd.load(&places[v * S::LANES..]);
                                }
                                for m in 0..M {
                                    let weight = simd.splat(rows[m][w]);
                                    for v in 0..V {
                                        sum[v] = simd.mul_add(dy[m][v], weight, sum[v]);
                                    }
                                }
                                for v in 0..V {
                                    simd.store(sum[v], &mut places[v * S::LANES..]);
                                }
                                at += run.channel * width;
                                w += taps.depth_step;
                            }
                        }
                    }
                    s += count;
                }
            }
        },
    );
}

/// Lays out what a vector of weights meets in each image of a block, as squares that are transposed in registers:
/// `out[n * S::LANES + lane] = turned[places[lane]][n]`.
#[inline(never)]
pub(crate) fn panel<S: Simd>(
    simd: S,
    turned: &[f32],
    places: &[usize; MAX_LANES],
    width: usize,
    out: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            for first in (0..width).step_by(S::LANES) {
                let mut square = [simd.splat(0.0); MAX_LANES];
                for lane in 0..S::LANES {
                    square[lane] = simd.load(&turned[places[lane] * width + first..]);
                }
                transpose(simd, &mut square);
                let out = &mut out[first * S::LANES..][..S::LANES * S::LANES];
                for i in 0..S::LANES {
                    simd.store(square[i], &mut out[i * S::LANES..]);
                }
            }
        },
    );
}

/// The gradients of a vector of weights of `channels` out channels, at most [`SPREAD`]; those of channel `m` go to `sums[m * MAX_LANES..]`. Their
/// output gradients are in `grads`, `step` elements from one channel to the next.
#[inline(always)]
pub(crate) fn products<S: Simd>(
    simd: S,
    channels: usize,
    panel: &[f32],
    grads: &[f32],
    step: usize,
    images: usize,
    sums: &mut [f32; SPREAD * MAX_LANES],
) {
    macro_rules! choose {
        ($($m:literal)*) => {
            match channels {
                $($m => multiply::<S, $m>(simd, panel, grads, step, images, sums),)*
                _ => debug_assert!(false, "{channels} out channels"),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8);
}

/// The plain algorithm, for one weight `i` of out channel `m`:
///
/// ```text
/// sum = 0
/// for n in 0..images
///     sum += x[n][i] * dy[m][n]
/// ```
///
/// Weights are lanes, since their number is never small; each vector of pixels that is loaded serves `M` out channels, and as many sums cover the latency of
/// the multiply-add.
#[inline(never)]
#[expect(
    clippy::needless_range_loop,
    reason = "indices into several arrays at once; iterators are calls here"
)]
fn multiply<S: Simd, const M: usize>(
    simd: S,
    panel: &[f32],
    grads: &[f32],
    step: usize,
    images: usize,
    out: &mut [f32; SPREAD * MAX_LANES],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut rows: [&[f32]; M] = [&[]; M];
            for m in 0..M {
                rows[m] = &grads[m * step..][..images];
            }
            for m in 0..M {
                // Said once more where the optimiser needs it.
                assert!(rows[m].len() == images);
            }
            let mut sums = [simd.splat(0.0); M];
            let mut pixels = panel.chunks_exact(S::LANES);
            for n in 0..images {
                let Some(pixels) = pixels.next() else { break };
                let x = simd.load(pixels);
                for m in 0..M {
                    sums[m] = simd.mul_add(x, simd.splat(rows[m][n]), sums[m]);
                }
            }
            for m in 0..M {
                simd.store(sums[m], &mut out[m * MAX_LANES..]);
            }
        },
    );
}
