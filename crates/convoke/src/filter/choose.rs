//! Which algorithm a picture filter gets: every one that can compute it, with a prediction of its time from what it
//! does per pixel. Between a mask and a plan.

use convoke_core::{Error, Filter2dDesc, Filter2dPlan, Level, factor};

use super::algorithm::FilterAlgorithm;
use crate::buffer::zeros;

/// An algorithm that could compute a filter.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FilterCandidate {
    /// The algorithm.
    pub algorithm: FilterAlgorithm,
    /// The predicted time per value (one channel of one pixel), in units of one multiply-add of every lane. Only
    /// ratios mean anything.
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
    let mut all = vec![FilterCandidate { algorithm: FilterAlgorithm::Direct, cost: direct_cost(desc) }];
    // With one row or one column there is nothing to factor.
    if r.min(s) > 1 {
        let [mut column, mut row] = [zeros("mask", r)?, zeros("mask", s)?];
        if factor(mask, &mut column, &mut row)? {
            let cost = separable_cost(desc, level);
            all.push(FilterCandidate { algorithm: FilterAlgorithm::Separable, cost });
        }
    }
    if r * s > 1 && mask.iter().all(|w| *w == mask[0]) && sums_are_exact(mask) {
        all.push(FilterCandidate { algorithm: FilterAlgorithm::Box, cost: box_cost(desc) });
    }
    all.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    Ok(all)
}

/// The fastest one.
pub(super) fn choose(desc: &Filter2dDesc, mask: &[f32], level: Level) -> Result<FilterAlgorithm, Error> {
    Ok(candidates(desc, mask, level)?[0].algorithm)
}

/// The plan of an algorithm.
pub(super) fn plan(
    desc: &Filter2dDesc,
    algorithm: FilterAlgorithm,
    level: Level,
) -> Result<Filter2dPlan, Error> {
    match algorithm {
        FilterAlgorithm::Auto | FilterAlgorithm::Direct => Filter2dPlan::new(desc, level),
        FilterAlgorithm::Separable => Filter2dPlan::separable(desc, level),
        FilterAlgorithm::Box => Filter2dPlan::boxed(desc, level),
    }
}

/// A multiply-add for every tap, and what comes before and after.
fn direct_cost(desc: &Filter2dDesc) -> f64 {
    let [r, s] = desc.mask_size;
    10.0 + 1.15 * (r * s) as f64
}

/// The pass down shares its loads between four rows; the pass across does not, and most of its loads cross a cache
/// line.
fn separable_cost(desc: &Filter2dDesc, _: Level) -> f64 {
    let [r, s] = desc.mask_size;
    15.0 + 1.2 * r as f64 + 2.0 * s as f64
}

/// Whether the sums of bytes under a box are exact in f32: else only floats can be filtered so, and a filter is planned
/// for whatever comes.
fn sums_are_exact(mask: &[f32]) -> bool {
    mask[0] == 1.0 && mask.len() <= (1 << 24) / 255
}

/// Additions: three down, up to three across for each digit of the width in base 4; and the passes that they take.
fn box_cost(desc: &Filter2dDesc) -> f64 {
    let digits = f64::from(desc.mask_size[1].ilog2() / 2);
    25.0 + 9.0 * digits
}
