//! One line of taps, along a column or along a row, over rows of elements: chooses among the instances of
//! [`fold`](super::fold) by the line's length and symmetry.

use convoke_simd::Simd;

use super::finish::Finish;
use super::fold::{Terms, finish_row, fold, fold_add};
use super::lanes::{Lane, Load};

/// Pairs of taps, or single taps, that a pass of a long line takes.
const GROUP: usize = 4;

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
                long_line::<L>(line, row, sums);
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
                long_line::<L>(line, row, sums);
            }
        },
    );
}

/// The terms of pairs `first..first + P` and, with `C = 1`, of the tap in the middle.
#[inline(always)]
fn pairs<'a, L: Load, const P: usize, const C: usize, const ANTI: bool, const UNIT: bool>(
    line: &Line<'_>,
    row: Rows<'_, 'a, L::In>,
    first: usize,
) -> Terms<'a, L, P, C, ANTI, UNIT> {
    let last = line.len() - 1;
    // An odd line of which the second half is negative is turned, so that its outer tap may be the unit.
    let turned = line.symmetry == Symmetry::Odd && line.tap(last) < 0;
    let at = |p: usize| if turned { last - (first + p) } else { first + p };
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
            fold::<L, F, $p, 1, false, $unit>(&pairs(line, row, 0), finish, dst)
        };
    }
    macro_rules! odd {
        ($p:literal, $unit:literal) => {
            fold::<L, F, $p, 0, true, $unit>(&pairs(line, row, 0), finish, dst)
        };
    }
    macro_rules! ones {
        ($c:literal) => {
            fold::<L, F, 0, $c, false, true>(&singles(line, row, 0), finish, dst)
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

/// Any line, a few taps at a time.
#[inline(always)]
fn long_line<'a, L: Load>(line: &Line<'_>, row: Rows<'_, 'a, L::In>, sums: &mut [L::Sum]) {
    sums.fill(L::Sum::default());
    let n = line.len();
    let mut done = 0;
    match line.symmetry {
        Symmetry::Even => {
            while done + GROUP <= n / 2 {
                fold_add::<L, GROUP, 0, false>(&pairs(line, row, done), sums);
                done += GROUP;
            }
            while done < n / 2 {
                fold_add::<L, 1, 0, false>(&pairs(line, row, done), sums);
                done += 1;
            }
            if n % 2 == 1 {
                fold_add::<L, 0, 1, false>(&pairs(line, row, 0), sums);
            }
        }
        Symmetry::Odd => {
            while done + GROUP <= n / 2 {
                fold_add::<L, GROUP, 0, true>(&pairs(line, row, done), sums);
                done += GROUP;
            }
            while done < n / 2 {
                fold_add::<L, 1, 0, true>(&pairs(line, row, done), sums);
                done += 1;
            }
        }
        Symmetry::None => {
            while done + GROUP <= n {
                fold_add::<L, 0, GROUP, false>(&singles(line, row, done), sums);
                done += GROUP;
            }
            while done < n {
                fold_add::<L, 0, 1, false>(&singles(line, row, done), sums);
                done += 1;
            }
        }
    }
}

/// The terms of taps `first..first + C`.
#[inline(always)]
fn singles<'a, L: Load, const C: usize, const UNIT: bool>(
    line: &Line<'_>,
    row: Rows<'_, 'a, L::In>,
    first: usize,
) -> Terms<'a, L, 0, C, false, UNIT> {
    let mut terms = Terms { pair_taps: [], pairs: [], taps: [L::Sum::default(); C], rows: [&[]; C] };
    for c in 0..C {
        terms.taps[c] = L::Sum::of(line.tap(first + c));
        terms.rows[c] = row(first + c);
    }
    terms
}
