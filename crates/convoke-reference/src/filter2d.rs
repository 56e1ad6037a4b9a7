//! A picture filter, as its formula stands. For every pixel `(y, x)` and channel `c`, with the anchor `(a, b)`,
//!
//! ```text
//! correlate   scale / divisor * sum over r, s of  mask[r, s] * src[y + r - a, x + s - b, c]   + offset
//! convolve    scale / divisor * sum over r, s of  mask[r, s] * src[y - r + a, x - s + b, c]   + offset
//! ```
//!
//! [`filter2d_f64`] computes it in `f64`; [`filter2d_exact`] computes it in fractions of whole numbers of any length,
//! without any rounding, and then rounds once: to the nearest value of the result's type, to the even one of two that
//! are equally near, clamped to the type's ends.
//!
//! The lecture's mean of nine pixels, on a picture that is 90 in a corner:
//!
//! ```
//! use convoke_core::Filter2dDesc;
//! use convoke_reference::filter2d_u8;
//! let mean = Filter2dDesc::new([3, 3], 1, [3, 3]).divisor(9.0);
//! let src = [90, 0, 0, 0, 0, 0, 0, 0, 0];
//! assert_eq!(filter2d_u8(&mean, &[1.0; 9], &src), [10, 10, 0, 10, 10, 0, 0, 0, 0]);
//! // Ninths are no floating-point numbers: nine times the nearest one is not 1, and 1/9 as a mask is another filter.
//! ```

use convoke_core::{Filter2dDesc, Mode};
use num_bigint::BigInt;

use crate::border::{Tap, look};

/// The filter in `f64`: the values, and the values with everything taken as positive,
/// `|scale| / divisor * sum |mask src| + |offset|`, by which rounding errors are measured. Both are as long as `dst`,
/// with NaN between rows that are longer than what they hold.
///
/// # Panics
/// If a size is zero, the anchor lies outside the mask, the divisor is not positive, a row stride is shorter than a
/// row, or an operand has another length.
pub fn filter2d_f64<T: Copy + Into<f64>>(
    desc: &Filter2dDesc,
    mask: &[f32],
    src: &[T],
) -> (Vec<f64>, Vec<f64>) {
    check(desc, mask.len(), src.len());
    let [scale, divisor, offset] = [desc.scale, desc.divisor, desc.offset].map(f64::from);
    let mut values = vec![f64::NAN; dst_len(desc)];
    let mut magnitudes = values.clone();
    each_pixel(desc, |pixel, at| {
        let (mut sum, mut magnitude) = (0.0, 0.0);
        each_tap(desc, pixel, |factor, tap| {
            let term = f64::from(mask[tap])
                * match factor {
                    Factor::Src(index) => src[index].into(),
                    Factor::Border(value) => f64::from(value),
                };
            sum += term;
            magnitude += term.abs();
        });
        values[at] = scale * sum / divisor + offset;
        magnitudes[at] = scale.abs() * magnitude / divisor + offset.abs();
    });
    (values, magnitudes)
}

/// The types of integers that pixels may have.
pub trait WholePixel: Copy + Default + Into<f32> + Into<i32> + TryFrom<i32> {
    /// The least value.
    const LEAST: Self;
    /// The greatest value.
    const GREATEST: Self;
}

impl WholePixel for u8 {
    const LEAST: Self = u8::MIN;
    const GREATEST: Self = u8::MAX;
}

impl WholePixel for u16 {
    const LEAST: Self = u16::MIN;
    const GREATEST: Self = u16::MAX;
}

impl WholePixel for i16 {
    const LEAST: Self = i16::MIN;
    const GREATEST: Self = i16::MAX;
}

/// [`filter2d_exact`] from 8-bit pixels to 8-bit pixels.
///
/// # Panics
/// As [`filter2d_exact`].
pub fn filter2d_u8(desc: &Filter2dDesc, mask: &[f32], src: &[u8]) -> Vec<u8> {
    filter2d_exact(desc, mask, src)
}

/// The filter from integer pixels to integer pixels: the exact value, rounded once. As long as `dst`, with 0 between
/// rows that are longer than what they hold ([`is_pixel`] tells which those are).
///
/// Exact means: mask, scale, divisor, offset and a constant border are the real numbers that these `f32`s are.
///
/// ```
/// use convoke_core::Filter2dDesc;
/// use convoke_reference::filter2d_exact;
/// let halve = Filter2dDesc::new([1, 4], 1, [1, 1]).divisor(2.0);
/// let halves: Vec<i16> = filter2d_exact(&halve, &[1.0], &[65535_u16, 5, 3, 1]);
/// assert_eq!(halves, [32767, 2, 2, 0]);
/// ```
///
/// # Panics
/// As [`filter2d_f64`]; also if one of these numbers is not finite.
pub fn filter2d_exact<I: WholePixel, O: WholePixel>(desc: &Filter2dDesc, mask: &[f32], src: &[I]) -> Vec<O> {
    check(desc, mask.len(), src.len());
    let mask: Vec<BigInt> = mask.iter().map(|&weight| units(weight)).collect();
    let [scale, divisor, offset] = [desc.scale, desc.divisor, desc.offset].map(units);
    let mut dst = vec![O::default(); dst_len(desc)];
    each_pixel(desc, |pixel, at| {
        let mut sum = BigInt::ZERO;
        each_tap(desc, pixel, |factor, tap| {
            sum += &mask[tap]
                * match factor {
                    Factor::Src(index) => units(src[index].into()),
                    Factor::Border(value) => units(value),
                };
        });
        // In units U = 2^-149 the sum of products counts U^2, so the value is
        //   (scale U * sum U^2) / (divisor U) + offset U = (scale * sum + offset * divisor / U) / (divisor / U^2).
        let numerator = &scale * sum + ((&offset * &divisor) << UNIT);
        let denominator = &divisor << (2 * UNIT);
        dst[at] = round_fraction(&numerator, &denominator);
    });
    dst
}

/// A real result as an integer pixel: to nearest, ties to even, clamped to the type's ends; NaN gives 0.
///
/// ```
/// use convoke_reference::round_to;
/// assert_eq!([0.5, 1.5, 2.5, 254.5, 255.5].map(round_to::<u8>), [0, 2, 2, 254, 255]);
/// assert_eq!([-0.6, -1e30, 1e30, f64::INFINITY, f64::NAN].map(round_to::<u8>), [0, 0, 255, 255, 0]);
/// assert_eq!([-0.6, -1.5, -1e30, 1e30, f64::NAN].map(round_to::<i16>), [-1, -2, -32768, 32767, 0]);
/// ```
pub fn round_to<O: WholePixel>(value: f64) -> O {
    if value.is_nan() {
        return O::default();
    }
    let [least, greatest]: [i32; 2] = [O::LEAST.into(), O::GREATEST.into()];
    whole(value.clamp(least.into(), greatest.into()).round_ties_even() as i32)
}

/// [`round_to`] an 8-bit pixel.
pub fn round_to_u8(value: f64) -> u8 {
    round_to(value)
}

/// A number that the type has.
fn whole<O: WholePixel>(value: i32) -> O {
    O::try_from(value).unwrap_or_else(|_| panic!("{value} lies between the type's ends"))
}

/// `numerator / denominator`, rounded as [`round_to`] does. The denominator is positive.
fn round_fraction<O: WholePixel>(numerator: &BigInt, denominator: &BigInt) -> O {
    let [least, greatest]: [i32; 2] = [O::LEAST.into(), O::GREATEST.into()];
    if *numerator <= denominator * least {
        return O::LEAST;
    }
    if *numerator >= denominator * greatest {
        return O::GREATEST;
    }
    // Counted from the least value up, so that the division of whole numbers, which cuts off, rounds down.
    let above_least = numerator - denominator * least;
    let steps = i32::try_from(&above_least / denominator).expect("fewer steps than the type has values");
    let below = least + steps;
    let left_over = above_least % denominator;
    match (left_over * 2_u32).cmp(denominator) {
        std::cmp::Ordering::Less => whole(below),
        std::cmp::Ordering::Equal => whole(below + below.rem_euclid(2)),
        std::cmp::Ordering::Greater => whole(below + 1),
    }
}

/// The least positive `f32` is 2 to minus this, and every other one is a multiple of it.
const UNIT: u32 = 149;

/// A finite `f32` as a multiple of `2^-149`, exactly.
fn units(value: f32) -> BigInt {
    assert!(value.is_finite(), "an exact result needs finite numbers, not {value}");
    let exponent = value.to_bits() >> 23 & 0xFF;
    let fraction = value.to_bits() & 0x7F_FFFF;
    let count = match exponent {
        0 => BigInt::from(fraction),
        // The leading bit is not stored; the unit of exponent 1 is that of exponent 0.
        _ => BigInt::from(fraction | 1 << 23) << (exponent - 1),
    };
    if value.is_sign_negative() { -count } else { count }
}

/// Whether an index of `dst` holds a pixel's channel, and not what lies between two rows.
pub fn is_pixel(desc: &Filter2dDesc, index: usize) -> bool {
    let held = desc.size[1] * desc.channels;
    index % desc.dst_row_stride.unwrap_or(held) < held
}

/// The length of `src`: its rows, without what lies behind the last.
pub fn src_len(desc: &Filter2dDesc) -> usize {
    picture_len(desc, desc.src_row_stride)
}

/// The length of `dst`: its rows, without what lies behind the last.
pub fn dst_len(desc: &Filter2dDesc) -> usize {
    picture_len(desc, desc.dst_row_stride)
}

fn picture_len(desc: &Filter2dDesc, row_stride: Option<usize>) -> usize {
    let held = desc.size[1] * desc.channels;
    (desc.size[0] - 1) * row_stride.unwrap_or(held) + held
}

fn check(desc: &Filter2dDesc, mask: usize, src: usize) {
    assert!(![desc.size, desc.mask_size].concat().contains(&0), "a picture and a mask have pixels");
    assert!((1..=4).contains(&desc.channels), "a pixel has 1 to 4 channels");
    assert!(
        desc.anchor[0] < desc.mask_size[0] && desc.anchor[1] < desc.mask_size[1],
        "an anchor in the mask"
    );
    assert!(desc.divisor > 0.0, "a positive divisor");
    let held = desc.size[1] * desc.channels;
    let strides = [desc.src_row_stride, desc.dst_row_stride];
    assert!(strides.iter().flatten().all(|&stride| stride >= held), "row strides of at least {held}");
    assert_eq!(mask, desc.mask_size[0] * desc.mask_size[1], "elements of the mask");
    assert_eq!(src, src_len(desc), "elements of src");
}

/// What a tap is multiplied by.
enum Factor {
    /// This element of `src`.
    Src(usize),
    /// A value outside the picture.
    Border(f32),
}

/// Visits every output `[y, x, channel]` with its index in `dst`.
fn each_pixel(desc: &Filter2dDesc, mut visit: impl FnMut([usize; 3], usize)) {
    let row = desc.dst_row_stride.unwrap_or(desc.size[1] * desc.channels);
    for y in 0..desc.size[0] {
        for x in 0..desc.size[1] {
            for c in 0..desc.channels {
                visit([y, x, c], y * row + x * desc.channels + c);
            }
        }
    }
}

/// Visits the products of one output's sum: what is multiplied, and by which element of the mask.
fn each_tap(desc: &Filter2dDesc, [y, x, c]: [usize; 3], mut visit: impl FnMut(Factor, usize)) {
    let src_row = desc.src_row_stride.unwrap_or(desc.size[1] * desc.channels);
    let [a, b] = desc.anchor.map(|at| at as i64);
    for r in 0..desc.mask_size[0] {
        for s in 0..desc.mask_size[1] {
            let [down, right] = [r as i64 - a, s as i64 - b];
            let [row, column] = match desc.mode {
                Mode::Correlate => [y as i64 + down, x as i64 + right],
                Mode::Convolve => [y as i64 - down, x as i64 - right],
            };
            let factor = match look(desc.border, [row, column], desc.size) {
                Tap::Pixel([row, column]) => Factor::Src(row * src_row + column * desc.channels + c),
                Tap::Value(value) => Factor::Border(value),
                Tap::Absent => continue,
            };
            visit(factor, r * desc.mask_size[1] + s);
        }
    }
}

#[cfg(test)]
mod tests;
