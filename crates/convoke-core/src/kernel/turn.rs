//! Planes to pixels with their channels side by side, a vector of channels at a time, and back: gather and scatter of NCHW
//! layers that run on the [lane kernel](super::lanes). Squares of values are transposed in registers.

use core::ops::Range;

use convoke_simd::Simd;

use super::each::each;
use super::lanes::curve;
use super::transpose::{MAX_LANES, transpose};
use crate::Activation;

/// Writes `count` pixels, each a vector of the values that `channels` planes have there; lanes beyond are 0. The planes
/// start `plane` apart.
#[inline(never)]
pub(crate) fn gather<S: Simd>(
    simd: S,
    planes: &[f32],
    plane: usize,
    channels: usize,
    count: usize,
    pixels: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let pixels = &mut pixels[..count * S::LANES];
            for (i, pixels) in pixels.chunks_mut(S::LANES * S::LANES).enumerate() {
                let planes = &planes[i * S::LANES..];
                let some = pixels.len() / S::LANES;
                let mut square = [simd.splat(0.0); MAX_LANES];
                each!(lane C where C < S::LANES => {
                    if C < channels {
                        let plane = &planes[C * plane..];
                        square[C] =
                            if some == S::LANES { simd.load(plane) } else { simd.load_first(&plane[..some]) };
                    }
                });
                transpose(simd, &mut square);
                each!(lane I where I < S::LANES => {
                    if I < some {
                        simd.store(square[I], &mut pixels[I * S::LANES..]);
                    }
                });
            }
        },
    );
}

/// Where pixels go.
pub(crate) struct Target<'a> {
    /// The lanes that do, and what is added to each.
    pub(crate) lanes: Range<usize>,
    pub(crate) bias: Option<&'a [f32]>,
    /// Planes of another tensor that is added, from the first lane's on, and from one to the next.
    pub(crate) residual: Option<(&'a [f32], usize)>,
    /// From one plane to the next.
    pub(crate) plane: usize,
    pub(crate) activation: Activation,
}

impl Target<'_> {
    /// Finishes pixels of one vector each and writes them to planes, of which `dst` starts with the first lane's.
    #[inline(never)]
    pub(crate) fn scatter<S: Simd>(&self, simd: S, pixels: &[f32], dst: &mut [f32]) {
        let bounds = self.activation.bounds();
        simd.vectorize(
            #[inline(always)]
            || {
                let [low, high] = bounds.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
                let [low, high] = [simd.splat(low), simd.splat(high)];
                let Range { start, end } = self.lanes;
                // Adding -0 changes nothing, whatever the sum.
                let mut bias = [-0.0; MAX_LANES];
                if let Some(some) = self.bias {
                    bias[start..end].copy_from_slice(&some[start..end]);
                }
                for (i, pixels) in pixels.chunks(S::LANES * S::LANES).enumerate() {
                    let some = pixels.len() / S::LANES;
                    let mut square = [simd.splat(0.0); MAX_LANES];
                    each!(lane I where I < S::LANES => {
                        if I < some {
                            square[I] = simd.load(&pixels[I * S::LANES..]);
                        }
                    });
                    transpose(simd, &mut square);
                    each!(lane C where C < S::LANES => {
                        if (start..end).contains(&C) {
                            let at = (C - start) * self.plane + i * S::LANES;
                            let mut v = simd.add(square[C], simd.splat(bias[C]));
                            if let Some((residual, plane)) = self.residual {
                                let at = (C - start) * plane + i * S::LANES;
                                v = simd.add(v, simd.load_first(&residual[at..][..some]));
                            }
                            let v = simd.min(high, simd.max(low, v));
                            let dst = &mut dst[at..][..some];
                            if some == S::LANES { simd.store(v, dst) } else { simd.store_first(v, dst) }
                        }
                    });
                }
            },
        );
        if bounds.is_none() {
            for c in 0..self.lanes.len() {
                curve(simd, self.activation, &mut dst[c * self.plane..][..pixels.len() / S::LANES]);
            }
        }
    }
}
