//! The gather stage of a filter: input rows, widened to f32 and with their border values in place, in a ring of rows
//! in scratch. Neither the kernel nor the scatter stage knows that pictures end.

use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::pixel::Pixel;
use super::plan::{ALIGN, Filter2dPlan};
use crate::Border;
use crate::kernel::plane::Rows;
use crate::slices::{part, part_mut, rest, rest_mut, split_mut};

/// The picture that is read.
#[derive(Clone, Copy)]
pub(super) struct Picture<'a, I> {
    pub(super) data: &'a [I],
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) row_stride: usize,
    pub(super) border: Border,
}

impl<'a, I> Picture<'a, I> {
    pub(super) fn of(plan: &Filter2dPlan, data: &'a [I]) -> Self {
        let ([height, width], channels) = (plan.desc.size, plan.desc.channels);
        Self { data, height, width, channels, row_stride: plan.src_stride, border: plan.desc.border }
    }
}

/// A picture whose rows come as floats, whatever its pixels' type is: what walks down it is compiled once for all of them, and
/// types that nobody uses are not linked.
pub(super) trait Input<S: Simd> {
    /// Pixels `cols` of row `y`, any of which may lie outside the picture.
    fn row(&self, simd: S, y: isize, cols: Range<isize>, dst: &mut [f32]);

    /// The picture's own values, if they are floats.
    fn floats(&self) -> Option<&[f32]>;
}

impl<S: Simd, I: Pixel> Input<S> for Picture<'_, I> {
    fn row(&self, simd: S, y: isize, cols: Range<isize>, dst: &mut [f32]) {
        simd.vectorize(
            #[inline(always)]
            || gather_row(simd, self, y, cols, dst),
        );
    }

    fn floats(&self) -> Option<&[f32]> {
        I::as_f32(self.data)
    }
}

/// A way down a picture.
pub(super) trait Walk {
    fn run<S: Simd>(self, simd: S, picture: &dyn Input<S>);
}

/// A way down a picture of pixels of this type.
pub(super) struct Walking<'a, I, W> {
    pub(super) picture: Picture<'a, I>,
    pub(super) walk: W,
}

impl<I: Pixel, W: Walk> Kernel for Walking<'_, I, W> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.walk.run(simd, &self.picture);
    }
}

/// The last input rows of a range of columns. Row `y` of the picture, which may lie outside it, is at `y` modulo the
/// number of rows, so that walking down reads every row once.
pub(super) struct Ring<'s> {
    data: &'s mut [f32],
    pitch: usize,
    count: usize,
    channels: usize,
    /// Input pixels of a row: the columns and the halo on both sides.
    cols: Range<isize>,
    /// Elements before the first pixel, which put the picture's own pixels on cache lines.
    lead: usize,
    /// Elements that a vector may read behind the last pixel.
    behind: usize,
    /// Rows that are there.
    held: Range<isize>,
}

impl<'s> Ring<'s> {
    /// A ring for outputs `cols` in `data`, with rows at `pitch`.
    pub(super) fn new(
        plan: &Filter2dPlan,
        data: &'s mut [f32],
        pitch: usize,
        count: usize,
        cols: Range<usize>,
    ) -> Self {
        let (channels, [_, before], [_, s]) = (plan.desc.channels, plan.before, plan.desc.mask_size);
        let start = cols.start as isize - before as isize;
        Self {
            data,
            pitch,
            count,
            channels,
            cols: start..(cols.end + s - 1) as isize - before as isize,
            lead: (ALIGN - before * channels % ALIGN) % ALIGN,
            behind: plan.level.lanes().saturating_sub(cols.len() * channels),
            held: 0..0,
        }
    }

    /// Reads what is missing of input rows `wanted`, no more than the ring holds. Afterwards they are there.
    #[inline(always)]
    pub(super) fn fill<S: Simd>(
        &mut self,
        simd: S,
        picture: &dyn Input<S>,
        wanted: Range<isize>,
    ) -> Rows<'_> {
        let keeps = self.held.start <= wanted.start && wanted.start <= self.held.end;
        for y in if keeps { self.held.end } else { wanted.start }..wanted.end {
            self.write(simd, picture, y, y);
        }
        self.held = wanted.clone();
        self.rows(wanted.start)
    }

    /// Writes row `y` of the picture, which may lie outside it, to where row `place` is.
    #[inline(always)]
    pub(super) fn write<S: Simd>(&mut self, simd: S, picture: &dyn Input<S>, y: isize, place: isize) {
        let cols = self.cols.clone();
        let [row, behind] = self.row(place);
        picture.row(simd, y, cols, row);
        behind.fill(0.0);
    }

    /// Writes a value to all of row `place`.
    pub(super) fn fill_with(&mut self, place: isize, value: f32) {
        let [row, behind] = self.row(place);
        row.fill(value);
        behind.fill(0.0);
    }

    /// Copies row `from` to where row `to` is.
    pub(super) fn copy(&mut self, from: isize, to: isize) {
        let [from, to] = [from, to].map(|place| self.place(place) * self.pitch);
        // Rows do not overlap, and only the last one may be shorter.
        let (low, high) = split_mut(self.data, from.max(to));
        let Some(low) = rest_mut(low, from.min(to)) else { return };
        for (low, high) in low.iter_mut().zip(high).take(self.pitch) {
            if from < to { *high = *low } else { *low = *high }
        }
    }

    /// The rows from `first` on.
    pub(super) fn rows(&self, first: isize) -> Rows<'_> {
        Rows {
            data: rest(self.data, self.lead).unwrap_or_default(),
            pitch: self.pitch,
            first: self.place(first),
            count: self.count,
            from_memory: false,
        }
    }

    /// The pixels of row `place`, and what a vector may read behind them.
    #[inline(always)]
    fn row(&mut self, place: isize) -> [&mut [f32]; 2] {
        let at = self.place(place) * self.pitch + self.lead;
        let pixels = (self.cols.end - self.cols.start) as usize * self.channels;
        split_mut(part_mut(self.data, at, pixels + self.behind).unwrap_or_default(), pixels).into()
    }

    fn place(&self, y: isize) -> usize {
        y.checked_rem_euclid(self.count as isize).unwrap_or_default() as usize
    }
}

/// Pixels `cols` of row `y`, any of which may lie outside the picture.
#[inline(always)]
fn gather_row<S: Simd, I: Pixel>(
    simd: S,
    picture: &Picture<'_, I>,
    y: isize,
    cols: Range<isize>,
    dst: &mut [f32],
) {
    let &Picture { channels, width, border, .. } = picture;
    let Some(y) = border.index(y, picture.height) else {
        dst.fill(border.outside());
        return;
    };
    let Some(src) = part(picture.data, y * picture.row_stride, width * channels) else { return };
    // The columns are those of outputs and a halo around them, so some of them are inside.
    let inside = cols.start.max(0)..cols.end.min(width as isize);
    let (left, rest) = split_mut(dst, (inside.start - cols.start) as usize * channels);
    let (middle, right) = split_mut(rest, (inside.end - inside.start) as usize * channels);
    halo::<S, I>(src, picture, cols.start, left);
    if let Some(src) = part(src, inside.start as usize * channels, middle.len()) {
        I::widen_row(simd, src, middle);
    }
    halo::<S, I>(src, picture, inside.end, right);
}

/// Pixels outside the picture's columns, from `x` on.
///
/// A copy whose length is not known when compiling is a call, and so was the border's arithmetic: together they took a
/// quarter of the time of a wide box.
fn halo<S: Simd, I: Pixel>(src: &[I], picture: &Picture<'_, I>, x: isize, dst: &mut [f32]) {
    match picture.channels {
        _ if const { S::LANES == 1 } => halo_one_by_one(src, picture, x, dst),
        1 => halo_pixels::<I, 1>(src, picture.border, x, dst),
        2 => halo_pixels::<I, 2>(src, picture.border, x, dst),
        3 => halo_pixels::<I, 3>(src, picture.border, x, dst),
        _ => halo_pixels::<I, 4>(src, picture.border, x, dst),
    }
}

/// The same where the machine has one lane, and nothing to gain but a tenth of the flash.
fn halo_one_by_one<I: Pixel>(src: &[I], picture: &Picture<'_, I>, x: isize, dst: &mut [f32]) {
    let &Picture { border, channels, width, .. } = picture;
    let (mut x, mut channel, mut pixel) = (x, 0, border.index(x, width));
    for dst in dst {
        if channel == channels {
            (x, channel) = (x + 1, 0);
            pixel = border.index(x, width);
        }
        *dst = match pixel.and_then(|x| src.get(x * channels + channel)) {
            Some(value) => value.widen(),
            None => border.outside(),
        };
        channel += 1;
    }
}

/// The same for `C` channels.
fn halo_pixels<I: Pixel, const C: usize>(src: &[I], border: Border, x: isize, dst: &mut [f32]) {
    let ((src, _), (dst, _)) = (src.as_chunks::<C>(), dst.as_chunks_mut::<C>());
    match border {
        Border::Zero | Border::Constant(_) => dst.as_flattened_mut().fill(border.outside()),
        _ => {
            let index = |i: usize| border.index(x + i as isize, src.len());
            let Some((first, last)) = index(0).zip(index(dst.len().wrapping_sub(1))) else { return };
            // Mostly the pixels are neighbours in the picture, too. Steps are of one pixel or none, but for a jump of
            // `wrap`, which only goes back.
            let apart = dst.len().saturating_sub(1);
            if last >= first && last - first == apart {
                widen_pixels(src.get(first..).unwrap_or_default().iter(), dst);
            } else if first >= last && first - last == apart && border != Border::Wrap {
                widen_pixels(src.get(..=first).unwrap_or_default().iter().rev(), dst);
            } else {
                let pixels = (0..dst.len()).filter_map(|i| index(i).and_then(|x| src.get(x)));
                widen_pixels(pixels, dst);
            }
        }
    }
}

/// As many pixels as `dst` has.
fn widen_pixels<'a, I: Pixel, const C: usize>(src: impl Iterator<Item = &'a [I; C]>, dst: &mut [[f32; C]]) {
    for (src, dst) in src.zip(dst) {
        for (src, dst) in src.iter().zip(dst) {
            *dst = src.widen();
        }
    }
}

/// One channel of pixels from column `x` on of row `y`, any of which may lie outside the picture, but not all of them
/// outside its columns.
#[inline(always)]
pub(super) fn gather_channel<S: Simd, I: Pixel>(
    simd: S,
    picture: &Picture<'_, I>,
    y: isize,
    x: isize,
    channel: usize,
    dst: &mut [f32],
) {
    let &Picture { channels, width, border, .. } = picture;
    let Some(y) = border.index(y, picture.height) else {
        dst.fill(border.outside());
        return;
    };
    let src = &picture.data[y * picture.row_stride..][..width * channels];
    let end = x + dst.len() as isize;
    let inside = x.clamp(0, width as isize)..end.clamp(0, width as isize);
    let (left, rest) = dst.split_at_mut((inside.start - x) as usize);
    let (middle, right) = rest.split_at_mut((inside.end - inside.start) as usize);
    let halo = |x: isize, dst: &mut [f32]| {
        for (x, dst) in (x..).zip(dst) {
            *dst = match border.index(x, width) {
                Some(x) => src[x * channels + channel].widen(),
                None => border.outside(),
            };
        }
    };
    halo(x, left);
    halo(inside.end, right);
    let src = &src[inside.start as usize * channels..inside.end as usize * channels];
    // The distance between a channel's values must be known when compiling, or the loop is not vectorised.
    match channels {
        1 => I::widen_row(simd, src, middle),
        2 => widen_channel::<I, 2>(src, channel, middle),
        3 => widen_channel::<I, 3>(src, channel, middle),
        _ => widen_channel::<I, 4>(src, channel, middle),
    }
}

/// One channel of `C`.
#[inline(always)]
fn widen_channel<I: Pixel, const C: usize>(src: &[I], channel: usize, dst: &mut [f32]) {
    let src = &src[channel.min(src.len())..];
    let (pixels, rest) = src.as_chunks::<C>();
    let (body, last) = dst.split_at_mut(pixels.len().min(dst.len()));
    for (pixel, dst) in pixels.iter().zip(body) {
        *dst = pixel[0].widen();
    }
    // Behind the last pixel's value there are fewer than `C`.
    for (value, dst) in rest.iter().zip(last) {
        *dst = value.widen();
    }
}
