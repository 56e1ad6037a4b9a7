//! Masks that are the sum of two separable ones: the same integers as the direct filter, at every level, whole and row by
//! row; what they are not for is refused.

use std::vec;
use std::vec::Vec;

use super::{BORDERS, Random, filtered};
use crate::filter::scatter::Post;
use crate::{Error, Filter2dDesc, Filter2dPlan, Level, Mode, Pixel, factor_two};

/// A sum of products of random columns and rows, the second of them smaller the higher `weaker` is.
fn mask(random: &mut Random, [r, s]: [usize; 2], weaker: f32) -> Vec<f32> {
    let [a, b] = [0; 2].map(|_| [random.signed_values(r), random.signed_values(s)]);
    (0..r * s).map(|i| a[0][i / s] * a[1][i % s] + weaker * b[0][i / s] * b[1][i % s]).collect()
}

/// The same row by row.
fn stream<I: Pixel, O: Pixel + Default + Clone>(plan: &Filter2dPlan, mask: &[f32], src: &[I]) -> Vec<O> {
    let (mut buffer, row) = (vec![f32::NAN; plan.packed_len()], plan.desc().size[1] * plan.desc().channels);
    let mask = plan.pack(mask, &mut buffer).unwrap();
    let mut dst = vec![O::default(); plan.dst_len()];
    let mut stream = plan.stream::<I, O, _>(&mask, vec![f32::NAN; plan.stream_len()]).unwrap();
    let mut done = 0;
    while done < plan.desc().size[0] {
        if let Some(y) = stream.wants() {
            stream.push(&src[y * row..][..row]).unwrap();
        }
        while done < plan.desc().size[0] && stream.pull(&mut dst[done * row..][..row]).unwrap() {
            done += 1;
        }
    }
    dst
}

fn check<I: Pixel, O: Pixel + Default + Clone + PartialEq + core::fmt::Debug>(
    desc: &Filter2dDesc,
    mask: &[f32],
    src: &[I],
) {
    let expected: Vec<O> = filtered(&Filter2dPlan::new(desc, Level::detect()).unwrap(), mask, src);
    for level in Level::available() {
        let plan = Filter2dPlan::rank_two(desc, level).unwrap();
        assert_eq!(filtered::<I, O>(&plan, mask, src), expected, "{desc:?} {level:?}");
        assert_eq!(stream::<I, O>(&plan, mask, src), expected, "{desc:?} {level:?}, streamed");
    }
}

const SHAPES: [([usize; 2], [usize; 2]); 10] = [
    ([1, 1], [3, 3]),
    ([4, 5], [2, 4]),
    ([3, 70], [5, 2]),
    ([9, 33], [4, 4]),
    ([13, 129], [7, 3]),
    ([6, 517], [3, 33]),
    ([40, 7], [67, 2]),
    ([5, 2100], [4, 9]),
    ([9, 300], [16, 17]),
    ([11, 500], [15, 15]),
];

#[test]
fn integers_are_those_of_the_direct_filter() {
    let mut random = Random(51);
    for (at, (size, [r, s])) in SHAPES.into_iter().enumerate() {
        for channels in [1, 2 + at % 3] {
            let mask = mask(&mut random, [r, s], [1.0, 0.1, 1e-3, 0.0][at % 4]);
            let sum: f32 = mask.iter().map(|w| w.abs()).sum();
            let desc = Filter2dDesc::new(size, channels, [r, s])
                .border(BORDERS[at % 6])
                .mode(if at % 3 == 0 { Mode::Convolve } else { Mode::Correlate })
                .divisor(sum)
                .offset([0.0, 20.25, 128.0][at % 3]);
            let count = size[0] * size[1] * channels;
            let (bytes, words) = (random.bytes(count), random.words(count));
            check::<u8, u8>(&desc, &mask, &bytes);
            match at % 3 {
                0 => check::<u8, i16>(&desc, &mask, &bytes),
                1 => check::<u16, u16>(&desc, &mask, &words),
                _ => {
                    let signed: Vec<i16> = words.iter().map(|x| x.cast_signed()).collect();
                    check::<i16, i16>(&desc, &mask, &signed);
                }
            }
        }
    }
}

/// The masks that this is for.
fn laplacian_of_gaussian(side: usize) -> Vec<f32> {
    let (middle, variance) = ((side / 2) as f64, (side as f64 / 6.0).powi(2));
    let value = |i: usize| {
        let square = ((i / side) as f64 - middle).powi(2) + ((i % side) as f64 - middle).powi(2);
        // Without a libm: e^-x as the 1024th power of 1 - x / 1024.
        let power = (0..10).fold(1.0 - square / (2.0 * variance) / 1024.0, |power, _| power * power);
        (square - 2.0 * variance) * power
    };
    (0..side * side).map(|i| value(i) as f32).collect()
}

#[test]
fn the_fast_path_decides_nearly_every_pixel() {
    for side in [5, 9, 15, 31] {
        let mask = laplacian_of_gaussian(side);
        let desc = Filter2dDesc::new([4, 4], 1, [side, side]).divisor(mask.iter().map(|w| w.abs()).sum());
        let plan = Filter2dPlan::rank_two(&desc, Level::detect()).unwrap();
        let mut buffer = vec![0.0; plan.packed_len()];
        let packed = plan.pack(&mask, &mut buffer).unwrap();
        let [r, s] = desc.mask_size;
        let (factors, post) = (&packed.packed.body(plan.identity()).unwrap()[r * s..], Post::of(&desc));
        let (columns, rows) = factors.split_at(2 * r);
        // Weights of 1 in all, 255 of a byte: each step of the sums may lose 2^-24 of that.
        let certificate = packed.certificates.of([0, 255]).unwrap();
        let least = (r + 2 * s) as f32 * 255.0 / 16_777_216.0;
        assert!((least..3.0 * least).contains(&certificate.margin), "{side}: {certificate:?} {least}");
        // What is not the mask has no certificate.
        let mut others = rows.to_vec();
        others[0] += desc.divisor;
        let other =
            crate::filter::certificate::Certificates::separable(&mask, [r, s], [columns, &others], 0.0, post);
        assert!(other.of([0, 255]).unwrap().margin > 0.1);
    }
}

#[test]
fn factors_are_found_or_not() {
    let mut random = Random(52);
    for (r, s) in [(2, 2), (3, 3), (2, 9), (31, 4), (15, 15)] {
        let (mut columns, mut rows) = (vec![f32::NAN; 2 * r], vec![f32::NAN; 2 * s]);
        let mut found = |mask: &[f32]| factor_two(mask, &mut columns, &mut rows);
        assert_eq!(found(&mask(&mut random, [r, s], 0.5)), Ok(true), "{r} {s}");
        assert_eq!(found(&mask(&mut random, [r, s], 0.0)), Ok(true), "rank 1");
        assert_eq!(found(&vec![0.0; r * s]), Ok(true));
        assert_eq!(found(&vec![1e36; r * s]), Ok(true));
        assert_eq!(found(&random.signed_values(r * s)), Ok(r.min(s) <= 2));
        for bad in [f32::NAN, f32::INFINITY] {
            let mut mask = vec![1.0; r * s];
            mask[r * s - 1] = bad;
            assert_eq!(found(&mask), Ok(false));
        }
    }
    let error = factor_two(&[0.0; 9], &mut [0.0; 6], &mut [0.0; 4]);
    assert_eq!(error, Err(Error::Length { operand: "mask", required: 6, got: 9 }));
    let error = factor_two(&[0.0; 9], &mut [0.0; 5], &mut [0.0; 6]);
    assert_eq!(error, Err(Error::NotDivisible { operand: "columns", groups: 2, got: 5 }));
}

#[test]
fn what_it_is_not_for_is_an_error() {
    let desc = Filter2dDesc::new([6, 6], 1, [3, 3]);
    let plan = Filter2dPlan::rank_two(&desc, Level::detect()).unwrap();
    let mut buffer = vec![0.0; plan.packed_len()];
    let full = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    assert_eq!(plan.pack(&full, &mut buffer).unwrap_err(), Error::NotRankTwo);
    let laplacian = [0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0];
    plan.pack(&laplacian, &mut buffer).unwrap();
    let mask = plan.open(&buffer).unwrap();
    let (mut dst, mut scratch) = ([7.0_f32; 36], vec![0.0; plan.scratch_len()]);
    assert_eq!(plan.run(&mask, &[1_u8; 36], &mut dst, &mut scratch), Err(Error::NotForFloats));
    assert_eq!(dst, [7.0; 36]);
    let mut bytes = [7_u8; 36];
    assert_eq!(plan.run(&mask, &[1.0_f32; 36], &mut bytes, &mut scratch), Err(Error::NotForFloats));
    let mut memory = vec![0.0; plan.stream_len()];
    assert_eq!(plan.stream::<f32, f32, _>(&mask, &mut memory[..]).err(), Some(Error::NotForFloats));
    assert_eq!(plan.run_in_place(&mask, &mut dst, &mut memory), Err(Error::NotForFloats));
    plan.run_in_place(&mask, &mut bytes, &mut memory).unwrap();
    assert_eq!(bytes[7], 0);
    // A mask packed for one column and one row is none for two.
    let one = Filter2dPlan::separable(&desc, Level::detect()).unwrap();
    assert_eq!(one.open(&buffer).unwrap_err(), Error::WrongPacking);
}
