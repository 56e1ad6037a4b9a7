//! Pictures of the `image` crate: unwraps one, filters it in its own pixel type, wraps the result as the same
//! kind.

use std::fmt;

use convoke_core::{Border, Error, Pixel as Value};
use image::{ColorType, DynamicImage, ImageBuffer, Pixel};

use crate::buffer::zeros;
use crate::filter::Filter;
use crate::mask::Mask;

/// Why a picture cannot be filtered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PictureError {
    /// The filter cannot be planned or run for it; an empty picture for instance.
    Filter(Error),
    /// Pictures of this kind are not known here.
    Unsupported(ColorType),
}

impl fmt::Display for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(error) => error.fmt(f),
            Self::Unsupported(color) => write!(f, "pictures of type {color:?} are not supported"),
        }
    }
}

impl std::error::Error for PictureError {}

impl From<Error> for PictureError {
    fn from(error: Error) -> Self {
        Self::Filter(error)
    }
}

/// The picture filtered with `mask`, in the same pixel type and size. All channels are filtered alike, alpha
/// too.
///
/// * 8-bit and 16-bit pictures: every value is the exact sum, rounded to nearest (ties to even) and clamped.
/// * Float pictures: the `f32` sum, not clamped.
///
/// The border is what the picture is continued with; [`Border::Reflect101`] is a good one for photographs.
///
/// ```
/// use convoke::{Border, filter_image, mask::Mask};
/// use image::{DynamicImage, GrayImage, ImageBuffer, Luma};
///
/// let picture = DynamicImage::from(GrayImage::from_raw(3, 1, vec![0, 90, 30]).unwrap());
/// let mean = filter_image(&picture, &"1 1 1".parse::<Mask>()?.divisor(3.0), Border::Replicate)?;
/// assert_eq!(mean.as_bytes(), [30, 40, 50]);
///
/// // 16-bit pixels are rounded as exactly: a third of 33334.5 lies halfway, and goes to the even neighbour.
/// let picture = DynamicImage::from(ImageBuffer::<Luma<u16>, _>::from_raw(1, 1, vec![33334]).unwrap());
/// let mean = filter_image(&picture, &"1 1 1".parse::<Mask>()?.divisor(3.0), Border::Constant(0.25))?;
/// assert_eq!(mean.as_luma16().unwrap().as_raw(), &[11112]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`PictureError::Filter`] for a picture without pixels, or a mask that cannot be planned (its anchor outside,
/// its divisor not positive); [`PictureError::Unsupported`] for a kind of picture that this version does not
/// know.
pub fn filter_image(
    picture: &DynamicImage,
    mask: &Mask,
    border: Border,
) -> Result<DynamicImage, PictureError> {
    Ok(match picture {
        DynamicImage::ImageLuma8(buffer) => filter(buffer, mask, border)?.into(),
        DynamicImage::ImageLumaA8(buffer) => filter(buffer, mask, border)?.into(),
        DynamicImage::ImageRgb8(buffer) => filter(buffer, mask, border)?.into(),
        DynamicImage::ImageRgba8(buffer) => filter(buffer, mask, border)?.into(),
        DynamicImage::ImageLuma16(buffer) => filter(buffer, mask, border)?.into(),
        DynamicImage::ImageLumaA16(buffer) => filter(buffer, mask, border)?.into(),
        DynamicImage::ImageRgb16(buffer) => filter(buffer, mask, border)?.into(),
        DynamicImage::ImageRgba16(buffer) => filter(buffer, mask, border)?.into(),
        DynamicImage::ImageRgb32F(buffer) => filter(buffer, mask, border)?.into(),
        DynamicImage::ImageRgba32F(buffer) => filter(buffer, mask, border)?.into(),
        other => return Err(PictureError::Unsupported(other.color())),
    })
}

type Buffer<P> = ImageBuffer<P, Vec<<P as Pixel>::Subpixel>>;

fn plan<P: Pixel>(picture: &Buffer<P>, mask: &Mask, border: Border) -> Result<Filter, Error> {
    let size = [picture.height() as usize, picture.width() as usize];
    Filter::new(&mask.desc(size, usize::from(P::CHANNEL_COUNT)).border(border), mask)
}

/// Filters pixels of any of the core's types.
fn filter<P>(picture: &Buffer<P>, mask: &Mask, border: Border) -> Result<Buffer<P>, Error>
where
    P: Pixel,
    P::Subpixel: Value + Default,
{
    let mut pixels = zeros("dst", picture.as_raw().len())?;
    plan(picture, mask, border)?.run_into(picture.as_raw(), &mut pixels)?;
    Ok(wrap(picture, pixels))
}

/// A picture of the same size.
fn wrap<P: Pixel>(like: &Buffer<P>, pixels: Vec<P::Subpixel>) -> Buffer<P> {
    // As many pixels as `like` has: `from_raw` cannot fail, and an empty picture is not reached.
    ImageBuffer::from_raw(like.width(), like.height(), pixels).unwrap_or_else(|| ImageBuffer::new(0, 0))
}
