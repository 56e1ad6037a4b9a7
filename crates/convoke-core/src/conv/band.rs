//! Gather: copies the part of the input that a band of outputs needs into scratch, in the order in which the register
//! tile reads it. Layout and border end here; what follows sees pixels with their channels side by side and, for
//! borders that have a value, nothing outside.

use core::ops::Range;

use convoke_simd::Simd;

use super::desc::Conv2dDesc;
use super::geometry::Strides;
use super::window::Walk;
use crate::Border;
use crate::kernel::transpose::{transpose_into, transpose_some};

/// Elements that are so far apart lie in the same few places of a first-level cache: 4 KiB.
const CROWD: usize = 1024;
/// What such distances are made longer by: a cache line.
pub(crate) const APART: usize = 16;

/// What the register tile reads: pixels of an image part, each with its channels side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) data: &'a [f32],
    /// Elements from one row and one pixel to the next.
    pub(crate) row: usize,
    pub(crate) pixel: usize,
    /// Image coordinates of the first pixel in `data`; negative on a border.
    pub(crate) origin: [isize; 2],
    /// Rows and columns of pixels in it.
    pub(crate) size: [usize; 2],
    /// Only every so many rows and columns of the image are there.
    pub(crate) every: [usize; 2],
}

impl Source<'_> {
    /// Where the pixel at image coordinates (y, x) starts.
    #[inline(always)]
    pub(crate) fn at(&self, y: isize, x: isize) -> usize {
        let [y, x] = [(y, 0), (x, 1)].map(|(at, axis)| (at - self.origin[axis]) as usize / self.every[axis]);
        y * self.row + x * self.pixel
    }

    /// Elements between the pixels of `stride` rows, and of `stride` columns.
    pub(crate) fn steps(&self, stride: [usize; 2]) -> [usize; 2] {
        [stride[0] / self.every[0] * self.row, stride[1] / self.every[1] * self.pixel]
    }
}

/// Which in channels a gathered pixel holds, side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channels {
    pub(crate) first: usize,
    pub(crate) count: usize,
    /// The rows and columns that are gathered: one in so many.
    pub(crate) every: [usize; 2],
}

impl Channels {
    /// What the register tile reads: with a single tap, the rows and columns that a stride skips are left out.
    pub(crate) fn of_tile(desc: &Conv2dDesc, first: usize, count: usize) -> Self {
        let every = [0, 1].map(|axis| if desc.kernel[axis] == 1 { desc.stride[axis] } else { 1 });
        Self { first, count, every }
    }

    /// What the lane kernel reads: all.
    pub(crate) fn of_lanes(desc: &Conv2dDesc) -> Self {
        Self { first: 0, count: desc.in_channels, every: [1, 1] }
    }

    /// Elements from one gathered pixel to the next: tiles read many pixels at once, which must not crowd in the cache.
    pub(crate) fn pitch(self) -> usize {
        if crowded(self.count) { self.count + APART } else { self.count }
    }
}

/// Whether pixels so far apart compete for the same places in the cache.
pub(crate) fn crowded(distance: usize) -> bool {
    distance.is_multiple_of(CROWD)
}

/// Gathers from one image.
#[derive(Clone, Copy)]
pub(crate) struct Gather<'a> {
    /// The image: `src` from its first element on.
    pub(crate) image: &'a [f32],
    pub(crate) strides: Strides,
    pub(crate) size: [usize; 2],
    pub(crate) border: Border,
    pub(crate) channels: Channels,
}

impl<'a> Gather<'a> {
    /// Gathers what the outputs `ys` by `xs` read into `scratch`.
    pub(crate) fn band<'s, S: Simd>(
        &self,
        simd: S,
        walks: &[Walk; 2],
        ys: Range<usize>,
        xs: Range<usize>,
        scratch: &'s mut [f32],
    ) -> Source<'s> {
        let [ys, xs] = [self.reach(walks[0], ys), self.reach(walks[1], xs)];
        let (pixel, every) = (self.channels.pitch(), self.channels.every);
        let size = [ys.len().div_ceil(every[0]), xs.len().div_ceil(every[1])];
        let row = size[1] * pixel;
        let origin = [ys.start, xs.start];
        let scratch = &mut scratch[..size[0] * row];
        for (y, out) in ys.step_by(every[0]).zip(scratch.chunks_exact_mut(row.max(1))) {
            self.row(simd, y, xs.clone(), out);
        }
        Source { data: scratch, row, pixel, origin, size, every }
    }

    /// The coordinates that `outputs` read along one axis, cut to the image where the border has no value.
    fn reach(&self, walk: Walk, outputs: Range<usize>) -> Range<isize> {
        let start = walk.position(outputs.start, 0);
        let end = walk.position(outputs.end - 1, walk.taps - 1) + 1;
        if self.border == Border::Zero {
            // The first pixel inside: with a single tap, the first that an output sees.
            let every = if walk.taps == 1 { walk.stride as isize } else { 1 };
            let start = if start < 0 { start.rem_euclid(every) } else { start }.min(walk.size as isize);
            start..end.clamp(start, walk.size as isize)
        } else {
            start..end
        }
    }

    /// Pixels `xs` of row `y`, coordinates that may lie outside; one in so many.
    fn row<S: Simd>(&self, simd: S, y: isize, xs: Range<isize>, out: &mut [f32]) {
        let Some(y) = self.border.index(y, self.size[0]) else {
            return out.fill(self.border.outside());
        };
        let row = &self.image[y * self.strides.row..];
        let (pixel, every) = (self.channels.pitch(), self.channels.every[1]);
        let count = out.len() / pixel;
        // The number of pixels before the edges. The whole row may lie outside, on either side.
        let before = |edge: usize| (edge as isize - xs.start).max(0) as usize;
        let [first, end] = [0, self.size[1]].map(|edge| before(edge).div_ceil(every).min(count));
        let column = |i: usize| xs.start + (i * every) as isize;
        if first < end {
            self.pixels(simd, row, column(first) as usize, &mut out[first * pixel..end * pixel]);
        }
        for i in (0..first).chain(end..count) {
            let out = &mut out[i * pixel..][..pixel];
            match self.border.index(column(i), self.size[1]) {
                Some(x) => self.pixels(simd, row, x, out),
                None => out.fill(self.border.outside()),
            }
        }
    }

    /// As many pixels as `out` holds, from column `x` of a row inside the image.
    fn pixels<S: Simd>(&self, simd: S, row: &[f32], x: usize, out: &mut [f32]) {
        if out.is_empty() {
            return;
        }
        let Strides { channel, pixel, .. } = self.strides;
        let (pitch, every) = (self.channels.pitch(), self.channels.every[1]);
        let Channels { first, count, .. } = self.channels;
        // A plane of one pixel has its channels side by side too, but one pixel is all it has.
        if channel == 1 && count <= pixel {
            let row = &row[x * pixel + first..];
            if count == pixel && pitch == pixel && every == 1 {
                out.copy_from_slice(&row[..out.len()]);
            } else {
                for (out, src) in out.chunks_exact_mut(pitch).zip(row.chunks(pixel * every)) {
                    out[..count].copy_from_slice(&src[..count]);
                }
            }
            return;
        }
        let (planes, pixels) = (&row[first * channel + x..], out.len() / pitch);
        if every == 1 {
            transpose_into(simd, planes, channel, [count, pixels], out, pitch);
        } else {
            transpose_some(simd, planes, [channel, every], [count, pixels], out, pitch);
        }
    }

    /// Gathers the taps `rows` by `cols` of single outputs, one after the other: for windows whose reach is too wide
    /// to copy. `pixels` are image coordinates of each output's first tap of the whole window.
    pub(crate) fn windows<S: Simd>(
        &self,
        simd: S,
        walks: &[Walk; 2],
        outputs: impl Iterator<Item = [usize; 2]>,
        rows: Range<usize>,
        cols: Range<usize>,
        scratch: &mut [f32],
    ) {
        let mut out = scratch.chunks_exact_mut(self.channels.pitch());
        for [y, x] in outputs {
            for r in rows.clone() {
                let y = walks[0].position(y, r);
                for s in cols.clone() {
                    let x = walks[1].position(x, s);
                    if let Some(out) = out.next() {
                        self.row(simd, y, x..x + 1, out);
                    }
                }
            }
        }
    }
}
