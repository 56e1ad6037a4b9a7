//! What a plan decided, for people and for cost models.

use core::fmt;

use convoke_core::{Layout, Level};

use crate::GemmConv2dPlan;
use crate::tile::depth;

/// What a [`GemmConv2dPlan`] decided. `Display` tells it in one line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GemmDescription {
    /// Name of the algorithm.
    pub algorithm: &'static str,
    /// The level.
    pub level: Level,
    /// Pixels by out channels of a full register tile.
    pub tile: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Size of the packing buffer in bytes.
    pub packed_bytes: usize,
    /// Size of the scratch in bytes.
    pub scratch_bytes: usize,
    /// Multiply-accumulates that the layer asks for, padding counted.
    pub macs: u64,
    /// Vector multiply-adds that a whole run issues for them; lanes that carry nothing, and taps on padding, are
    /// counted. The predicted cost, to be divided by what the core does in a second.
    pub vector_macs: u64,
    /// Elements that a whole run copies into panels on the way, at some fraction of a cycle each in NHWC and in NCHW
    /// with a horizontal stride of 1, and at about a cycle otherwise.
    pub gathered: u64,
    /// The `n` of the error bound: see [`GemmConv2dPlan::error_terms`].
    pub error_terms: usize,
}

impl GemmConv2dPlan {
    /// What was decided.
    pub fn describe(&self) -> GemmDescription {
        let (desc, geometry, tile) = (self.desc(), self.geometry(), self.tile());
        let vectors = |columns: usize| (columns.next_multiple_of(tile.columns) / self.level().lanes()) as u64;
        let [height, width] = geometry.out_size;
        let pixels = (desc.batch * height * width) as u64;
        let depth = depth(desc, geometry) as u64;
        let product = |factors: [u64; 3]| factors.into_iter().fold(1, u64::saturating_mul);
        let (tile_size, vector_macs) = match desc.layout {
            Layout::Nhwc => {
                let per_pixel = vectors(geometry.group_out).saturating_mul(desc.groups as u64);
                ([tile.rows, tile.columns], product([pixels, per_pixel, depth]))
            }
            Layout::Nchw => {
                let per_channel = vectors(desc.batch * height * width);
                ([tile.columns, tile.rows], product([desc.out_channels as u64, per_channel, depth]))
            }
        };
        GemmDescription {
            algorithm: "gemm",
            level: self.level(),
            tile: tile_size,
            kernel: desc.kernel,
            packed_bytes: self.packed_len() * size_of::<f32>(),
            scratch_bytes: self.scratch_len() * size_of::<f32>(),
            macs: geometry.macs,
            vector_macs,
            gathered: product([pixels, depth, desc.groups as u64]),
            error_terms: self.error_terms(),
        }
    }
}

impl fmt::Display for GemmDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([r, s], [pixels, channels]) = (self.kernel, self.tile);
        write!(
            f,
            "{} {r}x{s}, tile {pixels}x{channels}, {}, packed {} bytes, scratch {} bytes, {} vector multiply-adds, \
             {} elements gathered, error at most {} * 2^-24 * sum|w*x|",
            self.algorithm,
            self.level,
            self.packed_bytes,
            self.scratch_bytes,
            self.vector_macs,
            self.gathered,
            self.error_terms
        )
    }
}
