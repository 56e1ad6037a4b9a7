//! The kernels of box filters: sums of equal taps in constant time, without a running difference, so that nothing
//! drifts and an infinity is in the sums of its own windows only. The accumulate stage of box filters; [`across`] is
//! the pass along rows, and the other two are the steps of the pass down.
//!
//! # Across
//!
//! ```text
//! level[0][x] = src[x]
//! level[i + 1][x] = level[i][x] + level[i][x + n] + level[i][x + 2 n] + level[i][x + 3 n],   n = 4^i steps
//! ```
//!
//! holds sums of `4^i` neighbours, and the digits of S in base 4 say how many sums of each level make a window. That is
//! up to `3 * log4(S)` additions, each of a whole vector; running sums, one addition and one subtraction, would go one
//! element at a time.
//!
//! # Down
//!
//! Rows of sums are cut into groups of R (van Herk, *A fast algorithm for local minimum and maximum filters on
//! rectangular and octagonal kernels*, 1992; Gil and Werman, 1993). A window of R rows that starts at row `i` of a group
//! is that group's end from row `i` on, and the next group's first `i` rows:
//!
//! ```text
//! suffix[i] = sums[i] + suffix[i + 1]         once per group, from below
//! window    = suffix[i] + prefix;   prefix += next group's sums[i]
//! ```
//!
//! three additions per element, whatever R is.

use convoke_simd::Simd;

use super::plane::Sink;

/// Vectors that are worked on at a time.
const NV: usize = 4;

/// Levels above 0 that any side up to `u32::MAX` needs.
const LEVELS: usize = 16;

/// Elements of outputs that [`across`] works on at a time, so that their levels stay in the first cache.
pub(crate) const CHUNK: usize = 1024;

/// The outputs of a chunk, and the elements of the levels' buffer, for rows of `width` outputs; `halo` is
/// `(taps - 1) * step`. `None` if that does not fit in memory.
pub(crate) fn layout(taps: usize, halo: usize, width: usize, lanes: usize) -> Option<(usize, usize)> {
    // Where the mask is wider than a chunk, levels are made for more than the outputs: at most twice as much.
    let chunk = CHUNK.max(halo).min(width).max(lanes);
    // Every level is written in whole vectors.
    Some((chunk, chunk.checked_add(halo)?.checked_add(lanes)?.checked_mul(levels(taps))?))
}

/// Levels above 0: the greatest `i` with `4^i <= taps`.
pub(crate) const fn levels(taps: usize) -> usize {
    (taps.ilog2() / 2) as usize
}

/// `dst[x] = sum over s of src[x + s * step]`, for as many `taps` and `x` up to `width`, in chunks of `chunk`.
///
/// `src` and `dst` reach the width, or a vector if that is more; `src` also what is under the mask.
// Not inlined: callers are generic over pixel types that make no difference here.
#[inline(never)]
pub(crate) fn across<S: Simd>(
    simd: S,
    src: &[f32],
    [taps, step]: [usize; 2],
    [width, chunk]: [usize; 2],
    levels_buffer: &mut [f32],
    dst: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let width = width.max(S::LANES);
            let halo = (taps - 1) * step;
            let mut x = 0;
            while x < width {
                // The last chunk overlaps with the one before rather than be narrower than a vector.
                let n = chunk.min(width - x).max(S::LANES);
                let at = x.min(width - n);
                chunk_across(simd, &src[at..][..n + halo], [taps, step], levels_buffer, &mut dst[at..][..n]);
                x = at + n;
            }
        },
    );
}

#[inline(always)]
fn chunk_across<S: Simd>(
    simd: S,
    src: &[f32],
    [taps, step]: [usize; 2],
    buffer: &mut [f32],
    dst: &mut [f32],
) {
    const NO_LEVEL: &[f32] = &[];
    let mut level = [NO_LEVEL; LEVELS + 1];
    level[0] = src;
    let count = levels(taps);
    let mut rest = buffer;
    let (mut apart, mut len) = (step, src.len());
    for i in 0..count {
        len -= 3 * apart;
        let (this, behind) = rest.split_at_mut(len);
        sum_of_four(simd, level[i], apart, this);
        level[i + 1] = this;
        rest = behind;
        apart *= 4;
    }
    // The terms of a window, the longest sums first.
    let mut terms = [NO_LEVEL; 3 * (LEVELS + 1)];
    let (mut at, mut n) = (0, 0);
    for i in (0..=count).rev() {
        for _ in 0..taps >> (2 * i) & 3 {
            terms[n] = &level[i][at..][..dst.len()];
            n += 1;
            at += step << (2 * i);
        }
    }
    let terms = &terms[..n];
    let len = dst.len();
    // Without the attribute the closure would be a function of its own, without the level's instructions.
    each_tile::<S>(
        len,
        #[inline(always)]
        |x, width| {
            if width == NV * S::LANES {
                sum_of_terms::<S, NV>(simd, terms, x, dst);
            } else {
                sum_of_terms::<S, 1>(simd, terms, x, dst);
            }
        },
    );
}

/// `dst[x] = src[x] + src[x + apart] + src[x + 2 apart] + src[x + 3 apart]`.
#[inline(always)]
fn sum_of_four<S: Simd>(simd: S, src: &[f32], apart: usize, dst: &mut [f32]) {
    let len = dst.len();
    let (a, b) = (&src[..len], &src[apart..][..len]);
    let (c, d) = (&src[2 * apart..][..len], &src[3 * apart..][..len]);
    each_tile::<S>(
        len,
        #[inline(always)]
        |x, width| {
            for x in (x..x + width).step_by(S::LANES) {
                let low = simd.add(simd.load(&a[x..]), simd.load(&b[x..]));
                let high = simd.add(simd.load(&c[x..]), simd.load(&d[x..]));
                simd.store(simd.add(low, high), &mut dst[x..]);
            }
        },
    );
}

#[inline(always)]
fn sum_of_terms<S: Simd, const NV: usize>(simd: S, terms: &[&[f32]], x: usize, dst: &mut [f32]) {
    let mut sums = [simd.splat(0.0); NV];
    for (i, term) in terms.iter().enumerate() {
        let term = &term[x..][..NV * S::LANES];
        for j in 0..NV {
            let v = simd.load(&term[j * S::LANES..]);
            sums[j] = if i == 0 { v } else { simd.add(sums[j], v) };
        }
    }
    let dst = &mut dst[x..][..NV * S::LANES];
    for j in 0..NV {
        simd.store(sums[j], &mut dst[j * S::LANES..]);
    }
}

/// Calls with every `(x, width)` of a row of `len` elements, at least a vector: tiles of `NV` vectors, then single ones,
/// the last of which is pushed back to end with the row.
#[inline(always)]
fn each_tile<S: Simd>(len: usize, mut tile: impl FnMut(usize, usize)) {
    let mut x = 0;
    while x + NV * S::LANES <= len {
        tile(x, NV * S::LANES);
        x += NV * S::LANES;
    }
    while x < len {
        let at = x.min(len - S::LANES);
        tile(at, S::LANES);
        x = at + S::LANES;
    }
}

/// A group of rows of sums.
pub(crate) struct Group<'a> {
    /// Row by row, at `pitch`.
    pub(crate) data: &'a mut [f32],
    pub(crate) pitch: usize,
    /// Elements of a row that matter, at least a vector.
    pub(crate) width: usize,
}

impl Group<'_> {
    /// Makes every row, from the last-but-one of `rows` up to the first, the sum of itself and all below it.
    #[inline(never)]
    pub(crate) fn suffix_sums<S: Simd>(&mut self, simd: S, rows: core::ops::Range<usize>) {
        simd.vectorize(
            #[inline(always)]
            || {
                // Tiles must not overlap here: a sum made twice would be another one.
                let mut x = 0;
                while x + NV * S::LANES <= self.width {
                    self.suffix_tile::<S, NV>(simd, rows.clone(), x);
                    x += NV * S::LANES;
                }
                while x < self.width {
                    // The pitch leaves room for a vector behind the row.
                    self.suffix_tile::<S, 1>(simd, rows.clone(), x);
                    x += S::LANES;
                }
            },
        );
    }

    #[inline(always)]
    fn suffix_tile<S: Simd, const NV: usize>(&mut self, simd: S, rows: core::ops::Range<usize>, x: usize) {
        let mut sums = [simd.splat(0.0); NV];
        for i in rows.clone().rev() {
            let row = &mut self.data[i * self.pitch + x..][..NV * S::LANES];
            for j in 0..NV {
                let v = simd.load(&row[j * S::LANES..]);
                sums[j] = if i + 1 == rows.end { v } else { simd.add(v, sums[j]) };
                simd.store(sums[j], &mut row[j * S::LANES..]);
            }
        }
    }

    /// Puts the next group's row `i` in the place of this one's and into the prefix, without a window.
    #[inline(never)]
    pub(crate) fn skip<S: Simd>(&mut self, simd: S, i: usize, next: &[f32], prefix: &mut [f32]) {
        simd.vectorize(
            #[inline(always)]
            || {
                let row = &mut self.data[i * self.pitch..];
                for x in (0..self.width).step_by(S::LANES) {
                    window_tile::<S, 1>(simd, row, next, prefix, 1.0, x, i > 0);
                }
            },
        );
    }

    /// Takes the window of row `i`, which is its suffix and the prefix so far, and puts the next group's row `i` in its
    /// place and into the prefix. `weight` is the mask's value.
    #[inline(never)]
    pub(crate) fn window<S: Simd, K: Sink>(
        &mut self,
        simd: S,
        i: usize,
        next: &[f32],
        prefix: &mut [f32],
        weight: f32,
        (y, outputs, sink): (usize, usize, &mut K),
    ) {
        simd.vectorize(
            #[inline(always)]
            || {
                let row = &mut self.data[i * self.pitch..];
                let mut x = 0;
                while x + NV * S::LANES <= outputs {
                    let sums = window_tile::<S, NV>(simd, row, next, prefix, weight, x, i > 0);
                    sink.put(simd, [y, x], NV * S::LANES, sums);
                    x += NV * S::LANES;
                }
                while x < self.width {
                    let sums = window_tile::<S, 1>(simd, row, next, prefix, weight, x, i > 0);
                    // Sums are made once; pixels may be written twice, so the last vector is pushed back.
                    if x + S::LANES <= outputs {
                        sink.put(simd, [y, x], S::LANES, sums);
                    } else if x < outputs {
                        sink.put(simd, [y, x], outputs - x, sums);
                    }
                    x += S::LANES;
                }
            },
        );
    }
}

#[inline(always)]
fn window_tile<S: Simd, const NV: usize>(
    simd: S,
    row: &mut [f32],
    next: &[f32],
    prefix: &mut [f32],
    weight: f32,
    x: usize,
    has_prefix: bool,
) -> [[S::F32; NV]; 1] {
    let (row, next) = (&mut row[x..][..NV * S::LANES], &next[x..][..NV * S::LANES]);
    let prefix = &mut prefix[x..][..NV * S::LANES];
    let mut sums = [simd.splat(0.0); NV];
    for (j, sum) in sums.iter_mut().enumerate() {
        let at = j * S::LANES;
        let (suffix, new) = (simd.load(&row[at..]), simd.load(&next[at..]));
        if has_prefix {
            let old = simd.load(&prefix[at..]);
            *sum = simd.add(suffix, old);
            simd.store(simd.add(old, new), &mut prefix[at..]);
        } else {
            *sum = suffix;
            simd.store(new, &mut prefix[at..]);
        }
        simd.store(new, &mut row[at..]);
    }
    if weight != 1.0 {
        for sum in &mut sums {
            *sum = simd.mul(*sum, simd.splat(weight));
        }
    }
    [sums]
}
