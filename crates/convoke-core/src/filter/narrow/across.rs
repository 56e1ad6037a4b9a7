//! The second pass: sums along a row of column sums, and the elements that they become.

use convoke_simd::Simd;

use super::divide::Words;
use super::pixel::{From16, NarrowPixel};
use crate::kernel::narrow::lanes::{Half, Lane, Load};
use crate::kernel::narrow::line::{Line, sum_line};
use crate::kernel::narrow::window::{STRIDE, fours, slide};

/// How sums are formed along a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Across<'a> {
    /// Tap by tap.
    Line(Line<'a>),
    /// This many ones, sliding.
    Ones(usize),
}

impl Across<'_> {
    /// Elements that are read behind the inputs of a row: they must be there, whatever they are.
    pub(super) fn behind(&self, channels: usize) -> usize {
        if let Across::Ones(_) = self { STRIDE * channels } else { 0 }
    }

    /// A row of elements from column sums of 16 bits, in 16 bits. `spare` are two rows as long as `columns`.
    pub(super) fn halves<S: Simd, O: NarrowPixel>(
        &self,
        simd: S,
        channels: usize,
        columns: &[u16],
        from: From16,
        spare: [&mut [u16]; 2],
        dst: &mut [O],
    ) {
        let [four, sums] = spare;
        match self {
            Across::Line(line) => {
                let n = dst.len();
                O::line16::<S, Half>(simd, line, &|s| &columns[s * channels..][..n], from, sums, dst);
            }
            Across::Ones(len) => {
                let sums = &mut sums[..dst.len()];
                slide_any::<S, Half>(simd, channels, columns, four, *len, sums);
                O::finish16(simd, sums, from, dst);
            }
        }
    }

    /// A row of elements from column sums, in 32 bits.
    #[expect(clippy::too_many_arguments, reason = "two rows of scratch of different types")]
    pub(super) fn words<S: Simd, L: Load<Sum = u32>, O: NarrowPixel>(
        &self,
        simd: S,
        channels: usize,
        columns: &[L::In],
        from: Words,
        four: &mut [L::In],
        sums: &mut [u32],
        dst: &mut [O],
    ) where
        L::In: Lane,
    {
        let sums = &mut sums[..dst.len()];
        match self {
            Across::Line(line) => {
                let n = sums.len();
                sum_line::<S, L>(simd, line, &|s| &columns[s * channels..][..n], sums);
            }
            Across::Ones(len) => slide_any::<S, L>(simd, channels, columns, four, *len, sums),
        }
        O::finish32(simd, sums, from, dst);
    }
}

fn slide_any<S: Simd, L: Load>(
    simd: S,
    channels: usize,
    columns: &[L::In],
    four: &mut [L::In],
    len: usize,
    sums: &mut [L::Sum],
) where
    L::In: Lane,
{
    fours(simd, columns, channels, four);
    match channels {
        1 => slide::<S, L, 1, { STRIDE }>(simd, columns, four, len, sums),
        2 => slide::<S, L, 2, { 2 * STRIDE }>(simd, columns, four, len, sums),
        3 => slide::<S, L, 3, { 3 * STRIDE }>(simd, columns, four, len, sums),
        _ => slide::<S, L, 4, { 4 * STRIDE }>(simd, columns, four, len, sums),
    }
}
