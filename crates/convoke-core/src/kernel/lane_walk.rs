//! The walk of the [lane kernel](super::lanes) for masks of a few rows: a tile of one row of outputs that goes down the
//! image. What it does and why is said at [`walk`].

use convoke_simd::Simd;

use super::each::each;
use super::lane_layer::{Layer, Sharing, Strip, opaque};
use super::lane_output::Output;
use super::lane_tile::{WHOLE, load, pixel_of, seen, sees};

/// Columns of taps that are written out, their weights in registers.
const COLUMNS: usize = 3;
/// Rows of the image from one that is read to one that is fetched ahead.
const AHEAD: usize = 2;
/// Pixels that lie a multiple of so many elements apart share a few places in the first-level cache: what is fetched ahead
/// takes the places of what is read now.
const CROWD: usize = 1024;

/// Whether tiles walk down `rows` rows of outputs whose pixels lie `pixel` elements apart: if the mask has a number of rows for
/// which the kernel is written out, one row of outputs shares some with the next, the sums fit in registers, and the first
/// and the last rows, which fewer see, are not most of the way. With 3x3 it is worth it all the same, unless pixels share
/// their places in the cache.
pub(crate) fn walks(taps: [usize; 2], sharing: Sharing, [rows, pixel, registers]: [usize; 3]) -> bool {
    let sums = taps[0].div_ceil(sharing.taps.max(1));
    matches!(taps[0], 3 | 5)
        && matches!(sharing.taps, 1 | 2)
        && (sums <= 3 || registers >= 32)
        && (rows >= 3 * sums || (taps == [3, 3] && !pixel.is_multiple_of(CROWD)))
}

impl Layer<'_> {
    /// Computes a strip by walks.
    #[inline]
    pub(super) fn walk_strip<S: Simd>(&self, simd: S, strip: &Strip, dst: &mut [f32]) {
        let [vertical, horizontal] = [self.sharing[0].taps, self.sharing[1].taps];
        let shared = if self.taps[1] == COLUMNS && horizontal == vertical { horizontal } else { 0 };
        // Of two widths of a tile every row of a dozen outputs can be made. Sums, weights and a pixel fill the registers.
        macro_rules! choose {
            ($rows:literal $sums:literal $step:literal $shared:literal $many:tt $few:tt) => {
                match () {
                    _ if const { S::REGISTERS >= 32 } => {
                        tiles::<S, { $many[0] }, { $many[1] }, $sums, $rows, $step, $shared>(
                            simd, self, strip, dst,
                        )
                    }
                    _ => tiles::<S, { $few[0] }, { $few[1] }, $sums, $rows, $step, $shared>(
                        simd, self, strip, dst,
                    ),
                }
            };
        }
        match (self.taps[0], vertical, shared) {
            (3, 1, 1) => choose!(3 3 1 1 [5, 4] [3, 2]),
            (3, 2, 2) => choose!(3 2 2 2 [7, 4] [4, 3]),
            (3, 1, _) => choose!(3 3 1 0 [7, 4] [3, 2]),
            (3, _, _) => choose!(3 2 2 0 [8, 5] [4, 3]),
            (5, 1, _) => choose!(5 5 1 0 [4, 3] [4, 3]),
            _ => choose!(5 3 2 0 [7, 4] [3, 2]),
        }
    }
}

/// Cuts a strip into tiles of two widths.
#[inline(always)]
fn tiles<
    S: Simd,
    const WIDE: usize,
    const NARROW: usize,
    const L: usize,
    const R: usize,
    const V: usize,
    const K: usize,
>(
    simd: S,
    layer: &Layer<'_>,
    strip: &Strip,
    dst: &mut [f32],
) {
    let apart = if K > 0 { layer.sharing[1].apart } else { 1 };
    for phase in 0..apart.min(strip.width) {
        let [wide, narrow] = split((strip.width - phase).div_ceil(apart), [WIDE, NARROW]);
        let next = phase + wide * WIDE * apart;
        walk::<S, WIDE, L, R, V, K>(simd, layer, strip, [phase, wide, apart], dst);
        walk::<S, NARROW, L, R, V, K>(simd, layer, strip, [next, narrow, apart], dst);
    }
}

/// How many tiles of two widths make `outputs` outputs at the least cost.
fn split(outputs: usize, [wide, narrow]: [usize; 2]) -> [usize; 2] {
    let mut best = (usize::MAX, [0, 0]);
    for narrows in 0..wide {
        let wides = outputs.saturating_sub(narrows * narrow).div_ceil(wide);
        // A tile costs about as much as one output more.
        let cost = wides * (wide + 1) + narrows * (narrow + 1);
        if cost < best.0 {
            best = (cost, [wides, narrows]);
        }
    }
    best.1
}

/// The plain algorithm, for output `(y, x)` and the channel of one lane:
///
/// ```text
/// sum = 0
/// for r, s in the taps, in this order
///     if the image has a pixel (y * stride - before + r * dilation, x * stride - before + s * dilation)
///         sum += pixel * weights[r][s]
/// ```
///
/// Departures:
///
/// 1. *A tile walks down.* It is one row of `M` outputs wide, and as high as the strip. Each row of the image is read once,
///    from the top to the bottom, and meets all rows of taps that some output has on it: those of `L` rows of outputs, of which
///    the uppermost is then complete and goes to `dst`, and the sums of the others move up. From one row of outputs to the next
///    it is `V` rows of taps; `R` rows of taps make `L = R / V`, rounded up. An output meets its taps in ascending order.
///    At 3x3 with stride 1, seven vectors are loaded for 45 multiply-adds, where a tile of two rows needed 58 for 144; with
///    stride 2, 30 for 63 in place of 103 for 144.
/// 2. *The weights stay in registers* for the whole walk if the mask is three columns wide and neighbouring outputs are `K`
///    columns of taps apart. Then a vector of a row also serves all outputs of it that see it. If `K` is 0, a column of
///    taps at a time has its weights in registers, and reads its own pixels.
/// 3. *A column outside the image is skipped*, as in the tile that stays where it is, and a row as well.
/// 4. *Rows are fetched ahead.* Going down, the next row is far away, and no processor guesses where.
/// 5. *The first and the last rows are written out,* because fewer rows of outputs see them: step `T` is the row of the image
///    that the uppermost row of outputs sees through its row `T` of taps, and `LESS` rows of sums are beyond the last.
#[inline(never)]
fn walk<S: Simd, const M: usize, const L: usize, const R: usize, const V: usize, const K: usize>(
    simd: S,
    layer: &Layer<'_>,
    strip: &Strip,
    [first, tiles, apart]: [usize; 3],
    dst: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let block = layer.weights.len() / layer.blocks;
            for tile in 0..tiles {
                let x = first + tile * M * apart;
                let at = strip.at[1].wrapping_add_unsigned(x * layer.stride[1]) as usize;
                let count = (strip.width - x).div_ceil(apart).min(M);
                for b in strip.blocks.clone() {
                    let [from, to] =
                        [0, 1].map(|i| (b * layer.lanes[i]).min(layer.channels[i] - layer.lanes[i]));
                    let weights = &layer.weights[b * block..][..block];
                    let mut held = [[simd.splat(0.0); COLUMNS]; R];
                    if K > 0 {
                        for r in 0..R {
                            for s in 0..COLUMNS {
                                held[r][s] = simd.load(&weights[(r * COLUMNS + s) * S::LANES..]);
                            }
                        }
                    }
                    let rows = Rows::<S, R> {
                        layer,
                        weights,
                        held,
                        first: from,
                        at: [strip.at[0] as usize, at.wrapping_mul(layer.pixel)],
                        steps: [layer.stride[1], layer.dilation[1]]
                            .map(|step| step.wrapping_mul(layer.pixel)),
                    };
                    let output = Output::new(simd, layer, strip, [x, count, apart], to);
                    let mut sums = [[simd.splat(0.0); M]; L];
                    each!(row T where T + V < R => {
                        sums = rows.step::<M, L, V, K>(simd, T, [T, 0], sums);
                    });
                    let full = strip.rows.saturating_sub(L - 1);
                    for y in 0..full {
                        each!(row T where T < R && R <= T + V => {
                            sums = rows.step::<M, L, V, K>(simd, y * V + T, [T, 0], sums);
                        });
                        output.row::<M, WHOLE>(simd, y, sums[0], dst);
                        for l in 1..L {
                            sums[l - 1] = sums[l];
                        }
                        sums[L - 1] = [simd.splat(0.0); M];
                    }
                    each!(row LESS where LESS != 0 && LESS < L => {
                        let y = full + LESS - 1;
                        if y < strip.rows {
                            each!(row T where T < R && R <= T + V => {
                                sums = rows.step::<M, L, V, K>(simd, y * V + T, [T, LESS], sums);
                            });
                            output.row::<M, WHOLE>(simd, y, sums[0], dst);
                            for l in 1..L {
                                sums[l - 1] = sums[l];
                            }
                        }
                    });
                    output.finish(simd, dst);
                }
            }
        },
    );
}

/// Where a walk reads.
struct Rows<'a, S: Simd, const R: usize> {
    layer: &'a Layer<'a>,
    weights: &'a [f32],
    held: [[S::F32; COLUMNS]; R],
    /// Its first channel.
    first: usize,
    /// The row of the first tap, and where it lies in a row; wrapped round if outside.
    at: [usize; 2],
    /// From one output to the next, and from one column of taps to the next.
    steps: [usize; 2],
}

impl<S: Simd, const R: usize> Rows<'_, S, R> {
    /// The sums with what the row adds that is `down` rows of taps below the first. `t` and `less` are numbers written out where
    /// this is called, so that the conditions on them are decided when compiling.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "iterators are not unrolled here")]
    fn step<const M: usize, const L: usize, const V: usize, const K: usize>(
        &self,
        simd: S,
        down: usize,
        [t, less]: [usize; 2],
        sums: [[S::F32; M]; L],
    ) -> [[S::F32; M]; L] {
        let layer = self.layer;
        let y = self.at[0].wrapping_add(down.wrapping_mul(layer.dilation[0]));
        if y >= layer.size[0] {
            return sums;
        }
        let len = layer.size[1] * layer.pixel - self.first;
        let row = |y: usize| &layer.src[y * layer.row + self.first..][..len];
        // The last place at which a vector lies inside the row.
        let Some(last) = len.checked_sub(S::LANES) else { return sums };
        let here = row(y);
        let mut acc = sums;
        let [pixel, column] = [opaque(self.steps[0]), opaque(self.steps[1])];
        if const { K > 0 } {
            let ahead = if layer.pixel.is_multiple_of(CROWD) { 0 } else { AHEAD };
            let below = y.saturating_add(layer.dilation[0].saturating_mul(ahead));
            let ahead = row(if below < layer.size[0] { below } else { y });
            let mut off = self.at[1];
            each!(J where J < (M - 1) * K + COLUMNS => {
                if J != 0 {
                    off = off.wrapping_add(column);
                }
                if const { seen(M, K, COLUMNS, J) } && off <= last {
                    let x = load::<S, WHOLE>(simd, here, off, S::LANES);
                    simd.prefetch(&ahead[off..]);
                    for c in 0..COLUMNS {
                        if sees(M, K, COLUMNS, J, c) {
                            for i in 0..L {
                                if active([L, less], V, t, i) {
                                    let sum = &mut acc[i][pixel_of(K, J, c)];
                                    *sum = simd.mul_add(x, self.held[tap(V, t, i)][c], *sum);
                                }
                            }
                        }
                    }
                }
            });
        } else {
            let cols = layer.taps[1];
            let mut from = self.at[1];
            for s in 0..cols {
                let mut w = [simd.splat(0.0); L];
                for i in 0..L {
                    if active([L, less], V, t, i) {
                        w[i] = simd.load(&self.weights[(tap(V, t, i) * cols + s) * S::LANES..]);
                    }
                }
                let mut off = from;
                each!(J where J < M => {
                    if J != 0 {
                        off = off.wrapping_add(pixel);
                    }
                    if off <= last {
                        let x = load::<S, WHOLE>(simd, here, off, S::LANES);
                        for i in 0..L {
                            if active([L, less], V, t, i) {
                                acc[i][J] = simd.mul_add(x, w[i], acc[i][J]);
                            }
                        }
                    }
                });
                from = from.wrapping_add(column);
            }
        }
        acc
    }
}

/// Whether row `row` of sums, of so many less so many, sees the row of the image that the first one sees through its row `t`
/// of taps.
#[inline(always)]
const fn active([rows, less]: [usize; 2], v: usize, t: usize, row: usize) -> bool {
    row + less < rows && row * v <= t
}

/// The row of taps through which it does.
#[inline(always)]
const fn tap(v: usize, t: usize, row: usize) -> usize {
    // Also evaluated where there is none.
    t.saturating_sub(row * v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_widths_make_every_row() {
        for widths in [[5, 4], [7, 4], [8, 5], [4, 3], [3, 2], [2, 1]] {
            for outputs in 1..100 {
                let [wide, narrow] = split(outputs, widths);
                let made = wide * widths[0] + narrow * widths[1];
                // No output is missing, and no tile has nothing to do.
                assert!(made >= outputs && made - outputs < widths[0], "{outputs} by {widths:?}");
                // Nothing else costs less.
                let cost = |wide: usize, narrow: usize| wide * (widths[0] + 1) + narrow * (widths[1] + 1);
                let all = (0..=outputs).flat_map(|wide| (0..=outputs).map(move |narrow| (wide, narrow)));
                let enough = all.filter(|(wide, narrow)| wide * widths[0] + narrow * widths[1] >= outputs);
                let least = enough.map(|(wide, narrow)| cost(wide, narrow)).min();
                assert_eq!(least, Some(cost(wide, narrow)), "{outputs} by {widths:?}");
            }
        }
    }
}
