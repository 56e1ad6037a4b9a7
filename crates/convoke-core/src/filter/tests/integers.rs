//! From integers to integers: every result is the correctly rounded exact value, ties to even, at every level.

use std::vec;
use std::vec::Vec;

use super::{Random, any_desc, run, windows};
use crate::{Border, Filter2dDesc, Filter2dPlan, Level, Pixel};

/// `x` as a multiple of `2^-bits`.
fn fixed(x: f32, bits: i32) -> i128 {
    let scaled = f64::from(x) * 2_f64.powi(bits);
    assert_eq!(scaled.fract(), 0.0, "the oracle needs more bits for {x}");
    assert!(scaled.abs() < 2_f64.powi(80));
    scaled as i128
}

/// Integers of any type.
trait Integer: Pixel + Into<f32> + Into<i64> + TryFrom<i64> + Copy + PartialEq + core::fmt::Debug {
    const ENDS: [i64; 2];
}

impl Integer for u8 {
    const ENDS: [i64; 2] = [0, 255];
}

impl Integer for u16 {
    const ENDS: [i64; 2] = [0, 65535];
}

impl Integer for i16 {
    const ENDS: [i64; 2] = [-32768, 32767];
}

/// The exact value in integers, as a fraction of two of them, rounded.
fn expected<I: Integer>(desc: &Filter2dDesc, mask: &[f32], src: &[I]) -> Vec<i64> {
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
        let below = value.div_euclid(one);
        let nearest = match (2 * value.rem_euclid(one)).cmp(&one) {
            core::cmp::Ordering::Less => below,
            core::cmp::Ordering::Equal => below + below.rem_euclid(2),
            core::cmp::Ordering::Greater => below + 1,
        };
        values.push(nearest as i64);
    });
    values
}

fn check_types<I: Integer, O: Integer>(desc: &Filter2dDesc, mask: &[f32], src: &[I], expected: &[i64]) {
    let marker = O::try_from(99).ok().unwrap();
    for level in Level::available() {
        let got = run(desc, level, mask, src, marker);
        for (i, (&g, &e)) in got.iter().zip(expected).enumerate() {
            let e = e.clamp(O::ENDS[0], O::ENDS[1]);
            assert_eq!(Into::<i64>::into(g), e, "{level}, element {i}: {desc:?}, mask {mask:?}");
        }
    }
}

fn check<I: Integer>(desc: &Filter2dDesc, mask: &[f32], src: &[I]) {
    let expected = expected(desc, mask, src);
    check_types::<I, u8>(desc, mask, src, &expected);
    check_types::<I, u16>(desc, mask, src, &expected);
    check_types::<I, i16>(desc, mask, src, &expected);
}

/// The same numbers as pixels of each type.
fn check_all(desc: &Filter2dDesc, mask: &[f32], words: &[u16]) {
    check(desc, mask, &words.iter().map(|&word| (word >> 8) as u8).collect::<Vec<_>>());
    check(desc, mask, words);
    check(desc, mask, &words.iter().map(|&word| word as i16).collect::<Vec<_>>());
}

fn src(desc: &Filter2dDesc, random: &mut Random) -> Vec<u16> {
    random.words(Filter2dPlan::new(desc, Level::scalar()).unwrap().src_len())
}

/// Without the low bits that the oracle has no room for.
fn coarse(x: f32, bits: i32) -> f32 {
    let scale = 2_f32.powi(bits);
    (x * scale).round() / scale
}

/// The margin that packing came to for pixels of these types; 0 if they need no second look.
fn margin_of<I: Pixel, O: Pixel>(desc: &Filter2dDesc, mask: &[f32]) -> f32 {
    let plan = Filter2dPlan::new(desc, Level::detect()).unwrap();
    let mut buffer = vec![0.0; plan.packed_len()];
    let certificates = plan.pack(mask, &mut buffer).unwrap().certificates;
    certificates.needed(I::RANGE, O::RANGE).map_or(0.0, |certificate| certificate.margin)
}

fn margin(desc: &Filter2dDesc, mask: &[f32]) -> f32 {
    margin_of::<u8, u8>(desc, mask)
}

#[test]
fn any_filter_rounds_correctly() {
    let mut random = Random(10);
    for round in 0..300 {
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
        check_all(&desc, &mask, &src);
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
            check_all(&desc, &ones, &src(&desc, &mut random));
            // Values of 0 and 1 hit the tie between them.
            let bits: Vec<u16> = src(&desc, &mut random).iter().map(|p| (p & 1) << 8 | (p & 1)).collect();
            check_all(&desc, &ones, &bits);
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
            check_all(&desc, &mask, &src(&desc, &mut random));
            // Flat and two-valued pictures, where exact values repeat.
            let flat = vec![random.next() as u16; 40 * 67 * channels];
            check_all(&desc, &mask, &flat);
            let two: Vec<u16> =
                random.bytes(flat.len()).iter().map(|p| if p & 1 == 1 { 0xFFFF } else { 0 }).collect();
            check_all(&desc, &mask, &two);
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

/// Ties of negative numbers, and ties at both ends of each type.
#[test]
fn ties_of_16_bit_integers_go_to_even() {
    let desc = Filter2dDesc::new([1, 8], 1, [1, 1]).divisor(2.0);
    let signed = [-32768_i16, -32767, -5, -3, -1, 1, 32765, 32767];
    for level in Level::available() {
        assert_eq!(run(&desc, level, &[1.0], &signed, 9_i16), [-16384, -16384, -2, -2, 0, 0, 16382, 16384]);
        let shifted = desc.scale(2.0).offset(0.5);
        assert_eq!(
            run(&shifted, level, &[1.0], &signed, 9_i16),
            [-32768, -32766, -4, -2, 0, 2, 32766, 32767]
        );
        let least = f32::from_bits(1);
        // Just off the tie, by less than any float of that size can tell.
        let off = |by: f32| {
            let mask = [0.5, by, 0.0];
            let desc = Filter2dDesc::new([1, 8], 1, [1, 3]).anchor([0, 0]).border(Border::Constant(1.0));
            run(&desc, level, &mask, &signed.map(|x| x | 1), 9_i16)[7]
        };
        assert_eq!([off(-least), off(0.0), off(least)], [16383, 16384, 16384]);
        let words = [1_u16, 3, 5, 65535, 65533, 65531, 0, 32769];
        assert_eq!(run(&desc, level, &[1.0], &words, 9_u16), [0, 2, 2, 32768, 32766, 32766, 0, 16384]);
        assert_eq!(
            run(&desc.scale(-1.0), level, &[1.0], &words, 9_i16),
            [0, -2, -2, -32768, -32766, -32766, 0, -16384]
        );
        assert_eq!(run(&desc.divisor(257.0), level, &[1.0], &words, 9_u8), [0, 0, 0, 255, 255, 255, 0, 128]);
    }
}

/// Large masks, where no f32 sum can be trusted, and rows as wide as any piece of columns.
#[test]
fn wide_rows_and_large_masks_of_16_bits_round_correctly() {
    let mut random = Random(14);
    for (width, mask_size) in
        [(256, [3, 3]), (257, [1, 3]), (272, [3, 1]), (273, [2, 2]), (530, [3, 3]), (70, [17, 19])]
    {
        let n = mask_size[0] * mask_size[1];
        let desc = Filter2dDesc::new([6, width], 1, mask_size).border(Border::Reflect);
        let mask: Vec<f32> = (0..n).map(|_| coarse((random.signed() + 0.5) / n as f32, 40)).collect();
        let src = src(&desc, &mut random);
        check_all(&desc, &mask, &src);
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

/// With 16-bit pixels sums are larger, and means are exact while f32 still tells the ties of the output type apart.
#[test]
fn certificates_know_the_types() {
    let desc = |n: usize| Filter2dDesc::new([8, 8], 1, [n, n]);
    let mean = desc(15).divisor(225.0);
    assert_eq!(margin_of::<u16, u16>(&mean, &[1.0; 225]), 0.0);
    assert_eq!(margin_of::<i16, i16>(&mean, &[1.0; 225]), 0.0);
    assert_eq!(margin_of::<i16, i16>(&desc(3).divisor(511.0), &[1.0; 9]), 0.0);
    assert_eq!(margin_of::<i16, i16>(&desc(1).divisor(511.0), &[512.0]), 0.0);
    assert!(margin_of::<i16, u16>(&desc(1).divisor(511.0), &[512.0]) > 0.0);
    assert!(margin_of::<i16, i16>(&desc(1).divisor(513.0), &[512.0]) > 0.0);
    assert_eq!(margin_of::<u16, u8>(&desc(3).divisor(65535.0), &[1.0; 9]), 0.0);
    assert!(margin_of::<u16, u16>(&desc(1).divisor(257.0), &[256.0]) > 0.0);
    // The same divisors where no mean gets to where ties are close.
    assert_eq!(margin_of::<i16, u16>(&desc(3).divisor(511.0), &[1.0; 9]), 0.0);
    assert_eq!(margin_of::<i16, i16>(&desc(3).divisor(513.0), &[1.0; 9]), 0.0);
    assert_eq!(margin_of::<u16, u16>(&desc(3).divisor(257.0), &[1.0; 9]), 0.0);
    assert_eq!(margin_of::<u8, i16>(&desc(33).divisor(1089.0), &[1.0; 1089]), 0.0);
    assert_eq!(margin_of::<u16, u16>(&desc(16).divisor(256.0), &[1.0; 256]), 0.0);
    // 289 * 65535 has more than 24 bits, and 289 bytes do not.
    assert!(margin_of::<u16, u16>(&desc(17).divisor(289.0), &[1.0; 289]) > 0.0);
    assert_eq!(margin_of::<u8, u8>(&desc(17).divisor(289.0), &[1.0; 289]), 0.0);
    let ninths = margin_of::<u16, u16>(&desc(3), &[1.0 / 9.0; 9]);
    assert!(ninths > 0.0 && ninths < 0.03, "{ninths}");
    assert_eq!(margin_of::<u16, u16>(&desc(31), &[1.0 / 961.0; 961]), 1.0);
    assert_eq!(margin_of::<f32, u8>(&desc(31), &[1.0 / 961.0; 961]), 0.0);
    assert_eq!(margin_of::<u16, f32>(&desc(31), &[1.0 / 961.0; 961]), 0.0);
}
