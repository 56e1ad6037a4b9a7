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
pub(super) struct Scatter<'a, O> {
    /// From the first element of the first row on.
    pub(super) dst: &'a mut [O],
    pub(super) row_stride: usize,
    pub(super) post: Post,
    /// Elements between the start of `dst` and where the kernel's outputs start.
    pub(super) left: usize,
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
        let x = self.left + x;
        let values = self.post.apply(simd, sums);
        let mut rest = &mut self.dst[y * self.row_stride + x..];
        let mut rows: [Option<&mut [O]>; OR] = [const { None }; OR];
        for (i, row) in rows.iter_mut().enumerate() {
            let (this, below) = rest.split_at_mut(if i + 1 < OR { self.row_stride } else { width });
            *row = Some(&mut this[..width]);
            rest = below;
        }
        for (values, row) in values.iter().zip(rows.iter_mut().flatten()) {
            O::store(simd, values, row);
        }
        if let Some(settle) = &self.settle
            && O::any_open(simd, values.as_flattened(), settle.margin)
        {
            for (i, (values, row)) in values.iter().zip(rows.into_iter().flatten()).enumerate() {
                if O::any_open(simd, values, settle.margin) {
                    O::settle(simd, values, row, settle, [y + i, x]);
                }
            }
        }
    }
}
