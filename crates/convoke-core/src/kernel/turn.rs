//! Planes to pixels with their channels side by side, a vector of channels at a time, and back: gather and scatter of
//! layers that run on the [lane kernel](super::lanes) by blocks of channels. Squares of values are transposed in registers.

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
                // Whole squares without questions.
                if some == S::LANES && channels == S::LANES {
                    each!(lane C where C < S::LANES => {
                        square[C] = simd.load(&planes[C * plane..]);
                    });
                    transpose(simd, &mut square);
                    each!(lane I where I < S::LANES => {
                        simd.store(square[I], &mut pixels[I * S::LANES..]);
                    });
                    continue;
                }
                each!(lane C where C < S::LANES => {
                    if C < channels {
                        square[C] = simd.load_first(&planes[C * plane..][..some]);
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

/// The same from pixels that have their channels side by side, and others between: `pixel` apart.
#[inline(never)]
pub(crate) fn pick<S: Simd>(
    simd: S,
    src: &[f32],
    pixel: usize,
    channels: usize,
    count: usize,
    pixels: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            for (i, out) in pixels.chunks_exact_mut(S::LANES).take(count).enumerate() {
                let src = &src[i * pixel..][..channels];
                let v = if channels == S::LANES { simd.load(src) } else { simd.load_first(src) };
                simd.store(v, out);
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
                let whole = self.residual.is_none() && self.lanes == (0..S::LANES);
                for (i, pixels) in pixels.chunks(S::LANES * S::LANES).enumerate() {
                    let some = pixels.len() / S::LANES;
                    let first = i * S::LANES;
                    let mut square = [simd.splat(0.0); MAX_LANES];
                    // Whole squares without questions.
                    if whole && some == S::LANES {
                        each!(lane I where I < S::LANES => {
                            square[I] = simd.load(&pixels[I * S::LANES..]);
                        });
                        transpose(simd, &mut square);
                        let dst = &mut dst[first..];
                        each!(lane C where C < S::LANES => {
                            let v = simd.add(square[C], simd.splat(bias[C]));
                            simd.store(simd.min(high, simd.max(low, v)), &mut dst[C * self.plane..]);
                        });
                        continue;
                    }
                    each!(lane I where I < S::LANES => {
                        if I < some {
                            square[I] = simd.load(&pixels[I * S::LANES..]);
                        }
                    });
                    transpose(simd, &mut square);
                    for (c, v) in square.into_iter().enumerate().take(end).skip(start) {
                        let mut v = simd.add(v, simd.splat(bias[c]));
                        if let Some((residual, plane)) = self.residual {
                            let residual = &residual[(c - start) * plane + first..][..some];
                            v = simd.add(v, simd.load_first(residual));
                        }
                        let dst = &mut dst[(c - start) * self.plane + first..][..some];
                        simd.store_first(simd.min(high, simd.max(low, v)), dst);
                    }
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
