//! Sums in f64: one rounding of the result on every level, the same bits on all of them, and nothing changed where pixels
//! are integers on both sides. The harness holds the algorithm to everything else, as `direct-f64`.

use convoke::{Accumulate, Filter, FilterAlgorithm, FilterStream, Options, mask::Mask};
use convoke_core::{Border, Error, Filter2dDesc, Filter2dPlan, Level, Mode, Pixel};
use convoke_fft::FftFilterPlan;
use convoke_reference::filter2d_f64;

fn noise(len: usize, seed: u32) -> impl Iterator<Item = u32> {
    (1..=len as u32).map(move |i| (i ^ seed).wrapping_mul(2_654_435_761) >> 8)
}

fn reals(len: usize, seed: u32) -> Vec<f32> {
    // Magnitudes from 2^-6 to 2^9 and both signs, so that sums cancel.
    noise(len, seed).map(|x| (x as f32 / 8_388_608.0 - 1.0) * f32::from(1_u16 << (x % 16)) / 64.0).collect()
}

fn run<I: Pixel, O: Pixel + Default>(desc: &Filter2dDesc, level: Level, mask: &[f32], src: &[I]) -> Vec<O> {
    let plan = Filter2dPlan::new(desc, level).unwrap();
    let mut buffer = vec![f32::NAN; plan.packed_len()];
    let packed = plan.pack(mask, &mut buffer).unwrap();
    let mut dst = vec![O::default(); plan.dst_len()];
    plan.run(&packed, src, &mut dst, &mut vec![f32::NAN; plan.scratch_len()]).unwrap();
    dst
}

fn problems() -> Vec<(Filter2dDesc, Vec<f32>)> {
    let masks = [[1, 1], [3, 3], [1, 7], [5, 2], [9, 9], [4, 31]];
    let sizes = [[1, 1], [3, 5], [7, 16], [9, 65], [6, 131], [2, 17]];
    let borders = [
        Border::Zero,
        Border::Constant(-3.5),
        Border::Replicate,
        Border::Reflect,
        Border::Reflect101,
        Border::Wrap,
    ];
    let mut problems = Vec::new();
    for (i, size) in sizes.into_iter().enumerate() {
        for (j, mask_size) in masks.into_iter().enumerate() {
            let at = i * masks.len() + j;
            let mut desc = Filter2dDesc::new(size, 1 + at % 4, mask_size)
                .border(borders[(i + j) % 6])
                .accumulate(Accumulate::F64);
            if at % 2 == 1 {
                desc = desc.mode(Mode::Convolve).scale(0.3).divisor(7.0).offset(-11.1);
            }
            problems.push((desc, reals(mask_size[0] * mask_size[1], 5)));
        }
    }
    problems
}

#[test]
fn one_rounding_and_the_same_bits_at_every_level() {
    for (desc, mask) in problems() {
        let src = reals(desc.size[0] * desc.size[1] * desc.channels, 9);
        let (values, magnitudes) = filter2d_f64(&desc, &mask, &src);
        let first: Vec<f32> = run(&desc, Level::detect(), &mask, &src);
        for level in Level::available() {
            let got: Vec<f32> = run(&desc, level, &mask, &src);
            for (i, got) in got.iter().enumerate() {
                // The reference's own sums are as good as these.
                let terms = 2.0 * (mask.len() + 3) as f64;
                let bound = values[i].abs() / 16_777_216.0 + terms * magnitudes[i] / 9e15;
                assert!((f64::from(*got) - values[i]).abs() <= bound, "{desc:?}, {level} at {i}: {got}");
                assert_eq!(got.to_bits(), first[i].to_bits(), "{desc:?}, {level} at {i}");
            }
            // To integers: that result, rounded.
            let bytes: Vec<u8> = run(&desc, level, &mask, &src);
            let words: Vec<i16> = run(&desc, level, &mask, &src);
            for (i, value) in first.iter().enumerate() {
                let rounded = value.round_ties_even();
                assert_eq!(f32::from(bytes[i]), rounded.clamp(0.0, 255.0), "{desc:?}, {level} at {i}");
                assert_eq!(f32::from(words[i]), rounded.clamp(-32768.0, 32767.0), "{desc:?}, {level} at {i}");
            }
        }
    }
}

/// Masks that are a column times a row: of whole numbers, whose factors give them exactly, or of any.
fn separable_problems() -> impl Iterator<Item = (Filter2dDesc, Vec<f32>, bool)> {
    problems().into_iter().enumerate().map(|(at, (desc, _))| {
        let [r, s] = desc.mask_size;
        let is_exact = at % 3 != 0;
        let side = |len, seed| -> Vec<f32> {
            if !is_exact {
                return reals(len, seed);
            }
            noise(len, seed).map(|x| (x % 41) as f32 - 20.0).collect()
        };
        let (column, row) = (side(r, 6), side(s, 7));
        let mask = column.iter().flat_map(|a| row.iter().map(move |b| a * b)).collect();
        (desc, mask, is_exact)
    })
}

#[test]
fn separable_masks_round_once_too() {
    for (desc, mask, is_exact) in separable_problems() {
        let src = reals(desc.size[0] * desc.size[1] * desc.channels, 9);
        let (values, magnitudes) = filter2d_f64(&desc, &mask, &src);
        let make = |level| -> Vec<f32> {
            let plan = Filter2dPlan::separable(&desc, level).unwrap();
            let mut buffer = vec![f32::NAN; plan.packed_len()];
            let packed = plan.pack(&mask, &mut buffer).unwrap();
            let mut dst = vec![0.0; plan.dst_len()];
            plan.run(&packed, &src, &mut dst, &mut vec![f32::NAN; plan.scratch_len()]).unwrap();
            // In pieces, of rows and of columns.
            let ([height, width], channels) = (desc.size, desc.channels);
            let mut pieces = vec![f32::NAN; dst.len()];
            for rows in [0..height / 2, height / 2..height] {
                for cols in [0..width / 3, width / 3..width] {
                    let at = rows.start * width * channels;
                    let part = &mut pieces[at..][..rows.len() * width * channels];
                    // A misaligned scratch, as long as it must be.
                    let mut scratch = vec![f32::NAN; plan.scratch_len() + 1];
                    plan.run_block([rows.clone(), cols], &packed, &src, part, &mut scratch[1..]).unwrap();
                }
            }
            assert!(pieces.iter().zip(&dst).all(|(a, b)| a.to_bits() == b.to_bits()), "{desc:?}, {level}");
            assert!(plan.describe().to_string().contains("separable in f64"));
            dst
        };
        let first = make(Level::detect());
        for level in Level::available() {
            let got = make(level);
            for (i, got) in got.iter().enumerate() {
                let terms = 4.0 * (mask.len() + 3) as f64;
                let factors = if is_exact { 0.0 } else { 8.0 };
                let bound = (values[i].abs() + factors * magnitudes[i]) / 16_777_216.0 * (1.0 + 1e-6)
                    + terms * magnitudes[i] / 9e15;
                assert!((f64::from(*got) - values[i]).abs() <= bound, "{desc:?}, {level} at {i}: {got}");
                assert_eq!(got.to_bits(), first[i].to_bits(), "{desc:?}, {level} at {i}");
            }
        }
    }
}

/// By itself a filter takes the two passes only where they give the mask's own values.
#[test]
fn filters_choose_factors_that_are_exact() {
    for (weights, expected) in [
        ("1 2 4 7 8 7 4 2 1", FilterAlgorithm::Separable),
        ("0.1 0.2 0.3 0.7 0.77 0.7 0.3 0.2 0.1", FilterAlgorithm::Direct),
    ] {
        let side: Vec<f32> = weights.split(' ').map(|w| w.parse().unwrap()).collect();
        let mask = side.iter().flat_map(|a| side.iter().map(move |b| a * b)).collect();
        let mask = Mask::new([9, 9], mask).unwrap();
        let desc = mask.desc([30, 40], 1).accumulate(Accumulate::F64);
        let filter = Filter::new(&desc, &mask).unwrap();
        assert_eq!(filter.algorithm(), expected);
        let stream = FilterStream::<f32, f32>::new(&desc, &mask).unwrap();
        assert_eq!(stream.algorithm(), expected);
        let asked = Options::new().filter_algorithm(FilterAlgorithm::Separable);
        let stream = FilterStream::<f32, f32>::with_options(&desc, &mask, &asked).unwrap();
        let src = reals(1200, 2);
        let whole: Vec<f32> = Filter::with_options(&desc, &mask, &asked).unwrap().run(&src).unwrap();
        assert_eq!(drain(stream, &src, 40), whole);
    }
}

fn drain(mut stream: FilterStream<f32, f32>, src: &[f32], row_len: usize) -> Vec<f32> {
    let (mut row, mut got) = (vec![0.0; row_len], Vec::new());
    while let Some(y) = stream.wants() {
        stream.push(&src[y * row_len..][..row_len]).unwrap();
        while stream.pull(&mut row).unwrap() {
            got.extend_from_slice(&row);
        }
    }
    got
}

#[test]
fn integers_are_what_they_were() {
    for (desc, mask) in problems() {
        let src: Vec<u16> = noise(desc.size[0] * desc.size[1] * desc.channels, 3).map(|x| x as u16).collect();
        for level in Level::available() {
            let with = |accumulate| run::<u16, i16>(&desc.accumulate(accumulate), level, &mask, &src);
            assert_eq!(with(Accumulate::F64), with(Accumulate::F32), "{desc:?}, {level}");
        }
    }
}

#[test]
fn sums_that_cancel_keep_what_is_left() {
    let desc = Filter2dDesc::new([1, 9], 1, [1, 9]);
    // 2^30 + 1 - 2^30 nine pixels wide, small ones in between.
    let src = [1_073_741_824.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1_073_741_824.0_f32];
    for level in Level::available() {
        let middle = |accumulate| run::<f32, f32>(&desc.accumulate(accumulate), level, &[1.0; 9], &src)[4];
        assert_eq!(middle(Accumulate::F64), 7.0);
        assert_ne!(middle(Accumulate::F32), 7.0);
    }
}

#[test]
fn filters_and_streams_of_the_facade_have_it() {
    let (desc, weights) = problems().swap_remove(22);
    let mask = Mask::new(desc.mask_size, weights).unwrap();
    let src = reals(desc.size[0] * desc.size[1] * desc.channels, 1);
    let expected: Vec<f32> = run(&desc, Level::scalar(), mask.weights(), &src);
    for threads in [1, 3] {
        let filter = Filter::with_options(&desc, &mask, &Options::new().threads(threads)).unwrap();
        assert_eq!(filter.algorithm(), FilterAlgorithm::Direct);
        assert_eq!(filter.run::<f32, f32>(&src).unwrap(), expected);
        assert!(filter.describe().contains("f64"), "{}", filter.describe());
    }
    let stream = FilterStream::<f32, f32>::new(&desc, &mask).unwrap();
    assert_eq!(drain(stream, &src, desc.size[1] * desc.channels), expected);
}

#[test]
fn other_algorithms_say_that_they_have_it_not() {
    let desc = Filter2dDesc::new([8, 8], 1, [3, 3]).accumulate(Accumulate::F64);
    let level = Level::detect();
    assert_eq!(Filter2dPlan::boxed(&desc, level).unwrap_err(), Error::NotInF64);
    assert_eq!(FftFilterPlan::new(&desc, level).unwrap_err(), Error::NotInF64);
    assert!(Error::NotInF64.to_string().contains("direct"));
}
