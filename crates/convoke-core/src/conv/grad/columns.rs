//! Panels for the outer product: the gradient of the output, a tile's width of out channels side by side for each pixel, and
//! the columns, which are what a vector of weights meets there. Layout, stride, dilation and border end here.

use core::ops::Range;

use convoke_simd::Simd;

use super::blocks::Segment;
use crate::conv::band::Source;
use crate::conv::desc::{Conv2dDesc, Layout, Mode};
use crate::conv::geometry::Geometry;
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
    let Segment { image, ys, xs, .. } = segment;
    let whole = xs.len() == geometry.out_size[1] && dst.row == xs.len() * dst.pixel;
    // Rows that follow each other without a gap are one.
    let (step, count) = if whole { (ys.len(), ys.len() * xs.len()) } else { (1, xs.len()) };
    for (y, out) in ys.clone().step_by(step).zip(out.chunks_exact_mut(count * m)) {
        let dy = &dy[dst.at(*image, channels.start, y, xs.start)..];
        match layout {
            Layout::Nhwc => copy(simd, dy, dst.pixel, count, out, m, m, m),
            Layout::Nchw => transpose_into(simd, dy, dst.channel, [m, count], out, m),
        }
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
            let lane = next - lanes.start;
            // Pixels lie far apart where there are many channels: what the next panels read of each is fetched with it.
            let ahead = if source.pixel > FAR && lanes.start.is_multiple_of(AHEAD) { AHEAD } else { 0 };
            if ahead > 0 {
                self.fetch(simd, at + c, ahead, segment);
            }
            self.run(simd, at + c, end - next, [width, width - lane], segment, &mut out[lane..]);
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

    /// The columns of a single tap, copied so that pixels lie side by side.
    pub(super) fn run<S: Simd>(
        &self,
        simd: S,
        at: usize,
        len: usize,
        [width, room]: [usize; 2],
        segment: &Segment,
        out: &mut [f32],
    ) {
        let count = segment.xs.len();
        for row in 0..segment.ys.len() {
            let src = &self.source.data[self.first + row * self.steps[0] + at..];
            let out = &mut out[row * count * width..];
            copy(simd, src, self.steps[1], count, out, width, room, len);
        }
    }
}

/// Copies `count` rows of `len` values: from rows that are `from` apart, to rows that are `to` apart and have `room` for as many.
/// What is behind the values in a row may be overwritten.
///
/// A vector that is not full is stored whole where what it spills over is written later, or nobody's: masked stores take several
/// times as long.
#[inline(never)]
#[expect(clippy::too_many_arguments, reason = "two rows, and how many of what")]
fn copy<S: Simd>(
    simd: S,
    src: &[f32],
    from: usize,
    count: usize,
    out: &mut [f32],
    to: usize,
    room: usize,
    len: usize,
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut at = 0;
            while at < len {
                let lanes = if len - at < S::LANES { len - at } else { S::LANES };
                let spills = lanes == S::LANES || at + S::LANES <= room || (at == 0 && to == len);
                let fits = |len: usize, step: usize| {
                    let whole = len.saturating_sub(at + S::LANES);
                    if len < at + S::LANES { 0 } else { whole / step + 1 }
                };
                let whole =
                    if spills { count.min(fits(src.len(), from)).min(fits(out.len(), to)) } else { 0 };
                for i in 0..whole {
                    simd.store(simd.load(&src[i * from + at..]), &mut out[i * to + at..]);
                }
                for i in whole..count {
                    let v = simd.load_first(&src[i * from + at..][..lanes]);
                    simd.store_first(v, &mut out[i * to + at..][..lanes]);
                }
                at += lanes;
            }
        },
    );
}
