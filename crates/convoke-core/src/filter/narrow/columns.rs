//! The first pass: one row of column sums, with its ends continued.

use core::ops::Range;

use convoke_simd::Simd;

use super::plan::NarrowPlan;
use crate::Border;
use crate::kernel::narrow::lanes::{Lane, Load};
use crate::kernel::narrow::line::{Line, sum_line};
use crate::kernel::narrow::window::{enter, roll};

/// How columns are summed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Down<'a> {
    /// Tap by tap.
    Line(Line<'a>),
    /// This many ones, running.
    Ones(usize),
}

/// Column sums of a block.
pub(super) struct Columns<'a> {
    pub(super) plan: &'a NarrowPlan<'a>,
    pub(super) down: Down<'a>,
    pub(super) src: &'a [u8],
    /// What rows outside the picture consist of, if the border says so.
    pub(super) outside: &'a [u8],
    /// Pixels of a row of inputs, which may begin before the picture and end behind it.
    pub(super) cols: Range<isize>,
    /// Those inside.
    pub(super) inside: Range<usize>,
}

impl<'a> Columns<'a> {
    /// Pixels `cols` of row `y` of the picture, which may lie outside it.
    fn row(&self, y: isize, cols: Range<usize>) -> &'a [u8] {
        let (c, [height, _]) = (self.plan.desc.channels, self.plan.desc.size);
        match self.plan.desc.border.index(y, height) {
            Some(y) => &self.src[y * self.plan.src_stride..][cols.start * c..cols.end * c],
            None => &self.outside[..cols.len() * c],
        }
    }

    /// Writes the sums of the windows of output row `y`, and continues the row at both ends. Running sums go on from
    /// those of the row above unless this is the `first` row.
    pub(super) fn sum<S: Simd, L: Load<In = u8>>(&self, simd: S, y: usize, first: bool, sums: &mut [L::Sum]) {
        let c = self.plan.desc.channels;
        let top = y as isize - self.plan.before[0] as isize;
        let lead = (self.inside.start as isize - self.cols.start) as usize * c;
        let inner = &mut sums[lead..][..self.inside.len() * c];
        match self.down {
            Down::Line(line) => {
                sum_line::<S, L>(simd, &line, &|r| self.row(top + r as isize, self.inside.clone()), inner);
            }
            Down::Ones(count) if first => {
                inner.fill(L::Sum::default());
                for r in 0..count {
                    enter::<S, L>(simd, self.row(top + r as isize, self.inside.clone()), inner);
                }
            }
            Down::Ones(count) => {
                let enters = self.row(top + count as isize - 1, self.inside.clone());
                let leaves = self.row(top - 1, self.inside.clone());
                roll::<S, L>(simd, enters, leaves, inner);
            }
        }
        self.extend::<L>(top, sums);
    }

    /// The ends of a row of sums: border columns, which have the sums of the columns that the border names.
    fn extend<L: Load<In = u8>>(&self, top: isize, sums: &mut [L::Sum]) {
        let c = self.plan.desc.channels;
        let outside = self.plan.desc.border.outside() as u8;
        let outside = if self.plan.has_outside() { self.column::<L>(|_| outside) } else { L::Sum::default() };
        // With the number of channels known, a pixel is a move or two.
        match c {
            1 => self.extend_by::<L, 1>(top, outside, sums),
            2 => self.extend_by::<L, 2>(top, outside, sums),
            3 => self.extend_by::<L, 3>(top, outside, sums),
            _ => self.extend_by::<L, 4>(top, outside, sums),
        }
    }

    fn extend_by<L: Load<In = u8>, const C: usize>(&self, top: isize, outside: L::Sum, sums: &mut [L::Sum]) {
        let [_, width] = self.plan.desc.size;
        let (pixels, _) = sums.as_chunks_mut::<C>();
        let lead = (self.inside.start as isize - self.cols.start) as usize;
        let (before, rest) = pixels.split_at_mut(lead);
        let (inner, after) = rest.split_at_mut(self.inside.len());
        let first = self.inside.start;
        let pixel = |from: Option<usize>| match from {
            Some(from) => match inner.get(from.wrapping_sub(first)) {
                Some(&sums) => sums,
                None => core::array::from_fn(|i| {
                    self.column::<L>(|r| self.row(top + r as isize, from..from + 1)[i])
                }),
            },
            None => [outside; C],
        };
        let mut walk = Walk::new(self.plan.desc.border, width, 0, -1);
        for sums in before.iter_mut().rev() {
            *sums = pixel(walk.step());
        }
        let mut walk = Walk::new(self.plan.desc.border, width, width - 1, 1);
        for sums in after {
            *sums = pixel(walk.step());
        }
    }

    /// The sum of one column.
    fn column<L: Load<In = u8>>(&self, pixel: impl Fn(usize) -> u8) -> L::Sum {
        let count = match self.down {
            Down::Line(line) => line.len(),
            Down::Ones(count) => count,
        };
        let mut sum = L::Sum::default();
        for r in 0..count {
            let tap = match self.down {
                Down::Line(line) => L::Sum::of(line.tap(r)),
                Down::Ones(_) => L::Sum::of(1),
            };
            sum = sum.add(L::load(pixel(r)).mul(tap));
        }
        sum
    }
}

/// The indices that a border names, one after the other outwards from an edge: [`Border::index`] without its
/// division.
struct Walk {
    border: Border,
    len: usize,
    at: usize,
    direction: isize,
}

impl Walk {
    /// From the pixel `at`, which is at an edge of the `len` pixels, over that edge.
    fn new(border: Border, len: usize, at: usize, direction: isize) -> Self {
        Self { border, len, at, direction }
    }

    #[inline]
    fn step(&mut self) -> Option<usize> {
        let next = self.at.wrapping_add_signed(self.direction);
        if next < self.len {
            self.at = next;
            return Some(next);
        }
        match self.border {
            Border::Zero | Border::Constant(_) => return None,
            Border::Replicate => {}
            Border::Reflect => self.direction = -self.direction,
            Border::Reflect101 => {
                self.direction = -self.direction;
                let next = self.at.wrapping_add_signed(self.direction);
                self.at = if next < self.len { next } else { self.at };
            }
            Border::Wrap => self.at = self.len - 1 - self.at,
        }
        Some(self.at)
    }
}
