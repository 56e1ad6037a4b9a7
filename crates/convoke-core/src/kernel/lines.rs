//! From a stripe of sums to `dst`: what [`scatter`](super::scatter) is to the register tile. Lanes are pixels here, and rows
//! may end within a stripe.

use convoke_simd::Simd;

use super::each::each;
use super::transpose::{MAX_LANES, transpose};
use crate::Activation;

/// Most out channels of a stripe, on any level. One more would fit, but compilers do not see how.
pub(super) const MAX_CHANNELS: usize = 13;

/// Most sums of a stripe, in vectors.
const MAX_SUMS: usize = 26;

/// Minus zero is what changes nothing when it is added.
pub(crate) static NO_BIAS: [f32; MAX_CHANNELS] = [-0.0; MAX_CHANNELS];

/// Where a stripe's first pixel lies among the outputs, and how many of its lanes are outputs, counted as the planes that
/// are read count: what lies between their rows included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) y: usize,
    pub(crate) x: usize,
    pub(crate) lanes: usize,
}

/// Where the outputs of a block of out channels go, and what is done to them on the way.
pub(crate) struct Output<'a> {
    /// Where the first wanted channel of output (0, 0) of this box goes.
    pub(crate) at: usize,
    pub(crate) residual_shift: usize,
    pub(crate) row_step: usize,
    pub(crate) pixel_step: usize,
    pub(crate) channel_step: usize,
    pub(crate) residual_channel_step: usize,
    /// Columns of the box, and places of a row in the planes that are read: what is behind the columns is not written.
    pub(crate) width: usize,
    pub(crate) pitch: usize,
    /// The wanted channels of the block.
    pub(crate) first: usize,
    pub(crate) end: usize,
    /// Bias of the block's channels; [`NO_BIAS`] if there is none.
    pub(crate) bias: &'a [f32],
    /// The whole residual.
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) activation: Activation,
}

impl Output<'_> {
    #[inline(always)]
    pub(super) fn put<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        sums: &[[S::F32; V]; M],
        place: Place,
        dst: &mut [f32],
    ) {
        let full = place.lanes == V * S::LANES && place.x + place.lanes <= self.width;
        let all = self.first == 0 && self.end == M;
        if let (true, true, 1, Some([low, high])) = (full, all, self.pixel_step, self.activation.bounds()) {
            // The usual case, without a test inside, and written out: with a loop left the sums would be in memory.
            let [low, high] = [simd.splat(low), simd.splat(high)];
            let at = self.at + place.y * self.row_step + place.x;
            let bias: &[f32] = &self.bias[..M];
            if let Some(residual) = self.residual {
                let residual = &residual[at + self.residual_shift..];
                each!(C where C < M => {
                    let bias = simd.splat(bias[C]);
                    let residual = &residual[C * self.residual_channel_step..][..V * S::LANES];
                    let dst = &mut dst[at + C * self.channel_step..][..V * S::LANES];
                    for v in 0..V {
                        let x = simd.add(simd.add(sums[C][v], bias), simd.load(&residual[v * S::LANES..]));
                        simd.store(simd.min(high, simd.max(low, x)), &mut dst[v * S::LANES..]);
                    }
                });
            } else {
                each!(C where C < M => {
                    let bias = simd.splat(bias[C]);
                    let dst = &mut dst[at + C * self.channel_step..][..V * S::LANES];
                    for v in 0..V {
                        let x = simd.add(sums[C][v], bias);
                        simd.store(simd.min(high, simd.max(low, x)), &mut dst[v * S::LANES..]);
                    }
                });
            }
        } else {
            // The rest is worth a call: its registers are better kept from those of the sums.
            let sums = *sums;
            self.put_any(simd, &sums, place, dst);
        }
    }

    /// Any stripe.
    #[inline(never)]
    fn put_any<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        sums: &[[S::F32; V]; M],
        place: Place,
        dst: &mut [f32],
    ) {
        simd.vectorize(
            #[inline(always)]
            || {
                let full = place.lanes == V * S::LANES && place.x + place.lanes <= self.width;
                let all = self.first == 0 && self.end == M && self.residual.is_none();
                match self.activation.bounds() {
                    Some(bounds) if full && self.pixel_step == 1 => {
                        self.put_rows(simd, bounds, sums, place, dst)
                    }
                    Some(bounds) if all && self.channel_step == 1 => {
                        self.put_pixels(simd, bounds, sums, place, dst);
                    }
                    bounds => {
                        let mut buffer = [0.0; MAX_SUMS * MAX_LANES];
                        let buffer = &mut buffer[..M * V * S::LANES];
                        let plain = bounds.filter(
                            #[inline(always)]
                            |_| self.pixel_step == 1 && self.residual.is_none(),
                        );
                        let [low, high] = plain.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
                        let [low, high] = [simd.splat(low), simd.splat(high)];
                        for m in 0..M {
                            let bias = simd.splat(self.bias[m]);
                            for v in 0..V {
                                let x = simd.min(high, simd.max(low, simd.add(sums[m][v], bias)));
                                simd.store(x, &mut buffer[(m * V + v) * S::LANES..]);
                            }
                        }
                        if plain.is_some() {
                            self.copy_rows(simd, buffer, M, place, dst);
                        } else {
                            self.pieces(simd, buffer, M, place, dst);
                        }
                    }
                }
            },
        );
    }

    /// All lanes are outputs of one row, which lie side by side; not all channels may be wanted.
    #[inline(always)]
    fn put_rows<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        [low, high]: [f32; 2],
        sums: &[[S::F32; V]; M],
        place: Place,
        dst: &mut [f32],
    ) {
        let [low, high] = [simd.splat(low), simd.splat(high)];
        let at = self.at + place.y * self.row_step + place.x;
        for (m, sums) in sums.iter().enumerate() {
            if m < self.first || m >= self.end {
                continue;
            }
            let bias = simd.splat(self.bias[m]);
            let k = m - self.first;
            let residual = self.residual.map(
                #[inline(always)]
                |residual| &residual[at + self.residual_shift + k * self.residual_channel_step..],
            );
            let dst = &mut dst[at + k * self.channel_step..][..V * S::LANES];
            for v in 0..V {
                let mut x = simd.add(sums[v], bias);
                if let Some(residual) = residual {
                    x = simd.add(x, simd.load(&residual[v * S::LANES..]));
                }
                simd.store(simd.min(high, simd.max(low, x)), &mut dst[v * S::LANES..]);
            }
        }
    }

    /// Channels lie side by side, and all are wanted: squares of channels by pixels are transposed in registers.
    #[inline(always)]
    fn put_pixels<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        [low, high]: [f32; 2],
        sums: &[[S::F32; V]; M],
        place: Place,
        dst: &mut [f32],
    ) {
        let [low, high] = [simd.splat(low), simd.splat(high)];
        let Place { mut y, mut x, lanes } = place;
        let mut pixels = [[0.0; MAX_LANES]; MAX_LANES];
        #[expect(clippy::needless_range_loop, reason = "the index is into all M arrays of the sums")]
        for v in 0..V {
            for first in (0..M).step_by(S::LANES) {
                let mut square = [simd.splat(0.0); MAX_LANES];
                for m in first..M.min(first + S::LANES) {
                    let sum = simd.add(sums[m][v], simd.splat(self.bias[m]));
                    square[m - first] = simd.min(high, simd.max(low, sum));
                }
                transpose(simd, &mut square);
                for (pixel, channels) in pixels.iter_mut().zip(square).take(S::LANES) {
                    simd.store(channels, &mut pixel[first..]);
                }
            }
            let count = lanes.saturating_sub(v * S::LANES).min(S::LANES);
            for pixel in &pixels[..count] {
                if x < self.width {
                    let at = self.at + y * self.row_step + x * self.pixel_step;
                    dst[at..][..M].copy_from_slice(&pixel[..M]);
                }
                x += 1;
                if x == self.pitch {
                    [y, x] = [y + 1, 0];
                }
            }
        }
    }

    /// Finished values to planes, rows that end within the stripe and all.
    #[inline(always)]
    fn copy_rows<S: Simd>(&self, simd: S, values: &[f32], channels: usize, place: Place, dst: &mut [f32]) {
        let stripe = values.len() / channels;
        let Place { mut y, mut x, lanes } = place;
        let mut lane = 0;
        while lane < lanes {
            let count = self.width.saturating_sub(x).min(lanes - lane);
            let at = self.at + y * self.row_step + x;
            // Between two rows, and behind the last, there is not even a place.
            let wanted = if count == 0 { 0..0 } else { self.first..self.end };
            for m in wanted {
                let values = &values[m * stripe + lane..][..count];
                let dst = &mut dst[at + (m - self.first) * self.channel_step..][..count];
                let mut i = 0;
                while i < count {
                    let v = simd.load_first(&values[i..]);
                    simd.store_first(v, &mut dst[i..]);
                    i += S::LANES;
                }
            }
            lane += self.pitch - x;
            [y, x] = [y + 1, 0];
        }
    }

    /// Rows that end within the stripe, channels that lie side by side or are not wanted, activations that are not a
    /// clamp: row by row, from a buffer of sums that have their bias.
    #[inline(never)]
    fn pieces<S: Simd>(&self, simd: S, sums: &mut [f32], channels: usize, place: Place, dst: &mut [f32]) {
        let stripe = sums.len() / channels;
        simd.vectorize(
            #[inline(always)]
            || {
                let Place { mut y, mut x, lanes } = place;
                let mut lane = 0;
                while lane < lanes {
                    let count = self.width.saturating_sub(x).min(lanes - lane);
                    let at = self.at + y * self.row_step + x * self.pixel_step;
                    for m in self.first..self.end {
                        let sums = &mut sums[m * stripe + lane..][..count];
                        let k = m - self.first;
                        for (i, sums) in (0..count).step_by(S::LANES).zip(sums.chunks_mut(S::LANES)) {
                            let mut v = simd.load_first(sums);
                            if let Some(residual) = self.residual {
                                let at = at
                                    + self.residual_shift
                                    + i * self.pixel_step
                                    + k * self.residual_channel_step;
                                let mut r = [0.0; MAX_LANES];
                                for (j, r) in r[..sums.len()].iter_mut().enumerate() {
                                    *r = residual[at + j * self.pixel_step];
                                }
                                v = simd.add(v, simd.load(&r));
                            }
                            let v = self.activation.apply(simd, v);
                            if self.pixel_step == 1 {
                                simd.store_first(v, &mut dst[at + i + k * self.channel_step..][..sums.len()]);
                            } else {
                                simd.store_first(v, sums);
                            }
                        }
                    }
                    if self.pixel_step != 1 {
                        for i in 0..count {
                            for m in self.first..self.end {
                                dst[at + i * self.pixel_step + (m - self.first) * self.channel_step] =
                                    sums[m * stripe + lane + i];
                            }
                        }
                    }
                    lane += self.pitch - x;
                    [y, x] = [y + 1, 0];
                }
            },
        );
    }
}
