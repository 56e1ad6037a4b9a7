//! Accumulate and scatter, once the input rows of a few output rows are there: in one pass over the mask, or in two
//! over the factors of a separable one.

use core::ops::Range;

use convoke_simd::{Kernel, Simd, as_f64_mut};

use super::certificate::Certificate;
use super::exact::Settle;
use super::pixel::Pixel;
use super::plan::{Filter2dPlan, Method};
use super::scatter::{Post, Scatter};
use super::target::Target;
use crate::Accumulate;
use crate::kernel::plane::{Rows, TILE_ROWS, Taps, accumulate};
use crate::kernel::separable::{Across, Sums, across, down};
use crate::kernel::slide;
use crate::kernel::wide::{self, WidePost, WideSums, WideTaps};
use crate::slices::{rest_mut, split};

/// Outputs of a separable filter that are worked on at a time, in elements: a tile's rows of them stay in the first
/// cache from the pass down to the pass across.
pub(super) const CHUNK: usize = 1024;

/// Outputs that are computed at a time.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    /// Input rows, from the first tap of the first output on.
    pub(super) rows: Rows<'a>,
    /// Rows of outputs.
    pub(super) count: usize,
    /// Elements of each.
    pub(super) width: usize,
}

impl Block<'_> {
    /// Elements from `x` on.
    pub(super) fn columns(&self, x: usize, width: usize) -> Self {
        Self { rows: self.rows.shifted(x), width, ..*self }
    }
}

/// What every tile needs.
pub struct Stage<'a> {
    pub(super) plan: &'a Filter2dPlan,
    /// The mask.
    weights: &'a [f32],
    /// Its factors, for [`Method::Separable`]: the columns of all terms, and the rows.
    columns: &'a [f32],
    row: &'a [f32],
    /// Given if results need it.
    certificate: Option<Certificate>,
    /// Sums down the picture of a tile's rows, for [`Method::Separable`]; in f64 if that is what sums are made in.
    sums: &'a mut [f32],
    /// Elements from one row of them to the next, in f32.
    sums_pitch: usize,
    /// Whether sums are made in f64: because that is asked for, or because those in f32 would leave too many pixels open.
    wide: bool,
}

impl<'a> Stage<'a> {
    /// `packed` holds the mask, and behind it the factors if there are any. `wide` asks for sums in f64.
    pub(super) fn new(
        plan: &'a Filter2dPlan,
        packed: &'a [f32],
        certificate: Option<Certificate>,
        (sums, sums_pitch): (&'a mut [f32], usize),
        wide: bool,
    ) -> Self {
        let [r, s] = plan.desc.mask_size;
        let (weights, factors) = split(packed, r * s);
        let (columns, row) = split(factors, factors.len() / (r + s).max(1) * r);
        let is_open = |certificate: &Certificate| certificate.is_better_wide(&plan.desc, plan.taps());
        let wide = wide || plan.wide_pitch(sums_pitch).is_some() && certificate.as_ref().is_some_and(is_open);
        Self { plan, weights, columns, row, certificate, sums, sums_pitch, wide }
    }

    /// Outputs of `count` rows, to `elements` of each row of `dst`, which starts at the first of these rows.
    #[inline(always)]
    pub(super) fn run<S: Simd, O: Pixel>(
        &mut self,
        simd: S,
        rows: Rows<'_>,
        count: usize,
        elements: Range<usize>,
        dst: &mut [O],
    ) {
        let block = Block { rows, count, width: elements.len() };
        if let Some(dst) = rest_mut(dst, elements.start) {
            O::accumulate(simd, self, &block, dst);
        }
    }

    /// What decides the pixels that f32 leaves open, if there are any.
    #[inline(always)]
    pub(super) fn settle<'b>(&self, rows: Rows<'b>) -> Option<Settle<'b>>
    where
        'a: 'b,
    {
        self.certificate.map(|Certificate { margin, wide_margin, fine_margin, .. }| Settle {
            weights: self.weights,
            cols: self.plan.desc.mask_size[1],
            step: self.plan.desc.channels,
            rows,
            post: Post::of(&self.plan.desc),
            margin: if self.wide { wide_margin } else { margin },
            fine_margin,
        })
    }

    /// The kernels, with values or pixels as they leave the registers.
    #[inline(always)]
    pub(super) fn accumulate<S: Simd, T: Target>(
        &mut self,
        simd: S,
        block: &Block<'_>,
        dst: T,
        row_stride: usize,
        settle: Option<Settle<'_>>,
    ) {
        match self.plan.method {
            Method::Direct => self.accumulate_direct(simd, block, dst, row_stride, settle),
            Method::Separable { .. } => self.accumulate_terms(simd, block, dst, row_stride, settle),
            // A box has its own walk.
            Method::Box { .. } => {}
        }
    }

    /// In one pass over the mask.
    #[inline(always)]
    pub(super) fn accumulate_direct<S: Simd, T: Target>(
        &mut self,
        simd: S,
        &Block { rows, count, width }: &Block<'_>,
        dst: T,
        row_stride: usize,
        settle: Option<Settle<'_>>,
    ) {
        let (channels, [_, s]) = (self.plan.desc.channels, self.plan.desc.mask_size);
        let mut scatter = Scatter { dst, row_stride, post: Post::of(&self.plan.desc), settle, left: 0 };
        if self.wide {
            let post = wide_post(scatter.post);
            // In f64 already, before the one rounding.
            scatter.post = Post { scale: 1.0, divisor: 1.0, offset: 0.0 };
            let taps = WideTaps { weights: self.weights, cols: s, step: channels };
            wide::accumulate(simd, taps, rows, post, [count, width], &mut scatter);
        } else if const { S::LANES == 1 } && channels == 1 {
            slide::accumulate(simd, (self.weights, s), rows, [count, width], &mut scatter);
        } else {
            accumulate(simd, &taps(self.weights, s, channels), rows, [count, width], &mut scatter);
        }
    }

    /// In two passes over the factors of the mask.
    #[inline(always)]
    fn accumulate_terms<S: Simd, T: Target>(
        &mut self,
        simd: S,
        &Block { rows, count, width }: &Block<'_>,
        dst: T,
        row_stride: usize,
        settle: Option<Settle<'_>>,
    ) {
        let (channels, [_, s]) = (self.plan.desc.channels, self.plan.desc.mask_size);
        let mut scatter = Scatter { dst, row_stride, post: Post::of(&self.plan.desc), settle, left: 0 };
        let halo = (s - 1) * channels;
        let pitch = self.plan.wide_pitch(self.sums_pitch).filter(|_| self.wide).unwrap_or(self.sums_pitch);
        // Half as many where each takes twice the room.
        let most = if self.wide { (CHUNK / 2).min(pitch - halo) } else { CHUNK }.max(1);
        // Equal parts, the last of which overlaps with the one before rather than be narrower. (None of these is 0,
        // which the compiler does not know.)
        let parts = width.div_ceil(most).max(1);
        let part = width.div_ceil(parts).next_multiple_of(16).min(width).min(most).max(1);
        let (column, group) = (self.plan.desc.mask_size[0].max(1), (TILE_ROWS * pitch).max(1));
        let post = wide_post(scatter.post);
        if self.wide {
            scatter.post = Post { scale: 1.0, divisor: 1.0, offset: 0.0 };
        }
        for x in (0..width).step_by(part) {
            let x = x.min(width - part);
            // Outputs are made at least a vector wide, and read what is under the mask of that.
            let under = part.max(S::LANES) + halo;
            let input = rows.shifted(x);
            scatter.left = x;
            let terms = self.columns.chunks_exact(column);
            if self.wide {
                let data = as_f64_mut(self.sums);
                for (column, data) in terms.zip(data.chunks_mut(group)) {
                    wide::down(simd, column, input, [count, under], &mut WideSums { data, pitch });
                }
                let rows = WideTaps { weights: self.row, cols: s, step: channels };
                wide::across(simd, rows, &WideSums { data, pitch }, post, [count, part], &mut scatter);
                continue;
            }
            // What one term has fetched is there for the next.
            let mut from_memory = !self.plan.fits_caches;
            for (column, data) in terms.zip(self.sums.chunks_mut(group)) {
                down(simd, column, input, [count, under], &mut Sums { data, pitch }, from_memory);
                from_memory = false;
            }
            let terms = Across { rows: self.row, taps: s, step: channels, src: self.sums, pitch };
            across(simd, terms, [count, part], &mut scatter);
        }
    }
}

/// Values of a block of outputs of a mask with factors, for streams: see [`code`](super::code).
pub(super) fn accumulate_terms(stage: &mut Stage<'_>, block: &Block<'_>, dst: &mut [f32]) {
    stage.plan.level.dispatch(Terms { stage, block, dst });
}

struct Terms<'a, 's> {
    stage: &'a mut Stage<'s>,
    block: &'a Block<'a>,
    dst: &'a mut [f32],
}

impl Kernel for Terms<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { stage, block, dst } = self;
        simd.past_caches(
            false,
            dst,
            #[inline(always)]
            |dst| stage.accumulate_terms(simd, block, dst, block.width, None),
        );
    }
}

/// The same steps in f64.
fn wide_post(Post { scale, divisor, offset }: Post) -> WidePost {
    WidePost { scale: scale.into(), divisor: divisor.into(), offset: offset.into() }
}

/// The mask for the kernel. A function of its own so that the kernel is compiled once for all types of pixels.
fn taps(weights: &[f32], cols: usize, step: usize) -> Taps<'_, impl Fn(usize) -> usize> {
    Taps { weights, rows: weights.len() / cols.max(1), cols, row_stride: 1, offset: move |s| s * step }
}

/// Sums from one row of [`Stage::sums`] to the next, and the elements of all of them, of so many `terms`. Sums in f64 take
/// two elements each, and one more for their alignment.
pub(super) fn sums_layout(
    width: usize,
    halo: usize,
    lanes: usize,
    (terms, accumulate): (usize, Accumulate),
) -> Option<(usize, usize)> {
    let pitch = width.min(CHUNK).max(lanes).checked_add(halo)?.checked_next_multiple_of(16)?;
    let sums = pitch.checked_mul(TILE_ROWS)?.checked_mul(terms)?;
    Some((pitch, if accumulate == Accumulate::F64 { sums.checked_mul(2)?.checked_add(1)? } else { sums }))
}
