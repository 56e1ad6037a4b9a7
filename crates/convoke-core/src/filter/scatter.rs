//! From sums to pixels: the last stage of a filter. Scale, divisor and offset, each only where it is not neutral,
//! then the pixel's own rounding.

use convoke_simd::Simd;

use super::exact::Settle;
use super::pixel::Direct;
use crate::Filter2dDesc;
use crate::kernel::plane::Sink;

/// What is done to every sum: `* scale`, `/ divisor`, `+ offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Post {
    pub(super) scale: f32,
    pub(super) divisor: f32,
    pub(super) offset: f32,
}

impl Post {
    pub(super) fn of(desc: &Filter2dDesc) -> Self {
        Self { scale: desc.scale, divisor: desc.divisor, offset: desc.offset }
    }

    /// How many of the three are not neutral, each of which rounds once.
    pub(super) fn steps(&self) -> usize {
        usize::from(self.scale != 1.0) + usize::from(self.divisor != 1.0) + usize::from(self.offset != 0.0)
    }

    #[inline(always)]
    fn apply<S: Simd, const NV: usize>(&self, simd: S, mut values: [S::F32; NV]) -> [S::F32; NV] {
        if self.scale != 1.0 {
            values = values.map(
                #[inline(always)]
                |v| simd.mul(v, simd.splat(self.scale)),
            );
        }
        if self.divisor != 1.0 {
            values = values.map(
                #[inline(always)]
                |v| simd.div(v, simd.splat(self.divisor)),
            );
        }
        if self.offset != 0.0 {
            values = values.map(
                #[inline(always)]
                |v| simd.add(v, simd.splat(self.offset)),
            );
        }
        values
    }
}

/// The scatter stage of a few rows.
pub(super) struct Scatter<'a, O> {
    /// From the first element of the first row on.
    pub(super) dst: &'a mut [O],
    pub(super) row_stride: usize,
    pub(super) post: Post,
    /// From integers to integers, unless the f32 results are known to round correctly.
    pub(super) settle: Option<Settle<'a>>,
}

impl<O: Direct> Sink for Scatter<'_, O> {
    #[inline(always)]
    fn put<S: Simd, const OR: usize, const NV: usize>(
        &mut self,
        simd: S,
        [y, x]: [usize; 2],
        width: usize,
        sums: [[S::F32; NV]; OR],
    ) {
        for (i, row) in sums.into_iter().enumerate() {
            let values = self.post.apply(simd, row);
            let dst = &mut self.dst[(y + i) * self.row_stride + x..][..width];
            O::store(simd, values, dst, self.settle.as_ref(), [y + i, x]);
        }
    }
}
