//! Convolution without `std`, without `alloc` and without `unsafe`: the core that everything else in Convoke, and
//! whoever embeds it, builds on.
//!
//! Layers, with their gradients, and picture filters, all of one shape:
//!
//! | operation | asked by | planned by |
//! |---|---|---|
//! | a convolution layer on f32 tensors | [`Conv2dDesc`] | [`Conv2dPlan`] |
//! | several of them, one after the other, without the tensors between | [`ChainDesc`] | [`ChainPlan`] |
//! | its transpose | [`ConvTranspose2dDesc`] | [`ConvTranspose2dPlan`] |
//! | a layer whose weights are not shared, and its gradients | [`Conv2dDesc`] | [`LocallyConnected2dPlan`] |
//! | the gradient of a layer with respect to its input | [`Conv2dDesc`] | [`InputGradPlan`] |
//! | those with respect to its weights and its bias | [`Conv2dDesc`] | [`WeightsGradPlan`], [`BiasGradPlan`] |
//! | a linear filter of u8, u16, i16 and f32 pictures | [`Filter2dDesc`] | [`Filter2dPlan`], or [`Filter2dStream`] by rows |
//! | a nearly Gaussian blur in time that does not depend on its width | [`RepeatedBoxDesc`] | [`RepeatedBoxPlan`] |
//! | the same of u8 pictures with whole-numbered taps, exactly and faster | [`NarrowDesc`] | [`NarrowPlan`] |
//!
//! # The flow
//!
//! ```text
//! descriptor  ->  plan  ->  pack (once)  ->  run (on all of it, on rows, on pieces)
//! ```
//!
//! A *descriptor* is plain data. A *plan* is the descriptor proved consistent, with a [`Level`] and an algorithm chosen;
//! it is `Copy`, takes well under a microsecond and says how long every buffer must be. *Pack* brings weights into
//! the order in which the kernel reads them, in a buffer of yours. *Run* computes, from slices to slices, with scratch
//! of yours. Inside `run` every tile is *gathered* (layout, border, stride), *accumulated* (the only hot loop) and
//! *scattered* (bias, residual, activation, layout).
//!
//! ```
//! use convoke_core::{Activation, Conv2dDesc, Conv2dPlan, Layout, Level, Operands, Padding};
//!
//! // Two 3x3 filters over a 4x4 grey image: a horizontal gradient and a mean, with bias and ReLU.
//! let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [4, 4], 2, [3, 3])
//!     .padding(Padding::Same)
//!     .activation(Activation::Relu);
//! let plan = Conv2dPlan::new(&desc, Level::detect())?;
//!
//! let weights: Vec<f32> = [[-1.0, 0.0, 1.0].repeat(3), vec![1.0 / 9.0; 9]].concat();
//! let mut buffer = vec![0.0; plan.packed_len()];
//! let packed = plan.pack(&weights, &mut buffer)?;
//!
//! let src: Vec<f32> = (0..16).map(|i| i as f32).collect();
//! let mut dst = vec![0.0; plan.geometry().dst.len];
//! let mut scratch = vec![0.0; plan.scratch_len()];
//! plan.run(&Operands::new(&src, packed).bias(&[0.5, 0.0]), &mut dst, &mut scratch)?;
//!
//! // Inside, the gradient of a ramp is 2 in each of three rows; and 0.5 is the bias.
//! assert_eq!(dst[5], 6.5);
//! # Ok::<(), convoke_core::Error>(())
//! ```
//!
//! # The contract
//!
//! * `run` allocates nothing, never panics, reads nothing outside its operands, reads neither `dst` nor `scratch` before
//!   writing them, and on error leaves `dst` as it was.
//! * Sums are formed in one order: they start at +0 and run over the kernel's rows, then its columns, then in channels;
//!   then come bias, residual and activation. Splitting into rows or pieces, the position in a batch, alignment and
//!   row strides change no bit. All levels that fuse multiply-add give the same bits.
//! * Zero padding means that the tap is absent. NaN and infinity reach exactly the outputs whose window contains them.
//! * Size arithmetic is checked: a hostile descriptor is an [`Error`], never a panic.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod activation;
mod border;
mod conv;
mod error;
mod filter;
mod kernel;
mod slices;

pub use activation::Activation;
pub use border::Border;
pub use conv::chain::desc::{ChainDesc, ChainOperands};
pub use conv::chain::error::ChainError;
pub use conv::chain::plan::{ChainDescription, ChainPlan};
pub use conv::desc::{Conv2dDesc, Layout, Mode, Padding};
pub use conv::geometry::{Geometry, Strides};
pub use conv::grad::bias::BiasGradPlan;
pub use conv::grad::plan::{WeightsGradDescription, WeightsGradPlan};
pub use conv::local::plan::LocallyConnected2dPlan;
pub use conv::operands::Operands;
pub use conv::packed::{Packed, identity};
pub use conv::part::Part;
pub use conv::piece::{Piece, Pieces};
pub use conv::plan::{Conv2dPlan, Description};
pub use conv::transpose::desc::{ConvTranspose2dDesc, OutputSize};
pub use conv::transpose::input_grad::InputGradPlan;
pub use conv::transpose::plan::{ConvTranspose2dPlan, TransposeDescription};
pub use convoke_simd::Level;
pub use error::Error;
pub use filter::FilterDescription;
#[doc(hidden)]
pub use filter::Window;
pub use filter::desc::{Accumulate, Filter2dDesc};
pub use filter::factor::{factor, factor_two};
pub use filter::narrow::desc::{NarrowDesc, NarrowMask, Rounding};
pub use filter::narrow::integer::{NarrowForm, narrow_form};
pub use filter::narrow::pixel::NarrowPixel;
pub use filter::narrow::plan::{DetachedNarrowPlan, NarrowPlan};
pub use filter::narrow::scratch::{NarrowScratch, NarrowScratchLen};
#[doc(hidden)]
pub use filter::pack::MaskProof;
pub use filter::pack::PackedMask;
pub use filter::pixel::Pixel;
#[doc(hidden)]
pub use filter::pixel::{Source, Target};
pub use filter::plan::Filter2dPlan;
#[doc(hidden)]
pub use filter::plan::check_region;
pub use filter::repeated::desc::RepeatedBoxDesc;
pub use filter::repeated::describe::RepeatedBoxDescription;
pub use filter::repeated::plan::RepeatedBoxPlan;
pub use filter::stream::Filter2dStream;
#[doc(hidden)]
pub use filter::stream::feed::{NextRow, RowFeed};
