//! `Filter`: a mask planned for one picture size. Owns the packed mask and the scratch; [`forms`] says what of a picture is
//! filtered, and divides it among threads; what a row becomes is the core's business.

mod algorithm;
pub(crate) mod bands;
pub(crate) mod choose;
mod engine;
mod forms;

use std::ops::Range;
use std::sync::OnceLock;

use convoke_core::{Error, Filter2dDesc, Level, Pixel};

pub use self::algorithm::{FilterAlgorithm, UnknownFilterAlgorithm};
pub use self::choose::{FilterCandidate, PixelKind};
use self::choose::{Predictions, is_rank_two};
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
    /// What floats are filtered with, and integers if there is nothing else for them.
    planned: Planned,
    /// For integers of 8 and of 16 bits, where they are faster by another algorithm.
    integers: [Option<Later>; 2],
    /// For bytes to integers.
    narrow: Option<Narrow>,
    /// For integers whose sums the algorithm could not keep exact.
    fallback: Option<Later>,
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
    /// As [`new`](Self::new); [`Error::NotSeparable`], [`Error::NotRankTwo`], [`Error::NotBox`] or [`Error::NotNarrow`] if the
    /// algorithm needs a mask of that kind and this one is not.
    pub fn with_options(desc: &Filter2dDesc, mask: &Mask, options: &Options) -> Result<Self, Error> {
        let [of_bytes, of_words, algorithm] = match options.filter_algorithm {
            FilterAlgorithm::Auto => {
                let predictions = Predictions::new(desc, mask.weights(), options.level, false)?;
                [PixelKind::Bytes, PixelKind::Words, PixelKind::Floats]
                    .map(|kind| predictions.fastest(kind).algorithm)
            }
            // Pixels that are not for these are summed directly.
            FilterAlgorithm::Narrow => [FilterAlgorithm::Direct; 3],
            FilterAlgorithm::RankTwo => {
                let [r, s] = desc.mask_size;
                if mask.weights().len() == r.saturating_mul(s) && !is_rank_two(mask.weights(), [r, s])? {
                    return Err(Error::NotRankTwo);
                }
                [FilterAlgorithm::RankTwo, FilterAlgorithm::RankTwo, FilterAlgorithm::Direct]
            }
            asked => [asked; 3],
        };
        let planned = Planned::new(desc, mask.weights(), algorithm, options.level)?;
        let narrow = match options.filter_algorithm {
            FilterAlgorithm::Auto => Narrow::new(desc, mask.weights(), options.level)?,
            FilterAlgorithm::Narrow => {
                Some(Narrow::new(desc, mask.weights(), options.level)?.ok_or(Error::NotNarrow)?)
            }
            _ => None,
        };
        // The box that was chosen need not do for integers of all types.
        let is_partial = options.filter_algorithm == FilterAlgorithm::Auto
            && [of_bytes, of_words].contains(&FilterAlgorithm::Box);
        let later = |needed: bool, algorithm| needed.then(|| Later::new(mask.weights(), algorithm));
        let other = |of_kind| later(of_kind != algorithm, of_kind).transpose();
        let integers = [other(of_bytes)?, other(of_words)?];
        let fallback = later(is_partial, FilterAlgorithm::Separable).transpose()?;
        Ok(Self { planned, integers, narrow, fallback, options: *options })
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
            _ => {
                let result = self.planned_for::<I, O>()?.run_region(region.clone(), src, dst, stride);
                match (result, &self.fallback) {
                    (Err(Error::Inexact { .. }), Some(fallback)) => {
                        fallback.get(&self.planned)?.run_region(region, src, dst, stride)
                    }
                    (result, _) => result,
                }
            }
        }
    }

    /// What pixels of these types are filtered with, if not with narrow integers.
    fn planned_for<I: Pixel, O: Pixel>(&self) -> Result<&Planned, Error> {
        self.later::<I, O>().map_or(Ok(&self.planned), |later| later.get(&self.planned))
    }

    /// What is planned apart for pixels of these types.
    fn later<I: Pixel, O: Pixel>(&self) -> Option<&Later> {
        match PixelKind::of::<I, O>() {
            PixelKind::Bytes => self.integers[0].as_ref(),
            PixelKind::Words => self.integers[1].as_ref(),
            PixelKind::Floats => None,
        }
    }

    /// Multiply-adds per value of the result, or what takes about as long.
    fn operations_per_value<I: Pixel, O: Pixel>(&self) -> usize {
        let [r, s] = self.desc().mask_size;
        match self.algorithm_for::<I, O>() {
            FilterAlgorithm::Separable => r + s,
            FilterAlgorithm::RankTwo => 2 * (r + s),
            FilterAlgorithm::Box => 40,
            FilterAlgorithm::Fft => 120,
            _ => r * s,
        }
    }

    /// Every algorithm that could compute the filter `desc` with `mask` on floats, with what it is predicted to take,
    /// fastest first; the first one is what [`FilterAlgorithm::Auto`] takes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn explain(
        desc: &Filter2dDesc,
        mask: &Mask,
        options: &Options,
    ) -> Result<Vec<FilterCandidate>, Error> {
        Self::explain_for(PixelKind::Floats, desc, mask, options)
    }

    /// The same for pixels of any kind, which may be faster by different algorithms. From bytes to integers,
    /// [narrow integers](Self::is_narrow) take over from all of them where they can.
    ///
    /// ```
    /// use convoke::{Filter, FilterAlgorithm, Options, PixelKind, mask::Mask};
    /// // A colour picture of floats larger than the caches: one pass over the picture is faster than two.
    /// let mask = Mask::gaussian_sized(1.1, 5)?;
    /// let desc = mask.desc([2160, 3840], 3);
    /// let fastest = |kind| Filter::explain_for(kind, &desc, &mask, &Options::new()).map(|all| all[0].algorithm);
    /// assert_eq!(fastest(PixelKind::Bytes)?, FilterAlgorithm::Separable);
    /// # let _ = fastest(PixelKind::Floats)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn explain_for(
        kind: PixelKind,
        desc: &Filter2dDesc,
        mask: &Mask,
        options: &Options,
    ) -> Result<Vec<FilterCandidate>, Error> {
        Ok(Predictions::new(desc, mask.weights(), options.level, true)?.candidates(kind))
    }

    /// The algorithm that runs on floats, never [`FilterAlgorithm::Auto`]. Their results may differ in rounding from those
    /// of other algorithms; [`Options::filter_algorithm`] asks for a certain one.
    pub fn algorithm(&self) -> FilterAlgorithm {
        self.planned.algorithm
    }

    /// The algorithm that runs on pixels of these types.
    pub fn algorithm_for<I: Pixel, O: Pixel>(&self) -> FilterAlgorithm {
        if self.narrow.is_some() && Narrow::is_for::<I, O>() {
            return FilterAlgorithm::Narrow;
        }
        self.later::<I, O>().map_or(self.planned.algorithm, |later| later.algorithm)
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
        let mut text = self.planned.engine.describe();
        for (name, later) in ["bytes", "words"].iter().zip(&self.integers) {
            if let Some(later) = later {
                text.push_str(&format!("; {name} to integers by {}", later.algorithm));
            }
        }
        if self.narrow.is_some() {
            text.push_str("; bytes in integers of 16 bits");
        }
        text
    }

    /// Whether bytes are filtered in narrow integers.
    pub fn is_narrow(&self) -> bool {
        self.narrow.is_some()
    }
}

/// A filter that is planned when it is first needed: pixels of one kind may never come.
#[derive(Debug)]
struct Later {
    algorithm: FilterAlgorithm,
    /// The mask's, or one value for all.
    weights: Vec<f32>,
    planned: OnceLock<Planned>,
}

impl Later {
    fn new(weights: &[f32], algorithm: FilterAlgorithm) -> Result<Self, Error> {
        let is_box = weights.iter().all(|w| *w == weights[0]);
        let kept = &weights[..if is_box { 1 } else { weights.len() }];
        let mut weights = zeros("mask", kept.len())?;
        weights.copy_from_slice(kept);
        Ok(Self { algorithm, weights, planned: OnceLock::new() })
    }

    /// The filter with the descriptor and the level of another.
    fn get(&self, other: &Planned) -> Result<&Planned, Error> {
        if let Some(planned) = self.planned.get() {
            return Ok(planned);
        }
        let (desc, level) = (other.engine.desc(), other.engine.level());
        let [r, s] = desc.mask_size;
        let planned = if self.weights.len() < r * s {
            let mut weights = zeros("mask", r * s)?;
            weights.fill(self.weights[0]);
            Planned::new(desc, &weights, self.algorithm, level)?
        } else {
            Planned::new(desc, &self.weights, self.algorithm, level)?
        };
        // Of several threads that come here one sets it.
        Ok(self.planned.get_or_init(|| planned))
    }
}

/// An engine with its scratch.
#[derive(Debug)]
struct Planned {
    algorithm: FilterAlgorithm,
    engine: Engine,
    scratch: Scratch,
}

impl Planned {
    fn new(
        desc: &Filter2dDesc,
        weights: &[f32],
        algorithm: FilterAlgorithm,
        level: Level,
    ) -> Result<Self, Error> {
        let engine = Engine::new(desc, weights, algorithm, level)?;
        Ok(Self { algorithm, scratch: Scratch::new(engine.scratch_len()), engine })
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
