//! From sums to pixels: the last stage of a filter. Scale, divisor and offset, each only where it is not neutral,
//! then the pixel's own rounding.

use convoke_simd::Simd;

use super::exact::Settle;
use super::integer::MAX_LANES;
use super::pixel::Direct;
use crate::Filter2dDesc;
use crate::kernel::plane::{Sink, Strip};

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
        let mut rows = self.rows::<OR>(y, x, width);
        rows.finish(simd, 0, width, sums);
    }

    #[inline(always)]
    fn strip<const OR: usize>(&mut self, y: usize, width: usize) -> impl Strip<OR> {
        self.rows::<OR>(y, 0, width)
    }
}

impl<O: Direct> Scatter<'_, O> {
    /// `width` elements from `x` on of output rows from `y` on.
    #[inline(always)]
    fn rows<const OR: usize>(&mut self, y: usize, x: usize, width: usize) -> OutputRows<'_, O, OR> {
        let x = self.left + x;
        let mut rest = &mut self.dst[y * self.row_stride + x..];
        let mut rows: [&mut [O]; OR] = core::array::from_fn(|_| Default::default());
        for (i, row) in rows.iter_mut().enumerate() {
            let (this, below) = rest.split_at_mut(if i + 1 < OR { self.row_stride } else { width });
            *row = &mut this[..width];
            rest = below;
        }
        OutputRows { rows, width, at: [y, x], post: self.post, settle: self.settle.as_ref() }
    }
}

/// A few rows of pixels.
struct OutputRows<'a, O, const OR: usize> {
    /// Each of `width` elements.
    rows: [&'a mut [O]; OR],
    width: usize,
    /// Where the first of them is for `settle`.
    at: [usize; 2],
    post: Post,
    settle: Option<&'a Settle<'a>>,
}

impl<O: Direct, const OR: usize> OutputRows<'_, O, OR> {
    #[inline(always)]
    fn finish<S: Simd, const NV: usize>(
        &mut self,
        simd: S,
        x: usize,
        width: usize,
        sums: [[S::F32; NV]; OR],
    ) {
        let values = self.post.apply(simd, sums);
        #[expect(clippy::needless_range_loop, reason = "iterators are not unrolled here")]
        for i in 0..OR {
            // All rows are as long as the first, so there is one check.
            let row = &mut self.rows[i][..self.width];
            O::store(simd, &values[i], &mut row[x..][..width]);
        }
        if let Some(settle) = self.settle
            && O::any_open(simd, values.as_flattened(), settle.margin)
        {
            // Copied vector by vector: had the values themselves an address, they would be in memory from the start.
            let mut lanes = [0.0; MOST_VECTORS * MAX_LANES];
            for (v, lanes) in values.as_flattened().iter().zip(lanes.chunks_exact_mut(S::LANES)) {
                simd.store(*v, lanes);
            }
            for i in 0..OR {
                let (values, at) = (&lanes[i * NV * S::LANES..][..width], [self.at[0] + i, self.at[1] + x]);
                O::settle(simd, values, &mut self.rows[i][x..][..width], settle, at);
            }
        }
    }
}

/// Vectors of the largest tile.
const MOST_VECTORS: usize = 16;

impl<O: Direct, const OR: usize> Strip<OR> for OutputRows<'_, O, OR> {
    #[inline(always)]
    fn put<S: Simd, const NV: usize>(&mut self, simd: S, x: usize, sums: [[S::F32; NV]; OR]) {
        self.finish(simd, x, NV * S::LANES, sums);
    }
}
