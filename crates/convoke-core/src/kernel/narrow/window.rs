//! Running sums for masks of ones: the cost of a pixel does not depend on the size of the mask.
//!
//! Down the columns a running sum is vector code as it stands: add the row that enters, subtract the one that leaves.
//! Along a row it is a chain, every sum waiting for its left neighbour:
//!
//! ```text
//! H[x + 1] = H[x] + V[x + len] - V[x]
//! ```
//!
//! The chain is broken by taking [`STRIDE`] steps at once. Written out, with `c` interleaved channels,
//!
//! ```text
//! H[x + STRIDE * c] = H[x] + sum over j < STRIDE of  V[x + (len + j) * c] - V[x + j * c]
//! ```
//!
//! so the next `STRIDE * c` sums follow from the last ones independently of each other, one vector addition each; and
//! the sums over `j` do not wait for anything. They are made in two steps of four terms, and used twice: where they
//! enter and, `len` pixels further on, where they leave ([`slide`]). Windows of up to about thirty pixels are cheaper
//! still without a chain, as a sum of a few sums of a few neighbours ([`Groups`]). Everything is an integer and wraps, so
//! no order of summation is better than another.

use convoke_simd::Simd;

use super::finish::Keep;
use super::fold::{Terms, fold};
use super::lanes::{Lane, Load};

/// Pixels by which the window moves at a time.
pub(crate) const STRIDE: usize = 16;

/// `sums += row`.
#[inline(never)]
pub(crate) fn enter<S: Simd, L: Load>(simd: S, row: &[L::In], sums: &mut [L::Sum]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for (sum, &element) in sums.iter_mut().zip(row) {
                *sum = sum.add(L::load(element));
            }
        },
    );
}

/// `sums += enters - leaves`.
#[inline(never)]
pub(crate) fn roll<S: Simd, L: Load>(simd: S, enters: &[L::In], leaves: &[L::In], sums: &mut [L::Sum]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for ((sum, &enters), &leaves) in sums.iter_mut().zip(enters).zip(leaves) {
                *sum = sum.add(L::load(enters)).sub(L::load(leaves));
            }
        },
    );
}

/// `dst[i] = sum over c of  row(c)[i]`, for up to nine rows.
#[inline(never)]
pub(crate) fn sum_rows<'a, S: Simd, L: Load>(
    simd: S,
    count: usize,
    row: &dyn Fn(usize) -> &'a [L::In],
    dst: &mut [L::Sum],
) {
    macro_rules! rows {
        ($($count:literal)*) => {
            match count {
                $($count => {
                    let rows = core::array::from_fn(row);
                    let terms: Terms<'_, L, 0, $count, false, true> =
                        Terms { pair_taps: [], pairs: [], taps: [L::Sum::default(); $count], rows };
                    fold(&terms, Keep, dst);
                })*
                _ => {}
            }
        };
    }
    simd.vectorize(
        #[inline(always)]
        || rows!(1 2 3 4 5 6 7 8 9),
    );
}

/// How a short window is made of sums of `group` neighbours: their number, then that of single elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Groups {
    pub(crate) group: usize,
    pub(crate) groups: usize,
    pub(crate) singles: usize,
}

impl Groups {
    /// The cheapest way for a window of `len`, if nine terms are enough.
    pub(crate) fn of(len: usize) -> Option<Self> {
        (3..=6)
            .map(|group| Self { group, groups: len / group, singles: len % group })
            .filter(|way| way.groups > 0 && way.terms() <= 9)
            .min_by_key(|way| way.group + way.terms())
    }

    /// How many neighbours the first sums for a window of `len` have.
    pub(crate) fn neighbours(len: usize) -> usize {
        Self::of(len).map_or(4, |way| way.group)
    }

    /// The terms of a sum.
    pub(crate) fn terms(&self) -> usize {
        self.groups + self.singles
    }
}

/// `dst[i] = sum over j < len of  sums[i + j * c]`, for `C = c` channels and blocks of `N = STRIDE * c`.
///
/// `moves[i]` are sums of [`STRIDE`] neighbours of `sums`, and reach `len * c` elements further than `dst`.
#[inline(never)]
pub(crate) fn slide<S: Simd, L: Load, const C: usize, const N: usize>(
    simd: S,
    sums: &[L::In],
    moves: &[L::Sum],
    len: usize,
    dst: &mut [L::Sum],
) {
    let window = first::<L, C, N>(sums, len);
    if dst.len() <= N {
        let n = dst.len();
        dst.copy_from_slice(&window[..n]);
        return;
    }
    let (start, rest) = dst.split_at_mut(N);
    start.copy_from_slice(&window);
    let n = rest.len();
    add_up::<S, L::Sum, N>(simd, &window, &moves[len * C..][..n], &moves[..n], rest);
}

/// `dst[i] = start[i] + enters[i] - leaves[i]` in the first block of `N`, and on from there in every other.
// A function of its own because sums that come out of scalar code would stay there.
#[inline(never)]
fn add_up<S: Simd, W: Lane, const N: usize>(
    simd: S,
    start: &[W; N],
    enters: &[W],
    leaves: &[W],
    dst: &mut [W],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut window = *start;
            let ((blocks, rest), (enters, last), (leaves, after)) =
                (dst.as_chunks_mut::<N>(), enters.as_chunks::<N>(), leaves.as_chunks::<N>());
            for ((block, enters), leaves) in blocks.iter_mut().zip(enters).zip(leaves) {
                // All of a block is read before any of it is written: then the compiler need not know that they
                // share no memory to work on it as a whole.
                let mut change = [W::default(); N];
                for i in 0..N {
                    change[i] = enters[i].sub(leaves[i]);
                }
                for i in 0..N {
                    window[i] = window[i].add(change[i]);
                    block[i] = window[i];
                }
            }
            // From memory: if this loop read `window`, that would have to have an address.
            let before = blocks.last().unwrap_or(start);
            for (((sum, before), &enters), &leaves) in rest.iter_mut().zip(before).zip(last).zip(after) {
                *sum = before.add(enters.sub(leaves));
            }
        },
    );
}

/// The first sums, one after the other.
#[inline(never)]
fn first<L: Load, const C: usize, const N: usize>(sums: &[L::In], len: usize) -> [L::Sum; N] {
    let mut window = [L::Sum::default(); N];
    let start: &mut [L::Sum; C] = window.first_chunk_mut().expect("a block of more than a pixel");
    for pixel in sums[..len * C].as_chunks::<C>().0 {
        for (start, &sum) in start.iter_mut().zip(pixel) {
            *start = start.add(L::load(sum));
        }
    }
    for i in C..N {
        window[i] = window[i - C].add(L::load(sums[i + (len - 1) * C])).sub(L::load(sums[i - C]));
    }
    window
}
