//! Which algorithm a picture filter gets: every one that can compute it, with a prediction of its time from what it
//! does per value. Between a mask and a plan.
//!
//! Bytes, words and floats are predicted apart. Integers come out the same by every algorithm, so each is judged by its time
//! alone, a second look at what floats leave open included; of words, they leave much more open. Floats may differ in their last bits; what is chosen for
//! them depends on the descriptor, the mask and the level, never on a picture or the number of threads.

use convoke_core::{Accumulate, Error, Filter2dDesc, Filter2dPlan, Level, Pixel, factor, factor_two};
use convoke_fft::FftFilterPlan;

use super::algorithm::FilterAlgorithm;
use crate::buffer::zeros;

/// What pixels are, as far as the choice of an algorithm depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelKind {
    /// Integers from integers of 8 bits: the exact value, rounded once, by whatever algorithm.
    Bytes,
    /// The same from integers of 16 bits.
    Words,
    /// Floats on either side: sums that round as the algorithm goes.
    Floats,
}

impl PixelKind {
    /// Of a filter that reads `I` and writes `O`.
    pub fn of<I: Pixel, O: Pixel>() -> Self {
        match (Filter2dPlan::rounds_exactly::<I, O>(), size_of::<I>()) {
            (true, 1) => Self::Bytes,
            (true, _) => Self::Words,
            (false, _) => Self::Floats,
        }
    }
}

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

/// What algorithms are predicted to take.
pub(crate) struct Predictions {
    /// Each with its time for bytes, words and floats, if it can be taken for them.
    all: Vec<(FilterAlgorithm, [Option<f64>; 3])>,
}

impl Predictions {
    /// Of all algorithms that can compute a filter; without transforms, if `every` is not asked for, where they have no
    /// chance.
    pub(crate) fn new(desc: &Filter2dDesc, mask: &[f32], level: Level, every: bool) -> Result<Self, Error> {
        let [r, s] = desc.mask_size;
        if mask.len() != r.saturating_mul(s) {
            return Err(Error::Length { operand: "mask", required: r.saturating_mul(s), got: mask.len() });
        }
        let values = [desc.size[0], desc.size[1], desc.channels].iter().map(|&n| n as f64).product::<f64>();
        let unit = multiply_add(level);
        let memory = if 8.0 * values > CACHED { 1.0 } else { 0.0 };
        // With these many roundings, and so many multiply-adds, which could be made in f64 instead.
        let both = |cost: f64, roundings: usize, taps: usize| {
            [1.0, 257.0].map(|size| {
                Some(cost + second_looks(desc, size * roundings as f64).min(4.0 * unit * taps as f64))
            })
        };
        let mut all = Vec::with_capacity(4);
        let direct = unit * direct_cost(desc);
        let [bytes, words] = both(direct, r * s / 2, r * s);
        all.push((FilterAlgorithm::Direct, [bytes, words, Some(direct + 0.05 * memory)]));
        // With one row or one column there is nothing to factor.
        if r.min(s) > 1 {
            let [mut column, mut row] = [zeros("mask", r)?, zeros("mask", s)?];
            // Whoever asks for sums in f64 wants the mask's own values.
            let is_near = |column: &[f32], row: &[f32]| {
                let mut products =
                    column.iter().flat_map(|a| row.iter().map(move |b| f64::from(*a) * f64::from(*b)));
                desc.accumulate == Accumulate::F32
                    || mask.iter().all(|w| products.next() == Some(f64::from(*w)))
            };
            if factor(mask, &mut column, &mut row)? && is_near(&column, &row) {
                let cost = unit * separable_cost(desc);
                let floats = cost + 0.2 * memory + reread(desc);
                let [bytes, words] = both(cost, r + s + 4, r + s);
                all.push((FilterAlgorithm::Separable, [bytes, words, Some(floats)]));
            } else if r * s > 3 * (r + s) && is_rank_two(mask, [r, s])? {
                let cost = 2.0 * unit * separable_cost(desc);
                let [bytes, words] = both(cost, r + 2 * s + 4, 2 * (r + s));
                all.push((FilterAlgorithm::RankTwo, [bytes, words, None]));
            }
        }
        if desc.accumulate == Accumulate::F32 && r * s > 1 && mask.iter().all(|w| *w == mask[0]) {
            let cost = unit * box_cost(desc);
            all.push((
                FilterAlgorithm::Box,
                [
                    sums_are_exact(mask, 255).then_some(cost),
                    sums_are_exact(mask, 65_535).then_some(cost),
                    Some(cost + 0.25 * memory),
                ],
            ));
        }
        let mut predictions = Self { all };
        for (_, costs) in &mut predictions.all {
            *costs = costs.map(|cost| Some(cost? * values));
        }
        let kinds = [PixelKind::Bytes, PixelKind::Words, PixelKind::Floats];
        let worst = kinds.map(|kind| predictions.fastest(kind).cost).into_iter().fold(0.0, f64::max);
        // With sums in f64 there is no such plan.
        if r * s >= WORTH_A_TRANSFORM
            && (every || worst > FftFilterPlan::least_cost(desc, level))
            && let Ok(plan) = FftFilterPlan::new(desc, level)
        {
            let interleaved = if desc.channels > 1 { 0.6 } else { 0.0 };
            let cost = transforms(plan.predicted_cost() / values) * values + interleaved * values;
            let integers = |size: f64| {
                let looks = second_looks(desc, size * 3.0 * (r + s + 10) as f64);
                Some(cost + (1.2 + looks) * values)
            };
            let costs = [integers(1.0), integers(257.0), Some(cost + 0.5 * memory * values)];
            predictions.all.push((FilterAlgorithm::Fft, costs));
        }
        Ok(predictions)
    }

    fn of(&self, kind: PixelKind) -> impl Iterator<Item = FilterCandidate> {
        self.all.iter().filter_map(move |&(algorithm, [bytes, words, floats])| {
            let cost = match kind {
                PixelKind::Bytes => bytes,
                PixelKind::Words => words,
                PixelKind::Floats => floats,
            };
            Some(FilterCandidate { algorithm, cost: cost? })
        })
    }

    /// The candidates for pixels of a kind, fastest first.
    pub(crate) fn candidates(&self, kind: PixelKind) -> Vec<FilterCandidate> {
        let mut all: Vec<_> = self.of(kind).collect();
        all.sort_by(|a, b| a.cost.total_cmp(&b.cost));
        all
    }

    /// The first of them.
    pub(super) fn fastest(&self, kind: PixelKind) -> FilterCandidate {
        let direct = FilterCandidate { algorithm: FilterAlgorithm::Direct, cost: f64::INFINITY };
        // The direct algorithm can do everything, so there is one.
        self.of(kind).fold(direct, |best, other| if other.cost < best.cost { other } else { best })
    }
}

/// Those candidates that can take a picture row by row.
pub(crate) fn streamed(
    desc: &Filter2dDesc,
    mask: &[f32],
    level: Level,
    kind: PixelKind,
) -> Result<Vec<FilterCandidate>, Error> {
    let mut all = Predictions::new(desc, mask, level, false)?.candidates(kind);
    all.retain(|one| one.algorithm != FilterAlgorithm::Fft);
    Ok(all)
}

/// Taps from which on a transform could be faster.
const WORTH_A_TRANSFORM: usize = 49;

/// Bytes of two pictures of floats that stay in a machine's last cache. Larger ones come from memory, for which a filter
/// waits the longer the less evenly it reads.
const CACHED: f64 = 32e6;

/// Nanoseconds of a multiply-add of one lane, on the machine of the fit.
fn multiply_add(level: Level) -> f64 {
    match level.lanes() {
        8.. => 0.0169,
        4.. => 0.039,
        _ => 0.21,
    }
}

/// Nanoseconds that a value takes because some results on integers are too near a tie for floats of so many roundings,
/// and are summed again: the more roundings the more of them, and the more taps the longer. Roundings are those of
/// bytes; words are 257 times as large.
fn second_looks(desc: &Filter2dDesc, roundings: f64) -> f64 {
    let [r, s] = desc.mask_size;
    let apart = if desc.channels > 1 { 2.0 } else { 1.0 };
    let part = (3.0e-5 * roundings).min(1.0);
    0.28 * apart * (r * s) as f64 * part
}

/// Whether a mask of this size is the sum of two separable ones.
pub(super) fn is_rank_two(mask: &[f32], [r, s]: [usize; 2]) -> Result<bool, Error> {
    let overflow = Error::Overflow { operand: "mask" };
    let [columns, rows] = [r.checked_mul(2).ok_or(overflow)?, s.checked_mul(2).ok_or(overflow)?];
    factor_two(mask, &mut zeros("mask", columns)?, &mut zeros("mask", rows)?)
}

// The costs below are in multiply-adds of one lane, and were fitted to pictures of 512x512 pixels.

/// A multiply-add for every tap, and what comes before and after.
fn direct_cost(desc: &Filter2dDesc) -> f64 {
    let [r, s] = desc.mask_size;
    5.0 + 1.17 * (r * s) as f64
}

/// The pass down shares its loads between four rows. The pass across does not, and most of its loads cross a cache line;
/// but from 17 taps on they are shared by pairs.
fn separable_cost(desc: &Filter2dDesc) -> f64 {
    let [r, s] = desc.mask_size.map(|n| n as f64);
    9.0 + 1.1 * r + if s > 16.0 { 8.0 + 1.2 * s } else { 1.9 * s }
}

/// Nanoseconds that a value takes longer where the pass down reads more rows of floats, in place, than the second cache
/// holds. (Integers are widened in blocks of columns that it does hold.)
fn reread(desc: &Filter2dDesc) -> f64 {
    let [r, _] = desc.mask_size;
    let bytes = 4.0 * (r as f64 + 3.0) * desc.size[1] as f64 * desc.channels as f64;
    if bytes > 5e5 { 0.045 * r as f64 } else { 0.0 }
}

/// What transforms of large masks take, whose own model, made to choose among tiles, is too high: 13 ns a value for 241x241
/// taps were 12, and 37 for 481x481 about 20.
fn transforms(predicted: f64) -> f64 {
    if predicted > 10.0 { 10.0 + 0.35 * (predicted - 10.0) } else { predicted }
}

/// Whether the sums of integers up to `most` under a box are exact in f32: else only floats can be filtered so.
fn sums_are_exact(mask: &[f32], most: usize) -> bool {
    mask[0] == 1.0 && mask.len() <= (1 << 24) / most
}

/// Three additions down; across as many as sums of sums of neighbours take, or no more than transposed rows cost. Groups of
/// few rows have more to do between them.
fn box_cost(desc: &Filter2dDesc) -> f64 {
    let [r, s] = desc.mask_size.map(|side| side as f64);
    let across = (2.2 * s.min(2.0 * s.sqrt() + 2.0)).min(21.0);
    14.0 + across + 6.0 * (8.0 / r).min(1.0)
}
