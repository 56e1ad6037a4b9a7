//! Filters small enough to be computed by hand, and roundings that a computation in `f32` or `f64` gets wrong.

use convoke_core::{Border, Filter2dDesc, Mode};
use num_bigint::BigInt;

use super::*;

/// A row of pixels under a mask of one row.
fn row(width: usize, taps: usize) -> Filter2dDesc {
    Filter2dDesc::new([1, width], 1, [1, taps])
}

#[test]
fn modes_and_anchors() {
    let src = [1, 2, 3, 4];
    let digits = |desc: Filter2dDesc| filter2d_f64(&desc, &[1.0, 10.0, 100.0], &src).0;
    let desc = row(4, 3);
    assert_eq!(digits(desc), [210.0, 321.0, 432.0, 43.0]);
    assert_eq!(digits(desc.mode(Mode::Convolve)), [12.0, 123.0, 234.0, 340.0]);
    // Every tap in turn lies on the output pixel, in both modes.
    assert_eq!(digits(desc.anchor([0, 0])), [321.0, 432.0, 43.0, 4.0]);
    assert_eq!(digits(desc.anchor([0, 2])), [100.0, 210.0, 321.0, 432.0]);
    assert_eq!(digits(desc.anchor([0, 0]).mode(Mode::Convolve)), [1.0, 12.0, 123.0, 234.0]);
    assert_eq!(digits(desc.anchor([0, 2]).mode(Mode::Convolve)), [123.0, 234.0, 340.0, 400.0]);
    // An even mask: the tap right of the middle is on the pixel.
    let even = |mode| filter2d_f64(&row(4, 2).mode(mode), &[1.0, 10.0], &src).0;
    assert_eq!(even(Mode::Correlate), [10.0, 21.0, 32.0, 43.0]);
    assert_eq!(even(Mode::Convolve), [12.0, 23.0, 34.0, 40.0]);
}

#[test]
fn two_dimensions_channels_and_strides() {
    // Two rows of two pixels of two channels, in rows of 5; the mask reads the pixel below and the one to the right.
    let desc = Filter2dDesc::new([2, 2], 2, [2, 2])
        .anchor([0, 0])
        .border(Border::Constant(9.0))
        .src_row_stride(5)
        .dst_row_stride(6);
    let src = [1, 10, 2, 20, 255, 3, 30, 4, 40];
    let mask = [0.0, 1.0, 2.0, 0.0];
    let (values, magnitude) = filter2d_f64(&desc, &mask, &src);
    assert_eq!(values[..4], [8.0, 80.0, 17.0, 89.0]);
    assert!(values[4..6].iter().chain(&magnitude[4..6]).all(|x| x.is_nan()));
    assert_eq!(values[6..], [22.0, 58.0, 27.0, 27.0]);
    assert_eq!(filter2d_u8(&desc, &mask, &src), [8, 80, 17, 89, 0, 0, 22, 58, 27, 27]);
    let pixels: Vec<bool> = (0..10).map(|i| is_pixel(&desc, i)).collect();
    assert_eq!(pixels, [true, true, true, true, false, false, true, true, true, true]);
    assert_eq!([src_len(&desc), dst_len(&desc)], [9, 10]);
}

#[test]
fn scale_divisor_and_offset() {
    let desc = row(2, 2).anchor([0, 0]).border(Border::Replicate).scale(-3.0).divisor(2.0).offset(20.0);
    let (values, magnitude) = filter2d_f64(&desc, &[1.0, -2.0], &[4_u8, 10]);
    assert_eq!(values, [44.0, 35.0]);
    assert_eq!(magnitude, [56.0, 65.0]);
    assert_eq!(filter2d_u8(&desc, &[1.0, -2.0], &[4, 10]), [44, 35]);
    let (values, magnitude) = filter2d_f64(&desc.offset(-20.0), &[1.0, -2.0], &[4_u8, 10]);
    assert_eq!(values, [4.0, -5.0]);
    assert_eq!(magnitude, [56.0, 65.0]);
}

/// The rounded value of `weight * 1 + offset`, divided by `divisor`.
fn rounded(weight: f32, divisor: f32, offset: f32) -> u8 {
    filter2d_u8(&row(1, 1).divisor(divisor).offset(offset), &[weight], &[1])[0]
}

#[test]
fn ties_go_to_the_even_value() {
    let halves: Vec<u8> = (0..8).map(|i| rounded(i as f32, 2.0, 0.0)).collect();
    assert_eq!(halves, [0, 0, 1, 2, 2, 2, 3, 4]);
    assert_eq!([509.0, 510.0, 511.0, 600.0].map(|w| rounded(w, 2.0, 0.0)), [254, 255, 255, 255]);
    assert_eq!([-1.0, -2.0, -1000.0].map(|w| rounded(w, 2.0, 0.0)), [0, 0, 0]);
    assert_eq!([3.0, -3.0].map(|w| rounded(w, 2.0, 2.0)), [4, 0]);
}

#[test]
fn ties_of_16_bit_values() {
    let row = row(6, 1);
    let signed = [-32768_i16, -32767, -3, -1, 3, 32767];
    let halves: Vec<i16> = filter2d_exact(&row.divisor(2.0), &[1.0], &signed);
    assert_eq!(halves, [-16384, -16384, -2, 0, 2, 16384]);
    let up: Vec<i16> = filter2d_exact(&row.offset(0.5), &[1.0], &signed);
    assert_eq!(up, [-32768, -32766, -2, 0, 4, 32767]);
    let down: Vec<i16> = filter2d_exact(&row.offset(-0.5), &[1.0], &signed);
    assert_eq!(down, [-32768, -32768, -4, -2, 2, 32766]);
    let words: Vec<u16> = filter2d_exact(&row.scale(2.0), &[1.0], &signed);
    assert_eq!(words, [0, 0, 0, 0, 6, 65534]);
    let bytes: Vec<u8> = filter2d_exact(&row.divisor(257.0), &[1.0], &[0_u16, 128, 129, 257, 65535, 65407]);
    assert_eq!(bytes, [0, 0, 1, 1, 255, 255]);
}

#[test]
fn next_to_a_tie_only_the_exact_value_tells() {
    // 2.5 plus or minus the least positive number: no binary format could hold the sum.
    let least = f32::from_bits(1);
    assert_eq!([-least, 0.0, least].map(|offset| rounded(2.5, 1.0, offset)), [2, 2, 3]);
    assert_eq!([-least, 0.0, least].map(|offset| rounded(3.5, 1.0, offset)), [3, 4, 4]);
    // And at both ends.
    assert_eq!([-least, 0.0, least].map(|offset| rounded(0.5, 1.0, offset)), [0, 0, 1]);
    assert_eq!([-least, 0.0, least].map(|offset| rounded(254.5, 1.0, offset)), [254, 254, 255]);
    // The greatest numbers cancel exactly.
    let huge = Filter2dDesc::new([1, 3], 1, [1, 3]);
    assert_eq!(filter2d_u8(&huge, &[f32::MAX, 1.0, -f32::MAX], &[7, 9, 7])[1], 9);
    // Nine ones through the mean, halved: exactly a tie. One ninth as an f32 is a little more than 1/9.
    let half =
        |weight, divisor| filter2d_u8(&row(9, 9).anchor([0, 0]).divisor(divisor), &[weight; 9], &[1; 9])[0];
    assert_eq!([half(1.0, 18.0), half(1.0 / 9.0, 2.0)], [0, 1]);
}

#[test]
fn fractions_agree_with_f64_where_it_is_exact() {
    // Multiples of 2^-10 below 2^9, by whole pixels: exact in f64.
    let mask: Vec<f32> = (0..15).map(|i| (i * i * 37 % 101 - 50) as f32 / 256.0).collect();
    let src: Vec<u8> = (0..7 * 11).map(|i| (i * i * 13 + i * 7) as u8).collect();
    let borders = [
        Border::Zero,
        Border::Constant(3.25),
        Border::Replicate,
        Border::Reflect,
        Border::Reflect101,
        Border::Wrap,
    ];
    let mut between = 0;
    for border in borders {
        for mode in [Mode::Correlate, Mode::Convolve] {
            let desc =
                Filter2dDesc::new([7, 11], 1, [3, 5]).border(border).mode(mode).scale(0.75).offset(90.5);
            let exact = filter2d_u8(&desc, &mask, &src);
            let (values, magnitude) = filter2d_f64(&desc, &mask, &src);
            assert_eq!(exact, values.iter().map(|&v| round_to_u8(v)).collect::<Vec<_>>());
            assert!(values.iter().zip(&magnitude).all(|(v, m)| v.abs() <= *m));
            between += exact.iter().filter(|&&v| 0 < v && v < 255).count();
        }
    }
    assert!(between > 500, "{between}");
}

#[test]
fn units_are_exact() {
    assert_eq!(units(f32::from_bits(1)), BigInt::from(1));
    assert_eq!(units(-f32::MIN_POSITIVE), -(BigInt::from(1) << 23_u32));
    assert_eq!(units(1.0), BigInt::from(1) << 149_u32);
    assert_eq!(units(0.0), BigInt::ZERO);
    assert_eq!(units(-0.75) * 4_u32, BigInt::from(-3) << 149_u32);
    assert_eq!(units(f32::MAX), ((BigInt::from(1) << 24) - 1_u32) << 253_u32);
}

#[test]
fn nan_reaches_the_windows_that_contain_it() {
    let src = [1.0, f64::NAN, 1.0, 1.0, 1.0];
    let nan: Vec<bool> =
        filter2d_f64(&row(5, 3), &[1.0, 0.0, 0.0], &src).0.iter().map(|v| v.is_nan()).collect();
    assert_eq!(nan, [true, true, true, false, false]);
}

#[test]
#[should_panic(expected = "finite")]
fn exactness_needs_finite_numbers() {
    rounded(f32::INFINITY, 1.0, 0.0);
}
