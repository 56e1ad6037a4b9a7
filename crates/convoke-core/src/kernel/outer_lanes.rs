//! The outer product where there is none: weight gradients of depthwise layers and small groups, whose channels are lanes on
//! both sides, as in the [lane kernel](super::lanes). A vector of gradients of the output meets, for each tap, a vector of pixels.

use convoke_simd::Simd;

use super::each::each;

/// Taps whose sums are in registers at a time: each takes a load for each multiply-add, so more would gain nothing.
pub(crate) const TAPS: usize = 9;

/// Copies `count` vectors of the first `lanes` channels of pixels that are `pixel` apart.
#[inline(never)]
pub(crate) fn lay<S: Simd>(simd: S, src: &[f32], pixel: usize, lanes: usize, count: usize, out: &mut [f32]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let out = &mut out[..count * S::LANES];
            for i in 0..count {
                let v = if lanes == S::LANES {
                    simd.load(&src[i * pixel..])
                } else {
                    simd.load_first(&src[i * pixel..][..lanes])
                };
                simd.store(v, &mut out[i * S::LANES..]);
            }
        },
    );
}

/// A box of pixels.
pub(crate) struct Pixels<'a> {
    /// Gradients of the output, a vector for each pixel, and from one row and pixel to the next.
    pub(crate) left: &'a [f32],
    pub(crate) left_steps: [usize; 2],
    /// The input that the first tap of the first pixel meets and what is behind it, and from one row and pixel to the next.
    pub(crate) right: &'a [f32],
    pub(crate) steps: [usize; 2],
    /// Rows and columns.
    pub(crate) size: [usize; 2],
}

/// Adds the products of a box of pixels to the sums of `taps`, whose places are counted from the first tap. Sums are `sum_step` elements apart.
#[inline]
pub(crate) fn run<S: Simd>(simd: S, pixels: &Pixels<'_>, taps: &[usize], sums: &mut [f32], sum_step: usize) {
    macro_rules! choose {
        ($($t:literal)*) => {
            match taps.len() {
                $($t => accumulate::<S, $t>(simd, pixels, taps, sums, sum_step),)*
                _ => debug_assert!(false, "{} taps", taps.len()),
            }
        };
    }
    choose!(1 2 3 4 5 6 7 8 9);
}

/// The plain algorithm, for one lane: for each pixel, row by row, `sums[t] += left[pixel] * right[pixel + taps[t]]`. The sums of
/// `T` taps are in registers over a whole box, so that each vector of `left` is loaded once for all of them.
#[inline(never)]
fn accumulate<S: Simd, const T: usize>(
    simd: S,
    pixels: &Pixels<'_>,
    taps: &[usize],
    sums: &mut [f32],
    sum_step: usize,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut acc = [simd.splat(0.0); T];
            each!(lane I where I < T => {
                acc[I] = simd.load(&sums[I * sum_step..]);
            });
            let [rows, cols] = pixels.size;
            let [row_step, step] = pixels.steps;
            let [left_row, left_step] = pixels.left_steps;
            let len = (cols - 1) * step + S::LANES;
            for row in 0..rows {
                let left = &pixels.left[row * left_row..][..(cols - 1) * left_step + S::LANES];
                let mut rights: [&[f32]; T] = [&[]; T];
                each!(lane I where I < T => {
                    rights[I] = &pixels.right[row * row_step + taps[I]..][..len];
                });
                for col in 0..cols {
                    let y = simd.load(&left[col * left_step..]);
                    let at = col * step;
                    each!(lane I where I < T => {
                        acc[I] = simd.mul_add(y, simd.load(&rights[I][at..]), acc[I]);
                    });
                }
            }
            each!(lane I where I < T => {
                simd.store(acc[I], &mut sums[I * sum_step..]);
            });
        },
    );
}
