//! The numbers that problems are filled with: a small generator, and values on a grid on which sums are exact.

/// How a problem's operands are filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// Small integers times a power of two, such that every partial sum of every output is exact in `f32`, in
    /// whatever order it is taken. Results must be equal bit for bit.
    #[default]
    Exact,
    /// Real numbers between -1 and 1. Results must lie within the forward error bound.
    Real,
}

/// SplitMix64 (Steele, Lea and Flood, 2014): each seed gives its own sequence, the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed. `stream` separates the operands of one problem.
    pub const fn new(seed: u64, stream: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u64) -> u64 {
        ((self.bits() as u128 * end as u128) >> 64) as u64
    }

    /// A real number from -1 to 1.
    pub const fn real(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// A non-zero integer from `-range` to `range`.
    pub const fn integer(&mut self, range: u32) -> f32 {
        let magnitude = 1 + self.below(range as u64) as u32;
        if self.bits() & 1 == 0 { magnitude as f32 } else { -(magnitude as f32) }
    }
}

/// The integers of an exact problem with `terms` products in every output.
///
/// `src` holds integers up to `range`, `weights` such integers times `unit`. Bias, residual and offsets are integers
/// up to [`ADDEND`](Self::ADDEND) times `unit`. Every partial sum is then an integer below 2^24 times `unit`, which
/// `f32` holds exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// The greatest magnitude of a value of `src`, and of a weight in units.
    pub range: u32,
    /// A power of two that brings typical sums near 1, where activations bend.
    pub unit: f32,
}

impl Grid {
    /// The greatest magnitude of an addend, in units.
    pub const ADDEND: u32 = 1 << 12;

    /// For outputs of so many products, at least 1.
    pub fn new(terms: usize) -> Self {
        let terms = terms.max(1) as f64;
        let budget = f64::from((1 << 24) - 4 * Self::ADDEND);
        let range = (budget / terms).sqrt().floor().clamp(1.0, 99.0);
        // Products have a root mean square near range^2 / 3; sums of them grow with the root of their number.
        let typical = range * range / 3.0 * terms.sqrt();
        Self { range: range as u32, unit: typical.log2().round().exp2().recip() as f32 }
    }

    /// Whether sums of this magnitude are exact.
    pub fn holds(&self, magnitude: f64) -> bool {
        magnitude <= f64::from(1 << 24) * f64::from(self.unit)
    }
}

/// Fills the rows of a tensor and leaves NaN in the gaps between them, which nobody may read.
///
/// The tensor has rows of `row_len` values, `row_stride` apart.
pub fn rows(len: usize, row_len: usize, row_stride: usize, mut value: impl FnMut() -> f32) -> Vec<f32> {
    (0..len).map(|at| if at % row_stride.max(1) < row_len { value() } else { crate::guard::GAP }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_exact_up_to_its_largest_sum() {
        for terms in [1, 2, 9, 25, 147, 4608, 25088, 1 << 20] {
            let grid = Grid::new(terms);
            let products = f64::from(grid.range).powi(2) * terms as f64;
            assert!(products + f64::from(2 * Grid::ADDEND) < f64::from(1 << 24), "{terms}");
            assert!(grid.unit.is_normal() && grid.unit.to_bits() << 9 == 0, "a power of two");
        }
    }

    #[test]
    fn numbers_stay_in_their_ranges() {
        let mut random = Random::new(7, 0);
        let reals: Vec<f32> = (0..1000).map(|_| random.real()).collect();
        assert!(reals.iter().all(|x| (-1.0..1.0).contains(x)));
        let integers: Vec<f32> = (0..1000).map(|_| random.integer(3)).collect();
        for wanted in [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0] {
            assert!(integers.contains(&wanted));
        }
        assert!(!integers.contains(&0.0));
    }
}
