//! Integer pixels: rounding of finished values, with a second look at those that lie too near a tie.

use core::slice;

use convoke_simd::Simd;

use super::exact::Settle;
use super::pixel::sealed::Pixel;
use crate::slices::{part, part_mut};

/// Lanes of the widest level.
pub(super) const MAX_LANES: usize = 16;

/// Vectors that are looked at together.
const GROUP: usize = 4;

/// A type of pixels that are integers.
pub(super) trait Integer: Pixel + Default {
    const LEAST: i32;
    const GREATEST: i32;

    /// A value between these two.
    fn from_i32(value: i32) -> Self;

    /// A vector's worth of values.
    fn load<S: Simd>(simd: S, src: &[Self]) -> S::F32;

    /// Rounds, clamps and writes a vector.
    fn store<S: Simd>(simd: S, v: S::F32, dst: &mut [Self]);
}

macro_rules! integer {
    ($type:ty, $load:ident, $store:ident) => {
        impl Integer for $type {
            const LEAST: i32 = <$type>::MIN as i32;
            const GREATEST: i32 = <$type>::MAX as i32;

            #[inline(always)]
            fn from_i32(value: i32) -> Self {
                value as $type
            }

            #[inline(always)]
            fn load<S: Simd>(simd: S, src: &[Self]) -> S::F32 {
                simd.$load(src)
            }

            #[inline(always)]
            fn store<S: Simd>(simd: S, v: S::F32, dst: &mut [Self]) {
                simd.$store(v, dst);
            }
        }
    };
}

integer!(u8, load_u8, store_u8);
integer!(u16, load_u16, store_u16);
integer!(i16, load_i16, store_i16);

/// Writes the first `dst.len()` lanes of the values, which is all of them or, with one vector, fewer.
#[inline(always)]
pub(super) fn store_vectors<S: Simd, O: Integer, const NV: usize>(
    simd: S,
    values: &[S::F32; NV],
    dst: &mut [O],
) {
    if dst.len() == NV * S::LANES {
        for (v, dst) in values.iter().zip(dst.chunks_exact_mut(S::LANES)) {
            O::store(simd, *v, dst);
        }
    } else {
        let mut pixels = [O::default(); MAX_LANES];
        O::store(simd, values[0], &mut pixels);
        for (dst, pixel) in dst.iter_mut().zip(pixels) {
            *dst = pixel;
        }
    }
}

/// The same for a row of finished values, of any length, and with a second look at those that are open.
#[inline(always)]
pub(super) fn store_row<S: Simd, O: Integer>(
    simd: S,
    values: &[f32],
    dst: &mut [O],
    settle: Option<&Settle<'_>>,
    [y, x]: [usize; 2],
) {
    if const { S::LANES == 1 } && settle.is_none() {
        for (value, dst) in values.iter().zip(dst) {
            O::store(simd, simd.splat(*value), slice::from_mut(dst));
        }
        return;
    }
    let group = GROUP * S::LANES;
    // One lane has no groups: that is as fast, and one loop less.
    let body = if const { S::LANES == 1 } { 0 } else { values.len() - values.len() % group };
    for at in (0..body).step_by(group) {
        let mut vectors = [simd.splat(0.0); GROUP];
        for j in 0..GROUP {
            vectors[j] = simd.load(&values[at + j * S::LANES..]);
        }
        let dst = &mut dst[at..][..group];
        store_vectors(simd, &vectors, dst);
        if let Some(settle) = settle
            && any_open(simd, &vectors, settle.margin)
        {
            settle.redo(simd, &values[at..][..group], dst, [y, x + at]);
        }
    }
    for at in (body..values.len()).step_by(S::LANES) {
        let Some(values) = part(values, at, S::LANES.min(values.len() - at)) else { return };
        let vector = [simd.load_first(values)];
        let Some(dst) = part_mut(dst, at, values.len()) else { return };
        store_vectors(simd, &vector, dst);
        if let Some(settle) = settle
            && any_open(simd, &vector, settle.margin)
        {
            settle.redo(simd, values, dst, [y, x + at]);
        }
    }
}

/// Whether any value, known up to `margin`, lies so near a tie, halfway between two integers, that its rounding is open.
/// A margin of 1 says so of all. Ties outside the type's range do not matter, and looking at them costs nothing.
#[inline(always)]
pub(super) fn any_open<S: Simd>(simd: S, values: &[S::F32], margin: f32) -> bool {
    // How far values lie above and below the nearest integer, at most. None is NaN: where sums could overflow, the
    // margin is 1, and everything is open.
    let mut most = simd.splat(0.0);
    let mut least = most;
    for &v in values {
        let off = simd.sub(v, simd.round(v));
        most = simd.max(off, most);
        least = simd.min(off, least);
    }
    simd.any_lt(simd.splat(0.5 - margin), most) || simd.any_lt(least, simd.splat(margin - 0.5))
}
