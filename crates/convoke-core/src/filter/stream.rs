//! A filter as a stream: rows in, rows out, with memory for about as many rows as the mask has. For pictures larger than
//! memory, cameras and scanners. Same kernel, same bits as a run over the whole picture.
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
//! first, and for the first ones again at the end. That is what [`wants`](Filter2dStream::wants) is for.
//!
//! A separable mask is run over the same window of input rows. The pass down is made for each tile of output rows, into a
//! few rows of sums as long as a chunk of the picture's width, exactly as over a whole picture. A window of rows summed
//! down would save nothing: each output row has its own sums down. One of rows summed across would hold as many rows, and
//! change the order of the sums. Boxes are summed in groups of as many rows as the mask has, which is no window that
//! moves; a box is separable, too.

use core::marker::PhantomData;
use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::certificate::Certificate;
use super::gather::{Picture, Ring};
use super::pack::PackedMask;
use super::pixel::Pixel;
use super::plan::{ALIGN, Filter2dPlan, Method, pitch};
use super::stage::{Block, CHUNK, Stage, sums_layout};
use crate::error::{Error, check_len};
use crate::kernel::plane::TILE_ROWS;
use crate::{Border, Filter2dDesc, Mode};

/// Lanes of the widest level: buffers are large enough for any.
const MAX_LANES: usize = 16;

/// A filter that takes a picture row by row and gives the result row by row.
///
/// `I` is read, `O` written; `B` is memory of [`Filter2dDesc::stream_len`] elements
/// ([`separable_stream_len`](Filter2dDesc::separable_stream_len) for separable plans; [`Filter2dPlan::stream_len`] knows):
/// `&mut [f32]`, an array, or a vector, which the stream then owns.
///
/// Row strides of the descriptor play no role: a row has `W * channels` elements.
///
/// ```
/// use convoke_core::{Border, Filter2dDesc, Filter2dPlan, Level};
///
/// // The 3x3 mean of a picture of 5 rows of 4 pixels, of which no more than 6 are ever kept.
/// const MEAN: Filter2dDesc = Filter2dDesc::new([5, 4], 1, [3, 3]).divisor(9.0).border(Border::Replicate);
/// let plan = Filter2dPlan::new(&MEAN, Level::detect())?;
/// let mut buffer = vec![0.0; plan.packed_len()];
/// let mask = plan.pack(&[1.0; 9], &mut buffer)?;
///
/// let picture = [[9_u8; 4], [18; 4], [27; 4], [36; 4], [45; 4]];
/// let mut stream = plan.stream::<u8, u8, _>(&mask, [0.0; MEAN.stream_len()])?;
/// let (mut row, mut result) = ([0; 4], Vec::new());
/// while let Some(y) = stream.wants() {
///     stream.push(&picture[y])?;
///     while stream.pull(&mut row)? {
///         result.push(row);
///     }
/// }
/// assert_eq!(result, [[12; 4], [18; 4], [27; 4], [36; 4], [42; 4]]);
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filter2dStream<I, O, B> {
    plan: Filter2dPlan,
    certificate: Option<Certificate>,
    pub(super) buffer: B,
    layout: Layout,
    /// The next output row that is to be computed.
    next: usize,
    /// Output rows that are computed and not yet pulled: of the `computed` ones from `next` on, all but the first
    /// `pulled`.
    computed: usize,
    pulled: usize,
    /// Rows that have been pushed.
    pushed: usize,
    pixels: PhantomData<fn(I) -> O>,
}

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

impl Filter2dDesc {
    /// Elements of the buffer of a [`Filter2dStream`] of a direct plan, at every level; `usize::MAX` if it would not fit in
    /// memory.
    ///
    /// With masks of `R` rows, anchored in the middle, this is room for `R + 7` rows of `W + S - 1` pixels and a little
    /// more, and for the mask. Reflected borders take up to twice as many rows for anchors at the mask's edge.
    pub const fn stream_len(&self) -> usize {
        match self.stream_len_checked(false) {
            Some(len) if len <= isize::MAX as usize / 4 => len,
            _ => usize::MAX,
        }
    }

    /// The same for a [separable](Filter2dPlan::separable) plan, which needs room for four rows of at most 1024 sums and
    /// the mask's width besides.
    pub const fn separable_stream_len(&self) -> usize {
        match self.stream_len_checked(true) {
            Some(len) if len <= isize::MAX as usize / 4 => len,
            _ => usize::MAX,
        }
    }

    const fn stream_len_checked(&self, separable: bool) -> Option<usize> {
        // `?` is not for constants.
        macro_rules! some {
            ($value:expr) => {
                match $value {
                    Some(value) => value,
                    None => return None,
                }
            };
        }
        let [r, s] = self.mask_size;
        let halo = some!(s.saturating_sub(1).checked_mul(self.channels));
        let row_len = some!(self.size[1].checked_mul(self.channels));
        let rows = some!(self.window_rows().checked_add(TILE_ROWS));
        let longest = if row_len > MAX_LANES { row_len } else { MAX_LANES };
        let pitch = some!(some!(longest.checked_add(halo)).checked_add(3 * ALIGN));
        let len = some!(some!(rows.checked_mul(pitch)).checked_add(ALIGN));
        let len = some!(len.checked_add(some!(r.checked_mul(s))));
        if !separable {
            return Some(len);
        }
        // As much as `sums_layout` asks for at any level, and the factors.
        let chunk = if longest < CHUNK { longest } else { CHUNK };
        let sums = some!(some!(some!(chunk.checked_add(halo)).checked_add(ALIGN)).checked_mul(TILE_ROWS));
        some!(len.checked_add(sums)).checked_add(some!(r.checked_add(s)))
    }

    /// Mask rows above and below the output pixel.
    const fn rows_around(&self) -> [usize; 2] {
        let below = self.mask_size[0].saturating_sub(1).saturating_sub(self.anchor[0]);
        match self.mode {
            Mode::Correlate => [self.anchor[0], below],
            Mode::Convolve => [below, self.anchor[0]],
        }
    }

    /// Rows of the window behind the next output, and ahead of the last one that is computed with it.
    const fn window_around(&self) -> [usize; 2] {
        let [above, below] = self.rows_around();
        match self.border {
            Border::Reflect | Border::Reflect101 if above < below => [below, below],
            Border::Reflect | Border::Reflect101 => [above, above],
            _ => [above, below],
        }
    }

    const fn window_rows(&self) -> usize {
        let [behind, ahead] = self.window_around();
        behind.saturating_add(ahead).saturating_add(TILE_ROWS)
    }
}

impl Filter2dPlan {
    /// Elements of the buffer of a [`Filter2dStream`] of this plan, whatever its level; `usize::MAX` if it would not fit in
    /// memory.
    pub fn stream_len(&self) -> usize {
        match self.method {
            Method::Separable => self.desc.separable_stream_len(),
            Method::Direct | Method::Box(_) => self.desc.stream_len(),
        }
    }

    /// Begins a stream with a packed mask, which is copied, in a buffer of at least [`stream_len`](Self::stream_len)
    /// elements. The plan is direct or separable.
    ///
    /// # Errors
    /// [`Error::Length`] for a buffer that is too short, [`Error::Overflow`] if no memory could hold it,
    /// [`Error::WrongPacking`] for a mask packed for another filter, [`Error::NotStreamed`] for a
    /// [box](Self::boxed): [`separable`](Self::separable) plans take its mask, too.
    pub fn stream<I: Pixel, O: Pixel, B: AsMut<[f32]>>(
        &self,
        mask: &PackedMask<'_>,
        mut buffer: B,
    ) -> Result<Filter2dStream<I, O, B>, Error> {
        let weights = mask.packed.body(self.identity())?;
        let (sums_pitch, sums) = match self.method {
            Method::Direct => (0, 0),
            Method::Separable => {
                let halo = (self.desc.mask_size[1] - 1) * self.desc.channels;
                // Not the plan's: a block of its columns may be narrower than a chunk.
                sums_layout(self.row_len(), halo, self.level.lanes())
                    .ok_or(Error::Overflow { operand: "stream buffer" })?
            }
            Method::Box(_) => return Err(Error::NotStreamed),
        };
        let memory = enough(self, &mut buffer)?;
        let rows = self.desc.window_rows();
        let pitch = pitch(&self.desc, self.level, self.desc.size[1]);
        // A misaligned start costs time, never correctness.
        let start = memory.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1);
        let layout =
            Layout { start, rows, pitch, row_len: self.row_len(), sums, sums_pitch, taps: weights.len() };
        let certificate = mask.certificates.needed(I::RANGE, O::RANGE);
        let mut stream = Filter2dStream {
            plan: *self,
            certificate,
            buffer,
            layout,
            next: 0,
            computed: 0,
            pulled: 0,
            pushed: 0,
            pixels: PhantomData,
        };
        layout.parts(enough(self, &mut stream.buffer)?)[3].copy_from_slice(weights);
        let window = stream.window();
        stream.enter(window)?;
        Ok(stream)
    }
}

/// The buffer, if it is long enough.
fn enough<'b>(plan: &Filter2dPlan, buffer: &'b mut impl AsMut<[f32]>) -> Result<&'b mut [f32], Error> {
    let (memory, required) = (buffer.as_mut(), plan.stream_len());
    if required == usize::MAX {
        return Err(Error::Overflow { operand: "stream buffer" });
    }
    if memory.len() < required {
        return Err(Error::Length { operand: "stream buffer", required, got: memory.len() });
    }
    Ok(memory)
}

impl Layout {
    /// The window, computed rows, sums, the mask.
    fn parts<'b>(&self, buffer: &'b mut [f32]) -> [&'b mut [f32]; 4] {
        let (window, rest) = buffer[self.start..].split_at_mut(self.rows * self.pitch);
        let (computed, rest) = rest.split_at_mut(TILE_ROWS * self.row_len);
        let (sums, rest) = rest.split_at_mut(self.sums);
        [window, computed, sums, &mut rest[..self.taps]]
    }
}

impl<I: Pixel, O: Pixel, B: AsMut<[f32]>> Filter2dStream<I, O, B> {
    /// The row of the picture that must be pushed next, from 0; `None` if rows are ready to be pulled, or none is left
    /// to push.
    ///
    /// With all borders but one these are rows 0 to `H - 1` in this order, each once. [`Border::Wrap`] begins with the
    /// rows at the picture's end and ends with those at its beginning.
    pub fn wants(&self) -> Option<usize> {
        if self.computed > 0 || self.is_finished() || self.is_ready() {
            return None;
        }
        self.shows(self.place())
    }

    /// Takes the row that the stream [`wants`](Self::wants), of `W * channels` elements.
    ///
    /// # Errors
    /// [`Error::NotWanted`] if it wants none, [`Error::Length`] for a row of another length. The stream is then as it
    /// was.
    pub fn push(&mut self, row: &[I]) -> Result<(), Error> {
        let Some(wanted) = self.wants() else {
            return Err(Error::NotWanted { operand: "row" });
        };
        check_len("row", self.layout.row_len, row.len())?;
        let (place, window) = (self.place(), self.window());
        let desc = self.plan.desc;
        let mut ring = ring(&self.plan, &self.layout, enough(&self.plan, &mut self.buffer)?);
        self.plan.level.dispatch(Push { ring: &mut ring, picture: picture(&desc, row), place });
        if desc.border != Border::Wrap {
            let others = window.filter(|&other| other != place);
            for other in others.filter(|&other| desc.border.index(other, desc.size[0]) == Some(wanted)) {
                ring.copy(place, other);
            }
        }
        self.pushed += 1;
        Ok(())
    }

    /// Writes the next row of the result to `dst`, if it is ready: `W * channels` elements. They come from 0 to
    /// `H - 1`, up to four becoming ready at a time, because the kernel computes so many together.
    ///
    /// # Errors
    /// [`Error::Length`] for a `dst` of another length. Nothing is then taken or written.
    pub fn pull(&mut self, dst: &mut [O]) -> Result<bool, Error> {
        check_len("dst", self.layout.row_len, dst.len())?;
        let compute = self.computed == 0;
        if compute && (self.is_finished() || !self.is_ready()) {
            return Ok(false);
        }
        let count = self.count();
        let [above, _] = self.plan.desc.rows_around();
        let first = self.next as isize - above as isize;
        let memory = enough(&self.plan, &mut self.buffer)?;
        let (plan, certificate) = (&self.plan, self.certificate);
        let (layout, count_now) = (&self.layout, compute.then_some(count));
        let (wide, row) = (plan.is_wide::<I, O>(), self.pulled);
        let pull = Pull { plan, layout, certificate, memory, first, count: count_now, wide, row, dst };
        O::pull(plan.level, pull);
        self.computed = count;
        self.pulled += 1;
        if self.pulled == self.computed {
            let before = self.window();
            self.next += self.computed;
            (self.computed, self.pulled) = (0, 0);
            self.enter(before.end..self.window().end)?;
        }
        Ok(true)
    }

    /// Whether all rows of the result have been pulled.
    pub fn is_finished(&self) -> bool {
        self.next == self.plan.desc.size[0]
    }

    /// The plan behind it.
    pub fn plan(&self) -> &Filter2dPlan {
        &self.plan
    }

    /// Outputs that are computed next.
    fn count(&self) -> usize {
        TILE_ROWS.min(self.plan.desc.size[0] - self.next)
    }

    /// The virtual rows that have a place now.
    fn window(&self) -> Range<isize> {
        let start = self.next as isize - self.plan.desc.window_around()[0] as isize;
        start..start + self.layout.rows as isize
    }

    /// The virtual row that the next row to be pushed is written to first.
    fn place(&self) -> isize {
        match self.plan.desc.border {
            Border::Wrap => self.pushed as isize - self.plan.desc.rows_around()[0] as isize,
            _ => self.pushed as isize,
        }
    }

    /// The row of the picture that a virtual row shows, or `None` for a constant.
    fn shows(&self, place: isize) -> Option<usize> {
        self.plan.desc.border.index(place, self.plan.desc.size[0])
    }

    /// Whether all rows that the next outputs read are in the window.
    fn is_ready(&self) -> bool {
        let [above, below] = self.plan.desc.rows_around();
        let next = self.next as isize;
        let read = next - above as isize..next + (self.count() + below) as isize;
        match self.plan.desc.border {
            Border::Wrap => self.place() >= read.end,
            _ => read.clone().all(|place| self.shows(place).is_none_or(|row| row < self.pushed)),
        }
    }

    /// Fills those of these new places of the window whose rows are known.
    fn enter(&mut self, places: Range<isize>) -> Result<(), Error> {
        let (desc, pushed) = (self.plan.desc, self.pushed);
        // What lies further down is never read.
        let end = (desc.size[0] + desc.rows_around()[1]) as isize;
        if desc.border == Border::Wrap {
            return Ok(());
        }
        let mut ring = ring(&self.plan, &self.layout, enough(&self.plan, &mut self.buffer)?);
        for place in places.start..places.end.min(end) {
            match desc.border.index(place, desc.size[0]) {
                Some(row) if row < pushed => ring.copy(row as isize, place),
                Some(_) => {}
                None => ring.fill_with(place, desc.border.outside(), desc.channels),
            }
        }
        Ok(())
    }
}

/// The window as a ring of whole rows.
fn ring<'b>(plan: &Filter2dPlan, layout: &Layout, memory: &'b mut [f32]) -> Ring<'b> {
    let [window, ..] = layout.parts(memory);
    Ring::new(plan, window, layout.pitch, layout.rows, 0..plan.desc.size[1])
}

/// A picture of one row.
fn picture<'a, I>(desc: &Filter2dDesc, row: &'a [I]) -> Picture<'a, I> {
    let (width, channels) = (desc.size[1], desc.channels);
    Picture { data: row, height: 1, width, channels, row_stride: row.len(), border: desc.border }
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

/// Computes rows, if any are to be computed, and finishes one.
pub struct Pull<'a, O> {
    plan: &'a Filter2dPlan,
    layout: &'a Layout,
    certificate: Option<Certificate>,
    memory: &'a mut [f32],
    /// The virtual row that the first computed row reads first.
    first: isize,
    count: Option<usize>,
    /// Whether in f64.
    wide: bool,
    row: usize,
    dst: &'a mut [O],
}

impl<O: Pixel> Kernel for Pull<'_, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, layout, certificate, first, row, .. } = self;
        let [window, computed, sums, weights] = layout.parts(self.memory);
        let mut plan = *plan;
        plan.sums_pitch = layout.sums_pitch;
        let plan = &plan;
        let ring = Ring::new(plan, window, layout.pitch, layout.rows, 0..plan.desc.size[1]);
        let mut stage = Stage::new(plan, weights, certificate, sums);
        stage.wide = self.wide;
        let rows = ring.rows(first);
        let width = layout.row_len;
        if let Some(count) = self.count {
            stage.accumulate(simd, &Block { rows, count, width }, &mut *computed, width, None);
        }
        let values = &computed[row * width..][..width];
        O::store_row(simd, values, self.dst, stage.settle(rows).as_ref(), [row, 0]);
    }
}
