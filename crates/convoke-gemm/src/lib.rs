//! Convolution as a matrix product: the second, independent way to the results of `convoke-core`'s direct kernels.
//!
//! For every group, the weights are a matrix with one row per out channel and one column per tap and in channel; the
//! image, laid out so that every output pixel's window is a column ("im2col"), is the other:
//!
//! ```text
//! dst[k, p]  =  sum over q of  W[k, q] * cols[q, p]        q = (r, s, c), c fastest;  p = (n, y, x), x fastest
//! ```
//!
//! The matrix `cols` is R*S times the image and is never made. A panel of it, some pixels by some depth, is gathered
//! straight into `scratch` in the order in which the product reads it, is used for all out channels, and is
//! overwritten by the next. Scratch is therefore bounded, whatever the size of the image.
//!
//! The flow is that of every backend, `descriptor -> plan -> pack (once) -> run`:
//!
//! * `plan.rs`: the checks, and what a user calls.
//! * `tile.rs`: how big the register tile and the blocks are.
//! * `weights.rs`: *pack*, the weights in the order of reading.
//! * `pixels.rs`: which output pixels a call computes, as one long list.
//! * `columns.rs`: *gather*, the virtual im2col: layout, borders, stride and dilation live here and nowhere else.
//! * `product.rs`: *accumulate*, the only hot loop.
//! * `masked.rs`: the same product where padding taps must be absent and a zero in their place will not do.
//! * `scatter.rs`: bias, residual and activation, and the way back into `dst`.
//! * `drive.rs`: the loops around all of these.
//! * `describe.rs`: what a plan decided, for people.
//!
//! # The numbers
//!
//! Every output is one sum that starts at +0 and runs over (r, s, c) in that order, whatever the tile, block, layout
//! or piece: registers carry it through a block of the depth, `dst` itself carries it, unrounded, to the next block.
//! So splitting the work changes no bit, and at levels with fused multiplication the result is, bit for bit, that of
//! the direct kernels.
//!
//! ```
//! use convoke_core::{Conv2dDesc, Layout, Level, Operands, Padding};
//! use convoke_gemm::GemmConv2dPlan;
//!
//! // The 3x3 mean over a picture of ones: 9 in the middle, 4 in the corners, where five taps are padding.
//! let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [4, 4], 1, [3, 3]).padding(Padding::all(1));
//! let plan = GemmConv2dPlan::new(&desc, Level::detect())?;
//! let mut buffer = vec![0.0; plan.packed_len()];
//! let weights = plan.pack(&[1.0; 9], &mut buffer)?;
//! let mut scratch = vec![0.0; plan.scratch_len()];
//! let mut dst = [0.0; 16];
//! plan.run(&Operands::new(&[1.0; 16], weights), &mut dst, &mut scratch)?;
//! assert_eq!(dst[..8], [4.0, 6.0, 6.0, 4.0, 6.0, 9.0, 9.0, 6.0]);
//! # Ok::<(), convoke_core::Error>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod columns;
mod describe;
mod drive;
mod masked;
mod pixels;
mod plan;
mod product;
mod scatter;
#[cfg(test)]
mod tests;
mod tile;
mod weights;

pub use describe::GemmDescription;
pub use plan::GemmConv2dPlan;
