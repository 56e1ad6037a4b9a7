//! Kernels as `imageproc` takes them, made into masks; and what can be wrong with them. A `Kernel` of `imageproc` does not show its numbers, so this is
//! one of the same shape.

use std::f32::consts::PI;
use std::fmt;

use convoke::mask::{Mask, MaskError};

/// A filter's numbers, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'a, K> {
    data: &'a [K],
    size: [usize; 2],
}

impl<'a, K> Kernel<'a, K> {
    /// A kernel of `width` by `height` numbers.
    ///
    /// # Errors
    /// [`FilterError::Mask`] if there are not so many, or none.
    pub fn new(data: &'a [K], width: u32, height: u32) -> Result<Self, FilterError> {
        let size = [height as usize, width as usize];
        if size.contains(&0) {
            return Err(MaskError::Empty.into());
        }
        if size[0].checked_mul(size[1]) != Some(data.len()) {
            return Err(MaskError::Length { size, got: data.len() }.into());
        }
        Ok(Self { data, size })
    }

    pub(crate) fn mask(&self) -> Result<Mask, FilterError>
    where
        K: Copy + Into<f64>,
    {
        let mut weights = Vec::with_capacity(self.data.len());
        for (index, &weight) in self.data.iter().enumerate() {
            let weight = weight.into();
            // A weight that is not a number is refused by the mask.
            if weight.is_finite() && f64::from(weight as f32) != weight {
                return Err(FilterError::Weight { index });
            }
            weights.push(weight as f32);
        }
        Ok(Mask::new(self.size, weights)?)
    }
}

/// `exp(-x^2 / (2 sigma^2))` at whole numbers up to two sigma, normalised in `f32` as `imageproc` does it, times itself.
pub(crate) fn gaussian(sigma: f32) -> Result<Mask, FilterError> {
    if !(sigma > 0.0 && sigma <= 1000.0) {
        return Err(FilterError::Sigma);
    }
    let radius = (2.0 * sigma).ceil() as usize;
    let density = |x: f32| (sigma * (2.0 * PI).sqrt()).recip() * (-x.powi(2) / (2.0 * sigma.powi(2))).exp();
    let row: Vec<f32> = (0..=2 * radius).map(|i| density(i.abs_diff(radius) as f32)).collect();
    let sum: f32 = row.iter().sum();
    let weights = row.iter().flat_map(|a| row.iter().map(move |b| (a / sum) * (b / sum)));
    Ok(Mask::new([row.len(); 2], weights.collect())?)
}

/// Why a picture is not filtered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FilterError {
    /// The kernel is none: no numbers, not as many as its size says, or one that is not finite.
    Mask(MaskError),
    /// A number of the kernel is not a value of `f32`: above 2^24, for instance.
    Weight {
        /// Which.
        index: usize,
    },
    /// The standard deviation is not above zero, or above 1000.
    Sigma,
    /// The filter cannot be planned or run.
    Filter(convoke::Error),
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mask(error) => error.fmt(f),
            Self::Weight { index } => write!(f, "kernel: must be values of f32, element {index} is not"),
            Self::Sigma => f.write_str("sigma: must be above 0 and at most 1000"),
            Self::Filter(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FilterError {}

impl From<MaskError> for FilterError {
    fn from(error: MaskError) -> Self {
        Self::Mask(error)
    }
}

impl From<convoke::Error> for FilterError {
    fn from(error: convoke::Error) -> Self {
        Self::Filter(error)
    }
}
