//! The gradients of a layer with respect to its weights and its bias: sums over all pixels of all images. (That with respect
//! to its input is a [transposed convolution](super::transpose::input_grad).)

pub(crate) mod bias;
mod blocks;
mod columns;
mod dense;
mod lanes;
mod layout;
pub(crate) mod plan;
