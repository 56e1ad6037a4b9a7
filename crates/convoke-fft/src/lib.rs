//! Picture filters in the frequency domain.
#![forbid(unsafe_code)]

mod bound;
mod butterfly;
mod lengths;
mod passes;
mod plan;
mod run;
mod shape;
mod spectrum;
mod transform;

pub use plan::{FftFilter, FftFilterPlan};
