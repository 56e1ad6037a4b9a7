//! The plane kernel: one small mask over rows of values, pixels as lanes. The accumulate stage of picture filters,
//! and of anything else whose every input channel meets its own mask.
//!
//! Whoever calls has gathered: rows lie at a pitch, border values in place. What comes out goes to a [`Sink`], the
//! scatter stage, as vectors of finished sums. Every sum starts at `+0` and runs over taps `(r, s)` in that order,
//! one [`Simd::mul_add`] each, so the tile, the tail and the position of a pixel in its row change no bit.

use convoke_simd::Simd;

use crate::slices::{item, part, rest};

/// Output rows of the largest tile: what a caller should offer at a time.
pub(crate) const TILE_ROWS: usize = 4;

/// Vectors along x of the largest tile.
pub(crate) const fn tile_vectors(registers: usize) -> usize {
    if registers >= 32 { 4 } else { 2 }
}

/// The mask. Tap `(r, s)` of output row `y`, element `x`, reads element `x + offset(s)` of row `y * row_stride + r`.
#[derive(Clone, Copy)]
pub(crate) struct Taps<'a, F> {
    /// `rows * cols` weights, row by row.
    pub(crate) weights: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// Input rows from one output row to the next.
    pub(crate) row_stride: usize,
    /// Where in its row a tap of column `s` reads, ascending in `s`.
    pub(crate) offset: F,
}

/// Rows of input, possibly in a ring: row `y` is the `(first + y) % count`-th of `data`.
///
/// Each row must reach `offset(cols - 1)` plus the width, or plus one vector if that is more.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) data: &'a [f32],
    /// Elements from one row to the next.
    pub(crate) pitch: usize,
    pub(crate) first: usize,
    pub(crate) count: usize,
    /// Whether the rows come from memory, and those further down are worth fetching before they are read.
    pub(crate) from_memory: bool,
}

impl<'a> Rows<'a> {
    /// Everything from element `x` of row `y`, which must be less than `count`: `None` if there is nothing, which cannot be.
    #[inline(always)]
    pub(crate) fn at(&self, y: usize, x: usize) -> Option<&'a [f32]> {
        let row = self.first + y;
        let row = if row >= self.count { row - self.count } else { row };
        rest(self.data, row * self.pitch + x)
    }

    /// The same rows without their first `x` elements.
    #[inline(always)]
    pub(crate) fn shifted(self, x: usize) -> Self {
        Self { data: rest(self.data, x).unwrap_or_default(), ..self }
    }

    /// What there is of the first `width` elements of row `y` to be fetched ahead; nothing if that is not worth it.
    #[inline(always)]
    fn ahead(&self, y: usize, width: usize) -> &'a [f32] {
        let row = self.data.get((self.first + y) * self.pitch..).filter(|_| self.from_memory);
        row.map_or(&[], |row| row.get(..width).unwrap_or(row))
    }
}

/// Where sums go: the scatter stage.
pub(crate) trait Sink {
    /// Takes the sums of output rows `y..y + OR`, elements from `x` on: the first `width` lanes of the vectors of
    /// each row, all of them unless the whole plane is narrower than one vector. A pixel may come twice, with the
    /// same bits.
    fn put<S: Simd, const OR: usize, const NV: usize>(
        &mut self,
        simd: S,
        at: [usize; 2],
        width: usize,
        sums: [[S::F32; NV]; OR],
    );

    /// Output rows `y..y + OR`, each of `width` elements, for many tiles that follow each other along them.
    #[inline(always)]
    fn strip<const OR: usize>(&mut self, y: usize, _width: usize) -> impl Strip<OR> {
        At { sink: self, y }
    }
}

/// The output rows of a strip of tiles.
pub(crate) trait Strip<const OR: usize> {
    /// Takes the sums of elements `x..x + NV * LANES` of all of them.
    fn put<S: Simd, const NV: usize>(&mut self, simd: S, x: usize, sums: [[S::F32; NV]; OR]);
}

/// Rows of a [`Sink`] that finds them anew for every tile.
struct At<'a, K: ?Sized> {
    sink: &'a mut K,
    y: usize,
}

impl<const OR: usize, K: Sink + ?Sized> Strip<OR> for At<'_, K> {
    #[inline(always)]
    fn put<S: Simd, const NV: usize>(&mut self, simd: S, x: usize, sums: [[S::F32; NV]; OR]) {
        self.sink.put(simd, [self.y, x], NV * S::LANES, sums);
    }
}

/// Computes `count` output rows of `width` elements.
// Not inlined: callers are generic over pixel types that make no difference here.
#[inline(never)]
pub(crate) fn accumulate<S: Simd, F: Fn(usize) -> usize, K: Sink>(
    simd: S,
    taps: &Taps<F>,
    rows: Rows,
    [count, width]: [usize; 2],
    sink: &mut K,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut y = 0;
            while y < count {
                let shared = taps.row_stride == 1 && taps.rows >= TILE_ROWS - 1;
                match count - y {
                    4.. if shared => {
                        let whole = width >= tile_vectors(S::REGISTERS) * S::LANES;
                        match taps.cols {
                            3 if whole && taps.rows <= SMALL => {
                                small_strip::<S, F, K, 3>(simd, taps, rows, y, width, sink);
                            }
                            4..=SMALL if whole && taps.rows <= SMALL => {
                                small_strip::<S, F, K, SMALL>(simd, taps, rows, y, width, sink);
                            }
                            _ => strip::<S, F, K, 4, true>(simd, taps, rows, y, width, sink),
                        }
                        y += 4;
                    }
                    4.. => {
                        strip::<S, F, K, 4, false>(simd, taps, rows, y, width, sink);
                        y += 4;
                    }
                    _ => {
                        strip::<S, F, K, 1, false>(simd, taps, rows, y, width, sink);
                        y += 1;
                    }
                }
            }
        },
    );
}

/// `OR` output rows from `y` on, from left to right.
#[inline(always)]
fn strip<S: Simd, F: Fn(usize) -> usize, K: Sink, const OR: usize, const SHARED: bool>(
    simd: S,
    taps: &Taps<F>,
    rows: Rows,
    y: usize,
    width: usize,
    sink: &mut K,
) {
    let mut x = 0;
    let main = tile_vectors(S::REGISTERS) * S::LANES;
    while x + main <= width {
        if const { tile_vectors(S::REGISTERS) == 4 } {
            sink.put(simd, [y, x], main, tile::<S, F, OR, 4, SHARED>(simd, taps, rows, y, x));
        } else {
            sink.put(simd, [y, x], main, tile::<S, F, OR, 2, SHARED>(simd, taps, rows, y, x));
        }
        x += main;
    }
    // What is left is covered by smaller tiles, each pushed back to end with the row where it would hang over.
    while x < width {
        if x + S::LANES < width && 2 * S::LANES <= width {
            let at = x.min(width - 2 * S::LANES);
            sink.put(simd, [y, at], 2 * S::LANES, tile::<S, F, OR, 2, SHARED>(simd, taps, rows, y, at));
            x = at + 2 * S::LANES;
        } else {
            let at = x.min(width.saturating_sub(S::LANES));
            sink.put(
                simd,
                [y, at],
                S::LANES.min(width),
                tile::<S, F, OR, 1, SHARED>(simd, taps, rows, y, at),
            );
            x = at + S::LANES;
        }
    }
}

/// The sums of `OR` output rows and `NV` vectors.
///
/// ```text
/// for each input row `down` that any of the outputs needs
///     for each column s of the mask
///         load NV vectors of the input row at x + offset(s)
///         for each output row i whose window contains the input row
///             sums[i] += weights[down - i][s] * vectors
/// ```
///
/// A loaded vector serves every output row whose window contains it, each with the weight of its own `r`. That is
/// what makes the kernel run at the speed of its multiplications: a tile of 4 rows and 4 vectors has 16 of them for
/// 4 loads and 4 broadcasts, where one output row alone would have as many loads as multiplications, most of them
/// across a cache line.
///
/// The output rows that take part are a range: it grows at the tile's top and shrinks at its bottom. The range must
/// be known when compiling, or else the accumulators could not be registers. So the three input rows at the top and
/// the three at the bottom stand for themselves, one after the other, and the loop is what lies between; with a
/// table of ranges to jump through instead, a 3x3 mask spent twice its arithmetic on mispredicted jumps and spilled
/// accumulators. The accumulators of a level with 32 registers (16), the loaded vectors (4) and the broadcasts (4)
/// fit; so do 8 + 2 + 4 in 16 registers.
///
/// Without `SHARED` (rows a stride apart, masks of one or two rows, single output rows) every output row loads its
/// own.
#[inline(always)]
pub(super) fn tile<S: Simd, F: Fn(usize) -> usize, const OR: usize, const NV: usize, const SHARED: bool>(
    simd: S,
    taps: &Taps<F>,
    rows: Rows,
    y: usize,
    x: usize,
) -> [[S::F32; NV]; OR] {
    let mut sums = [[simd.splat(0.0); NV]; OR];
    let top = y * taps.row_stride;
    if !SHARED {
        for r in 0..taps.rows {
            // Not `from_fn`, which the compiler may leave a call, with the sums pushed to memory around it.
            let mut inputs: [&[f32]; OR] = [&[]; OR];
            #[expect(clippy::needless_range_loop, reason = "see `across`")]
            for i in 0..OR {
                let Some(row) = rows.at(top + i * taps.row_stride + r, x) else { return sums };
                inputs[i] = row;
            }
            separate::<S, F, OR, NV>(simd, taps, &inputs, r, &mut sums);
        }
        return sums;
    }
    const { assert!(OR == 4 || !SHARED, "the rows at the top and the bottom are those of a tile of 4") };
    macro_rules! input_row {
        ($down:expr, $lo:literal, $hi:literal) => {
            let Some(row) = rows.at(top + $down, x) else { return sums };
            across::<S, OR, NV, $lo, $hi>(
                simd,
                (taps.weights, taps.cols, $down),
                #[inline(always)]
                |s| part(row, (taps.offset)(s), NV * S::LANES),
                &mut sums,
            )
        };
    }
    input_row!(0, 0, 1);
    input_row!(1, 0, 2);
    input_row!(2, 0, 3);
    for down in 3..taps.rows {
        input_row!(down, 0, 4);
    }
    input_row!(taps.rows, 1, 4);
    input_row!(taps.rows + 1, 2, 4);
    input_row!(taps.rows + 2, 3, 4);
    sums
}

/// One input row, `down` rows below the tile's first, into output rows `LO..HI`: the hot loop. `piece` gives what the taps
/// of a column read, of `NV` vectors; of the mask, its weights and its number of columns.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "iterators are not unrolled here, and the kernel takes twice its time"
)]
fn across<'a, S: Simd, const OR: usize, const NV: usize, const LO: usize, const HI: usize>(
    simd: S,
    (mask, cols, down): (&[f32], usize, usize),
    piece: impl Fn(usize) -> Option<&'a [f32]>,
    sums: &mut [[S::F32; NV]; OR],
) {
    // The mask row of each output; empty for those that do not take part.
    let mut weights: [&[f32]; OR] = [&[]; OR];
    for i in LO..HI {
        let Some(row) = part(mask, (down - i) * cols, cols) else { return };
        weights[i] = row;
    }
    let mut local = *sums;
    for s in 0..cols {
        let Some(src) = piece(s) else { return };
        let mut v = [simd.splat(0.0); NV];
        for j in 0..NV {
            v[j] = simd.load(&src[j * S::LANES..]);
        }
        for i in LO..HI {
            let Some(w) = item(weights[i], s) else { return };
            let w = simd.splat(*w);
            for j in 0..NV {
                local[i][j] = simd.mul_add(w, v[j], local[i][j]);
            }
        }
    }
    *sums = local;
}

/// Rows and columns of the largest mask that [`small_strip`] takes.
const SMALL: usize = 8;
/// Input rows of a tile of it.
const SMALL_INPUTS: usize = SMALL + TILE_ROWS - 1;

/// Four output rows from `y` on, of a mask of a few rows and columns, over a width of a tile or more.
///
/// A tile of a 3x3 mask has 144 multiplications for its 18 pieces of input. Finding these among the rows for every tile,
/// each bound checked, took as long again. So the pieces are found once for the strip, every one as a slice as long as
/// the outputs: inside a tile all that is left is to see that it is. The last tile is pushed back to end with the row: it
/// makes some outputs twice, in less time than smaller tiles make them once.
///
/// The loop over columns stays a loop, since the compiler would load rows ahead and spill the accumulators for that, but
/// for `MOST` of 3, which means exactly three columns: these are few enough.
#[inline(always)]
fn small_strip<S: Simd, F: Fn(usize) -> usize, K: Sink, const MOST: usize>(
    simd: S,
    taps: &Taps<F>,
    rows: Rows,
    y: usize,
    width: usize,
    sink: &mut K,
) {
    let mut inputs = [[&[] as &[f32]; MOST]; SMALL_INPUTS];
    for (down, input) in inputs.iter_mut().enumerate().take(taps.rows + TILE_ROWS - 1) {
        let Some(row) = rows.at(y + down, 0) else { return };
        for (s, input) in input.iter_mut().enumerate().take(taps.cols) {
            let Some(taps) = part(row, (taps.offset)(s), width) else { return };
            *input = taps;
        }
    }
    let small = Small { weights: taps.weights, rows: taps.rows, cols: taps.cols, inputs: &inputs, width };
    // The rows that the next strip reads for the first time.
    let mut ahead: [&[f32]; TILE_ROWS] = [&[]; TILE_ROWS];
    for (i, ahead) in ahead.iter_mut().enumerate() {
        *ahead = rows.ahead(y + taps.rows + TILE_ROWS - 1 + i, width);
    }
    let mut out = sink.strip::<TILE_ROWS>(y, width);
    let step = tile_vectors(S::REGISTERS) * S::LANES;
    let mut x = 0;
    while x < width {
        let at = x.min(width - step);
        if rows.from_memory {
            for ahead in ahead.iter().filter_map(|row| row.get(at..at + step)) {
                for line in ahead.chunks_exact(S::LANES) {
                    simd.prefetch(line);
                }
            }
        }
        if const { tile_vectors(S::REGISTERS) == 4 } {
            out.put(simd, at, small.tile::<S, 4>(simd, at));
        } else {
            out.put(simd, at, small.tile::<S, 2>(simd, at));
        }
        x = at + step;
    }
}

/// A small mask and what it is to meet.
struct Small<'a, const MOST: usize> {
    weights: &'a [f32],
    rows: usize,
    /// Exactly `MOST` if that is 3, and no more than `MOST`.
    cols: usize,
    /// For each input row and column of the mask what the outputs' taps read, `width` elements each.
    inputs: &'a [[&'a [f32]; MOST]; SMALL_INPUTS],
    width: usize,
}

impl<const MOST: usize> Small<'_, MOST> {
    /// The same sums as those of [`tile`], for the elements from `x` on.
    #[inline(always)]
    fn tile<S: Simd, const NV: usize>(&self, simd: S, x: usize) -> [[S::F32; NV]; TILE_ROWS] {
        let mut sums = [[simd.splat(0.0); NV]; TILE_ROWS];
        let cols = if MOST == 3 { 3 } else { self.cols };
        macro_rules! input_row {
            ($down:expr, $lo:literal, $hi:literal) => {
                let Some(pieces) = item(self.inputs, $down) else { return sums };
                across::<S, TILE_ROWS, NV, $lo, $hi>(
                    simd,
                    (self.weights, cols, $down),
                    #[inline(always)]
                    |s| part(part(item(pieces, s)?, 0, self.width)?, x, NV * S::LANES),
                    &mut sums,
                )
            };
        }
        input_row!(0, 0, 1);
        input_row!(1, 0, 2);
        input_row!(2, 0, 3);
        for down in 3..self.rows {
            input_row!(down, 0, 4);
        }
        input_row!(self.rows, 1, 4);
        input_row!(self.rows + 1, 2, 4);
        input_row!(self.rows + 2, 3, 4);
        sums
    }
}

/// Mask row `r` into every output row, each of which has its own input row.
#[inline(always)]
fn separate<S: Simd, F: Fn(usize) -> usize, const OR: usize, const NV: usize>(
    simd: S,
    taps: &Taps<F>,
    rows: &[&[f32]; OR],
    r: usize,
    sums: &mut [[S::F32; NV]; OR],
) {
    let mut local = *sums;
    let Some(weights) = part(taps.weights, r * taps.cols, taps.cols) else { return };
    for (s, &w) in weights.iter().enumerate() {
        let (at, w) = ((taps.offset)(s), simd.splat(w));
        for i in 0..OR {
            let Some(src) = part(rows[i], at, NV * S::LANES) else { return };
            for j in 0..NV {
                local[i][j] = simd.mul_add(w, simd.load(&src[j * S::LANES..]), local[i][j]);
            }
        }
    }
    *sums = local;
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use convoke_simd::{Kernel, Level, Simd};

    use super::{Rows, Sink, Taps, accumulate};

    struct Store<'a>(&'a mut [f32], usize);

    impl Sink for Store<'_> {
        fn put<S: Simd, const OR: usize, const NV: usize>(
            &mut self,
            simd: S,
            [y, x]: [usize; 2],
            width: usize,
            sums: [[S::F32; NV]; OR],
        ) {
            for (i, row) in sums.into_iter().enumerate() {
                let dst = &mut self.0[(y + i) * self.1 + x..][..width];
                for (v, dst) in row.into_iter().zip(dst.chunks_mut(S::LANES)) {
                    simd.store_first(v, dst);
                }
            }
        }
    }

    /// Integers, whose sums are exact: `count` by `width` outputs of a mask of any shape.
    struct Problem {
        mask: [usize; 2],
        row_stride: usize,
        size: [usize; 2],
        first: usize,
    }

    impl Kernel for &Problem {
        type Output = ();

        fn run<S: Simd>(self, simd: S) {
            let Problem { mask: [rows, cols], row_stride, size: [count, width], first } = *self;
            // Columns that do not lie at equal distances, as in rows sorted by phase.
            let offset = |s: usize| s * 2 + s / 3;
            let pitch = offset(cols - 1) + width.max(S::LANES);
            let input_rows = (count - 1) * row_stride + rows;
            let weights: Vec<f32> = (0..rows * cols).map(|i| (i * 7 % 13) as f32 - 6.0).collect();
            let data: Vec<f32> = (0..input_rows * pitch).map(|i| (i * 31 % 101) as f32).collect();
            let at = |y: usize, x: usize| data[(first + y) % input_rows * pitch + x];

            let mut dst = vec![f32::NAN; count * width];
            let taps = Taps { weights: &weights, rows, cols, row_stride, offset };
            let input = Rows { data: &data, pitch, first, count: input_rows, from_memory: true };
            accumulate(simd, &taps, input, [count, width], &mut Store(&mut dst, width));
            for y in 0..count {
                for x in 0..width {
                    let tap = |i: usize| weights[i] * at(y * row_stride + i / cols, x + offset(i % cols));
                    let expected: f32 = (0..rows * cols).map(tap).sum();
                    assert_eq!(
                        dst[y * width + x],
                        expected,
                        "{:?} at {:?}",
                        (rows, cols, row_stride),
                        (y, x)
                    );
                }
            }
        }
    }

    #[test]
    fn any_mask_row_stride_and_ring() {
        for level in Level::available() {
            for row_stride in 1..=3 {
                for rows in 1..=6 {
                    for cols in 1..=6 {
                        let seed = rows * 7 + cols * 5 + row_stride;
                        let (count, width) = (1 + seed % 9, 1 + seed * 13 % 90);
                        let first = seed % ((count - 1) * row_stride + rows);
                        let problem = Problem { mask: [rows, cols], row_stride, size: [count, width], first };
                        level.dispatch(&problem);
                    }
                }
            }
        }
    }
}
