//! A tile of the [lane kernel](super::lanes), accumulated: two rows of pixels by one vector of channels, in registers from
//! the first tap to the last. What it does and why is said at [`tiles`](super::lanes).

use convoke_simd::Simd;

use super::each::each;
use super::lane_layer::{Layer, ROWS, chunk, opaque};

/// All lanes are channels, each its own in channel.
pub(super) const WHOLE: u8 = 0;
/// Some lanes are.
pub(super) const MASKED: u8 = 1;
/// A lane's in channels are those of its group.
pub(super) const PERMUTED: u8 = 2;

/// Where a tile reads.
pub(super) struct Tile<'a, S: Simd> {
    /// The row of the first tap, and where it lies in a row; wrapped round if outside.
    pub(super) at: [usize; 2],
    /// From one pixel to the next, and from one column of taps to the next.
    pub(super) steps: [usize; 2],
    pub(super) two: bool,
    pub(super) orders: &'a [S::Order],
}

impl<S: Simd> Tile<'_, S> {
    /// The sums of a tile, for one vector of channels.
    #[inline(always)]
    pub(super) fn accumulate<const M: usize, const K: usize, const FORM: u8>(
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
    #[expect(clippy::needless_range_loop, reason = "iterators are not unrolled here")]
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
        let [pixel, column] = match FORM {
            PERMUTED => self.steps,
            _ => [opaque(self.steps[0]), opaque(self.steps[1])],
        };
        // A copy whose address nobody has, so that it can live in registers.
        let mut acc = *sums;
        if const { FORM == PERMUTED && K == 1 } {
            // Two halves of the tile, so that a sum does not wait for the one before it.
            let half = column.wrapping_mul(M / 2);
            let mut off = at;
            each!(J where J < M / 2 - 1 + T => {
                if J != 0 {
                    off = off.wrapping_add(column);
                }
                let offs = [off, off.wrapping_add(half)];
                let inside = offs.map(|off| off <= last);
                let mut x = [simd.splat(0.0); 2];
                if inside[0] {
                    x[0] = load::<S, FORM>(simd, row, offs[0], lanes);
                }
                if inside[1] {
                    x[1] = load::<S, FORM>(simd, row, offs[1], lanes);
                }
                let [mut a, mut b] = weights.map(|weights| weights.chunks_exact(T * S::LANES));
                for order in self.orders {
                    let x = [simd.permute(x[0], *order), simd.permute(x[1], *order)];
                    if A && let Some(w) = a.next() {
                        halves::<S, M, T, J>(simd, x, inside, w, &mut acc[0]);
                    }
                    if B && let Some(w) = b.next() {
                        halves::<S, M, T, J>(simd, x, inside, w, &mut acc[1]);
                    }
                }
            });
            *sums = acc;
            return;
        }
        if const { FORM == PERMUTED } {
            for s in 0..T {
                let at = at.wrapping_add(column.wrapping_mul(s));
                for (c, order) in self.orders.iter().enumerate() {
                    let first = (c * T + s) * S::LANES;
                    let a = if A { simd.load(&weights[0][first..]) } else { simd.splat(0.0) };
                    let b = if B { simd.load(&weights[1][first..]) } else { simd.splat(0.0) };
                    let mut off = at;
                    each!(I where I < M => {
                        if I != 0 {
                            off = off.wrapping_add(pixel);
                        }
                        if off <= last {
                            let x = simd.permute(load::<S, FORM>(simd, row, off, lanes), *order);
                            if A {
                                acc[0][I] = simd.mul_add(x, a, acc[0][I]);
                            }
                            if B {
                                acc[1][I] = simd.mul_add(x, b, acc[1][I]);
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
            let mut off = at;
            each!(J where J < (M - 1) * K + T => {
                if J != 0 {
                    off = off.wrapping_add(column);
                }
                if const { seen(M, K, T, J) } && off <= last {
                    let x = load::<S, FORM>(simd, row, off, lanes);
                    for c in 0..T {
                        if sees(M, K, T, J, c) {
                            if A {
                                let sum = &mut acc[0][pixel_of(K, J, c)];
                                *sum = simd.mul_add(x, w[0][c], *sum);
                            }
                            if B {
                                let sum = &mut acc[1][pixel_of(K, J, c)];
                                *sum = simd.mul_add(x, w[1][c], *sum);
                            }
                        }
                    }
                }
            });
        } else {
            for c in 0..T {
                let mut off = at.wrapping_add(column.wrapping_mul(c));
                each!(I where I < M => {
                    if I != 0 {
                        off = off.wrapping_add(pixel);
                    }
                    if off <= last {
                        let x = load::<S, FORM>(simd, row, off, lanes);
                        if A {
                            acc[0][I] = simd.mul_add(x, w[0][c], acc[0][I]);
                        }
                        if B {
                            acc[1][I] = simd.mul_add(x, w[1][c], acc[1][I]);
                        }
                    }
                });
            }
        }
        *sums = acc;
    }
}

/// Column `J` of the lower half of a row of a tile, and the same of the upper half, for one in channel.
#[inline(always)]
fn halves<S: Simd, const M: usize, const T: usize, const J: usize>(
    simd: S,
    x: [S::F32; 2],
    inside: [bool; 2],
    weights: &[f32],
    acc: &mut [S::F32; M],
) {
    let mut w = [simd.splat(0.0); T];
    for c in 0..T {
        if sees(M / 2, 1, T, J, c) {
            w[c] = simd.load(&weights[c * S::LANES..]);
        }
    }
    for (half, inside) in inside.into_iter().enumerate() {
        if inside {
            for c in 0..T {
                if sees(M / 2, 1, T, J, c) {
                    let sum = &mut acc[half * (M / 2) + pixel_of(1, J, c)];
                    *sum = simd.mul_add(x[half], w[c], *sum);
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn load<S: Simd, const FORM: u8>(simd: S, row: &[f32], at: usize, lanes: usize) -> S::F32 {
    if const { FORM == WHOLE } { simd.load(&row[at..]) } else { simd.load_first(&row[at..][..lanes]) }
}

/// The pixel of a tile that sees column `j` through tap `s`, where there is one.
#[inline(always)]
pub(super) const fn pixel_of(k: usize, j: usize, s: usize) -> usize {
    // Also evaluated where there is none.
    if k == 0 || j < s { 0 } else { (j - s) / k }
}

/// Whether a pixel of a tile sees column `j` through tap `s` of `t`.
#[inline(always)]
pub(super) const fn sees(m: usize, k: usize, t: usize, j: usize, s: usize) -> bool {
    k > 0 && s < t && j >= s && (j - s).is_multiple_of(k) && pixel_of(k, j, s) < m
}

/// Whether any pixel sees column `j`: with a stride, one may lie between their taps.
pub(super) const fn seen(m: usize, k: usize, t: usize, j: usize) -> bool {
    let mut s = 0;
    while s < t {
        if sees(m, k, t, j, s) {
            return true;
        }
        s += 1;
    }
    false
}
