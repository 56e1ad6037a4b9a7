//! The second pass: sums along a row of column sums, and the elements that they become.

use convoke_simd::Simd;

use super::divide::Words;
use super::pixel::{From16, NarrowPixel};
use crate::kernel::narrow::lanes::{Half, Load};
use crate::kernel::narrow::line::{Line, sum_line};
use crate::kernel::narrow::window::{Groups, STRIDE, slide, sum_rows};

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

    /// A row of elements from column sums of 16 bits, in 16 bits. `spare` are three rows as long as `columns`.
    pub(super) fn halves<S: Simd, O: NarrowPixel>(
        &self,
        simd: S,
        channels: usize,
        columns: &[u16],
        from: From16,
        spare: [&mut [u16]; 3],
        dst: &mut [O],
    ) {
        let [groups, moves, sums] = spare;
        match self {
            Across::Line(line) => {
                let n = dst.len();
                O::line16::<S, Half>(simd, line, &|s| &columns[s * channels..][..n], from, sums, dst);
            }
            Across::Ones(len) => {
                let sums = &mut sums[..dst.len()];
                ones::<S, Half, Half>(simd, channels, columns, *len, groups, moves, sums);
                O::finish16(simd, sums, from, dst);
            }
        }
    }

    /// A row of elements from column sums, in 32 bits. `groups`, `moves` and `sums` are rows as long as `columns`.
    #[expect(clippy::too_many_arguments, reason = "rows of scratch of different types")]
    pub(super) fn words<S: Simd, G: Load<In = L::In, Sum = L::In>, L: Load<Sum = u32>, O: NarrowPixel>(
        &self,
        simd: S,
        channels: usize,
        columns: &[L::In],
        from: Words,
        groups: &mut [L::In],
        moves: &mut [u32],
        sums: &mut [u32],
        dst: &mut [O],
    ) {
        let sums = &mut sums[..dst.len()];
        match self {
            Across::Line(line) => {
                let n = sums.len();
                sum_line::<S, L>(simd, line, &|s| &columns[s * channels..][..n], sums);
            }
            Across::Ones(len) => ones::<S, G, L>(simd, channels, columns, *len, groups, moves, sums),
        }
        O::finish32(simd, sums, from, dst);
    }
}

/// `sums[i] = sum over j < len of  columns[i + j * channels]`. Sums of a few columns (`groups`) stay in their type.
fn ones<S: Simd, G: Load<In = L::In, Sum = L::In>, L: Load>(
    simd: S,
    channels: usize,
    columns: &[L::In],
    len: usize,
    groups: &mut [L::In],
    moves: &mut [L::Sum],
    sums: &mut [L::Sum],
) {
    let n = sums.len();
    let shifted = |pixels: usize| pixels * channels;
    if let Some(way) = Groups::of(len) {
        let count = n + shifted(way.group * (way.groups - 1));
        let groups = &mut groups[..count];
        sum_rows::<S, G>(simd, way.group, &|j| &columns[shifted(j)..][..count], groups);
        let groups = &*groups;
        let term = |j: usize| {
            if j < way.groups {
                &groups[shifted(j * way.group)..][..n]
            } else {
                &columns[shifted(len - way.terms() + j)..][..n]
            }
        };
        sum_rows::<S, L>(simd, way.terms(), &term, sums);
        return;
    }
    let count = n + shifted(len);
    let fours = count + shifted(12);
    let groups = &mut groups[..fours];
    sum_rows::<S, G>(simd, 4, &|j| &columns[shifted(j)..][..fours], groups);
    let groups = &*groups;
    sum_rows::<S, L>(simd, 4, &|j| &groups[shifted(4 * j)..][..count], &mut moves[..count]);
    let moves = &moves[..count];
    match channels {
        1 => slide::<S, L, 1, { STRIDE }>(simd, columns, moves, len, sums),
        2 => slide::<S, L, 2, { 2 * STRIDE }>(simd, columns, moves, len, sums),
        3 => slide::<S, L, 3, { 3 * STRIDE }>(simd, columns, moves, len, sums),
        _ => slide::<S, L, 4, { 4 * STRIDE }>(simd, columns, moves, len, sums),
    }
}
