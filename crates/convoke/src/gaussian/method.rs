//! The ways of computing a Gaussian blur, by name.

use std::fmt;
use std::str::FromStr;

/// A way of computing a Gaussian blur.
///
/// ```
/// use convoke::GaussianMethod;
/// assert_eq!("exact".parse(), Ok(GaussianMethod::Exact));
/// assert_eq!("box".parse(), Ok(GaussianMethod::ExtendedBox { passes: 4 }));
/// assert_eq!("box:6".parse(), Ok(GaussianMethod::ExtendedBox { passes: 6 }));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GaussianMethod {
    /// The mask itself, by whichever algorithm is fastest: its time grows with sigma.
    #[default]
    Exact,
    /// A box with fractional ends, repeated: in time that does not depend on sigma, at a stated distance from the Gaussian.
    ExtendedBox {
        /// How often, from 1 to 8, along each axis: the more, the nearer.
        passes: usize,
    },
}

impl GaussianMethod {
    /// Passes if nothing is said.
    pub const PASSES: usize = 4;
}

impl fmt::Display for GaussianMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.pad("exact"),
            Self::ExtendedBox { passes } => f.pad(&format!("box:{passes}")),
        }
    }
}

impl FromStr for GaussianMethod {
    type Err = UnknownGaussianMethod;

    fn from_str(text: &str) -> Result<Self, UnknownGaussianMethod> {
        match text.split_once(':') {
            None if text == "exact" => Ok(Self::Exact),
            None if text == "box" => Ok(Self::ExtendedBox { passes: Self::PASSES }),
            Some(("box", passes)) => match passes.parse() {
                Ok(passes) if (1..=8).contains(&passes) => Ok(Self::ExtendedBox { passes }),
                _ => Err(UnknownGaussianMethod),
            },
            _ => Err(UnknownGaussianMethod),
        }
    }
}

/// There is no Gaussian method of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownGaussianMethod;

impl fmt::Display for UnknownGaussianMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be exact, box, or box:N with N passes from 1 to 8")
    }
}

impl std::error::Error for UnknownGaussianMethod {}
