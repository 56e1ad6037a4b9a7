//! The three hot loops of layers whose weights are not shared. Operands are turned: a place holds one element of many images side by side, so
//! that a vector is the same element of several images. Every weight is then used for a vector of images, whatever the number of channels, the
//! layout, stride or dilation; what is left over is lanes without an image.

use convoke_simd::Simd;

use super::transpose::{MAX_LANES, transpose};
use crate::conv::local::taps::Taps;

/// Images that are summed lane by lane in a weight gradient, on every level.
pub(crate) const LANES: usize = MAX_LANES;

/// Out channels whose gradients a pass over a window spreads, on every level: the order of an input gradient's sums depends on it.
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

/// The gradients of a vector of weights of one out channel: `sum over n of x[place of the weight][n] * dy[n]`.
///
/// The order is the same on every level: images `n`, `n + 16`, ... of a block are one sum each, from `+0`, and the sixteen sums are added in
/// halves, `n` with `n + 8`, then with `n + 4`, and so on. With wide vectors the last halves lie within a vector; a square of vectors is
/// transposed for them, so that they are additions of whole vectors again and each lane is one weight.
#[inline(never)]
#[expect(
    clippy::needless_range_loop,
    reason = "indices into several arrays at once; iterators are calls here"
)]
pub(crate) fn gather<S: Simd>(
    simd: S,
    turned: &[f32],
    places: &[usize; MAX_LANES],
    grad: &[f32],
    out: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let width = grad.len();
            let parts = LANES / S::LANES;
            let mut square = [simd.splat(0.0); MAX_LANES];
            for lane in 0..S::LANES {
                let pixels = &turned[places[lane] * width..][..width];
                let mut sums = [simd.splat(0.0); MAX_LANES];
                let mut first = 0;
                while first + LANES <= width {
                    for i in 0..parts {
                        let at = first + i * S::LANES;
                        sums[i] = simd.mul_add(simd.load(&pixels[at..]), simd.load(&grad[at..]), sums[i]);
                    }
                    first += LANES;
                }
                let mut half = parts / 2;
                while half > 0 {
                    for i in 0..half {
                        sums[i] = simd.add(sums[i], sums[i + half]);
                    }
                    half /= 2;
                }
                square[lane] = sums[0];
            }
            transpose(simd, &mut square);
            let mut half = S::LANES / 2;
            while half > 0 {
                for i in 0..half {
                    square[i] = simd.add(square[i], square[i + half]);
                }
                half /= 2;
            }
            simd.store_first(square[0], out);
        },
    );
}
