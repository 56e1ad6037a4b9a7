//! Every engine for picture filters against the naive reference, on every level and every pair of pixel types. Integers
//! from integers must be the correctly rounded exact value; exact f32 sums must come out bit for bit.
#![forbid(unsafe_code)]

use std::cell::Cell;

use convoke_core::{Border, Filter2dDesc, Mode};
use convoke_harness::strategy::{Tally, config, filter_problems, thin};
use convoke_harness::{
    FilterCase, FilterData, FilterProblem, Picture, PixelType, Verdict, Way, filter_engines,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

fn check_all(case: &FilterCase, way: Way, offset: usize) -> Result<Verdict, String> {
    let mut verdict = Verdict::default();
    for engine in filter_engines() {
        verdict = verdict.and(case.check(&engine, way, offset).map_err(|failure| failure.to_string())?);
    }
    Ok(verdict)
}

fn assert_all(problem: &FilterProblem) -> Verdict {
    assert_case(&problem.case())
}

fn assert_case(case: &FilterCase) -> Verdict {
    check_all(case, Way::Whole, 0).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn random_filters() {
    let total = Cell::new(Tally::default());
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..config(1500) });
    let result = runner.run(&(filter_problems(), 0..16_usize), |(problem, offset)| {
        let verdict = check_all(&problem.case(), Way::Whole, offset).map_err(TestCaseError::fail)?;
        total.set(total.get().and(verdict));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    total.get().assert_trustworthy();
}

#[test]
fn every_width() {
    let mut total = Verdict::default();
    for (src, dst) in PixelType::pairs() {
        for channels in 1..=4 {
            for width in 1..=35 {
                let mask_size = [[3, 3], [1, 5], [5, 1], [2, 4]][width % 4];
                let border =
                    [Border::Zero, Border::Replicate, Border::Reflect101, Border::Wrap][width / 4 % 4];
                let desc = Filter2dDesc::new([3, width], channels, mask_size).border(border).offset(16.0);
                total = total.and(assert_all(&FilterProblem::new(desc).types(src, dst).seed(width as u64)));
            }
        }
    }
    total.assert_trustworthy();
}

#[test]
fn masks_larger_than_the_picture() {
    let borders = [
        Border::Zero,
        Border::Constant(7.0),
        Border::Replicate,
        Border::Reflect,
        Border::Reflect101,
        Border::Wrap,
    ];
    let mut total = Verdict::default();
    for (src, dst) in PixelType::pairs() {
        for border in borders {
            for (size, mask_size) in
                [([1, 1], [3, 3]), ([1, 2], [5, 7]), ([2, 1], [9, 2]), ([3, 2], [7, 11]), ([2, 20], [11, 3])]
            {
                for mode in [Mode::Correlate, Mode::Convolve] {
                    for anchor in
                        [[0, 0], [mask_size[0] / 2, mask_size[1] / 2], [mask_size[0] - 1, mask_size[1] - 1]]
                    {
                        let desc =
                            Filter2dDesc::new(size, 2, mask_size).border(border).mode(mode).anchor(anchor);
                        total = total.and(assert_all(&FilterProblem::new(desc).types(src, dst).seed(1)));
                    }
                }
            }
        }
    }
    total.assert_trustworthy();
}

/// Values that fall exactly between two bytes, in both directions and on both sides of every clamp.
#[test]
fn ties_go_to_even_and_ends_are_clamped() {
    let src: Vec<u8> = (0..=255).collect();
    for (scale, divisor, offset) in [
        (1.0, 2.0, 0.0),
        (1.0, 2.0, 0.5),
        (0.5, 1.0, -3.0),
        (-1.0, 2.0, 100.0),
        (1.5, 1.0, -40.5),
        (3.0, 2.0, 0.0),
        (1.0, 1.0, 0.5),
        (1.0, 4.0, 0.25),
    ] {
        let desc = Filter2dDesc::new([1, 256], 1, [1, 1]).scale(scale).divisor(divisor).offset(offset);
        for dst in PixelType::ALL {
            let problem = FilterProblem::new(desc).types(PixelType::U8, dst);
            let case =
                FilterCase::with(problem, FilterData { mask: vec![1.0], src: Picture::U8(src.clone()) });
            assert_case(&case).assert_trustworthy();
        }
    }
}

/// Sums just beside a tie, nearer than `f32` can tell: only exact arithmetic rounds them right.
#[test]
fn sums_beside_a_tie_are_rounded_right() {
    // 0.5 + 2^-24 * one pixel, and the same below.
    for nudge in [2.0_f32.powi(-26), -(2.0_f32.powi(-26)), 2.0_f32.powi(-40), -(2.0_f32.powi(-40)), 0.0] {
        let desc = Filter2dDesc::new([1, 255], 1, [1, 2]).border(Border::Wrap);
        let src = (0..255).map(|x| (x as u8) | 1).collect();
        let case = FilterCase::with(
            FilterProblem::new(desc),
            FilterData { mask: vec![0.5, nudge], src: Picture::U8(src) },
        );
        assert_case(&case).assert_trustworthy();
    }
    // A third of a byte has no binary value; nine times a ninth is not one.
    for divisor in [3.0, 6.0, 9.0, 25.0, 10.0] {
        for offset in [0.0, 0.5, 0.1] {
            let desc =
                Filter2dDesc::new([9, 37], 3, [3, 3]).divisor(divisor).offset(offset).border(Border::Reflect);
            let problem = FilterProblem::new(desc);
            let data = FilterData { mask: vec![1.0; 9], ..problem.data() };
            assert_case(&FilterCase::with(problem, data)).assert_trustworthy();
            let data = FilterData { mask: vec![0.1; 9], ..problem.data() };
            assert_case(&FilterCase::with(problem, data)).assert_trustworthy();
        }
    }
}

/// The same for 16-bit values, of which every one is tried, and for the ends of every type.
#[test]
fn ties_of_16_bit_values_go_to_even() {
    let mut total = Verdict::default();
    let words: Vec<u16> = thin(0..=u16::MAX).collect();
    let signed: Vec<i16> = thin(i16::MIN..=i16::MAX).collect();
    for (mask, divisor, offset) in [
        (1.0, 2.0, 0.0),
        (1.0, 1.0, -0.5),
        (-1.0, 2.0, 100.5),
        (3.0, 2.0, 0.0),
        (1.0, 257.0, 0.5),
        (0.1, 1.0, 0.1),
    ] {
        let desc = Filter2dDesc::new([1, words.len()], 1, [1, 1]).divisor(divisor).offset(offset);
        for src in [Picture::U16(words.clone()), Picture::I16(signed.clone())] {
            for dst in [PixelType::U8, PixelType::U16, PixelType::I16] {
                let problem = FilterProblem::new(desc).types(src.pixel_type(), dst);
                let data = FilterData { mask: vec![mask], src: src.clone() };
                total = total.and(assert_case(&FilterCase::with(problem, data)));
            }
        }
    }
    total.assert_trustworthy();
}

/// Sums of 16-bit pixels that f32 cannot hold: large masks, and small ones beside a tie.
#[test]
fn sums_of_16_bit_values_are_rounded_right() {
    let mut total = Verdict::default();
    for src in [PixelType::U16, PixelType::I16] {
        for dst in [PixelType::U8, PixelType::U16, PixelType::I16] {
            for (side, weight, divisor) in
                [(3, 1.0 / 9.0, 1.0), (3, 1.0, 9.0), (17, 1.0, 289.0), (15, 0.1, 3.0), (2, 1e20, 4e20)]
            {
                let desc =
                    Filter2dDesc::new([5, 40], 1, [side, side]).divisor(divisor).border(Border::Reflect);
                let problem = FilterProblem::new(desc).types(src, dst);
                let data = FilterData { mask: vec![weight; side * side], ..problem.data() };
                total = total.and(assert_case(&FilterCase::with(problem, data)));
            }
        }
    }
    total.assert_trustworthy();
}

/// Masks whose values differ so much that no float or fixed-point sum could be exact.
#[test]
fn bytes_are_exact_for_any_mask() {
    for (mask, name) in [
        (vec![1e30, -1e30, 0.5], "cancellation"),
        (vec![1e-30, 1e-38, 0.5], "almost nothing beside a half"),
        (vec![f32::MAX, f32::MAX, f32::MAX], "overflow of any f32 sum"),
        (vec![f32::MAX, f32::MIN, 1.0], "overflow that cancels"),
        (vec![f32::from_bits(1), 0.5, f32::from_bits(1)], "the least positive number beside ties"),
    ] {
        let desc = Filter2dDesc::new([2, 61], 1, [1, 3]).border(Border::Replicate);
        let problem = FilterProblem::new(desc);
        let case = FilterCase::with(problem, FilterData { mask, src: problem.data().src });
        let verdict = check_all(&case, Way::Whole, 0).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        verdict.assert_trustworthy();
    }
}

/// The lecture's shift: a 1 right of the centre moves the picture one pixel to the left under correlation, and to the right
/// under convolution.
#[test]
fn a_shift_goes_left_in_correlation_and_right_in_convolution() {
    let mask = vec![0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    let src: Vec<u8> = (1..=20).collect();
    let left: Vec<u8> = (2..=20).chain([0]).collect();
    let right: Vec<u8> = (0..=19).collect();
    for (mode, want) in [(Mode::Correlate, left), (Mode::Convolve, right)] {
        let problem = FilterProblem::new(Filter2dDesc::new([1, 20], 1, [3, 3]).mode(mode));
        let case =
            FilterCase::with(problem, FilterData { mask: mask.clone(), src: Picture::U8(src.clone()) });
        for engine in filter_engines() {
            assert_eq!(case.output(&engine, Way::Whole, 0), Picture::U8(want.clone()), "{engine}, {mode:?}");
        }
    }
}
