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
            Layout::Nhwc => copy(simd, dy, dst.pixel, count, out, m, m),
            Layout::Nchw => transpose_into(simd, dy, dst.channel, [m, count], out, m),
        }
    }
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
            self.run(simd, at + c, end - next, width, segment, &mut out[next - lanes.start..]);
            next = end;
        }
    }

    /// The columns of a single tap, copied so that pixels lie side by side.
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
            if len.is_multiple_of(S::LANES) {
                for i in 0..count {
                    let (src, out) = (&src[i * from..][..len], &mut out[i * to..][..len]);
                    let mut at = 0;
                    while at < len {
                        simd.store(simd.load(&src[at..]), &mut out[at..]);
                        at += S::LANES;
                    }
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
