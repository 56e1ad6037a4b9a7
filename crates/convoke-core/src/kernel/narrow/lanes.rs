//! The numbers that narrow filters compute with: sums of 16 or 32 bits, and how what is read becomes one.
//!
//! Sums wrap. That makes signed and unsigned arithmetic the same, and lets partial sums leave the range as long as
//! the result lies in it; whoever plans proves that it does.

/// A sum: bits of a signed or an unsigned integer.
pub trait Lane: Copy + Default + PartialEq {
    /// From the bits of a number that fits.
    fn of(value: i32) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
}

macro_rules! lane {
    ($($lane:ty)*) => {$(
        impl Lane for $lane {
            #[inline(always)]
            fn of(value: i32) -> Self {
                value as $lane
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
        }
    )*};
}

lane!(u16 u32);

/// How an element that is read becomes a sum.
pub trait Load {
    /// What is read.
    type In: Copy + Default + 'static;
    /// What it becomes.
    type Sum: Lane;

    fn load(element: Self::In) -> Self::Sum;
}

macro_rules! loads {
    ($($(#[$doc:meta])* $name:ident: $from:ty => $to:ty, $x:ident => $load:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl Load for $name {
            type In = $from;
            type Sum = $to;

            #[inline(always)]
            fn load($x: $from) -> $to {
                $load
            }
        }
    )*};
}

loads! {
    /// A pixel, in 16 bits.
    ByteToHalf: u8 => u16, x => x.into();
    /// A pixel, in 32 bits.
    ByteToWord: u8 => u32, x => x.into();
    /// A sum of 16 bits as it is.
    Half: u16 => u16, x => x;
    /// An unsigned sum of 16 bits, in 32.
    HalfToWord: u16 => u32, x => x.into();
    /// A signed sum of 16 bits, in 32.
    SignedToWord: u16 => u32, x => i32::from(x as i16) as u32;
    /// A sum of 32 bits as it is.
    Word: u32 => u32, x => x;
}
