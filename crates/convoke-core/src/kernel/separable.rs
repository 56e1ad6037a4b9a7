//! The two kernels of separable masks, pixels as lanes: [`down`] a few rows with a column of weights, into a buffer,
//! and [`across`] that buffer with a row of weights, into a [`Sink`]. The accumulate stage of separable filters.
//!
//! A mask that is the sum of several such masks has so many columns, each with a buffer of its own, and so many rows,
//! whose sums [`across`] makes in one: the terms follow each other as if they were taps of one row.
//!
//! Every sum starts at `+0` and runs over its taps in order, one [`Simd::mul_add`] each, so the tile, the tail and
//! the position of a pixel in its row change no bit.

use convoke_simd::Simd;

use super::plane::{Rows, Sink, Strip, TILE_ROWS, tile_vectors};
use crate::slices::{item, part, part_mut, rest, rest_mut};

/// Taps that are summed down in one go. The input rows of so many are looked up before the walk along them; longer
/// columns take several walks.
const RUN: usize = 64;

/// Where the sums of [`down`] go: `width` elements per row, at least a vector.
pub(crate) struct Sums<'a> {
    pub(crate) data: &'a mut [f32],
    /// Elements from one row to the next.
    pub(crate) pitch: usize,
}

/// `dst[y, x] = sum over r of column[r] * rows[y + r, x]` for `count` rows, at most [`TILE_ROWS`], of `width` elements,
/// at least a vector.
///
/// As in the plane kernel a loaded vector serves every output row whose column contains it: 4 rows and 4 vectors
/// make 16 multiplications of 4 loads and 4 broadcasts.
// Not inlined: callers are generic over pixel types that make no difference here.
#[inline(never)]
pub(crate) fn down<S: Simd>(
    simd: S,
    column: &[f32],
    rows: Rows<'_>,
    [count, width]: [usize; 2],
    dst: &mut Sums<'_>,
    from_memory: bool,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            // What the next outputs need of the rows that are read for the first time.
            let mut ahead: [&[f32]; TILE_ROWS] = [&[]; TILE_ROWS];
            if from_memory && count == TILE_ROWS {
                for (i, ahead) in ahead.iter_mut().enumerate() {
                    let row = rows.at(column.len() - 1 + i, 0).unwrap_or_default();
                    *ahead = row.get(width..).unwrap_or_default();
                }
            }
            let runs = column.len().div_ceil(RUN).max(1);
            let step = column.len().div_ceil(runs).max(1);
            for (first, column) in (0..).step_by(step).zip(column.chunks(step)) {
                let mut input: [&[f32]; RUN + TILE_ROWS - 1] = [&[]; RUN + TILE_ROWS - 1];
                for (r, input) in input.iter_mut().enumerate().take(column.len() + count - 1) {
                    let Some(row) = rows.at(first + r, 0) else { return };
                    let Some(row) = part(row, 0, width) else { return };
                    *input = row;
                }
                if count == TILE_ROWS && column.len() >= TILE_ROWS - 1 {
                    strip::<S, TILE_ROWS>(
                        simd,
                        column,
                        &input,
                        first == 0,
                        width,
                        (&mut *dst.data, dst.pitch),
                        &ahead,
                    );
                } else {
                    for y in 0..count {
                        let Some(dst) = rest_mut(dst.data, y * dst.pitch) else { return };
                        let Some(input) = rest(&input, y) else { return };
                        strip::<S, 1>(simd, column, input, first == 0, width, (dst, 0), &[]);
                    }
                }
            }
        },
    );
}

/// All vectors of `OR` rows, from left to right. The last ones are pushed back to end with the row.
#[inline(always)]
fn strip<S: Simd, const OR: usize>(
    simd: S,
    column: &[f32],
    input: &[&[f32]],
    is_first: bool,
    width: usize,
    (dst, pitch): (&mut [f32], usize),
    ahead: &[&[f32]],
) {
    let main = tile_vectors(S::REGISTERS) * S::LANES;
    let mut x = 0;
    while x + main <= width {
        for ahead in ahead.iter().filter_map(|row| row.get(x..x + main)) {
            for line in ahead.chunks_exact(S::LANES) {
                simd.prefetch(line);
            }
        }
        if const { tile_vectors(S::REGISTERS) == 4 } {
            column_tile::<S, OR, 4>(simd, column, input, is_first, x, dst, pitch);
        } else {
            column_tile::<S, OR, 2>(simd, column, input, is_first, x, dst, pitch);
        }
        x += main;
    }
    while x < width {
        // Sums that go on from earlier taps must not be made twice: there the tail goes element by element.
        if is_first || x + S::LANES <= width {
            let at = x.min(width - S::LANES);
            column_tile::<S, OR, 1>(simd, column, input, is_first, at, dst, pitch);
            x = at + S::LANES;
        } else {
            for i in 0..OR {
                let Some(sum) = dst.get_mut(i * pitch + x) else { return };
                for (w, row) in column.iter().zip(input.iter().skip(i)) {
                    let Some(value) = row.get(x) else { return };
                    let product = simd.mul_add(simd.splat(*w), simd.splat(*value), simd.splat(*sum));
                    let mut lanes = [0.0];
                    simd.store_first(product, &mut lanes);
                    *sum = lanes[0];
                }
            }
            x += 1;
        }
    }
}

/// `OR` rows of `NV` vectors: zeros, or the sums so far, and all taps.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "iterators would not stay in registers")]
fn column_tile<S: Simd, const OR: usize, const NV: usize>(
    simd: S,
    column: &[f32],
    input: &[&[f32]],
    is_first: bool,
    x: usize,
    dst: &mut [f32],
    pitch: usize,
) {
    let mut sums = [[simd.splat(0.0); NV]; OR];
    if !is_first {
        for i in 0..OR {
            let Some(dst) = part(dst, i * pitch + x, NV * S::LANES) else { return };
            for j in 0..NV {
                sums[i][j] = simd.load(&dst[j * S::LANES..]);
            }
        }
    }
    macro_rules! input_row {
        ($r:expr, $lo:literal, $hi:expr) => {
            let Some(row) = item(input, $r) else { return };
            let Some(src) = part(row, x, NV * S::LANES) else { return };
            let mut v = [simd.splat(0.0); NV];
            for j in 0..NV {
                v[j] = simd.load(&src[j * S::LANES..]);
            }
            for i in $lo..$hi {
                let Some(w) = item(column, $r - i) else { return };
                let w = simd.splat(*w);
                for j in 0..NV {
                    sums[i][j] = simd.mul_add(w, v[j], sums[i][j]);
                }
            }
        };
    }
    // The rows that only some of the outputs need are written out: see the tile of the plane kernel.
    let taps = column.len();
    if OR == TILE_ROWS {
        input_row!(0, 0, 1);
        input_row!(1, 0, 2);
        input_row!(2, 0, 3);
    }
    for r in OR - 1..taps {
        input_row!(r, 0, OR);
    }
    if OR == TILE_ROWS {
        input_row!(taps, 1, OR);
        input_row!(taps + 1, 2, OR);
        input_row!(taps + 2, 3, OR);
    }
    for i in 0..OR {
        let Some(dst) = part_mut(dst, i * pitch + x, NV * S::LANES) else { return };
        for j in 0..NV {
            simd.store(sums[i][j], &mut dst[j * S::LANES..]);
        }
    }
}

/// The rows of weights of a mask's terms, and what they are applied to.
#[derive(Clone, Copy)]
pub(crate) struct Across<'a> {
    /// A row of so many `taps` for each term, one behind the other.
    pub(crate) rows: &'a [f32],
    pub(crate) taps: usize,
    /// Elements from one tap's input to the next.
    pub(crate) step: usize,
    /// Sums down the picture, of [`TILE_ROWS`] rows for each term.
    pub(crate) src: &'a [f32],
    /// Elements from one row of them to the next.
    pub(crate) pitch: usize,
}

impl<'a> Across<'a> {
    /// The terms' rows, each with its input from element `x` of row `y` on.
    #[inline(always)]
    fn terms(self, y: usize, x: usize) -> impl Iterator<Item = (&'a [f32], &'a [f32])> {
        let inputs = self.src.chunks((TILE_ROWS * self.pitch).max(1));
        self.rows.chunks_exact(self.taps.max(1)).zip(inputs.map(
            #[inline(always)]
            move |src| rest(src, y * self.pitch + x).unwrap_or_default(),
        ))
    }
}

/// `sum over s of row[s] * src[y, x + s * step]`, over all terms, for `count` rows of `width` elements, one row after the
/// other.
///
/// Nothing is shared between rows here. A multiplication for each load would be bound by the loads, most of which cross
/// a cache line and cost twice. But taps whose elements are whole vectors apart can share: the vector that tap `s`
/// wants for one output is the one that tap `s + apart` wants for an output before it. So taps are taken in pairs
///
/// ```text
/// for each 2 * apart taps, for s in 0..apart
///     load vectors v[0], v[1], ... from x + s * step on
///     sums[j] += row[s] * v[j];  sums[j] += row[s + apart] * v[j + between]
/// ```
///
/// where `apart * step` elements are `between` vectors of 16. This order of taps is that of every level, whether its
/// loads are worth sharing or not, so all of them make the same sums.
// Not inlined: see `down`. Generic over the sink, but not over types of input.
#[inline(never)]
pub(crate) fn across<S: Simd, K: Sink>(
    simd: S,
    across: Across<'_>,
    [count, width]: [usize; 2],
    sink: &mut K,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let step = across.step;
            let pairs = across.taps > apart(step);
            for y in 0..count {
                if !pairs && across.rows.len() <= SHORT && width >= SHORT_VECTORS * S::LANES {
                    short_row(simd, across, y, width, sink);
                    continue;
                }
                let mut x = 0;
                if const { S::LANES == 16 } && pairs {
                    while x + 8 * S::LANES <= width {
                        let sums = match step {
                            3 => row_tile::<S, 8, 3>(simd, across, [y, x]),
                            _ => row_tile::<S, 8, 1>(simd, across, [y, x]),
                        };
                        sink.put(simd, [y, x], 8 * S::LANES, sums);
                        x += 8 * S::LANES;
                    }
                }
                if const { S::LANES == 8 } {
                    while x + 8 * S::LANES <= width {
                        sink.put(simd, [y, x], 8 * S::LANES, row_tile::<S, 8, 0>(simd, across, [y, x]));
                        x += 8 * S::LANES;
                    }
                } else {
                    while x + 4 * S::LANES <= width {
                        sink.put(simd, [y, x], 4 * S::LANES, row_tile::<S, 4, 0>(simd, across, [y, x]));
                        x += 4 * S::LANES;
                    }
                }
                while x < width {
                    let at = x.min(width.saturating_sub(S::LANES));
                    let sums = row_tile::<S, 1, 0>(simd, across, [y, at]);
                    sink.put(simd, [y, at], S::LANES.min(width), sums);
                    x = at + S::LANES;
                }
            }
        },
    );
}

/// Taps of all rows together that [`short_row`] can take: two of the longest that have no pairs.
const SHORT: usize = 32;
/// Vectors that it makes at a time, the accumulators of one output row.
const SHORT_VECTORS: usize = 8;

/// One output row of mask rows without pairs, for which what happens once per tile would take longer than the taps.
/// What each tap reads is found once for the whole row, as a slice as long as the outputs are, and so are the outputs; the
/// last tile is pushed back to end with the row.
#[inline(always)]
fn short_row<S: Simd, K: Sink>(simd: S, across: Across<'_>, y: usize, width: usize, sink: &mut K) {
    let mut inputs: [&[f32]; SHORT] = [&[]; SHORT];
    for (inputs, (row, src)) in inputs.chunks_exact_mut(across.taps.max(1)).zip(across.terms(y, 0)) {
        for (s, input) in inputs.iter_mut().enumerate().take(row.len()) {
            let Some(taps) = part(src, s * across.step, width) else { return };
            *input = taps;
        }
    }
    let mut out = sink.strip::<1>(y, width);
    let mut x = 0;
    while x < width {
        let at = x.min(width - SHORT_VECTORS * S::LANES);
        let mut sums = [simd.splat(0.0); SHORT_VECTORS];
        for (w, input) in across.rows.iter().zip(&inputs) {
            let w = simd.splat(*w);
            let Some(input) = part(input, 0, width) else { return };
            let Some(src) = part(input, at, SHORT_VECTORS * S::LANES) else { return };
            for j in 0..SHORT_VECTORS {
                sums[j] = simd.mul_add(w, simd.load(&src[j * S::LANES..]), sums[j]);
            }
        }
        out.put(simd, at, [sums]);
        x = at + SHORT_VECTORS * S::LANES;
    }
}

/// The taps of a pair, `apart` from each other, are whole vectors of 16 elements from each other.
const fn apart(step: usize) -> usize {
    match step {
        2 => 8,
        4 => 4,
        _ => 16,
    }
}

/// `NV` vectors. Pairs of taps share their loads if `BETWEEN` is more than 0; then it is `apart(step) * step / LANES`.
#[inline(always)]
fn row_tile<S: Simd, const NV: usize, const BETWEEN: usize>(
    simd: S,
    across: Across<'_>,
    [y, x]: [usize; 2],
) -> [[S::F32; NV]; 1] {
    let mut sums = [simd.splat(0.0); NV];
    let step = across.step;
    let apart = apart(step);
    for (row, src) in across.terms(y, x) {
        let mut taps = row;
        let mut at = 0;
        while let Some((near, far)) = taps.split_at_checked(apart)
            && !far.is_empty()
        {
            let pairs = far.len().min(apart);
            for (near, far) in near.iter().zip(far) {
                let Some(src) = rest(src, at) else { return [sums] };
                pair::<S, NV, BETWEEN>(simd, [*near, *far], src, apart * step, &mut sums);
                at += step;
            }
            let Some((alone, src)) = near.get(pairs..).zip(rest(src, at)) else { return [sums] };
            single::<S, NV>(simd, alone, step, src, &mut sums);
            at += (2 * apart - pairs) * step;
            taps = far.get(pairs..).unwrap_or_default();
        }
        if !taps.is_empty() {
            let Some(src) = rest(src, at) else { return [sums] };
            single::<S, NV>(simd, taps, step, src, &mut sums);
        }
    }
    [sums]
}

/// Two taps, `far` elements from each other, which are `BETWEEN` vectors if that is not 0.
#[inline(always)]
fn pair<S: Simd, const NV: usize, const BETWEEN: usize>(
    simd: S,
    [near_w, far_w]: [f32; 2],
    src: &[f32],
    far: usize,
    sums: &mut [S::F32; NV],
) {
    // The most vectors that a pair reads: 8 and 3 more.
    const MOST: usize = 11;
    let mut local = *sums;
    let (near_w, far_w) = (simd.splat(near_w), simd.splat(far_w));
    if BETWEEN > 0 {
        let Some(src) = part(src, 0, (NV + BETWEEN) * S::LANES) else { return };
        let mut v = [simd.splat(0.0); MOST];
        for j in 0..NV + BETWEEN {
            v[j] = simd.load(&src[j * S::LANES..]);
        }
        for j in 0..NV {
            local[j] = simd.mul_add(near_w, v[j], local[j]);
        }
        for j in 0..NV {
            local[j] = simd.mul_add(far_w, v[j + BETWEEN], local[j]);
        }
    } else {
        let Some(near) = part(src, 0, NV * S::LANES) else { return };
        let Some(far) = part(src, far, NV * S::LANES) else { return };
        for j in 0..NV {
            local[j] = simd.mul_add(near_w, simd.load(&near[j * S::LANES..]), local[j]);
        }
        for j in 0..NV {
            local[j] = simd.mul_add(far_w, simd.load(&far[j * S::LANES..]), local[j]);
        }
    }
    *sums = local;
}

/// Taps one by one.
#[inline(always)]
fn single<S: Simd, const NV: usize>(simd: S, row: &[f32], step: usize, src: &[f32], sums: &mut [S::F32; NV]) {
    let mut local = *sums;
    for (s, &w) in row.iter().enumerate() {
        let w = simd.splat(w);
        let Some(src) = part(src, s * step, NV * S::LANES) else { return };
        for j in 0..NV {
            local[j] = simd.mul_add(w, simd.load(&src[j * S::LANES..]), local[j]);
        }
    }
    *sums = local;
}
