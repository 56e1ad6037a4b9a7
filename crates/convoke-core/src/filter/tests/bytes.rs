//! From bytes to bytes: every result is the correctly rounded exact value, ties to even, at every level.

use std::vec;
use std::vec::Vec;

use super::{Random, any_desc, run, windows};
use crate::{Border, Filter2dDesc, Filter2dPlan, Level};

/// `x` as a multiple of `2^-bits`.
fn fixed(x: f32, bits: i32) -> i128 {
    let scaled = f64::from(x) * 2_f64.powi(bits);
    assert_eq!(scaled.fract(), 0.0, "the oracle needs more bits for {x}");
    assert!(scaled.abs() < 2_f64.powi(80));
    scaled as i128
}

/// The exact value in integers, as a fraction of two of them.
fn expected(desc: &Filter2dDesc, mask: &[f32], src: &[u8]) -> Vec<u8> {
    // Weights, pixels (border constants), scale and offset have these many bits behind the point.
    const W: i32 = 46;
    const P: i32 = 4;
    const S: i32 = 28;
    let mut values = Vec::new();
    let divisor = fixed(desc.divisor, S);
    windows(desc, mask, src, |taps| {
        let sum: i128 = taps.iter().map(|&(w, p)| fixed(w, W) * fixed(p, P)).sum();
        // Everything times 2^(W + P + S).
        let value = sum.checked_mul(fixed(desc.scale, S)).unwrap()
            + ((divisor * fixed(desc.offset, 20)) << (W + P - 20));
        let one = divisor << (W + P);
        let byte = value.div_euclid(one);
        let byte = match (2 * value.rem_euclid(one)).cmp(&one) {
            core::cmp::Ordering::Less => byte,
            core::cmp::Ordering::Equal => byte + byte.rem_euclid(2),
            core::cmp::Ordering::Greater => byte + 1,
        };
        values.push(byte.clamp(0, 255) as u8);
    });
    values
}

fn check(desc: &Filter2dDesc, mask: &[f32], src: &[u8]) {
    let expected = expected(desc, mask, src);
    for level in Level::available() {
        let got = run(desc, level, mask, src, 99_u8);
        for (i, (g, e)) in got.iter().zip(&expected).enumerate() {
            assert_eq!(g, e, "{level}, element {i}: {desc:?}, mask {mask:?}");
        }
    }
}

fn src(desc: &Filter2dDesc, random: &mut Random) -> Vec<u8> {
    random.bytes(Filter2dPlan::new(desc, Level::scalar()).unwrap().src_len())
}

/// Without the low bits that the oracle has no room for.
fn coarse(x: f32, bits: i32) -> f32 {
    let scale = 2_f32.powi(bits);
    (x * scale).round() / scale
}

/// The margin that packing came to.
fn margin(desc: &Filter2dDesc, mask: &[f32]) -> f32 {
    let plan = Filter2dPlan::new(desc, Level::detect()).unwrap();
    let mut buffer = vec![0.0; plan.packed_len()];
    plan.pack(mask, &mut buffer).unwrap().certificate.margin
}

#[test]
fn any_filter_rounds_correctly() {
    let mut random = Random(10);
    for round in 0..600 {
        let desc = any_desc(&mut random);
        let n = desc.mask_size[0] * desc.mask_size[1];
        let sum = (n as f32).sqrt();
        let mask: Vec<f32> = match round % 4 {
            // Any weights, of about the right size.
            0 => (0..n).map(|_| coarse(random.signed() / sum, 40)).collect(),
            // Small integers, halves and quarters, with ties.
            1 => (0..n).map(|_| (random.below(9) as f32 - 3.0) / [1.0, 2.0, 4.0][random.below(3)]).collect(),
            2 => vec![1.0; n],
            // Tenths: near ties that are none.
            _ => (0..n).map(|_| coarse((random.below(5) as f32 - 1.0) / 10.0, 46)).collect(),
        };
        let desc = match random.below(5) {
            0 => desc.divisor(n as f32),
            1 => desc.divisor(n as f32).offset(random.below(3) as f32 / 2.0),
            2 => desc.scale(coarse(random.signed(), 28)).offset(128.0),
            3 => desc
                .scale([-0.5, 2.0, 0.25, 3.0, 0.0][random.below(5)])
                .divisor([1.0, 0.75, 6.0][random.below(3)]),
            _ => desc,
        };
        let src = src(&desc, &mut random);
        check(&desc, &mask, &src);
    }
}

#[test]
fn ties_go_to_even() {
    let mut random = Random(11);
    for (mask_size, divisor) in
        [([2, 2], 4.0), ([6, 6], 36.0), ([1, 2], 2.0), ([3, 4], 12.0), ([5, 10], 50.0)]
    {
        for border in super::BORDERS {
            let desc = Filter2dDesc::new([23, 70], 1, mask_size).divisor(divisor).border(border);
            let ones = vec![1.0; mask_size[0] * mask_size[1]];
            check(&desc, &ones, &src(&desc, &mut random));
            // Values of 0 and 1 hit the tie between them.
            let bits: Vec<u8> = src(&desc, &mut random).iter().map(|p| p & 1).collect();
            check(&desc, &ones, &bits);
        }
    }
    let desc = Filter2dDesc::new([1, 5], 1, [1, 1]).divisor(2.0);
    for level in Level::available() {
        assert_eq!(run(&desc, level, &[1.0], &[0, 1, 3, 5, 255_u8], 9_u8), [0, 0, 2, 2, 128]);
    }
}

#[test]
fn well_known_masks_round_correctly() {
    let mut random = Random(12);
    let ninth = vec![1.0_f32 / 9.0; 9];
    let tenths = vec![0.1_f32, 0.2, 0.1, 0.2, 0.4, 0.2, 0.1, 0.2, 0.1];
    let gaussian = |n: usize, sigma: f32| -> Vec<f32> {
        let line: Vec<f32> =
            (0..n).map(|i| (-0.5 * ((i as f32 - (n / 2) as f32) / sigma).powi(2)).exp()).collect();
        let sum: f32 = line.iter().sum();
        line.iter().flat_map(|a| line.iter().map(move |b| coarse(a * b / (sum * sum), 46))).collect()
    };
    let masks =
        [(3, ninth), (3, tenths), (5, gaussian(5, 1.0)), (9, gaussian(9, 1.5)), (15, gaussian(15, 2.5))];
    for (n, mask) in masks {
        for channels in [1, 3] {
            let desc = Filter2dDesc::new([40, 67], channels, [n, n]).border(Border::Reflect101);
            check(&desc, &mask, &src(&desc, &mut random));
            // Flat and two-valued pictures, where exact values repeat.
            let flat = vec![random.next() as u8; 40 * 67 * channels];
            check(&desc, &mask, &flat);
            let two: Vec<u8> =
                random.bytes(flat.len()).iter().map(|p| if p & 1 == 1 { 255 } else { 0 }).collect();
            check(&desc, &mask, &two);
        }
    }
}

#[test]
fn weights_beyond_the_range_of_sums() {
    let huge = f32::MAX;
    let tiny = f32::from_bits(1);
    let mut random = Random(13);
    let desc = Filter2dDesc::new([4, 40], 1, [1, 3]).border(Border::Replicate);
    let flat = vec![77_u8; 160];
    let any = random.bytes(160);
    for level in Level::available() {
        // Infinity minus infinity in f32; the exact sum is the pixel, or with a fraction of it more than that.
        assert_eq!(run(&desc, level, &[huge, -huge, 1.0], &flat, 0_u8), flat);
        assert_eq!(run(&desc, level, &[huge, 1.0, -huge], &flat, 0_u8), flat);
        assert_eq!(run(&desc.offset(0.5), level, &[huge, 1.0, -huge], &flat, 0_u8), [78; 160]);
        let just_below = 0.5 - f32::EPSILON / 4.0;
        assert_eq!(run(&desc.offset(just_below), level, &[huge, 1.0, -huge], &flat, 0_u8), flat);
        // The last bit of a product of three decides the tie, one way and the other.
        let decided = desc.scale(tiny).offset(0.5);
        assert_eq!(run(&decided, level, &[tiny, 0.0, 0.0], &flat, 0_u8), [1; 160]);
        assert_eq!(run(&decided, level, &[-tiny, 0.0, 0.0], &flat, 7_u8), [0; 160]);
        assert_eq!(run(&decided, level, &[huge, tiny, -huge], &flat, 0_u8), [1; 160]);
        // Denormal weights brought back by the divisor, huge ones by the scale.
        let desc = desc.scale(2_f32.powi(100)).divisor(2_f32.powi(-49));
        assert_eq!(run(&desc, level, &[0.0, tiny, 0.0], &any, 0_u8), any);
        let desc = Filter2dDesc::new([4, 40], 1, [1, 1]).scale(tiny).divisor(2_f32.powi(-22));
        assert_eq!(run(&desc, level, &[2_f32.powi(127)], &any, 0_u8), any);
        // Steps that overflow although the result does not.
        let desc = Filter2dDesc::new([4, 40], 1, [1, 1]).scale(huge).divisor(huge);
        assert_eq!(run(&desc, level, &[1.0], &any, 0_u8), any);
        let desc = Filter2dDesc::new([4, 40], 1, [1, 2]).anchor([0, 0]).offset(-huge).scale(huge);
        assert_eq!(run(&desc, level, &[0.0, 0.0], &any, 7_u8), [0; 160]);
    }
}

/// The fast paths are there: none of these may need a second look.
#[test]
fn certificates_are_as_good_as_they_should_be() {
    let desc = |n: usize| Filter2dDesc::new([8, 8], 1, [n, n]);
    assert_eq!(margin(&desc(3).divisor(9.0), &[1.0; 9]), 0.0);
    assert_eq!(margin(&desc(6).divisor(36.0), &[1.0; 36]), 0.0);
    assert_eq!(margin(&desc(15).divisor(225.0), &[1.0; 225]), 0.0);
    assert_eq!(
        margin(&desc(3).divisor(16.0).offset(0.5), &[1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0]),
        0.0
    );
    assert_eq!(
        margin(&desc(3).scale(0.125).offset(128.0), &[-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0]),
        0.0
    );
    assert_eq!(margin(&desc(2), &[0.25; 4]), 0.0);
    assert_eq!(margin(&desc(3), &[0.0; 9]), 0.0);
    assert_eq!(margin(&desc(1).border(Border::Constant(12.0)), &[1.0]), 0.0);
    // Rounded operations, and a bound that follows them: 9 sums of up to 255 and products of 28.3.
    let ninths = margin(&desc(3), &[1.0 / 9.0; 9]);
    assert!(ninths > 0.0 && ninths < 1.2e-4, "{ninths}");
    assert!(margin(&desc(3).divisor(9.0).offset(0.5), &[1.0; 9]) > 0.0);
    assert!(margin(&desc(2).border(Border::Constant(0.3)), &[0.25; 4]) > 0.0);
    assert_eq!(margin(&desc(1), &[f32::MAX]), 1.0);
    assert_eq!(margin(&desc(1), &[1e9 + 64.0]), 1.0);
}
