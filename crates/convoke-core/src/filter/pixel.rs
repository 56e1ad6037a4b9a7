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

    pub trait Pixel: Copy + Send + Sync + 'static {
        /// Whether the type holds integers, so that a result must be the rounded exact value.
        const INTEGER: bool;

        /// The value as f32, which is exact.
        fn widen(self) -> f32;

        /// [`widen`](Self::widen) for a whole row; both slices have the same length.
        fn widen_row<S: Simd>(simd: S, src: &[Self], dst: &mut [f32]);

        /// The slice itself, if there is nothing to widen.
        fn as_f32(src: &[Self]) -> Option<&[f32]>;

        /// Writes the first `dst.len()` lanes of the values, which is all of them or, with one vector, fewer.
        fn store<S: Simd, const NV: usize>(simd: S, values: &[S::F32; NV], dst: &mut [Self]);

        /// Whether the rounding of any of the values, known up to `margin`, is open. A margin of 1 says so of all.
        fn any_open<S: Simd>(simd: S, values: &[S::F32], margin: f32) -> bool;

        /// Writes those pixels of a row again whose rounding is open; `at` is where `settle` finds their pixels.
        fn settle<S: Simd, const NV: usize>(
            simd: S,
            values: &[S::F32; NV],
            dst: &mut [Self],
            settle: &Settle<'_>,
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
    fn store<S: Simd, const NV: usize>(simd: S, values: &[S::F32; NV], dst: &mut [f32]) {
        if dst.len() == NV * S::LANES {
            for (v, dst) in values.iter().zip(dst.chunks_exact_mut(S::LANES)) {
                simd.store(*v, dst);
            }
        } else {
            simd.store_first(values[0], dst);
        }
    }

    #[inline(always)]
    fn any_open<S: Simd>(_: S, _: &[S::F32], _: f32) -> bool {
        false
    }

    fn settle<S: Simd, const NV: usize>(
        _: S,
        _: &[S::F32; NV],
        _: &mut [f32],
        _: &Settle<'_>,
        _: [usize; 2],
    ) {
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
    fn store<S: Simd, const NV: usize>(simd: S, values: &[S::F32; NV], dst: &mut [u8]) {
        if dst.len() == NV * S::LANES {
            for (v, dst) in values.iter().zip(dst.chunks_exact_mut(S::LANES)) {
                simd.store_u8(*v, dst);
            }
        } else {
            let mut bytes = [0; MAX_LANES];
            simd.store_u8(values[0], &mut bytes);
            dst.copy_from_slice(&bytes[..dst.len()]);
        }
    }

    /// A value is open that lies within `margin` of a tie, halfway between two integers. Ties outside 0..=255 do
    /// not matter, and looking at them costs nothing.
    #[inline(always)]
    fn any_open<S: Simd>(simd: S, values: &[S::F32], margin: f32) -> bool {
        // How far values lie above and below the nearest integer, at most. None is NaN: where sums could overflow,
        // the margin is 1, and everything is open.
        let mut most = simd.splat(0.0);
        let mut least = most;
        for &v in values {
            let off = simd.sub(v, simd.round(v));
            most = simd.max(off, most);
            least = simd.min(off, least);
        }
        let limit = simd.splat(0.5 - margin);
        simd.any_lt(limit, most) || simd.any_lt(least, simd.splat(margin - 0.5))
    }

    // Inline up to the copy, or else the values would have an address, and be in memory from the start.
    #[inline(always)]
    fn settle<S: Simd, const NV: usize>(
        simd: S,
        values: &[S::F32; NV],
        dst: &mut [u8],
        settle: &Settle<'_>,
        at: [usize; 2],
    ) {
        let mut lanes = [0.0; MOST];
        for (v, lanes) in values.iter().zip(lanes.chunks_exact_mut(S::LANES)) {
            simd.store(*v, lanes);
        }
        settle.redo(&lanes[..dst.len()], dst, at);
    }
}

/// Elements of the widest tile: 8 vectors of 16 lanes.
const MOST: usize = 128;
/// Lanes of the widest level.
const MAX_LANES: usize = 16;
