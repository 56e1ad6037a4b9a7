//! Picture filters in the frequency domain: for masks so large that one multiplication per tap is too many.
//!
//! A correlation is a product of spectra. The picture is cut into overlapping tiles; a tile is transformed, multiplied by the
//! mask's spectrum, which is computed once, and transformed back; outputs whose windows lay wholly in the tile are right, and
//! the others belong to its neighbours ("overlap-save"). What an output costs hardly depends on the mask: with AVX-512 and
//! f32 the direct kernels are overtaken at masks of about 9x9, and at 31x31 they take five to nine times as long.
//!
//! The flow is `descriptor -> plan -> filter (with the mask, once) -> run`:
//!
//! * `plan.rs`: what a user calls: [`FftFilterPlan`], cheap, and [`FftFilter`], with a mask.
//! * `shape.rs`: how large tiles are, and what a filter will cost.
//! * `lengths.rs`, `transform.rs`: the lengths of transforms, their passes and twiddle factors.
//! * `spectrum.rs`: the spectrum of the mask, by `rustfft` in f64.
//! * `run.rs`: *gather* (by the core), transform there and back, *scatter* (by the core).
//! * `passes.rs`, `butterfly.rs`: the hot loops.
//! * `bound.rs`: how far results can be off, and why.
//! * `describe.rs`: what a plan decided, for people.
//!
//! # The numbers
//!
//! * **f32 results** lie within [`FftFilter::error_bound`] of the exact value. The bound is by norms: every output may be off by
//!   about a hundred `2^-24` of the norm of the mask times the norm of its tile; usually errors are a few hundredths of
//!   that. A direct sum is better where a picture is dark beside something very bright, because it knows no neighbours.
//! * **Bytes from bytes** are the correctly rounded exact value, as everywhere. What the bound leaves open, commonly a pixel in
//!   a hundred, is summed again in f64 and, if that is not enough, in exact integers. Where more is open (masks and divisors that
//!   make ties) a tile is computed directly.
//! * **NaN, infinities** and values too large for a transform reach exactly the outputs whose window holds them: such tiles
//!   are computed directly.
//! * **Splitting rows changes no bit**, because tiles lie at fixed places; nor does the level, as long as it fuses
//!   multiply-adds.
//!
//! ```
//! use convoke_core::{Border, Filter2dDesc, Level};
//! use convoke_fft::{FftFilter, FftFilterPlan};
//!
//! // A blur of 31x31 pixels of a colour picture.
//! let desc = Filter2dDesc::new([120, 160], 3, [31, 31]).divisor(961.0).border(Border::Reflect);
//! let plan = FftFilterPlan::new(&desc, Level::detect())?;
//! println!("{}: {} ns", plan.describe(), plan.predicted_cost());
//!
//! let filter: FftFilter = plan.filter(&[1.0; 961])?;
//! let src = vec![0.5_f32; filter.src_len()];
//! let mut dst = vec![0.0_f32; filter.dst_len()];
//! let mut scratch = vec![0.0; filter.scratch_len()];
//! filter.run(&src, &mut dst, &mut scratch)?;
//! assert!(dst.iter().all(|&x| f64::from((x - 0.5).abs()) <= filter.error_bound(0.5)));
//! # Ok::<(), convoke_core::Error>(())
//! ```

#![forbid(unsafe_code)]

mod bound;
mod butterfly;
mod convolve;
mod describe;
mod gather;
mod lengths;
mod passes;
mod plan;
mod run;
mod scatter;
mod shape;
mod spectrum;
#[cfg(test)]
mod tests;
mod transform;

pub use describe::FftDescription;
pub use plan::{FftFilter, FftFilterPlan};
