//! The ways of computing a picture filter, by name.

use std::fmt;
use std::str::FromStr;

/// A way of computing a picture filter. Integers come out the same in every one of them; floats may differ in rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FilterAlgorithm {
    /// Whichever is predicted to be fastest: see [`Filter::explain`](crate::Filter::explain).
    #[default]
    Auto,
    /// Sums over the mask, straight from the picture: the documented order of floating-point sums.
    Direct,
    /// Down the picture with a column, then across with a row, whose product the mask is.
    Separable,
    /// Twice that, for a mask that is the sum of two separable ones, on integers; floats are summed directly.
    RankTwo,
    /// Sums of equal taps, in time that hardly depends on the mask's size.
    Box,
    /// In the frequency domain: the time of a mask hardly depends on its size, and its floating-point results lie within
    /// a bound of their own.
    Fft,
    /// Integers of 16 bits, for whole-numbered masks on bytes; pixels of other types are summed directly.
    Narrow,
}

impl FilterAlgorithm {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::Auto, Self::Direct, Self::Separable, Self::RankTwo, Self::Box, Self::Fft, Self::Narrow];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Direct => "direct",
            Self::Separable => "separable",
            Self::RankTwo => "rank2",
            Self::Box => "box",
            Self::Fft => "fft",
            Self::Narrow => "narrow",
        }
    }
}

impl fmt::Display for FilterAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FilterAlgorithm {
    type Err = UnknownFilterAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownFilterAlgorithm> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name).ok_or(UnknownFilterAlgorithm)
    }
}

/// There is no algorithm of this name for picture filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFilterAlgorithm;

impl fmt::Display for UnknownFilterAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an algorithm for filters; these are")?;
        for (at, algorithm) in FilterAlgorithm::ALL.iter().enumerate() {
            write!(f, "{} {algorithm}", if at > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownFilterAlgorithm {}
