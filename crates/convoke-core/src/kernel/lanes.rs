//! The lane kernel: depthwise layers and layers of small groups. Every out channel has in channels of its own, so
//! channels are lanes on both sides: a vector of pixel values meets a vector of weights.
//!
//! It makes up to [`MAX_RUN`] neighbouring pixels of one row by one vector of channels, and hands the sums to
//! [`scatter`](super::scatter) while they are in registers.

use convoke_simd::Simd;

use super::scatter::Scatter;

/// Most pixels in a run.
pub(crate) const MAX_RUN: usize = 8;

/// Taps of a row that are held in registers at a time.
const CHUNK: usize = 4;

/// One run of outputs: the operands of the hot loop.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// Input, from the first channel of the vector on.
    pub(crate) src: &'a [f32],
    /// Where the first tap of the first pixel starts.
    pub(crate) at: usize,
    /// Taps, and in channels of each.
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) depth: usize,
    /// From one tap to the next in `src`, from one in channel to the next, from one pixel's first tap to the next's.
    pub(crate) row_step: usize,
    pub(crate) col_step: usize,
    pub(crate) depth_step: usize,
    pub(crate) pixel_step: usize,
    /// Packed weights from the first tap on: one vector per tap and in channel.
    pub(crate) weights: &'a [f32],
    /// From one row of taps to the next in `weights`.
    pub(crate) weights_row_step: usize,
    /// Lanes that carry a channel; the others are not read.
    pub(crate) lanes: usize,
}

impl Run<'_> {
    /// Computes `pixels` pixels (at most [`MAX_RUN`]) and writes them to `dst`.
    #[inline]
    pub(crate) fn run<S: Simd>(&self, simd: S, pixels: usize, scatter: &Scatter<'_>, dst: &mut [f32]) {
        // Neighbouring pixels share loads if their taps lie on the same columns.
        let sharing = match (self.depth, self.pixel_step) {
            (1, step) if step == self.col_step => 1,
            (1, step) if step == 2 * self.col_step => 2,
            _ => 0,
        };
        macro_rules! choose {
            ($($m:literal)*) => {
                match (pixels, sharing) {
                    $(
                        ($m, 1) => accumulate::<S, $m, 1>(simd, self, scatter, dst),
                        ($m, 2) => accumulate::<S, $m, 2>(simd, self, scatter, dst),
                        ($m, _) => accumulate::<S, $m, 0>(simd, self, scatter, dst),
                    )*
                    _ => debug_assert!(false, "a run of {pixels} pixels"),
                }
            };
        }
        choose!(1 2 3 4 5 6 7 8)
    }
}

/// The plain algorithm, for pixel `i` and the channel of one lane:
///
/// ```text
/// sum = 0
/// for r, s, c in the taps inside the image, in this order
///     sum += src[at + i*pixel_step + r*row_step + s*col_step + c*depth_step] * weights[r][s][c]
/// ```
///
/// Departures:
///
/// 1. *A run at once.* The sums of `M` pixels are held in registers, and up to four columns of weights beside them.
/// 2. *Each input vector is loaded once per row of taps* and used by all pixels that see it, if neighbouring pixels are
///    `STRIDE` columns of taps apart (1 or 2, dilation 1): `M + 2` loads for the `3 * M` multiply-adds of a 3x3 layer.
///    Walking the input from left to right, a pixel meets its taps in ascending order, so the order of its sum is
///    the one above.
/// 3. With `STRIDE` 0, any dilation and several in channels, every tap is loaded for every pixel.
#[inline(never)]
fn accumulate<S: Simd, const M: usize, const STRIDE: usize>(
    simd: S,
    run: &Run<'_>,
    scatter: &Scatter<'_>,
    dst: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut acc = [simd.splat(0.0); M];
            for r in 0..run.rows {
                let at = run.at + r * run.row_step;
                let weights = &run.weights[r * run.weights_row_step..];
                if STRIDE == 0 {
                    apart::<S, M>(simd, run, at, weights, &mut acc);
                    continue;
                }
                let mut s = 0;
                while s < run.cols {
                    let at = at + s * run.col_step;
                    let weights = &weights[s * S::LANES..];
                    match run.cols - s {
                        1 => shared::<S, M, STRIDE, 1>(simd, run, at, weights, &mut acc),
                        2 => shared::<S, M, STRIDE, 2>(simd, run, at, weights, &mut acc),
                        3 => shared::<S, M, STRIDE, 3>(simd, run, at, weights, &mut acc),
                        _ => shared::<S, M, STRIDE, CHUNK>(simd, run, at, weights, &mut acc),
                    }
                    s += CHUNK;
                }
            }
            scatter.put(simd, acc, dst);
        },
    );
}

/// `T` columns of taps, whose input is shared by pixels `STRIDE` columns apart.
#[inline(always)]
fn shared<S: Simd, const M: usize, const STRIDE: usize, const T: usize>(
    simd: S,
    run: &Run<'_>,
    at: usize,
    weights: &[f32],
    acc: &mut [S::F32; M],
) {
    let (step, lanes) = (run.col_step, run.lanes);
    let w: [S::F32; T] = core::array::from_fn(|s| simd.load(&weights[s * S::LANES..]));
    let mut sums = *acc;
    for j in 0..(M - 1) * STRIDE + T {
        // With a stride, a column may lie between the pixels' taps.
        if T < STRIDE && j % STRIDE >= T {
            continue;
        }
        let x = simd.load_first(&run.src[at + j * step..][..lanes]);
        for (s, w) in w.iter().enumerate() {
            // Column j is tap s of the pixel at j - s.
            if j >= s && (j - s) % STRIDE == 0 && (j - s) / STRIDE < M {
                let i = (j - s) / STRIDE;
                sums[i] = simd.mul_add(x, *w, sums[i]);
            }
        }
    }
    *acc = sums;
}

/// One row of taps, every input vector loaded for each pixel that sees it.
#[inline(always)]
fn apart<S: Simd, const M: usize>(simd: S, run: &Run<'_>, at: usize, weights: &[f32], acc: &mut [S::F32; M]) {
    let (step, lanes) = (run.pixel_step, run.lanes);
    let mut sums = *acc;
    let mut weights = weights.chunks_exact(S::LANES);
    for s in 0..run.cols {
        for c in 0..run.depth {
            let Some(weights) = weights.next() else { break };
            let w = simd.load(weights);
            let at = at + s * run.col_step + c * run.depth_step;
            for (i, sum) in sums.iter_mut().enumerate() {
                let x = simd.load_first(&run.src[at + i * step..][..lanes]);
                *sum = simd.mul_add(x, w, *sum);
            }
        }
    }
    *acc = sums;
}
