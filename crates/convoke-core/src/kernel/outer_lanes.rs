//! The outer product where there is none: weight gradients of depthwise layers and small groups, whose channels are lanes on
//! both sides, as in the [lane kernel](super::lanes). A vector of gradients of the output meets, for each tap, a vector of pixels.

use convoke_simd::Simd;

use super::each::each;

/// Taps whose sums are in registers at a time: each takes a load for each multiply-add, so more would gain nothing.
pub(crate) const TAPS: usize = 9;
/// Places for sums, of which the first are used.
pub(crate) const SUMS: usize = 16;

/// A box of pixels.
pub(crate) struct Pixels<'a> {
    /// Gradients of the output, a vector for each pixel, row by row.
    pub(crate) left: &'a [f32],
    /// The input that the first tap of the first pixel meets and what is behind it, and from one row and pixel to the next.
    pub(crate) right: &'a [f32],
    pub(crate) steps: [usize; 2],
    /// Rows and columns.
    pub(crate) size: [usize; 2],
}

/// Adds the products of a box of pixels to the sums of `taps`, whose places are counted from the first tap.
#[inline]
pub(crate) fn run<S: Simd>(simd: S, pixels: &Pixels<'_>, taps: &[usize], sums: &mut [S::F32; SUMS]) {
    macro_rules! choose {
        ($($t:literal)*) => {
            match taps.len() {
                $($t => accumulate::<S, $t>(simd, pixels, taps, sums),)*
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
    sums: &mut [S::F32; SUMS],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut acc = *sums;
            let [rows, cols] = pixels.size;
            let [row_step, step] = pixels.steps;
            let len = (cols - 1) * step + S::LANES;
            let mut lefts = pixels.left.chunks_exact(S::LANES);
            for row in 0..rows {
                let mut rights: [&[f32]; SUMS] = [&[]; SUMS];
                each!(lane I where I < T => {
                    rights[I] = &pixels.right[row * row_step + taps[I]..][..len];
                });
                for col in 0..cols {
                    let Some(left) = lefts.next() else { break };
                    let y = simd.load(left);
                    let at = col * step;
                    each!(lane I where I < T => {
                        acc[I] = simd.mul_add(y, simd.load(&rights[I][at..]), acc[I]);
                    });
                }
            }
            *sums = acc;
        },
    );
}
