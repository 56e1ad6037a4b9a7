//! The Gaussian of OpenCV: sampled, brought to eight fractional bits, and applied in exact arithmetic.

use convoke_core::{Border, NarrowDesc, NarrowMask, Rounding};

use super::{
    OpenCvError, Picture,
    run::{result, run},
};
use crate::options::Options;

/// One, with eight fractional bits.
const ONE: i16 = 256;
/// Greatest size.
const LONGEST: f64 = 4095.0;

/// `GaussianBlur`: blurs with a Gaussian of `size` rows and columns and standard deviations `sigma` along y and x.
///
/// As in OpenCV, a sigma along y that is not positive is that along x; a size of 0 follows from a positive sigma (its
/// sixfold and one, to the nearest odd number or the one above); and a sigma that is not positive follows from the size,
/// `0.15 * size + 0.35`, but for sizes up to 7, which then are `[1 2 1] / 4`, `[1 4 6 4 1] / 16` and
/// `[4 14 28 36 28 14 4] / 128`.
///
/// The coefficients are rounded to multiples of 1/256 from the outside in, each taking over the rounding error of the
/// one before, and the middle one is what is missing to 1. With these the result is exact, ties up.
///
/// # Errors
/// [`OpenCvError::GaussianSize`] for even sizes, and for 0 without a sigma; [`OpenCvError::Sigma`];
/// [`OpenCvError::Filter`] for a picture that is empty or not as long as it should be, or for other than 1 to 4 channels.
pub fn gaussian_blur(
    picture: &Picture<'_>,
    size: [usize; 2],
    sigma: [f64; 2],
    border: Border,
    options: &Options,
) -> Result<Vec<u8>, OpenCvError> {
    let mut dst = result(picture)?;
    gaussian_blur_into(picture, size, sigma, border, options, &mut dst)?;
    Ok(dst)
}

/// [`gaussian_blur`] to a buffer as long as the picture, so that none is allocated and cleared for every call.
///
/// # Errors
/// As for [`gaussian_blur`], and [`OpenCvError::Filter`] for a buffer of another length.
pub fn gaussian_blur_into(
    picture: &Picture<'_>,
    size: [usize; 2],
    sigma: [f64; 2],
    border: Border,
    options: &Options,
    dst: &mut [u8],
) -> Result<(), OpenCvError> {
    let sigma = if sigma[0] > 0.0 { sigma } else { [sigma[1], sigma[1]] };
    if sigma.iter().any(|sigma| !sigma.is_finite()) {
        return Err(OpenCvError::Sigma);
    }
    let [column, row] = [0, 1].map(|axis| coefficients(size[axis], sigma[axis]));
    let (column, row) = (column?, row?);
    let [(column, below), (row, right)] = [reduced(&column), reduced(&row)];
    let mask = NarrowMask::Separable { column: &column, row: &row };
    let desc = NarrowDesc::new(picture.size, picture.channels, mask)
        .border(border)
        .divisor(below * right)
        .rounding(Rounding::TiesUp);
    Ok(run(picture, &desc, options, dst)?)
}

/// The coefficients in units of 1/256.
fn coefficients(size: usize, sigma: f64) -> Result<Vec<i16>, OpenCvError> {
    let size = if size == 0 && sigma > 0.0 {
        let size = (6.0 * sigma + 1.0).round_ties_even();
        if size > LONGEST {
            return Err(OpenCvError::Sigma);
        }
        size as usize | 1
    } else {
        size
    };
    if size % 2 == 0 || size > LONGEST as usize {
        return Err(OpenCvError::GaussianSize { got: size });
    }
    let fixed: &[i16] = match size {
        1 => &[256],
        3 => &[64, 128, 64],
        5 => &[16, 64, 96, 64, 16],
        7 => &[8, 28, 56, 72, 56, 28, 8],
        _ => &[],
    };
    if sigma <= 0.0 && !fixed.is_empty() {
        return Ok(fixed.to_vec());
    }
    let middle = (size / 2) as f64;
    let sigma = if sigma > 0.0 { sigma } else { ((size - 1) as f64 * 0.5 - 1.0) * 0.3 + 0.8 };
    let samples: Vec<f64> =
        (0..size).map(|i| (-0.5 * (i as f64 - middle).powi(2) / (sigma * sigma)).exp()).collect();
    let sum: f64 = samples.iter().sum();
    let mut taps = vec![0; size];
    let mut error = 0.0;
    let mut rest = ONE;
    for i in 0..size / 2 {
        let wanted = samples[i] / sum * f64::from(ONE) + error;
        let tap = wanted.round_ties_even();
        error = wanted - tap;
        taps[i] = tap as i16;
        taps[size - 1 - i] = tap as i16;
        rest -= 2 * tap as i16;
    }
    taps[size / 2] = rest;
    Ok(taps)
}

/// The same line in smaller numbers, and what its sum is then: sums that fit in 16 bits are formed faster.
fn reduced(taps: &[i16]) -> (Vec<i16>, u32) {
    let divisor = taps.iter().fold(0, |a, &b| gcd(a, b));
    let divisor = if divisor == 0 { 1 } else { divisor };
    // Zeros at both ends are left in place: they hold the anchor.
    (taps.iter().map(|tap| tap / divisor).collect(), (ONE / divisor) as u32)
}

fn gcd(a: i16, b: i16) -> i16 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::{coefficients, reduced};

    #[test]
    fn coefficients_sum_to_one() {
        for size in (1..100).step_by(2) {
            for sigma in [0.0, 0.1, 0.7, 1.0, 2.0, 5.0, 33.3, 1e6] {
                let taps = coefficients(size, sigma).unwrap();
                assert_eq!(taps.len(), size);
                assert_eq!(taps.iter().sum::<i16>(), 256, "{size} {sigma}");
                assert!(taps.iter().all(|&tap| tap >= 0), "{size} {sigma}");
            }
        }
        assert_eq!(coefficients(0, 1.0).unwrap().len(), 7);
        assert_eq!(reduced(&[64, 128, 64]), (vec![1, 2, 1], 4));
        assert_eq!(reduced(&[8, 28, 56, 72, 56, 28, 8]), (vec![2, 7, 14, 18, 14, 7, 2], 64));
    }
}
