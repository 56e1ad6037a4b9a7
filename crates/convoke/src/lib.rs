//! Convolution for Rust: from one filter mask on a photograph to every layer of a convolutional network, in
//! safe Rust, at the speed of the vector units.
//!
//! This is the crate to add. It owns memory and threads; the work is done by `convoke-core` (no std, no heap)
//! and `convoke-gemm`, which can be used without it, on a microcontroller for instance.
//!
//! | I have | I want | I take |
//! |---|---|---|
//! | a picture | it blurred, sharpened, its edges | [`Filter`] with a [`mask::Mask`] |
//! | the same | it blurred widely, soon | [`Gaussian`] with a [`GaussianMethod`] |
//! | an [`image`](https://docs.rs/image) picture | the same | `filter_image`, with the feature `image` |
//! | a picture larger than memory, or a camera's rows | the same, row by row | [`FilterStream`] |
//! | an 8-bit picture | OpenCV's result, bit for bit | [`opencv`] |
//! | a tensor and weights | a layer's output | [`Conv2d`] |
//! | the same for layers in a row | the last one's output, without the tensors between | [`Chain`] |
//! | examples | layers that learn from them | [`learn`] |
//! | buffers, no heap, no threads | the same | [`Conv2dPlan`], [`ChainPlan`], [`Filter2dPlan`], [`GemmConv2dPlan`] |
//!
//! Everywhere: slices in, slices or vectors out; errors that name the operand; results that do not depend on
//! the number of threads. A filter or layer is *planned* once ([`Filter::new`], [`Conv2d::new`]) and then run
//! as often as wanted.
//!
//! ```
//! use convoke::{Border, Filter, mask::Mask};
//!
//! let (height, width) = (480, 640);
//! let picture = vec![128_u8; height * width * 3]; // RGB, row by row
//!
//! let mask = Mask::gaussian(1.5)?;
//! let filter = Filter::new(&mask.desc([height, width], 3).border(Border::Reflect101), &mask)?;
//! let blurred: Vec<u8> = filter.run(&picture)?;
//! assert_eq!(blurred[0], 128);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Convolution or correlation?
//!
//! What networks and image tools call convolution is correlation: the mask is laid on the picture as it stands.
//! That is the default here too. [`Mode::Convolve`] turns the mask by 180 degrees first, as the mathematical
//! definition does.
//!
//! # Features
//!
//! * `image`: `filter_image`, for [`DynamicImage`](https://docs.rs/image/latest/image/enum.DynamicImage.html).
//!   Off by default.

mod buffer;
mod chain;
mod conv2d;
mod filter;
mod gaussian;
pub mod learn;
pub mod mask;
pub mod opencv;
mod options;
#[cfg(feature = "image")]
mod picture;
mod stream;

pub use chain::Chain;
pub use conv2d::{Candidate, Conv2d, Explanation};
pub use convoke_core::{
    Accumulate, Activation, BiasGradPlan, Border, ChainDesc, ChainDescription, ChainError, ChainOperands,
    ChainPlan, Conv2dDesc, Conv2dPlan, ConvTranspose2dDesc, ConvTranspose2dPlan, Description, Error,
    Filter2dDesc, Filter2dPlan, Filter2dStream, Geometry, InputGradPlan, Layout, Level,
    LocallyConnected2dPlan, Mode, NarrowDesc, NarrowMask, NarrowPixel, NarrowPlan, NarrowScratch,
    NarrowScratchLen, Operands, OutputSize, Packed, PackedMask, Padding, Piece, Pieces, Pixel,
    RepeatedBoxDesc, RepeatedBoxDescription, RepeatedBoxPlan, Rounding, Strides, TransposeDescription,
    WeightsGradDescription, WeightsGradPlan, factor,
};
pub use convoke_gemm::GemmConv2dPlan;
pub use convoke_simd::UnknownLevel;
pub use filter::{Filter, FilterAlgorithm, FilterCandidate, PixelKind, Planes, UnknownFilterAlgorithm};
pub use gaussian::{Gaussian, GaussianDesc, GaussianError, GaussianMethod, UnknownGaussianMethod};
pub use options::{Algorithm, Options, UnknownAlgorithm};
#[cfg(feature = "image")]
pub use picture::{PictureError, filter_image};
pub use stream::FilterStream;

/// The examples of the README, so that they are tested.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The embedding guide's, likewise.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
struct Embedding;
