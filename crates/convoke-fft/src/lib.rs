//! Picture filters in the frequency domain.
#![forbid(unsafe_code)]

mod bound;
mod butterfly;
mod describe;
mod lengths;
mod passes;
mod plan;
mod run;
mod shape;
mod spectrum;
mod transform;

pub use describe::FftDescription;
pub use plan::{FftFilter, FftFilterPlan};
#[cfg(test)]
mod tests;
