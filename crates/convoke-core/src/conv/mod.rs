//! Convolution layers on f32: descriptor, geometry, plan, packing, and the walks of the direct algorithm.

mod band;
pub(crate) mod chain;
pub(crate) mod desc;
mod direct;
pub(crate) mod geometry;
pub(crate) mod grad;
mod grid;
mod lanes;
pub(crate) mod local;
mod methods;
pub(crate) mod operands;
mod pack;
pub(crate) mod packed;
pub(crate) mod part;
pub(crate) mod piece;
pub(crate) mod plan;
mod planes;
mod route;
mod setters;
mod single;
mod stripes;
mod tiles;
pub(crate) mod transpose;
mod turned;
mod window;
