//! The few vector operations that Convoke's kernels are written in.
//!
//! This crate stands at the bottom of the house: a kernel is written once, generic over [`Simd`], and runs on
//! whatever [`Level`] the machine offers. It is also the only crate below C's border with `unsafe` in it, so
//! that the safety argument is one crate long:
//!
//! * **A token proves a feature.** [`Avx2`] and [`Avx512`] have a private field; the only ways to one are
//!   [`Level`]'s constructors, which ask the processor first.
//! * **Entering a target-feature region is a method** of the token, [`Simd::vectorize`], and so is safe to call.
//! * **Loads and stores take slices** and check their length; no operation reads or writes outside them.
//!
//! ```
//! use convoke_simd::{Kernel, Level, Simd};
//!
//! /// `dst[i] = a * src[i] + dst[i]`
//! struct Axpy<'a> { a: f32, src: &'a [f32], dst: &'a mut [f32] }
//!
//! impl Kernel for Axpy<'_> {
//!     type Output = ();
//!     #[inline(always)]
//!     fn run<S: Simd>(self, simd: S) {
//!         let a = simd.splat(self.a);
//!         for (src, dst) in self.src.chunks(S::LANES).zip(self.dst.chunks_mut(S::LANES)) {
//!             let v = simd.mul_add(a, simd.load_first(src), simd.load_first(dst));
//!             simd.store_first(v, dst);
//!         }
//!     }
//! }
//!
//! let src = [1.0, 2.0, 3.0];
//! for level in Level::available() {
//!     let mut dst = [10.0; 3];
//!     level.dispatch(Axpy { a: 2.0, src: &src, dst: &mut dst });
//!     assert_eq!(dst, [12.0, 14.0, 16.0]);
//! }
//! ```
//!
//! # Rounding
//!
//! [`Simd::mul_add`] is fused where the level has the instruction ([`Simd::FUSED`]) and is a multiplication and an
//! addition where it has not. All fused levels therefore give the same bits, and so do all unfused ones. Every
//! other operation gives the same bits on every level.

#![no_std]

#[cfg(test)]
extern crate std;

mod level;
mod past_caches;
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
mod portable;
mod scalar;
mod simd;
#[cfg(test)]
mod tests;
mod words;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod x86;

pub use level::{Level, UnknownLevel};
pub use past_caches::{PastCaches, PastRows, rows};
#[cfg(not(all(target_arch = "arm", target_os = "none")))]
pub use portable::Portable;
pub use scalar::Scalar;
// A microcontroller has no vectors: the scalar token has all of its registers to itself, where arrays in place of vectors spill.
#[cfg(all(target_arch = "arm", target_os = "none"))]
pub use scalar::Scalar as Portable;
pub use simd::{Kernel, Simd};
pub use words::as_f64_mut;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub use x86::{Avx2, Avx512};
