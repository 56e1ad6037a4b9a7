//! Correct rounding from integers to integers: decides the pixels whose rounding the f32 result leaves open, first in f64
//! and, where that is not enough either, in exact integers.
//!
//! The exact value of a pixel is `scale * sum(w * p) / divisor + offset`, all operands taken as the real numbers
//! that they are. It lies above the tie `m + 1/2` exactly if
//!
//! ```text
//! scale * sum(w * p) + divisor * offset - divisor * (2 m + 1) / 2
//! ```
//!
//! is positive, and this is a sum of products of at most three f32: a fixed-point number of a few hundred bits.

use convoke_simd::{Kernel, Simd};

use super::integer::Integer;
use super::point::Dot;
use super::scatter::Post;
use crate::kernel::plane::Rows;
use crate::slices::{item, part, rest_mut};

/// Pixels whose f64 estimates are made together.
const MANY: usize = 16;
/// Open pixels among so many that make this worth while.
const WORTH_MANY: u32 = 2;

/// What it takes to compute a pixel again.
#[derive(Clone, Copy)]
pub struct Settle<'a> {
    pub(super) weights: &'a [f32],
    pub(super) cols: usize,
    /// Elements from one tap to the next.
    pub(super) step: usize,
    pub(super) rows: Rows<'a>,
    pub(super) post: Post,
    /// Values at least this far from a tie round correctly as they are. Below 1/4, or else 1: then none do.
    pub(super) margin: f32,
    /// The same for the results of [`estimate`](Self::estimate).
    pub(super) fine_margin: f64,
}

/// How far each value, once it is clamped to the pixels there are, lies from the nearest tie.
#[inline(always)]
fn to_tie<S: Simd, O: Integer>(simd: S, values: S::F32) -> S::F32 {
    // NaN (infinity minus infinity, in sums of huge weights) becomes the least value, and is open as all are where it
    // can occur.
    let v = simd.max(values, simd.splat(O::LEAST as f32));
    let v = simd.min(v, simd.splat(O::GREATEST as f32));
    let off = simd.sub(v, simd.round(v));
    simd.sub(simd.splat(0.5), simd.max(off, simd.sub(simd.splat(0.0), off)))
}

impl Settle<'_> {
    /// Writes the pixels again whose f32 results `values`, at most 64, lie too close to a tie; the others are right
    /// already.
    ///
    /// With bytes this is rare, and few pixels are open at a time. Sums of 16-bit pixels are larger by a factor of
    /// 256, and so are their errors: then a fair part of all pixels, or all, come here.
    #[cold]
    #[inline(never)]
    pub(super) fn redo<S: Simd, O: Integer>(
        &self,
        simd: S,
        values: &[f32],
        dst: &mut [O],
        [y, x]: [usize; 2],
    ) {
        simd.vectorize(
            #[inline(always)]
            || {
                for (first, values) in (0..).step_by(MANY).zip(values.chunks(MANY)) {
                    let Some(dst) = rest_mut(dst, first) else { return };
                    self.redo_some(simd, values, dst, [y, x + first]);
                }
            },
        );
    }

    /// The same for at most [`MANY`] values.
    #[inline(always)]
    fn redo_some<S: Simd, O: Integer>(&self, simd: S, values: &[f32], dst: &mut [O], [y, x]: [usize; 2]) {
        // Whoever calls has looked at a tile, only a few of whose values may be open.
        if !self.any_open::<S, O>(simd, values) {
            return;
        }
        let mut open = self.open::<S, O>(simd, values);
        let fine = self.fine_margin <= 0.25;
        let many = fine && values.len() == MANY && open.count_ones() >= WORTH_MANY;
        let estimates = if many { Some(self.estimates(y, x)) } else { None };
        while open != 0 {
            let lane = open.trailing_zeros() as usize;
            open &= open - 1;
            let rounded = match &estimates {
                Some(estimates) => match item(estimates, lane) {
                    Some(estimate) => self.round(*estimate),
                    None => None,
                },
                None if fine => self.round(self.estimate(simd, y, x + lane)),
                None => None,
            };
            if let Some(dst) = dst.get_mut(lane) {
                *dst = rounded.unwrap_or_else(|| self.exact_pixel(y, x + lane));
            }
        }
    }

    /// Whether any of the values lies too close to a tie.
    #[inline(always)]
    fn any_open<S: Simd, O: Integer>(&self, simd: S, values: &[f32]) -> bool {
        let mut least = simd.splat(1.0);
        for values in values.chunks(S::LANES) {
            // The lanes behind the last value are 0, which is no tie.
            least = simd.min(to_tie::<S, O>(simd, simd.load_first(values)), least);
        }
        simd.any_lt(least, simd.splat(self.margin))
    }

    /// A bit for each of at most [`MANY`] values that lies too close to a tie.
    #[inline(always)]
    fn open<S: Simd, O: Integer>(&self, simd: S, values: &[f32]) -> u32 {
        let [zero, one] = [0.0, 1.0].map(|x| simd.splat(x));
        let mut flags = [0.0; MANY];
        for (values, flags) in values.chunks(S::LANES).zip(flags.chunks_exact_mut(S::LANES)) {
            let to_tie = to_tie::<S, O>(simd, simd.load_first(values));
            simd.store(simd.select_lt(to_tie, simd.splat(self.margin), one, zero), flags);
        }
        let flags = part(&flags, 0, values.len()).unwrap_or_default();
        flags.iter().enumerate().fold(0, |open, (lane, &flag)| open | u32::from(flag != 0.0) << lane)
    }

    /// The pixel whose value is this, give or take what the f64 estimate may be off, if that decides it.
    fn round<O: Integer>(&self, estimate: f64) -> Option<O> {
        // One more on either side than there is, so that values beyond the ends lie far from any tie.
        let below = f64::from(O::LEAST) - 1.0;
        let value = estimate.clamp(below, f64::from(O::GREATEST) + 1.0);
        // Counted from the least one up because the cast truncates.
        let floor = f64::from((value - below) as u32) + below;
        let above_tie = value - floor - 0.5;
        if above_tie.abs() <= self.fine_margin {
            return None;
        }
        let nearest = if above_tie > 0.0 { floor + 1.0 } else { floor };
        Some(O::from_i32((nearest as i32).clamp(O::LEAST, O::GREATEST)))
    }

    /// Each tap and the value it meets.
    fn products(&self, y: usize, x: usize) -> impl Iterator<Item = (f32, f32)> {
        self.weights.chunks_exact(self.cols.max(1)).enumerate().flat_map(move |(r, weights)| {
            let row = self.rows.at(y + r, x).unwrap_or_default();
            weights.iter().copied().zip(row.iter().copied().step_by(self.step.max(1)))
        })
    }

    /// The value in f64.
    #[inline(always)]
    fn estimate<S: Simd>(&self, simd: S, y: usize, x: usize) -> f64 {
        let &Self { weights, cols, step, rows, .. } = self;
        let sum = Dot { weights, cols, step, rows, at: [y, x] }.run(simd);
        sum * f64::from(self.post.scale) / f64::from(self.post.divisor) + f64::from(self.post.offset)
    }

    /// [`estimate`](Self::estimate) of so many pixels from `x` on: pixels as lanes.
    #[inline(always)]
    fn estimates(&self, y: usize, x: usize) -> [f64; MANY] {
        let mut sums = [0.0; MANY];
        for (r, weights) in self.weights.chunks_exact(self.cols.max(1)).enumerate() {
            let Some(row) = self.rows.at(y + r, x) else { break };
            for (s, &w) in weights.iter().enumerate() {
                let Some(pixels) = part(row, s * self.step, MANY) else { break };
                for (sum, &p) in sums.iter_mut().zip(pixels) {
                    *sum += f64::from(w) * f64::from(p);
                }
            }
        }
        let [scale, divisor, offset] = [self.post.scale, self.post.divisor, self.post.offset].map(f64::from);
        // Divisions take their time, and most masks have none.
        if divisor == 1.0 {
            sums.map(|sum| sum * scale + offset)
        } else {
            sums.map(|sum| sum * scale / divisor + offset)
        }
    }

    /// The pixel in exact arithmetic: a search for the first tie that the value does not lie above.
    fn exact_pixel<O: Integer>(&self, y: usize, x: usize) -> O {
        let Post { scale, divisor, offset } = self.post;
        let mut sum = Fixed::default();
        for (w, p) in self.products(y, x) {
            sum.add_product([scale, w, p]);
        }
        sum.add_product([divisor, offset, 1.0]);
        let against_tie = |m: i32| {
            let mut difference = sum;
            difference.add_product([divisor, -(m as f32), 1.0]);
            difference.add_product([divisor, -0.5, 1.0]);
            difference.sign()
        };
        // Above every tie below `low`, not above the ties from `high` on.
        let [mut low, mut high] = [O::LEAST, O::GREATEST];
        while low < high {
            let middle = low + (high - low) / 2;
            match against_tie(middle) {
                1 => low = middle + 1,
                // On a tie: to the even one of its two neighbours.
                0 => return O::from_i32(middle + (middle & 1)),
                _ => high = middle,
            }
        }
        O::from_i32(low)
    }
}

/// `|x|`, finite, as an integer of 24 bits times a power of two.
pub(crate) fn split(x: f32) -> (u32, i32) {
    let bits = x.to_bits();
    let fraction = bits & 0x7F_FFFF;
    match (bits >> 23 & 0xFF) as i32 {
        0 => (fraction, -149),
        biased => (fraction | 0x80_0000, biased - 150),
    }
}

/// Digits of a fixed-point number.
const DIGITS: usize = 28;
/// The weight of the lowest bit is 2 to this power. Products of three f32 are multiples of 2^-447.
const LOWEST: i32 = -448;

/// A fixed-point number with room for every product of three f32 and for sums of 2^60 of them (they are below
/// 2^384; the number ends at 2^448).
///
/// Digits are signed and wider than their weight, so that additions need not carry at once.
#[derive(Clone, Copy, Default)]
struct Fixed {
    digits: [i64; DIGITS],
    /// Additions since carries were last propagated; each adds less than 2^32 to a digit.
    additions: u32,
}

impl Fixed {
    /// Adds the product of finite factors.
    fn add_product(&mut self, factors: [f32; 3]) {
        let mut negative = false;
        let mut mantissa = 1_u128;
        let mut exponent = 0;
        for factor in factors {
            let (m, e) = split(factor);
            negative ^= factor.is_sign_negative();
            mantissa *= u128::from(m);
            exponent += e;
        }
        if self.additions == 1 << 30 {
            self.carry();
        }
        self.additions += 1;
        // 72 bits of mantissa and at most 31 of shift make four digits.
        let at = (exponent - LOWEST) as usize;
        let mut rest = mantissa << (at % 32);
        for digit in self.digits.iter_mut().skip(at / 32).take(4) {
            let part = i64::from(rest as u32);
            *digit += if negative { -part } else { part };
            rest >>= 32;
        }
    }

    /// Makes all digits but the highest one canonical, from 0 to 2^32 - 1.
    fn carry(&mut self) {
        let mut carry = 0;
        for digit in &mut self.digits[..DIGITS - 1] {
            let whole = *digit + carry;
            carry = whole >> 32;
            *digit = whole & 0xFFFF_FFFF;
        }
        self.digits[DIGITS - 1] += carry;
        self.additions = 0;
    }

    /// -1, 0 or 1.
    fn sign(mut self) -> i32 {
        self.carry();
        if self.digits[DIGITS - 1] < 0 { -1 } else { i32::from(self.digits.iter().any(|&digit| digit != 0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::Fixed;

    fn sign(products: &[[f32; 3]]) -> i32 {
        let mut sum = Fixed::default();
        for &product in products {
            sum.add_product(product);
        }
        sum.sign()
    }

    #[test]
    fn fixed_point_keeps_every_bit() {
        let (tiny, huge) = (f32::from_bits(1), f32::MAX);
        assert_eq!(sign(&[]), 0);
        assert_eq!(sign(&[[0.0, 1.0, 1.0], [-0.0, 1.0, 1.0]]), 0);
        assert_eq!(sign(&[[tiny; 3]]), 1);
        assert_eq!(sign(&[[tiny, -tiny, tiny]]), -1);
        assert_eq!(sign(&[[-huge; 3]]), -1);
        assert_eq!(sign(&[[-huge, huge, -huge]]), 1);
        // The smallest product decides among the largest.
        assert_eq!(sign(&[[huge; 3], [-tiny, tiny, tiny], [-huge, huge, huge]]), -1);
        assert_eq!(sign(&[[huge; 3], [-huge, huge, huge], [tiny; 3]]), 1);
        assert_eq!(sign(&[[huge; 3], [tiny; 3], [-huge, huge, huge], [-tiny, -tiny, -tiny]]), 0);
        // 3 * 0.1 is not 0.3 in binary.
        assert_eq!(sign(&[[0.1, 3.0, 1.0], [-0.3, 1.0, 1.0]]), -sign(&[[-0.1, 3.0, 1.0], [0.3, 1.0, 1.0]]));
        assert_ne!(sign(&[[0.1, 3.0, 1.0], [-0.3, 1.0, 1.0]]), 0);
    }

    #[test]
    fn carries_run_through_many_additions() {
        let mut sum = Fixed::default();
        for _ in 0..100_000 {
            sum.add_product([f32::MAX, f32::MAX, 255.0]);
            sum.add_product([-1.0, 3.0, f32::MIN_POSITIVE]);
        }
        assert_eq!(sum.sign(), 1);
        sum.carry();
        for _ in 0..100_000 {
            sum.add_product([-f32::MAX, f32::MAX, 255.0]);
        }
        assert_eq!(sum.sign(), -1);
        for _ in 0..100_000 {
            sum.add_product([1.0, 3.0, f32::MIN_POSITIVE]);
        }
        assert_eq!(sum.sign(), 0);
    }

    #[test]
    fn agrees_with_integers() {
        let mut state = 1_u64;
        for _ in 0..10_000 {
            let mut sum = Fixed::default();
            let mut expected = 0_i128;
            for _ in 0..5 {
                let factors = core::array::from_fn(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 40) as i32 % 64 - 32
                });
                expected += factors.iter().map(|&x| i128::from(x)).product::<i128>();
                sum.add_product(factors.map(|x| x as f32 / 8.0));
            }
            assert_eq!(i128::from(sum.sign()), expected.signum());
        }
    }
}
