//! One-dimensional transforms of many columns at once: the hot loops.
//!
//! The plain algorithm is the mixed-radix fast Fourier transform, one column at a time:
//!
//! ```text
//! for every pass, of radix r on blocks of n = r * m points:
//!     for every block, for j in 0..m:
//!         y = transform of the r points j, j + m, j + 2 m, ...            (butterfly.rs)
//!         the k-th of them, times exp(-2 pi i j k / n), to where the k-th point was
//! n = m for the next pass
//! ```
//!
//! What departs from it, and why:
//!
//! * **Lanes are columns.** A vector holds the same point of as many columns as the level has lanes, so no lane ever needs
//!   another one's value, the twiddle factor is one number for the whole vector, and the same source is as good at
//!   sixteen lanes as at one. What it takes is that the points of a column lie next to each other, and they do: a
//!   column block is contiguous, real and imaginary vectors by turns, 16 KiB for 128 points at sixteen lanes.
//! * **In place, and never in order.** Decimation in frequency leaves the spectrum with the digits of its index reversed.
//!   A convolution does not care: the mask's spectrum is stored in the same order, and decimation in time, which is the same
//!   passes backwards, takes it from there. There is no permutation, and no second buffer.
//! * **Radix 8 and 4.** A pass is a way through memory, so there are few of them: three for 128 points. A butterfly of
//!   eight points takes sixteen registers; at levels with sixteen of them some spill, which costs less than a pass.
//! * **A function each way, called and not inlined.** A call is nothing beside a column, and the ten loops of a direction are
//!   compiled once for each level and not once for each place that transforms something.

use core::mem::take;

use convoke_simd::Simd;

use crate::butterfly::{Complex, transform, twiddle};
use crate::transform::Transform;

/// The same complex point of `L` columns: real parts, imaginary parts.
pub(crate) type Point<const L: usize> = [[f32; L]; 2];

#[inline(always)]
pub(crate) fn load<S: Simd, const L: usize>(simd: S, point: &Point<L>) -> Complex<S> {
    [simd.load(&point[0]), simd.load(&point[1])]
}

#[inline(always)]
pub(crate) fn store<S: Simd, const L: usize>(simd: S, value: Complex<S>, point: &mut Point<L>) {
    simd.store(value[0], &mut point[0]);
    simd.store(value[1], &mut point[1]);
}

/// From points to the spectrum, in the order that [`Transform::frequency`] tells.
#[inline(never)]
pub(crate) fn forward<S: Simd, const L: usize>(simd: S, plan: &Transform, data: &mut [Point<L>]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for pass in plan.passes() {
                let (m, twiddles) = (pass.count, plan.twiddles(pass));
                match pass.radix {
                    3 => frequency_pass::<S, L, 3>(simd, data, m, twiddles),
                    4 => frequency_pass::<S, L, 4>(simd, data, m, twiddles),
                    5 => frequency_pass::<S, L, 5>(simd, data, m, twiddles),
                    8 => frequency_pass::<S, L, 8>(simd, data, m, twiddles),
                    _ => frequency_pass::<S, L, 2>(simd, data, m, twiddles),
                }
            }
        },
    );
}

/// From the spectrum, in that order, to points times their number.
#[inline(never)]
pub(crate) fn inverse<S: Simd, const L: usize>(simd: S, plan: &Transform, data: &mut [Point<L>]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for pass in plan.passes().iter().rev() {
                let (m, twiddles) = (pass.count, plan.twiddles(pass));
                match pass.radix {
                    3 => time_pass::<S, L, 3>(simd, data, m, twiddles),
                    4 => time_pass::<S, L, 4>(simd, data, m, twiddles),
                    5 => time_pass::<S, L, 5>(simd, data, m, twiddles),
                    8 => time_pass::<S, L, 8>(simd, data, m, twiddles),
                    _ => time_pass::<S, L, 2>(simd, data, m, twiddles),
                }
            }
        },
    );
}

/// The `R` parts of a block, `m` points each.
#[inline(always)]
fn split<const L: usize, const R: usize>(mut block: &mut [Point<L>], m: usize) -> [&mut [Point<L>]; R] {
    core::array::from_fn(
        #[inline(always)]
        |_| {
            let (part, rest) = take(&mut block).split_at_mut(m);
            block = rest;
            part
        },
    )
}

/// Room for the points of a butterfly. Arrays are filled by loops here, and not by the closures of `array::from_fn`: those are
/// functions of their own, which large callers do not inline, and outside the vector region they are slow.
#[inline(always)]
fn zeros<S: Simd, const R: usize>(simd: S) -> [Complex<S>; R] {
    [[simd.splat(0.0); 2]; R]
}

#[inline(always)]
fn frequency_pass<S: Simd, const L: usize, const R: usize>(
    simd: S,
    data: &mut [Point<L>],
    m: usize,
    twiddles: &[[f32; 3]],
) {
    if m == 1 {
        for block in data.as_chunks_mut::<R>().0 {
            let mut x = zeros::<S, R>(simd);
            for k in 0..R {
                x[k] = load(simd, &block[k]);
            }
            let y = transform::<S, R, false>(simd, x);
            for k in 0..R {
                store(simd, y[k], &mut block[k]);
            }
        }
        return;
    }
    let twiddles = &twiddles.as_chunks::<R>().0[..m];
    for block in data.chunks_exact_mut(R * m) {
        let parts: [&mut [Point<L>]; R] = split(block, m);
        for j in 0..m {
            let mut x = zeros::<S, R>(simd);
            for k in 0..R {
                x[k] = load(simd, &parts[k][j]);
            }
            let y = transform::<S, R, false>(simd, x);
            store(simd, y[0], &mut parts[0][j]);
            for k in 1..R {
                store(simd, twiddle::<S, false>(simd, y[k], &twiddles[j][k]), &mut parts[k][j]);
            }
        }
    }
}

#[inline(always)]
fn time_pass<S: Simd, const L: usize, const R: usize>(
    simd: S,
    data: &mut [Point<L>],
    m: usize,
    twiddles: &[[f32; 3]],
) {
    if m == 1 {
        for block in data.as_chunks_mut::<R>().0 {
            let mut x = zeros::<S, R>(simd);
            for k in 0..R {
                x[k] = load(simd, &block[k]);
            }
            let y = transform::<S, R, true>(simd, x);
            for k in 0..R {
                store(simd, y[k], &mut block[k]);
            }
        }
        return;
    }
    let twiddles = &twiddles.as_chunks::<R>().0[..m];
    for block in data.chunks_exact_mut(R * m) {
        let parts: [&mut [Point<L>]; R] = split(block, m);
        for j in 0..m {
            let mut x = zeros::<S, R>(simd);
            x[0] = load(simd, &parts[0][j]);
            for k in 1..R {
                x[k] = twiddle::<S, true>(simd, load(simd, &parts[k][j]), &twiddles[j][k]);
            }
            let y = transform::<S, R, true>(simd, x);
            for k in 0..R {
                store(simd, y[k], &mut parts[k][j]);
            }
        }
    }
}

/// Lane `i` of vector `j` to lane `j` of vector `i`: as often as `L` can be halved, the first half of the vectors is
/// interleaved with the second, which moves the highest bit of a vector's number to the lowest of its lane's.
#[inline(always)]
pub(crate) fn transpose<S: Simd, const L: usize>(simd: S, mut vectors: [S::F32; L]) -> [S::F32; L] {
    let mut done = 1;
    while done < L {
        let mut next = vectors;
        for i in 0..L / 2 {
            [next[2 * i], next[2 * i + 1]] = simd.interleave(vectors[i], vectors[i + L / 2]);
        }
        vectors = next;
        done *= 2;
    }
    vectors
}
