//! The end of the [lane kernel](super::lanes): what is done to sums while they are in registers, and where they go.

use convoke_simd::Simd;

use super::each::each;
use super::lane_layer::{Layer, Strip, opaque};
use super::lane_tile::WHOLE;
use super::lanes::curve;

/// Neighbouring outputs of the rows of a strip, of one vector of channels.
pub(super) struct Output<'a, S: Simd> {
    layer: &'a Layer<'a>,
    strip: &'a Strip,
    /// Where the first of them lies in a row, how many there are, and from one to the next.
    first: usize,
    count: usize,
    step: usize,
    bias: S::F32,
    bounds: [S::F32; 2],
}

impl<'a, S: Simd> Output<'a, S> {
    /// `count` outputs, `apart` from each other, from output `x` of a row on; of the channels from `channel` on.
    #[inline(always)]
    pub(super) fn new(
        simd: S,
        layer: &'a Layer<'a>,
        strip: &'a Strip,
        [x, count, apart]: [usize; 3],
        channel: usize,
    ) -> Self {
        let lanes = layer.lanes[1];
        let [low, high] = layer.activation.bounds().unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
        Self {
            layer,
            strip,
            first: x * strip.pixel + channel,
            count,
            step: apart * strip.pixel,
            // Adding -0 changes nothing, whatever the sum.
            bias: match layer.bias {
                Some(bias) => simd.load_first(&bias[channel..][..lanes]),
                None => simd.splat(-0.0),
            },
            bounds: [simd.splat(low), simd.splat(high)],
        }
    }

    /// The sums of a row. The place of a pixel that is not there lies beyond the pixels that are.
    #[inline(always)]
    pub(super) fn row<const M: usize, const FORM: u8>(
        &self,
        simd: S,
        row: usize,
        sums: [S::F32; M],
        dst: &mut [f32],
    ) {
        let Self { layer, strip, .. } = self;
        let lanes = if const { FORM == WHOLE } { S::LANES } else { layer.lanes[1] };
        let first = row * strip.row + self.first;
        let last = (self.count - 1) * self.step;
        let step = opaque(self.step);
        let mut sums = sums;
        for sum in &mut sums {
            *sum = simd.add(*sum, self.bias);
        }
        if let Some(residual) = layer.residual {
            let residual = &residual[strip.residual + first..][..last + lanes];
            let mut at = 0;
            each!(I where I < M => {
                if at <= last {
                    let residual = match FORM {
                        WHOLE => simd.load(&residual[at..]),
                        _ => simd.load_first(&residual[at..][..lanes]),
                    };
                    sums[I] = simd.add(sums[I], residual);
                }
                at += step;
            });
        }
        let [low, high] = self.bounds;
        let dst = &mut dst[strip.dst + first..][..last + lanes];
        let mut at = 0;
        each!(I where I < M => {
            if at <= last {
                let v = simd.min(high, simd.max(low, sums[I]));
                match FORM {
                    WHOLE => simd.store(v, &mut dst[at..]),
                    _ => simd.store_first(v, &mut dst[at..][..lanes]),
                }
            }
            at += step;
        });
    }

    /// What is left to do when all rows are there: an activation that is not a clamp.
    #[inline(always)]
    pub(super) fn finish(&self, simd: S, dst: &mut [f32]) {
        let Self { layer, strip, .. } = self;
        if layer.activation.bounds().is_some() {
            return;
        }
        for row in 0..strip.rows {
            for i in 0..self.count {
                let first = strip.dst + row * strip.row + self.first + i * self.step;
                curve(simd, layer.activation, &mut dst[first..][..layer.lanes[1]]);
            }
        }
    }
}
