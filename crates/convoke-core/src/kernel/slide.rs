//! The sliding kernel: one small mask over rows of single values, where the machine has one lane. The accumulate stage of
//! picture filters of one channel at the scalar level, instead of the [plane kernel](super::plane).
//!
//! Same gathered rows, same [`Sink`], and the same order of every sum, so the same bits.

use convoke_simd::Simd;

use super::plane::{Rows, Sink};

/// Outputs of the largest tile. With as many sums, the weights of a run of taps and an input, 32 registers are nearly full.
const WIDE: usize = 16;
/// Outputs of the tile for what is left of a row.
const NARROW: usize = 4;

/// Computes `count` output rows of `width` elements. The mask has `cols` columns.
// Not inlined: as in the plane kernel, callers are generic over pixel types that make no difference here.
#[inline(never)]
pub(crate) fn accumulate<S: Simd, K: Sink>(
    simd: S,
    (weights, cols): (&[f32], usize),
    rows: Rows<'_>,
    [count, width]: [usize; 2],
    sink: &mut K,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            for y in 0..count {
                let mut x = 0;
                while x < width {
                    // A tile is pushed back to end with the row where it would hang over.
                    let left = width - x;
                    if width >= WIDE && left > NARROW {
                        let at = x.min(width - WIDE);
                        sink.put(simd, [y, at], WIDE, [tile::<S, WIDE>(simd, weights, cols, rows, [y, at])]);
                        x = at + WIDE;
                    } else if width >= NARROW {
                        let at = x.min(width - NARROW);
                        sink.put(
                            simd,
                            [y, at],
                            NARROW,
                            [tile::<S, NARROW>(simd, weights, cols, rows, [y, at])],
                        );
                        x = at + NARROW;
                    } else {
                        sink.put(simd, [y, x], 1, [tile::<S, 1>(simd, weights, cols, rows, [y, x])]);
                        x += 1;
                    }
                }
            }
        },
    );
}

/// The sums of `N` outputs side by side.
///
/// ```text
/// for each row r of the mask
///     for each input j of its row that any of the outputs needs
///         for each column s of the mask that brings it to an output, j - s
///             sums[j - s] += weights[r][s] * input[j]
/// ```
///
/// The plain algorithm has the two inner loops the other way round, and loads an input for every column of the mask. With
/// vectors there is no other way: the vector that starts one element further is another one. With one lane an input that is in
/// a register serves all columns, and the weights of up to eight columns stay in registers for all outputs. So a tile of 16
/// and 3 columns takes 21 loads for its 48 multiply-adds, where the plane kernel takes 36. Each sum still meets its columns in
/// their order, since inputs come in theirs.
///
/// Masks are cut into runs of eight columns and one of what is left, each unrolled, since registers have no index.
#[inline(always)]
fn tile<S: Simd, const N: usize>(
    simd: S,
    weights: &[f32],
    cols: usize,
    rows: Rows<'_>,
    [y, x]: [usize; 2],
) -> [S::F32; N] {
    let mut sums = [simd.splat(0.0); N];
    for (r, weights) in weights.chunks_exact(cols.max(1)).enumerate() {
        let Some(row) = rows.at(y + r, x) else { return sums };
        sums = self::row(simd, weights, row, sums);
    }
    sums
}

/// Adds a row of a mask to `N` outputs, of which there are at most 16. `row` starts with what its first tap brings to the first.
#[inline(always)]
fn row<S: Simd, const N: usize>(
    simd: S,
    mut weights: &[f32],
    mut row: &[f32],
    mut sums: [S::F32; N],
) -> [S::F32; N] {
    while let Some((run, rest)) = weights.split_first_chunk::<8>() {
        sums = taps::<S, N, 8>(simd, run, row, sums);
        (weights, row) = (rest, row.get(8..).unwrap_or_default());
    }
    macro_rules! rest {
        ($($len:literal)*) => {
            match weights.len() {
                $($len => {
                    if let Some(run) = weights.first_chunk() {
                        sums = taps::<S, N, $len>(simd, run, row, sums);
                    }
                })*
                _ => {}
            }
        };
    }
    rest!(1 2 3 4 5 6 7);
    sums
}

/// Adds `T` neighbouring taps, of which there are at most eight, to `N` outputs, of which there are at most 16. `row` starts with
/// what the first of them brings to the first.
#[inline(always)]
fn taps<S: Simd, const N: usize, const T: usize>(
    simd: S,
    weights: &[f32; T],
    row: &[f32],
    mut sums: [S::F32; N],
) -> [S::F32; N] {
    // There are as many: gathered rows reach as far as the last tap of the last output.
    let Some(row) = row.get(..N + T - 1) else { return sums };
    macro_rules! input {
        ($($j:literal)*) => {
            $(if const { $j < N + T - 1 } {
                let value = simd.splat(row[$j]);
                input!(@ $j value 0 1 2 3 4 5 6 7);
            })*
        };
        (@ $j:literal $value:ident $($s:literal)*) => {
            $(if const { $s < T && $s <= $j && $j < N + $s } {
                let place = usize::saturating_sub($j, $s);
                sums[place] = simd.mul_add(simd.splat(weights[$s]), $value, sums[place]);
            })*
        };
    }
    input!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22);
    sums
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use convoke_simd::{Scalar, Simd};

    use super::{NARROW, WIDE, accumulate};
    use crate::kernel::plane::{Rows, Sink};

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

    /// Integers, whose sums are exact, around the tiles' widths and the runs of columns; rows in a ring, no longer than they must be.
    #[test]
    fn every_tile_and_run_of_columns() {
        let widths = (1..=NARROW + 1).chain(WIDE - 1..=WIDE + NARROW + 2).chain([
            2 * WIDE - 1,
            2 * WIDE,
            2 * WIDE + 1,
        ]);
        for (width, cols) in widths.flat_map(|width| (1..=18).map(move |cols| (width, cols))) {
            let (count, mask_rows) = (1 + width % 3, 1 + cols % 4);
            let (input_rows, pitch) = (count + mask_rows - 1, width + cols - 1);
            let first = cols % input_rows;
            let weights: Vec<f32> = (0..mask_rows * cols).map(|i| (i * 7 % 13) as f32 - 6.0).collect();
            let data: Vec<f32> = (0..input_rows * pitch).map(|i| (i * 31 % 101) as f32).collect();
            let mut dst = vec![f32::NAN; count * width];
            let rows = Rows { data: &data, pitch, first, count: input_rows, from_memory: false };
            accumulate(Scalar::new(), (&weights, cols), rows, [count, width], &mut Store(&mut dst, width));
            for (i, sum) in dst.iter().enumerate() {
                let at =
                    |r: usize, s: usize| data[(first + i / width + r) % input_rows * pitch + i % width + s];
                let expected: f32 = (0..mask_rows * cols).map(|t| weights[t] * at(t / cols, t % cols)).sum();
                assert_eq!(*sum, expected, "width {width}, {mask_rows}x{cols}, output {i}");
            }
        }
    }
}
