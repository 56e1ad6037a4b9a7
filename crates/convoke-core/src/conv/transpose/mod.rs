//! Transposed convolution, and with it the gradient of a layer with respect to its input: descriptor, phases, plan,
//! packing and walk. It computes nothing itself: a stride takes the output apart into phases, each of which is an ordinary
//! convolution with some of the taps, and runs on the kernels of those.

pub(crate) mod axis;
pub(crate) mod desc;
mod fold;
pub(crate) mod input_grad;
mod pack;
mod phases;
pub(crate) mod plan;
mod run;
