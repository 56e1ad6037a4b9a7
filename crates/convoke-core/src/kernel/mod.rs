//! The hot loops, written once for all levels, and what turns their sums into output. No geometry and no borders
//! here: whoever calls has laid out what they read.

pub(crate) mod boxes;
pub(crate) mod each;
pub(crate) mod extended;
pub(crate) mod finite;
pub(crate) mod fold;
mod lane_layer;
mod lane_output;
mod lane_tile;
mod lane_walk;
pub(crate) mod lanes;
pub(crate) mod lines;
pub(crate) mod local;
pub(crate) mod narrow;
pub(crate) mod outer;
pub(crate) mod outer_lanes;
pub(crate) mod plane;
pub(crate) mod rows;
pub(crate) mod scatter;
pub(crate) mod separable;
pub(crate) mod slide;
pub(crate) mod stripe;
pub(crate) mod tile;
pub(crate) mod transpose;
pub(crate) mod turn;
pub(crate) mod weave;
pub(crate) mod wide;
