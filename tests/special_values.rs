//! NaN and infinity reach exactly the outputs whose window contains them, on every engine; and a tap on zero padding is
//! absent, whatever its weight. Running sums that smear a NaN to the end of a row, and padding multiplied by infinite
//! weights, are bugs that libraries have shipped.
#![forbid(unsafe_code)]

use convoke_core::{Border, Conv2dDesc, Filter2dDesc, Layout, Padding};
use convoke_harness::{
    ConvCase, ConvProblem, FilterCase, FilterData, FilterProblem, Picture, PixelType, Way, engines,
    filter_engines,
};

const LAYOUTS: [Layout; 2] = [Layout::Nhwc, Layout::Nchw];
const SPECIAL: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

/// Dense, grouped, depthwise and pointwise layers, with channels below and above a vector.
fn layers() -> Vec<Conv2dDesc> {
    let mut layers = Vec::new();
    for layout in LAYOUTS {
        let new = |c, k, kernel| Conv2dDesc::new(layout, 1, c, [6, 19], k, kernel);
        layers.extend([
            new(3, 5, [3, 3]).padding(Padding::all(1)),
            new(3, 5, [3, 3]).padding(Padding::all(3)),
            new(17, 33, [3, 3]).padding(Padding::all(2)).stride([2, 2]),
            new(16, 16, [3, 3]).padding(Padding::all(1)).groups(16),
            new(5, 10, [3, 5]).padding(Padding::Same).groups(5),
            new(8, 12, [3, 3]).padding(Padding::all(2)).dilation([2, 2]).groups(2),
            new(130, 7, [3, 3]).padding(Padding::all(1)),
            new(20, 6, [1, 1]).padding(Padding::all(1)),
            new(4, 4, [3, 3]).padding(Padding::all(2)).border(Border::Wrap),
            new(4, 4, [3, 3]).padding(Padding::all(2)).border(Border::Constant(1.0)),
        ]);
    }
    layers
}

/// Equal as numbers, as infinities, or both NaN.
fn same(got: f32, want: f64) -> bool {
    if want.is_nan() { got.is_nan() } else { f64::from(got) == f64::from(want as f32) }
}

fn assert_same(case: &ConvCase, what: &str) {
    for engine in engines() {
        let dst = case.output(&engine, Way::Whole, 0);
        for (at, (got, want)) in dst.iter().zip(&case.answer.values).enumerate() {
            assert!(
                same(*got, *want),
                "{engine} on {}, {what}: element {at} is {got}, should be {want}",
                case.problem
            );
        }
    }
}

#[test]
fn in_the_image() {
    for desc in layers() {
        for special in SPECIAL {
            let problem = ConvProblem::new(desc);
            let mut data = problem.data();
            let middle = data.src.len() / 2;
            for at in [0, middle, data.src.len() - 1] {
                let mut one = data.clone();
                one.src[at] = special;
                let case = ConvCase::with(problem, one);
                let reached = case.answer.values.iter().filter(|x| !x.is_finite()).count();
                assert!(reached < case.answer.values.len(), "{problem}: everything is reached");
                assert_same(&case, &format!("{special} in src at {at}"));
            }
            // Two infinities that meet.
            data.src[middle] = f32::INFINITY;
            data.src[middle + 1] = f32::NEG_INFINITY;
            assert_same(&ConvCase::with(problem, data), "two infinities");
        }
    }
}

/// Infinite and NaN weights: harmless over zero padding, and in one out channel only.
#[test]
fn in_the_weights() {
    for desc in layers() {
        for special in SPECIAL {
            let problem = ConvProblem::new(desc);
            let data = problem.data();
            let len = data.weights.len();
            for at in [0, len / 2, len - 1] {
                let mut one = data.clone();
                one.weights[at] = special;
                let case = ConvCase::with(problem, one);
                let finite = case.answer.values.iter().filter(|x| x.is_finite()).count();
                assert!(finite > 0, "{problem}: everything is reached");
                assert_same(&case, &format!("{special} in weights at {at}"));
            }
        }
    }
}

/// A kernel whose every weight is infinite or NaN, wholly on the padding: the sum is empty, and zero.
#[test]
fn a_window_wholly_on_padding_is_zero() {
    for layout in LAYOUTS {
        for groups in [1, 4] {
            let desc =
                Conv2dDesc::new(layout, 1, 4, [2, 2], 8, [2, 2]).padding(Padding::all(3)).groups(groups);
            let problem = ConvProblem::new(desc).bias();
            let mut data = problem.data();
            for (at, weight) in data.weights.iter_mut().enumerate() {
                *weight = SPECIAL[at % 3];
            }
            let case = ConvCase::with(problem, data);
            assert!(case.answer.values.iter().filter(|x| x.is_finite()).count() > 100);
            assert_same(&case, "special weights everywhere");
        }
    }
}

#[test]
fn in_bias_and_residual() {
    for layout in LAYOUTS {
        let desc = Conv2dDesc::new(layout, 2, 3, [5, 9], 18, [3, 3]).padding(Padding::all(1));
        let problem = ConvProblem::new(desc).bias().residual();
        let mut data = problem.data();
        if let Some(bias) = &mut data.bias {
            (bias[3], bias[17]) = (f32::INFINITY, f32::NAN);
        }
        if let Some(residual) = &mut data.residual {
            let last = residual.len() - 1;
            (residual[0], residual[77], residual[last]) = (f32::NAN, f32::NEG_INFINITY, f32::NAN);
        }
        assert_same(&ConvCase::with(problem, data), "special bias and residual");
    }
}

/// A constant border of NaN or infinity is a value like another.
#[test]
fn in_the_border() {
    for layout in LAYOUTS {
        for special in SPECIAL {
            for groups in [1, 6] {
                let desc = Conv2dDesc::new(layout, 1, 6, [5, 19], 6, [3, 3])
                    .padding(Padding::all(1))
                    .border(Border::Constant(special))
                    .groups(groups);
                assert_same(&ConvProblem::new(desc).case(), "a special border");
            }
        }
    }
}

#[test]
fn in_a_picture() {
    for border in [Border::Zero, Border::Replicate, Border::Wrap] {
        for mask_size in [[1, 1], [3, 3], [1, 9], [9, 1], [7, 7]] {
            for channels in [1, 3] {
                for special in SPECIAL {
                    let desc = Filter2dDesc::new([9, 37], channels, mask_size).border(border);
                    let problem = FilterProblem::new(desc).types(PixelType::F32, PixelType::F32);
                    let FilterData { mask, src } = problem.data();
                    let mut src = src.to_f32();
                    let middle = src.len() / 2;
                    src[middle] = special;
                    let case = FilterCase::with(problem, FilterData { mask, src: Picture::F32(src) });
                    for engine in filter_engines() {
                        let dst = case.output(&engine, Way::Whole, 0).to_f32();
                        for (at, (got, want)) in dst.iter().zip(&case.values).enumerate() {
                            assert!(
                                same(*got, *want),
                                "{engine} on {problem}, {special}: element {at} is {got}, should be {want}"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// From f32 to bytes NaN gives 0, infinities the ends.
#[test]
fn to_bytes() {
    let src = vec![
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        1e30,
        -1e30,
        254.5,
        255.5,
        0.5,
        1.5,
        2.5,
        300.0,
    ];
    let want = vec![0, 255, 0, 0, 255, 0, 254, 255, 0, 2, 2, 255];
    for repeat in [1, 2, 3, 7] {
        let desc = Filter2dDesc::new([1, src.len() * repeat], 1, [1, 1]);
        let problem = FilterProblem::new(desc).types(PixelType::F32, PixelType::U8);
        let case =
            FilterCase::with(problem, FilterData { mask: vec![1.0], src: Picture::F32(src.repeat(repeat)) });
        for engine in filter_engines() {
            assert_eq!(case.output(&engine, Way::Whole, 0), Picture::U8(want.repeat(repeat)), "{engine}");
        }
    }
}
