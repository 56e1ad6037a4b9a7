//! The choice of algorithm, and an account of it that a person can read.
//!
//! Costs, from [`cost`], are in vector multiply-adds at the layer's level: those that the kernel issues, and the rest
//! of its work in the time of so many of them. Being of one unit they can be compared, and divided by the core's peak
//! they are a time.

use std::fmt;

use convoke_core::{Conv2dDesc, Error, Geometry, Layout, Level};

use super::cost::{PER_NANOSECOND, cost};
use super::engine::Engine;
use crate::options::{Algorithm, Options};

/// What is chosen from, best first where costs are equal.
const CANDIDATES: [Algorithm; 2] = [Algorithm::Direct, Algorithm::Gemm];

/// One way in which a layer could be computed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Predicted cost in vector multiply-adds at this level.
    pub cost: u64,
    /// What that takes in microseconds on a core that starts two of them a cycle, at 4 GHz, and with caches and memory that
    /// move 240, 100 and 40 bytes a nanosecond. For another core, divide the cost by what it starts in a second.
    pub microseconds: f64,
    /// Size of the packed weights in bytes.
    pub packed_bytes: usize,
    /// Size of the scratch of each thread in bytes.
    pub scratch_bytes: usize,
    /// The `n` of the error bound `n * 2^-24 * sum |w * x|`, bias and residual counted.
    pub error_terms: usize,
    /// Why it was taken, or not.
    pub verdict: String,
}

/// All candidates for a layer, and which was taken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The layer.
    pub desc: Conv2dDesc,
    /// Its checked sizes.
    pub geometry: Geometry,
    /// The level.
    pub level: Level,
    /// The algorithm taken.
    pub chosen: Algorithm,
    /// Every candidate, cheapest first.
    pub candidates: Vec<Candidate>,
}

/// The algorithm with the least predicted cost.
pub(super) fn choose(desc: &Conv2dDesc, level: Level) -> Result<Algorithm, Error> {
    let mut best = (u64::MAX, CANDIDATES[0]);
    for algorithm in CANDIDATES {
        let engine = Engine::new(desc, level, algorithm)?;
        let cost = cost(&engine);
        if cost < best.0 {
            best = (cost, algorithm);
        }
    }
    Ok(best.1)
}

/// The account of a choice.
pub(super) fn explain(desc: &Conv2dDesc, options: &Options) -> Result<Explanation, Error> {
    let level = options.level;
    let cheapest = choose(desc, level)?;
    let chosen = if options.algorithm == Algorithm::Auto { cheapest } else { options.algorithm };
    let mut candidates = Vec::new();
    for algorithm in CANDIDATES {
        let engine = Engine::new(desc, level, algorithm)?;
        let cost = cost(&engine);
        candidates.push(Candidate {
            algorithm,
            cost,
            microseconds: cost as f64 / PER_NANOSECOND * 1e-3,
            packed_bytes: engine.packed_len() * size_of::<f32>(),
            scratch_bytes: engine.scratch_len() * size_of::<f32>(),
            error_terms: engine.error_terms(),
            verdict: String::new(),
        });
    }
    candidates.sort_by_key(|candidate| candidate.cost);
    let least = candidates.iter().map(|candidate| candidate.cost).min().unwrap_or(0).max(1);
    for candidate in &mut candidates {
        let times = candidate.cost as f64 / least as f64;
        candidate.verdict = match (candidate.algorithm == chosen, candidate.algorithm == cheapest) {
            (true, true) => "taken: the least predicted cost".to_owned(),
            (true, false) => format!("taken: asked for; {times:.2} times the least predicted cost"),
            (false, true) => format!("not taken, though the cheapest: {chosen} was asked for"),
            (false, false) => format!("not taken: {times:.2} times the least predicted cost"),
        };
    }
    Ok(Explanation { desc: *desc, geometry: Geometry::new(desc)?, level, chosen, candidates })
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (desc, geometry) = (&self.desc, &self.geometry);
        let [height, width] = desc.in_size;
        let [r, s] = desc.kernel;
        let [p, q] = geometry.out_size;
        let layout = if desc.layout == Layout::Nchw { "NCHW" } else { "NHWC" };
        writeln!(
            f,
            "conv2d {layout}: {} x {height}x{width}, {} -> {} channels, kernel {r}x{s}, groups {}, output {p}x{q}",
            desc.batch, desc.in_channels, desc.out_channels, desc.groups
        )?;
        writeln!(
            f,
            "{} multiply-adds, {} weights; level {} ({} lanes)",
            geometry.macs,
            geometry.weights_len,
            self.level,
            self.level.lanes()
        )?;
        for candidate in &self.candidates {
            let mark = if candidate.algorithm == self.chosen { '*' } else { ' ' };
            writeln!(
                f,
                "{mark} {:<8} cost {:>14} vector multiply-adds (about {:.1} us at two a cycle, 4 GHz), packed {:>9} bytes, \
                 scratch {:>8} bytes, \
                 error <= {} * 2^-24 * sum|w*x|: {}",
                candidate.algorithm,
                candidate.cost,
                candidate.microseconds,
                candidate.packed_bytes,
                candidate.scratch_bytes,
                candidate.error_terms,
                candidate.verdict
            )?;
        }
        Ok(())
    }
}
