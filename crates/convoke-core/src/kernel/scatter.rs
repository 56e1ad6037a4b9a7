//! From a tile of sums to `dst`: bias, residual, activation, layout. The last step of the flow; nothing before it
//! knows of any of them.

use core::ops::Range;

use convoke_simd::Simd;

use super::each::each;
use super::transpose::{MAX_LANES, transpose};
use crate::Activation;

/// Most pixels in a tile, on any level.
pub(crate) const MAX_PIXELS: usize = 12;

/// Where a tile of sums goes and what is done to it on the way.
pub(crate) struct Scatter<'a> {
    /// Where each pixel's first channel goes in `dst`, ascending.
    pub(crate) at: [usize; MAX_PIXELS],
    /// How much further on the same place is in the residual.
    pub(crate) residual_shift: usize,
    /// From one channel to the next in `dst`, which may be a tensor of a few rows only, and in the residual, which never
    /// is.
    pub(crate) channel_step: usize,
    pub(crate) residual_step: usize,
    /// Lanes of the tile that are written. `at` has the places of the first of them.
    pub(crate) lanes: Range<usize>,
    /// Bias of the tile's channels, from lane 0 on.
    pub(crate) bias: Option<&'a [f32]>,
    /// The whole residual.
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) activation: Activation,
}

impl Scatter<'_> {
    /// Finishes a tile of `M` pixels by `V` vectors that a kernel still has in registers, `further` channels after the first.
    #[inline(always)]
    pub(crate) fn put_tile<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        further: usize,
        sums: &[[S::F32; V]; M],
        dst: &mut [f32],
    ) {
        let full = self.side_by_side() && self.lanes.end == V * S::LANES;
        if let (true, Some([low, high])) = (full, self.activation.bounds()) {
            // The usual case, without a test inside, and written out: with a loop left the sums would be in memory.
            let [low, high] = [simd.splat(low), simd.splat(high)];
            let mut bias = [simd.splat(0.0); V];
            if const { S::BY_LANE } {
                // All of it is there. Where vectors have no masks, to ask would take a call, and sums out of their registers.
                if let Some(all) = self.bias {
                    let all = &all[further..][..V * S::LANES];
                    for (v, bias) in bias.iter_mut().enumerate() {
                        *bias = simd.load(&all[v * S::LANES..]);
                    }
                } else {
                    bias = [simd.splat(-0.0); V];
                }
            } else {
                for (v, bias) in bias.iter_mut().enumerate() {
                    *bias = self.bias(simd, further + v * S::LANES);
                }
            }
            if let Some(residual) = self.residual {
                let residual = &residual[further + self.residual_shift..];
                let at: &[usize] = &self.at[..M];
                each!(I where I < M => {
                    let residual = &residual[at[I]..][..V * S::LANES];
                    let dst = &mut dst[at[I] + further..][..V * S::LANES];
                    for v in 0..V {
                        let x = simd.add(simd.add(sums[I][v], bias[v]), simd.load(&residual[v * S::LANES..]));
                        simd.store(simd.min(high, simd.max(low, x)), &mut dst[v * S::LANES..]);
                    }
                });
            } else {
                let at: &[usize] = &self.at[..M];
                each!(I where I < M => {
                    let dst = &mut dst[at[I] + further..][..V * S::LANES];
                    for v in 0..V {
                        let x = simd.add(sums[I][v], bias[v]);
                        simd.store(simd.min(high, simd.max(low, x)), &mut dst[v * S::LANES..]);
                    }
                });
            }
        } else {
            // The rest is worth a call: its registers are better kept from those of the sums.
            let sums = *sums;
            self.put_any(simd, further, &sums, dst);
        }
    }

    /// Any tile.
    #[inline(never)]
    fn put_any<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        further: usize,
        sums: &[[S::F32; V]; M],
        dst: &mut [f32],
    ) {
        simd.vectorize(
            #[inline(always)]
            || {
                // The piecewise linear activations are a clamp; the others are worth a second pass over what was written.
                let bounds = self.activation.bounds();
                let clamp = bounds.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]).map(
                    #[inline(always)]
                    |bound| simd.splat(bound),
                );
                let scatter = self.moved(further);
                if scatter.side_by_side() {
                    scatter.pixels(simd, clamp, sums, dst);
                } else {
                    scatter.planes(simd, clamp, sums, dst);
                }
                if bounds.is_none() {
                    scatter.curve(simd, M, dst);
                }
            },
        );
    }

    /// Whether vectors can go to `dst` as they are.
    #[inline(always)]
    fn side_by_side(&self) -> bool {
        self.channel_step == 1 && self.residual_step == 1 && self.lanes.start == 0
    }

    /// The same for channels that are so much further on.
    #[inline(always)]
    fn moved(&self, further: usize) -> Self {
        let mut at = self.at;
        for at in &mut at {
            *at += further * self.channel_step;
        }
        let bias = self.bias.map(
            #[inline(always)]
            |bias| &bias[further..],
        );
        Self { at, bias, lanes: self.lanes.clone(), ..*self }
    }

    /// The bias of a vector of channels from `first` on. Minus zero is what changes nothing when it is added.
    #[inline(always)]
    fn bias<S: Simd>(&self, simd: S, first: usize) -> S::F32 {
        match self.bias {
            Some(bias) => simd.load_first(&bias[first..bias.len().min(first + S::LANES)]),
            None => simd.splat(-0.0),
        }
    }

    /// Channels lie side by side: vectors go to `dst` as they are.
    #[inline(always)]
    fn pixels<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        [low, high]: [S::F32; 2],
        sums: &[[S::F32; V]; M],
        dst: &mut [f32],
    ) {
        let lanes = self.lanes.end;
        for v in 0..V {
            let bias = self.bias(simd, v * S::LANES);
            let (first, end) = (v * S::LANES, lanes.min((v + 1) * S::LANES));
            if first >= lanes {
                continue; // A piece may end within the tile's first vector.
            }
            for (sums, at) in sums.iter().zip(self.at) {
                let mut x = simd.add(sums[v], bias);
                if let Some(residual) = self.residual {
                    x = simd.add(x, simd.load_first(&residual[at + self.residual_shift..][first..end]));
                }
                let x = simd.min(high, simd.max(low, x));
                simd.store_first(x, &mut dst[at..][first..end]);
            }
        }
    }

    /// Channels lie far apart: squares of pixels by channels are transposed in registers, so that neighbouring pixels of
    /// one plane are written together.
    #[inline(always)]
    #[expect(
        clippy::needless_range_loop,
        reason = "indices into several arrays at once; iterators are calls here"
    )]
    fn planes<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        [low, high]: [S::F32; 2],
        sums: &[[S::F32; V]; M],
        dst: &mut [f32],
    ) {
        // Places ascend, so they are neighbours if the last is as far from the first as their number says.
        let neighbours = self.at[M - 1] - self.at[0] == M - 1;
        for v in 0..V {
            let bias = self.bias(simd, v * S::LANES);
            for first in (0..M).step_by(S::LANES) {
                let count = if first + S::LANES <= M { S::LANES } else { M - first };
                let mut square = [simd.splat(0.0); MAX_LANES];
                for i in 0..count {
                    square[i] = simd.add(sums[first + i][v], bias);
                }
                transpose(simd, &mut square);
                for lane in 0..S::LANES {
                    let k = v * S::LANES + lane;
                    if k < self.lanes.start || k >= self.lanes.end {
                        continue;
                    }
                    let k = k - self.lanes.start;
                    let at = self.at[first] + k * self.channel_step;
                    let mut x = square[lane];
                    if let Some(residual) = self.residual {
                        let at = self.at[first] + self.residual_shift + k * self.residual_step;
                        let r = if neighbours {
                            simd.load_first(&residual[at..][..count])
                        } else {
                            self.collect(simd, first, count, &residual[at..])
                        };
                        x = simd.add(x, r);
                    }
                    let x = simd.min(high, simd.max(low, x));
                    if neighbours {
                        simd.store_first(x, &mut dst[at..][..count]);
                    } else {
                        self.distribute(simd, first, count, x, &mut dst[at..]);
                    }
                }
            }
        }
    }

    /// The values of `count` pixels from `first` on, which need not be neighbours, in a plane that starts at the first.
    #[inline(always)]
    fn collect<S: Simd>(&self, simd: S, first: usize, count: usize, plane: &[f32]) -> S::F32 {
        let mut values = [0.0; MAX_LANES];
        for i in 0..count {
            values[i] = plane[self.at[first + i] - self.at[first]];
        }
        simd.load(&values)
    }

    /// The other way round.
    #[inline(always)]
    fn distribute<S: Simd>(&self, simd: S, first: usize, count: usize, x: S::F32, plane: &mut [f32]) {
        let mut values = [0.0; MAX_LANES];
        simd.store(x, &mut values);
        for i in 0..count {
            plane[self.at[first + i] - self.at[first]] = values[i];
        }
    }

    /// Applies an activation that is not a clamp to what was written. Out of line, for the sake of the kernels' registers.
    #[inline(never)]
    fn curve<S: Simd>(&self, simd: S, pixels: usize, dst: &mut [f32]) {
        simd.vectorize(
            #[inline(always)]
            || {
                if self.side_by_side() {
                    for &at in &self.at[..pixels] {
                        for values in dst[at..][..self.lanes.end].chunks_mut(S::LANES) {
                            let x = self.activation.apply(simd, simd.load_first(values));
                            simd.store_first(x, values);
                        }
                    }
                    return;
                }
                for k in 0..self.lanes.len() {
                    for first in (0..pixels).step_by(S::LANES) {
                        let count = (pixels - first).min(S::LANES);
                        let plane = &mut dst[self.at[first] + k * self.channel_step..];
                        let x = self.activation.apply(simd, self.collect(simd, first, count, plane));
                        self.distribute(simd, first, count, x, plane);
                    }
                }
            },
        );
    }
}
