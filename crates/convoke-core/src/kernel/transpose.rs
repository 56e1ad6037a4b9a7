//! Squares of values, as many rows as a vector has lanes, transposed in registers. For kernels whose neighbours are better
//! in other vectors than in other lanes, and for changes of layout.

use convoke_simd::Simd;

use crate::slices::{part, part_mut, rest};

/// Lanes of the widest level.
pub(crate) const MAX_LANES: usize = 16;

/// Transposes the square of the first [`Simd::LANES`] vectors.
///
/// Interleaving row `i` with row `i + LANES / 2` for all `i` moves the bits of an element's place, row before lane, around by
/// one. As many times as a lane's number has bits, and rows and lanes have changed places.
#[inline(always)]
pub(crate) fn transpose<S: Simd>(simd: S, square: &mut [S::F32; MAX_LANES]) {
    let half = S::LANES / 2;
    for _ in 0..S::LANES.ilog2() {
        let from = *square;
        for i in 0..half {
            let [low, high] = simd.interleave(from[i], from[i + half]);
            square[2 * i] = low;
            square[2 * i + 1] = high;
        }
    }
}

/// A square of `rows` by `cols` values, transposed on the way from `src`, whose rows are `from` elements apart, to `out`,
/// whose rows are `to` apart. Squares that are not `FULL` have fewer rows or columns than a vector has lanes.
#[inline(always)]
fn square<S: Simd, const FULL: bool>(
    simd: S,
    src: &[f32],
    from: usize,
    [rows, cols]: [usize; 2],
    out: &mut [f32],
    to: usize,
) {
    let mut square = [simd.splat(0.0); MAX_LANES];
    // The same row after row, so that masks are made once.
    let (rows, cols) = if FULL { (S::LANES, S::LANES) } else { (rows.min(S::LANES), cols.min(S::LANES)) };
    for row in 0..S::LANES {
        if FULL {
            square[row] = simd.load(&src[row * from..]);
        } else if row < rows {
            square[row] = simd.load_first(&src[row * from..][..cols]);
        }
    }
    transpose(simd, &mut square);
    for col in 0..S::LANES {
        if FULL {
            simd.store(square[col], &mut out[col * to..]);
        } else if col < cols {
            simd.store_first(square[col], &mut out[col * to..][..rows]);
        }
    }
}

/// Transposes `rows` by `cols` values: `out[col * to + row] = src[row * from + col]`.
#[inline(never)]
pub(crate) fn transpose_into<S: Simd>(
    simd: S,
    src: &[f32],
    from: usize,
    [rows, cols]: [usize; 2],
    out: &mut [f32],
    to: usize,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            for row in (0..rows).step_by(S::LANES) {
                for col in (0..cols).step_by(S::LANES) {
                    let left = [rows - row, cols - col];
                    let (src, out) = (&src[row * from + col..], &mut out[col * to + row..]);
                    if left[0] >= S::LANES && left[1] >= S::LANES {
                        square::<S, true>(simd, src, from, left, out, to);
                    } else {
                        square::<S, false>(simd, src, from, left, out, to);
                    }
                }
            }
        },
    );
}

/// The same with each column at a place of its own, `out[place(col) + row] = src[row * from + col]`, or left out if that is
/// `usize::MAX`.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "iterators would not stay in registers")]
pub(crate) fn transpose_to<S: Simd>(
    simd: S,
    src: &[f32],
    from: usize,
    [rows, cols]: [usize; 2],
    out: &mut [f32],
    place: impl Fn(usize) -> usize,
) {
    for col in (0..cols).step_by(S::LANES) {
        let wide = (cols - col).min(S::LANES);
        let mut places = [0; MAX_LANES];
        for (i, at) in places.iter_mut().enumerate().take(wide) {
            *at = place(col + i);
        }
        let mut row = 0;
        while row < rows {
            let high = (rows - row).min(S::LANES);
            let Some(src) = rest(src, row * from + col) else { return };
            let mut square = [simd.splat(0.0); MAX_LANES];
            for i in 0..S::LANES {
                if i < high {
                    let Some(line) = part(src, i * from, wide) else { return };
                    square[i] = simd.load_first(line);
                }
            }
            transpose(simd, &mut square);
            for i in 0..S::LANES {
                if i < wide && places[i] != usize::MAX {
                    let Some(out) = part_mut(out, places[i] + row, high) else { return };
                    simd.store_first(square[i], out);
                }
            }
            row += high;
        }
    }
}

/// The same of one in `every` columns only: `out[i * to + row] = src[row * from + i * every]` for `count` of them.
#[inline(never)]
pub(crate) fn transpose_some<S: Simd>(
    simd: S,
    src: &[f32],
    [from, every]: [usize; 2],
    [rows, count]: [usize; 2],
    out: &mut [f32],
    to: usize,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let some = (S::LANES - 1) / every + 1;
            for i in (0..count).step_by(some) {
                let wanted = (count - i).min(some);
                // None behind the last wanted one is read.
                let cols = (wanted - 1) * every + 1;
                for row in (0..rows).step_by(S::LANES) {
                    let depth = (rows - row).min(S::LANES);
                    let src = &src[row * from + i * every..];
                    let mut square = [simd.splat(0.0); MAX_LANES];
                    for r in 0..S::LANES {
                        if r < depth {
                            square[r] = simd.load_first(&src[r * from..][..cols]);
                        }
                    }
                    transpose(simd, &mut square);
                    let out = &mut out[i * to + row..];
                    let mut next = 0;
                    for (col, pixel) in square.iter().enumerate() {
                        if col < cols && col == next * every {
                            simd.store_first(*pixel, &mut out[next * to..][..depth]);
                            next += 1;
                        }
                    }
                }
            }
        },
    );
}

/// Up to this distance values are picked by vectors.
const NEAR: usize = 8;

/// Values that are picked: from where on, how many, and to where.
#[derive(Clone, Copy, Default)]
pub(crate) struct Line {
    pub(crate) from: usize,
    pub(crate) count: usize,
    pub(crate) to: usize,
}

/// One in `every` values of lines of planes: `out[plane * to + line.to + i] = src[plane * from + line.from + i * every]`. Plane
/// by plane, since their lines lie side by side.
///
/// Lane `i` of a vector comes from lane `i * every` of the vectors that follow each other in `src`, counted through: the
/// same order of lanes brings what a vector has to its place, whichever it is, and those from a certain lane on are taken.
#[inline(never)]
pub(crate) fn pick_into<S: Simd>(
    simd: S,
    src: &[f32],
    [planes, from, every]: [usize; 3],
    lines: &[Line],
    out: &mut [f32],
    to: usize,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut places = [0; MAX_LANES];
            let mut numbers = [0.0; MAX_LANES];
            for i in 0..MAX_LANES {
                (places[i], numbers[i]) = ((i * every.min(NEAR)) as u32, i as f32);
            }
            let (order, numbers) = (simd.order(&places), simd.load(&numbers));
            for plane in 0..planes {
                let (src, out) = (&src[plane * from..], &mut out[plane * to..]);
                for line in lines {
                    let count = line.count;
                    let (src, out) = (&src[line.from..], &mut out[line.to..][..count]);
                    if const { S::BY_LANE } && every == 1 {
                        // What copies memory has no tests for each vector, which take the place of masks here.
                        out.copy_from_slice(&src[..count]);
                        continue;
                    }
                    if every > NEAR || S::LANES < 4 {
                        for (i, out) in out.iter_mut().enumerate() {
                            *out = src[i * every];
                        }
                        continue;
                    }
                    let mut i = 0;
                    while i < count {
                        let wanted = (count - i).min(S::LANES);
                        // Nothing behind the last one is read.
                        let src = &src[i * every..][..(wanted - 1) * every + 1];
                        let mut v = simd.load_first(src);
                        if every > 1 {
                            v = simd.permute(v, order);
                            let mut k = 1;
                            while k * S::LANES < src.len() {
                                let next = simd.permute(simd.load_first(&src[k * S::LANES..]), order);
                                let first = simd.splat((k * S::LANES).div_ceil(every) as f32);
                                v = simd.select_lt(numbers, first, v, next);
                                k += 1;
                            }
                        }
                        simd.store_first(v, &mut out[i..][..wanted]);
                        i += S::LANES;
                    }
                }
            }
        },
    );
}
