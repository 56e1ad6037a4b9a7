//! Gather: the virtual im2col. Columns of the big matrix, a block of pixels by a block of the depth, straight into the
//! panels that the product reads. Layout, borders, stride and dilation end here.
//!
//! A panel is gathered in pieces that are contiguous in `src`, not element by element: in NHWC the channels of a tap
//! (or, where the window is dense and inside the image, those of a whole row of taps), in NCHW the pixels of a row.

use convoke_core::{Border, Conv2dDesc, Geometry, Strides};

use crate::pixels::{Pixels, Run};
use crate::tile::ROW;

/// How the windows walk over `src`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    src: Strides,
    in_size: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    before: [usize; 2],
    border: Border,
    group_in: usize,
    /// NHWC: the channels of taps beside each other are beside each other, so a row of taps is one run.
    taps_touch: bool,
}

/// A term of the sum: row and column of the tap, in channel of the group.
#[derive(Clone, Copy)]
struct Term {
    r: usize,
    s: usize,
    c: usize,
}

impl Windows {
    pub(crate) fn new(desc: &Conv2dDesc, geometry: &Geometry) -> Self {
        Self {
            src: geometry.src,
            in_size: desc.in_size,
            kernel: desc.kernel,
            stride: desc.stride,
            dilation: desc.dilation,
            before: geometry.pad_before,
            border: desc.border,
            group_in: geometry.group_in,
            taps_touch: desc.groups == 1 && desc.dilation[1] == 1,
        }
    }

    /// Where tap `tap` of output `out` lies along an axis; negative or too large on the padding.
    #[inline(always)]
    fn position(&self, axis: usize, out: usize, tap: usize) -> isize {
        (out * self.stride[axis] + tap * self.dilation[axis]) as isize - self.before[axis] as isize
    }

    /// The index that is read there, if one is.
    #[inline(always)]
    fn index(&self, axis: usize, out: usize, tap: usize) -> Option<usize> {
        self.border.index(self.position(axis, out, tap), self.in_size[axis])
    }

    /// Terms of one tap.
    pub(crate) fn group_in(&self) -> usize {
        self.group_in
    }

    /// Whether tap `tap = r * S + s` of output (y, x) lies on the image and not on its padding.
    pub(crate) fn is_inside(&self, tap: usize, y: usize, x: usize) -> bool {
        let inside = |axis, out, tap| {
            let position = self.position(axis, out, tap);
            0 <= position && position < self.in_size[axis] as isize
        };
        inside(0, y, tap / self.kernel[1]) && inside(1, x, tap % self.kernel[1])
    }

    /// Term number `q`.
    fn term(&self, q: usize) -> Term {
        let (tap, c) = (q / self.group_in, q % self.group_in);
        Term { r: tap / self.kernel[1], s: tap % self.kernel[1], c }
    }

    /// The term `count` after this one; `count` reaches at most to the end of the row of taps.
    #[inline(always)]
    fn advance(&self, term: &mut Term, count: usize) {
        term.c += count;
        while term.c >= self.group_in {
            term.c -= self.group_in;
            term.s += 1;
        }
        if term.s == self.kernel[1] {
            *term = Term { r: term.r + 1, s: 0, c: term.c };
        }
    }

    /// NHWC: terms `q..q + terms` of `count` pixels from `p`, one pixel in each row of the panel.
    ///
    /// `channel` is the first in channel of the group.
    #[inline(always)]
    pub(crate) fn gather_rows(
        &self,
        src: &[f32],
        channel: usize,
        (pixels, p, count): (&Pixels, usize, usize),
        (q, terms): (usize, usize),
        panel: &mut [[f32; ROW]],
    ) {
        let start = self.term(q);
        for run in pixels.runs(p, count) {
            for (x, row) in (run.x..).zip(&mut panel[run.first..run.first + run.len]) {
                let mut row = &mut row[..terms];
                let mut term = start;
                while !row.is_empty() {
                    let left = self.position(1, x, term.s);
                    // Up to the end of the row of taps if those are all inside, up to the end of the tap otherwise.
                    let last = left + (self.kernel[1] - 1 - term.s) as isize;
                    let joined = self.taps_touch && 0 <= left && last < self.in_size[1] as isize;
                    let taps = if joined { self.kernel[1] - term.s } else { 1 };
                    let (piece, rest) = row.split_at_mut((taps * self.group_in - term.c).min(row.len()));
                    match (self.index(0, run.y, term.r), self.index(1, x, term.s)) {
                        (Some(y), Some(x)) => {
                            let at = self.src.at(run.n, channel + term.c, y, x);
                            piece.copy_from_slice(&src[at..at + piece.len()]);
                        }
                        _ => piece.fill(self.border.outside()),
                    }
                    self.advance(&mut term, piece.len());
                    row = rest;
                }
            }
        }
    }

    /// NCHW: terms `q..q + terms` of `count` pixels from `p`, one term in each row of the panel, which has `columns`
    /// columns; those behind the last pixel become zeros.
    #[inline(always)]
    pub(crate) fn gather_columns(
        &self,
        src: &[f32],
        channel: usize,
        (pixels, p, count): (&Pixels, usize, usize),
        (q, terms): (usize, usize),
        (panel, columns): (&mut [f32], usize),
    ) {
        let mut panel = &mut panel[..terms * columns];
        if count < columns {
            panel.chunks_exact_mut(columns).for_each(|row| row[count..].fill(0.0));
        }
        let mut term = self.term(q);
        while !panel.is_empty() {
            let channels = (self.group_in - term.c).min(panel.len() / columns);
            let (of_tap, rest) = panel.split_at_mut(channels * columns);
            for run in pixels.runs(p, count) {
                self.gather_run(src, channel, run, term, (of_tap, columns));
            }
            self.advance(&mut term, channels);
            panel = rest;
        }
    }

    /// One tap of a run of pixels, for the channels from `term.c` that `panel` has room for.
    #[inline(always)]
    fn gather_run(
        &self,
        src: &[f32],
        channel: usize,
        run: Run,
        term: Term,
        (panel, columns): (&mut [f32], usize),
    ) {
        let rows = panel.chunks_exact_mut(columns);
        let Some(y) = self.index(0, run.y, term.r) else {
            rows.for_each(|row| row[run.first..run.first + run.len].fill(self.border.outside()));
            return;
        };
        let base = self.src.at(run.n, channel + term.c, y, 0);
        // The pixels whose tap lies inside: they read `src` at equal steps.
        let (stride, offset) = (self.stride[1], term.s * self.dilation[1]);
        let at_least = |edge: usize| {
            let room = edge.saturating_sub(offset);
            let x = if stride == 1 { room } else { room.div_ceil(stride) };
            x.clamp(run.x, run.x + run.len) - run.x
        };
        let inside = at_least(self.before[1])..at_least(self.before[1] + self.in_size[1]);
        if !inside.is_empty() {
            let from = base + (run.x + inside.start) * stride + offset - self.before[1];
            let to = run.first + inside.start..run.first + inside.end;
            for (row, from) in panel.chunks_exact_mut(columns).zip((from..).step_by(self.src.channel)) {
                let row = &mut row[to.clone()];
                if stride == 1 {
                    row.copy_from_slice(&src[from..from + row.len()]);
                } else {
                    row.iter_mut().zip(src[from..].iter().step_by(stride)).for_each(|(to, from)| *to = *from);
                }
            }
        }
        for i in (0..inside.start).chain(inside.end.max(inside.start)..run.len) {
            let x = self.index(1, run.x + i, term.s);
            for (row, base) in panel.chunks_exact_mut(columns).zip((base..).step_by(self.src.channel)) {
                row[run.first + i] = x.map_or(self.border.outside(), |x| src[base + x]);
            }
        }
    }
}
