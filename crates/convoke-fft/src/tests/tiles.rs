//! Every geometry, tile by tile.

use convoke_core::{Filter2dDesc, Level};

use super::{Random, any_problem, definition, direct, filter, run};

#[test]
fn any_filter_stays_within_its_bound() {
    const MARKER: f32 = 12345.0;
    let mut random = Random(1);
    for _ in 0..50 {
        let (desc, points) = any_problem(&mut random);
        let mask = random.signed_values(desc.mask_size[0] * desc.mask_size[1]);
        for level in Level::available() {
            let filter = filter(&desc, &mask, level, points);
            let reals = random.signed_values(filter.src_len());
            let bytes = random.bytes(filter.src_len());
            for (got, want, largest) in [
                (run(&filter, &reals, MARKER), definition(&desc, &mask, &reals), 1.0_f32),
                (run(&filter, &bytes, MARKER), definition(&desc, &mask, &bytes), 255.0),
            ] {
                let bound = filter.error_bound(largest.max(desc.border.outside()));
                let weight: f32 = mask.iter().map(|w| w.abs()).sum::<f32>() * desc.scale.abs() / desc.divisor;
                let most = largest.max(17.25) * weight + desc.offset.abs();
                assert!(bound < 0.01 * f64::from(most), "a bound of {bound} for up to {most} says nothing");
                for (at, (got, want)) in got.iter().zip(&want).enumerate() {
                    if want.is_nan() {
                        assert_eq!(*got, MARKER, "written between rows");
                        continue;
                    }
                    let off = (f64::from(*got) - want).abs();
                    assert!(
                        off <= bound,
                        "{level}, {at}: off by {off:e}, bound {bound:e}, {points:?}, {desc:?}"
                    );
                }
            }
        }
    }
}

/// From bytes to bytes there is one right answer, which the direct plan gives.
#[test]
fn bytes_are_those_of_the_direct_plan() {
    let mut random = Random(2);
    for round in 0..60 {
        let (desc, points) = any_problem(&mut random);
        let taps = desc.mask_size[0] * desc.mask_size[1];
        let (desc, mask) = match round % 3 {
            // Sums of whole numbers by an even divisor: many ties.
            0 => (desc.scale(1.0).divisor((2 * taps) as f32).offset(0.0), vec![1.0; taps]),
            // Beside them.
            1 => (desc.scale(1.0).divisor((2 * taps) as f32).offset(1e-4), vec![1.0; taps]),
            _ => (desc, random.signed_values(taps)),
        };
        for level in Level::available() {
            let filter = filter(&desc, &mask, level, points);
            let bytes = random.bytes(filter.src_len());
            let (got, want) = (run(&filter, &bytes, 9_u8), direct(&desc, &mask, level, &bytes, 9_u8));
            assert_eq!(got, want, "{level}, {points:?}, {desc:?}");
        }
    }
}

#[test]
fn rows_have_the_bits_of_the_whole() {
    let mut random = Random(3);
    for _ in 0..25 {
        let (desc, points) = any_problem(&mut random);
        let mask = random.signed_values(desc.mask_size[0] * desc.mask_size[1]);
        for level in Level::available() {
            let filter = filter(&desc, &mask, level, points);
            let reals = random.signed_values(filter.src_len());
            let whole = run(&filter, &reals, 0.5_f32);
            let mut scratch = vec![f32::NAN; filter.scratch_len()];
            let ([height, width], channels) = (desc.size, desc.channels);
            let stride = desc.dst_row_stride.unwrap_or(width * channels);
            let mut start = 0;
            while start < height {
                let rows = start..height.min(start + 1 + random.below(20));
                let mut part = vec![0.5_f32; (rows.len() - 1) * stride + width * channels];
                filter.run_rows(rows.clone(), &reals, &mut part, &mut scratch).unwrap();
                let want = &whole[start * stride..][..part.len()];
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&part), bits(want), "{level}, rows {rows:?}, {points:?}, {desc:?}");
                start = rows.end;
            }
        }
    }
}

/// NaN, infinities and values of which a transform would overflow reach exactly the outputs whose windows hold them.
#[test]
fn non_finite_values_are_contained() {
    let mut random = Random(4);
    for round in 0..40 {
        let (desc, points) = any_problem(&mut random);
        let mask = random.signed_values(desc.mask_size[0] * desc.mask_size[1]);
        for level in Level::available() {
            let filter = filter(&desc, &mask, level, points);
            let mut reals = random.signed_values(filter.src_len());
            let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38, -1e30][round % 5];
            let row = desc.size[1] * desc.channels;
            let at = random.below(desc.size[0]) * desc.src_row_stride.unwrap_or(row) + random.below(row);
            reals[at] = special;
            let (got, want) = (run(&filter, &reals, 0.0_f32), direct(&desc, &mask, level, &reals, 0.0_f32));
            let bound = filter.error_bound(desc.border.outside().max(1.0));
            for (got, want) in got.iter().zip(&want) {
                let same = got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan());
                // What shares no tile with the value is as it would be without it.
                let near = f64::from((got - want).abs()) <= 2.0 * bound && got.is_finite();
                assert!(same || near, "{level}, {special}: {got} for {want}, {points:?}, {desc:?}");
            }
        }
    }
}

/// Masks too large or too small for a transform, and an offset beside which nothing counts.
#[test]
fn extreme_masks_are_computed_directly() {
    for weight in [1e30, 1e-30, f32::MAX, f32::from_bits(1)] {
        let desc = Filter2dDesc::new([20, 70], 1, [5, 5]);
        for level in Level::available() {
            let mask = vec![weight; 25];
            let filter = filter(&desc, &mask, level, [16, 32]);
            let reals: Vec<f32> = (0..1400).map(|i| (i % 17) as f32).collect();
            assert_eq!(run(&filter, &reals, 0.0_f32), direct(&desc, &mask, level, &reals, 0.0_f32));
            assert!(filter.error_bound(17.0) > 0.0);
        }
    }
    let zeros = Filter2dDesc::new([20, 70], 1, [5, 5]).offset(0.25);
    let filter = filter(&zeros, &[0.0; 25], Level::detect(), [16, 32]);
    assert_eq!(run(&filter, &[7.0_f32; 1400], 0.0_f32), [0.25; 1400]);
}

/// A picture in which hardly any rounding is decided by the transform: halves everywhere.
#[test]
fn pictures_of_ties_are_rounded_to_even() {
    let desc = Filter2dDesc::new([60, 90], 3, [3, 3]).divisor(2.0);
    let mut mask = [0.0; 9];
    mask[4] = 1.0;
    let bytes: Vec<u8> = (0..60 * 90 * 3).map(|i| (i % 256) as u8 | 1).collect();
    for level in Level::available() {
        let got = run(&filter(&desc, &mask, level, [32, 32]), &bytes, 0_u8);
        let want: Vec<u8> =
            bytes.iter().map(|&byte| (f32::from(byte) / 2.0).round_ties_even() as u8).collect();
        assert_eq!(got, want, "{level}");
    }
}
