//! Where the scatter stage writes: pixels of a slice, or floats that may go past the caches.

use core::ops::Range;

use convoke_simd::{PastCaches, PastRows, Simd, rows};

use super::pixel::Direct;
use crate::slices::part_mut;

/// Where pixels are written.
pub(super) trait Target {
    /// What they are.
    type Pixel: Direct;
    /// Some rows of them.
    type Rows<'r, const OR: usize>: TargetRows<OR, Pixel = Self::Pixel>
    where
        Self: 'r;

    /// A row of `width` elements from `at` on, if it is there: for levels of one lane, where rows come one by one.
    fn row(&mut self, at: usize, width: usize) -> Option<Self::Rows<'_, 1>>;

    /// Rows of `width` elements, `stride` from each other, the first from `at` on.
    fn rows<const OR: usize>(&mut self, at: usize, stride: usize, width: usize) -> Self::Rows<'_, OR>;
}

/// Rows that pixels are written to.
pub(super) trait TargetRows<const OR: usize> {
    type Pixel;

    /// Writes the first `width` lanes of each row's values from `x` on, which is all of them or, with one vector, fewer.
    fn store<S: Simd, const NV: usize>(
        &mut self,
        simd: S,
        x: usize,
        width: usize,
        values: &[[S::F32; NV]; OR],
    );

    /// Pixels of row `i` that are written again, if that may be.
    fn again(&mut self, i: usize, at: Range<usize>) -> Option<&mut [Self::Pixel]>;
}

impl<O: Direct> Target for &mut [O] {
    type Pixel = O;
    type Rows<'r, const OR: usize>
        = PixelRows<'r, O, OR>
    where
        Self: 'r;

    #[inline(always)]
    fn row(&mut self, at: usize, width: usize) -> Option<PixelRows<'_, O, 1>> {
        Some(PixelRows { rows: [self.get_mut(at..)?.get_mut(..width)?], width })
    }

    #[inline(always)]
    fn rows<const OR: usize>(&mut self, at: usize, stride: usize, width: usize) -> PixelRows<'_, O, OR> {
        PixelRows { rows: rows(self, at, stride, width), width }
    }
}

/// Rows of a slice, each of `width` elements.
pub(super) struct PixelRows<'r, O, const OR: usize> {
    rows: [&'r mut [O]; OR],
    width: usize,
}

impl<O: Direct, const OR: usize> TargetRows<OR> for PixelRows<'_, O, OR> {
    type Pixel = O;

    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "iterators are not unrolled here")]
    fn store<S: Simd, const NV: usize>(
        &mut self,
        simd: S,
        x: usize,
        width: usize,
        values: &[[S::F32; NV]; OR],
    ) {
        for i in 0..OR {
            // All rows are as long as the first, so there is one check.
            let Some(row) = part_mut(self.rows[i], 0, self.width) else { return };
            let Some(dst) = part_mut(row, x, width) else { return };
            O::store(simd, &values[i], dst);
        }
    }

    #[inline(always)]
    fn again(&mut self, i: usize, at: Range<usize>) -> Option<&mut [O]> {
        self.rows[i].get_mut(at)
    }
}

impl<P: Simd> Target for &mut PastCaches<'_, P> {
    type Pixel = f32;
    type Rows<'r, const OR: usize>
        = PastRows<'r, OR>
    where
        Self: 'r;

    #[inline(always)]
    fn row(&mut self, at: usize, width: usize) -> Option<PastRows<'_, 1>> {
        PastCaches::get_row(self, at, width)
    }

    #[inline(always)]
    fn rows<const OR: usize>(&mut self, at: usize, stride: usize, width: usize) -> PastRows<'_, OR> {
        PastCaches::rows(self, at, stride, width)
    }
}

impl<const OR: usize> TargetRows<OR> for PastRows<'_, OR> {
    type Pixel = f32;

    #[inline(always)]
    fn store<S: Simd, const NV: usize>(
        &mut self,
        simd: S,
        x: usize,
        width: usize,
        values: &[[S::F32; NV]; OR],
    ) {
        if width == NV * S::LANES {
            PastRows::store(self, simd, x, values);
        } else {
            let mut first = [simd.splat(0.0); OR];
            for i in 0..OR {
                first[i] = values[i][0];
            }
            self.store_first(simd, x, width, first);
        }
    }

    /// Floats are what they are.
    #[inline(always)]
    fn again(&mut self, _: usize, _: Range<usize>) -> Option<&mut [f32]> {
        None
    }
}
