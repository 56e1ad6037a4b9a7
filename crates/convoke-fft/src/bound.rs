//! How far results can lie from the exact values.
//!
//! Errors of Fourier transforms are bounded by norms, not output by output: every output may be off by a small fraction of the
//! norm of its whole tile. With `u = 2^-24`, for the pair of tiles `z = a + i b` that one transform computes and the mask
//! `w` (scale and divisor included),
//!
//! ```text
//! |y - exact|  <=  c * u * ||w||_2 * ||z||_2
//! ```
//!
//! where `c` is the sum, over all passes forward and back, of the relative error of a pass, and of the product between them.
//! Why:
//!
//! * A pass forward gives `F (z + e)` with `||e|| <= c_pass u ||z||`: a butterfly of radix 2 rounds each of its sums once
//!   (`c = 1`), of radix 4 twice (2), of radix 8 three times and multiplies by a rounded constant (6); 3 and 5 are bounded by 6
//!   and 12 in the same way. A twiddle factor is a product of two rounded complex numbers: `sqrt(5) u` for the product
//!   (Brent, Percival and Zimmermann, *Error bounds on complex floating-point multiplication*, Math. Comp. 76, 2007, for
//!   products that may or may not be fused), and `u` for the factor itself. Passes are unitary up to a factor, so that relative
//!   errors add: Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., theorem 24.2, pass by pass instead of
//!   with the same constant for all.
//! * The spectrum's error reaches an output as the sum over all frequencies of mask times error, divided by their number,
//!   which is at most `||w|| ||e||` by Cauchy and Schwarz. The product adds `sqrt(5) u`, the mask's own rounding `u`.
//! * Going back, an intermediate value is a sum of some of the products with factors of modulus 1. What its rounding
//!   loses is at most `c_pass u` times the sum of their moduli, and reaches the output as it is. All moduli together are at most
//!   `||w|| ||z||`, by Cauchy and Schwarz again. This is Percival's argument (*Rapid multiplication modulo the sum and
//!   difference of highly composite numbers*, Math. Comp. 72, 2003).
//!
//! Terms of second order are below `c u` of the first: the factor [`SLACK`] covers them, as it covers the rounding of the f64
//! arithmetic of the bound and of the mask's spectrum, which is computed in f64.

use convoke_core::Filter2dDesc;

/// The unit roundoff of f32.
const U: f64 = 1.0 / 16_777_216.0;
/// Covers terms of second order, as long as there are fewer than 2^14 units.
const SLACK: f64 = 1.0 + 1.0 / 512.0;
/// What an output can lose to underflow: the least positive f32, in each of at most 2^8 operations on each of the points that
/// it depends on.
const UNDERFLOW: f64 = 256.0 * 1.401_298_464_324_817e-45;

/// What the errors of a filter depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// `c` without what comes after the transforms.
    units: f64,
    /// Norm of the mask times scale, by divisor.
    norm: f64,
    /// Sum of the moduli of that.
    magnitude: f64,
    /// Sum of that.
    pub(crate) total: f64,
    offset: f64,
    /// Points of a transform.
    points: f64,
    /// Roundings of a direct result.
    direct_terms: f64,
}

impl Bound {
    /// For a mask, with what passes there and back add up to.
    pub(crate) fn new(
        desc: &Filter2dDesc,
        mask: &[f32],
        pass_units: f64,
        points: usize,
        direct: usize,
    ) -> Self {
        let factor = f64::from(desc.scale) / f64::from(desc.divisor);
        let weights = mask.iter().map(|&w| f64::from(w) * factor);
        Self {
            units: 2.0 * pass_units + 5.0_f64.sqrt() + 1.0,
            norm: weights.clone().map(|w| w * w).sum::<f64>().sqrt(),
            magnitude: weights.clone().map(f64::abs).sum(),
            total: weights.sum(),
            offset: desc.offset.into(),
            points: points as f64,
            direct_terms: direct as f64,
        }
    }

    /// Whether nothing can overflow, nor anything but negligible parts of the spectrum underflow, in tiles whose values
    /// have a sum of squares that f32 holds.
    ///
    /// Values going forward are below `||z||_1 <= sqrt(points) ||z||`, going back below `||w|| ||z||`, with `||z|| < 2^64`.
    pub(crate) fn is_fit(&self) -> bool {
        let fits = |x: f64| (2.0_f64.powi(-60)..2.0_f64.powi(60)).contains(&x);
        (self.norm == 0.0 || fits(self.norm)) && self.points < 2.0_f64.powi(60) && self.offset.abs() < 1e30
    }

    /// `c u ||w||`, by which the norm of a pair of tiles is to be multiplied.
    pub(crate) fn factor(&self) -> f64 {
        self.units * U * self.norm * SLACK
    }

    /// For a pair of tiles of this norm whose sums get `offset` added.
    pub(crate) fn of_tile(&self, norm: f64, offset: f64) -> f64 {
        // The offset is rounded, then the sum with it.
        let after = U * (self.norm * norm + 2.0 * offset.abs()) * SLACK;
        self.factor() * norm + after + UNDERFLOW * self.points * (1.0 + self.magnitude)
    }

    /// For pictures whose values, and constant border, are of magnitude `largest` at most. `shifted` if a mean is taken off
    /// tiles.
    pub(crate) fn of_values(&self, largest: f64, shifted: bool) -> f64 {
        let value = if shifted { 2.0 * largest } else { largest };
        let norm = value * (2.0 * self.points).sqrt();
        let offset = self.offset.abs() + if shifted { largest * self.magnitude } else { 0.0 };
        let transformed = self.of_tile(norm, offset);
        // Tiles that are computed directly, because their values or the mask are too large.
        if self.is_fit() && norm * norm < f64::from(f32::MAX) / 2.0 {
            return transformed;
        }
        let n = self.direct_terms;
        let direct = n * U * (1.0 + n * U) * (self.magnitude * largest + self.offset.abs());
        transformed.max(direct + UNDERFLOW * n)
    }
}
