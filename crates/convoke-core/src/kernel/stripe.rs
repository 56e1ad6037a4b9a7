//! The stripe: neighbouring pixels as lanes, `V` vectors of them, by `M` out channels, whose sums stay in registers from
//! the first tap to the last. It is the [register tile](super::tile) turned around: here weights are broadcast and
//! pixels are loaded.
//!
//! It reads planes, where the pixels of one channel lie side by side: those of an NCHW tensor in place, or a band of
//! them that was [gathered](crate::conv::stripes). For layers whose out channels would not fill vectors, and for NCHW,
//! where it stores to `dst` without a change of order.

use convoke_simd::Simd;

use super::each::each;
use super::lines::{MAX_CHANNELS, Output, Place};

/// Most out channels of a stripe.
pub(crate) const fn channels(registers: usize) -> usize {
    if registers >= 32 { MAX_CHANNELS } else { 6 }
}

/// Vectors of pixels of a stripe of `channels` out channels: a power of two. The sums should be enough to cover the latency
/// of the multiply-add, and fit in registers beside as many vectors of pixels and one weight.
pub(crate) const fn vectors(registers: usize, channels: usize) -> usize {
    match (registers, channels) {
        (32.., ..=3) | (_, ..=1) => 8,
        (32.., ..=6) | (_, ..=2) => 4,
        _ => 2,
    }
}

/// One axis of taps in planes whose rows or columns are taken apart by the stride: those that are a stride apart lie side
/// by side. Divisions are made here, once, and not for every tap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taps {
    pub(crate) count: usize,
    /// In which phase of the stride the first tap lies, and where in it.
    phase: usize,
    place: usize,
    /// From one tap to the next.
    next_phase: usize,
    next_place: usize,
    stride: usize,
    /// Elements from one phase to the next, and from one place to the next.
    phase_step: usize,
    step: usize,
}

impl Taps {
    /// `count` taps from `first` on, of a window with this dilation and stride; `steps` are the elements from one phase to
    /// the next and from one place to the next.
    pub(crate) fn new(
        first: usize,
        count: usize,
        [dilation, stride]: [usize; 2],
        [phase_step, step]: [usize; 2],
    ) -> Self {
        let (phase, place) = (first * dilation % stride, first * dilation / stride);
        let (next_phase, next_place) = (dilation % stride, dilation / stride);
        Self { count, phase, place, next_phase, next_place, stride, phase_step, step }
    }

    #[inline(always)]
    fn at(&self) -> usize {
        self.phase * self.phase_step + self.place * self.step
    }

    #[inline(always)]
    fn advance(&mut self) {
        self.phase += self.next_phase;
        self.place += self.next_place;
        if self.phase >= self.stride {
            self.phase -= self.stride;
            self.place += 1;
        }
    }
}

/// One stripe's worth of reduction: the operands of the hot loop.
#[derive(Clone, Copy)]
pub(crate) struct Stripe<'a> {
    /// Planes, from the first pixel of the stripe on.
    pub(crate) src: &'a [f32],
    pub(crate) rows: Taps,
    pub(crate) cols: Taps,
    /// In channels, and elements from one to the next.
    pub(crate) depth: usize,
    pub(crate) channel_step: usize,
    /// Packed weights of this block of out channels, from the first tap on.
    pub(crate) weights: &'a [f32],
    pub(crate) weights_row_step: usize,
}

impl Stripe<'_> {
    /// Computes `vectors` vectors of pixels, of which `lanes` lanes count, for `channels` out channels.
    #[inline]
    pub(crate) fn run<S: Simd>(
        &self,
        simd: S,
        [channels, vectors]: [usize; 2],
        output: &Output<'_>,
        at: Place,
        dst: &mut [f32],
    ) {
        macro_rules! choose {
            ($($m:literal: $($v:literal)*;)*) => {
                match channels {
                    $($m => match vectors {
                        $($v if const { $m <= self::channels(S::REGISTERS) && $v <= self::vectors(S::REGISTERS, $m) } => {
                            return accumulate::<S, $m, $v>(simd, self, output, at, dst);
                        })*
                        _ => {}
                    },)*
                    _ => {}
                }
            };
        }
        choose! {
            1: 8 4 2 1; 2: 8 4 2 1; 3: 8 4 2 1; 4: 4 2 1; 5: 4 2 1; 6: 4 2 1; 7: 2 1; 8: 2 1; 9: 2 1; 10: 2 1; 11: 2 1;
            12: 2 1; 13: 2 1;
        }
        debug_assert!(false, "a stripe of {channels} channels by {vectors} vectors");
    }
}

/// The plain algorithm, for the pixel `i` and one out channel `k`:
///
/// ```text
/// sum = 0
/// for r, s, c in the taps inside the image, in this order
///     sum += src[c * channel_step + place of (r, s) + i] * weights[r][s][c][k]
/// ```
///
/// Departures:
///
/// 1. *A stripe at once.* Each vector of pixels that is loaded serves all `M` out channels, each weight all `V` vectors.
///    Nothing is shared between taps: with `M` multiply-adds for a load there is no need.
/// 2. *One address for the pixels and one for the weights*, whatever the shape: `V` loads and `M` broadcasts a step, from
///    places that are known when compiling, relative to those.
/// 3. *Weights by vectors*, where a multiply-add takes a lane of a vector for all of its lanes: those of a step lie side by side.
/// 4. As in the register tile, sums stay in registers until they are in `dst`, and nothing is tested for single taps.
#[inline(never)]
fn accumulate<S: Simd, const M: usize, const V: usize>(
    simd: S,
    stripe: &Stripe<'_>,
    output: &Output<'_>,
    at: Place,
    dst: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut sums = [[simd.splat(0.0); V]; M];
            let (depth, channel_step) = (stripe.depth, stripe.channel_step);
            let mut rows = stripe.rows;
            for r in 0..rows.count {
                let mut cols = stripe.cols;
                let mut weights = &stripe.weights[r * stripe.weights_row_step..];
                for _ in 0..cols.count {
                    let mut at = rows.at() + cols.at();
                    let (tap, rest) = weights.split_at(depth * M);
                    weights = rest;
                    for weights in tap.chunks_exact(M) {
                        let src = &stripe.src[at..][..V * S::LANES];
                        at += channel_step;
                        let mut x = [simd.splat(0.0); V];
                        for v in 0..V {
                            x[v] = simd.load(&src[v * S::LANES..]);
                        }
                        if const { S::BY_LANE } {
                            each!(lane I where I < M => {
                                let w = if const { I < M - M % S::LANES } {
                                    simd.splat_lane::<I>(simd.load(&weights[I - I % S::LANES..]))
                                } else {
                                    simd.splat(weights[I])
                                };
                                for v in 0..V {
                                    sums[I][v] = simd.mul_add(x[v], w, sums[I][v]);
                                }
                            });
                        } else {
                            for m in 0..M {
                                let w = simd.splat(weights[m]);
                                for v in 0..V {
                                    sums[m][v] = simd.mul_add(x[v], w, sums[m][v]);
                                }
                            }
                        }
                    }
                    cols.advance();
                }
                rows.advance();
            }
            output.put(simd, &sums, at, dst);
        },
    );
}
