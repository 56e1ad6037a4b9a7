//! One line of taps, along a column or along a row, over rows of elements: chooses among the instances of
//! [`fold`](super::fold) by the line's length and symmetry.

use convoke_simd::Simd;

use super::finish::Finish;
use super::fold::{Terms, finish_row, fold};
use super::lanes::{Lane, Load};

/// The elements that a tap meets, by the number of the tap. Called a few times per row, so that a copy of the kernels
/// for every caller would not pay.
pub(crate) type Rows<'r, 'a, T> = &'r dyn Fn(usize) -> &'a [T];

/// What a line's taps have in common with their mirror image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Symmetry {
    Even,
    Odd,
    None,
}

/// A line of taps in the order in which they meet the picture.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    taps: &'a [i16],
    reversed: bool,
    symmetry: Symmetry,
    ones: bool,
}

impl<'a> Line<'a> {
    /// The taps, or the taps in reverse.
    pub(crate) fn new(taps: &'a [i16], reversed: bool) -> Self {
        let mirrored = || taps.iter().zip(taps.iter().rev()).map(|(&a, &b)| (i32::from(a), i32::from(b)));
        let symmetry = if mirrored().all(|(a, b)| a == b) {
            Symmetry::Even
        } else if mirrored().all(|(a, b)| a == -b) {
            Symmetry::Odd
        } else {
            Symmetry::None
        };
        Self { taps, reversed, symmetry, ones: taps.iter().all(|&tap| tap == 1) }
    }

    pub(crate) fn len(&self) -> usize {
        self.taps.len()
    }

    /// Tap `i`, counted from the first element that is met.
    pub(crate) fn tap(&self, i: usize) -> i32 {
        self.taps[if self.reversed { self.taps.len() - 1 - i } else { i }].into()
    }

    /// The sums of the taps below and above 0.
    pub(crate) fn range(&self) -> [i64; 2] {
        let sum =
            |keep: fn(i64) -> bool| self.taps.iter().map(|&tap| tap.into()).filter(|&tap| keep(tap)).sum();
        [sum(|tap| tap < 0), sum(|tap| tap > 0)]
    }
}

/// `dst[i] = finish(sum over taps of  tap * row(tap)[i])`. Every row is at least as long as `dst`, and so is `sums`,
/// which is garbage afterwards; lines that one pass can do leave it alone.
// Not inlined: one copy for all callers, and a region of its own for the level's instructions.
#[inline(never)]
pub(crate) fn run_line<'a, S: Simd, L: Load, F: Finish<L::Sum>>(
    simd: S,
    line: &Line<'_>,
    row: Rows<'_, 'a, L::In>,
    finish: F,
    sums: &mut [L::Sum],
    dst: &mut [F::Out],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            if !short_line::<L, F>(line, row, finish, dst) {
                let sums = &mut sums[..dst.len()];
                long_line::<S, L>(line, row, sums);
                finish_row(sums, finish, dst);
            }
        },
    );
}

/// The same without a last stage: `sums` are the result.
#[inline(never)]
pub(crate) fn sum_line<'a, S: Simd, L: Load>(
    simd: S,
    line: &Line<'_>,
    row: Rows<'_, 'a, L::In>,
    sums: &mut [L::Sum],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            if !short_line::<L, _>(line, row, super::finish::Keep, sums) {
                long_line::<S, L>(line, row, sums);
            }
        },
    );
}

/// The terms of `P` pairs and, with `C = 1`, of the tap in the middle.
#[inline(always)]
fn pairs<'a, L: Load, const P: usize, const C: usize, const ANTI: bool, const UNIT: bool>(
    line: &Line<'_>,
    row: Rows<'_, 'a, L::In>,
) -> Terms<'a, L, P, C, ANTI, UNIT> {
    let last = line.len() - 1;
    // An odd line of which the second half is negative is turned, so that its outer tap may be the unit.
    let turned = line.symmetry == Symmetry::Odd && line.tap(last) < 0;
    let at = |p: usize| if turned { last - p } else { p };
    let mut terms = Terms {
        pair_taps: [L::Sum::default(); P],
        pairs: [[&[]; 2]; P],
        taps: [L::Sum::default(); C],
        rows: [&[]; C],
    };
    for p in 0..P {
        terms.pair_taps[p] = L::Sum::of(line.tap(last - at(p)));
        terms.pairs[p] = [row(at(p)), row(last - at(p))];
    }
    for c in 0..C {
        terms.taps[c] = L::Sum::of(line.tap(last / 2));
        terms.rows[c] = row(last / 2);
    }
    terms
}

/// Lines that one pass can do; whether this was one.
#[inline(always)]
fn short_line<'a, L: Load, F: Finish<L::Sum>>(
    line: &Line<'_>,
    row: Rows<'_, 'a, L::In>,
    finish: F,
    dst: &mut [F::Out],
) -> bool {
    let unit = line.tap(0).abs() == 1 && line.tap(line.len() - 1).abs() == 1;
    macro_rules! even {
        ($p:literal, $unit:literal) => {
            fold::<L, F, $p, 1, false, $unit>(&pairs(line, row), finish, dst)
        };
    }
    macro_rules! odd {
        ($p:literal, $unit:literal) => {
            fold::<L, F, $p, 0, true, $unit>(&pairs(line, row), finish, dst)
        };
    }
    macro_rules! ones {
        ($c:literal) => {
            fold::<L, F, 0, $c, false, true>(&singles(line, row), finish, dst)
        };
    }
    if line.ones {
        match line.len() {
            3 => ones!(3),
            5 => ones!(5),
            7 => ones!(7),
            _ => return false,
        }
        return true;
    }
    match (line.symmetry, line.len(), unit && line.tap(0).max(line.tap(line.len() - 1)) == 1) {
        (_, 1, _) => even!(0, false),
        (Symmetry::Even, 3, true) => even!(1, true),
        (Symmetry::Even, 3, false) => even!(1, false),
        (Symmetry::Even, 5, true) => even!(2, true),
        (Symmetry::Even, 5, false) => even!(2, false),
        (Symmetry::Even, 7, _) => even!(3, false),
        (Symmetry::Even, 9, _) => even!(4, false),
        (Symmetry::Odd, 3, true) => odd!(1, true),
        (Symmetry::Odd, 5, _) => odd!(2, false),
        (Symmetry::Odd, 9, _) => odd!(4, false),
        _ => return false,
    }
    true
}

/// Terms that a walk along a long line takes.
const RUN: usize = 32;

/// Lines of more taps than one pass of [`fold`] can do:
///
/// ```text
/// for each block of elements
///     for each pair of taps, or each tap
///         sum[i] += tap * (second[i] + first[i])
/// ```
///
/// The sums of a block, four vectors of 32 bits or two of 16, stay in registers over all taps; a walk along the row for every
/// few taps would load and store them each time. What each tap meets is looked up once per row, for [`RUN`] terms at a
/// time: a longer line takes several walks.
#[inline(always)]
fn long_line<'a, S: Simd, L: Load>(line: &Line<'_>, row: Rows<'_, 'a, L::In>, sums: &mut [L::Sum]) {
    let n = line.len();
    let (pairs, middle) = match line.symmetry {
        Symmetry::None => (0, 0..n),
        // The tap in the middle of an odd line is 0.
        Symmetry::Odd => (n / 2, 0..0),
        Symmetry::Even => (n / 2, n / 2..n.div_ceil(2)),
    };
    let mut is_first = true;
    for start in (0..pairs).step_by(RUN) {
        let mut terms = Walk::<L>::new(RUN.min(pairs - start));
        for (i, at) in (start..start + terms.count).enumerate() {
            terms.taps[i] = L::Sum::of(line.tap(n - 1 - at));
            terms.rows[i] = [row(at), row(n - 1 - at)];
        }
        if line.symmetry == Symmetry::Odd {
            terms.walk::<S, 2, true>(sums, is_first);
        } else {
            terms.walk::<S, 2, false>(sums, is_first);
        }
        is_first = false;
    }
    for start in middle.clone().step_by(RUN) {
        let mut terms = Walk::<L>::new(RUN.min(middle.end - start));
        for (i, at) in (start..start + terms.count).enumerate() {
            terms.taps[i] = L::Sum::of(line.tap(at));
            terms.rows[i][0] = row(at);
        }
        terms.walk::<S, 1, false>(sums, is_first);
        is_first = false;
    }
}

/// Some terms of a long line: taps, and the one or two rows that each of them meets.
struct Walk<'a, L: Load> {
    count: usize,
    taps: [L::Sum; RUN],
    rows: [[&'a [L::In]; 2]; RUN],
}

impl<L: Load> Walk<'_, L> {
    fn new(count: usize) -> Self {
        Self { count, taps: [L::Sum::default(); RUN], rows: [[&[]; 2]; RUN] }
    }

    /// Writes the sums of the terms, or adds them, if these are not the first. With `ROWS = 2`, `ANTI` subtracts what the
    /// first row of a pair has.
    #[inline(always)]
    fn walk<S: Simd, const ROWS: usize, const ANTI: bool>(&self, sums: &mut [L::Sum], is_first: bool) {
        // Known when compiling, so that the others are not compiled.
        if const { S::LANES >= 16 } {
            self.blocks::<64, ROWS, ANTI>(sums, is_first);
        } else if const { S::LANES >= 8 } {
            self.blocks::<32, ROWS, ANTI>(sums, is_first);
        } else {
            self.blocks::<16, ROWS, ANTI>(sums, is_first);
        }
    }

    #[inline(always)]
    fn blocks<const N: usize, const ROWS: usize, const ANTI: bool>(
        &self,
        sums: &mut [L::Sum],
        is_first: bool,
    ) {
        let mut x = 0;
        while x + N <= sums.len() {
            self.block::<N, ROWS, ANTI>(x, sums, is_first);
            x += N;
        }
        if x < sums.len() && is_first && sums.len() >= N {
            self.block::<N, ROWS, ANTI>(sums.len() - N, sums, is_first);
            return;
        }
        // Sums that go on from earlier taps must not be made twice.
        while x < sums.len() {
            self.block::<1, ROWS, ANTI>(x, sums, is_first);
            x += 1;
        }
    }

    #[inline(always)]
    fn block<const N: usize, const ROWS: usize, const ANTI: bool>(
        &self,
        x: usize,
        sums: &mut [L::Sum],
        is_first: bool,
    ) {
        let sums = &mut sums[x..][..N];
        let mut acc = [L::Sum::default(); N];
        if !is_first {
            acc.copy_from_slice(sums);
        }
        for t in 0..self.count {
            let tap = self.taps[t];
            let first = &self.rows[t][0][x..][..N];
            if ROWS == 2 {
                let second = &self.rows[t][1][x..][..N];
                for i in 0..N {
                    let [a, b] = [L::load(first[i]), L::load(second[i])];
                    let both = if ANTI { b.sub(a) } else { b.add(a) };
                    acc[i] = acc[i].add(both.mul(tap));
                }
            } else {
                for i in 0..N {
                    acc[i] = acc[i].add(L::load(first[i]).mul(tap));
                }
            }
        }
        sums.copy_from_slice(&acc);
    }
}

/// The terms of `C` taps.
#[inline(always)]
fn singles<'a, L: Load, const C: usize, const UNIT: bool>(
    line: &Line<'_>,
    row: Rows<'_, 'a, L::In>,
) -> Terms<'a, L, 0, C, false, UNIT> {
    let mut terms = Terms { pair_taps: [], pairs: [], taps: [L::Sum::default(); C], rows: [&[]; C] };
    for c in 0..C {
        terms.taps[c] = L::Sum::of(line.tap(c));
        terms.rows[c] = row(c);
    }
    terms
}
