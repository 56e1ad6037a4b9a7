//! Which algorithm a picture filter gets: every one that can compute it, with a prediction of its time from what it
//! does per pixel. Between a mask and a plan.

use convoke_core::{Accumulate, Error, Filter2dDesc, Level, factor};
use convoke_fft::FftFilterPlan;

use super::algorithm::FilterAlgorithm;
use crate::buffer::zeros;

/// An algorithm that could compute a filter.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FilterCandidate {
    /// The algorithm.
    pub algorithm: FilterAlgorithm,
    /// The predicted time for the whole picture in nanoseconds, on one thread of the machine that the model was fitted
    /// on. On others only ratios mean anything.
    pub cost: f64,
}

/// The algorithms for this filter, fastest first.
pub(super) fn candidates(
    desc: &Filter2dDesc,
    mask: &[f32],
    level: Level,
) -> Result<Vec<FilterCandidate>, Error> {
    let [r, s] = desc.mask_size;
    if mask.len() != r.saturating_mul(s) {
        return Err(Error::Length { operand: "mask", required: r.saturating_mul(s), got: mask.len() });
    }
    let values = [desc.size[0], desc.size[1], desc.channels].iter().map(|&n| n as f64).product::<f64>();
    let unit = values * multiply_add(level);
    let mut all =
        vec![FilterCandidate { algorithm: FilterAlgorithm::Direct, cost: unit * direct_cost(desc) }];
    if desc.accumulate == Accumulate::F64 {
        // No other algorithm has sums in f64. What it costs does not matter then.
        return Ok(all);
    }
    // With one row or one column there is nothing to factor.
    if r.min(s) > 1 {
        let [mut column, mut row] = [zeros("mask", r)?, zeros("mask", s)?];
        if factor(mask, &mut column, &mut row)? {
            let cost = unit * separable_cost(desc);
            all.push(FilterCandidate { algorithm: FilterAlgorithm::Separable, cost });
        }
    }
    if r * s > 1 && mask.iter().all(|w| *w == mask[0]) && sums_are_exact(mask) {
        all.push(FilterCandidate { algorithm: FilterAlgorithm::Box, cost: unit * box_cost(desc) });
    }
    // Planning a transform takes longer than small masks are worth looking at.
    if r * s >= WORTH_A_TRANSFORM
        && let Ok(plan) = FftFilterPlan::new(desc, level)
    {
        all.push(FilterCandidate { algorithm: FilterAlgorithm::Fft, cost: TYPES * plan.predicted_cost() });
    }
    all.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    Ok(all)
}

/// Those of them that can take a picture row by row: boxes are separable, too.
pub(crate) fn streamed(
    desc: &Filter2dDesc,
    mask: &[f32],
    level: Level,
) -> Result<Vec<FilterCandidate>, Error> {
    let mut all = candidates(desc, mask, level)?;
    all.retain(|one| matches!(one.algorithm, FilterAlgorithm::Direct | FilterAlgorithm::Separable));
    Ok(all)
}

/// The fastest one.
pub(super) fn choose(desc: &Filter2dDesc, mask: &[f32], level: Level) -> Result<FilterAlgorithm, Error> {
    Ok(candidates(desc, mask, level)?[0].algorithm)
}

/// Taps from which on a transform could be faster.
const WORTH_A_TRANSFORM: usize = 49;

/// What transforms of integers take longer than those of floats, whose time is predicted: between the two, since a filter
/// is planned for whatever comes.
const TYPES: f64 = 1.4;

/// Nanoseconds of a multiply-add of one lane, on the machine of the fit.
fn multiply_add(level: Level) -> f64 {
    match level.lanes() {
        8.. => 0.0169,
        4.. => 0.039,
        _ => 0.21,
    }
}

// The costs below are in multiply-adds of one lane, and were fitted to pictures of 512x512 pixels.

/// A multiply-add for every tap, and what comes before and after.
fn direct_cost(desc: &Filter2dDesc) -> f64 {
    let [r, s] = desc.mask_size;
    5.0 + 1.17 * (r * s) as f64
}

/// The pass down shares its loads between four rows. The pass across does not, and most of its loads cross a cache line;
/// but from 17 taps on they are shared by pairs. Floats that come from memory take longer, since nothing is read during the
/// pass across; bytes do not, and a filter is planned for both.
fn separable_cost(desc: &Filter2dDesc) -> f64 {
    let [r, s] = desc.mask_size.map(|n| n as f64);
    9.0 + 1.1 * r + if s > 16.0 { 8.0 + 1.2 * s } else { 1.9 * s }
}

/// Whether the sums of bytes under a box are exact in f32: else only floats can be filtered so, and a filter is planned
/// for whatever comes.
fn sums_are_exact(mask: &[f32]) -> bool {
    mask[0] == 1.0 && mask.len() <= (1 << 24) / 255
}

/// Additions across, of four sums for each level and of the sums that the digits of the width in base 4 ask for; and three
/// down.
fn box_cost(desc: &Filter2dDesc) -> f64 {
    let [_, s] = desc.mask_size;
    let levels = s.ilog2() / 2;
    let terms: usize = (0..=levels).map(|level| s >> (2 * level) & 3).sum();
    9.0 + 3.2 * (5.0 * f64::from(levels) + terms as f64)
}
