//! From sums to pixels: the last stage of a filter. Scale, divisor and offset, each only where it is not neutral,
//! then the pixel's own rounding.

use convoke_simd::Simd;

use super::exact::Settle;
use super::integer::MAX_LANES;
use super::pixel::Direct;
use super::target::{Target, TargetRows};
use crate::Filter2dDesc;
use crate::kernel::plane::{Sink, Strip};
use crate::slices::part;

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

    /// For all rows of a tile at once: were it row by row, the compiler would move each row's multiplications
    /// behind the branches of the rows before it, and keep what they multiply on the stack.
    #[inline(always)]
    fn apply<S: Simd, const OR: usize, const NV: usize>(
        &self,
        simd: S,
        mut values: [[S::F32; NV]; OR],
    ) -> [[S::F32; NV]; OR] {
        // Loops and not `map`, which the compiler may leave a call, with every sum of the tile pushed to memory.
        if self.scale != 1.0 {
            for v in values.as_flattened_mut() {
                *v = simd.mul(*v, simd.splat(self.scale));
            }
        }
        if self.divisor != 1.0 {
            for v in values.as_flattened_mut() {
                *v = simd.div(*v, simd.splat(self.divisor));
            }
        }
        if self.offset != 0.0 {
            for v in values.as_flattened_mut() {
                *v = simd.add(*v, simd.splat(self.offset));
            }
        }
        values
    }
}

/// The scatter stage of a few rows.
pub(super) struct Scatter<'a, T> {
    /// From the first element of the first row on.
    pub(super) dst: T,
    pub(super) row_stride: usize,
    pub(super) post: Post,
    /// Elements between the start of `dst` and where the kernel's outputs start.
    pub(super) left: usize,
    /// From integers to integers, unless the f32 results are known to round correctly.
    pub(super) settle: Option<Settle<'a>>,
}

impl<T: Target> Sink for Scatter<'_, T> {
    #[inline(always)]
    fn put<S: Simd, const OR: usize, const NV: usize>(
        &mut self,
        simd: S,
        [y, x]: [usize; 2],
        width: usize,
        sums: [[S::F32; NV]; OR],
    ) {
        // With one lane a row is there or not, and what is written to it need not be looked at again.
        if const { S::LANES == 1 && OR == 1 } {
            let x = self.left + x;
            let Some(rows) = self.dst.row(y * self.row_stride + x, width) else { return };
            let (post, settle) = (self.post, self.settle.as_ref());
            OutputRows { rows, at: [y, x], post, settle }.finish(simd, 0, width, [sums[0]]);
            return;
        }
        let mut rows = self.rows::<OR>(y, x, width);
        rows.finish(simd, 0, width, sums);
    }

    #[inline(always)]
    fn strip<const OR: usize>(&mut self, y: usize, width: usize) -> impl Strip<OR> {
        self.rows::<OR>(y, 0, width)
    }
}

impl<T: Target> Scatter<'_, T> {
    /// `width` elements from `x` on of output rows from `y` on.
    #[inline(always)]
    fn rows<const OR: usize>(&mut self, y: usize, x: usize, width: usize) -> OutputRows<'_, T::Rows<'_, OR>> {
        let x = self.left + x;
        OutputRows {
            rows: self.dst.rows(y * self.row_stride + x, self.row_stride, width),
            at: [y, x],
            post: self.post,
            settle: self.settle.as_ref(),
        }
    }
}

/// A few rows of pixels.
struct OutputRows<'a, R> {
    rows: R,
    /// Where the first of them is for `settle`.
    at: [usize; 2],
    post: Post,
    settle: Option<&'a Settle<'a>>,
}

impl<R> OutputRows<'_, R> {
    #[inline(always)]
    fn finish<S: Simd, const OR: usize, const NV: usize>(
        &mut self,
        simd: S,
        x: usize,
        width: usize,
        sums: [[S::F32; NV]; OR],
    ) where
        R: TargetRows<OR, Pixel: Direct>,
    {
        let values = self.post.apply(simd, sums);
        self.rows.store(simd, x, width, &values);
        if let Some(settle) = self.settle
            && R::Pixel::any_open(simd, values.as_flattened(), settle.margin)
        {
            // Copied vector by vector: had the values themselves an address, they would be in memory from the start.
            let mut lanes = [0.0; MOST_VECTORS * MAX_LANES];
            for (v, lanes) in values.as_flattened().iter().zip(lanes.chunks_exact_mut(S::LANES)) {
                simd.store(*v, lanes);
            }
            for i in 0..OR {
                let at = [self.at[0] + i, self.at[1] + x];
                let values = part(&lanes, i * NV * S::LANES, width);
                if let Some((values, pixels)) = values.zip(self.rows.again(i, x..x + width)) {
                    R::Pixel::settle(simd, values, pixels, settle, at);
                }
            }
        }
    }
}

/// Vectors of the largest tile.
const MOST_VECTORS: usize = 16;

impl<const OR: usize, R: TargetRows<OR, Pixel: Direct>> Strip<OR> for OutputRows<'_, R> {
    #[inline(always)]
    fn put<S: Simd, const NV: usize>(&mut self, simd: S, x: usize, sums: [[S::F32; NV]; OR]) {
        self.finish(simd, x, NV * S::LANES, sums);
    }
}
