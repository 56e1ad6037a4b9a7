//! What can be wrong with a request: every error names the operand, what was required and what was got.

use core::fmt;

/// Why a descriptor cannot be planned, or a call cannot run.
///
/// No operation writes anything before it has checked everything, so after an error `dst` is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A size or attribute is below the least value that makes sense, such as a stride of 0.
    TooSmall {
        /// The operand or attribute.
        operand: &'static str,
        /// The least value.
        required: usize,
        /// The value given.
        got: usize,
    },
    /// A size or attribute is above the greatest value that makes sense here, such as an anchor outside its mask.
    TooLarge {
        /// The operand or attribute.
        operand: &'static str,
        /// The greatest value.
        required: usize,
        /// The value given.
        got: usize,
    },
    /// A number of channels is not a multiple of the number of groups.
    NotDivisible {
        /// The operand: which channels.
        operand: &'static str,
        /// The number of groups.
        groups: usize,
        /// The number of channels given.
        got: usize,
    },
    /// The operand would have more elements, or reach further, than memory can hold.
    Overflow {
        /// The operand.
        operand: &'static str,
    },
    /// A buffer does not have the length that the plan asks for.
    Length {
        /// The operand.
        operand: &'static str,
        /// The elements required.
        required: usize,
        /// The elements given.
        got: usize,
    },
    /// Packed weights were made for another plan, or are not packed weights.
    WrongPacking,
    /// A mask is not a column times a row, as a separable filter must have it.
    NotSeparable,
    /// A mask is not the sum of two separable ones, as a filter of rank 2 must have it.
    NotRankTwo,
    /// Pixels are floats, on either side, for an algorithm that gives integers only what the contract promises.
    NotForFloats,
    /// A mask does not have the same value everywhere, as a box filter must have it.
    NotBox,
    /// A filter is not one of narrow integers: taps that are no whole numbers, or sums too large for it.
    NotNarrow,
    /// A filter cannot take its picture's place: a wrapped border, or row strides that differ.
    NotInPlace,
    /// An algorithm is asked for a stream that has none: the frequency domain.
    NotStreamed,
    /// Integers that must be exact would not be, with this algorithm.
    Inexact {
        /// The operand.
        operand: &'static str,
    },
    /// A value that must be finite is infinite or NaN.
    NotFinite {
        /// The operand.
        operand: &'static str,
        /// Which of its elements.
        index: usize,
    },
    /// A value that must be above zero is not.
    NotPositive {
        /// The operand.
        operand: &'static str,
    },
    /// Sums in f64 are asked of an algorithm that has none: all but the direct one.
    NotInF64,
    /// A value that must be from 0 to 1 is not.
    NotAPart {
        /// The operand.
        operand: &'static str,
    },
    /// A stream was given something when it had not asked for it.
    NotWanted {
        /// The operand.
        operand: &'static str,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::TooSmall { operand, required, got } => {
                write!(f, "{operand}: must be at least {required}, got {got}")
            }
            Error::TooLarge { operand, required, got } => {
                write!(f, "{operand}: must be at most {required}, got {got}")
            }
            Error::NotDivisible { operand, groups, got } => {
                write!(f, "{operand}: must be a multiple of groups ({groups}), got {got}")
            }
            Error::Overflow { operand } => {
                write!(f, "{operand}: too large, its size in bytes must fit in {} bits", usize::BITS - 1)
            }
            Error::Length { operand, required, got } => {
                write!(f, "{operand}: must have {required} elements, got {got}")
            }
            Error::WrongPacking => {
                f.write_str("weights: must have been packed by this plan, got another packing")
            }
            Error::NotSeparable => f.write_str("mask: must be a column times a row, got one that is not"),
            Error::NotRankTwo => {
                f.write_str("mask: must be the sum of two separable masks, got one that is not")
            }
            Error::NotForFloats => {
                f.write_str("pixels: must be integers, read and written, with a mask of rank 2, got floats")
            }
            Error::NotBox => f.write_str("mask: must have one value everywhere, got several"),
            Error::NotNarrow => {
                f.write_str("mask: must be small whole numbers for narrow integers, got others")
            }
            Error::NotInPlace => {
                f.write_str("picture: must have one row stride and no wrapped border to be filtered in place")
            }
            Error::NotStreamed => {
                f.write_str("algorithm: must work row by row to stream, got one that needs the whole picture")
            }
            Error::Inexact { operand } => {
                write!(f, "{operand}: must be exact with integers, got some that may not be")
            }
            Error::NotFinite { operand, index } => {
                write!(f, "{operand}: must be finite, got infinity or NaN at element {index}")
            }
            Error::NotWanted { operand } => {
                write!(f, "{operand}: must be pushed only when the stream wants one, got one too many")
            }
            Error::NotInF64 => f.write_str(
                "accumulate: must be f32 with any but the direct and the separable algorithm, got f64",
            ),
            Error::NotAPart { operand } => write!(f, "{operand}: must be from 0 to 1, got something else"),
            Error::NotPositive { operand } => write!(f, "{operand}: must be positive, got zero or less"),
        }
    }
}

impl core::error::Error for Error {}

/// `Ok` if `got` is exactly `required`.
pub(crate) fn check_len(operand: &'static str, required: usize, got: usize) -> Result<(), Error> {
    if got == required { Ok(()) } else { Err(Error::Length { operand, required, got }) }
}

/// `Ok` if scratch is long enough.
pub(crate) fn check_scratch(required: usize, scratch: &[f32]) -> Result<(), Error> {
    let got = scratch.len();
    if got >= required { Ok(()) } else { Err(Error::Length { operand: "scratch", required, got }) }
}

/// `Ok` if `got` is at least `required`.
pub(crate) fn check_at_least(operand: &'static str, required: usize, got: usize) -> Result<(), Error> {
    if got >= required { Ok(()) } else { Err(Error::TooSmall { operand, required, got }) }
}

/// The product of the factors, as a length in elements of at most four bytes that memory can hold.
pub(crate) fn checked_len(operand: &'static str, factors: &[usize]) -> Result<usize, Error> {
    factors
        .iter()
        .try_fold(1_usize, |product, &factor| product.checked_mul(factor))
        .filter(|&len| len <= isize::MAX as usize / 4)
        .ok_or(Error::Overflow { operand })
}
