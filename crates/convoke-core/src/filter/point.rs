//! The sum of one output in f64, vectorised: what decides the pixels whose rounding an f32 result leaves open.
//!
//! A product of two f32 is exact in f64, so every term costs one rounding, its addition; and 53 bits leave so little open
//! that exact integers hardly ever follow. One or two pixels in a hundred come here, each with all taps of the mask:
//! at the speed of plain scalar code they would cost more than all the others.

use convoke_simd::{Kernel, Simd};

use crate::kernel::plane::Rows;
use crate::slices::{part, part_mut, rest};

/// Values of a row that are converted and summed at a time.
const STEP: usize = 16;

/// The sum of `weights` times the window at `at`, in f64, in some order.
pub(super) struct Dot<'a> {
    /// Row by row.
    pub(super) weights: &'a [f32],
    pub(super) cols: usize,
    /// Elements from one tap to the next.
    pub(super) step: usize,
    pub(super) rows: Rows<'a>,
    pub(super) at: [usize; 2],
}

impl Kernel for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> f64 {
        let [y, x] = self.at;
        let mut sums = [0.0; STEP];
        for (r, weights) in self.weights.chunks_exact(self.cols.max(1)).enumerate() {
            let Some(row) = self.rows.at(y + r, x) else { break };
            if self.step == 1 {
                let Some(row) = part(row, 0, weights.len()) else { break };
                add_line(weights, row, &mut sums);
            } else {
                // Taps of one channel, put side by side first.
                for (weights, s) in weights.chunks(STEP).zip((0..).step_by(STEP)) {
                    let mut line = [0.0; STEP];
                    let Some(pixels) = rest(row, s * self.step) else { break };
                    let Some(line) = part_mut(&mut line, 0, weights.len()) else { break };
                    for (value, &p) in line.iter_mut().zip(pixels.iter().step_by(self.step.max(1))) {
                        *value = p;
                    }
                    add_line(weights, line, &mut sums);
                }
            }
        }
        sums.iter().sum()
    }
}

/// Adds products of slices of equal length. Plain arrays: in a vector region the compiler makes registers of them.
#[inline(always)]
fn add_line(weights: &[f32], pixels: &[f32], sums: &mut [f64; STEP]) {
    let (whole_w, weights) = weights.as_chunks::<STEP>();
    let (whole_p, pixels) = pixels.as_chunks::<STEP>();
    for (w, p) in whole_w.iter().zip(whole_p) {
        for i in 0..STEP {
            sums[i] += f64::from(w[i]) * f64::from(p[i]);
        }
    }
    let (eights_w, weights) = weights.as_chunks::<8>();
    let (eights_p, pixels) = pixels.as_chunks::<8>();
    for (w, p) in eights_w.iter().zip(eights_p) {
        for i in 0..8 {
            sums[i] += f64::from(w[i]) * f64::from(p[i]);
        }
    }
    let (fours_w, weights) = weights.as_chunks::<4>();
    let (fours_p, pixels) = pixels.as_chunks::<4>();
    for (w, p) in fours_w.iter().zip(fours_p) {
        for i in 0..4 {
            sums[8 + i] += f64::from(w[i]) * f64::from(p[i]);
        }
    }
    for ((w, p), sum) in weights.iter().zip(pixels).zip(&mut sums[STEP - 4..]) {
        *sum += f64::from(*w) * f64::from(*p);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use convoke_simd::Level;

    use super::Dot;
    use crate::kernel::plane::Rows;

    /// Integers, whose sums are exact: every width round the chunks, every step, every level.
    #[test]
    fn sums_every_tap_once() {
        for level in Level::available() {
            for cols in (1..40).chain([63, 64, 65]) {
                for step in 1..=4 {
                    let (mask_rows, pitch) = (3, cols * step + 5);
                    let weights: Vec<f32> =
                        (0..mask_rows * cols).map(|i| (i * 7 % 13) as f32 - 6.0).collect();
                    let data: Vec<f32> = (0..5 * pitch).map(|i| (i * 31 % 101) as f32).collect();
                    let rows = Rows { data: &data, pitch, first: 0, count: usize::MAX, from_memory: false };
                    let got = level.dispatch(Dot { weights: &weights, cols, step, rows, at: [1, 2] });
                    let tap = |i: usize| weights[i] * data[(1 + i / cols) * pitch + 2 + i % cols * step];
                    let expected: f32 = (0..mask_rows * cols).map(tap).sum();
                    assert_eq!(got, f64::from(expected), "{level}, {cols} columns, step {step}");
                }
            }
        }
    }
}
