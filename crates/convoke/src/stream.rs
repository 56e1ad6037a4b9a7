//! `FilterStream`: a mask over a picture that comes row by row. Owns the memory for the rows that are kept, which is
//! about as many as the mask has; the work is the core's.

use convoke_core::{Error, Filter2dDesc, Filter2dPlan, Filter2dStream, Level, Pixel};

use crate::buffer::zeros;
use crate::filter::choose::streamed;
use crate::filter::{FilterAlgorithm, FilterCandidate};
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
    stream: Filter2dStream<I, O, Vec<f32>>,
    algorithm: FilterAlgorithm,
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
    /// As [`new`](Self::new); [`Error::NotSeparable`] if a separable mask is asked for and this one is not, and
    /// [`Error::NotStreamed`] for algorithms that need the whole picture.
    pub fn with_options(desc: &Filter2dDesc, mask: &Mask, options: &Options) -> Result<Self, Error> {
        let algorithm = match options.filter_algorithm {
            FilterAlgorithm::Auto => streamed(desc, mask.weights(), options.level)?[0].algorithm,
            asked => asked,
        };
        let plan = match algorithm {
            FilterAlgorithm::Direct => Filter2dPlan::new(desc, options.level)?,
            FilterAlgorithm::Separable => Filter2dPlan::separable(desc, options.level)?,
            _ => return Err(Error::NotStreamed),
        };
        let mut packed = zeros("packed mask", plan.packed_len())?;
        let mask = plan.pack(mask.weights(), &mut packed)?;
        let stream = plan.stream(&mask, zeros("stream buffer", plan.stream_len())?)?;
        Ok(Self { stream, algorithm })
    }

    /// Every algorithm that could compute the filter row by row, with what it is predicted to take for the whole picture,
    /// fastest first; the first one is what [`FilterAlgorithm::Auto`] takes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn explain(
        desc: &Filter2dDesc,
        mask: &Mask,
        options: &Options,
    ) -> Result<Vec<FilterCandidate>, Error> {
        streamed(desc, mask.weights(), options.level)
    }

    /// The algorithm that runs: direct or separable.
    pub fn algorithm(&self) -> FilterAlgorithm {
        self.algorithm
    }

    /// How it works, in a line for people.
    pub fn describe(&self) -> String {
        format!("stream of {}", self.stream.plan().describe())
    }

    /// The row of the picture that must be pushed next; `None` if rows are ready to be pulled, or none is left to
    /// push.
    ///
    /// These are rows 0 to `H - 1` in this order, each once; but [`Border::Wrap`](crate::Border::Wrap) begins with
    /// the rows at the picture's end, and ends with those at its beginning.
    pub fn wants(&self) -> Option<usize> {
        self.stream.wants()
    }

    /// Takes the row that the stream [`wants`](Self::wants), of `W * channels` elements.
    ///
    /// # Errors
    /// [`Error::NotWanted`] if it wants none, [`Error::Length`] for a row of another length.
    pub fn push(&mut self, row: &[I]) -> Result<(), Error> {
        self.stream.push(row)
    }

    /// Writes the next row of the result to `dst`, of `W * channels` elements, and says whether there was one.
    ///
    /// # Errors
    /// [`Error::Length`] for a `dst` of another length.
    pub fn pull(&mut self, dst: &mut [O]) -> Result<bool, Error> {
        self.stream.pull(dst)
    }

    /// Whether all rows of the result have been pulled.
    pub fn is_finished(&self) -> bool {
        self.stream.is_finished()
    }

    /// What this filter does, sizes and all.
    pub fn desc(&self) -> &Filter2dDesc {
        self.stream.plan().desc()
    }

    /// The level it runs at.
    pub fn level(&self) -> Level {
        self.stream.plan().level()
    }
}
