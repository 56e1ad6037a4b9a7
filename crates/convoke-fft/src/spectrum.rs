//! The mask's spectrum, computed once, in f64, by rustfft: rounded to f32 it is as good as f32 can be.

use convoke_core::{Filter2dDesc, Mode};
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use crate::transform::Transform;

/// The factor of every point of a transformed tile, laid out for `lanes`: for every block of `lanes` places along y, for every
/// place along x, the real parts and then the imaginary parts of the block.
///
/// A tile `z` and a mask `w` that both start at `[0, 0]` are correlated by `Z * conj(W)`. Scale, divisor and the number of
/// points, by which nothing else divides, are included.
pub(crate) fn of_mask(
    desc: &Filter2dDesc,
    mask: &[f32],
    [vertical, horizontal]: [&Transform; 2],
    lanes: usize,
) -> Vec<f32> {
    let [p, q] = [vertical.len(), horizontal.len()];
    let cols = desc.mask_size[1];
    let mut factor = f64::from(desc.scale) / f64::from(desc.divisor);
    for transform in [vertical, horizontal] {
        if !transform.is_identity() {
            factor /= transform.len() as f64;
        }
    }
    let mut planner = FftPlanner::<f64>::new();

    // Rows of the mask along x, then everything along y, column by column: `columns[x * p + y]`.
    let mut columns = vec![Complex::new(0.0, 0.0); p * q];
    let along_x = (!horizontal.is_identity()).then(|| planner.plan_fft_forward(q));
    let mut row = vec![Complex::new(0.0, 0.0); q];
    for y in 0..desc.mask_size[0] {
        row.fill(Complex::new(0.0, 0.0));
        for (x, value) in row[..cols].iter_mut().enumerate() {
            let tap = y * cols + x;
            // Turning by 180 degrees is reversing the order.
            let tap = if desc.mode == Mode::Convolve { mask.len() - 1 - tap } else { tap };
            value.re = f64::from(mask[tap]) * factor;
        }
        match &along_x {
            Some(fft) => fft.process(&mut row),
            None => {
                let only = row[0];
                row.fill(only);
            }
        }
        for (x, value) in row.iter().enumerate() {
            columns[x * p + y] = *value;
        }
    }
    if !vertical.is_identity() {
        planner.plan_fft_forward(p).process(&mut columns);
    }

    let mut spectrum = Vec::with_capacity(2 * p * q);
    for block in (0..p).step_by(lanes) {
        for x in 0..q {
            let column = &columns[horizontal.frequency(x) * p..][..p];
            let values = (block..block + lanes).map(|y| column[vertical.frequency(y)]);
            spectrum.extend(values.clone().map(|value| value.re as f32));
            spectrum.extend(values.map(|value| -value.im as f32));
        }
    }
    spectrum
}
