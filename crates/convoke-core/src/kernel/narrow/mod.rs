//! Kernels for integer filters of bytes: sums in 16-bit lanes where they fit, in 32-bit lanes where they do not.
//!
//! Plain loops over slices and blocks of fixed length, compiled once per level inside `Simd::vectorize`: the compiler
//! makes the vectors. In the order of the flow: how elements become sums
//! ([`lanes`]), sums of rows ([`fold`]), a whole line of taps ([`line`]), running sums ([`window`]), and what becomes
//! of sums ([`finish`]).

pub(crate) mod finish;
pub(crate) mod fold;
pub(crate) mod lanes;
pub(crate) mod line;
pub(crate) mod window;
