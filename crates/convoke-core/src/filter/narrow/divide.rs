//! Chooses how sums become output elements, and proves the choice.
//!
//! Every fast way rounds `(sum + offset) / divisor` by a monotone function of the sum: an addition, a multiplication by
//! a positive constant, a shift. A byte has 255 steps. A monotone function that is right on both sides of every step
//! (the greatest sum that must become `q` and the least that must become `q + 1`) is right everywhere, and trying 510
//! sums takes about a microsecond. That replaces an error analysis per method by a proof per filter.

use core::marker::PhantomData;

use super::desc::Rounding;
use crate::kernel::narrow::finish::{
    Divide, Even16, Finish, Float32, Float64, Multiply16, Narrowed, Shift16, Shift32, Signed16,
};

/// What is asked for: sums from `range[0]` to `range[1]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Division {
    pub(super) range: [i64; 2],
    pub(super) offset: i64,
    /// From 1 to 2^30.
    pub(super) divisor: i64,
    pub(super) rounding: Rounding,
}

/// A way to bytes from sums of 16 bits.
#[derive(Clone, Copy, Debug)]
pub enum Bytes16 {
    Shift(Shift16),
    Even(Even16),
    SignedUp(Signed16<false>),
    SignedEven(Signed16<true>),
    MultiplyUp(Multiply16<false>),
    MultiplyEven(Multiply16<true>),
}

/// A way from sums of 32 bits.
#[derive(Clone, Copy, Debug)]
pub enum Words {
    Up {
        offset: i32,
        bias: i32,
        shift: u32,
    },
    Even {
        offset: i32,
        bias: i32,
        shift: u32,
    },
    /// To bytes only.
    Float(Float32),
    /// To bytes only.
    Double(Float64),
    Slow {
        offset: i64,
        divisor: i64,
        even: bool,
    },
}

impl Division {
    /// Half the divisor rounded down.
    fn half(&self) -> i64 {
        self.divisor / 2
    }

    /// Whether some quotients may have to be brought down from a tie.
    fn even(&self) -> bool {
        self.rounding != Rounding::TiesUp && self.divisor % 2 == 0
    }

    fn shift(&self) -> Option<u32> {
        (self.divisor.count_ones() == 1).then(|| self.divisor.trailing_zeros())
    }

    /// The least sum whose result, before clamping, is above `q`.
    fn step(&self, q: i64, even: bool) -> i64 {
        // sum + offset against divisor * (q + 1/2): at the tie itself, up if q is odd or if all ties go up.
        let twice = self.divisor * (2 * q + 1);
        let least = if even && q % 2 == 0 { twice / 2 + 1 } else { (twice + 1) / 2 };
        least - self.offset
    }

    /// Whether a monotone function is right for all sums.
    fn holds(&self, even: bool, f: impl Fn(i64) -> u8) -> bool {
        let [lo, hi] = self.range;
        (0..255).all(|q| {
            let step = self.step(q, even);
            let above = step > hi || i64::from(f(step.max(lo))) > q;
            let below = step <= lo || i64::from(f((step - 1).min(hi))) <= q;
            above && below
        })
    }

    /// From sums of 16 bits, of which only the bits are known, to bytes.
    pub(super) fn bytes16(&self) -> Option<Bytes16> {
        let [lo, hi] = self.range;
        if hi - lo > 65535 || self.rounding == Rounding::SinglePrecision {
            return None;
        }
        let [lo, hi] = [lo + self.offset, hi + self.offset];
        let unsigned = lo >= 0 && hi + self.half() <= 65535;
        let signed = lo >= -32768 && hi + self.half() <= 32767;
        let [offset, bias] = [self.offset, self.half() - 1].map(|x| x as u16);
        if let Some(shift) = self.shift() {
            return match (self.even(), unsigned, signed) {
                (false, true, _) => {
                    Some(Bytes16::Shift(Shift16 { bias: (self.offset + self.half()) as u16, shift }))
                }
                (true, true, _) => Some(Bytes16::Even(Even16 { offset, bias, shift })),
                (false, false, true) => {
                    let bias = self.half() as u16;
                    Some(Bytes16::SignedUp(Signed16 { offset, bias, shift }))
                }
                (true, false, true) => Some(Bytes16::SignedEven(Signed16 { offset, bias, shift })),
                (_, false, false) => None,
            };
        }
        if !unsigned || self.divisor > 65535 {
            return None;
        }
        // The multiplier with the most bits that 16 hold, rounded up.
        let shift = self.divisor.ilog2();
        let factor = ((1_i64 << (16 + shift)) + self.divisor - 1) / self.divisor;
        let (bias, divisor) = ((self.offset + self.half()) as u16, self.divisor as u16);
        let up = Multiply16::<false> { bias, factor: factor as u16, shift, divisor };
        if factor > 65535 || !self.holds(false, |sum| up.finish(sum as u16)) {
            return None;
        }
        // With the quotient right, its product with the divisor tells ties exactly.
        Some(if self.even() {
            Bytes16::MultiplyEven(Multiply16 { bias, factor: factor as u16, shift, divisor })
        } else {
            Bytes16::MultiplyUp(up)
        })
    }

    /// Whether `sum + offset` and half the divisor more stay in 32 bits.
    fn fits32(&self) -> bool {
        let [lo, hi] = self.range.map(|sum| sum + self.offset);
        lo >= i32::MIN.into() && hi + self.half() <= i32::MAX.into()
    }

    /// From sums of 32 bits to any type.
    pub(super) fn words(&self) -> Words {
        match self.shift() {
            Some(shift) if self.fits32() => {
                let (offset, half) = (self.offset as i32, self.half() as i32);
                if self.even() {
                    Words::Even { offset, bias: half - 1, shift }
                } else {
                    Words::Up { offset, bias: half, shift }
                }
            }
            _ => Words::Slow {
                offset: self.offset,
                divisor: self.divisor,
                even: self.rounding != Rounding::TiesUp,
            },
        }
    }

    /// From sums of 32 bits to bytes.
    pub(super) fn bytes32(&self) -> Words {
        if self.rounding == Rounding::SinglePrecision {
            let factor = 1.0 / self.divisor as f32;
            return Words::Float(Float32 { scale: 1, bias: self.offset as i32, factor });
        }
        let words = self.words();
        if !matches!(words, Words::Slow { .. }) {
            return words;
        }
        let float = || self.float().map(Words::Float);
        let double = || self.double().map(Words::Double);
        float().or_else(double).unwrap_or(words)
    }

    /// What the sum is multiplied by, and what is added then, before the multiplication by `1 / divisor` and the
    /// rounding to nearest.
    ///
    /// Without ties, and where they go to even as they do in the processor's own rounding, that is the offset. Where
    /// they go up and the divisor is even, twice the sum and one more is never on a tie of twice the divisor.
    fn doubled(&self) -> [i64; 2] {
        if self.divisor % 2 == 0 && !self.even() { [2, 2 * self.offset + 1] } else { [1, self.offset] }
    }

    /// The greatest size of a sum that is multiplied.
    fn largest(&self) -> i64 {
        let [scale, bias] = self.doubled();
        self.range.map(|sum| (scale * sum + bias).abs()).into_iter().max().unwrap_or(0)
    }

    fn float(&self) -> Option<Float32> {
        if self.largest() > 1 << 24 {
            return None;
        }
        let [scale, bias] = self.doubled();
        let inverse = 1.0 / (scale * self.divisor) as f32;
        // Whether exact ties come out of the multiplication as ties depends on the last bit of the factor.
        [0, 1, -1]
            .map(|ulps| f32::from_bits(inverse.to_bits().wrapping_add_signed(ulps)))
            .map(|factor| Float32 { scale: scale as i32, bias: bias as i32, factor })
            .into_iter()
            .find(|float| self.holds(self.even(), |sum| float.finish(sum as i32 as u32)))
    }

    fn double(&self) -> Option<Float64> {
        if self.largest() > i32::MAX.into() {
            return None;
        }
        let [scale, bias] = self.doubled();
        let inverse = 1.0 / (scale * self.divisor) as f64;
        [0, 1, -1]
            .map(|ulps| f64::from_bits(inverse.to_bits().wrapping_add_signed(ulps)))
            .map(|factor| Float64 { scale: scale as i32, bias: bias as i32, factor })
            .into_iter()
            .find(|double| self.holds(self.even(), |sum| double.finish(sum as i32 as u32)))
    }
}

impl Words {
    pub(super) fn shift32<T: Narrowed, const EVEN: bool>(
        offset: i32,
        bias: i32,
        shift: u32,
    ) -> Shift32<T, EVEN> {
        Shift32 { offset, bias, shift, out: PhantomData }
    }

    pub(super) fn divide<T: Narrowed>(offset: i64, divisor: i64, even: bool) -> Divide<T> {
        Divide { offset, divisor, even, out: PhantomData }
    }
}
