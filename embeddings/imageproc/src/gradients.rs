//! `imageproc::gradients`: differences across and down, and their length.

use convoke::mask::Mask;
use image::{ImageBuffer, Luma};
use imageproc::definitions::Image;

use crate::{FilterError, filter};

type Gray<T> = Image<Luma<T>>;

macro_rules! gradients {
    ($($name:ident $mask:ident $text:literal,)*) => {
        $(
            #[doc = $text]
            ///
            /// # Errors
            /// [`FilterError::Filter`] if there is not enough memory.
            pub fn $name(image: &Gray<u8>) -> Result<Gray<i16>, FilterError> {
                filter(image, &Mask::$mask())
            }
        )*
    };
}

gradients! {
    horizontal_sobel sobel_x "Horizontal gradients with the Sobel mask.",
    vertical_sobel sobel_y "Vertical gradients with the Sobel mask.",
    horizontal_scharr scharr_x "Horizontal gradients with the Scharr mask.",
    vertical_scharr scharr_y "Vertical gradients with the Scharr mask.",
    horizontal_prewitt prewitt_x "Horizontal gradients with the Prewitt mask.",
    vertical_prewitt prewitt_y "Vertical gradients with the Prewitt mask.",
}

/// The lengths of Sobel gradients, cut off to whole numbers.
///
/// # Errors
/// [`FilterError::Filter`] if there is not enough memory.
pub fn sobel_gradients(image: &Gray<u8>) -> Result<Gray<u16>, FilterError> {
    Ok(lengths(&horizontal_sobel(image)?, &vertical_sobel(image)?))
}

/// The same of Prewitt gradients.
///
/// # Errors
/// [`FilterError::Filter`] if there is not enough memory.
pub fn prewitt_gradients(image: &Gray<u8>) -> Result<Gray<u16>, FilterError> {
    Ok(lengths(&horizontal_prewitt(image)?, &vertical_prewitt(image)?))
}

fn lengths(across: &Gray<i16>, down: &Gray<i16>) -> Gray<u16> {
    let mut result = ImageBuffer::new(across.width(), across.height());
    for ((length, &x), &y) in result.iter_mut().zip(across.iter()).zip(down.iter()) {
        let (x, y) = (f32::from(x), f32::from(y));
        *length = (x * x + y * y).sqrt() as u16;
    }
    result
}
