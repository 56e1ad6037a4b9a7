//! What a plan decided, for people.

use core::fmt;

use convoke_core::Level;

use crate::plan::FftFilterPlan;

/// What a plan decided. `Display` tells it in one line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FftDescription {
    /// Name of the algorithm.
    pub algorithm: &'static str,
    /// The level.
    pub level: Level,
    /// Height and width of the mask.
    pub mask_size: [usize; 2],
    /// Rows and columns of a transform.
    pub tile: [usize; 2],
    /// Rows and columns of outputs that it gives.
    pub outputs: [usize; 2],
    /// Transforms for the whole picture, each of two tiles of a channel.
    pub transforms: usize,
    /// Size of the mask's spectrum in bytes.
    pub spectrum_bytes: usize,
    /// Size of the scratch in bytes.
    pub scratch_bytes: usize,
    /// Predicted nanoseconds for the whole picture.
    pub cost: f64,
}

impl FftFilterPlan {
    /// What was decided.
    pub fn describe(&self) -> FftDescription {
        let shape = self.shape;
        let [p, q] = shape.points;
        FftDescription {
            algorithm: "fft",
            level: self.level(),
            mask_size: self.desc().mask_size,
            tile: shape.points,
            outputs: shape.outputs,
            transforms: shape.tiles[0].saturating_mul((shape.tiles[1] * self.desc().channels).div_ceil(2)),
            spectrum_bytes: 2 * p * q * size_of::<f32>(),
            scratch_bytes: self.scratch_len() * size_of::<f32>(),
            cost: self.predicted_cost(),
        }
    }
}

impl fmt::Display for FftDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [[r, s], [p, q], [rows, cols]] = [self.mask_size, self.tile, self.outputs];
        write!(
            f,
            "{} {r}x{s}, {}, {} transforms of two tiles of {p}x{q} for {rows}x{cols} outputs, spectrum {} bytes, \
             scratch {} bytes, about {:.2} ms",
            self.algorithm,
            self.level,
            self.transforms,
            self.spectrum_bytes,
            self.scratch_bytes,
            self.cost / 1e6
        )
    }
}
