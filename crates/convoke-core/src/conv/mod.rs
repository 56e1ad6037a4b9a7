//! Convolution layers on f32: descriptor, geometry, plan, packing, kernels.

pub(crate) mod desc;
pub(crate) mod geometry;
pub(crate) mod packed;
pub(crate) mod piece;
