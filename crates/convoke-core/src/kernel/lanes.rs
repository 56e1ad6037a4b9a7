//! The lane kernel: depthwise layers and layers of small groups, with channels side by side. Every out channel has in
//! channels of its own, so channels are lanes on both sides: a vector of pixel values meets a vector of weights.
//!
//! It makes strips: two rows of outputs, vector by vector of channels. Bias, residual and activation are done while the
//! sums are in registers. Whoever calls says where the image lies and where outputs go.

use core::ops::Range;

use convoke_simd::Simd;

use super::each::each;
use super::transpose::MAX_LANES;
use crate::Activation;

/// Rows of outputs in a tile.
pub(crate) const ROWS: usize = 2;

/// Neighbouring pixels of each row in a tile: sums, two rows of weights and a pixel fill the registers.
pub(crate) const fn pixels(registers: usize) -> usize {
    if registers >= 32 { 8 } else { 4 }
}

/// Columns of taps whose weights are in registers at a time, of `left` that are still to do.
#[inline(always)]
pub(crate) const fn chunk(left: usize) -> usize {
    match left {
        // Rather twice two than three and one.
        4 => 2,
        1..=3 => left,
        _ => 3,
    }
}

/// How outputs that share input follow each other along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// From one output of a tile to the next: those between are on other columns (or rows) of a dilated window.
    pub(crate) apart: usize,
    /// Taps from one such output to the next; 0 if they share nothing.
    pub(crate) taps: usize,
}

impl Sharing {
    /// Of `outputs` outputs in tiles of `tile`.
    pub(crate) fn new([stride, dilation]: [usize; 2], taps: usize, outputs: usize, tile: usize) -> Self {
        let (mut a, mut b) = (stride, dilation);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        let (apart, shared) = (dilation / a, stride / a);
        // Tiles of few outputs would cost more than the loads that they share.
        let crowd = outputs / apart;
        if shared >= taps || 2 * crowd < tile {
            Self { apart: 1, taps: 0 }
        } else {
            Self { apart, taps: shared }
        }
    }
}

/// What is the same for all strips of a layer. Pairs are `[vertical, horizontal]`.
pub(crate) struct Layer<'a> {
    pub(crate) taps: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) sharing: [Sharing; 2],
    /// In channels of a group, one for depthwise layers.
    pub(crate) depth: usize,
    /// For each of them, the lane of the in channel that a lane's out channel sees; empty if that is the lane itself.
    pub(crate) orders: &'a [[u32; MAX_LANES]],
    /// In channels and out channels of a vector, and how many vectors there are. The last one is pushed back to end with
    /// the channels, whose counts are in `channels`.
    pub(crate) lanes: [usize; 2],
    pub(crate) channels: [usize; 2],
    pub(crate) blocks: usize,
    /// Packed weights: for each block, row of taps, chunk of columns, in channel and column, one vector.
    pub(crate) weights: &'a [f32],
    /// The image: rows and pixels of each, and from one to the next.
    pub(crate) src: &'a [f32],
    pub(crate) size: [usize; 2],
    pub(crate) row: usize,
    pub(crate) pixel: usize,
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) activation: Activation,
}

/// Two rows of outputs, or one.
pub(crate) struct Strip {
    /// Where the first tap of the first output lies in the image, outside it if it likes.
    pub(crate) at: [isize; 2],
    /// Whether there is a second row, `sharing[0].apart` rows below.
    pub(crate) two: bool,
    /// Outputs of a row.
    pub(crate) width: usize,
    /// The vectors of channels to compute.
    pub(crate) blocks: Range<usize>,
    /// Where the rows start in `dst` and in the residual, and from one pixel to the next in both.
    pub(crate) dst: [usize; ROWS],
    pub(crate) residual: [usize; ROWS],
    pub(crate) pixel: usize,
}

impl Layer<'_> {
    /// Computes a strip.
    #[inline]
    pub(crate) fn strip<S: Simd>(&self, simd: S, strip: &Strip, dst: &mut [f32]) {
        if S::REGISTERS >= 32 {
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

/// All lanes are channels, each its own in channel.
const WHOLE: u8 = 0;
/// Some lanes are.
const MASKED: u8 = 1;
/// A lane's in channels are those of its group.
const PERMUTED: u8 = 2;

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
///    lanes of the out channels that see it. One permutation serves all outputs and taps that one load does. Weights come
///    from the first-level cache here, one for each multiply-add.
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
                        two: strip.two,
                        orders: &orders[..layer.orders.len()],
                    };
                    let count = (strip.width - x).div_ceil(apart).min(M);
                    for b in strip.blocks.clone() {
                        let first =
                            [0, 1].map(|i| (b * layer.lanes[i]).min(layer.channels[i] - layer.lanes[i]));
                        let weights = &layer.weights[b * block..][..block];
                        let sums = tile.accumulate::<M, K, FORM>(simd, layer, weights, first[0]);
                        let output = Output { strip, first: x, channel: first[1], count, apart };
                        output.put::<S, M, FORM>(simd, layer, sums, dst);
                    }
                    x += M * apart;
                }
            }
        },
    );
}

/// Where a tile reads.
struct Tile<'a, S: Simd> {
    /// The row of the first tap, and where it lies in a row; wrapped round if outside.
    at: [usize; 2],
    /// From one pixel to the next, and from one column of taps to the next.
    steps: [usize; 2],
    two: bool,
    orders: &'a [S::Order],
}

impl<S: Simd> Tile<'_, S> {
    /// The sums of a tile, for one vector of channels.
    #[inline(always)]
    fn accumulate<const M: usize, const K: usize, const FORM: u8>(
        &self,
        simd: S,
        layer: &Layer<'_>,
        weights: &[f32],
        first: usize,
    ) -> [[S::F32; M]; ROWS] {
        let mut sums = [[simd.splat(0.0); M]; ROWS];
        let [rows, _] = layer.taps;
        // Rows of the image before the second row of outputs sees any, while both see them, and after the first is done.
        let shift = if self.two { layer.sharing[0].taps } else { rows };
        for r in 0..shift {
            self.row::<M, K, FORM, true, false>(simd, layer, weights, first, [r, 0], &mut sums);
        }
        if self.two {
            for r in shift..rows {
                self.row::<M, K, FORM, true, true>(simd, layer, weights, first, [r, r - shift], &mut sums);
            }
            for r in rows - shift..rows {
                self.row::<M, K, FORM, false, true>(simd, layer, weights, first, [r + shift, r], &mut sums);
            }
        }
        sums
    }

    /// A row of the image, `down` rows of taps below the first, seen by the first row of outputs (if `A`) through the row of
    /// taps of that number, and by the second (if `B`) through row `other`.
    #[inline(always)]
    fn row<const M: usize, const K: usize, const FORM: u8, const A: bool, const B: bool>(
        &self,
        simd: S,
        layer: &Layer<'_>,
        weights: &[f32],
        first: usize,
        [down, other]: [usize; 2],
        sums: &mut [[S::F32; M]; ROWS],
    ) {
        let y = self.at[0].wrapping_add(down.wrapping_mul(layer.dilation[0]));
        if y >= layer.size[0] {
            return;
        }
        let row = &layer.src[y * layer.row..][first..layer.size[1] * layer.pixel];
        let len = layer.taps[1] * layer.depth * S::LANES;
        let mut a = if A { &weights[down * len..][..len] } else { &[] };
        let mut b = if B { &weights[other * len..][..len] } else { &[] };
        let (mut at, mut left) = (self.at[1], layer.taps[1]);
        while left > 0 {
            let count = chunk(left);
            let len = count * layer.depth * S::LANES;
            let now;
            (now, a) = a.split_at(if A { len } else { 0 });
            let then;
            (then, b) = b.split_at(if B { len } else { 0 });
            match count {
                1 => self.columns::<M, K, FORM, A, B, 1>(simd, layer, row, at, [now, then], sums),
                2 => self.columns::<M, K, FORM, A, B, 2>(simd, layer, row, at, [now, then], sums),
                _ => self.columns::<M, K, FORM, A, B, 3>(simd, layer, row, at, [now, then], sums),
            }
            at = at.wrapping_add(count.wrapping_mul(self.steps[1]));
            left -= count;
        }
    }

    /// `T` columns of taps.
    #[inline(always)]
    fn columns<
        const M: usize,
        const K: usize,
        const FORM: u8,
        const A: bool,
        const B: bool,
        const T: usize,
    >(
        &self,
        simd: S,
        layer: &Layer<'_>,
        row: &[f32],
        at: usize,
        weights: [&[f32]; 2],
        sums: &mut [[S::F32; M]; ROWS],
    ) {
        let lanes = if const { FORM == WHOLE } { S::LANES } else { layer.lanes[0] };
        // The last place at which a vector lies inside the row.
        let Some(last) = row.len().checked_sub(lanes) else { return };
        let [pixel, column] = self.steps;
        // A copy whose address nobody has, so that it can live in registers.
        let mut acc = *sums;
        if const { FORM == PERMUTED } {
            if const { K == 1 } {
                each!(J where J < M - 1 + T => {
                    let off = at.wrapping_add(column.wrapping_mul(J));
                    if off <= last {
                        let x = load::<S, FORM>(simd, row, off, lanes);
                        let [mut a, mut b] = weights.map(|weights| weights.chunks_exact(T * S::LANES));
                        for order in self.orders {
                            let x = simd.permute(x, *order);
                            if A && let Some(w) = a.next() {
                                each!(few C where sees(M, K, T, J, C) => {
                                    let sum = &mut acc[0][const { pixel_of(1, J, C) }];
                                    *sum = simd.mul_add(x, simd.load(&w[C * S::LANES..]), *sum);
                                });
                            }
                            if B && let Some(w) = b.next() {
                                each!(few C where sees(M, K, T, J, C) => {
                                    let sum = &mut acc[1][const { pixel_of(1, J, C) }];
                                    *sum = simd.mul_add(x, simd.load(&w[C * S::LANES..]), *sum);
                                });
                            }
                        }
                    }
                });
            } else {
                for s in 0..T {
                    let at = at.wrapping_add(column.wrapping_mul(s));
                    each!(I where I < M => {
                        let off = at.wrapping_add(pixel.wrapping_mul(I));
                        if off <= last {
                            let x = load::<S, FORM>(simd, row, off, lanes);
                            let [mut a, mut b] = weights.map(|weights| weights.chunks_exact(T * S::LANES));
                            for order in self.orders {
                                let x = simd.permute(x, *order);
                                if A && let Some(w) = a.next() {
                                    acc[0][I] = simd.mul_add(x, simd.load(&w[s * S::LANES..]), acc[0][I]);
                                }
                                if B && let Some(w) = b.next() {
                                    acc[1][I] = simd.mul_add(x, simd.load(&w[s * S::LANES..]), acc[1][I]);
                                }
                            }
                        }
                    });
                }
            }
            *sums = acc;
            return;
        }
        let mut w = [[simd.splat(0.0); T]; 2];
        for s in 0..T {
            if A {
                w[0][s] = simd.load(&weights[0][s * S::LANES..]);
            }
            if B {
                w[1][s] = simd.load(&weights[1][s * S::LANES..]);
            }
        }
        if const { K > 0 } {
            each!(J where J < (M - 1) * K + T && seen(M, K, T, J) => {
                let off = at.wrapping_add(column.wrapping_mul(J));
                if off <= last {
                    let x = load::<S, FORM>(simd, row, off, lanes);
                    each!(few C where sees(M, K, T, J, C) => {
                        if A {
                            let sum = &mut acc[0][const { pixel_of(K, J, C) }];
                            *sum = simd.mul_add(x, w[0][C], *sum);
                        }
                        if B {
                            let sum = &mut acc[1][const { pixel_of(K, J, C) }];
                            *sum = simd.mul_add(x, w[1][C], *sum);
                        }
                    });
                }
            });
        } else {
            each!(few C where C < T => {
                let at = at.wrapping_add(column.wrapping_mul(C));
                each!(I where I < M => {
                    let off = at.wrapping_add(pixel.wrapping_mul(I));
                    if off <= last {
                        let x = load::<S, FORM>(simd, row, off, lanes);
                        if A {
                            acc[0][I] = simd.mul_add(x, w[0][C], acc[0][I]);
                        }
                        if B {
                            acc[1][I] = simd.mul_add(x, w[1][C], acc[1][I]);
                        }
                    }
                });
            });
        }
        *sums = acc;
    }
}

#[inline(always)]
fn load<S: Simd, const FORM: u8>(simd: S, row: &[f32], at: usize, lanes: usize) -> S::F32 {
    if const { FORM == WHOLE } { simd.load(&row[at..]) } else { simd.load_first(&row[at..][..lanes]) }
}

/// The pixel of a tile that sees column `j` through tap `s`, where there is one.
const fn pixel_of(k: usize, j: usize, s: usize) -> usize {
    // Also evaluated where there is none.
    if k == 0 || j < s { 0 } else { (j - s) / k }
}

/// Whether a pixel of a tile sees column `j` through tap `s` of `t`.
const fn sees(m: usize, k: usize, t: usize, j: usize, s: usize) -> bool {
    k > 0 && s < t && j >= s && (j - s).is_multiple_of(k) && pixel_of(k, j, s) < m
}

/// Whether any pixel sees column `j`: with a stride, one may lie between their taps.
const fn seen(m: usize, k: usize, t: usize, j: usize) -> bool {
    let mut s = 0;
    while s < t {
        if sees(m, k, t, j, s) {
            return true;
        }
        s += 1;
    }
    false
}

/// Where a tile's sums go.
struct Output<'a> {
    strip: &'a Strip,
    /// Its first pixel, its first channel, how many pixels there are and how far apart.
    first: usize,
    channel: usize,
    count: usize,
    apart: usize,
}

impl Output<'_> {
    #[inline(always)]
    fn put<S: Simd, const M: usize, const FORM: u8>(
        &self,
        simd: S,
        layer: &Layer<'_>,
        [upper, lower]: [[S::F32; M]; ROWS],
        dst: &mut [f32],
    ) {
        self.row::<S, M, FORM>(simd, layer, 0, upper, dst);
        if self.strip.two {
            self.row::<S, M, FORM>(simd, layer, 1, lower, dst);
        }
    }

    /// One row of a tile. The place of a pixel that is not there lies beyond the pixels that are, as in [`tiles`].
    #[inline(always)]
    fn row<S: Simd, const M: usize, const FORM: u8>(
        &self,
        simd: S,
        layer: &Layer<'_>,
        row: usize,
        sums: [S::F32; M],
        dst: &mut [f32],
    ) {
        let lanes = if const { FORM == WHOLE } { S::LANES } else { layer.lanes[1] };
        let step = self.apart * self.strip.pixel;
        let first = self.first * self.strip.pixel + self.channel;
        let last = (self.count - 1) * step;
        // Adding -0 changes nothing, whatever the sum.
        let bias = match layer.bias {
            Some(bias) => simd.load_first(&bias[self.channel..][..lanes]),
            None => simd.splat(-0.0),
        };
        let mut sums = sums;
        if let Some(residual) = layer.residual {
            let residual = &residual[self.strip.residual[row] + first..][..last + lanes];
            each!(I where I < M => {
                if I * step <= last {
                    let residual = simd.load_first(&residual[I * step..][..lanes]);
                    sums[I] = simd.add(simd.add(sums[I], bias), residual);
                }
            });
        } else {
            each!(I where I < M => {
                sums[I] = simd.add(sums[I], bias);
            });
        }
        let bounds = layer.activation.bounds();
        let [low, high] = bounds.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
        let [low, high] = [simd.splat(low), simd.splat(high)];
        let dst = &mut dst[self.strip.dst[row] + first..][..last + lanes];
        each!(I where I < M => {
            if I * step <= last {
                let v = simd.min(high, simd.max(low, sums[I]));
                if const { FORM == WHOLE } {
                    simd.store(v, &mut dst[I * step..]);
                } else {
                    simd.store_first(v, &mut dst[I * step..][..lanes]);
                }
            }
        });
        if bounds.is_none() {
            for i in 0..self.count {
                curve(simd, layer.activation, &mut dst[i * step..][..lanes]);
            }
        }
    }
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
