//! Whether a mask is separable: a column times a row, or the sum of two such. Asked before planning, by whoever has a
//! choice, and when a mask is packed for a [separable plan](crate::Filter2dPlan::separable) or one of
//! [rank 2](crate::Filter2dPlan::rank_two).

use crate::error::{Error, check_len};
use crate::slices::split_mut;

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
    let mask_rows = mask.chunks_exact(cols.max(1));
    let (i, j) = (at / cols.max(1), at % cols.max(1));
    for (w, mask) in row.iter_mut().zip(mask_rows.clone().nth(i).unwrap_or_default()) {
        *w = *mask;
    }
    // Whole numbers have whole factors: the row without its common divisor, and what is left of the column.
    if row.iter().all(|w| is_whole(*w)) {
        let divisor = row.iter().fold(0, |divisor, w| common_divisor(divisor, w.abs() as u32));
        for w in row.iter_mut() {
            *w /= divisor as f32;
        }
    }
    let pivot = value(row, j);
    for (w, mask) in column.iter_mut().zip(mask_rows) {
        *w = (value(mask, j) / pivot) as f32;
    }
    balance(column, row);
    Ok(row.iter().all(|w| w.is_finite()) && deviates(mask, column, row).is_none())
}

/// Finds two columns of `R` and two rows of `S` values, one after the other, whose products sum to a mask's values: all of
/// these differences together are at most `8 * 2^-24` of the sum of the mask's magnitudes. `true` if there are such factors,
/// and they were written; else what is written is of no use.
///
/// A row and a column of the mask that cross where it is greatest are one pair (the column divided by that value), and
/// those of what is left the other: Gaussian elimination with complete pivoting, two steps of it (Golub, Van Loan, *Matrix
/// Computations*, 3.4.8). A mask of rank 1 gets a second pair of zeros. The magnitudes of each column sum to at most 1.
///
/// ```
/// let laplacian = [0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0];
/// let (mut columns, mut rows) = ([0.0; 6], [0.0; 6]);
/// assert_eq!(convoke_core::factor_two(&laplacian, &mut columns, &mut rows), Ok(true));
/// for (i, w) in laplacian.iter().enumerate() {
///     let product = |term: usize| columns[3 * term + i / 3] * rows[3 * term + i % 3];
///     assert_eq!(product(0) + product(1), *w);
/// }
/// # Ok::<(), convoke_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::NotDivisible`] if columns and rows are not two of a length, [`Error::Length`] if the mask does not have as many
/// values as a column and a row have products.
pub fn factor_two(mask: &[f32], columns: &mut [f32], rows: &mut [f32]) -> Result<bool, Error> {
    for (operand, got) in [("columns", columns.len()), ("rows", rows.len())] {
        if !got.is_multiple_of(2) {
            return Err(Error::NotDivisible { operand, groups: 2, got });
        }
    }
    let [r, s] = [columns.len() / 2, rows.len() / 2];
    let required = r.checked_mul(s).ok_or(Error::Overflow { operand: "mask" })?;
    check_len("mask", required, mask.len())?;
    columns.fill(0.0);
    rows.fill(0.0);
    if mask.iter().any(|w| !w.is_finite()) {
        return Ok(false);
    }
    if mask.is_empty() || s == 0 {
        return Ok(true);
    }
    for term in 0..2 {
        let columns: [_; 2] = split_mut(columns, r).into();
        let rows: [_; 2] = split_mut(rows, s).into();
        let mut greatest = ([0, 0], 0.0_f64);
        for (i, mask) in mask.chunks_exact(s).enumerate() {
            let [a, b] = [value(columns[0], i), value(columns[1], i)];
            for (j, (w, row)) in mask.iter().zip(rows[0].iter().zip(&*rows[1])).enumerate() {
                let left = f64::from(*w) - a * f64::from(*row.0) - b * f64::from(*row.1);
                if left.abs() > greatest.1 {
                    greatest = ([i, j], left.abs());
                }
            }
        }
        let ([i, j], greatest) = greatest;
        if greatest == 0.0 {
            break;
        }
        // What is left of the mask's row and column, by factors that stay as they are while these are written.
        let [mut first_column, mut first_row] = [0.0; 2];
        if term == 1 {
            [first_column, first_row] = [value(columns[0], i), value(rows[0], j)];
        }
        for k in 0..s {
            let left = value(mask, i * s + k) - first_column * value(rows[0], k);
            if let Some(w) = rows[term].get_mut(k) {
                *w = left as f32;
            }
        }
        let pivot = value(rows[term], j);
        for k in 0..r {
            let left = value(mask, k * s + j) - value(columns[0], k) * first_row;
            if let Some(w) = columns[term].get_mut(k) {
                *w = (left / pivot) as f32;
            }
        }
        balance(columns[term], rows[term]);
    }
    let magnitude: f64 = mask.iter().map(|w| f64::from(*w).abs()).sum();
    let far = distance(mask, [r, s], columns, rows);
    // NaN is not near.
    Ok(rows.iter().all(|w| w.is_finite()) && far <= DEVIATION as f64 / 16_777_216.0 * magnitude)
}

/// A weight, which is there.
fn value(weights: &[f32], at: usize) -> f64 {
    weights.get(at).copied().unwrap_or_default().into()
}

/// A power of two moves from the column to the row, so that the column's magnitudes sum to at most 1.
fn balance(column: &mut [f32], row: &mut [f32]) {
    let sum: f64 = column.iter().map(|w| f64::from(*w).abs()).sum();
    let mut scale = 1.0_f32;
    while f64::from(scale) < sum && scale < 1e30 {
        scale *= 2.0;
    }
    column.iter_mut().for_each(|w| *w /= scale);
    row.iter_mut().for_each(|w| *w *= scale);
}

/// All differences together between a mask of `R` by `S` values and the sum of the products of columns and rows, as many of
/// each, one after the other.
pub(super) fn distance(mask: &[f32], [r, s]: [usize; 2], columns: &[f32], rows: &[f32]) -> f64 {
    let mut far = 0.0;
    let (r, s) = (r.max(1), s.max(1));
    for (i, mask) in mask.chunks_exact(s).enumerate() {
        for (j, w) in mask.iter().enumerate() {
            let mut left = f64::from(*w);
            for (column, row) in columns.chunks_exact(r).zip(rows.chunks_exact(s)) {
                left -= value(column, i) * value(row, j);
            }
            far += left.abs();
        }
    }
    far
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
