//! `FilterStream`: a mask over a picture that comes row by row. Owns the memory for the rows that are kept, which is
//! about as many as the mask has; the work is the core's.

use convoke_core::{Error, Filter2dDesc, Filter2dPlan, Filter2dStream, Level, Pixel};

use crate::buffer::zeros;
use crate::filter::bands::Bands;
use crate::filter::choose::streamed;
use crate::filter::{FilterAlgorithm, FilterCandidate, PixelKind};
use crate::mask::Mask;
use crate::options::Options;

/// A linear filter that takes the rows of a picture and gives the rows of the result, for pictures that do not fit
/// in memory or are not there yet.
///
/// The result has the same bits as that of a [`Filter`](crate::Filter) with the same descriptor and
/// [`algorithm`](Self::algorithm): integers from integers those of any. It is computed on the calling thread.
///
/// ```
/// use convoke::{Border, FilterStream, mask::Mask};
///
/// // The mean of each row and its neighbours, of a picture that is made up as it is filtered.
/// let mask = "1; 1; 1".parse::<Mask>()?.divisor(3.0);
/// let mut stream = FilterStream::<u16, u16>::new(&mask.desc([1000, 3], 1).border(Border::Reflect), &mask)?;
/// let mut row = [0; 3];
/// let mut sum = 0;
/// while let Some(y) = stream.wants() {
///     stream.push(&[y as u16, 7, 0])?;
///     while stream.pull(&mut row)? {
///         sum += u64::from(row[0]);
///     }
/// }
/// assert_eq!((sum, row), (499_500, [999, 7, 0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FilterStream<I, O> {
    stream: Stream<I, O>,
    algorithm: FilterAlgorithm,
}

#[derive(Clone, Debug)]
enum Stream<I, O> {
    Core(Box<Filter2dStream<I, O, Vec<f32>>>),
    Narrow(Box<Bands<I, O>>),
}

impl<I: Pixel, O: Pixel> FilterStream<I, O> {
    /// Plans `mask` as `desc` says, which usually comes from [`Mask::desc`]. Row strides play no role.
    ///
    /// # Errors
    /// As [`Filter::new`](crate::Filter::new); [`Error::Overflow`] if there is not enough memory.
    pub fn new(desc: &Filter2dDesc, mask: &Mask) -> Result<Self, Error> {
        Self::with_options(desc, mask, &Options::new())
    }

    /// The same at a chosen level, with a chosen algorithm. The number of threads is ignored.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::NotSeparable`], [`Error::NotRankTwo`], [`Error::NotBox`] or [`Error::NotNarrow`] if the
    /// algorithm needs a mask of that kind and this one is not, [`Error::NotForFloats`] for a mask of rank 2 on floats, [`Error::Inexact`] for a box on integers whose sums are too large to be
    /// exact, and [`Error::NotStreamed`] for [`Fft`](FilterAlgorithm::Fft), which needs more of the picture.
    pub fn with_options(desc: &Filter2dDesc, mask: &Mask, options: &Options) -> Result<Self, Error> {
        let (weights, level) = (mask.weights(), options.level);
        if let FilterAlgorithm::Auto | FilterAlgorithm::Narrow = options.filter_algorithm {
            if let Some(bands) = Bands::new(desc, weights, level)? {
                return Ok(Self {
                    stream: Stream::Narrow(Box::new(bands)),
                    algorithm: FilterAlgorithm::Narrow,
                });
            }
            if options.filter_algorithm == FilterAlgorithm::Narrow {
                // Pixels that are not for it are summed directly, if the mask is of that kind.
                return match Bands::<u8, u8>::new(desc, weights, level)? {
                    Some(_) => Self::core(desc, weights, FilterAlgorithm::Direct, level),
                    None => Err(Error::NotNarrow),
                };
            }
        }
        if options.filter_algorithm != FilterAlgorithm::Auto {
            return Self::core(desc, weights, options.filter_algorithm, level);
        }
        let candidates = streamed(desc, weights, level, PixelKind::of::<I, O>())?;
        match Self::core(desc, weights, candidates[0].algorithm, level) {
            // What was chosen for integers need not do for these.
            Err(Error::Inexact { .. }) => Self::core(desc, weights, FilterAlgorithm::Separable, level),
            result => result,
        }
    }

    fn core(
        desc: &Filter2dDesc,
        weights: &[f32],
        algorithm: FilterAlgorithm,
        level: Level,
    ) -> Result<Self, Error> {
        let plan = match algorithm {
            FilterAlgorithm::Direct => Filter2dPlan::new(desc, level)?,
            FilterAlgorithm::Separable => Filter2dPlan::separable(desc, level)?,
            FilterAlgorithm::RankTwo => Filter2dPlan::rank_two(desc, level)?,
            FilterAlgorithm::Box => Filter2dPlan::boxed(desc, level)?,
            _ => return Err(Error::NotStreamed),
        };
        let mut packed = zeros("packed mask", plan.packed_len())?;
        let mask = plan.pack(weights, &mut packed)?;
        let stream = plan.stream(&mask, zeros("stream buffer", plan.stream_len())?)?;
        Ok(Self { stream: Stream::Core(Box::new(stream)), algorithm })
    }

    /// Every algorithm that could compute the filter row by row, with what it is predicted to take for the whole picture,
    /// fastest first; the first one is what [`FilterAlgorithm::Auto`] takes, but for bytes to integers where
    /// [narrow integers](FilterAlgorithm::Narrow) do.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn explain(
        desc: &Filter2dDesc,
        mask: &Mask,
        options: &Options,
    ) -> Result<Vec<FilterCandidate>, Error> {
        streamed(desc, mask.weights(), options.level, PixelKind::of::<I, O>())
    }

    /// The algorithm that runs, never [`FilterAlgorithm::Auto`].
    pub fn algorithm(&self) -> FilterAlgorithm {
        self.algorithm
    }

    /// How it works, in a line for people.
    pub fn describe(&self) -> String {
        match &self.stream {
            Stream::Core(stream) => format!("stream of {}", stream.plan().describe()),
            Stream::Narrow(bands) => format!("stream of {}", bands.describe()),
        }
    }

    /// The row of the picture that must be pushed next; `None` if rows are ready to be pulled, or none is left to
    /// push.
    ///
    /// These are rows 0 to `H - 1` in this order, each once; but [`Border::Wrap`](crate::Border::Wrap) begins with
    /// the rows at the picture's end, and ends with those at its beginning.
    pub fn wants(&self) -> Option<usize> {
        match &self.stream {
            Stream::Core(stream) => stream.wants(),
            Stream::Narrow(bands) => bands.wants(),
        }
    }

    /// Takes the row that the stream [`wants`](Self::wants), of `W * channels` elements.
    ///
    /// # Errors
    /// [`Error::NotWanted`] if it wants none, [`Error::Length`] for a row of another length.
    pub fn push(&mut self, row: &[I]) -> Result<(), Error> {
        match &mut self.stream {
            Stream::Core(stream) => stream.push(row),
            Stream::Narrow(bands) => bands.push(row),
        }
    }

    /// Writes the next row of the result to `dst`, of `W * channels` elements, and says whether there was one.
    ///
    /// # Errors
    /// [`Error::Length`] for a `dst` of another length.
    pub fn pull(&mut self, dst: &mut [O]) -> Result<bool, Error> {
        match &mut self.stream {
            Stream::Core(stream) => stream.pull(dst),
            Stream::Narrow(bands) => bands.pull(dst),
        }
    }

    /// Whether all rows of the result have been pulled.
    pub fn is_finished(&self) -> bool {
        match &self.stream {
            Stream::Core(stream) => stream.is_finished(),
            Stream::Narrow(bands) => bands.is_finished(),
        }
    }

    /// What this filter does, sizes and all.
    pub fn desc(&self) -> &Filter2dDesc {
        match &self.stream {
            Stream::Core(stream) => stream.plan().desc(),
            Stream::Narrow(bands) => bands.desc(),
        }
    }

    /// The level it runs at.
    pub fn level(&self) -> Level {
        match &self.stream {
            Stream::Core(stream) => stream.plan().level(),
            Stream::Narrow(bands) => bands.level(),
        }
    }
}
