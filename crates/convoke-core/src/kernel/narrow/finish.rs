//! The last stage of a narrow filter: from a sum to an output element, `(sum + offset) / divisor`, rounded and
//! clamped. Every way of doing it is a few instructions without a branch; which of them is right for a filter is
//! decided, and proved, when it is planned.

/// What becomes of a sum.
pub(crate) trait Finish<W>: Copy {
    /// An element of the result.
    type Out: Copy;

    fn finish(self, sum: W) -> Self::Out;
}

/// The bits as they are: sums on their way to a second pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep;

impl<W: Copy> Finish<W> for Keep {
    type Out = W;

    #[inline(always)]
    fn finish(self, sum: W) -> W {
        sum
    }
}

/// The nearest byte: `min(value, 255)`.
///
/// The LLVM of Rust 1.95 takes sixteen lanes of that on WebAssembly for its narrowing instruction
/// alone, which reads lanes as signed: 32768 and more became 0 (llvm/llvm-project#201780). There the sum saturates in an
/// addition of which the low byte is the result.
#[inline(always)]
fn byte(value: u16) -> u8 {
    if cfg!(target_family = "wasm") { value.saturating_add(0xff00) as u8 } else { value.min(255) as u8 }
}

/// Unsigned sums of 16 bits to bytes by a shift; ties up. `bias` contains half the divisor. Nothing may overflow.
#[derive(Clone, Copy, Debug)]
pub struct Shift16 {
    pub(crate) bias: u16,
    pub(crate) shift: u32,
}

impl Finish<u16> for Shift16 {
    type Out = u8;

    #[inline(always)]
    fn finish(self, sum: u16) -> u8 {
        byte(sum.wrapping_add(self.bias) >> self.shift)
    }
}

/// Unsigned sums of 16 bits to bytes by a shift of at least one; ties to even. `bias` contains half the divisor
/// less one; the last bit of the quotient adds the missing one where it is odd.
#[derive(Clone, Copy, Debug)]
pub struct Even16 {
    pub(crate) offset: u16,
    pub(crate) bias: u16,
    pub(crate) shift: u32,
}

impl Finish<u16> for Even16 {
    type Out = u8;

    #[inline(always)]
    fn finish(self, sum: u16) -> u8 {
        let sum = sum.wrapping_add(self.offset);
        let odd = sum >> self.shift & 1;
        byte(sum.wrapping_add(self.bias).wrapping_add(odd) >> self.shift)
    }
}

/// Signed sums of 16 bits to bytes by a shift. Nothing may overflow. With `EVEN` the shift is at least one.
#[derive(Clone, Copy, Debug)]
pub struct Signed16<const EVEN: bool> {
    pub(crate) offset: u16,
    pub(crate) bias: u16,
    pub(crate) shift: u32,
}

impl<const EVEN: bool> Finish<u16> for Signed16<EVEN> {
    type Out = u8;

    #[inline(always)]
    fn finish(self, sum: u16) -> u8 {
        let sum = sum.wrapping_add(self.offset) as i16;
        let odd = if EVEN { sum >> self.shift & 1 } else { 0 };
        (sum.wrapping_add(self.bias as i16).wrapping_add(odd) >> self.shift).clamp(0, 255) as u8
    }
}

/// Unsigned sums of 16 bits to bytes by a multiplication: the high half of `(sum + bias) * factor`, shifted. Ties
/// up, and then down again with `EVEN` where the quotient is odd and its product with the divisor shows a tie.
#[derive(Clone, Copy, Debug)]
pub struct Multiply16<const EVEN: bool> {
    pub(crate) bias: u16,
    pub(crate) factor: u16,
    pub(crate) shift: u32,
    pub(crate) divisor: u16,
}

impl<const EVEN: bool> Finish<u16> for Multiply16<EVEN> {
    type Out = u8;

    #[inline(always)]
    fn finish(self, sum: u16) -> u8 {
        let sum = sum.wrapping_add(self.bias);
        let high = (u32::from(sum) * u32::from(self.factor)) >> 16;
        let quotient = high as u16 >> self.shift;
        let down = EVEN && quotient.wrapping_mul(self.divisor) == sum;
        let quotient = if EVEN { quotient - (u16::from(down) & quotient & 1) } else { quotient };
        byte(quotient)
    }
}

/// Bits of a signed sum of 16 bits as the result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Same16;

impl Finish<u16> for Same16 {
    type Out = i16;

    #[inline(always)]
    fn finish(self, sum: u16) -> i16 {
        sum as i16
    }
}

/// The types that a result may have, as what a signed 32-bit value is clamped to.
pub(crate) trait Narrowed: Copy {
    const LEAST: i32;
    const MOST: i32;

    /// From a value in range.
    fn narrowed(value: i32) -> Self;
}

macro_rules! narrowed {
    ($($type:ty)*) => {$(
        impl Narrowed for $type {
            const LEAST: i32 = <$type>::MIN as i32;
            const MOST: i32 = <$type>::MAX as i32;

            #[inline(always)]
            fn narrowed(value: i32) -> Self {
                value as $type
            }
        }
    )*};
}

narrowed!(u8 u16 i16);

/// Signed sums of 32 bits by a shift. Nothing may overflow. With `EVEN` the shift is at least one.
pub(crate) struct Shift32<T, const EVEN: bool> {
    pub(crate) offset: i32,
    pub(crate) bias: i32,
    pub(crate) shift: u32,
    pub(crate) out: core::marker::PhantomData<T>,
}

impl<T, const EVEN: bool> Clone for Shift32<T, EVEN> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, const EVEN: bool> Copy for Shift32<T, EVEN> {}

impl<T: Narrowed, const EVEN: bool> Finish<u32> for Shift32<T, EVEN> {
    type Out = T;

    #[inline(always)]
    fn finish(self, sum: u32) -> T {
        let sum = (sum as i32).wrapping_add(self.offset);
        let odd = if EVEN { sum >> self.shift & 1 } else { 0 };
        T::narrowed((sum.wrapping_add(self.bias).wrapping_add(odd) >> self.shift).clamp(T::LEAST, T::MOST))
    }
}

macro_rules! floats {
    ($($(#[$doc:meta])* $name:ident: $float:ty, $shift:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            pub(crate) scale: i32,
            pub(crate) bias: i32,
            pub(crate) factor: $float,
        }

        impl Finish<u32> for $name {
            type Out = u8;

            #[inline(always)]
            fn finish(self, sum: u32) -> u8 {
                const SHIFT: $float = $shift;
                let sum = (sum as i32).wrapping_mul(self.scale).wrapping_add(self.bias);
                let value = sum as $float * self.factor;
                // There is no NaN here; comparisons in this order are one instruction each.
                let value = if value > 0.0 { value } else { 0.0 };
                let value = if value < 255.0 { value } else { 255.0 };
                (value + SHIFT).to_bits() as u8
            }
        }
    )*};
}

floats! {
    /// Signed sums of 32 bits to bytes by a multiplication in floating point: `sum * scale + bias` times `factor`,
    /// rounded to nearest with ties to even.
    ///
    /// Adding 2^23 leaves no bit for a fraction, so that the addition rounds and the integer stands in the lowest bits.
    Float32: f32, 8_388_608.0;
    /// The same with twice the digits and 2^52.
    Float64: f64, 4_503_599_627_370_496.0;
}

/// Signed sums of 32 bits by a division, which is always right and slow.
pub(crate) struct Divide<T> {
    pub(crate) offset: i64,
    pub(crate) divisor: i64,
    pub(crate) even: bool,
    pub(crate) out: core::marker::PhantomData<T>,
}

impl<T> Clone for Divide<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Divide<T> {}

impl<T: Narrowed> Finish<u32> for Divide<T> {
    type Out = T;

    #[inline(always)]
    fn finish(self, sum: u32) -> T {
        let twice = 2 * (i64::from(sum as i32) + self.offset) + self.divisor;
        let quotient = twice.div_euclid(2 * self.divisor);
        let tie = self.even && twice.rem_euclid(2 * self.divisor) == 0;
        let quotient = quotient - i64::from(tie) * (quotient & 1);
        T::narrowed(quotient.clamp(T::LEAST.into(), T::MOST.into()) as i32)
    }
}
