//! The picture that a camera would deliver, and the masks it is filtered with. The host's test states all of this again.

use convoke_core::Border;

pub const HEIGHT: usize = 24;
pub const WIDTH: usize = 64;

/// Every border, in the order of the expected hashes.
pub const BORDERS: [Border; 6] = [
    Border::Zero,
    Border::Constant(7.0),
    Border::Replicate,
    Border::Reflect,
    Border::Reflect101,
    Border::Wrap,
];

/// A pixel, from 0 to 255.
pub fn pixel(y: usize, x: usize) -> u8 {
    (y * 37 + x * 11 + y * x * 5 % 64) as u8
}

/// The sum of this mask is 16.
pub const MASK_3: [f32; 9] = [1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0];

/// A mask of whole numbers of any size, not separable, whose sum is positive.
pub const fn mask<const N: usize>() -> [f32; N] {
    let mut mask = [0.0; N];
    let mut i = 0;
    while i < N {
        mask[i] = (i * 5 % 7) as f32 - 1.0;
        i += 1;
    }
    mask
}

/// What the sums of [`mask`] are divided by.
pub const DIVISOR: f32 = 64.0;
