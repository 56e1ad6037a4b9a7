//! What a caller may choose besides the operation itself: instruction set, algorithm, threads.

use std::fmt;
use std::str::FromStr;

use convoke_core::Level;

use crate::filter::FilterAlgorithm;

/// A way of computing a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Whichever is predicted to be fastest: see [`Conv2d::explain`](crate::Conv2d::explain).
    #[default]
    Auto,
    /// Sums over the window, straight from the image.
    Direct,
    /// A matrix product: the windows are copied into panels (im2col) as the product wants them.
    Gemm,
}

impl Algorithm {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Auto => "auto",
            Algorithm::Direct => "direct",
            Algorithm::Gemm => "gemm",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        [Self::Auto, Self::Direct, Self::Gemm]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or(UnknownAlgorithm)
    }
}

/// There is no algorithm of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm;

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an algorithm; algorithms are auto, direct, gemm")
    }
}

impl std::error::Error for UnknownAlgorithm {}

/// How to compute. The default is the machine's best level, the fastest algorithm, and all threads.
///
/// ```
/// use convoke::{Algorithm, Level, Options};
/// let options = Options::new().level(Level::portable()).algorithm(Algorithm::Direct).threads(1);
/// assert_eq!(options.level.name(), "portable");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// The instruction set.
    pub level: Level,
    /// The algorithm of layers.
    pub algorithm: Algorithm,
    /// The algorithm of picture filters.
    pub filter_algorithm: FilterAlgorithm,
    /// Into how many threads' work a run is divided: 1 keeps it on the calling thread, 0 takes all threads of
    /// the rayon pool that the run is called in. No bit of a result depends on it.
    pub threads: usize,
}

impl Options {
    /// The default: [`Level::detect`], the fastest algorithm, all threads.
    pub fn new() -> Self {
        Self {
            level: Level::detect(),
            algorithm: Algorithm::Auto,
            filter_algorithm: FilterAlgorithm::Auto,
            threads: 0,
        }
    }

    /// Sets the instruction set.
    pub const fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Sets the algorithm of layers.
    pub const fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Sets the algorithm of picture filters.
    pub const fn filter_algorithm(mut self, algorithm: FilterAlgorithm) -> Self {
        self.filter_algorithm = algorithm;
        self
    }

    /// Sets the number of threads; 0 for all.
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Threads for work of about `operations` multiply-adds: handing over work costs microseconds, so little of
    /// it stays here.
    pub(crate) fn threads_for(&self, operations: u64) -> usize {
        const WORTH_A_THREAD: u64 = 1 << 18;
        let most = if self.threads == 0 { rayon::current_num_threads() } else { self.threads };
        most.min(usize::try_from(operations / WORTH_A_THREAD).unwrap_or(usize::MAX)).max(1)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
