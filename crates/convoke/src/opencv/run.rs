//! Runs a narrow plan on a picture: owns scratch, divides rows among threads.

use convoke_core::{Error, NarrowDesc, NarrowPixel, NarrowPlan, NarrowScratch};
use rayon::prelude::*;

use super::Picture;
use crate::buffer::zeros;
use crate::options::Options;

/// Parts per thread when there are several.
const PARTS_PER_THREAD: usize = 2;

/// A buffer for the result, which is as long as the picture.
pub(super) fn result<O: NarrowPixel + Default>(picture: &Picture<'_>) -> Result<Vec<O>, Error> {
    zeros("dst", picture.pixels.len())
}

/// The whole picture filtered, to `dst`.
pub(super) fn run<O: NarrowPixel + Default>(
    picture: &Picture<'_>,
    desc: &NarrowDesc<'_>,
    options: &Options,
    dst: &mut [O],
) -> Result<(), Error> {
    let plan = NarrowPlan::new(desc, options.level)?;
    if picture.pixels.len() != plan.src_len() {
        return Err(Error::Length { operand: "src", required: plan.src_len(), got: picture.pixels.len() });
    }
    if dst.len() != plan.dst_len() {
        return Err(Error::Length { operand: "dst", required: plan.dst_len(), got: dst.len() });
    }
    let [height, width] = desc.size;
    let row = width * desc.channels;
    // A few operations per element, whatever the mask.
    let threads = options.threads_for((dst.len() as u64).saturating_mul(4));
    let step = if threads > 1 { height.div_ceil(threads * PARTS_PER_THREAD) } else { height };
    let part = |(i, dst): (usize, &mut [O])| {
        let rows = i * step..i * step + dst.len() / row;
        let len = plan.scratch_len();
        let mut bytes = zeros("scratch bytes", len.bytes)?;
        let mut halves = zeros("scratch halves", len.halves)?;
        let mut words = zeros("scratch words", len.words)?;
        let mut scratch = NarrowScratch { bytes: &mut bytes, halves: &mut halves, words: &mut words };
        plan.run_rows(rows, picture.pixels, dst, &mut scratch)
    };
    if threads > 1 { dst.par_chunks_mut(step * row).enumerate().try_for_each(part) } else { part((0, dst)) }
}
