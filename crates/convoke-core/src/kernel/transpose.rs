//! Squares of values, as many rows as a vector has lanes, transposed in registers. For kernels whose neighbours are better
//! in other vectors than in other lanes.

use convoke_simd::Simd;

/// Lanes of the widest level.
pub(crate) const MAX_LANES: usize = 16;

/// Transposes the square of the first [`Simd::LANES`] vectors.
///
/// Interleaving row `i` with row `i + LANES / 2` for all `i` moves the bits of an element's place, row before lane, around by
/// one. As many times as a lane's number has bits, and rows and lanes have changed places.
#[inline(always)]
pub(crate) fn transpose<S: Simd>(simd: S, square: &mut [S::F32; MAX_LANES]) {
    let half = S::LANES / 2;
    for _ in 0..S::LANES.ilog2() {
        let from = *square;
        for i in 0..half {
            let [low, high] = simd.interleave(from[i], from[i + half]);
            square[2 * i] = low;
            square[2 * i + 1] = high;
        }
    }
}
