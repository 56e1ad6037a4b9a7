//! `Gaussian`: the Gaussian blur of a standard deviation, exactly, or in time that does not depend on it. Beside
//! [`Filter`], which takes any mask and so knows no sigma.

mod method;
mod shape;

use std::fmt;

use convoke_core::{Border, Error, Level, Pixel, RepeatedBoxDesc, RepeatedBoxPlan};
use rayon::prelude::*;

pub use self::method::{GaussianMethod, UnknownGaussianMethod};
use self::shape::{Shape, distance, gaussian};
use crate::buffer::{Scratch, zeros};
use crate::filter::Filter;
use crate::mask::{Mask, MaskError};
use crate::options::Options;

/// Greatest sigma of the fast method, in pixels.
const MOST_SIGMA: f64 = 16_384.0;

/// A Gaussian blur as plain data.
///
/// ```
/// use convoke::{Border, GaussianDesc, GaussianMethod};
/// let desc = GaussianDesc::new([1080, 1920], 3, 30.0)
///     .border(Border::Reflect101)
///     .method(GaussianMethod::ExtendedBox { passes: 4 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct GaussianDesc {
    /// Height and width of the picture, and of the result.
    pub size: [usize; 2],
    /// Interleaved channels, 1 to 4.
    pub channels: usize,
    /// The standard deviation in pixels.
    pub sigma: f64,
    /// What is read outside the picture.
    pub border: Border,
    /// Factor of every result.
    pub scale: f32,
    /// Added to every result after scaling.
    pub offset: f32,
    /// Exactly, or fast.
    pub method: GaussianMethod,
}

impl GaussianDesc {
    /// The exact blur with zero border. `size` is `[H, W]`.
    pub const fn new(size: [usize; 2], channels: usize, sigma: f64) -> Self {
        let method = GaussianMethod::Exact;
        Self { size, channels, sigma, border: Border::Zero, scale: 1.0, offset: 0.0, method }
    }

    /// Sets what is read outside the picture.
    pub const fn border(mut self, border: Border) -> Self {
        self.border = border;
        self
    }

    /// Sets the factor of every result.
    pub const fn scale(mut self, scale: f32) -> Self {
        self.scale = scale;
        self
    }

    /// Sets what is added to every result after scaling.
    pub const fn offset(mut self, offset: f32) -> Self {
        self.offset = offset;
        self
    }

    /// Sets how it is computed.
    pub const fn method(mut self, method: GaussianMethod) -> Self {
        self.method = method;
        self
    }
}

/// A Gaussian blur that is ready to run on pictures of one size.
///
/// The exact Gaussian is [`Mask::gaussian`], cut off at four sigma, run by [`Filter`] with its promises. The fast one is an
/// extended box repeated along both axes (Gwosdek, Grewenig, Bruhn and Weickert, 2011), in time and scratch that
/// hardly depend on sigma:
///
/// * its weights are known, and so is how far from the Gaussian they are: [`error`](Self::error);
/// * all six borders mean what they mean for a mask;
/// * nothing drifts, and infinity and NaN reach exactly the results whose window contains them: those up to
///   [`reach`](Self::reach) pixels away along each axis;
/// * no bit depends on the number of threads;
/// * results are `f32` sums, rounded where pixels are integers. They are not the correctly rounded value of anything.
///
/// ```
/// use convoke::{Border, Gaussian, GaussianDesc, GaussianMethod};
///
/// let desc = GaussianDesc::new([100, 100], 1, 12.0).border(Border::Reflect101);
/// let fast = Gaussian::new(&desc.method(GaussianMethod::ExtendedBox { passes: 4 }))?;
/// assert!(fast.error() < 0.03);
///
/// let picture: Vec<f32> = (0..100 * 100).map(|i| (i % 100) as f32).collect();
/// let (near, exact): (Vec<f32>, Vec<f32>) = (fast.run(&picture)?, Gaussian::new(&desc)?.run(&picture)?);
/// // From 0 to 99 is the picture's range.
/// assert!(near.iter().zip(&exact).all(|(a, b)| f64::from((a - b).abs()) <= fast.error() * 99.0 + 0.01));
/// # Ok::<(), convoke::GaussianError>(())
/// ```
#[derive(Debug)]
pub struct Gaussian {
    desc: GaussianDesc,
    engine: Engine,
    options: Options,
}

#[derive(Debug)]
enum Engine {
    Exact { filter: Box<Filter>, reach: usize },
    Fast { plan: Box<RepeatedBoxPlan>, error: f64, planes: Scratch, scratch: Scratch },
}

impl Gaussian {
    /// Plans a blur at the machine's best level, for all threads.
    ///
    /// # Errors
    /// [`GaussianError::Mask`] for a sigma that is not positive or too large (511 for the exact method, 16 384 for the other);
    /// [`GaussianError::Plan`] for what [`Filter::new`] or [`RepeatedBoxPlan::new`] find wrong.
    pub fn new(desc: &GaussianDesc) -> Result<Self, GaussianError> {
        Self::with_options(desc, &Options::new())
    }

    /// The same at a chosen level, on a chosen number of threads. The algorithm of filters is that of the exact method.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options(desc: &GaussianDesc, options: &Options) -> Result<Self, GaussianError> {
        let engine = match desc.method {
            GaussianMethod::Exact => {
                let mask = Mask::gaussian(desc.sigma)?;
                let filter = mask
                    .desc(desc.size, desc.channels)
                    .scale(desc.scale)
                    .offset(desc.offset)
                    .border(desc.border);
                let filter = Filter::with_options(&filter, &mask, options)?;
                Engine::Exact { filter: Box::new(filter), reach: mask.size()[0] / 2 }
            }
            GaussianMethod::ExtendedBox { passes } => {
                if !(desc.sigma > 0.0 && desc.sigma <= MOST_SIGMA) {
                    return Err(GaussianError::Mask(MaskError::Parameter {
                        name: "gaussian",
                        required: "a positive sigma of at most 16384",
                        got: desc.sigma.to_string(),
                    }));
                }
                // The plan says what is wrong with the number of passes.
                let shape = Shape::of(desc.sigma, passes.clamp(1, 8));
                let repeated =
                    RepeatedBoxDesc::new(desc.size, desc.channels, shape.radius, shape.end, passes)
                        .border(desc.border)
                        .scale(desc.scale)
                        .offset(desc.offset);
                let plan = RepeatedBoxPlan::new(&repeated, options.level)?;
                Engine::Fast {
                    error: distance(&shape.weights(), &gaussian(desc.sigma)),
                    planes: Scratch::new(plan.plane_len()),
                    scratch: Scratch::new(plan.scratch_len()),
                    plan: Box::new(plan),
                }
            }
        };
        Ok(Self { desc: *desc, engine, options: *options })
    }

    /// The blurred picture.
    ///
    /// # Errors
    /// [`Error::Length`] for a `src` of another length than [`len`](Self::len); [`Error::Overflow`] if there is
    /// not enough memory.
    pub fn run<I: Pixel, O: Pixel + Default>(&self, src: &[I]) -> Result<Vec<O>, Error> {
        let mut dst = zeros("dst", self.len())?;
        self.run_into(src, &mut dst)?;
        Ok(dst)
    }

    /// The same into a buffer of [`len`](Self::len) elements. After the first runs nothing is allocated on one thread.
    ///
    /// # Errors
    /// [`Error::Length`] for operands of another length, [`Error::Overflow`] if there is not enough memory; `dst` is then
    /// as it was.
    pub fn run_into<I: Pixel, O: Pixel>(&self, src: &[I], dst: &mut [O]) -> Result<(), Error> {
        for (operand, got) in [("src", src.len()), ("dst", dst.len())] {
            if got != self.len() {
                return Err(Error::Length { operand, required: self.len(), got });
            }
        }
        match &self.engine {
            Engine::Exact { filter, .. } => filter.run_into(src, dst),
            Engine::Fast { plan, planes, scratch, .. } => {
                planes.lend(|plane| run(plan, self.threads(plan), src, dst, plane, scratch))
            }
        }
    }

    /// How far a result may lie from that of the exact Gaussian, roundings apart, in units of the distance from the least to
    /// the greatest value that is read, those of the border included: times 255 for bytes. 0 for the exact method.
    ///
    /// It is half the sum of the differences of all weights, and no smaller number would do: there is a picture with that
    /// error. Pictures are seldom like it.
    pub fn error(&self) -> f64 {
        match &self.engine {
            Engine::Exact { .. } => 0.0,
            Engine::Fast { error, .. } => *error,
        }
    }

    /// A bound on the roundings of the fast method's `f32` results and of the exact mask's weights together, for pictures
    /// whose values and border are of magnitude `largest` at most; `None` for the exact method, whose bound is its
    /// filter's.
    pub fn rounding_bound(&self, largest: f32) -> Option<f64> {
        let Engine::Fast { plan, .. } = &self.engine else { return None };
        // One more for the exact weights, which were rounded to f32 once, and one for those of f64 here.
        let part = (plan.error_terms() + 2) as f64 / 16_777_216.0;
        let [scale, offset] = [self.desc.scale, self.desc.offset].map(|x| f64::from(x).abs());
        Some(part * (1.0 + part) * (scale * f64::from(largest) + offset))
    }

    /// Pixels that a result reads to each side.
    pub fn reach(&self) -> usize {
        match &self.engine {
            Engine::Exact { reach, .. } => *reach,
            Engine::Fast { plan, .. } => plan.desc().reach(),
        }
    }

    /// What it was planned for.
    pub fn desc(&self) -> &GaussianDesc {
        &self.desc
    }

    /// The level it runs at.
    pub fn level(&self) -> Level {
        self.options.level
    }

    /// Elements of the picture, and of the result: `H * W * channels`.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        match &self.engine {
            Engine::Exact { filter, .. } => filter.src_len(),
            Engine::Fast { plan, .. } => plan.src_len(),
        }
    }

    /// How it works, and how exactly, in a line for people.
    pub fn describe(&self) -> String {
        match &self.engine {
            Engine::Exact { filter, .. } => filter.describe(),
            Engine::Fast { plan, error, .. } => format!(
                "{}; at most {:.2} % of the range of values from the Gaussian",
                plan.describe(),
                error * 100.0
            ),
        }
    }

    fn threads(&self, plan: &RepeatedBoxPlan) -> usize {
        // About as long as so many multiply-adds.
        let per_value = 20 * plan.desc().passes as u64;
        self.options.threads_for((plan.src_len() as u64).saturating_mul(per_value))
    }
}

/// Both steps, each divided among the threads.
fn run<I: Pixel, O: Pixel>(
    plan: &RepeatedBoxPlan,
    threads: usize,
    src: &[I],
    dst: &mut [O],
    plane: &mut [f32],
    scratch: &Scratch,
) -> Result<(), Error> {
    if threads == 1 {
        return scratch.lend(|scratch| plan.run(src, dst, plane, scratch));
    }
    // Threads that are slowed down by others leave work to those that are not; but every part starts anew.
    let parts = threads * 4;
    let strips = plan.strips().div_ceil(parts);
    plane.par_chunks_mut(strips * plan.strip_len()).enumerate().with_max_len(1).try_for_each(
        |(i, part)| {
            let first = i * strips;
            let strips = first..first + part.len() / plan.strip_len();
            scratch.lend(|scratch| plan.run_strips(strips, src, part, scratch))
        },
    )?;
    let [height, width] = plan.desc().size;
    let row_len = width * plan.desc().channels;
    let rows = height.div_ceil(parts).next_multiple_of(plan.row_step());
    let plane = &*plane;
    dst.par_chunks_mut(rows * row_len).enumerate().with_max_len(1).try_for_each(|(i, part)| {
        let first = i * rows;
        let rows = first..first + part.len() / row_len;
        scratch.lend(|scratch| plan.run_rows(rows, plane, part, scratch))
    })
}

/// Why a Gaussian blur cannot be planned.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum GaussianError {
    /// There is no mask of this sigma.
    Mask(MaskError),
    /// The picture cannot be filtered so.
    Plan(Error),
}

impl fmt::Display for GaussianError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mask(error) => error.fmt(f),
            Self::Plan(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for GaussianError {}

impl From<MaskError> for GaussianError {
    fn from(error: MaskError) -> Self {
        Self::Mask(error)
    }
}

impl From<Error> for GaussianError {
    fn from(error: Error) -> Self {
        Self::Plan(error)
    }
}
