//! What a filter's plan decided, for people.

use core::fmt;

use convoke_simd::Level;

use super::plan::{Filter2dPlan, Method};
use crate::Accumulate;
use crate::kernel::boxes;
use crate::kernel::plane::{TILE_ROWS, tile_vectors};

/// What a plan decided. `Display` tells it in one line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FilterDescription {
    /// Name of the algorithm.
    pub algorithm: &'static str,
    /// The level.
    pub level: Level,
    /// Height and width of the mask.
    pub mask_size: [usize; 2],
    /// Rows by elements of a full register tile.
    pub tile: [usize; 2],
    /// Columns of pixels that are worked on at a time; the picture's width unless scratch would be too large.
    pub block: usize,
    /// Size of the packing buffer in bytes.
    pub packed_bytes: usize,
    /// Size of the scratch in bytes.
    pub scratch_bytes: usize,
    /// Multiply-accumulates of the algorithm for the whole picture, border taps counted. Saturates.
    pub macs: u64,
    /// The `n` of the error bound.
    pub error_terms: usize,
}

impl Filter2dPlan {
    /// What was decided.
    pub fn describe(&self) -> FilterDescription {
        let desc = &self.desc;
        let [r, s] = desc.mask_size;
        let outputs = (self.row_len() as u64).saturating_mul(desc.size[0] as u64);
        FilterDescription {
            algorithm: match self.method {
                Method::Direct if desc.accumulate == Accumulate::F64 => "direct in f64",
                Method::Direct => "direct",
                Method::Separable { terms: 2.., .. } => "two separable masks",
                Method::Separable { .. } if desc.accumulate == Accumulate::F64 => "separable in f64",
                Method::Separable { .. } => "separable",
                Method::Box { .. } => "box",
            },
            level: self.level,
            mask_size: desc.mask_size,
            tile: [TILE_ROWS, tile_vectors(self.level.registers()) * self.level.lanes()],
            block: if let Method::Box { layout, .. } = self.method { layout.block } else { self.block },
            packed_bytes: self.packed_len() * size_of::<f32>(),
            scratch_bytes: self.scratch_len() * size_of::<f32>(),
            macs: outputs.saturating_mul(match self.method {
                Method::Direct => r * s,
                Method::Separable { terms, .. } => terms * (r + s),
                // Additions, in fact: three down, and what it takes across.
                Method::Box { .. } => 3 + boxes::additions(s),
            } as u64),
            error_terms: self.error_terms(),
        }
    }
}

impl fmt::Display for FilterDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, s] = self.mask_size;
        let [rows, cols] = self.tile;
        write!(
            f,
            "{} {r}x{s}, {}, tile {rows}x{cols}, blocks of {} columns, packed {} bytes, scratch {} bytes, {} macs, \
             error at most {} * 2^-24 * sum|w*x|",
            self.algorithm,
            self.level,
            self.block,
            self.packed_bytes,
            self.scratch_bytes,
            self.macs,
            self.error_terms
        )
    }
}
