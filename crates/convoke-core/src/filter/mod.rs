//! Picture filters: one mask over u8, u16, i16 and f32 pictures with interleaved channels.
//!
//! The flow is that of layers. A descriptor ([`desc`]) is planned ([`plan`]), a mask is packed for the plan
//! ([`pack`]), and a run ([`run`]) walks down the picture a few rows at a time: [`gather`] writes the input rows,
//! widened to f32 and with their border values, into a ring in scratch; the plane kernel accumulates; [`scatter`]
//! scales the sums and makes pixels ([`pixel`], [`integer`]) of them. From integers to integers the result is the
//! correctly rounded exact value: [`certificate`] bounds the error of the f32 sums, and [`exact`] decides what they leave open.

mod boxed;
mod certificate;
mod code;
pub(crate) mod desc;
mod describe;
pub(crate) mod exact;
pub(crate) mod factor;
mod gather;
mod in_place;
mod integer;
pub(crate) mod narrow;
pub(crate) mod pack;
pub(crate) mod pixel;
pub(crate) mod plan;
mod point;
pub(crate) mod repeated;
mod run;
mod scatter;
mod split;
mod stage;
pub(crate) mod stream;
mod target;
#[cfg(test)]
pub(crate) mod tests;
mod tile;

pub use describe::FilterDescription;
pub use tile::Window;
