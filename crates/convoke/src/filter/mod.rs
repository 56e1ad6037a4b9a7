//! `Filter`: a mask planned for one picture size. Owns the packed mask and the scratch; [`forms`] says what of a picture is
//! filtered, and divides it among threads; what a row becomes is the core's business.

mod algorithm;
pub(crate) mod choose;
mod engine;
mod forms;

use std::ops::Range;

use convoke_core::{Error, Filter2dDesc, Level, Pixel};

pub use self::algorithm::{FilterAlgorithm, UnknownFilterAlgorithm};
pub use self::choose::FilterCandidate;
use self::engine::{Engine, Narrow};
use self::forms::Form;
pub use self::forms::Planes;
use crate::buffer::{Scratch, zeros};
use crate::mask::Mask;
use crate::options::Options;

/// A linear filter that is ready to run on pictures of one size.
///
/// Pictures are slices of `u8`, `u16`, `i16` or `f32` pixels, row by row, with 1 to 4 interleaved channels; the
/// result may have another type than the picture. Integers from integers are the exact value rounded to nearest
/// (ties to even) and clamped to the type's range; `f32` results are the sum in the documented order. The filter
/// may be shared between threads.
///
/// ```
/// use convoke::{Border, Filter, mask::Mask};
///
/// // Blur a 4x3 grey picture.
/// let picture = [10_u8, 10, 10, 10, 10, 90, 90, 10, 10, 10, 10, 10];
/// let mask = Mask::boxed(3)?;
/// let filter = Filter::new(&mask.desc([3, 4], 1).border(Border::Replicate), &mask)?;
/// let blurred: Vec<u8> = filter.run(&picture)?;
/// assert_eq!(blurred, [19, 28, 28, 19, 19, 28, 28, 19, 19, 28, 28, 19]);
///
/// // The same in floats, into a buffer of one's own.
/// let mut exact = vec![0_f32; 12];
/// filter.run_into(&picture, &mut exact)?;
/// assert_eq!(exact[1], 250.0 / 9.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Filter {
    planned: Planned,
    narrow: Option<Narrow>,
    /// For integers whose sums the first algorithm could not keep exact.
    fallback: Option<Planned>,
    algorithm: FilterAlgorithm,
    options: Options,
}

impl Filter {
    /// Plans `mask` as `desc` says, which usually comes from [`Mask::desc`]; scale, divisor, offset and anchor
    /// are those of `desc`.
    ///
    /// # Errors
    /// What [`Filter2dPlan::new`](crate::Filter2dPlan::new) finds wrong with `desc`; [`Error::Length`] if the mask does not have its mask
    /// size.
    pub fn new(desc: &Filter2dDesc, mask: &Mask) -> Result<Self, Error> {
        Self::with_options(desc, mask, &Options::new())
    }

    /// The same at a chosen level, with a chosen algorithm, on a chosen number of threads.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::NotSeparable`], [`Error::NotBox`] or [`Error::NotNarrow`] if the
    /// algorithm needs a mask of that kind and this one is not.
    pub fn with_options(desc: &Filter2dDesc, mask: &Mask, options: &Options) -> Result<Self, Error> {
        let algorithm = match options.filter_algorithm {
            FilterAlgorithm::Auto => choose::choose(desc, mask.weights(), options.level)?,
            asked => asked,
        };
        let planned = Planned::new(desc, mask, algorithm, options.level)?;
        let narrow = match options.filter_algorithm {
            FilterAlgorithm::Auto => Narrow::new(desc, mask.weights(), options.level)?,
            FilterAlgorithm::Narrow => {
                Some(Narrow::new(desc, mask.weights(), options.level)?.ok_or(Error::NotNarrow)?)
            }
            _ => None,
        };
        // What was chosen here must do for every type of pixels.
        let is_partial =
            options.filter_algorithm == FilterAlgorithm::Auto && algorithm == FilterAlgorithm::Box;
        let fallback =
            is_partial.then(|| Planned::new(desc, mask, FilterAlgorithm::Separable, options.level));
        Ok(Self { planned, narrow, fallback: fallback.transpose()?, algorithm, options: *options })
    }

    /// The filtered picture: as many pixels as the descriptor has.
    ///
    /// # Errors
    /// [`Error::Length`] for a `src` of another length than [`src_len`](Self::src_len); [`Error::Overflow`] if
    /// there is not enough memory.
    pub fn run<I: Pixel, O: Pixel + Default>(&self, src: &[I]) -> Result<Vec<O>, Error> {
        let mut dst = zeros("dst", self.dst_len())?;
        self.run_into(src, &mut dst)?;
        Ok(dst)
    }

    /// The same into a buffer of [`dst_len`](Self::dst_len) elements. After the first runs nothing is
    /// allocated.
    ///
    /// # Errors
    /// [`Error::Length`] for a buffer of another length; `dst` is then as it was.
    pub fn run_into<I: Pixel, O: Pixel>(&self, src: &[I], dst: &mut [O]) -> Result<(), Error> {
        self.run_with(src, dst, &|_| ())
    }

    /// The same; `done` is called as rows of the result become ready, with their number, from any thread.
    ///
    /// # Errors
    /// As [`run_into`](Self::run_into).
    pub fn run_with<I: Pixel, O: Pixel>(
        &self,
        src: &[I],
        dst: &mut [O],
        done: &(impl Fn(usize) + Sync),
    ) -> Result<(), Error> {
        let desc = self.desc();
        let stride = desc.dst_row_stride.unwrap_or(desc.size[1] * desc.channels);
        self.run_form(&Form::whole(desc.size, stride), src, dst, done)
    }

    /// A region with whatever is best for pixels of these types, into rows `stride` elements apart.
    fn run_block<I: Pixel, O: Pixel>(
        &self,
        region: [Range<usize>; 2],
        src: &[I],
        dst: &mut [O],
        stride: usize,
    ) -> Result<(), Error> {
        match &self.narrow {
            Some(narrow) if Narrow::is_for::<I, O>() => narrow.run_region(region, src, dst, stride),
            _ => match (self.planned.run_region(region.clone(), src, dst, stride), &self.fallback) {
                (Err(Error::Inexact { .. }), Some(fallback)) => fallback.run_region(region, src, dst, stride),
                (result, _) => result,
            },
        }
    }

    /// Multiply-adds per value of the result, or what takes about as long.
    fn operations_per_value(&self) -> usize {
        let [r, s] = self.desc().mask_size;
        match self.algorithm {
            FilterAlgorithm::Separable => r + s,
            FilterAlgorithm::Box => 40,
            FilterAlgorithm::Fft => 120,
            _ => r * s,
        }
    }

    /// Every algorithm that could compute the filter `desc` with `mask`, with what it is predicted to take, fastest
    /// first; the first one is what [`FilterAlgorithm::Auto`] takes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn explain(
        desc: &Filter2dDesc,
        mask: &Mask,
        options: &Options,
    ) -> Result<Vec<FilterCandidate>, Error> {
        choose::candidates(desc, mask.weights(), options.level)
    }

    /// The algorithm that runs, never [`FilterAlgorithm::Auto`].
    pub fn algorithm(&self) -> FilterAlgorithm {
        self.algorithm
    }

    /// What this filter does, sizes and all.
    pub fn desc(&self) -> &Filter2dDesc {
        self.planned.engine.desc()
    }

    /// The level it runs at.
    pub fn level(&self) -> Level {
        self.planned.engine.level()
    }

    /// Elements of `src`.
    pub fn src_len(&self) -> usize {
        self.planned.engine.src_len()
    }

    /// Elements of `dst`.
    pub fn dst_len(&self) -> usize {
        self.planned.engine.dst_len()
    }

    /// How it works, in a line for people.
    pub fn describe(&self) -> String {
        let narrow = if self.narrow.is_some() { "; bytes in integers of 16 bits" } else { "" };
        format!("{}{narrow}", self.planned.engine.describe())
    }

    /// Whether bytes are filtered in narrow integers.
    pub fn is_narrow(&self) -> bool {
        self.narrow.is_some()
    }
}

/// An engine with its scratch.
#[derive(Debug)]
struct Planned {
    engine: Engine,
    scratch: Scratch,
}

impl Planned {
    fn new(
        desc: &Filter2dDesc,
        mask: &Mask,
        algorithm: FilterAlgorithm,
        level: Level,
    ) -> Result<Self, Error> {
        let engine = Engine::new(desc, mask.weights(), algorithm, level)?;
        Ok(Self { scratch: Scratch::new(engine.scratch_len()), engine })
    }

    fn run_region<I: Pixel, O: Pixel>(
        &self,
        region: [Range<usize>; 2],
        src: &[I],
        dst: &mut [O],
        stride: usize,
    ) -> Result<(), Error> {
        self.scratch.lend(|scratch| self.engine.run_region(region, src, dst, stride, scratch))
    }
}
