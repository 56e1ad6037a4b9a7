//! Across, row by row: for boxes that are not wide. A window is a sum of sums of a few neighbours.
//!
//! ```text
//! parts[x] = src[x] + ... + src[x + p - 1]
//! window   = parts[x] + parts[x + p] + ... + src[x + q * p] + ...,     S = q * p + rest
//! ```
//!
//! takes `p + q + rest` loads in place of S: 8 for 15 taps, with parts of 3. Whole vectors are added; a running sum, one
//! addition and one subtraction, would go one element at a time.

use convoke_simd::Simd;

use super::WIDE;
use crate::slices;

/// Vectors that are worked on at a time.
const NV: usize = 4;

/// Elements of outputs that are worked on at a time, so that their parts stay in the first cache.
const CHUNK: usize = 2048;

/// How rows are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Neighbours in a part; 1 if there are no parts.
    size: usize,
    /// Outputs at a time.
    chunk: usize,
}

impl Parts {
    /// For rows of `width` outputs.
    pub(crate) fn new(taps: usize, width: usize, lanes: usize) -> Self {
        Self { size: part(taps), chunk: CHUNK.min(width).max(lanes) }
    }
}

/// Neighbours in a part.
fn part(taps: usize) -> usize {
    // Parts are stored and loaded again, which costs as much as the last two loads.
    let loads = |size: usize| match size.max(1) {
        1 => taps,
        size => size + taps / size + taps % size + 2,
    };
    (1..=taps.isqrt()).min_by_key(|&size| loads(size)).unwrap_or(1)
}

/// Additions per output.
pub(crate) fn additions(taps: usize) -> usize {
    match part(taps) {
        1 => taps - 1,
        size => size - 1 + taps / size + taps % size - 1,
    }
}

/// Elements that parts need. `None` if that does not fit.
pub(crate) const fn len(taps: usize, channels: usize, width: usize, lanes: usize) -> Option<usize> {
    let chunk = if CHUNK < width { CHUNK } else { width };
    // Parts are written in whole vectors, and there is one at least.
    match taps.saturating_sub(1).checked_mul(channels) {
        Some(halo) => (chunk + 2 * lanes).checked_add(halo),
        None => None,
    }
}

/// `dst[x] = sum over s of src[x + s * step]`, for as many `taps`, fewer than [`WIDE`], and `x` up to `width`.
///
/// `src` and `dst` reach the width, or a vector if that is more; `src` also what is under the mask.
// Not inlined: callers are generic over pixel types that make no difference here.
#[inline(never)]
pub(crate) fn across<S: Simd>(
    simd: S,
    src: &[f32],
    [taps, step]: [usize; 2],
    (width, parts): (usize, Parts),
    buffer: &mut [f32],
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
                let n = parts.chunk.min(width - x).max(S::LANES);
                let at = x.min(width - n);
                let Some(src) = slices::part(src, at, n + halo) else { return };
                let Some(dst) = slices::part_mut(dst, at, n) else { return };
                chunk_across(simd, src, [taps, step], parts.size, buffer, dst);
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
    size: usize,
    buffer: &mut [f32],
    dst: &mut [f32],
) {
    let mut terms: [&[f32]; WIDE] = [&[]; WIDE];
    let mut n = 0;
    let mut tap = 0;
    if size > 1 {
        let len = src.len() - (size - 1) * step;
        for (i, term) in terms.iter_mut().take(size).enumerate() {
            let Some(shifted) = slices::part(src, i * step, len) else { return };
            *term = shifted;
        }
        let Some(parts) = slices::part_mut(buffer, 0, len) else { return };
        sum_rows(simd, terms.get(..size).unwrap_or_default(), parts);
        while tap + size <= taps {
            let (Some(term), Some(shifted)) = (terms.get_mut(n), slices::part(parts, tap * step, dst.len()))
            else {
                return;
            };
            *term = shifted;
            n += 1;
            tap += size;
        }
    }
    while tap < taps {
        let (Some(term), Some(shifted)) = (terms.get_mut(n), slices::part(src, tap * step, dst.len())) else {
            return;
        };
        *term = shifted;
        n += 1;
        tap += 1;
    }
    sum_rows(simd, terms.get(..n).unwrap_or_default(), dst);
}

/// `dst` is the sum of the terms, each as long as it and at least a vector, the first ones first.
#[inline(always)]
fn sum_rows<S: Simd>(simd: S, terms: &[&[f32]], dst: &mut [f32]) {
    let mut x = 0;
    while x + NV * S::LANES <= dst.len() {
        sum_tile::<S, NV>(simd, terms, x, dst);
        x += NV * S::LANES;
    }
    while x < dst.len() {
        let at = x.min(dst.len() - S::LANES);
        sum_tile::<S, 1>(simd, terms, at, dst);
        x = at + S::LANES;
    }
}

#[inline(always)]
fn sum_tile<S: Simd, const NV: usize>(simd: S, terms: &[&[f32]], x: usize, dst: &mut [f32]) {
    let mut sums = [simd.splat(0.0); NV];
    for (i, term) in terms.iter().enumerate() {
        let Some(term) = slices::part(term, x, NV * S::LANES) else { return };
        for j in 0..NV {
            let v = simd.load(&term[j * S::LANES..]);
            // Not added to +0, which would take the sign from a zero.
            sums[j] = if i == 0 { v } else { simd.add(sums[j], v) };
        }
    }
    let Some(dst) = slices::part_mut(dst, x, NV * S::LANES) else { return };
    for j in 0..NV {
        simd.store(sums[j], &mut dst[j * S::LANES..]);
    }
}
