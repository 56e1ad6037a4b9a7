//! What can be wrong with a mask that someone wrote down.

use std::fmt;

/// Why numbers or a text are not a mask. Rows and columns count from 1, as people do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaskError {
    /// There are no weights at all.
    Empty,
    /// The number of weights is not height times width.
    Length {
        /// Height and width.
        size: [usize; 2],
        /// The weights given.
        got: usize,
    },
    /// A row has more or fewer weights than the first one.
    Ragged {
        /// The row.
        row: usize,
        /// The weights of the first row.
        expected: usize,
        /// The weights of this row.
        got: usize,
    },
    /// Something in a row is not a number.
    NotANumber {
        /// The row.
        row: usize,
        /// Where in the row.
        column: usize,
        /// What stands there.
        text: String,
    },
    /// A weight is infinite or NaN.
    NotFinite {
        /// The row.
        row: usize,
        /// Where in the row.
        column: usize,
    },
    /// No mask has this name, and it is not a row of numbers either.
    UnknownName(String),
    /// A named mask has a parameter that is missing, superfluous, not a number or out of its range.
    Parameter {
        /// The name.
        name: &'static str,
        /// What it wants, such as `an odd size from 1 to 4095`.
        required: &'static str,
        /// What was given.
        got: String,
    },
}

impl fmt::Display for MaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("mask: must have at least one weight, got none"),
            Self::Length { size: [rows, columns], got } => {
                write!(f, "mask: {rows}x{columns} must have one weight per tap, got {got}")
            }
            Self::Ragged { row, expected, got } => {
                write!(
                    f,
                    "mask: row {row} must have {expected} {} like the first, got {got}",
                    plural(*expected)
                )
            }
            Self::NotANumber { row, column, text } => {
                write!(f, "mask: row {row}, column {column} must be a number, got {text:?}")
            }
            Self::NotFinite { row, column } => {
                write!(f, "mask: row {row}, column {column} must be finite, got infinity or NaN")
            }
            Self::UnknownName(name) => write!(
                f,
                "mask: must be a name ({}), a file, or rows of numbers such as \"1 2 1; 2 4 2; 1 2 1\", got {name:?}",
                super::NAMES.join(", ")
            ),
            Self::Parameter { name, required, got } => {
                write!(f, "mask {name}: must have {required}, got {got:?}")
            }
        }
    }
}

impl std::error::Error for MaskError {}

fn plural(count: usize) -> &'static str {
    if count == 1 { "number" } else { "numbers" }
}
