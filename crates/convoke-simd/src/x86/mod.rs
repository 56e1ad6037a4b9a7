//! The x86-64 tokens, and the question to the processor that makes them.

mod avx2;
mod avx512;
mod detect;

pub use avx2::Avx2;
pub use avx512::Avx512;
