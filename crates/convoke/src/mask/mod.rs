//! Masks: the small matrix of weights that a picture filter lays over every pixel, with the numbers that turn
//! its sum into a pixel. The first step of filtering; [`Filter`](crate::Filter) plans one for a picture size.

mod error;
mod named;
mod parse;

use convoke_core::Filter2dDesc;

pub use error::MaskError;
pub use named::NAMES;

/// The greatest height and width of a mask made by name or by text.
pub const MAX_SIDE: usize = 4095;

/// The numbers of a linear filter.
///
/// The result at a pixel is `scale / divisor * (sum of weight * pixel) + offset`. The divisor exists because a
/// mean is exact as nine ones divided by nine, and is not as nine times the `f32` nearest to one ninth.
///
/// ```
/// use convoke::mask::Mask;
///
/// let mean = Mask::boxed(3)?;                       // the mean of a 3x3 neighbourhood
/// let same: Mask = "box:3".parse()?;                // by name, as on the command line
/// let mine: Mask = "1 2 1; 2 4 2; 1 2 1".parse()?;  // by its numbers
/// assert_eq!(mean, same);
/// assert_eq!((mine.size(), mine.divisor), ([3, 3], 1.0));
/// # Ok::<(), convoke::mask::MaskError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Mask {
    size: [usize; 2],
    weights: Vec<f32>,
    /// Factor of every sum.
    pub scale: f32,
    /// Divisor of every sum; must be positive.
    pub divisor: f32,
    /// Added to every scaled sum, in units of the picture's pixels.
    pub offset: f32,
    /// Row and column of the tap that lies on the output pixel; `None` for the middle, `(R / 2, S / 2)` rounded
    /// down.
    pub anchor: Option<[usize; 2]>,
}

impl Mask {
    /// A mask of `size` `[R, S]` from its weights, row by row, with scale 1, divisor 1 and offset 0.
    ///
    /// ```
    /// let mask = convoke::mask::Mask::new([1, 3], vec![-1.0, 0.0, 1.0])?;
    /// assert_eq!(mask.weights(), [-1.0, 0.0, 1.0]);
    /// # Ok::<(), convoke::mask::MaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`MaskError::Empty`] if a side is 0; [`MaskError::Length`] if there are not `R * S` weights;
    /// [`MaskError::NotFinite`] if one of them is infinite or NaN.
    pub fn new(size: [usize; 2], weights: Vec<f32>) -> Result<Self, MaskError> {
        if size.contains(&0) {
            return Err(MaskError::Empty);
        }
        if size[0].checked_mul(size[1]) != Some(weights.len()) {
            return Err(MaskError::Length { size, got: weights.len() });
        }
        if let Some(at) = weights.iter().position(|weight| !weight.is_finite()) {
            return Err(MaskError::NotFinite { row: at / size[1] + 1, column: at % size[1] + 1 });
        }
        Ok(Self { size, weights, scale: 1.0, divisor: 1.0, offset: 0.0, anchor: None })
    }

    /// For the constructors in this module, whose sizes and weights are right by construction.
    fn known<const R: usize, const S: usize>(rows: [[f32; S]; R]) -> Self {
        let weights = rows.into_iter().flatten().collect();
        Self { size: [R, S], weights, scale: 1.0, divisor: 1.0, offset: 0.0, anchor: None }
    }

    /// Height and width, `[R, S]`.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The weights, row by row: `R * S` of them.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Sets the factor of every sum.
    pub fn scale(mut self, scale: f32) -> Self {
        self.scale = scale;
        self
    }

    /// Sets the divisor of every sum; it must be positive.
    pub fn divisor(mut self, divisor: f32) -> Self {
        self.divisor = divisor;
        self
    }

    /// Sets what is added to every scaled sum.
    pub fn offset(mut self, offset: f32) -> Self {
        self.offset = offset;
        self
    }

    /// Sets the row and column of the tap that lies on the output pixel.
    pub fn anchor(mut self, anchor: [usize; 2]) -> Self {
        self.anchor = Some(anchor);
        self
    }

    /// The descriptor of this mask over a picture of `size` `[H, W]` with interleaved `channels`: a correlation
    /// with zero border, to be refined with the descriptor's own setters.
    ///
    /// ```
    /// use convoke::{Border, mask::Mask};
    /// let desc = Mask::boxed(5)?.desc([480, 640], 3).border(Border::Reflect101);
    /// assert_eq!((desc.anchor, desc.divisor), ([2, 2], 25.0));
    /// # Ok::<(), convoke::mask::MaskError>(())
    /// ```
    pub fn desc(&self, size: [usize; 2], channels: usize) -> Filter2dDesc {
        let desc = Filter2dDesc::new(size, channels, self.size)
            .scale(self.scale)
            .divisor(self.divisor)
            .offset(self.offset);
        match self.anchor {
            Some(anchor) => desc.anchor(anchor),
            None => desc,
        }
    }
}
