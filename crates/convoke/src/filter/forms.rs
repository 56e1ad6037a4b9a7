//! The forms in which a [`Filter`] is run: over a whole picture, a region of it, or planes of one channel. All are regions
//! of one or several pictures, cut into rows for threads. Between a call and the runs of an engine.

use std::ops::Range;

use convoke_core::{Error, Pixel, check_region};
use rayon::prelude::*;

use super::Filter;
use crate::buffer::zeros;

/// Parts per thread when there are several: threads that are slowed down by others leave work to those that are
/// not.
const PARTS_PER_THREAD: usize = 4;
/// Multiply-adds that take seconds on one thread.
const WORTH_WATCHING: u64 = 2_000_000_000;

/// How planes lie in memory: `count` pictures, one behind the other. See [`Filter::run_planes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Planes {
    /// Number of planes.
    pub count: usize,
    /// Elements from the beginning of a plane of `src` to that of the next; `None` for [`Filter::src_len`].
    pub src_stride: Option<usize>,
    /// The same of `dst`; `None` for [`Filter::dst_len`].
    pub dst_stride: Option<usize>,
}

impl Planes {
    /// So many planes, without anything between them.
    pub const fn new(count: usize) -> Self {
        Self { count, src_stride: None, dst_stride: None }
    }

    /// Sets the distance of planes of `src`, in elements.
    pub const fn src_stride(mut self, elements: usize) -> Self {
        self.src_stride = Some(elements);
        self
    }

    /// Sets the distance of planes of `dst`, in elements.
    pub const fn dst_stride(mut self, elements: usize) -> Self {
        self.dst_stride = Some(elements);
        self
    }
}

/// What is filtered, and where the result is put.
pub(super) struct Form {
    /// Rows and columns of the picture.
    region: [Range<usize>; 2],
    /// Elements of `dst` from one row to the next.
    stride: usize,
    planes: Planes,
}

impl Form {
    pub(super) const fn whole([height, width]: [usize; 2], stride: usize) -> Self {
        Self { region: [0..height, 0..width], stride, planes: Planes::new(1) }
    }
}

/// What one call of an engine does: rows of a plane.
struct Part<'d, O> {
    plane: usize,
    rows: Range<usize>,
    dst: &'d mut [O],
}

impl Filter {
    /// Rows `rows` and columns `cols` of the filtered picture: `rows.len() * cols.len() * channels` elements. Around
    /// the region, the mask sees the picture that is there, so the result is that part of [`run`](Self::run)'s, bit for bit.
    ///
    /// To filter a region as a picture of its own, whose border begins where the region ends, plan a filter for its size with
    /// the row stride of the picture, and give it the picture from the region's first pixel to its last:
    ///
    /// ```
    /// use convoke::{Filter, mask::Mask};
    ///
    /// let mask = "1 1 1".parse::<Mask>()?;
    /// let picture = [1_u8, 2, 3, 4, 5, 6, 7, 8, 9, 10]; // 2 rows of 5 pixels
    /// let filter = Filter::new(&mask.desc([2, 5], 1), &mask)?;
    /// assert_eq!(filter.run_region::<_, u8>([0..2, 1..3], &picture)?, [6, 9, 21, 24]);
    ///
    /// let isolated = Filter::new(&mask.desc([2, 2], 1).src_row_stride(5), &mask)?;
    /// assert_eq!(isolated.run::<_, u8>(&picture[1..8])?, [5, 5, 15, 15]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a region that is not in the picture, [`Error::Length`] for a `src` of another length than
    /// [`src_len`](Self::src_len); [`Error::Overflow`] if there is not enough memory.
    pub fn run_region<I: Pixel, O: Pixel + Default>(
        &self,
        [rows, cols]: [Range<usize>; 2],
        src: &[I],
    ) -> Result<Vec<O>, Error> {
        check_region(self.desc().size, &rows, &cols)?;
        // No more than the whole picture has.
        let mut dst = zeros("dst", rows.len() * cols.len() * self.desc().channels)?;
        self.run_region_into([rows, cols], src, &mut dst)?;
        Ok(dst)
    }

    /// The same into a buffer of that length.
    ///
    /// # Errors
    /// As [`run_region`](Self::run_region); [`Error::Length`] for a `dst` of another length. It is then as it was.
    pub fn run_region_into<I: Pixel, O: Pixel>(
        &self,
        region: [Range<usize>; 2],
        src: &[I],
        dst: &mut [O],
    ) -> Result<(), Error> {
        self.run_region_with(region, src, dst, &|_| ())
    }

    /// The same; `done` is called as rows of the result become ready, with their number, from any thread.
    ///
    /// # Errors
    /// As [`run_region_into`](Self::run_region_into).
    pub fn run_region_with<I: Pixel, O: Pixel>(
        &self,
        region: [Range<usize>; 2],
        src: &[I],
        dst: &mut [O],
        done: &(impl Fn(usize) + Sync),
    ) -> Result<(), Error> {
        let [rows, cols] = &region;
        check_region(self.desc().size, rows, cols)?;
        let stride = cols.len() * self.desc().channels;
        self.run_form(&Form { region, stride, planes: Planes::new(1) }, src, dst, done)
    }

    /// Filters several pictures in one memory: the planes of a planar one, which are pictures of one channel. Each becomes
    /// what [`run_into`](Self::run_into) makes of it; threads share planes and rows. What lies between planes of `dst`
    /// stays as it is.
    ///
    /// ```
    /// use convoke::{Filter, Planes, mask::Mask};
    ///
    /// // Red, green and blue planes of two rows of two pixels.
    /// let mask = "1 1".parse::<Mask>()?;
    /// let filter = Filter::new(&mask.desc([2, 2], 1), &mask)?;
    /// let mut dst = [0_u8; 12];
    /// filter.run_planes(Planes::new(3), &[1_u8, 2, 3, 4, 10, 20, 30, 40, 5, 6, 7, 8], &mut dst)?;
    /// assert_eq!(dst, [1, 3, 3, 7, 10, 30, 30, 70, 5, 11, 7, 15]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::TooSmall`] for no planes, or planes that overlap; [`Error::Length`] for a `src` or `dst` that does not end
    /// with its last plane; [`Error::Overflow`] for planes that fit in no memory. `dst` is then as it was.
    pub fn run_planes<I: Pixel, O: Pixel>(
        &self,
        planes: Planes,
        src: &[I],
        dst: &mut [O],
    ) -> Result<(), Error> {
        let desc = self.desc();
        let stride = desc.dst_row_stride.unwrap_or(desc.size[1] * desc.channels);
        self.run_form(&Form { planes, ..Form::whole(desc.size, stride) }, src, dst, &|_| ())
    }

    /// Runs a form whose region is in the picture.
    pub(super) fn run_form<I: Pixel, O: Pixel>(
        &self,
        form: &Form,
        src: &[I],
        dst: &mut [O],
        done: &(impl Fn(usize) + Sync),
    ) -> Result<(), Error> {
        let [rows, cols] = &form.region;
        let count = form.planes.count;
        let held = match rows.len() {
            0 => 0,
            rows => (rows - 1) * form.stride + cols.len() * self.desc().channels,
        };
        if count == 0 {
            return Err(Error::TooSmall { operand: "planes", required: 1, got: 0 });
        }
        let src_stride = form.planes.src_stride.unwrap_or(self.src_len());
        let dst_stride = form.planes.dst_stride.unwrap_or(held);
        for ([operand, of_stride], stride, plane, got) in [
            (["src", "src plane stride"], src_stride, self.src_len(), src.len()),
            (["dst", "dst plane stride"], dst_stride, held, dst.len()),
        ] {
            if stride < plane {
                return Err(Error::TooSmall { operand: of_stride, required: plane, got: stride });
            }
            let required = (count - 1).checked_mul(stride).and_then(|before| before.checked_add(plane));
            let required = required.ok_or(Error::Overflow { operand })?;
            if required != got {
                return Err(Error::Length { operand, required, got });
            }
        }
        if held == 0 {
            return Ok(());
        }

        let run = |Part { plane, rows, dst }: Part<'_, O>| {
            let src = &src[plane * src_stride..][..self.src_len()];
            let count = rows.len();
            self.run_block([rows, cols.clone()], src, dst, form.stride)?;
            done(count);
            Ok(())
        };
        let operations = self.operations::<I, O>(form);
        let threads = self.options.threads_for(operations);
        // On one thread the work is one call, unless it lasts so long (seconds) that someone may be watching.
        let watched = || usize::try_from(operations / WORTH_WATCHING).unwrap_or(usize::MAX).clamp(1, 100);
        let parts = if threads > 1 { threads * PARTS_PER_THREAD } else { watched() };
        if parts == 1 && count == 1 {
            return run(Part { plane: 0, rows: rows.clone(), dst });
        }
        let row_step = self.planned_for::<I, O>()?.engine.row_step();
        let mut cut = Vec::new();
        for (plane, dst) in dst.chunks_mut(dst_stride).enumerate() {
            self.cut(plane, form, &mut dst[..held], [parts.div_ceil(count), row_step], &mut cut);
        }
        if threads > 1 {
            cut.into_par_iter().with_max_len(1).try_for_each(run)
        } else {
            cut.into_iter().try_for_each(run)
        }
    }

    /// Cuts a plane of `dst` into about `count` parts, at multiples of `whole` rows, without what is behind the last row of
    /// each.
    fn cut<'d, O>(
        &self,
        plane: usize,
        form: &Form,
        dst: &'d mut [O],
        [count, whole]: [usize; 2],
        parts: &mut Vec<Part<'d, O>>,
    ) {
        let [rows, cols] = &form.region;
        let step = rows.len().div_ceil(count).next_multiple_of(whole);
        let (mut first, mut rest) = (rows.start, dst);
        while first < rows.end {
            // Parts end where an engine's tiles end.
            let end = ((first + step) / whole * whole).min(rows.end);
            let (part, after) = rest.split_at_mut(((end - first) * form.stride).min(rest.len()));
            let held = (end - first - 1) * form.stride + cols.len() * self.desc().channels;
            parts.push(Part { plane, rows: first..end, dst: &mut part[..held] });
            (first, rest) = (end, after);
        }
    }

    /// Multiply-adds of one run.
    fn operations<I: Pixel, O: Pixel>(&self, form: &Form) -> u64 {
        let [rows, cols] = &form.region;
        let per_value = self.operations_per_value::<I, O>();
        let factors = [rows.len(), cols.len(), self.desc().channels, form.planes.count, per_value];
        factors.iter().fold(1, |product: u64, &factor| product.saturating_mul(factor as u64))
    }
}
