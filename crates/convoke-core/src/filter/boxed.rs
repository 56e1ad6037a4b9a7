//! Running a box filter: rows of sums across, in groups of as many as the mask has, and down them windows. The walk of
//! [`Method::Box`](super::plan::Method::Box); its arithmetic is in [`crate::kernel::boxes`].
//!
//! ```text
//! for each block of columns
//!     above: sums across of the first group's rows
//!     for each group, or a few of them if they are small
//!         below: sums across of the groups that follow
//!         for each tile of columns: windows from above and below, to dst
//!         the last group below is the next one above
//! ```

use core::ops::Range;

use convoke_simd::Simd;

use super::gather::{Input, Walk};
use super::pixel::Pixel;
use super::plan::{ALIGN, Filter2dPlan};
use super::scatter::{Post, Scatter};
use crate::error::{Error, checked_len};
use crate::kernel::boxes::{WIDE, columns, down, row};
use crate::slices::{part, part_mut, rest_mut, split_mut};

/// What the rows of sums and the lines that are made to them may take, in elements: most of a second cache. Narrower blocks
/// of columns cost more at their edges than they save, unless the mask is very tall.
const ROOM: usize = 192 * 1024;
/// Narrowest block of columns, in elements.
const NARROWEST: usize = 512;
/// Rows that are made at once, if groups are smaller: what is done once for all of them costs as much as a few rows.
const ROWS: usize = 16;
/// What a tile's ends may take, in elements: half of a first cache.
const ENDS: usize = 4 * 1024;

/// How scratch is divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoxLayout {
    /// Pixels in a block of columns.
    pub(super) block: usize,
    /// Elements from one row of sums to the next.
    pitch: usize,
    /// Elements from one line of input to the next.
    line: usize,
    /// Groups that are made at once.
    groups: usize,
    /// What makes sums across.
    across: Across,
    /// Most vectors in a tile.
    tile: usize,
}

/// The pass along rows.
#[derive(Clone, Copy, Debug)]
enum Across {
    /// One line at a time.
    Row(row::Parts),
    /// So many lines at a time.
    Columns { lines: usize },
}

impl Across {
    fn lines(self) -> usize {
        match self {
            Self::Row(_) => 1,
            Self::Columns { lines, .. } => lines,
        }
    }
}

impl BoxLayout {
    /// The layout and the length of scratch. `halo` is what a row has to the left and the right of its outputs.
    pub(super) fn new(
        [rows, taps]: [usize; 2],
        halo: usize,
        [width, channels]: [usize; 2],
        lanes: usize,
    ) -> Result<(Self, usize), Error> {
        let overflow = Error::Overflow { operand: "scratch" };
        let lines = if taps < WIDE { 1 } else { columns::most_rows(channels, lanes) };
        // None of what is divided by is 0, which the compiler does not know.
        let groups = (ROWS / rows.max(1)).max(1);
        let sums = rows.checked_mul(groups + 1).ok_or(overflow)?;
        let room = ROOM / sums.saturating_add(2 * lines).max(1);
        let room = room.max(NARROWEST).max(halo) / channels.max(1);
        let block = width.div_ceil(width.div_ceil(room.max(1)).max(1));
        let outputs = block * channels;
        let (across, len) = if taps < WIDE {
            let parts = row::Parts::new(taps, outputs, lanes);
            (Across::Row(parts), row::len(taps, channels, outputs, lanes))
        } else {
            (Across::Columns { lines }, columns::len(taps, channels, outputs, lanes))
        };
        let len = len.ok_or(overflow)?;
        let odd = |pitch: usize| if pitch.is_multiple_of(512) { pitch + ALIGN } else { pitch };
        let pitch = odd((outputs.max(lanes) + lanes).next_multiple_of(ALIGN));
        let line = pitch.checked_add(halo).ok_or(overflow)?;
        let line = odd(line.checked_next_multiple_of(ALIGN).ok_or(overflow)?);
        let tile = (ENDS / rows.max(1) / lanes.max(1)).clamp(2, down::NV);
        let parts = [
            checked_len("scratch", &[sums, pitch])?,
            checked_len("scratch", &[rows, tile, lanes])?,
            checked_len("scratch", &[lines, line])?,
            len,
            ALIGN - 1,
        ];
        let len = parts.into_iter().fold(0, usize::saturating_add);
        Ok((Self { block, pitch, line, groups, across, tile }, checked_len("scratch", &[len])?))
    }
}

/// A run with all lengths checked.
pub(super) struct RunBox<'a, O> {
    pub(super) plan: &'a Filter2dPlan,
    pub(super) layout: BoxLayout,
    /// The mask's value.
    pub(super) weight: f32,
    pub(super) rows: Range<usize>,
    pub(super) cols: Range<usize>,
    /// The picture's column at which rows of `dst` begin.
    pub(super) origin: usize,
    pub(super) dst: &'a mut [O],
    pub(super) scratch: &'a mut [f32],
}

impl<O: Pixel> Walk for RunBox<'_, O> {
    #[inline(never)]
    fn run<S: Simd>(self, simd: S, picture: &dyn Input<S>) {
        simd.vectorize(
            #[inline(always)]
            || self.walk(simd, picture),
        );
    }
}

impl<O: Pixel> RunBox<'_, O> {
    #[inline(always)]
    fn walk<S: Simd>(self, simd: S, picture: &dyn Input<S>) {
        let Self { plan, layout, weight, rows, cols, origin, dst, scratch } = self;
        let desc = &plan.desc;
        let ([r, _], channels) = (desc.mask_size, desc.channels);
        let pitch = layout.pitch;

        // A misaligned start costs time, never correctness.
        let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1);
        let (_, rest) = split_mut(scratch, start);
        let (mut above, rest) = split_mut(rest, r * pitch);
        let (mut below, rest) = split_mut(rest, layout.groups * r * pitch);
        let (ends, rest) = split_mut(rest, r * layout.tile * S::LANES);
        let (lines, buffer) = split_mut(rest, layout.across.lines() * layout.line);

        let rows_at_once = (layout.groups * r).max(1);
        for start in cols.clone().step_by(layout.block.max(1)) {
            let block = start..cols.end.min(start + layout.block);
            let outputs = block.len() * channels;
            let mut sums = Sums {
                plan,
                picture,
                layout,
                block: block.clone(),
                lines: &mut *lines,
                buffer: &mut *buffer,
            };
            let tiles =
                Tiles { layout, r, outputs, weight, post: Post::of(desc), fits_caches: plan.fits_caches };
            // Groups are those of the whole picture, whatever rows are asked for: each sum has its own order.
            for first in (rows.start / r.max(1) * r..rows.end).step_by(rows_at_once) {
                let wanted = rows.start.max(first)..rows.end.min(first + rows_at_once);
                let top = first as isize - plan.before[0] as isize;
                if first <= rows.start {
                    sums.rows(simd, top, wanted.start - first..r, above);
                }
                sums.rows(simd, top + r as isize, 0..wanted.end - first, below);
                let at = (wanted.start - rows.start) * plan.dst_stride + (block.start - origin) * channels;
                let Some(dst) = rest_mut(dst, at) else { return };
                for (i, first) in (first..wanted.end).step_by(r.max(1)).enumerate() {
                    let (group, next) = if i == 0 {
                        (&mut *above, &*below)
                    } else {
                        let (above, below) = split_mut(below, i * r * pitch);
                        let Some(above) = rest_mut(above, (i - 1) * r * pitch) else { return };
                        (above, &*below)
                    };
                    let done = first.saturating_sub(wanted.start) * plan.dst_stride;
                    let wanted = wanted.start.max(first) - first..wanted.end.min(first + r) - first;
                    let Some(dst) = rest_mut(dst, done) else { return };
                    tiles.run(simd, group, next, wanted, ends, dst, plan.dst_stride);
                }
                if layout.groups == 1 {
                    core::mem::swap(&mut above, &mut below);
                } else {
                    let last = below.chunks_exact((r * pitch).max(1)).nth(layout.groups - 1);
                    for (above, below) in above.iter_mut().zip(last.unwrap_or_default()) {
                        *above = *below;
                    }
                }
            }
        }
    }
}

/// Makes windows of rows of sums.
struct Tiles {
    layout: BoxLayout,
    r: usize,
    /// Elements of a row.
    outputs: usize,
    weight: f32,
    post: Post,
    fits_caches: bool,
}

impl Tiles {
    /// The windows that begin with rows `wanted` of a group, of which `below` is the next, to rows of `dst`.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "two groups, two buffers and where they go")]
    fn run<S: Simd, O: Pixel>(
        &self,
        simd: S,
        group: &mut [f32],
        below: &[f32],
        wanted: Range<usize>,
        ends: &mut [f32],
        dst: &mut [O],
        dst_stride: usize,
    ) {
        let (outputs, pitch) = (self.outputs, self.layout.pitch);
        let mut x = 0;
        while x < outputs {
            let vectors = down::tile(x, outputs, S::LANES, self.layout.tile);
            down::ends(simd, group, pitch, wanted.start..self.r, [x, vectors], ends);
            // Pixels other than floats are made of finished values in a second step, which is the same for every type
            // of them, and floats that no cache will hold are stored in one. Their windows take the place of the sums
            // that they end.
            let (dst, row_stride) = match O::as_f32_mut(dst) {
                Some(dst) if self.fits_caches => (dst, dst_stride),
                _ => {
                    let Some(group) = rest_mut(group, wanted.start * pitch) else { return };
                    (group, pitch)
                }
            };
            let mut sink = Scatter { dst, row_stride, post: self.post, left: 0, settle: None };
            let to = (outputs, self.weight, &mut sink);
            down::windows(simd, ends, below, pitch, wanted.clone(), [x, vectors], to);
            x += vectors * S::LANES;
        }
        let values = group.chunks(pitch.max(1)).skip(wanted.start).take(wanted.len());
        match O::as_f32_mut(dst) {
            Some(_) if self.fits_caches => {}
            Some(dst) => simd.past_caches(
                true,
                dst,
                #[inline(always)]
                |past| {
                    for (i, values) in values.enumerate() {
                        past.put(i * dst_stride, part(values, 0, outputs).unwrap_or_default());
                    }
                },
            ),
            None => {
                for (values, dst) in values.zip(dst.chunks_mut(dst_stride.max(1))) {
                    if let (Some(values), Some(dst)) = (part(values, 0, outputs), part_mut(dst, 0, outputs)) {
                        O::store_row(simd, values, dst, None, [0, 0]);
                    }
                }
            }
        }
    }
}

/// Makes rows of sums across.
struct Sums<'a, S> {
    plan: &'a Filter2dPlan,
    picture: &'a dyn Input<S>,
    layout: BoxLayout,
    block: Range<usize>,
    lines: &'a mut [f32],
    buffer: &'a mut [f32],
}

impl<S: Simd> Sums<'_, S> {
    /// Rows `rows` of a group that begins with row `top` of the picture, where there may be none.
    #[inline(always)]
    fn rows(&mut self, simd: S, top: isize, rows: Range<usize>, group: &mut [f32]) {
        let ([_, s], channels) = (self.plan.desc.mask_size, self.plan.desc.channels);
        let (pitch, line) = (self.layout.pitch, self.layout.line);
        let first = self.block.start as isize - self.plan.before[1] as isize;
        let outputs = self.block.len() * channels;
        let pixels = self.block.len() + s - 1;
        let most = self.layout.across.lines();
        for start in rows.clone().step_by(most.max(1)) {
            let count = most.min(rows.end - start);
            for (i, line) in self.lines.chunks_exact_mut(line.max(1)).take(count).enumerate() {
                let (row, behind) = split_mut(line, pixels * channels);
                self.picture.row(simd, top + (start + i) as isize, first..first + pixels as isize, row);
                if let Some(behind) = behind.get_mut(..S::LANES.saturating_sub(outputs)) {
                    behind.fill(0.0);
                }
            }
            let Some(sums) = rest_mut(group, start * pitch) else { return };
            match self.layout.across {
                Across::Row(parts) => {
                    row::across(simd, self.lines, [s, channels], (outputs, parts), self.buffer, sums);
                }
                Across::Columns { .. } => {
                    let lines = columns::Lines { data: self.lines, pitch: line, count };
                    let span = [self.block.start % s.max(1), outputs];
                    columns::across(simd, &lines, [s, channels], span, self.buffer, (sums, pitch));
                }
            }
        }
    }
}
