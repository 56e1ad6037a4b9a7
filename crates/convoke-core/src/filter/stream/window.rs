//! A stream of a direct or separable mask: a window of rows that moves down with the outputs.
//!
//! # How it works
//!
//! The border continues the picture above and below: by *virtual* rows, of which `-1` is the first above the picture,
//! and `H` the first below. Output row `y` reads virtual rows `y - above ..= y + below`, so what is kept is a window of
//! virtual rows that moves down with the outputs. Each shows a row of the picture ([`Border::index`]) or a constant.
//!
//! ```text
//! push(row k)    write row k into every place of the window that shows it
//! pull           if the next four outputs (fewer at the end) have all their rows: compute them, hand them out
//! advance        move the window by four; of its new places, fill those that show a constant, and those below the
//!                picture, from where the window shows the same row
//! ```
//!
//! The last works if the window still shows that row. In reflected borders virtual row `H + j` shows row `H - 1 - j` or
//! `H - 2 - j`, which lies at most `below` rows above the last one. So a window that keeps `max(above, below)` rows
//! behind the next output has it. (Where the border mirrors the picture more than once, the mask is so much taller
//! than the picture that such a window never lets go of any of its rows.) The same number of rows ahead lets the
//! window show every row that output 0 reads by way of the mirror above.
//!
//! With [`Border::Wrap`] output 0 reads the picture's last rows, which no window could keep: the stream asks for them
//! first, and for the first ones again at the end. That is what [`wants`](super::Filter2dStream::wants) is for.
//!
//! A separable mask is run over the same window of input rows. The pass down is made for each tile of output rows, into a
//! few rows of sums as long as a chunk of the picture's width, exactly as over a whole picture. A window of rows summed
//! down would save nothing: each output row has its own sums down. One of rows summed across would hold as many rows, and
//! change the order of the sums.

use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::{MAX_LANES, row_picture};
use crate::error::Error;
use crate::filter::certificate::Certificate;
use crate::filter::gather::{Picture, Ring};
use crate::filter::pixel::Pixel;
use crate::filter::plan::{ALIGN, Filter2dPlan, Method, pitch};
use crate::filter::stage::{Block, CHUNK, Stage, sums_layout};
use crate::kernel::plane::TILE_ROWS;
use crate::slices::{part, split_mut};
use crate::{Accumulate, Border, Filter2dDesc};

/// How the buffer is divided: window, computed rows, sums of the pass down, mask. The first begins at `start`.
#[derive(Clone, Copy, Debug)]
struct Layout {
    start: usize,
    /// Rows of the window, and elements from one to the next.
    rows: usize,
    pitch: usize,
    row_len: usize,
    /// Elements of the sums of the pass down, and from one row of them to the next.
    sums: usize,
    sums_pitch: usize,
    /// Of the packed mask.
    taps: usize,
}

impl Layout {
    /// The window, computed rows, sums, the mask.
    fn parts<'b>(&self, buffer: &'b mut [f32]) -> [&'b mut [f32]; 4] {
        let (_, rest) = split_mut(buffer, self.start);
        let (window, rest) = split_mut(rest, self.rows * self.pitch);
        let (computed, rest) = split_mut(rest, TILE_ROWS * self.row_len);
        let (sums, rest) = split_mut(rest, self.sums);
        let (mask, _) = split_mut(rest, self.taps);
        [window, computed, sums, mask]
    }
}

/// Elements of the buffer at every level, for a mask of so many separable terms, or for any other; `None` if that
/// overflows.
pub(super) const fn buffer_len(desc: &Filter2dDesc, terms: usize) -> Option<usize> {
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
    let rows = some!(window_rows(desc).checked_add(TILE_ROWS));
    let longest = if row_len > MAX_LANES { row_len } else { MAX_LANES };
    let pitch = some!(some!(longest.checked_add(halo)).checked_add(3 * ALIGN));
    let len = some!(some!(rows.checked_mul(pitch)).checked_add(ALIGN));
    let len = some!(len.checked_add(some!(r.checked_mul(s))));
    if terms == 0 {
        return Some(len);
    }
    // As much as `sums_layout` asks for at any level, and the factors.
    let chunk = if longest < CHUNK { longest } else { CHUNK };
    let sums = some!(some!(some!(chunk.checked_add(halo)).checked_add(ALIGN)).checked_mul(TILE_ROWS));
    let sums = some!(sums.checked_mul(terms));
    let sums = match desc.accumulate {
        Accumulate::F32 => sums,
        Accumulate::F64 => some!(some!(sums.checked_mul(2)).checked_add(1)),
    };
    some!(len.checked_add(sums)).checked_add(some!(some!(r.checked_add(s)).checked_mul(terms)))
}

/// Rows of the window behind the next output, and ahead of the last one that is computed with it.
const fn window_around(desc: &Filter2dDesc) -> [usize; 2] {
    let [above, below] = desc.rows_around();
    match desc.border {
        Border::Reflect | Border::Reflect101 if above < below => [below, below],
        Border::Reflect | Border::Reflect101 => [above, above],
        _ => [above, below],
    }
}

const fn window_rows(desc: &Filter2dDesc) -> usize {
    let [behind, ahead] = window_around(desc);
    behind.saturating_add(ahead).saturating_add(TILE_ROWS)
}

/// Where a stream is, and what it keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    layout: Layout,
    certificate: Option<Certificate>,
    /// Whether sums are made in f64.
    wide: bool,
    /// The next output row that is to be computed.
    next: usize,
    /// Output rows that are computed and not yet pulled: of the `computed` ones from `next` on, all but the first
    /// `pulled`.
    computed: usize,
    pulled: usize,
    /// Rows that have been pushed.
    pushed: usize,
}

impl Window {
    /// At the beginning. The buffer is long enough.
    pub(super) fn new(
        plan: &Filter2dPlan,
        weights: &[f32],
        certificate: Option<Certificate>,
        wide: bool,
        memory: &mut [f32],
    ) -> Result<Self, Error> {
        let (sums_pitch, sums) = match plan.method {
            Method::Separable { terms, .. } => {
                let halo = (plan.desc.mask_size[1] - 1) * plan.desc.channels;
                // Not the plan's: a block of its columns may be narrower than a chunk.
                sums_layout(plan.row_len(), halo, plan.level.lanes(), (terms, plan.desc.accumulate))
                    .ok_or(Error::Overflow { operand: "stream buffer" })?
            }
            _ => (0, 0),
        };
        let layout = Layout {
            // A misaligned start costs time, never correctness.
            start: memory.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1),
            rows: window_rows(&plan.desc),
            pitch: pitch(&plan.desc, plan.level, plan.desc.size[1]),
            row_len: plan.row_len(),
            sums,
            sums_pitch,
            taps: weights.len(),
        };
        let [.., mask] = layout.parts(memory);
        for (mask, w) in mask.iter_mut().zip(weights) {
            *mask = *w;
        }
        let stream = Self { layout, certificate, wide, next: 0, computed: 0, pulled: 0, pushed: 0 };
        stream.enter(plan, memory, stream.window(plan));
        Ok(stream)
    }

    pub(super) fn wants(&self, plan: &Filter2dPlan) -> Option<usize> {
        if self.computed > 0 || self.is_finished(plan) || self.is_ready(plan) {
            return None;
        }
        shows(plan, self.place(plan))
    }

    /// Takes the row `wanted`, which is the one that is wanted.
    pub(super) fn push<I: Pixel>(
        &mut self,
        plan: &Filter2dPlan,
        memory: &mut [f32],
        (wanted, row): (usize, &[I]),
    ) {
        let (place, window, desc) = (self.place(plan), self.window(plan), &plan.desc);
        let mut ring = ring(plan, &self.layout, memory);
        plan.level.dispatch(Push { ring: &mut ring, picture: row_picture(desc, row), place });
        if desc.border != Border::Wrap {
            // Elsewhere it is shown by rows outside the picture only.
            let below = desc.size[0] as isize;
            let outside = (window.start..window.end.min(0)).chain(window.start.max(below)..window.end);
            for other in outside.filter(|&other| shows(plan, other) == Some(wanted)) {
                ring.copy(place, other);
            }
        }
        self.pushed += 1;
    }

    /// Whether there is a row to pull.
    pub(super) fn has_row(&self, plan: &Filter2dPlan) -> bool {
        self.computed > 0 || !self.is_finished(plan) && self.is_ready(plan)
    }

    /// Computes rows, if none are left, and finishes one.
    #[inline(always)]
    pub(super) fn pull<S: Simd, O: Pixel>(
        &mut self,
        simd: S,
        plan: &Filter2dPlan,
        memory: &mut [f32],
        dst: &mut [O],
    ) {
        let (layout, count) = (self.layout, self.count(plan));
        let [above, _] = plan.desc.rows_around();
        let first = self.next as isize - above as isize;
        let [window, computed, sums, weights] = layout.parts(memory);
        let ring = Ring::new(plan, window, layout.pitch, layout.rows, 0..plan.desc.size[1]);
        let mut stage = Stage::new(plan, weights, self.certificate, (sums, layout.sums_pitch), self.wide);
        let (rows, width) = (ring.rows(first), layout.row_len);
        let block = Block { rows, count, width };
        // Floats need no second step.
        let is_direct = count == 1 && O::as_f32_mut(dst).is_some();
        if self.computed == 0 {
            let dst = O::as_f32_mut(dst).filter(|_| is_direct).unwrap_or(&mut *computed);
            // The kernel that is there for whole pictures, and not one more.
            match plan.method {
                Method::Separable { code, .. } => (code.accumulate)(&mut stage, &block, dst),
                _ => simd.past_caches(
                    false,
                    dst,
                    #[inline(always)]
                    |dst| stage.accumulate_direct(simd, &block, dst, width, None),
                ),
            }
            self.computed = count;
        }
        if !is_direct && let Some(values) = part(computed, self.pulled * width, dst.len()) {
            O::store_row(simd, values, dst, stage.settle(rows).as_ref(), [self.pulled, 0]);
        }
        self.pulled += 1;
        if self.pulled == self.computed {
            let before = self.window(plan);
            self.next += self.computed;
            (self.computed, self.pulled) = (0, 0);
            self.enter(plan, memory, before.end..self.window(plan).end);
        }
    }

    pub(super) fn is_finished(&self, plan: &Filter2dPlan) -> bool {
        self.next == plan.desc.size[0]
    }

    /// Outputs that are computed next: with one lane the kernel takes rows one by one, and so each is ready as soon as it can
    /// be.
    fn count(&self, plan: &Filter2dPlan) -> usize {
        let most = if plan.level.lanes() == 1 { 1 } else { TILE_ROWS };
        most.min(plan.desc.size[0] - self.next)
    }

    /// The virtual rows that have a place now.
    fn window(&self, plan: &Filter2dPlan) -> Range<isize> {
        let start = self.next as isize - window_around(&plan.desc)[0] as isize;
        start..start + self.layout.rows as isize
    }

    /// The virtual row that the next row to be pushed is written to first.
    fn place(&self, plan: &Filter2dPlan) -> isize {
        match plan.desc.border {
            Border::Wrap => self.pushed as isize - plan.desc.rows_around()[0] as isize,
            _ => self.pushed as isize,
        }
    }

    /// Whether all rows that the next outputs read are in the window.
    fn is_ready(&self, plan: &Filter2dPlan) -> bool {
        let [above, below] = plan.desc.rows_around();
        let end = self.next + self.count(plan) + below;
        if plan.desc.border == Border::Wrap {
            return self.place(plan) >= end as isize;
        }
        // Rows of the picture, up to the last one that is read where it lies. Those below show none that comes later; those
        // above may, in a mirror, and `mirrored` of them do.
        let hanging = above.saturating_sub(self.next);
        let mirrored = match plan.desc.border {
            Border::Reflect => hanging,
            Border::Reflect101 if hanging > 0 => hanging + 1,
            _ => 0,
        };
        self.pushed >= end.max(mirrored).min(plan.desc.size[0])
    }

    /// Fills those of these new places of the window whose rows are known.
    fn enter(&self, plan: &Filter2dPlan, memory: &mut [f32], places: Range<isize>) {
        let desc = &plan.desc;
        if desc.border == Border::Wrap {
            return;
        }
        // What lies further down is never read.
        let end = (desc.size[0] + desc.rows_around()[1]) as isize;
        let mut ring = ring(plan, &self.layout, memory);
        for place in places.start..places.end.min(end) {
            match shows(plan, place) {
                Some(row) if row < self.pushed => ring.copy(row as isize, place),
                Some(_) => {}
                None => ring.fill_with(place, desc.border.outside()),
            }
        }
    }
}

/// The row of the picture that a virtual row shows, or `None` for a constant.
fn shows(plan: &Filter2dPlan, place: isize) -> Option<usize> {
    plan.desc.border.index(place, plan.desc.size[0])
}

/// The window as a ring of whole rows.
fn ring<'b>(plan: &Filter2dPlan, layout: &Layout, memory: &'b mut [f32]) -> Ring<'b> {
    let [window, ..] = layout.parts(memory);
    Ring::new(plan, window, layout.pitch, layout.rows, 0..plan.desc.size[1])
}

/// Widens a row into its place.
struct Push<'a, 'r, I> {
    ring: &'a mut Ring<'r>,
    picture: Picture<'a, I>,
    place: isize,
}

impl<I: Pixel> Kernel for Push<'_, '_, I> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.ring.write(simd, &self.picture, 0, self.place);
    }
}
