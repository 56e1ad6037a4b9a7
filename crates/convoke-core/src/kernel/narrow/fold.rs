//! The accumulate stage of narrow filters: sums of a few rows, element by element.

use super::finish::Finish;
use super::lanes::{Lane, Load};

/// What the loops are unrolled to at most: a row is a multiple of this, and a rest.
const BLOCK: usize = 64;

/// Some of a mask's taps with the rows that they meet: `P` pairs with a common tap, and `C` single ones.
///
/// All rows are at least as long as the result.
pub(crate) struct Terms<
    'a,
    L: Load,
    const P: usize,
    const C: usize,
    const ANTI: bool = false,
    const UNIT: bool = false,
> {
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
/// With `ANTI` the first row of a pair is subtracted. With `UNIT` the first pair's tap is taken to be 1, and
/// where there are no pairs, all taps are.
///
/// Folding the pairs of a symmetric mask halves the multiplications, of which there are only half as many per cycle
/// as additions. The loop has no branch: compiled for a level's instructions it becomes vector code whose sums stay in
/// registers. The vectors of a row's rest are pushed back to end with the row; their first elements are then computed
/// twice, from inputs that are not written here.
#[inline(always)]
pub(crate) fn fold<
    L: Load,
    F: Finish<L::Sum>,
    const P: usize,
    const C: usize,
    const ANTI: bool,
    const UNIT: bool,
>(
    terms: &Terms<'_, L, P, C, ANTI, UNIT>,
    finish: F,
    dst: &mut [F::Out],
) {
    let whole = dst.len() - dst.len() % BLOCK;
    let [mut start, mut n] = [0, if whole > 0 { whole } else { dst.len() }];
    // The same loop twice, and not two loops, of which the compiler would make twice the code.
    loop {
        terms.each(start, &mut dst[start..][..n], |sum, dst| *dst = finish.finish(sum));
        if start + n == dst.len() {
            return;
        }
        [start, n] = [dst.len() - BLOCK, BLOCK];
    }
}

/// Most rows that a pass reads.
const ROWS: usize = 9;

impl<L: Load, const P: usize, const C: usize, const ANTI: bool, const UNIT: bool>
    Terms<'_, L, P, C, ANTI, UNIT>
{
    /// Calls `f` with the sum of every element from `start` on and its place in `dst`.
    ///
    /// There is one loop for every number of rows because zipped iterators are what reliably becomes a loop without
    /// tests of bounds; with tests inside, vectors stop one round early and leave the rest to scalars.
    #[inline(always)]
    fn each<T>(&self, start: usize, dst: &mut [T], f: impl Fn(L::Sum, &mut T)) {
        let n = dst.len();
        let row = |i: usize| {
            let row = if i < 2 * P { self.pairs[i / 2][i % 2] } else { self.rows[i - 2 * P] };
            &row[start..][..n]
        };
        macro_rules! zipped {
            ($($x:ident $i:literal)*) => {
                for (dst, nest!(pattern $($x)*)) in dst.iter_mut().zip(nest!(rows row $($i)*)) {
                    f(self.sum(|i| [$(*$x),*][i]), dst);
                }
            };
        }
        macro_rules! nest {
            (pattern $x:ident) => { $x };
            (pattern $x:ident $($rest:ident)+) => { ($x, nest!(pattern $($rest)+)) };
            (rows $row:ident $i:literal) => { $row($i) };
            (rows $row:ident $i:literal $($rest:literal)+) => { $row($i).iter().zip(nest!(rows $row $($rest)+)) };
        }
        match 2 * P + C {
            1 => zipped!(a 0),
            2 => zipped!(a 0 b 1),
            3 => zipped!(a 0 b 1 c 2),
            4 => zipped!(a 0 b 1 c 2 d 3),
            5 => zipped!(a 0 b 1 c 2 d 3 e 4),
            6 => zipped!(a 0 b 1 c 2 d 3 e 4 g 5),
            7 => zipped!(a 0 b 1 c 2 d 3 e 4 g 5 h 6),
            8 => zipped!(a 0 b 1 c 2 d 3 e 4 g 5 h 6 i 7),
            ROWS => zipped!(a 0 b 1 c 2 d 3 e 4 g 5 h 6 i 7 j 8),
            _ => {}
        }
    }

    /// The sum of what `at` gives: the elements of the pairs, then those of the single rows.
    #[inline(always)]
    fn sum(&self, at: impl Fn(usize) -> L::In) -> L::Sum {
        let mut sum = L::Sum::default();
        for p in 0..P {
            let [first, second] = [L::load(at(2 * p)), L::load(at(2 * p + 1))];
            let both = if ANTI { second.sub(first) } else { second.add(first) };
            sum = sum.add(if UNIT && p == 0 { both } else { both.mul(self.pair_taps[p]) });
        }
        for c in 0..C {
            let element = L::load(at(2 * P + c));
            sum = sum.add(if UNIT && P == 0 { element } else { element.mul(self.taps[c]) });
        }
        sum
    }
}

/// `dst = finish(sums)`.
#[inline(always)]
pub(crate) fn finish_row<W: Copy + Default, F: Finish<W>>(sums: &[W], finish: F, dst: &mut [F::Out]) {
    for (dst, &sum) in dst.iter_mut().zip(sums) {
        *dst = finish.finish(sum);
    }
}
