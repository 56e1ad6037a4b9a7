//! The types of a result's elements, and how each is made of sums: which instance of the kernels serves a plan's
//! division.

use convoke_simd::{Level, Simd};

use super::divide::{Bytes16, Words};
use super::plan::NarrowPlan;
use super::run::Run;
use crate::kernel::narrow::finish::{Finish, Narrowed, Same16};
use crate::kernel::narrow::fold::finish_row;
use crate::kernel::narrow::lanes::Load;
use crate::kernel::narrow::line::{Line, Rows, run_line, sum_line};

/// What a narrow filter can write: `u8`, `i16` or `u16`.
pub trait NarrowPixel: sealed::NarrowPixel {}

impl NarrowPixel for u8 {}
impl NarrowPixel for i16 {}
impl NarrowPixel for u16 {}

/// How elements are made of sums of 16 bits.
#[derive(Clone, Copy, Debug)]
pub enum From16 {
    Bytes(Bytes16),
    Same,
}

pub(super) mod sealed {
    use super::{From16, Level, Line, Load, NarrowPlan, Rows, Run, Simd, Words};

    pub trait NarrowPixel: Copy + Send + Sync + 'static {
        /// Runs at a level. For each type by itself, so that it is compiled in this crate, once.
        fn dispatch(level: Level, run: Run<'_, '_, '_, Self>);

        /// How a plan's elements of this type are made of sums of 16 bits, if they can be.
        fn from16(plan: &NarrowPlan<'_>) -> Option<From16>;

        /// How they are made of sums of 32 bits.
        fn from32(plan: &NarrowPlan<'_>) -> Words;

        /// A line of taps over rows of bytes or of sums, in 16 bits. `sums` is scratch as long as `dst`.
        fn line16<S: Simd, L: Load<Sum = u16>>(
            simd: S,
            line: &Line<'_>,
            row: Rows<'_, '_, L::In>,
            from: From16,
            sums: &mut [u16],
            dst: &mut [Self],
        );

        /// Finished sums of 16 bits.
        fn finish16<S: Simd>(simd: S, sums: &[u16], from: From16, dst: &mut [Self]);

        /// Finished sums of 32 bits.
        fn finish32<S: Simd>(simd: S, sums: &[u32], from: Words, dst: &mut [Self]);
    }
}

#[inline(never)]
fn finish<S: Simd, W: Copy + Default, F: Finish<W>>(simd: S, sums: &[W], finish: F, dst: &mut [F::Out]) {
    simd.vectorize(
        #[inline(always)]
        || finish_row(sums, finish, dst),
    );
}

/// From sums of 32 bits by a shift or a division.
fn finish_words<S: Simd, T: Narrowed>(simd: S, sums: &[u32], from: Words, dst: &mut [T]) {
    match from {
        Words::Up { offset, bias, shift } => {
            finish(simd, sums, Words::shift32::<T, false>(offset, bias, shift), dst);
        }
        Words::Even { offset, bias, shift } => {
            finish(simd, sums, Words::shift32::<T, true>(offset, bias, shift), dst);
        }
        Words::Slow { offset, divisor, even } => {
            finish(simd, sums, Words::divide::<T>(offset, divisor, even), dst);
        }
        // Only bytes are made so.
        Words::Float(_) | Words::Double(_) => {}
    }
}

impl sealed::NarrowPixel for u8 {
    fn dispatch(level: Level, run: Run<'_, '_, '_, Self>) {
        level.dispatch_plain(run);
    }

    fn from16(plan: &NarrowPlan<'_>) -> Option<From16> {
        plan.bytes16.map(From16::Bytes)
    }

    fn from32(plan: &NarrowPlan<'_>) -> Words {
        plan.bytes32
    }

    fn line16<S: Simd, L: Load<Sum = u16>>(
        simd: S,
        line: &Line<'_>,
        row: Rows<'_, '_, L::In>,
        from: From16,
        sums: &mut [u16],
        dst: &mut [u8],
    ) {
        match from {
            From16::Bytes(Bytes16::Shift(f)) => run_line::<S, L, _>(simd, line, row, f, sums, dst),
            From16::Bytes(Bytes16::Even(f)) => run_line::<S, L, _>(simd, line, row, f, sums, dst),
            From16::Bytes(Bytes16::MultiplyUp(f)) => run_line::<S, L, _>(simd, line, row, f, sums, dst),
            other => {
                sum_line::<S, L>(simd, line, row, &mut sums[..dst.len()]);
                Self::finish16(simd, sums, other, dst);
            }
        }
    }

    fn finish16<S: Simd>(simd: S, sums: &[u16], from: From16, dst: &mut [u8]) {
        match from {
            From16::Bytes(Bytes16::Shift(f)) => finish(simd, sums, f, dst),
            From16::Bytes(Bytes16::Even(f)) => finish(simd, sums, f, dst),
            From16::Bytes(Bytes16::SignedUp(f)) => finish(simd, sums, f, dst),
            From16::Bytes(Bytes16::SignedEven(f)) => finish(simd, sums, f, dst),
            From16::Bytes(Bytes16::MultiplyUp(f)) => finish(simd, sums, f, dst),
            From16::Bytes(Bytes16::MultiplyEven(f)) => finish(simd, sums, f, dst),
            // Not for bytes.
            From16::Same => {}
        }
    }

    fn finish32<S: Simd>(simd: S, sums: &[u32], from: Words, dst: &mut [u8]) {
        match from {
            Words::Float(f) => finish(simd, sums, f, dst),
            Words::Double(f) => finish(simd, sums, f, dst),
            other => finish_words(simd, sums, other, dst),
        }
    }
}

impl sealed::NarrowPixel for i16 {
    fn dispatch(level: Level, run: Run<'_, '_, '_, Self>) {
        level.dispatch_plain(run);
    }

    fn from16(plan: &NarrowPlan<'_>) -> Option<From16> {
        let division = &plan.division;
        let [lo, hi] = division.range;
        let same = division.divisor == 1 && division.offset == 0 && lo >= -32768 && hi <= 32767;
        same.then_some(From16::Same)
    }

    fn from32(plan: &NarrowPlan<'_>) -> Words {
        plan.division.words()
    }

    fn line16<S: Simd, L: Load<Sum = u16>>(
        simd: S,
        line: &Line<'_>,
        row: Rows<'_, '_, L::In>,
        _: From16,
        sums: &mut [u16],
        dst: &mut [i16],
    ) {
        run_line::<S, L, _>(simd, line, row, Same16, sums, dst);
    }

    fn finish16<S: Simd>(simd: S, sums: &[u16], _: From16, dst: &mut [i16]) {
        finish(simd, sums, Same16, dst);
    }

    fn finish32<S: Simd>(simd: S, sums: &[u32], from: Words, dst: &mut [i16]) {
        finish_words(simd, sums, from, dst);
    }
}

impl sealed::NarrowPixel for u16 {
    fn dispatch(level: Level, run: Run<'_, '_, '_, Self>) {
        level.dispatch_plain(run);
    }

    fn from16(_: &NarrowPlan<'_>) -> Option<From16> {
        None
    }

    fn from32(plan: &NarrowPlan<'_>) -> Words {
        plan.division.words()
    }

    fn line16<S: Simd, L: Load<Sum = u16>>(
        simd: S,
        line: &Line<'_>,
        row: Rows<'_, '_, L::In>,
        _: From16,
        sums: &mut [u16],
        dst: &mut [u16],
    ) {
        sum_line::<S, L>(simd, line, row, &mut sums[..dst.len()]);
        dst.copy_from_slice(&sums[..dst.len()]);
    }

    fn finish16<S: Simd>(_: S, sums: &[u16], _: From16, dst: &mut [u16]) {
        dst.copy_from_slice(&sums[..dst.len()]);
    }

    fn finish32<S: Simd>(simd: S, sums: &[u32], from: Words, dst: &mut [u16]) {
        finish_words(simd, sums, from, dst);
    }
}
