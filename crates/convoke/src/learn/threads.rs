//! Pieces of a result on threads.

use convoke_core::{Error, Piece, Pieces};
use rayon::prelude::*;

use crate::buffer::Scratch;
use crate::options::Options;

/// Threads that are slowed down by others leave work to those that are not.
const PIECES_PER_THREAD: usize = 4;

/// Runs every piece of `dst`, on as many threads as `work` multiply-adds are worth.
pub(super) fn run_pieces(
    options: &Options,
    work: u64,
    pieces: impl FnOnce(usize) -> Pieces,
    dst: &mut [f32],
    scratch: &Scratch,
    run: impl Fn(&Piece, &mut [f32], &mut [f32]) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let threads = options.threads_for(work);
    let mut parts = Vec::new();
    let mut rest = dst;
    for piece in pieces(if threads > 1 { threads * PIECES_PER_THREAD } else { 1 }) {
        let (part, after) = rest.split_at_mut(piece.dst_range().len());
        parts.push((piece, part));
        rest = after;
    }
    let run = |(piece, part): (Piece, &mut [f32])| scratch.lend(|scratch| run(&piece, part, scratch));
    if threads > 1 {
        parts.into_par_iter().with_max_len(1).try_for_each(run)
    } else {
        parts.into_iter().try_for_each(run)
    }
}

/// Runs each `step` elements of `dst` with their place, on as many threads as `work` is worth.
pub(super) fn run_chunks(
    options: &Options,
    work: u64,
    dst: &mut [f32],
    step: usize,
    run: impl Fn(usize, &mut [f32]) + Sync,
) {
    let step = step.max(1);
    if options.threads_for(work) > 1 {
        dst.par_chunks_mut(step).enumerate().for_each(|(i, part)| run(i * step, part));
    } else {
        dst.chunks_mut(step).enumerate().for_each(|(i, part)| run(i * step, part));
    }
}
