//! Across, a few rows at once and transposed: for wide boxes.
//!
//! A window of S pixels is the end of one group of S pixels and the beginning of the next, as in [`down`](super::down):
//!
//! ```text
//! ends[x] = src[x] + ends[x + 1]              once per group, from the right
//! window  = ends[x] + prefix;   prefix += the same place in the next group
//! ```
//!
//! # What departs from that
//!
//! * Along a row that is one element at a time. As many rows as a vector has lanes are transposed first, so that a vector
//!   is a column: squares in registers, each way.
//! * The squares, the groups and the squares of the way back follow each other closely, so that a column is in the first
//!   cache from its first square to its last.
//! * Ends take the place of their columns, and windows that of the ends.
//! * Additions wait for each other along a row. Two vectors of rows for one channel, and all channels of more, go side by
//!   side.
//!
//! Groups are those of the whole picture, so no division into blocks of columns changes a bit.

use convoke_simd::Simd;

use crate::kernel::transpose::{MAX_LANES, transpose};
use crate::slices::{part, part_mut, rest, rest_mut, split_mut};

/// Rows of input that are summed together.
pub(crate) struct Lines<'a> {
    /// Row by row, at `pitch`, with a vector behind what the last row's outputs need.
    pub(crate) data: &'a [f32],
    pub(crate) pitch: usize,
    /// How many.
    pub(crate) count: usize,
}

/// Most rows at once.
pub(crate) const fn most_rows(channels: usize, lanes: usize) -> usize {
    if channels == 1 { 2 * lanes } else { lanes }
}

/// Elements of columns for rows of `width` outputs. `None` if that does not fit.
pub(crate) const fn len(taps: usize, channels: usize, width: usize, lanes: usize) -> Option<usize> {
    let Some(under) = taps.checked_mul(channels) else { return None };
    let Some(all) = width.checked_add(under) else { return None };
    let Some(all) = all.checked_next_multiple_of(lanes) else { return None };
    all.checked_mul(most_rows(channels, lanes))
}

/// Elements of columns for [`across_row`].
pub(crate) const fn row_len(taps: usize, channels: usize, width: usize, lanes: usize) -> Option<usize> {
    let Some(group) = taps.checked_mul(channels) else { return None };
    len(taps, channels, if group < width { group } else { width }, lanes)
}

/// A single row: its groups are the lines, since each group's windows are made of it and the next one alone.
pub(crate) fn across_row<S: Simd>(
    simd: S,
    src: &[f32],
    [taps, channels]: [usize; 2],
    width: usize,
    columns: &mut [f32],
    dst: &mut [f32],
) {
    let (group, most) = (taps * channels, most_rows(channels, S::LANES));
    let mut x = 0;
    while x < width {
        let count = ((width - x) / group.max(1)).min(most);
        let (count, outputs) = if count == 0 { (1, width - x) } else { (count, group) };
        let Some((data, dst)) = rest(src, x).zip(rest_mut(dst, x)) else { return };
        let lines = Lines { data, pitch: group, count };
        across(simd, &lines, [taps, channels], [0, outputs], columns, (dst, group));
        x += count * outputs;
    }
}

/// `dst[y][x] = sum over s < taps of lines[y][x + s * channels]` for `width` outputs of every line, the first of which is
/// pixel `first` of its group. `dst` has rows at its own pitch, with room for a vector behind
/// the last, or, with fewer outputs than a vector has lanes, each.
// Not inlined: callers are generic over pixel types that make no difference here.
#[inline(never)]
pub(crate) fn across<S: Simd>(
    simd: S,
    lines: &Lines<'_>,
    [taps, channels]: [usize; 2],
    [first, width]: [usize; 2],
    columns: &mut [f32],
    (dst, pitch): (&mut [f32], usize),
) {
    simd.vectorize(
        #[inline(always)]
        || match channels {
            1 if lines.count > S::LANES => {
                pass::<S, 1, 2>(simd, lines, taps, [first, width], columns, (dst, pitch));
            }
            1 => pass::<S, 1, 1>(simd, lines, taps, [first, width], columns, (dst, pitch)),
            2 => pass::<S, 2, 1>(simd, lines, taps, [first, width], columns, (dst, pitch)),
            3 => pass::<S, 3, 1>(simd, lines, taps, [first, width], columns, (dst, pitch)),
            _ => pass::<S, 4, 1>(simd, lines, taps, [first, width], columns, (dst, pitch)),
        },
    );
}

/// With `C` channels, and `NV` vectors to a column.
#[inline(always)]
fn pass<S: Simd, const C: usize, const NV: usize>(
    simd: S,
    lines: &Lines<'_>,
    taps: usize,
    [first, width]: [usize; 2],
    columns: &mut [f32],
    (dst, pitch): (&mut [f32], usize),
) {
    let (group, all) = (taps * C, width + (taps - 1) * C);
    // Columns that are transposed, and outputs that are transposed back.
    let (mut read, mut written) = (0, 0);
    let (mut start, mut end) = (0, group - first * C);
    while start < width {
        while read < all.min(end + group) {
            load_square::<S, NV>(simd, lines, read, columns);
            read += S::LANES;
        }
        let column = NV * S::LANES;
        let Some(ends) = part_mut(columns, start * column, (end - start) * column) else { return };
        make_ends::<S, C, NV>(simd, ends);
        make_windows::<S, C, NV>(simd, columns, [start, end], group);
        start = end;
        end += group;
        while written < width && (written + S::LANES <= start || width <= start) {
            // The last square is pushed back to end with the row: what follows may be the next row already.
            let x = written.min(width.saturating_sub(S::LANES));
            store_square::<S, NV>(simd, columns, lines.count, x, dst, pitch);
            written = x + S::LANES;
        }
    }
}

/// Transposes columns from `x` on, as many as there are lanes. Rows that are not there are the last one again.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "iterators would not stay in registers")]
fn load_square<S: Simd, const NV: usize>(simd: S, lines: &Lines<'_>, x: usize, columns: &mut [f32]) {
    let Some(columns) = part_mut(columns, x * NV * S::LANES, NV * S::LANES * S::LANES) else { return };
    for v in 0..NV {
        let mut square = [simd.splat(0.0); MAX_LANES];
        for i in 0..S::LANES {
            let row = (v * S::LANES + i).min(lines.count - 1);
            let Some(line) = part(lines.data, row * lines.pitch + x, S::LANES) else { return };
            square[i] = simd.load(line);
        }
        transpose(simd, &mut square);
        for i in 0..S::LANES {
            simd.store(square[i], &mut columns[(i * NV + v) * S::LANES..]);
        }
    }
}

/// Transposes outputs from `x` on back into rows.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "iterators would not stay in registers")]
fn store_square<S: Simd, const NV: usize>(
    simd: S,
    columns: &[f32],
    rows: usize,
    x: usize,
    dst: &mut [f32],
    pitch: usize,
) {
    let Some(columns) = part(columns, x * NV * S::LANES, NV * S::LANES * S::LANES) else { return };
    for v in 0..NV {
        let mut square = [simd.splat(0.0); MAX_LANES];
        for i in 0..S::LANES {
            square[i] = simd.load(&columns[(i * NV + v) * S::LANES..]);
        }
        transpose(simd, &mut square);
        for i in 0..S::LANES.min(rows.saturating_sub(v * S::LANES)) {
            let Some(dst) = part_mut(dst, (v * S::LANES + i) * pitch + x, S::LANES) else { return };
            simd.store(square[i], dst);
        }
    }
}

/// Makes every column of a group the sum of itself and those of its channel to the right.
#[inline(always)]
fn make_ends<S: Simd, const C: usize, const NV: usize>(simd: S, group: &mut [f32]) {
    let mut sums = [[simd.splat(0.0); NV]; C];
    for (i, pixel) in group.chunks_exact_mut(C * NV * S::LANES).rev().enumerate() {
        for c in 0..C {
            for v in 0..NV {
                let value = &mut pixel[(c * NV + v) * S::LANES..][..S::LANES];
                // Not added to +0, which would take the sign from a zero.
                sums[c][v] = if i == 0 { simd.load(value) } else { simd.add(simd.load(value), sums[c][v]) };
                simd.store(sums[c][v], value);
            }
        }
    }
}

/// Makes windows of the ends of columns `start..end`, which are a group of `group` columns or, at the left, the end of one.
#[inline(always)]
fn make_windows<S: Simd, const C: usize, const NV: usize>(
    simd: S,
    columns: &mut [f32],
    [start, end]: [usize; 2],
    group: usize,
) {
    let pixel = C * NV * S::LANES;
    let (ends, next) = split_mut(columns, end * NV * S::LANES);
    let mut next = next.chunks_exact(pixel);
    let mut prefix = [[simd.splat(0.0); NV]; C];
    let skipped = (group - (end - start)) / C;
    for (i, next) in next.by_ref().take(skipped).enumerate() {
        for c in 0..C {
            for v in 0..NV {
                let value = simd.load(&next[(c * NV + v) * S::LANES..]);
                prefix[c][v] = if i == 0 { value } else { simd.add(prefix[c][v], value) };
            }
        }
    }
    let Some(ends) = rest_mut(ends, start * NV * S::LANES) else { return };
    let ends = ends.chunks_exact_mut(pixel);
    for (i, (end, next)) in ends.zip(next).enumerate() {
        for c in 0..C {
            for v in 0..NV {
                let end = &mut end[(c * NV + v) * S::LANES..][..S::LANES];
                let value = simd.load(&next[(c * NV + v) * S::LANES..]);
                if i + skipped == 0 {
                    prefix[c][v] = value;
                } else {
                    simd.store(simd.add(simd.load(end), prefix[c][v]), end);
                    prefix[c][v] = simd.add(prefix[c][v], value);
                }
            }
        }
    }
}
