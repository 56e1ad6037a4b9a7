//! What the plan of a repeated box decided, for people.

use core::fmt;

use convoke_simd::Level;

use super::plan::RepeatedBoxPlan;

/// What a plan decided. `Display` tells it in one line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RepeatedBoxDescription {
    /// The level.
    pub level: Level,
    /// Passes along each axis.
    pub passes: usize,
    /// Equal weights of a pass, apart from its two ends.
    pub taps: usize,
    /// The ends' part of such a weight.
    pub end: f32,
    /// Pixels that a result reads to each side.
    pub reach: usize,
    /// Rows that are transposed together.
    pub band: usize,
    /// Size of the plane in bytes.
    pub plane_bytes: usize,
    /// Size of the scratch in bytes.
    pub scratch_bytes: usize,
    /// The `n` of the error bound.
    pub error_terms: usize,
}

impl RepeatedBoxPlan {
    /// What was decided.
    pub fn describe(&self) -> RepeatedBoxDescription {
        RepeatedBoxDescription {
            level: self.level,
            passes: self.desc.passes,
            taps: self.shape.taps,
            end: self.desc.end,
            reach: self.reach,
            band: self.band,
            plane_bytes: self.plane_len() * size_of::<f32>(),
            scratch_bytes: self.scratch_len() * size_of::<f32>(),
            error_terms: self.error_terms(),
        }
    }
}

impl fmt::Display for RepeatedBoxDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passes each way of a box of {} taps with ends of {:.3}, {}, bands of {} rows, plane {} bytes, scratch {} \
             bytes, reads {} pixels to each side, roundings at most {} * 2^-24 * sum|w*x|",
            self.passes,
            self.taps,
            self.end,
            self.level,
            self.band,
            self.plane_bytes,
            self.scratch_bytes,
            self.reach,
            self.error_terms
        )
    }
}
