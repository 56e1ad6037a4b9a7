//! Running a narrow filter: block of columns by block of columns, down the picture row by row.

use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::across::Across;
use super::columns::{Columns, Down};
use super::pixel::NarrowPixel;
use super::plan::{ALIGN, Lanes, Lines, NarrowPlan};
use super::scratch::NarrowScratch;
use crate::kernel::narrow::lanes::{ByteToHalf, ByteToWord, Half, HalfToWord, SignedToWord, Word};
use crate::kernel::narrow::line::{Line, Rows, sum_line};
use crate::kernel::narrow::window::Groups;

/// Masks of ones up to this height, or width, are summed tap by tap.
const FEW_ROWS: usize = 5;
const FEW_COLS: usize = 7;
static ONES: [i16; FEW_COLS] = [1; FEW_COLS];
/// Highest mask of ones whose sums of this many columns fit in 16 bits.
const fn fits(columns: usize) -> usize {
    65535 / (columns * 255)
}

/// A run with all lengths checked.
pub struct Run<'r, 's, 'a, O> {
    pub(super) plan: &'r NarrowPlan<'a>,
    pub(super) rows: Range<usize>,
    pub(super) cols: Range<usize>,
    /// The picture's column at which rows of `dst` begin is the first of `cols`; elements from one row to the next.
    pub(super) stride: usize,
    pub(super) src: &'r [u8],
    pub(super) dst: &'r mut [O],
    pub(super) scratch: &'r mut NarrowScratch<'s>,
}

impl<O: NarrowPixel> Kernel for Run<'_, '_, '_, O> {
    type Output = ();

    fn run<S: Simd>(mut self, simd: S) {
        let [r, s] = self.plan.desc.mask.size();
        match self.plan.lines {
            Lines::Separable { column, row } => self.two_passes(simd, Down::Line(column), Across::Line(row)),
            Lines::Ones => {
                let down =
                    if r <= FEW_ROWS { Down::Line(Line::new(&ONES[..r], false)) } else { Down::Ones(r) };
                let across =
                    if s <= FEW_COLS { Across::Line(Line::new(&ONES[..s], false)) } else { Across::Ones(s) };
                self.two_passes(simd, down, across);
            }
            Lines::Full(line) => self.one_pass(simd, line),
        }
    }
}

impl<O: NarrowPixel> Run<'_, '_, '_, O> {
    fn two_passes<S: Simd>(&mut self, simd: S, down: Down<'_>, across: Across<'_>) {
        let Self { plan, src, .. } = *self;
        let ([_, width], c, [r, s], [_, left]) =
            (plan.desc.size, plan.desc.channels, plan.desc.mask.size(), plan.before);
        let from16 = O::from16(plan);
        let from32 = O::from32(plan);
        let lanes = match (plan.lanes(from16.is_some()), across) {
            (Lanes::HalfToWord, Across::Ones(len)) if r > fits(Groups::neighbours(len)) => Lanes::Word,
            (lanes, _) => lanes,
        };

        let NarrowScratch { bytes, halves, words } = &mut *self.scratch;
        bytes[..plan.pitch].fill(plan.desc.border.outside() as u8);
        let outside = &bytes[..plan.pitch];
        let [columns16, groups16, moves16, sums16] = rows(halves, plan.pitch, left * c);
        let [columns32, groups32, moves32, sums32] = rows(words, plan.pitch, left * c);

        for start in self.cols.clone().step_by(plan.block) {
            let block = start..self.cols.end.min(start + plan.block);
            let placed = (block.start - self.cols.start) * c..(block.end - self.cols.start) * c;
            let cols = start as isize - left as isize..(block.end + s - 1) as isize - left as isize;
            let inside = cols.start.max(0) as usize..width.min(cols.end as usize);
            // What is read behind the inputs does not matter, but it is read.
            let inputs = (block.len() + s - 1) * c;
            let behind = inputs + across.behind(c);
            columns16[inputs..behind].fill(0);
            columns32[inputs..behind].fill(0);
            let columns = Columns { plan, down, src, outside, cols, inside };
            for y in self.rows.clone() {
                let first = y == self.rows.start;
                let dst = &mut self.dst[(y - self.rows.start) * self.stride..][placed.clone()];
                match (lanes, from16) {
                    (Lanes::Half, Some(from)) => {
                        columns.sum::<S, ByteToHalf>(simd, y, first, &mut columns16[..inputs]);
                        let spare = [&mut *groups16, &mut *moves16, &mut *sums16];
                        across.halves(simd, c, &columns16[..behind], from, spare, dst);
                    }
                    (Lanes::HalfToWord, _) => {
                        columns.sum::<S, ByteToHalf>(simd, y, first, &mut columns16[..inputs]);
                        let columns = &columns16[..behind];
                        across.words::<S, Half, HalfToWord, _>(
                            simd, c, columns, from32, groups16, moves32, sums32, dst,
                        );
                    }
                    (Lanes::SignedToWord, _) => {
                        columns.sum::<S, ByteToHalf>(simd, y, first, &mut columns16[..inputs]);
                        let columns = &columns16[..behind];
                        across.words::<S, Half, SignedToWord, _>(
                            simd, c, columns, from32, groups16, moves32, sums32, dst,
                        );
                    }
                    (Lanes::Word | Lanes::Half, _) => {
                        columns.sum::<S, ByteToWord>(simd, y, first, &mut columns32[..inputs]);
                        let columns = &columns32[..behind];
                        across.words::<S, Word, Word, _>(
                            simd, c, columns, from32, groups32, moves32, sums32, dst,
                        );
                    }
                }
            }
        }
    }

    /// A mask without factors: all taps at once over bordered copies of the source rows, in a ring.
    fn one_pass<S: Simd>(&mut self, simd: S, line: Line<'_>) {
        let Self { plan, src, .. } = *self;
        let (c, [r, s], [above, left]) = (plan.desc.channels, plan.desc.mask.size(), plan.before);
        let from16 = O::from16(plan);
        let from32 = O::from32(plan);
        let NarrowScratch { bytes, halves, words } = &mut *self.scratch;
        let place = |y: isize| y.rem_euclid(r as isize) as usize * plan.pitch;

        for start in self.cols.clone().step_by(plan.block) {
            let block = start..self.cols.end.min(start + plan.block);
            let placed = (block.start - self.cols.start) * c..(block.end - self.cols.start) * c;
            let cols = start as isize - left as isize..(block.end + s - 1) as isize - left as isize;
            let inputs = (block.len() + s - 1) * c;
            for y in self.rows.clone() {
                let top = y as isize - above as isize;
                let fresh = if y == self.rows.start { top } else { top + r as isize - 1 };
                for y in fresh..top + r as isize {
                    gather(plan, src, y, cols.clone(), &mut bytes[place(y)..][..inputs]);
                }
                let dst = &mut self.dst[(y - self.rows.start) * self.stride..][placed.clone()];
                let n = dst.len();
                let bytes = &bytes[..];
                let row: Rows<'_, '_, u8> =
                    &|tap| &bytes[place(top + (tap / s) as isize)..][tap % s * c..][..n];
                if let Some(from) = from16 {
                    O::line16::<S, ByteToHalf>(simd, &line, row, from, &mut halves[..n], dst);
                } else {
                    let sums = &mut words[..n];
                    sum_line::<S, ByteToWord>(simd, &line, row, sums);
                    O::finish32(simd, sums, from32, dst);
                }
            }
        }
    }
}

/// Four rows of `pitch` elements, the first of which has its element `at` at the start of a cache line.
fn rows<T>(scratch: &mut [T], pitch: usize, at: usize) -> [&mut [T]; 4] {
    // A misaligned start costs time, never correctness.
    let start = (scratch.as_ptr().align_offset(64).min(ALIGN) + ALIGN - at % ALIGN) % ALIGN;
    let (first, rest) = scratch[start..].split_at_mut(pitch);
    let (second, rest) = rest.split_at_mut(pitch);
    let (third, rest) = rest.split_at_mut(pitch);
    [first, second, third, &mut rest[..pitch]]
}

/// Pixels `cols` of row `y`, any of which may lie outside the picture.
fn gather(plan: &NarrowPlan<'_>, src: &[u8], y: isize, cols: Range<isize>, dst: &mut [u8]) {
    let ([height, width], c, border) = (plan.desc.size, plan.desc.channels, plan.desc.border);
    let outside = border.outside() as u8;
    let Some(y) = border.index(y, height) else {
        dst.fill(outside);
        return;
    };
    let src = &src[y * plan.src_stride..][..width * c];
    let inside = cols.start.max(0)..cols.end.min(width as isize);
    let at = |x: isize| (x - cols.start) as usize * c;
    dst[at(inside.start)..at(inside.end)]
        .copy_from_slice(&src[inside.start as usize * c..inside.end as usize * c]);
    for x in (cols.start..inside.start).chain(inside.end..cols.end) {
        let dst = &mut dst[at(x)..][..c];
        match border.index(x, width) {
            Some(x) => dst.copy_from_slice(&src[x * c..][..c]),
            None => dst.fill(outside),
        }
    }
}
