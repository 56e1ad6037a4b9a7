//! Picture filters with OpenCV's results, bit for bit: for programs that move from OpenCV, or are compared with it.
//!
//! The functions take 8-bit pictures with 1 to 4 interleaved channels and have the meaning, and the rounding, of
//! OpenCV 5.0.0's functions of the same names:
//!
//! | here | OpenCV | rounding |
//! |---|---|---|
//! | [`gaussian_blur`] | `GaussianBlur` | coefficients of 8 fractional bits; ties up |
//! | [`box_filter`] | `boxFilter`, `blur` | see there: it has its own |
//! | [`sobel`], [`scharr`] | `Sobel`, `Scharr` with `scale = 1`, `delta = 0` | none: exact |
//! | [`filter2d`] | `filter2D` with whole-numbered kernels | none: exact |
//!
//! Each gives a new picture; with `_into` it goes to a buffer of the caller's.
//!
//! Sizes here are `[rows, columns]` as everywhere in Convoke, where OpenCV has `(width, height)`; so are anchors and
//! sigmas. They correlate, as OpenCV's functions do. OpenCV's
//! `BORDER_DEFAULT` is [`Border::Reflect101`](crate::Border::Reflect101). [`Border::Wrap`](crate::Border::Wrap), which OpenCV's filters refuse, works.
//!
//! What is not the same: in masks of ones with an area of two pixels, OpenCV makes 0 or 255 of the sum 510, depending
//! on the pixel's place in the row; here it is 255.
//!
//! ```
//! use convoke::opencv::{Picture, gaussian_blur};
//! use convoke::{Border, Options};
//!
//! let pixels = [0_u8, 0, 0, 0, 200, 0, 0, 0, 0];
//! let picture = Picture { pixels: &pixels, size: [3, 3], channels: 1 };
//! let blurred = gaussian_blur(&picture, [3, 3], [0.0, 0.0], Border::Reflect101, &Options::new())?;
//! assert_eq!(blurred, [50, 50, 50, 50, 50, 50, 50, 50, 50]);
//! # Ok::<(), convoke::opencv::OpenCvError>(())
//! ```

mod error;
mod gaussian;
mod masks;
mod run;

pub use error::OpenCvError;
pub use gaussian::{gaussian_blur, gaussian_blur_into};
pub use masks::{
    box_filter, box_filter_into, filter2d, filter2d_into, scharr, scharr_into, sobel, sobel_into,
};

/// An 8-bit picture: `H` rows of `W` pixels of interleaved channels, without anything between rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture<'a> {
    /// `H * W * channels` values.
    pub pixels: &'a [u8],
    /// Height and width.
    pub size: [usize; 2],
    /// 1 to 4.
    pub channels: usize,
}
