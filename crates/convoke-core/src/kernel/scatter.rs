//! From a tile of sums to `dst`: bias, residual, activation, layout. The last step of the flow; nothing before it
//! knows of any of them.

use core::ops::Range;

use convoke_simd::Simd;

use super::tile::MAX_PIXELS;
use crate::Activation;

/// Where a tile of sums goes and what is done to it on the way.
pub(crate) struct Scatter<'a> {
    /// Where each pixel's first channel goes in `dst`.
    pub(crate) at: [usize; MAX_PIXELS],
    /// The same place in the residual.
    pub(crate) residual_at: [usize; MAX_PIXELS],
    /// From one channel to the next, in `dst` and residual.
    pub(crate) channel_step: usize,
    /// Lanes of the tile that are written. `at` and `residual_at` are the places of the first of them, which is 0
    /// wherever channels lie side by side.
    pub(crate) lanes: Range<usize>,
    /// Bias of the tile's channels, from lane 0 on.
    pub(crate) bias: Option<&'a [f32]>,
    /// The whole residual.
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) activation: Activation,
}

impl Scatter<'_> {
    /// Finishes `pixels` pixels of `width` sums each (a whole number of vectors) and writes them to `dst`.
    #[inline(never)]
    pub(crate) fn run<S: Simd>(
        &self,
        simd: S,
        sums: &mut [f32],
        width: usize,
        pixels: usize,
        dst: &mut [f32],
    ) {
        simd.vectorize(
            #[inline(always)]
            || {
                if self.channel_step == 1 {
                    self.rows(simd, sums, width, pixels, dst);
                } else {
                    self.columns(simd, sums, width, pixels, dst);
                }
            },
        );
    }

    /// Channels lie side by side in `dst`: vectors go straight there.
    #[inline(always)]
    fn rows<S: Simd>(&self, simd: S, sums: &[f32], width: usize, pixels: usize, dst: &mut [f32]) {
        for (i, sums) in sums.chunks_exact(width).take(pixels).enumerate() {
            let dst = &mut dst[self.at[i]..][..self.lanes.end];
            let residual = self.residual.map(|residual| &residual[self.residual_at[i]..][..self.lanes.end]);
            for (j, (sums, dst)) in sums.chunks_exact(S::LANES).zip(dst.chunks_mut(S::LANES)).enumerate() {
                let first = j * S::LANES;
                let mut v = simd.load(sums);
                if let Some(bias) = self.bias {
                    v = simd.add(v, simd.load_first(&bias[first..]));
                }
                if let Some(residual) = residual {
                    v = simd.add(v, simd.load_first(&residual[first..]));
                }
                simd.store_first(self.activation.apply(simd, v), dst);
            }
        }
    }

    /// Channels lie far apart in `dst`: the tile is finished where it is, then written channel by channel, so that
    /// neighbouring pixels of one plane are written together.
    #[inline(always)]
    fn columns<S: Simd>(&self, simd: S, sums: &mut [f32], width: usize, pixels: usize, dst: &mut [f32]) {
        for (i, sums) in sums.chunks_exact_mut(width).take(pixels).enumerate() {
            if let Some(bias) = self.bias {
                for (sums, bias) in sums.chunks_exact_mut(S::LANES).zip(bias.chunks(S::LANES)) {
                    let v = simd.add(simd.load(sums), simd.load_first(bias));
                    simd.store(v, sums);
                }
            }
            if let Some(residual) = self.residual {
                let plane = residual[self.residual_at[i]..].iter().step_by(self.channel_step);
                for (sum, r) in sums[self.lanes.clone()].iter_mut().zip(plane) {
                    *sum += r;
                }
            }
            for sums in sums.chunks_exact_mut(S::LANES) {
                simd.store(self.activation.apply(simd, simd.load(sums)), sums);
            }
        }
        for (k, lane) in self.lanes.clone().enumerate() {
            for i in 0..pixels {
                dst[self.at[i] + k * self.channel_step] = sums[i * width + lane];
            }
        }
    }
}
