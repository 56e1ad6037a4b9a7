//! The filters of [`imageproc`], computed by Convoke: the same names, the same pixel types, the same border, so that most calls need
//! another `use` and a `?`.
//!
//! | here | differs from `imageproc` |
//! |---|---|
//! | [`filter_clamped`], whole-numbered kernels | no pixel, as long as `imageproc`'s sums do not overflow their type |
//! | [`filter_clamped`], kernels of floats, to integers | the exact value rounded to nearest, ties to even; there an `f32` sum cut off towards zero |
//! | the same, to `f32` | both are an `f32` sum, within its bound of the exact one |
//! | [`gaussian_blur_f32`] on integers | rounded once; there cut off after the pass across and again after the pass down, up to 2 darker |
//! | gradients, [`laplacian_filter`] | no pixel |
//!
//! What is wrong is an error here, a panic there. All filters use all threads, here as in the `_parallel` functions there. A kernel is planned at
//! each call, which takes microseconds; who filters many pictures of one size keeps a [`convoke::Filter`].

mod gradients;
mod kernel;

use convoke::mask::Mask;
use convoke::{Border, Error, Filter, Pixel as Value};
use image::{ImageBuffer, Luma, Pixel, Primitive};
use imageproc::definitions::Image;
use imageproc::map::{ChannelMap, WithChannel};

pub use gradients::{
    horizontal_prewitt, horizontal_scharr, horizontal_sobel, prewitt_gradients, sobel_gradients,
    vertical_prewitt, vertical_scharr, vertical_sobel,
};
pub use kernel::{FilterError, Kernel};

/// The 2d correlation of a picture with a kernel, continued by its edge pixels and clamped to the type `S`.
///
/// ```
/// use convoke_embedding_imageproc::{Kernel, filter_clamped};
/// use image::{GrayImage, Luma};
///
/// let picture = GrayImage::from_raw(3, 1, vec![10, 20, 40]).unwrap();
/// let slope = filter_clamped::<Luma<u8>, i32, i16>(&picture, Kernel::new(&[-1, 0, 1], 3, 1)?)?;
/// assert_eq!(slope.as_raw(), &[10, 30, 20]);
/// # Ok::<(), convoke_embedding_imageproc::FilterError>(())
/// ```
///
/// # Errors
/// [`FilterError::Weight`] for a weight that `f32` does not hold; [`FilterError::Filter`] for one that is not finite, or if there is not enough
/// memory.
pub fn filter_clamped<P, K, S>(
    image: &Image<P>,
    kernel: Kernel<'_, K>,
) -> Result<Image<ChannelMap<P, S>>, FilterError>
where
    P: WithChannel<S>,
    P::Subpixel: Value,
    K: Copy + Into<f64>,
    S: Value + Primitive,
{
    filter(image, &kernel.mask()?)
}

/// A picture blurred by the Gaussian of standard deviation `sigma` that `imageproc` uses, which ends at two of them.
///
/// # Errors
/// [`FilterError::Sigma`] unless `sigma` is above zero and at most 1000; [`FilterError::Filter`] if there is not enough memory.
pub fn gaussian_blur_f32<P>(image: &Image<P>, sigma: f32) -> Result<Image<P>, FilterError>
where
    P: Pixel + WithChannel<<P as Pixel>::Subpixel, Pixel = P>,
    P::Subpixel: Value,
{
    filter(image, &kernel::gaussian(sigma)?)
}

/// The Laplacian of a grey picture, `[0 1 0; 1 -4 1; 0 1 0]`.
///
/// # Errors
/// [`FilterError::Filter`] if there is not enough memory.
pub fn laplacian_filter(image: &Image<Luma<u8>>) -> Result<Image<Luma<i16>>, FilterError> {
    filter(image, &Mask::laplacian())
}

/// The picture under a mask, in pixels of the type `S`.
fn filter<P, S>(image: &Image<P>, mask: &Mask) -> Result<Image<ChannelMap<P, S>>, FilterError>
where
    P: WithChannel<S>,
    P::Subpixel: Value,
    S: Value + Primitive,
{
    let (width, height) = image.dimensions();
    if width == 0 || height == 0 {
        return Ok(ImageBuffer::new(width, height)); // nothing to filter, and for Convoke no picture
    }
    let desc =
        mask.desc([height as usize, width as usize], P::CHANNEL_COUNT.into()).border(Border::Replicate);
    let filter = Filter::new(&desc, mask)?;
    let mut result = ImageBuffer::new(width, height);
    // A buffer may be longer than its picture.
    let pixels = image.as_raw().get(..filter.src_len()).ok_or(Error::Overflow { operand: "src" })?;
    filter.run_into(pixels, &mut result)?;
    Ok(result)
}
