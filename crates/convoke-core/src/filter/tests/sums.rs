//! f32 results: bit for bit what the loops give, at every level, for every geometry.

use std::vec;
use std::vec::Vec;

use super::{Random, any_desc, run, thin, windows};
use crate::{Filter2dDesc, Filter2dPlan, Level};

/// The definition: sums from +0, taps in order, then scale, divisor, offset.
fn expected<I: crate::Pixel + Into<f32>>(
    desc: &Filter2dDesc,
    level: Level,
    mask: &[f32],
    src: &[I],
) -> Vec<f32> {
    let mut values = Vec::new();
    windows(desc, mask, src, |taps| {
        let mut sum = 0.0_f32;
        for &(w, p) in taps {
            sum = if level.fused() { w.mul_add(p, sum) } else { w * p + sum };
        }
        // Scaling by 1 changes nothing, but adding 0 would change the sign of -0.
        let scaled = sum * desc.scale / desc.divisor;
        values.push(if desc.offset == 0.0 { scaled } else { scaled + desc.offset });
    });
    values
}

fn assert_same(desc: &Filter2dDesc, level: Level, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len());
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        let same = g.to_bits() == e.to_bits() || (g.is_nan() && e.is_nan());
        assert!(same, "{level}, element {i}: got {g:?}, expected {e:?}: {desc:?}");
    }
}

/// Sometimes with each of the three.
fn with_post(desc: Filter2dDesc, random: &mut Random) -> Filter2dDesc {
    let desc = if random.below(3) == 0 { desc.scale(random.signed() * 3.0) } else { desc };
    let desc = if random.below(3) == 0 { desc.divisor(random.signed().abs() + 0.1) } else { desc };
    if random.below(3) == 0 { desc.offset(random.signed() * 50.0) } else { desc }
}

fn src_len(desc: &Filter2dDesc) -> usize {
    Filter2dPlan::new(desc, Level::scalar()).unwrap().src_len()
}

#[test]
fn any_filter_of_any_pixels_gives_the_bits_of_the_definition() {
    let mut random = Random(1);
    for _ in 0..500 {
        let desc = any_desc(&mut random);
        let desc = with_post(desc, &mut random);
        let mask = random.signed_values(desc.mask_size[0] * desc.mask_size[1]);
        let floats = random.signed_values(src_len(&desc));
        let bytes = random.bytes(src_len(&desc));
        let words = random.words(src_len(&desc));
        let signed: Vec<i16> = words.iter().map(|&word| word as i16).collect();
        for level in Level::available() {
            // The marker is checked between rows only.
            let got = run(&desc, level, &mask, &floats, 12345.0);
            assert_same(&desc, level, &got, &expected(&desc, level, &mask, &floats));
            let got = run(&desc, level, &mask, &bytes, 12345.0);
            assert_same(&desc, level, &got, &expected(&desc, level, &mask, &bytes));
            let got = run(&desc, level, &mask, &words, 12345.0);
            assert_same(&desc, level, &got, &expected(&desc, level, &mask, &words));
            let got = run(&desc, level, &mask, &signed, 12345.0);
            assert_same(&desc, level, &got, &expected(&desc, level, &mask, &signed));
        }
    }
}

#[test]
fn floats_become_integers_by_rounding_the_float_result() {
    let mut random = Random(2);
    for _ in 0..200 {
        let desc = any_desc(&mut random);
        let desc = with_post(desc, &mut random);
        let mask = random.signed_values(desc.mask_size[0] * desc.mask_size[1]);
        let mut src = random.signed_values(src_len(&desc));
        src.iter_mut().for_each(|x| *x *= 200.0);
        // Some ties, and some that are no numbers.
        let mask: Vec<f32> =
            if random.below(2) == 0 { mask } else { mask.iter().map(|w| w.round() / 2.0).collect() };
        src.iter_mut().step_by(3).for_each(|x| *x = x.round());
        src.iter_mut().skip(11).step_by(53).for_each(|x| *x = f32::NAN);
        src.iter_mut().skip(23).step_by(47).for_each(|x| *x = f32::INFINITY);
        for level in Level::available() {
            let got = run(&desc, level, &mask, &src, 99_u8);
            let floats = expected(&desc, level, &mask, &src);
            let bytes: Vec<u8> = floats.iter().map(|x| x.round_ties_even() as u8).collect();
            assert_eq!(got, bytes, "{level}: {desc:?}");
            let got = run(&desc, level, &mask, &src, 99_u16);
            let words: Vec<u16> = floats.iter().map(|x| x.round_ties_even() as u16).collect();
            assert_eq!(got, words, "{level}: {desc:?}");
            let got = run(&desc, level, &mask, &src, 99_i16);
            let words: Vec<i16> = floats.iter().map(|x| x.round_ties_even() as i16).collect();
            assert_eq!(got, words, "{level}: {desc:?}");
        }
    }
}

#[test]
fn what_is_no_number_reaches_exactly_the_windows_that_contain_it() {
    let mut random = Random(3);
    for _ in 0..200 {
        let desc = any_desc(&mut random);
        let mask = random.signed_values(desc.mask_size[0] * desc.mask_size[1]);
        let mut src = random.signed_values(src_len(&desc));
        let at = random.below(src.len());
        src[at] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][random.below(3)];
        for level in Level::available() {
            let got = run(&desc, level, &mask, &src, 12345.0);
            assert_same(&desc, level, &got, &expected(&desc, level, &mask, &src));
        }
    }
}

#[test]
fn rows_change_no_bit() {
    let mut random = Random(4);
    for _ in 0..200 {
        let desc = any_desc(&mut random);
        let mask = random.signed_values(desc.mask_size[0] * desc.mask_size[1]);
        let src = random.signed_values(src_len(&desc));
        let level = Level::detect();
        let plan = Filter2dPlan::new(&desc, level).unwrap();
        let mut buffer = vec![0.0; plan.packed_len()];
        let packed = plan.pack(&mask, &mut buffer).unwrap();
        let mut scratch = vec![f32::NAN; plan.scratch_len()];
        let mut whole = vec![777.0_f32; plan.dst_len()];
        plan.run(&packed, &src, &mut whole, &mut scratch).unwrap();

        let stride = desc.dst_row_stride.unwrap_or(desc.size[1] * desc.channels);
        let row = desc.size[1] * desc.channels;
        let start = random.below(desc.size[0]);
        let end = start + random.below(desc.size[0] - start + 1);
        let len = if start == end { 0 } else { (end - start - 1) * stride + row };
        let mut part = vec![777.0_f32; len];
        scratch.fill(f32::NAN);
        plan.run_rows(start..end, &packed, &src, &mut part, &mut scratch).unwrap();
        assert_eq!(part, whole[start * stride..][..len], "{start}..{end}: {desc:?}");
    }
}

/// Wide enough for rows of f32 to be read in place, with strips at the edges.
#[test]
fn rows_in_place_change_no_bit() {
    let mut random = Random(6);
    for border in super::BORDERS {
        for channels in 1..=4 {
            let mask_size = [1 + random.below(6), 1 + random.below(40)];
            let width = 1640 / channels + random.below(70);
            let desc = Filter2dDesc::new([9, width], channels, mask_size)
                .anchor([random.below(mask_size[0]), random.below(mask_size[1])])
                .border(border)
                .src_row_stride(width * channels + random.below(3))
                .dst_row_stride(width * channels + random.below(3));
            let mask = random.signed_values(mask_size[0] * mask_size[1]);
            let src = random.signed_values(src_len(&desc));
            for level in Level::available() {
                let got = run(&desc, level, &mask, &src, 12345.0);
                assert_same(&desc, level, &got, &expected(&desc, level, &mask, &src));
            }
        }
    }
}

/// A row so wide, and a mask so tall, that the picture is worked on in blocks of columns.
#[test]
fn blocks_change_no_bit() {
    let mut random = Random(5);
    for channels in 1..=4 {
        for border in thin(super::BORDERS) {
            let desc =
                Filter2dDesc::new([2, 1300 / channels], channels, [131, 4]).anchor([129, 3]).border(border);
            for level in Level::available() {
                let plan = Filter2dPlan::new(&desc, level).unwrap();
                assert!(plan.describe().block < desc.size[1]);
            }
            let mask = random.signed_values(131 * 4);
            let src = random.signed_values(src_len(&desc));
            let bytes = random.bytes(src_len(&desc));
            for level in [Level::detect(), Level::portable()] {
                let got = run(&desc, level, &mask, &src, 12345.0);
                assert_same(&desc, level, &got, &expected(&desc, level, &mask, &src));
                let got = run(&desc, level, &mask, &bytes, 12345.0);
                assert_same(&desc, level, &got, &expected(&desc, level, &mask, &bytes));
            }
        }
    }
    // Blocks wide enough for rows to be read in place.
    let desc = Filter2dDesc::new([24, 5000], 1, [20, 2]).border(crate::Border::Reflect);
    let mask = random.signed_values(40);
    let src = random.signed_values(src_len(&desc));
    let level = Level::detect();
    assert_same(&desc, level, &run(&desc, level, &mask, &src, 0.5), &expected(&desc, level, &mask, &src));
    // A mask wider than a block and its neighbour together.
    let desc = Filter2dDesc::new([1, 130], 4, [60, 301]).anchor([30, 250]).border(crate::Border::Wrap);
    let mask = random.signed_values(60 * 301);
    let src = random.signed_values(src_len(&desc));
    assert_same(&desc, level, &run(&desc, level, &mask, &src, 0.5), &expected(&desc, level, &mask, &src));
}
