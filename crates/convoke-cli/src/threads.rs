//! How many threads a command uses, and the pool that they are in.

use crate::error::{Context, Outcome};

/// Makes the pool that the library's work runs in, of this many threads or one per core, and gives their
/// number.
pub(crate) fn set_up(threads: Option<usize>) -> Outcome<usize> {
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    if threads > 1 {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().about("--threads")?;
    }
    Ok(threads)
}
