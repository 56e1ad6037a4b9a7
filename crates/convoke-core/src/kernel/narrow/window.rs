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
//! the sums over `j` do not wait for anything. They are made in two steps of four terms: sums of four neighbours
//! ([`fours`]), then four of those ([`slide`]). Everything is an integer and wraps, so no order of summation is better
//! than another.

use convoke_simd::Simd;

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

/// `fours[i] = sums[i] + sums[i + c] + sums[i + 2 c] + sums[i + 3 c]`, as far as `sums` reaches.
#[inline(never)]
pub(crate) fn fours<S: Simd, W: Lane>(simd: S, sums: &[W], c: usize, fours: &mut [W]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let n = sums.len() - 3 * c;
            let from = |j: usize| sums[j * c..][..n].iter();
            let all = from(0).zip(from(1)).zip(from(2)).zip(from(3));
            for (out, (((&a, &b), &d), &e)) in fours[..n].iter_mut().zip(all) {
                *out = a.add(b).add(d.add(e));
            }
        },
    );
}

/// What enters less what leaves as the window moves by [`STRIDE`] pixels of `c` channels, from `fours`:
/// `moves[i] = sum over j < STRIDE of  sums[i + (len + j) * c] - sums[i + j * c]`.
#[inline(never)]
fn moves<S: Simd, L: Load>(simd: S, fours: &[L::In], c: usize, len: usize, moves: &mut [L::Sum]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let n = moves.len();
            let leave = |j: usize| fours[j * c..][..n].iter();
            let enter = |j: usize| fours[(len + j) * c..][..n].iter();
            let leaves = leave(0).zip(leave(4)).zip(leave(8)).zip(leave(12));
            let enters = enter(0).zip(enter(4)).zip(enter(8)).zip(enter(12));
            for ((out, (((&a, &b), &d), &e)), (((&f, &g), &h), &k)) in moves.iter_mut().zip(leaves).zip(enters) {
                let enters = L::load(f).add(L::load(g)).add(L::load(h).add(L::load(k)));
                let leaves = L::load(a).add(L::load(b)).add(L::load(d).add(L::load(e)));
                *out = enters.sub(leaves);
            }
        },
    );
}

/// `dst[i] = sum over j < len of  sums[i + j * c]`, for `C = c` channels and blocks of `N = STRIDE * c`.
///
/// `fours` are those of `sums`, which must reach `(len + STRIDE - 1) * c` elements further than `dst`.
#[inline(never)]
pub(crate) fn slide<S: Simd, L: Load, const C: usize, const N: usize>(
    simd: S,
    sums: &[L::In],
    fours: &[L::In],
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
    moves::<S, L>(simd, fours, C, len, rest);
    add_up::<S, L::Sum, N>(simd, &window, rest);
}

/// Every block becomes its sum with all blocks before it and `start`.
// A function of its own because sums that come out of scalar code would stay there.
#[inline(never)]
fn add_up<S: Simd, W: Lane, const N: usize>(simd: S, start: &[W; N], sums: &mut [W]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut window = *start;
            let (blocks, rest) = sums.as_chunks_mut::<N>();
            for block in blocks {
                for i in 0..N {
                    window[i] = window[i].add(block[i]);
                    block[i] = window[i];
                }
            }
            for (sum, window) in rest.iter_mut().zip(window) {
                *sum = sum.add(window);
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
