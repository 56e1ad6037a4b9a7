//! What outputs that show a pixel on the border add to that pixel's gradient: for one tap of the window a small matrix product, added
//! to what is there. No geometry here: where pixels lie is known to the caller.

use core::ops::Range;

use convoke_simd::Simd;

use super::transpose::MAX_LANES;

/// Pixels that are made together at most: as many as their sums leave registers for on every level.
pub(crate) const PIXELS: usize = 4;
/// Vectors of a tile.
const VECTORS: usize = 2;
/// Channels of a block, at most.
const WIDEST: usize = VECTORS * MAX_LANES;
/// Values of `dy` that are brought side by side at a time.
const DEPTH: usize = 64;

/// Zeros that follow the weights of the last tap, so that vectors may be read whole.
pub(crate) const BEHIND: usize = WIDEST;

/// The channels of both tensors.
#[derive(Clone, Debug)]
pub(crate) struct Channels {
    /// Those of `dx` that are wanted.
    pub(crate) wanted: Range<usize>,
    /// All of `dx`: the length of a row of weights.
    pub(crate) all: usize,
    /// Of a group, in `dx` and in `dy`.
    pub(crate) group: usize,
    pub(crate) depth: usize,
    /// Elements from one channel to the next, in `dx` and in `dy`.
    pub(crate) step: usize,
    pub(crate) depth_step: usize,
}

/// Where a pixel lies: the first channel of `dy`, and the first wanted one of `dx`.
pub(crate) type Place = [usize; 2];

/// The plain algorithm, for one pixel and one channel `c` of it, whose group is `g`:
///
/// ```text
/// for each k of the group              (in order, from what is there: the contract)
///     dx[c] += weights[k][c] * dy[g*K/G + k]
/// ```
///
/// Departures: a tile of `M` pixels, no two of which are the same one, by two vectors of channels at once, so that a vector of weights
/// serves several pixels; and both operands pass through small buffers, because channels lie side by side in one layout and a plane
/// apart in the other. Channels that have a group of their own share no `dy`: there vectors go over groups.
#[inline(never)]
pub(crate) fn add<S: Simd, const M: usize>(
    simd: S,
    channels: &Channels,
    weights: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    places: &[Place; M],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            if channels.group == 1 {
                for place in places {
                    alone(simd, channels, weights, dy, dx, *place);
                }
                return;
            }
            let Range { start, end } = channels.wanted;
            for group in start / channels.group..end.div_ceil(channels.group) {
                let first = start.max(group * channels.group);
                let end = end.min((group + 1) * channels.group);
                for k in (0..channels.depth).step_by(DEPTH) {
                    let mut y = [[0.0; M]; DEPTH];
                    let depth = DEPTH.min(channels.depth - k);
                    for m in 0..M {
                        let dy = &dy[places[m][0] + (group * channels.depth + k) * channels.depth_step..];
                        for i in 0..depth {
                            y[i][m] = dy[i * channels.depth_step];
                        }
                    }
                    let weights = &weights[k * channels.all..];
                    for c in (first..end).step_by(VECTORS * S::LANES) {
                        let count = (end - c).min(VECTORS * S::LANES);
                        tile(simd, channels, &weights[c..], &y[..depth], dx, places, c - start, count);
                    }
                }
            }
        },
    );
}

/// `count` channels of `M` pixels, from the wanted channel `at` on.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "two operands, a result, and where and how much of it")]
#[expect(
    clippy::needless_range_loop,
    reason = "indices into several arrays at once; iterators are calls here"
)]
fn tile<S: Simd, const M: usize>(
    simd: S,
    channels: &Channels,
    weights: &[f32],
    y: &[[f32; M]],
    dx: &mut [f32],
    places: &[Place; M],
    at: usize,
    count: usize,
) {
    let mut sums = [[simd.splat(0.0); VECTORS]; M];
    for m in 0..M {
        let dx = &dx[places[m][1] + at * channels.step..];
        for v in 0..VECTORS {
            sums[m][v] = read(simd, dx, channels.step, v * S::LANES, count);
        }
    }
    for (i, y) in y.iter().enumerate() {
        let row = &weights[i * channels.all..][..VECTORS * S::LANES];
        let mut w = [simd.splat(0.0); VECTORS];
        for v in 0..VECTORS {
            w[v] = simd.load(&row[v * S::LANES..]);
        }
        for m in 0..M {
            let y = simd.splat(y[m]);
            for v in 0..VECTORS {
                sums[m][v] = simd.mul_add(y, w[v], sums[m][v]);
            }
        }
    }
    for m in 0..M {
        let dx = &mut dx[places[m][1] + at * channels.step..];
        for v in 0..VECTORS {
            write(simd, sums[m][v], dx, channels.step, v * S::LANES, count);
        }
    }
}

/// One pixel of channels each of which is a group.
#[inline(always)]
fn alone<S: Simd>(
    simd: S,
    channels: &Channels,
    weights: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    [from, to]: Place,
) {
    let Range { start, end } = channels.wanted;
    let dy_step = channels.depth * channels.depth_step;
    for c in (start..end).step_by(S::LANES) {
        let count = (end - c).min(S::LANES);
        let dx = &mut dx[to + (c - start) * channels.step..];
        let mut sum = read(simd, dx, channels.step, 0, count);
        for k in 0..channels.depth {
            let dy = &dy[from + (c * channels.depth + k) * channels.depth_step..];
            let w = simd.load(&weights[k * channels.all + c..]);
            sum = simd.mul_add(read(simd, dy, dy_step, 0, count), w, sum);
        }
        write(simd, sum, dx, channels.step, 0, count);
    }
}

/// A vector of elements so many apart, from element `at` on, of which there are `count`.
#[inline(always)]
fn read<S: Simd>(simd: S, from: &[f32], step: usize, at: usize, count: usize) -> S::F32 {
    if step == 1 && at + S::LANES <= count {
        return simd.load(&from[at..]);
    }
    // Value by value also where a few lie side by side: a masked load waits for the masked stores beside it.
    let mut some = [0.0; MAX_LANES];
    for i in at..count.min(at + S::LANES) {
        some[i - at] = from[i * step];
    }
    simd.load(&some)
}

/// And back.
#[inline(always)]
fn write<S: Simd>(simd: S, v: S::F32, to: &mut [f32], step: usize, at: usize, count: usize) {
    if step == 1 && at + S::LANES <= count {
        return simd.store(v, &mut to[at..]);
    }
    let mut some = [0.0; MAX_LANES];
    simd.store(v, &mut some);
    for i in at..count.min(at + S::LANES) {
        to[i * step] = some[i - at];
    }
}
