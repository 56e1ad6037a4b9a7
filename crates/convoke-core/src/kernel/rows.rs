//! The row kernel: one mask over a few rows of gathered values, pixels as lanes, for layers in which each out channel is a
//! mask of its own. Rows may be a stride apart, and columns of taps anywhere. [`Lay`] is how rows get there.
//!
//! It differs from the [plane kernel](super::plane), which has pictures to filter, in what it spends on a plane: planes of
//! layers are small, so a tile hangs over the end of its row where it must, and needs nothing prepared.

use convoke_simd::Simd;

use super::plane::{Rows, Sink, TILE_ROWS as ROWS, Taps, tile};

/// Vectors along x of the largest tile.
pub(crate) const fn vectors(registers: usize) -> usize {
    if registers >= 32 { 4 } else { 2 }
}

/// Vectors by which a tile may hang over.
pub(crate) const OVER: usize = 2;

/// Computes `count` output rows of `width` elements.
///
/// Each row must reach `offset(cols - 1)` plus the width, rounded up to whole vectors, plus one vector.
#[inline(never)]
pub(crate) fn accumulate<S: Simd, F: Fn(usize) -> usize, K: Sink>(
    simd: S,
    taps: &Taps<'_, F>,
    rows: Rows<'_>,
    [count, width]: [usize; 2],
    sink: &mut K,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut y = 0;
            while y < count {
                let whole = count - y >= ROWS;
                let shared = whole && taps.row_stride == 1 && taps.rows >= ROWS - 1;
                let mut x = 0;
                while x < width {
                    let at = [y, x];
                    let vectors = match (width - x).div_ceil(S::LANES) {
                        1 => 1,
                        2 => 2,
                        _ if S::REGISTERS >= 32 => 4,
                        _ => 2,
                    };
                    let lanes = (width - x).min(vectors * S::LANES);
                    match (vectors, whole) {
                        (1, true) => four::<S, F, K, 1>(simd, taps, rows, at, lanes, shared, sink),
                        (2, true) => four::<S, F, K, 2>(simd, taps, rows, at, lanes, shared, sink),
                        (1, false) => {
                            sink.put(simd, at, lanes, tile::<S, F, 1, 1, false>(simd, taps, rows, y, x));
                        }
                        (2, false) => {
                            sink.put(simd, at, lanes, tile::<S, F, 1, 2, false>(simd, taps, rows, y, x));
                        }
                        _ if const { S::REGISTERS < 32 } => {}
                        (_, true) => four::<S, F, K, 4>(simd, taps, rows, at, lanes, shared, sink),
                        (_, false) => {
                            sink.put(simd, at, lanes, tile::<S, F, 1, 4, false>(simd, taps, rows, y, x));
                        }
                    }
                    x += vectors * S::LANES;
                }
                y += if whole { ROWS } else { 1 };
            }
        },
    );
}

/// Four output rows.
#[inline(always)]
fn four<S: Simd, F: Fn(usize) -> usize, K: Sink, const V: usize>(
    simd: S,
    taps: &Taps<'_, F>,
    rows: Rows<'_>,
    at: [usize; 2],
    lanes: usize,
    shared: bool,
    sink: &mut K,
) {
    let sums = if shared {
        tile::<S, F, ROWS, V, true>(simd, taps, rows, at[0], at[1])
    } else {
        tile::<S, F, ROWS, V, false>(simd, taps, rows, at[0], at[1])
    };
    sink.put(simd, at, lanes, sums);
}

/// How a row is laid out: for each column of the stride, the columns of the image that are a stride apart, from
/// `before` columns in front of the image on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Phases {
    pub(crate) stride: usize,
    pub(crate) before: usize,
    /// How many phases there are, how many elements of each are used, and how far it is to the next; at least [`OVER`] vectors
    /// lie between.
    pub(crate) count: usize,
    pub(crate) used: usize,
    pub(crate) len: usize,
}

impl Phases {
    /// The elements of phase `p` that are columns of an image of this width, and the column of the first of them.
    pub(crate) fn inside(&self, p: usize, width: usize) -> ([usize; 2], usize) {
        let element = |column: usize| column.saturating_sub(p).div_ceil(self.stride).min(self.used);
        let [first, end] = [element(self.before), element(self.before + width)];
        ([first, end], if first < end { first * self.stride + p - self.before } else { 0 })
    }

    /// What is the same for all rows of an image of this width.
    pub(crate) fn lay(self, width: usize) -> Lay {
        let span = |p: usize| if p < self.count { self.inside(p, width).0 } else { [0, 0] };
        Lay { phases: self, spans: [span(0), span(1)] }
    }
}

/// [`Phases`] with what takes divisions done.
pub(crate) struct Lay {
    phases: Phases,
    /// Of the first two phases.
    spans: [[usize; 2]; 2],
}

impl Lay {
    /// Lays out a row; columns outside the image become `outside`. Call it inside [`Simd::vectorize`].
    #[inline(always)]
    pub(crate) fn row<S: Simd>(&self, simd: S, row: &[f32], outside: f32, out: &mut [f32]) {
        let Phases { stride, before, count, len, .. } = self.phases;
        let edge = simd.splat(outside);
        match stride {
            1 => {
                let [first, end] = self.spans[0];
                fill(simd, edge, first, out);
                copy(simd, &row[..end - first], &mut out[first..]);
                fill(simd, edge, len - end, &mut out[end..]);
            }
            2 => {
                let (upper, lower) = out.split_at_mut(len);
                let [a, b] = self.spans;
                // Which phase has the even columns, depends on the padding.
                let swapped = before % 2 == 1;
                fill(simd, edge, a[0], upper);
                if count == 2 {
                    fill(simd, edge, b[0], lower);
                }
                {
                    let (upper, lower) = (&mut upper[a[0]..], lower.get_mut(b[0]..).unwrap_or_default());
                    let counts = [a[1] - a[0], b[1] - b[0]];
                    if swapped {
                        halve(simd, row, [counts[1], counts[0]], lower, upper);
                    } else {
                        halve(simd, row, counts, upper, lower);
                    }
                }
                fill(simd, edge, len - a[1], &mut upper[a[1]..]);
                if count == 2 {
                    fill(simd, edge, len - b[1], &mut lower[b[1]..]);
                }
            }
            _ => {
                for (p, out) in out.chunks_exact_mut(len).take(count).enumerate() {
                    let ([first, end], column) = self.phases.inside(p, row.len());
                    out.fill(outside);
                    let row = row.get(column..).unwrap_or_default();
                    for (out, x) in out[first..end].iter_mut().zip(row.iter().step_by(stride)) {
                        *out = *x;
                    }
                }
            }
        }
    }
}

/// As many even columns of a row as `counts` says to `even`, its odd columns to `odd`, and less than a vector of anything
/// behind them.
#[inline(always)]
fn halve<S: Simd>(simd: S, row: &[f32], counts: [usize; 2], even: &mut [f32], odd: &mut [f32]) {
    let mut at = 0;
    while at < counts[0].max(counts[1]) {
        let a = &row[2 * at..];
        let [a, b] = if a.len() >= 2 * S::LANES {
            [simd.load(a), simd.load(&a[S::LANES..])]
        } else if a.len() > S::LANES {
            [simd.load(a), simd.load_first(&a[S::LANES..])]
        } else {
            [simd.load_first(a), simd.splat(0.0)]
        };
        let [e, o] = simd.deinterleave(a, b);
        if at < counts[0] {
            simd.store(e, &mut even[at..]);
        }
        if at < counts[1] {
            simd.store(o, &mut odd[at..]);
        }
        at += S::LANES;
    }
}

/// Copies `src` to the front of `out`, and up to a vector less one element of 0 behind it.
#[inline(always)]
fn copy<S: Simd>(simd: S, src: &[f32], out: &mut [f32]) {
    let mut at = 0;
    while at + S::LANES <= src.len() {
        simd.store(simd.load(&src[at..]), &mut out[at..]);
        at += S::LANES;
    }
    if at < src.len() {
        simd.store(simd.load_first(&src[at..]), &mut out[at..]);
    }
}

/// Fills the first `count` elements and less than a vector behind them, which must be there.
#[inline(always)]
fn fill<S: Simd>(simd: S, value: S::F32, count: usize, out: &mut [f32]) {
    let mut at = 0;
    while at + S::LANES <= out.len().min(count + S::LANES - 1) {
        simd.store(value, &mut out[at..]);
        at += S::LANES;
    }
    if at < count {
        let last = out.len().saturating_sub(S::LANES);
        simd.store(value, &mut out[last..]);
    }
}
