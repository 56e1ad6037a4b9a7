//! Whether numbers are finite, at the speed at which they are read: asked of everything that may be multiplied by a zero that stands for
//! nothing.

use convoke_simd::{Kernel, Simd};

/// Whether no value is infinite or not a number.
pub(crate) struct Finite<'a>(pub(crate) &'a [f32]);

impl Kernel for Finite<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> bool {
        finite(simd, self.0)
    }
}

/// The same in a region: the sum of all values times zero is zero, or it is not a number.
#[inline(never)]
pub(crate) fn finite<S: Simd>(simd: S, values: &[f32]) -> bool {
    const SUMS: usize = 8;
    simd.vectorize(
        #[inline(always)]
        || {
            let zero = simd.splat(0.0);
            let mut sums = [zero; SUMS];
            let mut chunks = values.chunks_exact(SUMS * S::LANES);
            for chunk in &mut chunks {
                for i in 0..SUMS {
                    sums[i] = simd.mul_add(simd.load(&chunk[i * S::LANES..]), zero, sums[i]);
                }
            }
            for rest in chunks.remainder().chunks(S::LANES) {
                sums[0] = simd.mul_add(simd.load_first(rest), zero, sums[0]);
            }
            let mut sum = zero;
            for some in sums {
                sum = simd.add(sum, some);
            }
            let mut lanes = [0.0; super::transpose::MAX_LANES];
            simd.store(sum, &mut lanes);
            lanes.iter().all(|&lane| lane == 0.0)
        },
    )
}

#[cfg(test)]
mod tests {
    use std::vec;

    use convoke_simd::Level;

    use super::*;

    #[test]
    fn one_is_found_anywhere() {
        for level in Level::available() {
            for len in [0, 1, 15, 16, 17, 64, 65, 131] {
                let mut values = vec![f32::MAX; len];
                assert!(level.dispatch(Finite(&values)));
                for at in 0..len {
                    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                        let was = core::mem::replace(&mut values[at], odd);
                        assert!(!level.dispatch(Finite(&values)), "{level}: {odd} at {at} of {len}");
                        values[at] = was;
                    }
                }
            }
        }
    }
}
