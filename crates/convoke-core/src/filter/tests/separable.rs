//! Separable filters: the same bytes as the direct ones, and floats within the bound; what is not separable is refused.

use std::vec;
use std::vec::Vec;

use super::filtered;
use crate::{Border, Error, Filter2dDesc, Filter2dPlan, Level, Mode, factor};

fn random(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 40) as f32 / 16_777_216.0
}

const SHAPES: [([usize; 2], [usize; 2]); 9] = [
    ([1, 1], [3, 3]),
    ([4, 5], [1, 4]),
    ([3, 70], [5, 2]),
    ([9, 33], [2, 2]),
    ([13, 129], [7, 3]),
    ([6, 517], [3, 31]),
    ([40, 7], [31, 1]),
    ([5, 2100], [4, 9]),
    ([11, 700], [15, 15]),
];

#[test]
fn bytes_are_those_of_the_direct_filter() {
    let mut state = 1;
    for level in Level::available() {
        for (at, (size, [r, s])) in SHAPES.into_iter().enumerate() {
            let channels = 1 + at % 4;
            let border = [Border::Zero, Border::Constant(7.5), Border::Reflect101, Border::Wrap][at % 4];
            let whole = at % 2 == 0;
            let mut values = |n: usize| -> Vec<f32> {
                (0..n)
                    .map(|_| random(&mut state))
                    .map(|x| if whole { (x * 4.0) as i32 as f32 - 1.0 } else { x })
                    .collect()
            };
            let [column, row] = [r, s].map(&mut values);
            let mask: Vec<f32> = column.iter().flat_map(|a| row.iter().map(move |b| a * b)).collect();
            let sum: f32 = mask.iter().map(|w| w.abs()).sum::<f32>().max(1.0);
            let desc = Filter2dDesc::new(size, channels, [r, s])
                .border(border)
                .mode(if at % 3 == 0 { Mode::Convolve } else { Mode::Correlate })
                .divisor(sum)
                .offset(if at % 3 == 1 { 20.25 } else { 0.0 });
            let src: Vec<u8> =
                (0..size[0] * size[1] * channels).map(|_| (random(&mut state) * 256.0) as u8).collect();
            let separable = Filter2dPlan::separable(&desc, level).unwrap();
            let direct = Filter2dPlan::new(&desc, level).unwrap();
            let got: Vec<u8> = filtered(&separable, &mask, &src);
            assert_eq!(got, filtered::<_, u8>(&direct, &mask, &src), "{desc:?} {level:?}");
        }
    }
}

#[test]
fn floats_are_within_the_bound() {
    let mut state = 2;
    for level in Level::available() {
        for (at, (size, [r, s])) in SHAPES.into_iter().enumerate() {
            let channels = 1 + at % 4;
            let [column, row] =
                [r, s].map(|n| -> Vec<f32> { (0..n).map(|_| random(&mut state) - 0.3).collect() });
            let mask: Vec<f32> = column.iter().flat_map(|a| row.iter().map(move |b| a * b)).collect();
            let desc = Filter2dDesc::new(size, channels, [r, s]).border(Border::Replicate);
            let src: Vec<f32> =
                (0..size[0] * size[1] * channels).map(|_| random(&mut state) * 200.0 - 100.0).collect();
            let separable = Filter2dPlan::separable(&desc, level).unwrap();
            let got: Vec<f32> = filtered(&separable, &mask, &src);
            let bound = separable.error_terms() as f64 / 16_777_216.0;
            for (i, got) in got.into_iter().enumerate() {
                let [y, x, c] = [i / channels / size[1], i / channels % size[1], i % channels];
                let (mut sum, mut magnitude) = (0.0, 0.0);
                for (tap, w) in mask.iter().enumerate() {
                    let place = |at: usize, tap: usize, anchor: usize, n: usize| {
                        (at + tap).saturating_sub(anchor).min(n - 1)
                    };
                    let [y, x] = [place(y, tap / s, r / 2, size[0]), place(x, tap % s, s / 2, size[1])];
                    let term = f64::from(*w) * f64::from(src[(y * size[1] + x) * channels + c]);
                    sum += term;
                    magnitude += term.abs();
                }
                assert!(
                    (f64::from(got) - sum).abs() <= bound * (1.0 + bound) * magnitude,
                    "{desc:?} {level:?} at {i}"
                );
            }
        }
    }
}

#[test]
fn rows_alone_are_the_same_rows() {
    let desc = Filter2dDesc::new([23, 1300], 1, [5, 5]).border(Border::Reflect);
    let mask: Vec<f32> =
        [1.0_f32, 4.0, 6.0, 4.0, 1.0].iter().flat_map(|a| [0.1, 0.2, 0.4, 0.2, 0.1].map(|b| a * b)).collect();
    let src: Vec<f32> = (0..23 * 1300).map(|i| (i * 31 % 101) as f32 / 7.0).collect();
    for level in Level::available() {
        let plan = Filter2dPlan::separable(&desc, level).unwrap();
        let whole: Vec<f32> = filtered(&plan, &mask, &src);
        let mut buffer = vec![0.0; plan.packed_len()];
        let packed = plan.pack(&mask, &mut buffer).unwrap();
        let mut scratch = vec![f32::NAN; plan.scratch_len()];
        for rows in [0..1, 3..7, 5..23, 9..9] {
            let mut part = vec![f32::NAN; rows.len() * 1300];
            plan.run_rows(rows.clone(), &packed, &src, &mut part, &mut scratch).unwrap();
            assert_eq!(part, whole[rows.start * 1300..rows.end * 1300], "{level:?}");
        }
    }
}

#[test]
fn infinities_reach_their_windows_and_no_others() {
    let desc = Filter2dDesc::new([20, 90], 1, [5, 7]);
    let mask: Vec<f32> = (0..35).map(|i| (1 + i / 7) as f32 * (1 + i % 7) as f32).collect();
    let mut src = vec![1.0_f32; 20 * 90];
    src[7 * 90 + 40] = f32::INFINITY;
    for level in Level::available() {
        let got: Vec<f32> = filtered(&Filter2dPlan::separable(&desc, level).unwrap(), &mask, &src);
        for (i, got) in got.into_iter().enumerate() {
            let inside = (i / 90).abs_diff(7) <= 2 && (i % 90).abs_diff(40) <= 3;
            assert_eq!(got == f32::INFINITY, inside, "{level:?} at {i}: {got}");
            assert!(inside || got.is_finite());
        }
    }
}

#[test]
fn what_is_not_separable_is_refused() {
    let desc = Filter2dDesc::new([4, 4], 1, [3, 3]);
    let plan = Filter2dPlan::separable(&desc, Level::detect()).unwrap();
    let mut buffer = vec![0.0; plan.packed_len()];
    let laplacian = [0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0];
    assert_eq!(plan.pack(&laplacian, &mut buffer).unwrap_err(), Error::NotSeparable);
    // A packing of one kind is not one of the other, and one that was tampered with is none.
    plan.pack(&[1.0; 9], &mut buffer).unwrap();
    let direct = Filter2dPlan::new(&desc, Level::detect()).unwrap();
    assert_eq!(direct.open(&buffer).unwrap_err(), Error::WrongPacking);
    assert!(plan.open(&buffer).is_ok());
    let last = buffer.iter().rposition(|x| *x != 0.0).unwrap();
    buffer[last] *= 1.5;
    assert_eq!(plan.open(&buffer).unwrap_err(), Error::WrongPacking);
}

#[test]
fn factors_of_whole_numbers_are_exact() {
    let column = [3.0, 10.0, 3.0, 0.0];
    let row = [-6.0, 0.0, 6.0];
    let mask: Vec<f32> = column.iter().flat_map(|a| row.map(|b| a * b)).collect();
    let (mut a, mut b) = ([0.0; 4], [0.0; 3]);
    assert_eq!(factor(&mask, &mut a, &mut b), Ok(true));
    assert_eq!(a.iter().flat_map(|a| b.map(|b| a * b)).collect::<Vec<f32>>(), mask);
    assert!(a.iter().map(|x| x.abs()).sum::<f32>() <= 1.0);
    // Zeros are separable, too.
    assert_eq!(factor(&[0.0; 12], &mut a, &mut b), Ok(true));
    assert!(factor(&[0.0; 11], &mut a, &mut b).is_err());
    assert_eq!(factor(&[f32::NAN; 12], &mut a, &mut b), Ok(false));
}
