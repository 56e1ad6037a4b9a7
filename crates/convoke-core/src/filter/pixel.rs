//! The types of a pixel's channels: how they become f32 in the gather stage and what becomes of sums in the scatter
//! stage.

use convoke_simd::Simd;

use super::exact::Settle;

/// A type that pictures are made of: `u8` or `f32`.
pub trait Pixel: sealed::Pixel {}

impl Pixel for u8 {}
impl Pixel for f32 {}

pub(super) mod sealed {
    use super::{Settle, Simd};

    pub trait Pixel: Copy + Default + Send + Sync + 'static {
        /// Whether the type holds integers, so that a result must be the rounded exact value.
        const INTEGER: bool;

        /// The value as f32, which is exact.
        fn widen(self) -> f32;

        /// [`widen`](Self::widen) for a whole row; both slices have the same length.
        fn widen_row<S: Simd>(simd: S, src: &[Self], dst: &mut [f32]);

        /// The slice itself, if there is nothing to widen.
        fn as_f32(src: &[Self]) -> Option<&[f32]>;

        /// Writes the first `dst.len()` lanes of the values, which is all of them or, with one vector, fewer.
        /// `settle`, if given, decides values whose rounding their error leaves open; `at` is where it finds their
        /// pixels.
        fn store<S: Simd, const NV: usize>(
            simd: S,
            values: [S::F32; NV],
            dst: &mut [Self],
            settle: Option<&Settle<'_>>,
            at: [usize; 2],
        );
    }
}

impl sealed::Pixel for f32 {
    const INTEGER: bool = false;

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    fn widen_row<S: Simd>(_: S, src: &[f32], dst: &mut [f32]) {
        dst.copy_from_slice(src);
    }

    #[inline(always)]
    fn as_f32(src: &[f32]) -> Option<&[f32]> {
        Some(src)
    }

    #[inline(always)]
    fn store<S: Simd, const NV: usize>(
        simd: S,
        values: [S::F32; NV],
        dst: &mut [f32],
        _: Option<&Settle<'_>>,
        _: [usize; 2],
    ) {
        if dst.len() == NV * S::LANES {
            for (v, dst) in values.into_iter().zip(dst.chunks_exact_mut(S::LANES)) {
                simd.store(v, dst);
            }
        } else {
            simd.store_first(values[0], dst);
        }
    }
}

impl sealed::Pixel for u8 {
    const INTEGER: bool = true;

    #[inline(always)]
    fn widen(self) -> f32 {
        self.into()
    }

    #[inline(always)]
    fn widen_row<S: Simd>(simd: S, src: &[u8], dst: &mut [f32]) {
        let body = src.len() - src.len() % S::LANES;
        for (src, dst) in src.chunks_exact(S::LANES).zip(dst.chunks_exact_mut(S::LANES)) {
            simd.store(simd.load_u8(src), dst);
        }
        for (src, dst) in src[body..].iter().zip(&mut dst[body..]) {
            *dst = f32::from(*src);
        }
    }

    #[inline(always)]
    fn as_f32(_: &[u8]) -> Option<&[f32]> {
        None
    }

    #[inline(always)]
    fn store<S: Simd, const NV: usize>(
        simd: S,
        values: [S::F32; NV],
        dst: &mut [u8],
        settle: Option<&Settle<'_>>,
        at: [usize; 2],
    ) {
        if dst.len() == NV * S::LANES {
            for (v, dst) in values.into_iter().zip(dst.chunks_exact_mut(S::LANES)) {
                simd.store_u8(v, dst);
            }
        } else {
            let mut bytes = [0; MAX_LANES];
            simd.store_u8(values[0], &mut bytes);
            dst.copy_from_slice(&bytes[..dst.len()]);
        }
        if let Some(settle) = settle
            && any_open(simd, &values, settle.margin)
        {
            let mut lanes = [0.0; 4 * MAX_LANES];
            for (v, lanes) in values.into_iter().zip(lanes.chunks_exact_mut(S::LANES)) {
                simd.store(v, lanes);
            }
            settle.redo(&lanes[..dst.len()], dst, at);
        }
    }
}

/// Lanes of the widest level.
const MAX_LANES: usize = 16;

/// Whether any value lies within `margin` of a tie that matters, halfway between two bytes. NaN counts.
#[inline(always)]
fn any_open<S: Simd, const NV: usize>(simd: S, values: &[S::F32; NV], margin: f32) -> bool {
    let [zero, half] = [simd.splat(0.0), simd.splat(0.5)];
    let mut least = half;
    for &v in values {
        let v = simd.min(simd.max(v, zero), simd.splat(255.0));
        let off = simd.sub(v, simd.round(v));
        let off = simd.max(off, simd.sub(zero, off));
        least = simd.min(simd.sub(half, off), least);
    }
    simd.any_lt(least, simd.splat(margin))
}
