//! Panels for the outer product: the gradient of the output, a tile's width of out channels side by side for each pixel, and
//! the columns, which are what a vector of weights meets there. Layout, stride, dilation and border end here.

use core::ops::Range;

use convoke_simd::Simd;

use super::blocks::Segment;
use crate::conv::band::Source;
use crate::conv::desc::{Conv2dDesc, Layout, Mode};
use crate::conv::geometry::{Geometry, Strides};
use crate::conv::window::Walk;
use crate::kernel::transpose::transpose_into;

/// Lays out out channels `channels` of a segment's pixels of `dy`.
pub(super) fn left<S: Simd>(
    simd: S,
    layout: Layout,
    geometry: &Geometry,
    dy: &[f32],
    segment: &Segment,
    channels: Range<usize>,
    out: &mut [f32],
) {
    let dst = &geometry.dst;
    let m = channels.len();
    if layout == Layout::Nchw {
        return planes(simd, dst, geometry.out_size[1], dy, segment, channels, m, out);
    }
    let count = segment.xs.len();
    for (y, out) in segment.ys.clone().zip(out.chunks_exact_mut(count * m)) {
        let dy = &dy[dst.at(segment.image, channels.start, y, segment.xs.start)..];
        copy(simd, dy, dst.pixel, count, out, m, m);
    }
}

/// Lays out some channels of planes: of a segment's pixels, whose rows have `row` of them, to pixels that are `width` apart.
#[expect(clippy::too_many_arguments, reason = "where pixels lie, which of them, and where they go")]
pub(super) fn planes<S: Simd>(
    simd: S,
    strides: &Strides,
    row: usize,
    src: &[f32],
    segment: &Segment,
    channels: Range<usize>,
    width: usize,
    out: &mut [f32],
) {
    let Segment { image, ys, xs, .. } = segment;
    // Rows that follow each other without a gap are one.
    let whole = xs.len() == row && strides.row == row;
    let (step, count) = if whole { (ys.len(), ys.len() * row) } else { (1, xs.len()) };
    for (y, out) in ys.clone().step_by(step).zip(out.chunks_exact_mut(count * width)) {
        let src = &src[strides.at(*image, channels.start, y, xs.start)..];
        transpose_into(simd, src, strides.channel, [channels.len(), count], out, width);
    }
}

/// Lays out all out channels `channels` of a segment's pixels of `dy`, whose channels lie side by side, in as many panels as there
/// are tiles: pixel by pixel, so that what is read is one stream. `len` are the pixels of the block.
#[inline(never)]
pub(super) fn left_pixels<S: Simd>(
    simd: S,
    geometry: &Geometry,
    dy: &[f32],
    segment: &Segment,
    channels: &Range<usize>,
    [tiles, len]: [usize; 2],
    panels: &mut [f32],
) {
    let (size, larger) = (channels.len() / tiles, channels.len() % tiles);
    let mut pixel = segment.at;
    simd.vectorize(
        #[inline(always)]
        || {
            for y in segment.ys.clone() {
                let row = &dy[geometry.dst.at(segment.image, channels.start, y, segment.xs.start)..];
                for x in 0..segment.xs.len() {
                    let row = &row[x * geometry.dst.pixel..];
                    let mut k = 0;
                    for tile in 0..tiles {
                        let m = if tile < larger { size + 1 } else { size };
                        let out = &mut panels[k * len + pixel * m..];
                        // What a whole vector spills over is the next pixels', which are still to come.
                        if (len - pixel) * m >= S::LANES && row.len() >= k + S::LANES && m <= S::LANES {
                            simd.store(simd.load(&row[k..]), out);
                        } else {
                            let mut at = 0;
                            while at < m {
                                let lanes = if m - at < S::LANES { m - at } else { S::LANES };
                                simd.store_first(
                                    simd.load_first(&row[k + at..][..lanes]),
                                    &mut out[at..][..lanes],
                                );
                                at += lanes;
                            }
                        }
                        k += m;
                    }
                    pixel += 1;
                }
            }
        },
    );
}

/// Clears pixels at which a tap of the window lies outside the image.
pub(super) fn clear_absent(
    walks: &[Walk; 2],
    [r, s]: [usize; 2],
    segment: &Segment,
    m: usize,
    out: &mut [f32],
) {
    let inside = |axis: usize, at: usize, tap: usize| {
        let at = walks[axis].position(at, tap);
        (0..walks[axis].size as isize).contains(&at)
    };
    let pixels = segment.ys.clone().flat_map(|y| segment.xs.clone().map(move |x| (y, x)));
    for ((y, x), out) in pixels.zip(out.chunks_exact_mut(m)) {
        if !(inside(0, y, r) && inside(1, x, s)) {
            out.fill(0.0);
        }
    }
}

/// Channels of a pixel above which a processor does not find out by itself what is read next, and how many of them are fetched at a
/// time.
const FAR: usize = 128;
const AHEAD: usize = 128;

/// What weights meet, and where.
pub(super) struct Columns<'a> {
    pub(super) desc: &'a Conv2dDesc,
    /// In channels of the group.
    pub(super) depth: usize,
    pub(super) source: Source<'a>,
    /// The first pixel of the segment, and from one row and pixel of it to the next.
    pub(super) first: usize,
    pub(super) steps: [usize; 2],
}

impl Columns<'_> {
    /// Lays out what the weights `lanes` of an out channel, in the order tap by tap, in channels fastest, meet at a segment's
    /// pixels. Panels have `width` lanes; those behind the weights are left as they are.
    pub(super) fn panel<S: Simd>(
        &self,
        simd: S,
        lanes: Range<usize>,
        width: usize,
        segment: &Segment,
        out: &mut [f32],
    ) {
        let Self { desc, depth, source, .. } = self;
        let depth = *depth;
        let [rows, cols] = desc.kernel;
        // With dense columns, the taps of a row are one run.
        let merged = desc.mode == Mode::Correlate && desc.dilation[1] == 1 && source.pixel == depth;
        let mut next = lanes.start;
        while next < lanes.end {
            let (tap, c) = (next / depth, next % depth);
            let end = if merged { (tap / cols + 1) * cols * depth } else { (tap + 1) * depth };
            let end = end.min(lanes.end);
            let tap = match desc.mode {
                Mode::Correlate => tap,
                Mode::Convolve => rows * cols - 1 - tap,
            };
            let at =
                (tap / cols) * desc.dilation[0] * source.row + (tap % cols) * desc.dilation[1] * source.pixel;
            // Pixels lie far apart where there are many channels: what the next panels read of each is fetched with it.
            if source.pixel > FAR && next == lanes.start && next.is_multiple_of(AHEAD) {
                self.fetch(simd, at + c, AHEAD, segment);
            }
            self.run(simd, at + c, end - next, width, segment, &mut out[next - lanes.start..]);
            next = end;
        }
    }

    /// Fetches values that are read soon, from place `at` of each pixel on.
    fn fetch<S: Simd>(&self, simd: S, at: usize, len: usize, segment: &Segment) {
        const LINE: usize = 16;
        for row in 0..segment.ys.len() {
            for col in 0..segment.xs.len() {
                let first = self.first + row * self.steps[0] + col * self.steps[1] + at;
                for ahead in (0..len).step_by(LINE) {
                    simd.prefetch(self.source.data.get(first + ahead..).unwrap_or_default());
                }
            }
        }
    }

    /// Copies `len` values of each pixel, from place `at` on, to panels of `width` lanes.
    pub(super) fn run<S: Simd>(
        &self,
        simd: S,
        at: usize,
        len: usize,
        width: usize,
        segment: &Segment,
        out: &mut [f32],
    ) {
        let count = segment.xs.len();
        for row in 0..segment.ys.len() {
            let src = &self.source.data[self.first + row * self.steps[0] + at..];
            copy(simd, src, self.steps[1], count, &mut out[row * count * width..], width, len);
        }
    }
}

/// Copies `count` rows of `len` values: from rows that are `from` apart, to rows that are `to` apart.
#[inline(never)]
fn copy<S: Simd>(simd: S, src: &[f32], from: usize, count: usize, out: &mut [f32], to: usize, len: usize) {
    simd.vectorize(
        #[inline(always)]
        || {
            if len == 2 * S::LANES {
                // The usual panel of many channels.
                for i in 0..count {
                    let (src, out) = (&src[i * from..][..2 * S::LANES], &mut out[i * to..][..2 * S::LANES]);
                    simd.store(simd.load(src), out);
                    simd.store(simd.load(&src[S::LANES..]), &mut out[S::LANES..]);
                }
                return;
            }
            let mut at = 0;
            while at < len {
                let lanes = if len - at < S::LANES { len - at } else { S::LANES };
                for i in 0..count {
                    let v = simd.load_first(&src[i * from + at..][..lanes]);
                    simd.store_first(v, &mut out[i * to + at..][..lanes]);
                }
                at += lanes;
            }
        },
    );
}
