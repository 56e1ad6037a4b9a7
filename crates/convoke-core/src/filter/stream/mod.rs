//! A filter as a stream: rows in, rows out, with memory for about as many rows as the mask has. For pictures larger than
//! memory, cameras and scanners. Same kernels, same bits as a run over the whole picture.
//!
//! A stream keeps a [window](window) of input rows, or [groups of sums](boxed) of a box. Both know by the border which rows
//! of the picture they show above and below it.

pub(super) mod boxed;
pub(crate) mod feed;
mod window;

use core::marker::PhantomData;

use convoke_simd::{Kernel, Simd};

use self::boxed::BoxRows;
use self::window::Window;
use super::gather::Picture;
use super::pack::PackedMask;
use super::pixel::Pixel;
use super::plan::{Filter2dPlan, Method};
use crate::error::{Error, check_len};
use crate::{Filter2dDesc, Mode};

/// Lanes of the widest level: buffers are large enough for any.
const MAX_LANES: usize = 16;

/// A filter that takes a picture row by row and gives the result row by row.
///
/// `I` is read, `O` written; `B` is memory of [`Filter2dDesc::stream_len`] elements
/// ([`separable_stream_len`](Filter2dDesc::separable_stream_len) for separable plans, [`box_stream_len`](Filter2dDesc::box_stream_len)
/// for boxes; [`Filter2dPlan::stream_len`] knows):
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
    pub(super) buffer: B,
    /// Elements that it must have.
    required: usize,
    rows: Rows,
    pixels: PhantomData<fn(I) -> O>,
}

/// Where it is.
#[derive(Clone, Copy, Debug)]
enum Rows {
    Window(Window),
    Box(BoxRows),
}

impl Filter2dDesc {
    /// Elements of the buffer of a [`Filter2dStream`] of a direct plan, at every level; `usize::MAX` if it would not fit in
    /// memory.
    ///
    /// With masks of `R` rows, anchored in the middle, this is room for `R + 7` rows of `W + S - 1` pixels and a little
    /// more, and for the mask. Reflected borders take up to twice as many rows for anchors at the mask's edge.
    pub const fn stream_len(&self) -> usize {
        in_memory(window::buffer_len(self, 0))
    }

    /// The same for a [separable](Filter2dPlan::separable) plan, which needs room for four rows of at most 1024 sums and
    /// the mask's width besides.
    pub const fn separable_stream_len(&self) -> usize {
        in_memory(window::buffer_len(self, 1))
    }

    /// The same for a plan of [rank 2](Filter2dPlan::rank_two), with room for twice as many sums.
    pub const fn rank_two_stream_len(&self) -> usize {
        in_memory(window::buffer_len(self, 2))
    }

    /// The same for a [box](Filter2dPlan::boxed): room for `R + 5` rows of `W` sums and a little more, and with reflected
    /// borders for as many rows as the mask has on the longer side of its anchor.
    pub const fn box_stream_len(&self) -> usize {
        in_memory(boxed::buffer_len(self))
    }

    /// Mask rows above and below the output pixel.
    pub(super) const fn rows_around(&self) -> [usize; 2] {
        let below = self.mask_size[0].saturating_sub(1).saturating_sub(self.anchor[0]);
        match self.mode {
            Mode::Correlate => [self.anchor[0], below],
            Mode::Convolve => [below, self.anchor[0]],
        }
    }
}

const fn in_memory(len: Option<usize>) -> usize {
    match len {
        Some(len) if len <= isize::MAX as usize / 4 => len,
        _ => usize::MAX,
    }
}

impl Filter2dPlan {
    /// Elements of the buffer of a [`Filter2dStream`] of this plan, whatever its level; `usize::MAX` if it would not fit in
    /// memory.
    pub fn stream_len(&self) -> usize {
        match self.method {
            Method::Separable { terms: 1, .. } => self.desc.separable_stream_len(),
            Method::Separable { .. } => self.desc.rank_two_stream_len(),
            Method::Direct => self.desc.stream_len(),
            Method::Box { .. } => self.desc.box_stream_len(),
        }
    }

    /// Begins a stream with a packed mask, which is copied, in a buffer of at least [`stream_len`](Self::stream_len)
    /// elements.
    ///
    /// # Errors
    /// [`Error::Length`] for a buffer that is too short, [`Error::Overflow`] if no memory could hold it,
    /// [`Error::WrongPacking`] for a mask packed for another filter, [`Error::Inexact`] and
    /// [`Error::NotForFloats`] as for [`run`](Self::run).
    pub fn stream<I: Pixel, O: Pixel, B: AsMut<[f32]>>(
        &self,
        mask: &PackedMask<'_>,
        mut buffer: B,
    ) -> Result<Filter2dStream<I, O, B>, Error> {
        let weights = mask.packed.body(self.identity())?;
        let certificate = self.certificate::<I, O>(mask)?;
        let required = self.stream_len();
        let memory = enough(required, &mut buffer)?;
        let rows = if let Method::Box { code, .. } = self.method {
            Rows::Box((code.begin)(self, weights.first().copied().unwrap_or_default(), memory)?)
        } else {
            Rows::Window(Window::new(self, weights, certificate, self.is_wide::<I, O>(), memory)?)
        };
        Ok(Filter2dStream { plan: *self, buffer, required, rows, pixels: PhantomData })
    }
}

/// The buffer, if it is long enough.
fn enough(required: usize, buffer: &mut impl AsMut<[f32]>) -> Result<&mut [f32], Error> {
    let memory = buffer.as_mut();
    if required == usize::MAX {
        return Err(Error::Overflow { operand: "stream buffer" });
    }
    if memory.len() < required {
        return Err(Error::Length { operand: "stream buffer", required, got: memory.len() });
    }
    Ok(memory)
}

impl<I: Pixel, O: Pixel, B: AsMut<[f32]>> Filter2dStream<I, O, B> {
    /// The row of the picture that must be pushed next, from 0; `None` if rows are ready to be pulled, or none is left
    /// to push.
    ///
    /// With all borders but one these are rows 0 to `H - 1` in this order, each once.
    /// [`Border::Wrap`](crate::Border::Wrap) begins with the rows at the picture's end and ends with those at its beginning.
    pub fn wants(&self) -> Option<usize> {
        match &self.rows {
            Rows::Window(window) => window.wants(&self.plan),
            Rows::Box(rows) => rows.wants(),
        }
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
        check_len("row", self.plan.row_len(), row.len())?;
        let memory = enough(self.required, &mut self.buffer)?;
        match &mut self.rows {
            Rows::Window(window) => window.push(&self.plan, memory, (wanted, row)),
            Rows::Box(rows) => rows.push(&self.plan, memory, row),
        }
        Ok(())
    }

    /// Writes the next row of the result to `dst`, if it is ready: `W * channels` elements. They come from 0 to
    /// `H - 1`. Of boxes each is ready when the row below its window has been pushed; of other masks up to four become
    /// ready at a time, because the kernel computes so many together, or one if the level has one lane.
    ///
    /// # Errors
    /// [`Error::Length`] for a `dst` of another length. Nothing is then taken or written.
    pub fn pull(&mut self, dst: &mut [O]) -> Result<bool, Error> {
        check_len("dst", self.plan.row_len(), dst.len())?;
        let has_row = match &self.rows {
            Rows::Window(window) => window.has_row(&self.plan),
            Rows::Box(rows) => !self.is_finished() && rows.is_ready(),
        };
        if has_row {
            let memory = enough(self.required, &mut self.buffer)?;
            O::pull(self.plan.level, Pull { plan: &self.plan, rows: &mut self.rows, memory, dst });
        }
        Ok(has_row)
    }

    /// Whether all rows of the result have been pulled.
    pub fn is_finished(&self) -> bool {
        match &self.rows {
            Rows::Window(window) => window.is_finished(&self.plan),
            Rows::Box(rows) => rows.is_finished(&self.plan),
        }
    }

    /// The plan behind it.
    pub fn plan(&self) -> &Filter2dPlan {
        &self.plan
    }
}

/// A picture of one row.
fn row_picture<'a, I>(desc: &Filter2dDesc, row: &'a [I]) -> Picture<'a, I> {
    let (width, channels) = (desc.size[1], desc.channels);
    Picture { data: row, height: 1, width, channels, row_stride: row.len(), border: desc.border }
}

/// Finishes a row of the result.
pub struct Pull<'a, O> {
    plan: &'a Filter2dPlan,
    rows: &'a mut Rows,
    memory: &'a mut [f32],
    dst: &'a mut [O],
}

impl<O: Pixel> Kernel for Pull<'_, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, rows, memory, dst } = self;
        match rows {
            Rows::Window(window) => window.pull(simd, plan, memory, dst),
            Rows::Box(rows) => rows.pull(simd, plan, memory, dst),
        }
    }
}
