//! The kernel of repeated boxes: one pass of an extended box, down lines that lie one below the other. The accumulate
//! stage of [`crate::filter::repeated`], along both axes: rows are transposed before they come here.
//!
//! An extended box has `2 r + 1` equal weights and a smaller one at either end (P. Gwosdek, S. Grewenig, A. Bruhn,
//! J. Weickert, *Theoretical foundations of Gaussian convolution by extended box filtering*, SSVM 2011). In plain words
//!
//! ```text
//! for each line i
//!     out[i] = ends * (in[i] + in[i + n + 1])  +  centre * (in[i + 1] + ... + in[i + n]),    n = 2 r + 1
//! ```
//!
//! # What departs from that
//!
//! * The sum of `n` lines is not made anew for every output, and is no running difference either, which would drift and
//!   spread infinities. Lines are cut into groups of `n` (van Herk 1992, Gil and Werman 1993): a window is the end of
//!   one group, whose sums are made from below once per group, and the beginning of the next, which is summed on the
//!   way. Three additions, whatever `n` is.
//! * Lines are walked in tiles of a few vectors. So the sum of the beginning stays in registers, and the sums of a
//!   group's end are a buffer of the tile's width, which stays in the first cache for all but the largest boxes.
//! * Output `i` is written where input `i` was, which nobody reads any more: later groups begin behind it.
//!
//! Groups start at the first line, so the position of a line decides the order of its sum. Callers let all lines of a
//! picture's column or row through at once, and so no division of the work changes a bit.

use convoke_simd::Simd;

/// Most vectors of a tile.
pub(crate) const NV: usize = 4;

/// An extended box whose weights sum to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExtendedBox {
    /// Equal weights, an odd number.
    pub(crate) taps: usize,
    /// Each of them.
    pub(crate) centre: f32,
    /// The weight at either end.
    pub(crate) ends: f32,
}

impl ExtendedBox {
    /// Lines that become none: outputs are fewer than inputs by so many.
    pub(crate) fn around(&self) -> usize {
        self.taps + 1
    }

    /// Makes `count - around()` lines of `count`, each of `width` elements, a multiple of 16, in place. `sums` has room for
    /// as many tiles as there are equal weights.
    // Not inlined: callers are generic over pixel types that make no difference here.
    #[inline(never)]
    pub(crate) fn pass<S: Simd>(&self, simd: S, lines: &mut [f32], width: usize, sums: &mut [f32]) {
        simd.vectorize(
            #[inline(always)]
            || {
                let mut x = 0;
                while x + NV * S::LANES <= width {
                    self.tile::<S, NV>(simd, lines, width, x, sums);
                    x += NV * S::LANES;
                }
                while x + 2 * S::LANES <= width {
                    self.tile::<S, 2>(simd, lines, width, x, sums);
                    x += 2 * S::LANES;
                }
                while x + S::LANES <= width {
                    self.tile::<S, 1>(simd, lines, width, x, sums);
                    x += S::LANES;
                }
            },
        );
    }

    /// The same for `NV` vectors of every line.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "iterators would not stay in registers")]
    fn tile<S: Simd, const NV: usize>(
        &self,
        simd: S,
        lines: &mut [f32],
        width: usize,
        x: usize,
        sums: &mut [f32],
    ) {
        let (taps, tile) = (self.taps, NV * S::LANES);
        let [centre, ends] = [self.centre, self.ends].map(|w| simd.splat(w));
        let outputs = (lines.len() / width).saturating_sub(self.around());
        for first in (0..outputs).step_by(taps) {
            let mut suffix = [simd.splat(0.0); NV];
            // The same number of lines and of sums, from the last one up.
            let group = lines[(first + 1) * width..][..taps * width].chunks_exact(width);
            for (line, sums) in group.zip(sums.chunks_exact_mut(tile)).rev() {
                let line = &line[x..][..tile];
                for j in 0..NV {
                    suffix[j] = simd.add(simd.load(&line[j * S::LANES..]), suffix[j]);
                    simd.store(suffix[j], &mut sums[j * S::LANES..]);
                }
            }
            let mut prefix = [simd.splat(0.0); NV];
            let count = taps.min(outputs - first);
            let (done, ahead) = lines[first * width..].split_at_mut(self.around() * width);
            // `done` are the lines that outputs replace, `ahead` those that enter the window, as far as they are not
            // among the former.
            for ((line, enters), sums) in done
                .chunks_exact_mut(width)
                .zip(ahead.chunks_exact(width))
                .zip(sums.chunks_exact(tile))
                .take(count)
            {
                let (line, enters) = (&mut line[x..][..tile], &enters[x..][..tile]);
                for j in 0..NV {
                    let at = j * S::LANES;
                    let enters = simd.load(&enters[at..]);
                    let sum = simd.add(simd.load(&sums[at..]), prefix[j]);
                    let outer = simd.add(simd.load(&line[at..]), enters);
                    simd.store(simd.mul_add(ends, outer, simd.mul(centre, sum)), &mut line[at..]);
                    prefix[j] = simd.add(prefix[j], enters);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use convoke_simd::{Kernel, Level, Simd};

    use super::{ExtendedBox, NV};

    /// Integers, whose sums are exact, against the definition.
    struct Pass<'a> {
        shape: ExtendedBox,
        width: usize,
        lines: &'a mut [f32],
    }

    impl Kernel for Pass<'_> {
        type Output = ();

        fn run<S: Simd>(self, simd: S) {
            let mut sums = vec![f32::NAN; self.shape.taps * NV * 16];
            self.shape.pass(simd, self.lines, self.width, &mut sums);
        }
    }

    #[test]
    fn every_group_and_every_rest() {
        for level in Level::available() {
            for taps in [1, 3, 5, 9] {
                let shape = ExtendedBox { taps, centre: 4.0, ends: 3.0 };
                for width in [16, 32, 48, 64, 80] {
                    for count in 1..5 * taps + 4 {
                        let input: Vec<f32> = (0..count * width).map(|i| (i * 31 % 101) as f32).collect();
                        let mut lines = input.clone();
                        level.dispatch(Pass { shape, width, lines: &mut lines });
                        for i in 0..count.saturating_sub(taps + 1) {
                            for x in 0..width {
                                let at = |line: usize| input[(i + line) * width + x];
                                let inner: f32 = (1..=taps).map(at).sum();
                                let expected = 3.0 * (at(0) + at(taps + 1)) + 4.0 * inner;
                                assert_eq!(
                                    lines[i * width + x],
                                    expected,
                                    "{level}, {taps} taps, {count} lines of {width}, at {i}, {x}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}
