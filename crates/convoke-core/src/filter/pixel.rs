//! The types of a pixel's channels: how they become f32 in the gather stage and what becomes of sums in the scatter
//! stage.

use core::ops::Range;

use convoke_simd::{Level, Simd};

use super::exact::Settle;
use super::integer::{Integer, MAX_LANES, any_open, store_row, store_vectors};
use super::plan::{Filter2dPlan, Job};
use super::stage::{Block, Stage};
use super::stream::Pull;
use crate::kernel::plane::TILE_ROWS;
use crate::slices::{part_mut, rest, rest_mut};
use crate::{Error, NarrowPlan, NarrowScratch};

/// A type that pictures are made of: `u8`, `u16`, `i16` or `f32`.
pub trait Pixel: sealed::Pixel {}

impl Pixel for u8 {}
impl Pixel for u16 {}
impl Pixel for i16 {}
impl Pixel for f32 {}

/// Pixels to read, of whichever type. With these, backends hand over from code that is generic over types of pixels to code
/// that is not, which is compiled once, in its own crate, and not again in every crate that filters.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Bytes.
    U8(&'a [u8]),
    /// 16-bit integers.
    U16(&'a [u16]),
    /// 16-bit integers with sign.
    I16(&'a [i16]),
    /// Real numbers.
    F32(&'a [f32]),
}

impl Source<'_> {
    /// The least and the greatest value of the type, if it holds integers.
    pub fn range(&self) -> Option<[i32; 2]> {
        use sealed::Pixel;

        match self {
            Source::U8(_) => u8::RANGE,
            Source::U16(_) => u16::RANGE,
            Source::I16(_) => i16::RANGE,
            Source::F32(_) => f32::RANGE,
        }
    }
}

/// Pixels to write, of whichever type.
#[derive(Debug)]
pub enum Target<'a> {
    /// Bytes.
    U8(&'a mut [u8]),
    /// 16-bit integers.
    U16(&'a mut [u16]),
    /// 16-bit integers with sign.
    I16(&'a mut [i16]),
    /// Real numbers.
    F32(&'a mut [f32]),
}

/// The runs of a type of pixels, all alike but for their types.
macro_rules! runs {
    ($run_from:ident) => {
        fn run_to_u8(plan: &Filter2dPlan, job: Job<'_>, src: &[Self], dst: &mut [u8]) {
            plan.run_job(job, src, dst);
        }

        fn run_to_u16(plan: &Filter2dPlan, job: Job<'_>, src: &[Self], dst: &mut [u16]) {
            plan.run_job(job, src, dst);
        }

        fn run_to_i16(plan: &Filter2dPlan, job: Job<'_>, src: &[Self], dst: &mut [i16]) {
            plan.run_job(job, src, dst);
        }

        fn run_to_f32(plan: &Filter2dPlan, job: Job<'_>, src: &[Self], dst: &mut [f32]) {
            plan.run_job(job, src, dst);
        }

        fn run_from<I: Pixel>(plan: &Filter2dPlan, job: Job<'_>, src: &[I], dst: &mut [Self]) {
            I::$run_from(plan, job, src, dst);
        }

        fn pull(level: Level, pull: Pull<'_, Self>) {
            level.dispatch(pull);
        }
    };
}

/// `with_source!(source => expression)`: the expression for each type, with the slice under the name of the source; and
/// the same for a target.
#[doc(hidden)]
#[macro_export]
macro_rules! with_source {
    ($pixels:ident => $body:expr) => {
        match $pixels {
            $crate::Source::U8($pixels) => $body,
            $crate::Source::U16($pixels) => $body,
            $crate::Source::I16($pixels) => $body,
            $crate::Source::F32($pixels) => $body,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! with_target {
    ($pixels:ident => $body:expr) => {
        match $pixels {
            $crate::Target::U8($pixels) => $body,
            $crate::Target::U16($pixels) => $body,
            $crate::Target::I16($pixels) => $body,
            $crate::Target::F32($pixels) => $body,
        }
    };
}

pub(super) mod sealed {
    use core::ops::Range;

    use super::{
        Block, Filter2dPlan, Job, Level, NarrowPlan, NarrowScratch, Pull, Settle, Simd, Source, Stage, Target,
    };
    use crate::Error;

    pub trait Pixel: Copy + Default + From<u8> + Send + Sync + 'static {
        /// Least and greatest value of a type of integers; with such types on both sides, a result must be the
        /// rounded exact value.
        const RANGE: Option<[i32; 2]>;

        /// A run from pixels of this type to those of that. For each pair by itself, and not generic, so that it is compiled
        /// in this crate, once, and linked only where it is used.
        fn run_to_u8(plan: &Filter2dPlan, job: Job<'_>, src: &[Self], dst: &mut [u8]);
        fn run_to_u16(plan: &Filter2dPlan, job: Job<'_>, src: &[Self], dst: &mut [u16]);
        fn run_to_i16(plan: &Filter2dPlan, job: Job<'_>, src: &[Self], dst: &mut [i16]);
        fn run_to_f32(plan: &Filter2dPlan, job: Job<'_>, src: &[Self], dst: &mut [f32]);

        /// The one of these that writes this type.
        fn run_from<I: super::Pixel>(plan: &Filter2dPlan, job: Job<'_>, src: &[I], dst: &mut [Self]);

        /// A step of a stream, likewise.
        fn pull(level: Level, pull: Pull<'_, Self>);

        /// The slice as one of some type.
        fn source(src: &[Self]) -> Source<'_>;

        /// The same to write to.
        fn target(dst: &mut [Self]) -> Target<'_>;

        /// The value as f32, which is exact.
        fn widen(self) -> f32;

        /// [`widen`](Self::widen) for a whole row; both slices have the same length.
        fn widen_row<S: Simd>(simd: S, src: &[Self], dst: &mut [f32]);

        /// The slice itself, if there is nothing to widen.
        fn as_f32(src: &[Self]) -> Option<&[f32]>;

        /// The same for what is written.
        fn as_f32_mut(_: &mut [Self]) -> Option<&mut [f32]> {
            None
        }

        /// The slice itself, if it is one of bytes.
        fn as_bytes(_: &[Self]) -> Option<&[u8]> {
            None
        }

        /// Runs a narrow filter, if it writes this type.
        fn run_narrow(
            _: &NarrowPlan<'_>,
            _: [Range<usize>; 2],
            _: &[u8],
            _: &mut [Self],
            _: usize,
            _: &mut NarrowScratch<'_>,
        ) -> Option<Result<(), Error>> {
            None
        }

        /// Accumulates a block of outputs into `dst`, which starts at the first of them.
        fn accumulate<S: Simd>(simd: S, stage: &mut Stage<'_>, block: &Block<'_>, dst: &mut [Self]);

        /// Rounds finished values, of which there are as many as pixels. `settle`, if given, decides those whose
        /// rounding their error leaves open; `at` is where it finds their pixels.
        fn store_row<S: Simd>(
            simd: S,
            values: &[f32],
            dst: &mut [Self],
            settle: Option<&Settle<'_>>,
            at: [usize; 2],
        );
    }
}

/// Types that the kernel's sums are rounded to while they are in registers.
pub(super) trait Direct: Pixel {
    /// Writes the first `dst.len()` lanes of the values, which is all of them or, with one vector, fewer.
    fn store<S: Simd, const NV: usize>(simd: S, values: &[S::F32; NV], dst: &mut [Self]);

    /// Whether the rounding of any of the values, known up to `margin`, is open. A margin of 1 says so of all.
    fn any_open<S: Simd>(simd: S, values: &[S::F32], margin: f32) -> bool;

    /// Writes those pixels of a row again whose rounding is open; `at` is where `settle` finds their pixels.
    fn settle<S: Simd>(simd: S, values: &[f32], dst: &mut [Self], settle: &Settle<'_>, at: [usize; 2]);
}
impl sealed::Pixel for f32 {
    const RANGE: Option<[i32; 2]> = None;

    runs!(run_to_f32);

    fn source(src: &[f32]) -> Source<'_> {
        Source::F32(src)
    }

    fn target(dst: &mut [f32]) -> Target<'_> {
        Target::F32(dst)
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    fn widen_row<S: Simd>(_: S, src: &[f32], dst: &mut [f32]) {
        copy(src, dst);
    }

    #[inline(always)]
    fn as_f32(src: &[f32]) -> Option<&[f32]> {
        Some(src)
    }

    #[inline(always)]
    fn as_f32_mut(dst: &mut [f32]) -> Option<&mut [f32]> {
        Some(dst)
    }

    #[inline(always)]
    fn accumulate<S: Simd>(simd: S, stage: &mut Stage<'_>, block: &Block<'_>, dst: &mut [f32]) {
        simd.past_caches(
            !stage.plan.fits_caches,
            dst,
            #[inline(always)]
            |past| stage.accumulate(simd, block, past, stage.plan.dst_stride, None),
        );
    }

    #[inline(always)]
    fn store_row<S: Simd>(_: S, values: &[f32], dst: &mut [f32], _: Option<&Settle<'_>>, _: [usize; 2]) {
        copy(values, dst);
    }
}

impl Direct for f32 {
    #[inline(always)]
    fn store<S: Simd, const NV: usize>(simd: S, values: &[S::F32; NV], dst: &mut [f32]) {
        if dst.len() == NV * S::LANES {
            for (v, dst) in values.iter().zip(dst.chunks_exact_mut(S::LANES)) {
                simd.store(*v, dst);
            }
        } else {
            simd.store_first(values[0], dst);
        }
    }

    #[inline(always)]
    fn any_open<S: Simd>(_: S, _: &[S::F32], _: f32) -> bool {
        false
    }

    fn settle<S: Simd>(_: S, _: &[f32], _: &mut [f32], _: &Settle<'_>, _: [usize; 2]) {}
}

impl sealed::Pixel for u8 {
    const RANGE: Option<[i32; 2]> = Some([0, 255]);

    runs!(run_to_u8);

    fn source(src: &[u8]) -> Source<'_> {
        Source::U8(src)
    }

    fn target(dst: &mut [u8]) -> Target<'_> {
        Target::U8(dst)
    }

    fn as_bytes(src: &[u8]) -> Option<&[u8]> {
        Some(src)
    }

    fn run_narrow(
        plan: &NarrowPlan<'_>,
        region: [Range<usize>; 2],
        src: &[u8],
        dst: &mut [u8],
        dst_row_stride: usize,
        scratch: &mut NarrowScratch<'_>,
    ) -> Option<Result<(), Error>> {
        Some(plan.run_region(region, src, dst, dst_row_stride, scratch))
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        self.into()
    }

    #[inline(always)]
    fn widen_row<S: Simd>(simd: S, src: &[u8], dst: &mut [f32]) {
        widen_integers(simd, src, dst);
    }

    #[inline(always)]
    fn as_f32(_: &[u8]) -> Option<&[f32]> {
        None
    }

    #[inline(always)]
    fn accumulate<S: Simd>(simd: S, stage: &mut Stage<'_>, block: &Block<'_>, dst: &mut [u8]) {
        let settle = stage.settle(block.rows);
        stage.accumulate(simd, block, dst, stage.plan.dst_stride, settle);
    }

    #[inline(always)]
    fn store_row<S: Simd>(
        simd: S,
        values: &[f32],
        dst: &mut [u8],
        settle: Option<&Settle<'_>>,
        at: [usize; 2],
    ) {
        store_row(simd, values, dst, settle, at);
    }
}

impl Direct for u8 {
    #[inline(always)]
    fn store<S: Simd, const NV: usize>(simd: S, values: &[S::F32; NV], dst: &mut [u8]) {
        store_vectors(simd, values, dst);
    }

    #[inline(always)]
    fn any_open<S: Simd>(simd: S, values: &[S::F32], margin: f32) -> bool {
        any_open(simd, values, margin)
    }

    #[inline(always)]
    fn settle<S: Simd>(simd: S, values: &[f32], dst: &mut [u8], settle: &Settle<'_>, at: [usize; 2]) {
        settle.redo(simd, values, dst, at);
    }
}

/// Columns of 16-bit pixels that are worked on at a time: whole tiles of every level.
const STAGED: usize = 256;

/// 16-bit integers are made of f32 in a second step, some columns at a time: the kernel, which is long, need not be
/// compiled once more for each of these types, and its sums are in the first cache still.
macro_rules! in_two_steps {
    ($type:ty, $variant:ident, $run_from:ident) => {
        impl sealed::Pixel for $type {
            const RANGE: Option<[i32; 2]> = Some([<$type>::MIN as i32, <$type>::MAX as i32]);

            runs!($run_from);

            fn source(src: &[$type]) -> Source<'_> {
                Source::$variant(src)
            }

            fn target(dst: &mut [$type]) -> Target<'_> {
                Target::$variant(dst)
            }

            fn run_narrow(
                plan: &NarrowPlan<'_>,
                region: [Range<usize>; 2],
                src: &[u8],
                dst: &mut [$type],
                dst_row_stride: usize,
                scratch: &mut NarrowScratch<'_>,
            ) -> Option<Result<(), Error>> {
                Some(plan.run_region(region, src, dst, dst_row_stride, scratch))
            }

            #[inline(always)]
            fn widen(self) -> f32 {
                self.into()
            }

            #[inline(always)]
            fn widen_row<S: Simd>(simd: S, src: &[$type], dst: &mut [f32]) {
                widen_integers(simd, src, dst);
            }

            #[inline(always)]
            fn as_f32(_: &[$type]) -> Option<&[f32]> {
                None
            }

            #[inline(always)]
            fn accumulate<S: Simd>(simd: S, stage: &mut Stage<'_>, block: &Block<'_>, dst: &mut [$type]) {
                let settle = stage.settle(block.rows);
                let mut staged = [0.0; TILE_ROWS * (STAGED + MAX_LANES)];
                let mut x = 0;
                while x < block.width {
                    // Never less than a vector is left over, unless there is nothing more.
                    let rest = block.width - x;
                    let width = if rest <= STAGED + MAX_LANES { rest } else { STAGED };
                    simd.past_caches(
                        false,
                        &mut staged,
                        #[inline(always)]
                        |dst| stage.accumulate(simd, &block.columns(x, width), dst, width, None),
                    );
                    for (y, values) in staged.chunks_exact(width.max(1)).take(block.count).enumerate() {
                        let Some(dst) = part_mut(dst, y * stage.plan.dst_stride + x, width) else { return };
                        store_row(simd, values, dst, settle.as_ref(), [y, x]);
                    }
                    x += width;
                }
            }

            #[inline(always)]
            fn store_row<S: Simd>(
                simd: S,
                values: &[f32],
                dst: &mut [$type],
                settle: Option<&Settle<'_>>,
                at: [usize; 2],
            ) {
                store_row(simd, values, dst, settle, at);
            }
        }
    };
}

in_two_steps!(u16, U16, run_to_u16);
in_two_steps!(i16, I16, run_to_i16);

#[inline(always)]
fn widen_integers<S: Simd, I: Integer>(simd: S, src: &[I], dst: &mut [f32]) {
    let body = src.len() - src.len() % S::LANES;
    for (src, dst) in src.chunks_exact(S::LANES).zip(dst.chunks_exact_mut(S::LANES)) {
        simd.store(I::load(simd, src), dst);
    }
    if let (Some(src), Some(dst)) = (rest(src, body), rest_mut(dst, body)) {
        for (src, dst) in src.iter().zip(dst) {
            *dst = src.widen();
        }
    }
}

/// As many values as both have, which is all of them.
#[inline(always)]
fn copy(src: &[f32], dst: &mut [f32]) {
    debug_assert_eq!(src.len(), dst.len(), "rows of different lengths");
    let len = src.len().min(dst.len());
    if let (Some(src), Some(dst)) = (src.get(..len), dst.get_mut(..len)) {
        dst.copy_from_slice(src);
    }
}
