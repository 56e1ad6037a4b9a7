//! A stream of a box: the groups of rows of the [whole picture's walk](crate::filter::boxed), fed with one row after the
//! other. Same sums, in the same order, so the same bits.
//!
//! ```text
//! push    make the row's sums across, into a slot; as long as the first group is not full, take virtual rows into it
//! pull    window of the next output: the group's suffix sum, and the prefix of what has come since. The next virtual
//!         row goes to the group, in the place of the row that is done with, and to the prefix. A full group gets
//!         suffix sums
//! ```
//!
//! What is kept are a group of as many rows of sums as the mask has, and the slots of [`RowFeed`]: one, or half a mask
//! for mirrors. Each row of the picture is summed across once, however often the border shows it. An output is ready one
//! row later than it could be, because the kernel makes a window and takes the next row at once; the last needs no row.

use convoke_simd::{Kernel, Simd};

use super::feed::{NextRow, RowFeed};
use super::{MAX_LANES, row_picture};
use crate::Filter2dDesc;
use crate::error::Error;
use crate::filter::gather::Input;
use crate::filter::pixel::Pixel;
use crate::filter::plan::{ALIGN, Filter2dPlan, Method};
use crate::filter::scatter::{Post, Scatter};
use crate::kernel::boxes;
use crate::kernel::boxes::rows::Group;
use crate::slices::{part, part_mut, split_mut};

/// How the buffer is divided.
#[derive(Clone, Copy, Debug)]
struct Layout {
    start: usize,
    /// Elements from one row of sums to the next, and of a row of inputs.
    pitch: usize,
    line: usize,
    /// Elements that are needed to sum a row across.
    across: usize,
    /// Rows of the group, and slots.
    group: usize,
    kept: usize,
}

/// The parts of the buffer.
struct Parts<'b> {
    group: &'b mut [f32],
    prefix: &'b mut [f32],
    /// A row of results.
    values: &'b mut [f32],
    sources: Sources<'b>,
}

/// Those that rows of sums are made in.
struct Sources<'b> {
    slots: &'b mut [f32],
    /// The sums of a row outside the picture.
    outside: &'b mut [f32],
    across: &'b mut [f32],
    line: &'b mut [f32],
}

impl Layout {
    fn parts<'b>(&self, buffer: &'b mut [f32]) -> Parts<'b> {
        let (_, rest) = split_mut(buffer, self.start);
        let (group, rest) = split_mut(rest, self.group * self.pitch);
        let (slots, rest) = split_mut(rest, self.kept * self.pitch);
        let (prefix, rest) = split_mut(rest, self.pitch);
        let (outside, rest) = split_mut(rest, self.pitch);
        let (values, rest) = split_mut(rest, self.pitch);
        let (across, rest) = split_mut(rest, self.across);
        let (line, _) = split_mut(rest, self.line);
        let sources = Sources { slots, outside, across, line };
        Parts { group, prefix, values, sources }
    }
}

/// Elements of the buffer at every level; `None` if that overflows.
pub(super) const fn buffer_len(desc: &Filter2dDesc) -> Option<usize> {
    // `?` is not for constants.
    macro_rules! some {
        ($value:expr) => {
            match $value {
                Some(value) => value,
                None => return None,
            }
        };
    }
    let [r, s] = desc.mask_size;
    let halo = some!(s.saturating_sub(1).checked_mul(desc.channels));
    let row_len = some!(desc.size[1].checked_mul(desc.channels));
    // As much as `Layout::new` asks for at any level.
    let longest = if row_len > MAX_LANES { row_len } else { MAX_LANES };
    let pitch = some!(longest.checked_add(MAX_LANES + 2 * ALIGN));
    let rows = some!(some!(r.checked_add(RowFeed::kept(desc))).checked_add(3));
    let across = some!(boxes::row_len([s, desc.channels], row_len, MAX_LANES));
    let line = some!(some!(pitch.checked_add(halo)).checked_add(ALIGN));
    some!(some!(some!(rows.checked_mul(pitch)).checked_add(line)).checked_add(ALIGN)).checked_add(across)
}

/// Where a stream of a box is.
#[derive(Clone, Copy, Debug)]
pub(in crate::filter) struct BoxRows {
    layout: Layout,
    feed: RowFeed,
    /// The mask's value.
    weight: f32,
    /// Rows of the result that have been pulled.
    done: usize,
}

impl BoxRows {
    /// At the beginning, with what lies above the picture taken into the group already. The buffer is long enough.
    pub(in crate::filter) fn new(
        plan: &Filter2dPlan,
        weight: f32,
        memory: &mut [f32],
    ) -> Result<Self, Error> {
        let desc = &plan.desc;
        let ([r, s], lanes, row_len) = (desc.mask_size, plan.level.lanes(), plan.row_len());
        let halo = (s - 1) * desc.channels;
        let across = boxes::row_len([s, desc.channels], row_len, lanes);
        let across = across.ok_or(Error::Overflow { operand: "stream buffer" })?;
        let pitch = (row_len.max(lanes) + lanes).next_multiple_of(ALIGN);
        // Rows a multiple of 2 KiB apart would compete for the same few places in the first cache.
        let pitch = if pitch.is_multiple_of(512) { pitch + ALIGN } else { pitch };
        let layout = Layout {
            // A misaligned start costs time, never correctness.
            start: memory.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1),
            pitch,
            line: (pitch + halo).next_multiple_of(ALIGN),
            across,
            group: r,
            kept: RowFeed::kept(desc),
        };
        let mut rows = Self { layout, feed: RowFeed::new(desc), weight, done: 0 };
        plan.level.dispatch(Begin { rows: &mut rows, plan, memory });
        Ok(rows)
    }

    pub(super) fn wants(&self) -> Option<usize> {
        if self.is_ready() { None } else { self.feed.wants() }
    }

    /// Takes the row that is wanted.
    pub(super) fn push<I: Pixel>(&mut self, plan: &Filter2dPlan, memory: &mut [f32], row: &[I]) {
        plan.level.dispatch(Gather { layout: self.layout, plan, memory, row });
        if let Method::Box { code, .. } = plan.method {
            (code.push)(self, plan, memory);
        }
    }

    pub(super) fn is_finished(&self, plan: &Filter2dPlan) -> bool {
        self.done == plan.desc.size[0]
    }

    /// Whether the next row of the result can be made. (When all are made, nothing is missing.)
    pub(super) fn is_ready(&self) -> bool {
        self.feed.taken() >= self.layout.group && self.feed.next() != NextRow::Missing
    }

    /// Fills the first group as far as its rows are there.
    #[inline(always)]
    fn fill_group<S: Simd>(&mut self, simd: S, plan: &Filter2dPlan, memory: &mut [f32]) {
        let Layout { pitch, group: rows, .. } = self.layout;
        let Parts { group, mut sources, .. } = self.layout.parts(memory);
        let width = plan.row_len().max(S::LANES);
        while self.feed.taken() < rows {
            let Some(sums) = self.next_sums(simd, plan, &mut sources) else { return };
            let Some(row) = part_mut(group, self.feed.taken() * pitch, width) else { return };
            for (row, sum) in row.iter_mut().zip(sums) {
                *row = *sum;
            }
            self.feed.take();
            if self.feed.taken() == rows {
                Group { data: &mut *group, pitch, width }.suffix_sums(simd, 0..rows);
            }
        }
    }

    /// The sums of the next virtual row; `None` if it is missing, or there is none.
    #[inline(always)]
    fn next_sums<'p, S: Simd>(
        &self,
        simd: S,
        plan: &Filter2dPlan,
        sources: &'p mut Sources<'_>,
    ) -> Option<&'p [f32]> {
        let pitch = self.layout.pitch;
        match self.feed.next() {
            NextRow::Kept(slot) => part(sources.slots, slot * pitch, pitch),
            NextRow::Outside => {
                let Sources { outside, across, line, .. } = sources;
                line.fill(plan.desc.border.outside());
                across_row(simd, plan, [line, across], outside);
                Some(outside)
            }
            NextRow::Missing | NextRow::Done => None,
        }
    }

    /// Makes the next row of the result, which is ready.
    #[inline(always)]
    pub(super) fn pull<S: Simd, O: Pixel>(
        &mut self,
        simd: S,
        plan: &Filter2dPlan,
        memory: &mut [f32],
        dst: &mut [O],
    ) {
        let Method::Box { code, .. } = plan.method else { return };
        match O::as_f32_mut(dst) {
            Some(dst) => (code.pull)(self, plan, memory, Some(dst)),
            None => {
                (code.pull)(self, plan, memory, None);
                let Parts { values, .. } = self.layout.parts(memory);
                if let Some(values) = part(values, 0, dst.len()) {
                    O::store_row(simd, values, dst, None, [0, 0]);
                }
            }
        }
    }

    /// Its values, in `dst` or else in memory.
    #[inline(always)]
    fn window<S: Simd>(&mut self, simd: S, plan: &Filter2dPlan, memory: &mut [f32], dst: Option<&mut [f32]>) {
        let Layout { pitch, group: rows, .. } = self.layout;
        let Parts { group, prefix, values, mut sources } = self.layout.parts(memory);
        let (outputs, is_last) = (plan.row_len(), self.feed.next() == NextRow::Done);
        let next = match self.next_sums(simd, plan, &mut sources) {
            Some(next) => next,
            // Behind the last output nothing is taken in any more. Any row that has been written does.
            None => part(sources.slots, 0, pitch).unwrap_or_default(),
        };
        let (i, weight) = (self.done % rows.max(1), self.weight);
        let mut group = Group { data: group, pitch, width: outputs.max(S::LANES) };
        let (dst, post) = (dst.unwrap_or(values), Post::of(&plan.desc));
        let mut scatter = Scatter { dst, row_stride: 0, post, left: 0, settle: None };
        group.window(simd, i, next, prefix, weight, (0, outputs, &mut scatter));
        self.done += 1;
        if !is_last {
            self.feed.take();
            if self.done.is_multiple_of(rows) {
                group.suffix_sums(simd, 0..rows);
            }
        }
    }
}

/// The sums across of the row in `line`, which has what lies to its left and right. `buffer` is memory for it.
#[inline(always)]
fn across_row<S: Simd>(simd: S, plan: &Filter2dPlan, [line, buffer]: [&mut [f32]; 2], dst: &mut [f32]) {
    let ([_, s], channels) = (plan.desc.mask_size, plan.desc.channels);
    let (pixels, outputs) = (plan.desc.size[1] + s - 1, plan.row_len());
    let (_, behind) = split_mut(line, pixels * channels);
    if let Some(behind) = behind.get_mut(..S::LANES.saturating_sub(outputs)) {
        behind.fill(0.0);
    }
    boxes::across_row(simd, line, [s, channels], outputs, buffer, dst);
}

/// Takes in what lies above the picture.
struct Begin<'a> {
    rows: &'a mut BoxRows,
    plan: &'a Filter2dPlan,
    memory: &'a mut [f32],
}

impl Kernel for Begin<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.rows.fill_group(simd, self.plan, self.memory);
    }
}

/// Gathers a row.
struct Gather<'a, I> {
    layout: Layout,
    plan: &'a Filter2dPlan,
    memory: &'a mut [f32],
    row: &'a [I],
}

impl<I: Pixel> Kernel for Gather<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { layout, plan, memory, row } = self;
        let (start, pixels) = (-(plan.before[1] as isize), plan.desc.size[1] + plan.desc.mask_size[1] - 1);
        let (line, _) = split_mut(layout.parts(memory).sources.line, pixels * plan.desc.channels);
        let picture: &dyn Input<S> = &row_picture(&plan.desc, row);
        picture.row(simd, 0, start..start + pixels as isize, line);
    }
}

/// Takes a row in, which has been gathered.
struct Push<'a> {
    rows: &'a mut BoxRows,
    plan: &'a Filter2dPlan,
    memory: &'a mut [f32],
}

impl Kernel for Push<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { rows, plan, memory } = self;
        let (slot, pitch) = (rows.feed.push(), rows.layout.pitch);
        let Sources { slots, line, across, .. } = rows.layout.parts(memory).sources;
        let Some(dst) = part_mut(slots, slot * pitch, pitch) else { return };
        across_row(simd, plan, [line, across], dst);
        rows.fill_group(simd, plan, memory);
    }
}

/// Makes a row of values.
struct Pull<'a> {
    rows: &'a mut BoxRows,
    plan: &'a Filter2dPlan,
    memory: &'a mut [f32],
    dst: Option<&'a mut [f32]>,
}

impl Kernel for Pull<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.rows.window(simd, self.plan, self.memory, self.dst);
    }
}

/// Takes in the row that has been gathered: see [`code`](crate::filter::code).
pub(in crate::filter) fn push(rows: &mut BoxRows, plan: &Filter2dPlan, memory: &mut [f32]) {
    plan.level.dispatch(Push { rows, plan, memory });
}

/// Makes the next row of values, in `dst` or else in memory.
pub(in crate::filter) fn pull(
    rows: &mut BoxRows,
    plan: &Filter2dPlan,
    memory: &mut [f32],
    dst: Option<&mut [f32]>,
) {
    plan.level.dispatch(Pull { rows, plan, memory, dst });
}
