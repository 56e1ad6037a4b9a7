//! The accumulate stage of narrow filters: sums of a few rows, element by element.

use core::array::from_fn;

use super::finish::Finish;
use super::lanes::{Lane, Load};

/// Elements of a block. Two vectors of sums at the widest level, which keeps both multipliers busy.
const BLOCK: usize = 64;
/// Elements of a block in rows that are shorter than [`BLOCK`].
const SHORT: usize = 16;

/// Some of a mask's taps with the rows that they meet: `P` pairs with a common tap, and `C` single ones.
///
/// All rows are at least as long as the result.
pub(crate) struct Terms<'a, L: Load, const P: usize, const C: usize> {
    /// Taps of the pairs.
    pub(crate) pair_taps: [L::Sum; P],
    /// The first and the second row of each pair.
    pub(crate) pairs: [[&'a [L::In]; 2]; P],
    /// Taps of the single rows.
    pub(crate) taps: [L::Sum; C],
    pub(crate) rows: [&'a [L::In]; C],
}

/// `dst = finish(sum)`, where
///
/// ```text
/// sum[i] = sum over pairs of  tap * (second[i] + first[i])     + sum over single rows of  tap * row[i]
/// ```
///
/// With `ANTI` the first row of a pair is subtracted. With `UNIT` the first pair's tap is taken to be 1.
///
/// Folding the pairs of a symmetric mask halves the multiplications, of which there are only half as many per cycle
/// as additions. The loop over a block has a fixed length and no branch: compiled for a level's instructions it
/// becomes straight vector code whose sums stay in registers. The last block of a row is pushed back to end with
/// it; its first elements are then computed twice, from inputs that are not written here.
#[inline(always)]
pub(crate) fn fold<L: Load, F: Finish<L::Sum>, const P: usize, const C: usize, const ANTI: bool, const UNIT: bool>(
    terms: &Terms<'_, L, P, C>,
    finish: F,
    dst: &mut [F::Out],
) {
    let n = dst.len();
    let pairs = terms.pairs.map(|pair| pair.map(|row| &row[..n]));
    let rows = terms.rows.map(|row| &row[..n]);
    macro_rules! blocks {
        ($len:expr) => {{
            let mut x = 0;
            while x < n {
                let at = x.min(n - $len);
                let pairs: [[&[L::In; $len]; 2]; P] = from_fn(|p| pairs[p].map(|row| block(row, at)));
                let rows: [&[L::In; $len]; C] = from_fn(|c| block(rows[c], at));
                let dst: &mut [F::Out; $len] = dst[at..].first_chunk_mut().expect("a block inside the row");
                for i in 0..$len {
                    let sum = sum::<L, P, C, ANTI, UNIT, $len>(terms, &pairs, &rows, i);
                    dst[i] = finish.finish(sum);
                }
                x = at + $len;
            }
        }};
    }
    if n >= BLOCK {
        blocks!(BLOCK);
    } else if n >= SHORT {
        blocks!(SHORT);
    } else {
        blocks!(1);
    }
}

/// `sums += sum`, with the sum of [`fold`]: for masks with more taps than one pass takes.
#[inline(always)]
pub(crate) fn fold_add<L: Load, const P: usize, const C: usize, const ANTI: bool>(
    terms: &Terms<'_, L, P, C>,
    sums: &mut [L::Sum],
) {
    let n = sums.len();
    let pairs = terms.pairs.map(|pair| pair.map(|row| &row[..n]));
    let rows = terms.rows.map(|row| &row[..n]);
    let mut x = 0;
    macro_rules! blocks {
        ($len:expr) => {
            while x + $len <= n {
                let pairs: [[&[L::In; $len]; 2]; P] = from_fn(|p| pairs[p].map(|row| block(row, x)));
                let rows: [&[L::In; $len]; C] = from_fn(|c| block(rows[c], x));
                let sums: &mut [L::Sum; $len] = sums[x..].first_chunk_mut().expect("a block inside the row");
                for i in 0..$len {
                    sums[i] = sums[i].add(sum::<L, P, C, ANTI, false, $len>(terms, &pairs, &rows, i));
                }
                x += $len;
            }
        };
    }
    blocks!(BLOCK);
    blocks!(SHORT);
    blocks!(1);
}

#[inline(always)]
fn sum<L: Load, const P: usize, const C: usize, const ANTI: bool, const UNIT: bool, const N: usize>(
    terms: &Terms<'_, L, P, C>,
    pairs: &[[&[L::In; N]; 2]; P],
    rows: &[&[L::In; N]; C],
    i: usize,
) -> L::Sum {
    let mut sum = L::Sum::default();
    for p in 0..P {
        let [first, second] = [L::load(pairs[p][0][i]), L::load(pairs[p][1][i])];
        let both = if ANTI { second.sub(first) } else { second.add(first) };
        sum = sum.add(if UNIT && p == 0 { both } else { both.mul(terms.pair_taps[p]) });
    }
    for c in 0..C {
        sum = sum.add(L::load(rows[c][i]).mul(terms.taps[c]));
    }
    sum
}

#[inline(always)]
fn block<T, const N: usize>(row: &[T], at: usize) -> &[T; N] {
    row[at..].first_chunk().expect("a block inside the row")
}

/// `dst = finish(sums)`.
#[inline(always)]
pub(crate) fn finish_row<W: Copy + Default, F: Finish<W>>(sums: &[W], finish: F, dst: &mut [F::Out]) {
    for (dst, &sum) in dst.iter_mut().zip(sums) {
        *dst = finish.finish(sum);
    }
}
