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

use super::finish::Finish;
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
            let [a, b, d, e] = [0, 1, 2, 3].map(|j| &sums[j * c..][..n]);
            let fours = &mut fours[..n];
            for i in 0..n {
                fours[i] = a[i].add(b[i]).add(d[i].add(e[i]));
            }
        },
    );
}

/// `dst[i] = finish(sum over j < len of  sums[i + j * c])`, for `C = c` channels and blocks of `N = STRIDE * c`.
///
/// `fours` are those of `sums`. Both must reach `(len + STRIDE) * c` behind the last full block that `dst` begins.
#[inline(never)]
pub(crate) fn slide<S: Simd, L: Load, F: Finish<L::Sum>, const C: usize, const N: usize>(
    simd: S,
    sums: &[L::In],
    fours: &[L::In],
    len: usize,
    finish: F,
    dst: &mut [F::Out],
) where
    F::Out: Default,
{
    simd.vectorize(
        #[inline(always)]
        || {
            let mut window = first::<L, C, N>(sums, len);
            let mut x = 0;
            loop {
                let out = window.map(|sum| finish.finish(sum));
                if dst.len() - x <= N {
                    let rest = dst.len() - x;
                    dst[x..].copy_from_slice(&out[..rest]);
                    return;
                }
                dst[x..x + N].copy_from_slice(&out);
                let [a, b, d, e] = [0, 4, 8, 12].map(|j| block::<_, N>(fours, x + j * C));
                let [f, g, h, k] = [0, 4, 8, 12].map(|j| block::<_, N>(fours, x + (len + j) * C));
                for i in 0..N {
                    let enters = L::load(f[i]).add(L::load(g[i])).add(L::load(h[i]).add(L::load(k[i])));
                    let leaves = L::load(a[i]).add(L::load(b[i])).add(L::load(d[i]).add(L::load(e[i])));
                    window[i] = window[i].add(enters.sub(leaves));
                }
                x += N;
            }
        },
    );
}

/// The first sums, one after the other.
#[inline(always)]
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

#[inline(always)]
fn block<T, const N: usize>(row: &[T], at: usize) -> &[T; N] {
    row[at..].first_chunk().expect("a block inside the row")
}
