//! What can be wrong with a call.

use std::fmt;

use convoke_core::Error;

/// Why a filter cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenCvError {
    /// A size, a length or a border.
    Filter(Error),
    /// The size of a Gaussian is even, or not given together with its sigma.
    GaussianSize {
        /// The size.
        got: usize,
    },
    /// A sigma that is infinite, NaN or so great that its Gaussian would be wider than 4095.
    Sigma,
    /// The size of a derivative is none of 1, 3, 5 and 7.
    DerivativeSize {
        /// The size.
        got: usize,
    },
    /// The orders of a derivative: both 0, or one of them too high for the size, or, for Scharr, not 0 and 1.
    Order {
        /// The orders along y and x.
        got: [usize; 2],
    },
}

impl fmt::Display for OpenCvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(error) => error.fmt(f),
            Self::GaussianSize { got } => {
                write!(f, "size of the Gaussian: must be odd, or 0 with a positive sigma, got {got}")
            }
            Self::Sigma => f.write_str("sigma: must be finite and make a Gaussian of at most 4095"),
            Self::DerivativeSize { got } => {
                write!(f, "size of the derivative: must be 1, 3, 5 or 7, got {got}")
            }
            Self::Order { got: [y, x] } => {
                write!(
                    f,
                    "orders of the derivative: not known for this size, got {y} along y and {x} along x"
                )
            }
        }
    }
}

impl std::error::Error for OpenCvError {}

impl From<Error> for OpenCvError {
    fn from(error: Error) -> Self {
        Self::Filter(error)
    }
}
