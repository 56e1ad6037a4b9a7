//! The lane kernel: depthwise layers and layers of small groups, with channels side by side. Every out channel has in
//! channels of its own, so channels are lanes on both sides: a vector of pixel values meets a vector of weights.
//!
//! It makes strips of rows of outputs: masks of three or five rows by [walks](super::lane_walk) down the image, the others in
//! tiles of two rows, as here. Bias, residual and activation are done while the sums are [in registers](super::lane_output).
//! Whoever calls says where the image lies and where outputs go.

use convoke_simd::Simd;

use super::lane_output::Output;
use super::lane_tile::{MASKED, PERMUTED, Tile, WHOLE};
use super::transpose::MAX_LANES;
use crate::Activation;

pub(crate) use super::lane_layer::{Layer, ROWS, Sharing, Strip, chunk, pixels};
pub(crate) use super::lane_walk::walks;

impl Layer<'_> {
    /// The most rows that a strip may have.
    pub(crate) fn most_rows(&self) -> usize {
        if self.walks { usize::MAX } else { ROWS }
    }

    /// Computes a strip.
    #[inline]
    pub(crate) fn strip<S: Simd>(&self, simd: S, strip: &Strip, dst: &mut [f32]) {
        if const { S::REGISTERS >= 32 } {
            self.strip_of::<S, 8>(simd, strip, dst);
        } else {
            self.strip_of::<S, 4>(simd, strip, dst);
        }
    }

    #[inline]
    fn strip_of<S: Simd, const M: usize>(&self, simd: S, strip: &Strip, dst: &mut [f32]) {
        let form = match self.lanes[0] {
            _ if !self.orders.is_empty() => PERMUTED,
            lanes if lanes < S::LANES => MASKED,
            _ => WHOLE,
        };
        match (self.sharing[1].taps, form) {
            (_, WHOLE) if self.walks => self.walk_strip(simd, strip, dst),
            (1, WHOLE) => tiles::<S, M, 1, WHOLE>(simd, self, strip, dst),
            (2, WHOLE) => tiles::<S, M, 2, WHOLE>(simd, self, strip, dst),
            (_, WHOLE) => tiles::<S, M, 0, WHOLE>(simd, self, strip, dst),
            // One lane is whole, and of no group.
            _ if const { S::LANES == 1 } => {}
            (1, MASKED) => tiles::<S, M, 1, MASKED>(simd, self, strip, dst),
            (1, _) => tiles::<S, M, 1, PERMUTED>(simd, self, strip, dst),
            (_, MASKED) => tiles::<S, M, 0, MASKED>(simd, self, strip, dst),
            (_, _) => tiles::<S, M, 0, PERMUTED>(simd, self, strip, dst),
        }
    }
}

/// The plain algorithm, for output `(y, x)` and the out channel of one lane:
///
/// ```text
/// sum = 0
/// for r, s, c in the taps, in this order
///     if the image has a pixel (y * stride - before + r * dilation, x * stride - before + s * dilation)
///         sum += pixel[in channel c of the lane's group] * weights[r][s][c]
/// ```
///
/// Departures:
///
/// 1. *A tile at once.* The sums of two rows of `M` pixels are held in registers. The tile is walked by rows of the image:
///    one that both rows of outputs see is read once, and meets the weights of a row of taps for each. In a row, every
///    vector is loaded once and used by all pixels that see it, if neighbouring pixels are `K` columns of taps apart (1 or
///    2; 0 stands for anything else, and then each loads its own): for a 3x3 layer, 4 times 10 loads for 144 multiply-adds.
///    An output meets its taps in ascending order, so the order of its sum is the one above.
/// 2. *Dilation is not special.* Outputs that are as far apart as taps make a tile of their own: see [`Sharing`].
/// 3. *A column outside the image is skipped*, with all its multiply-adds. Its place in the row, as an unsigned number, is
///    then beyond the row's end, whichever side it is on: the test that keeps a load inside the row is the test for
///    padding. So no tile need know whether it lies at an edge, and a weight never meets a zero that is not there.
/// 4. *A chunk of columns* of a mask has its weights in registers while a row of pixels passes.
/// 5. *Groups.* A vector holds the in channels of whole groups; for in channel `c` of each, a permutation brings it to the
///    lanes of the out channels that see it, for all taps that see the pixel. There are too many weights for registers, so
///    each is loaded for the two columns that it is used for: the halves of a row are walked side by side, because from one
///    column to the next the sums are the same, and a single walk spends its time waiting for them.
#[inline(never)]
fn tiles<S: Simd, const M: usize, const K: usize, const FORM: u8>(
    simd: S,
    layer: &Layer<'_>,
    strip: &Strip,
    dst: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut orders = [simd.order(&[0; MAX_LANES]); MAX_LANES];
            if const { FORM == PERMUTED } {
                for (order, lanes) in orders.iter_mut().zip(layer.orders) {
                    *order = simd.order(lanes);
                }
            }
            let Sharing { apart, .. } = layer.sharing[1];
            let block = layer.weights.len() / layer.blocks;
            for phase in 0..apart.min(strip.width) {
                let mut x = phase;
                while x < strip.width {
                    let at = strip.at[1].wrapping_add_unsigned(x * layer.stride[1]) as usize;
                    let tile = Tile {
                        at: [strip.at[0] as usize, at.wrapping_mul(layer.pixel)],
                        steps: [
                            (apart * layer.stride[1]).wrapping_mul(layer.pixel),
                            layer.dilation[1].wrapping_mul(layer.pixel),
                        ],
                        two: strip.rows > 1,
                        orders: &orders[..layer.orders.len()],
                    };
                    let count = (strip.width - x).div_ceil(apart).min(M);
                    for b in strip.blocks.clone() {
                        let first =
                            [0, 1].map(|i| (b * layer.lanes[i]).min(layer.channels[i] - layer.lanes[i]));
                        let weights = &layer.weights[b * block..][..block];
                        let sums = tile.accumulate::<M, K, FORM>(simd, layer, weights, first[0]);
                        let output = Output::new(simd, layer, strip, [x, count, apart], first[1]);
                        output.row::<M, FORM>(simd, 0, sums[0], dst);
                        if strip.rows > 1 {
                            output.row::<M, FORM>(simd, 1, sums[1], dst);
                        }
                        output.finish(simd, dst);
                    }
                    x += M * apart;
                }
            }
        },
    );
}

/// Applies an activation that is not a clamp. Out of line, for the sake of the kernel's registers.
#[inline(never)]
pub(crate) fn curve<S: Simd>(simd: S, activation: Activation, values: &mut [f32]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for values in values.chunks_mut(S::LANES) {
                let v = activation.apply(simd, simd.load_first(values));
                simd.store_first(v, values);
            }
        },
    );
}
