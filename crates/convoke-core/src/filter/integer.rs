//! Integer pixels: rounding of finished values, with a second look at those that lie too near a tie.

use convoke_simd::Simd;

use super::exact::Settle;
use super::pixel::sealed::Pixel;

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
    values: [S::F32; NV],
    dst: &mut [O],
    settle: Option<&Settle<'_>>,
    at: [usize; 2],
) {
    if dst.len() == NV * S::LANES {
        for (v, dst) in values.into_iter().zip(dst.chunks_exact_mut(S::LANES)) {
            O::store(simd, v, dst);
        }
    } else {
        let mut pixels = [O::default(); MAX_LANES];
        O::store(simd, values[0], &mut pixels);
        dst.copy_from_slice(&pixels[..dst.len()]);
    }
    if let Some(settle) = settle
        && any_open::<S, O, NV>(simd, &values, settle.margin)
    {
        let mut lanes = [0.0; GROUP * MAX_LANES];
        for (v, lanes) in values.into_iter().zip(lanes.chunks_exact_mut(S::LANES)) {
            simd.store(v, lanes);
        }
        settle.redo(simd, &lanes[..dst.len()], dst, at);
    }
}

/// The same for a row of values, of any length.
#[inline(always)]
pub(super) fn store_row<S: Simd, O: Integer>(
    simd: S,
    values: &[f32],
    dst: &mut [O],
    settle: Option<&Settle<'_>>,
    [y, x]: [usize; 2],
) {
    let group = GROUP * S::LANES;
    let body = values.len() - values.len() % group;
    for at in (0..body).step_by(group) {
        let values = &values[at..][..group];
        let values: [S::F32; GROUP] = core::array::from_fn(|j| simd.load(&values[j * S::LANES..]));
        store_vectors(simd, values, &mut dst[at..][..group], settle, [y, x + at]);
    }
    for at in (body..values.len()).step_by(S::LANES) {
        let end = values.len().min(at + S::LANES);
        store_vectors(simd, [simd.load_first(&values[at..end])], &mut dst[at..end], settle, [y, x + at]);
    }
}

/// Whether any value lies within `margin` of a tie that matters, halfway between two integers of the type. NaN
/// counts.
#[inline(always)]
fn any_open<S: Simd, O: Integer, const NV: usize>(simd: S, values: &[S::F32; NV], margin: f32) -> bool {
    let [zero, half] = [simd.splat(0.0), simd.splat(0.5)];
    let mut least = half;
    for &v in values {
        let v = simd.min(simd.max(v, simd.splat(O::LEAST as f32)), simd.splat(O::GREATEST as f32));
        let off = simd.sub(v, simd.round(v));
        let off = simd.max(off, simd.sub(zero, off));
        least = simd.min(simd.sub(half, off), least);
    }
    simd.any_lt(least, simd.splat(margin))
}
