//! Whether a mask is separable: a column times a row. Asked before planning, by whoever has a choice, and when a mask
//! is packed for a [separable plan](crate::Filter2dPlan::separable).

use crate::error::{Error, check_len};

/// How far a product of factors may be from the mask's value, in units of `2^-24` of that value. The values of a mask
/// that was a product are off by one such unit each; so is the quotient that makes a factor of them.
pub(super) const DEVIATION: usize = 8;

/// The least positive number, twice: what the rounding of products below the normal range may take or give.
const TINY: f64 = f32::from_bits(2) as f64;

/// Finds a column of `R` and a row of `S` values whose products are a mask's values, each within `8 * 2^-24` of itself.
/// `true` if there are such factors, and they were written; else what is written is of no use.
///
/// A mask of whole numbers gets factors that reproduce it exactly if it has rank 1. The magnitudes of the column
/// sum to at most 1, so that no sum down a picture overflows that would not overflow in the end.
///
/// ```
/// let sobel = [-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0];
/// let (mut column, mut row) = ([0.0; 3], [0.0; 3]);
/// assert_eq!(convoke_core::factor(&sobel, &mut column, &mut row), Ok(true));
/// assert_eq!((column, row), ([0.25, 0.5, 0.25], [-4.0, 0.0, 4.0]));
///
/// let laplacian = [0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0];
/// assert_eq!(convoke_core::factor(&laplacian, &mut column, &mut row), Ok(false));
/// # Ok::<(), convoke_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Length`] if the mask does not have as many values as column and row have products.
pub fn factor(mask: &[f32], column: &mut [f32], row: &mut [f32]) -> Result<bool, Error> {
    let required = column.len().checked_mul(row.len()).ok_or(Error::Overflow { operand: "mask" })?;
    check_len("mask", required, mask.len())?;
    if mask.iter().any(|w| !w.is_finite()) {
        return Ok(false);
    }
    // The greatest value has the least relative error, and is not zero unless all are.
    let greatest = mask
        .iter()
        .enumerate()
        .fold((0, 0.0_f32), |best, (at, w)| if w.abs() > best.1 { (at, w.abs()) } else { best });
    let (at, greatest) = greatest;
    if greatest == 0.0 {
        column.fill(0.0);
        row.fill(0.0);
        return Ok(true);
    }
    let cols = row.len();
    row.copy_from_slice(&mask[at / cols * cols..][..cols]);
    // Whole numbers have whole factors: the row without its common divisor, and what is left of the column.
    if row.iter().all(|w| is_whole(*w)) {
        let divisor = row.iter().fold(0, |divisor, w| common_divisor(divisor, w.abs() as u32));
        for w in row.iter_mut() {
            *w /= divisor as f32;
        }
    }
    let pivot = f64::from(row[at % cols]);
    for (w, mask) in column.iter_mut().zip(mask.chunks_exact(cols)) {
        *w = (f64::from(mask[at % cols]) / pivot) as f32;
    }
    // A power of two moves from the column to the row.
    let sum: f64 = column.iter().map(|w| f64::from(*w).abs()).sum();
    let mut scale = 1.0_f32;
    while f64::from(scale) < sum && scale < 1e30 {
        scale *= 2.0;
    }
    column.iter_mut().for_each(|w| *w /= scale);
    row.iter_mut().for_each(|w| *w *= scale);
    Ok(row.iter().all(|w| w.is_finite()) && deviates(mask, column, row).is_none())
}

/// The first value of the mask that is not the product of its factors, give or take [`DEVIATION`].
pub(super) fn deviates(mask: &[f32], column: &[f32], row: &[f32]) -> Option<usize> {
    const MOST: f64 = DEVIATION as f64 / 16_777_216.0;
    let products = column.iter().flat_map(|a| row.iter().map(move |b| f64::from(*a) * f64::from(*b)));
    mask.iter().zip(products).position(|(w, product)| {
        let w = f64::from(*w);
        // NaN deviates.
        let is_near = (w - product).abs() <= MOST * w.abs() + TINY;
        !is_near
    })
}

/// Whether every product of factors is exactly the mask's value.
pub(super) fn is_exact(mask: &[f32], column: &[f32], row: &[f32]) -> bool {
    let products = column.iter().flat_map(|a| row.iter().map(move |b| f64::from(*a) * f64::from(*b)));
    // The product of two f32 is exact in f64.
    mask.iter().zip(products).all(|(w, product)| f64::from(*w) == product)
}

fn is_whole(w: f32) -> bool {
    w.abs() <= 16_777_216.0 && w as i32 as f32 == w
}

fn common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
