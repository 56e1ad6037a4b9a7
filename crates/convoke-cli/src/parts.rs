//! A result in pieces, on as many threads as there are: what commands that run plans of the core by themselves share.

use convoke::{Error, Piece, Pieces};
use rayon::prelude::*;

use crate::args::Common;
use crate::args::values::LayerAlgorithm;
use crate::error::{Context, Failure, Outcome};
use crate::progress::Progress;
use crate::{memory, threads};

/// Pieces per thread, so that work is left to threads that nobody slows down.
const PIECES_PER_THREAD: usize = 4;

/// `len` values, computed by pieces.
pub(crate) fn run(
    what: &'static str,
    common: &Common,
    len: usize,
    scratch: usize,
    pieces: impl Fn(usize) -> Pieces,
    run: impl Fn(&Piece, &mut [f32], &mut [f32]) -> Result<(), Error> + Sync,
) -> Outcome<Vec<f32>> {
    let threads = threads::set_up(common.threads)?;
    let mut dst = memory::zeros("output", len)?;
    memory::check("scratch", scratch.saturating_mul(threads * size_of::<f32>()))?;
    let mut parts = Vec::new();
    let mut rest = &mut dst[..];
    for piece in pieces(if threads > 1 { threads * PIECES_PER_THREAD } else { 1 }) {
        let (part, after) = rest.split_at_mut(piece.dst_range().len());
        parts.push((piece, part));
        rest = after;
    }
    let progress = Progress::new(what, parts.len() as u64, common.quiet);
    let one = |scratch: &mut Vec<f32>, (piece, part): (Piece, &mut [f32])| {
        run(&piece, part, scratch)?;
        progress.add(1);
        Ok::<(), Error>(())
    };
    let fresh = || vec![0.0; scratch];
    if threads > 1 {
        parts.into_par_iter().with_max_len(1).try_for_each_init(fresh, one)
    } else {
        let mut scratch = fresh();
        parts.into_iter().try_for_each(|part| one(&mut scratch, part))
    }
    .about(what)?;
    Ok(dst)
}

/// Whether the naive loops are asked for; what has one fast algorithm has no other names than these.
pub(crate) fn is_reference(algorithm: LayerAlgorithm) -> Outcome<bool> {
    match algorithm {
        LayerAlgorithm::Reference => Ok(true),
        LayerAlgorithm::Planned(convoke::Algorithm::Auto | convoke::Algorithm::Direct) => Ok(false),
        LayerAlgorithm::Planned(_) => Err(Failure::new("--algo: must be auto, direct or reference here")),
    }
}

/// The answer of the naive loops, rounded. Three numbers in f64 and a flag for each value are what it needs.
pub(crate) fn rounded(
    len: usize,
    answer: impl FnOnce() -> convoke_reference::conv2d::Conv2dAnswer,
) -> Outcome<Vec<f32>> {
    memory::check("output", len.saturating_mul(29))?;
    Ok(answer().values.into_iter().map(|value| value as f32).collect())
}
