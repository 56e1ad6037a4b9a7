//! Rounding to integers and to bytes, and powers of two.

use core::array;
use std::vec::Vec;

use super::values::{WIDEST, awkward, check_lanes, for_all, for_any, lanes, same};
use crate::{Scalar, Simd};

at_every_level! {
    round
    round_every_exponent
    store_u8
    store_u8_near_every_tie
    store_16
    store_16_near_every_tie
    exp2_int
    exp2_int_over_its_range
}

fn round<S: Simd>(simd: S) {
    check_lanes(simd, same, |[v]| simd.round(v), |[x]| x.round_ties_even());
    check_lanes(simd, same, |[v]| simd.round(v), |[x]| Scalar::new().round(x));
}

/// A million bit patterns spread over all of them, so that each exponent has thousands of fractions.
fn round_every_exponent<S: Simd>(simd: S) {
    const STEP: u32 = 4099;
    for first in (0..=u32::MAX).step_by(STEP as usize * WIDEST) {
        let x = array::from_fn(|lane| f32::from_bits(first.wrapping_add(lane as u32 * STEP)));
        for (x, got) in x.into_iter().zip(lanes(simd, [x], |[v]| simd.round(v))) {
            assert!(same(got, x.round_ties_even()), "{x:?} gave {got:?}");
        }
    }
}

/// The nearest byte in double precision, which holds every `f32` and every tie exactly.
fn nearest_byte(x: f32) -> u8 {
    f64::from(x).round_ties_even().clamp(0.0, 255.0) as u8
}

fn check_bytes<S: Simd>(simd: S, x: [f32; WIDEST]) {
    for x in x.chunks(S::LANES) {
        let mut bytes = [7; WIDEST + 1];
        simd.store_u8(simd.load(x), &mut bytes);
        for (&x, byte) in x.iter().zip(bytes) {
            assert_eq!(byte, nearest_byte(x), "{x:?}");
            let mut scalar = [7];
            Scalar::new().store_u8(x, &mut scalar);
            assert_eq!(byte, scalar[0], "{x:?}");
        }
        assert!(bytes[S::LANES..].iter().all(|&byte| byte == 7), "wrote beyond the vector: {bytes:?}");
    }
}

fn store_u8<S: Simd>(simd: S) {
    for_all(&awkward(), |[x]| check_bytes(simd, x));
    for_any(|[x]| check_bytes(simd, x));
}

/// Each quarter from -16 to 272, and its neighbours on either side.
fn store_u8_near_every_tie<S: Simd>(simd: S) {
    let quarters = (-64_i16..=1088).map(|quarters| f32::from(quarters) / 4.0);
    let list: Vec<f32> = quarters.flat_map(|x| [x.next_down(), x, x.next_up()]).collect();
    for_all(&list, |[x]| check_bytes(simd, x));
}

/// The nearest 16-bit value, as [`nearest_byte`].
fn nearest_16(x: f32, least: f64, greatest: f64) -> f64 {
    if x.is_nan() { 0.0 } else { f64::from(x).round_ties_even().clamp(least, greatest) }
}

fn check_16<S: Simd>(simd: S, x: [f32; WIDEST]) {
    for x in x.chunks(S::LANES) {
        let (mut words, mut signed) = ([7; WIDEST + 1], [7; WIDEST + 1]);
        simd.store_u16(simd.load(x), &mut words);
        simd.store_i16(simd.load(x), &mut signed);
        for ((&x, word), signed) in x.iter().zip(words).zip(signed) {
            assert_eq!(f64::from(word), nearest_16(x, 0.0, 65535.0), "{x:?}");
            assert_eq!(f64::from(signed), nearest_16(x, -32768.0, 32767.0), "{x:?}");
            let (mut one, mut other) = ([7], [7]);
            Scalar::new().store_u16(x, &mut one);
            Scalar::new().store_i16(x, &mut other);
            assert_eq!(([word], [signed]), (one, other), "{x:?}");
        }
        assert!(words[S::LANES..].iter().all(|&word| word == 7), "wrote beyond the vector: {words:?}");
        assert!(signed[S::LANES..].iter().all(|&word| word == 7), "wrote beyond the vector: {signed:?}");
    }
}

fn store_16<S: Simd>(simd: S) {
    for_all(&awkward(), |[x]| check_16(simd, x));
    for_any(|[x]| check_16(simd, x));
}

/// Each half from -33000 to 66000, and its neighbours on either side.
fn store_16_near_every_tie<S: Simd>(simd: S) {
    let halves = (-66_000_i32..=132_000).map(|halves| halves as f32 / 2.0);
    let list: Vec<f32> = halves.flat_map(|x| [x.next_down(), x, x.next_up()]).collect();
    for_all(&list, |[x]| check_16(simd, x));
}

fn power<S: Simd>(simd: S, x: f32) -> f32 {
    lanes(simd, [[x; WIDEST]], |[n]| simd.exp2_int(n))[0]
}

fn exp2_int<S: Simd>(simd: S) {
    check_lanes(simd, same, |[n]| simd.exp2_int(n), |[x]| Scalar::new().exp2_int(x));
}

/// Every integer of the range and beyond, against a shifted exponent, and every eighth between them.
fn exp2_int_over_its_range<S: Simd>(simd: S) {
    for n in -300_i16..=300 {
        let clamped = n.clamp(-127, 127);
        let expected = if clamped == -127 { 0.0 } else { 2.0_f64.powi(clamped.into()) as f32 };
        assert_eq!(power(simd, n.into()).to_bits(), expected.to_bits(), "2^{n}");
        for eighths in 1_i16..8 {
            let x = f32::from(n) + f32::from(eighths) / 8.0;
            assert_eq!(power(simd, x), power(simd, x.round_ties_even()), "2^{x}");
        }
    }
    for (x, expected) in [
        (f32::NAN, 0.0),
        (-f32::NAN, 0.0),
        (f32::NEG_INFINITY, 0.0),
        (f32::INFINITY, 2.0_f32.powi(127)),
        (-0.0, 1.0),
        (f32::MIN_POSITIVE, 1.0),
    ] {
        assert_eq!(power(simd, x).to_bits(), f32::to_bits(expected), "2^{x}");
    }
}
