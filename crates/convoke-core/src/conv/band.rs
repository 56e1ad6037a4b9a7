//! Gather: copies the part of the input that a band of outputs needs into scratch, in the order in which the register
//! tile reads it. Layout and border end here; what follows sees pixels with their channels side by side and, for
//! borders that have a value, nothing outside.

use core::ops::Range;

use super::desc::Conv2dDesc;
use super::geometry::Strides;
use super::window::Walk;
use crate::Border;

/// What the register tile reads: pixels of an image part, each with its channels side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) data: &'a [f32],
    /// Elements from one row and one pixel to the next.
    pub(crate) row: usize,
    pub(crate) pixel: usize,
    /// Image coordinates of the first pixel in `data`; negative on a border.
    pub(crate) origin: [isize; 2],
    /// Rows and columns.
    pub(crate) size: [usize; 2],
}

impl Source<'_> {
    /// Where the pixel at image coordinates (y, x) starts.
    #[inline(always)]
    pub(crate) fn at(&self, y: isize, x: isize) -> usize {
        (y - self.origin[0]) as usize * self.row + (x - self.origin[1]) as usize * self.pixel
    }
}

/// Which in channels a gathered pixel holds, side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channels {
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl Channels {
    /// All of a layer.
    pub(crate) fn all(desc: &Conv2dDesc) -> Self {
        Self { first: 0, count: desc.in_channels }
    }
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
    pub(crate) fn band<'s>(
        &self,
        walks: &[Walk; 2],
        ys: Range<usize>,
        xs: Range<usize>,
        scratch: &'s mut [f32],
    ) -> Source<'s> {
        let [ys, xs] = [self.reach(walks[0], ys), self.reach(walks[1], xs)];
        let pixel = self.channels.count;
        let row = xs.len() * pixel;
        let origin = [ys.start, xs.start];
        let size = [ys.len(), xs.len()];
        let scratch = &mut scratch[..ys.len() * row];
        for (y, out) in ys.zip(scratch.chunks_exact_mut(row.max(1))) {
            self.row(y, xs.clone(), out);
        }
        Source { data: scratch, row, pixel, origin, size }
    }

    /// The coordinates that `outputs` read along one axis, cut to the image where the border has no value.
    fn reach(&self, walk: Walk, outputs: Range<usize>) -> Range<isize> {
        let start = walk.position(outputs.start, 0);
        let end = walk.position(outputs.end - 1, walk.taps - 1) + 1;
        if self.border == Border::Zero {
            let start = start.clamp(0, walk.size as isize);
            start..end.clamp(start, walk.size as isize)
        } else {
            start..end
        }
    }

    /// Pixels `xs` of row `y`, coordinates that may lie outside.
    fn row(&self, y: isize, xs: Range<isize>, out: &mut [f32]) {
        let Some(y) = self.border.index(y, self.size[0]) else {
            return out.fill(self.border.outside());
        };
        let row = &self.image[y * self.strides.row..];
        let pixel = self.channels.count;
        let width = self.size[1] as isize;
        // The whole row may lie outside, on either side.
        let inside = [0, width].map(|edge| edge.clamp(xs.start, xs.end));
        let (left, rest) = out.split_at_mut((inside[0] - xs.start) as usize * pixel);
        let (middle, right) = rest.split_at_mut((inside[1] - inside[0]) as usize * pixel);
        self.pixels(row, inside[0].max(0) as usize, middle);
        for (edge, xs) in [(left, xs.start..inside[0]), (right, inside[1]..xs.end)] {
            for (x, out) in xs.zip(edge.chunks_exact_mut(pixel)) {
                match self.border.index(x, self.size[1]) {
                    Some(x) => self.pixels(row, x, out),
                    None => out.fill(self.border.outside()),
                }
            }
        }
    }

    /// As many pixels as `out` holds, from column `x` of a row inside the image.
    fn pixels(&self, row: &[f32], x: usize, out: &mut [f32]) {
        if out.is_empty() {
            return;
        }
        let Strides { channel, pixel, .. } = self.strides;
        let Channels { first, count } = self.channels;
        // A plane of one pixel has its channels side by side too, but one pixel is all it has.
        if channel == 1 && count <= pixel {
            let row = &row[x * pixel + first..];
            if count == pixel {
                out.copy_from_slice(&row[..out.len()]);
            } else {
                for (out, src) in out.chunks_exact_mut(count).zip(row.chunks(pixel)) {
                    out.copy_from_slice(&src[..count]);
                }
            }
        } else {
            transpose(&row[first * channel + x..], channel, count, out);
        }
    }

    /// Gathers the taps `rows` by `cols` of single outputs, one after the other: for windows whose reach is too wide
    /// to copy. `pixels` are image coordinates of each output's first tap of the whole window.
    pub(crate) fn windows(
        &self,
        walks: &[Walk; 2],
        outputs: impl Iterator<Item = [usize; 2]>,
        rows: Range<usize>,
        cols: Range<usize>,
        scratch: &mut [f32],
    ) {
        let pixel = self.channels.count;
        let mut out = scratch.chunks_exact_mut(pixel);
        for [y, x] in outputs {
            for r in rows.clone() {
                let y = walks[0].position(y, r);
                for s in cols.clone() {
                    let x = walks[1].position(x, s);
                    if let Some(out) = out.next() {
                        self.row(y, x..x + 1, out);
                    }
                }
            }
        }
    }
}

/// `out[x][c] = planes[c][x]`, with planes `plane` elements apart.
fn transpose(planes: &[f32], plane: usize, count: usize, out: &mut [f32]) {
    // A few channels at a time: each output line is then written whole while it is in the cache.
    const CHANNELS: usize = 16;
    let width = out.len() / count;
    for first in (0..count).step_by(CHANNELS) {
        let some = (count - first).min(CHANNELS);
        for c in first..first + some {
            let src = &planes[c * plane..][..width];
            for (src, out) in src.iter().zip(out.chunks_exact_mut(count)) {
                out[c] = *src;
            }
        }
    }
}
