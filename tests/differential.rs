//! Every engine for layers against the naive reference, on every level: random layers, every tail, padding up to twice
//! the window, and the layers of real networks scaled down. Integers must come out bit for bit, real numbers within the
//! analytic bound.
#![forbid(unsafe_code)]

use std::cell::Cell;

use convoke_core::{Activation, Border, Conv2dDesc, Layout, Padding};
use convoke_harness::layers::LAYERS;
use convoke_harness::strategy::{Tally, config, conv_problems};
use convoke_harness::{ConvProblem, Verdict, Way, engines};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const LAYOUTS: [Layout; 2] = [Layout::Nhwc, Layout::Nchw];

/// Holds all engines against the reference. `offset` misaligns the buffers.
fn check_all(problem: &ConvProblem, offset: usize) -> Result<Verdict, String> {
    let case = problem.case();
    let mut verdict = Verdict::default();
    for engine in engines() {
        verdict =
            verdict.and(case.check(&engine, Way::Whole, offset).map_err(|failure| failure.to_string())?);
    }
    Ok(verdict)
}

fn assert_all(problem: &ConvProblem, offset: usize) -> Verdict {
    check_all(problem, offset).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn random_layers() {
    let total = Cell::new(Tally::default());
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..config(4000) });
    let result = runner.run(&(conv_problems(), 0..16_usize), |(problem, offset)| {
        let verdict = check_all(&problem, offset).map_err(TestCaseError::fail)?;
        total.set(total.get().and(verdict));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    total.get().assert_trustworthy();
    println!("{:?}", total.get());
}

/// Every number of pixels in a row up to two tiles and one, against channels on both sides of every vector length, for a
/// window that lies inside, one that hangs over, and a pointwise one.
#[test]
fn every_tail() {
    const CHANNELS: [usize; 12] = [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 49];
    let mut total = Verdict::default();
    for layout in LAYOUTS {
        for width in 1..=29 {
            for (number, &out_channels) in CHANNELS.iter().enumerate() {
                // The in channels walk along, so that each count meets many others.
                let in_channels = CHANNELS[(number + width) % CHANNELS.len()].min(17);
                let kernel = [[1, 1], [3, 3], [1, 3], [3, 1]][(number + width) % 4];
                let padding = if number % 2 == 0 {
                    Padding::Same
                } else {
                    Padding::Explicit { top: 2, left: 1, bottom: 0, right: 2 }
                };
                let desc = Conv2dDesc::new(layout, 1, in_channels, [3, width], out_channels, kernel)
                    .padding(padding);
                let seed = (width * 100 + number) as u64;
                total = total.and(assert_all(&ConvProblem::new(desc).bias().residual().seed(seed), width));
            }
        }
    }
    total.assert_trustworthy();
}

/// Whole blocks of out channels, of three vectors and of two, that are made of the same pixels one after the other: as many as their
/// weights allow, none, and one that is not whole behind them.
#[test]
fn every_run_of_blocks() {
    const CHANNELS: [usize; 8] = [32, 64, 95, 96, 97, 112, 160, 208];
    let mut total = Verdict::default();
    for (number, &out_channels) in CHANNELS.iter().enumerate() {
        // One pixel less and more than tiles of 9 and of 12 have, and a tile more.
        for (other, width) in [1, 8, 9, 10, 11, 12, 13, 21].into_iter().enumerate() {
            // With 40 channels, blocks of 3x3 are too large to follow each other.
            let (in_channels, kernel) =
                [(1, [1, 1]), (16, [1, 1]), (16, [3, 3]), (40, [3, 3])][(number + other) % 4];
            let desc = Conv2dDesc::new(Layout::Nhwc, 2, in_channels, [2, width], out_channels, kernel)
                .padding(Padding::Same)
                .activation(if other % 2 == 0 { Activation::None } else { Activation::Relu });
            let problem = ConvProblem::new(desc).seed((number * 10 + other) as u64);
            total = total.and(assert_all(&problem, width)).and(assert_all(&problem.bias().residual(), width));
        }
    }
    total.assert_trustworthy();
}

/// Pixels as lanes: every number of out channels that has a shape of its own, against rows that end before, at and behind
/// the end of a vector and of a stripe, bands that are many, strides and dilations that take planes apart.
#[test]
fn every_stripe() {
    const SHAPES: [([usize; 2], [usize; 2], [usize; 2]); 7] = [
        ([1, 1], [1, 1], [1, 1]),
        ([3, 3], [1, 1], [1, 1]),
        ([1, 1], [2, 3], [1, 1]),
        ([3, 2], [2, 2], [1, 1]),
        ([3, 3], [2, 1], [2, 2]),
        ([1, 5], [1, 2], [1, 1]),
        ([2, 2], [3, 3], [1, 2]),
    ];
    let mut total = Verdict::default();
    for layout in LAYOUTS {
        for (number, width) in [7, 15, 16, 17, 31, 33, 64, 65, 127, 129, 300].into_iter().enumerate() {
            for (other, out_channels) in [1, 2, 3, 4, 6, 7, 8, 13, 14, 15, 29, 43].into_iter().enumerate() {
                let (kernel, stride, dilation) = SHAPES[(number + 2 * other) % SHAPES.len()];
                let in_channels = [3, 40, 17, 1][(number + other) % 4];
                let height = 5 + (number + other) % 5;
                let mut desc = Conv2dDesc::new(
                    layout,
                    1 + other % 2,
                    in_channels,
                    [height, width],
                    out_channels,
                    kernel,
                )
                .stride(stride)
                .dilation(dilation);
                if other % 3 == 1 {
                    desc = desc.padding(Padding::all(1));
                }
                let problem = ConvProblem::new(desc).seed((width + other) as u64);
                let problem = if other % 4 == 3 { problem.bias().residual() } else { problem };
                total = total.and(assert_all(&problem, number));
            }
        }
    }
    total.assert_trustworthy();
}

#[test]
fn every_depthwise_tail() {
    let mut total = Verdict::default();
    for layout in LAYOUTS {
        for channels in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 79] {
            for width in [1, 2, 3, 5, 8, 13, 16, 17, 31] {
                for (multiplier, stride) in [(1, 1), (1, 2), (2, 1), (3, 2)] {
                    let desc =
                        Conv2dDesc::new(layout, 1, channels, [4, width], channels * multiplier, [3, 3])
                            .groups(channels)
                            .stride([stride, stride])
                            .padding(Padding::all(1));
                    total = total.and(assert_all(&ConvProblem::new(desc).bias(), channels));
                }
            }
        }
    }
    total.assert_trustworthy();
}

/// Every height and width up to two tiles and one, for strides, dilations and masks that share input between neighbours in
/// different ways, or not at all.
#[test]
fn every_depthwise_tile() {
    const STEPS: [([usize; 2], [usize; 2]); 8] = [
        ([1, 1], [1, 1]),
        ([2, 2], [1, 1]),
        ([1, 2], [2, 1]),
        ([3, 3], [1, 1]),
        ([1, 1], [2, 3]),
        ([2, 4], [2, 2]),
        ([4, 3], [1, 2]),
        ([2, 2], [3, 3]),
    ];
    const KERNELS: [[usize; 2]; 7] = [[3, 3], [1, 5], [5, 1], [4, 4], [7, 7], [2, 9], [11, 6]];
    let mut total = Verdict::default();
    for layout in LAYOUTS {
        for height in 1..=5 {
            for width in 1..=18 {
                let number = height * 18 + width;
                let (stride, dilation) = STEPS[number % STEPS.len()];
                let kernel = KERNELS[number % KERNELS.len()];
                let channels = [3, 16, 20, 33][number % 4];
                // As many outputs as these, whatever the steps.
                let size = |axis: usize, outputs: usize| (outputs - 1) * stride[axis] + 1;
                let all = [0, 1].map(|axis| (kernel[axis] - 1) * dilation[axis]);
                let padding = Padding::Explicit {
                    top: all[0] / 2,
                    left: all[1] / 2,
                    bottom: all[0].div_ceil(2),
                    right: all[1].div_ceil(2),
                };
                let sizes = [size(0, height), size(1, width)];
                let desc = Conv2dDesc::new(layout, 1, channels, sizes, channels, kernel)
                    .groups(channels)
                    .stride(stride)
                    .dilation(dilation)
                    .padding(padding);
                total = total.and(assert_all(&ConvProblem::new(desc).bias().seed(number as u64), width));
            }
        }
    }
    total.assert_trustworthy();
}

/// Tiles that walk down: heights below, at and above what a walk is worth, with rows that are as wide as tiles of both widths
/// and their sums; masks that are written out, columns that are shared or not, activations that come afterwards.
#[test]
fn every_depthwise_walk() {
    const STEPS: [([usize; 2], [usize; 2]); 7] = [
        ([1, 1], [1, 1]),
        ([2, 2], [1, 1]),
        ([2, 1], [1, 1]),
        ([1, 1], [2, 2]),
        ([2, 2], [2, 1]),
        ([4, 2], [2, 2]),
        ([1, 2], [1, 1]),
    ];
    const KERNELS: [[usize; 2]; 5] = [[3, 3], [5, 5], [3, 2], [5, 3], [3, 4]];
    let mut total = Verdict::default();
    for layout in LAYOUTS {
        for height in [1, 2, 3, 4, 5, 8, 9, 10, 14, 15, 16, 17, 31] {
            for width in [1, 4, 5, 6, 7, 8, 9, 11, 13, 18, 22] {
                let number = height * 11 + width;
                let (stride, dilation) = STEPS[number % STEPS.len()];
                let kernel = KERNELS[number % KERNELS.len()];
                let channels = [5, 16, 33][number % 3];
                let size = |axis: usize, outputs: usize| (outputs - 1) * stride[axis] + 1;
                let all = [0, 1].map(|axis| (kernel[axis] - 1) * dilation[axis]);
                let padding = Padding::Explicit {
                    top: all[0] / 2,
                    left: all[1].div_ceil(2),
                    bottom: all[0].div_ceil(2),
                    right: all[1] / 2,
                };
                let desc =
                    Conv2dDesc::new(layout, 1, channels, [size(0, height), size(1, width)], channels, kernel)
                        .groups(channels)
                        .stride(stride)
                        .dilation(dilation)
                        .padding(padding)
                        .activation([Activation::None, Activation::Silu, Activation::Relu6][number % 3]);
                let problem = ConvProblem::new(desc).seed(number as u64);
                let problem = if number % 2 == 0 { problem.bias().residual() } else { problem };
                total = total.and(assert_all(&problem, width));
            }
        }
    }
    total.assert_trustworthy();
}

/// Images so narrow that lanes run down their columns.
#[test]
fn every_column_as_a_line() {
    let mut total = Verdict::default();
    for layout in LAYOUTS {
        for width in 1..=5 {
            for height in [3, 16, 17, 47, 70] {
                for (number, out_channels) in [1, 2, 4, 13, 15].into_iter().enumerate() {
                    let kernel = [[3, 3], [1, 1], [5, 2], [2, 7]][(number + width) % 4];
                    let stride = [[1, 1], [2, 1], [1, 2], [3, 2]][(number + height) % 4];
                    let dilation = [[1, 1], [1, 1], [2, 1]][(height + width) % 3];
                    let in_channels = [3, 17, 1][number % 3];
                    let border = if number == 3 { Border::Reflect101 } else { Border::Zero };
                    let desc = Conv2dDesc::new(layout, 1, in_channels, [height, width], out_channels, kernel)
                        .stride(stride)
                        .dilation(dilation)
                        .padding(Padding::Explicit { top: 2, left: 3, bottom: 4, right: 3 })
                        .border(border);
                    let problem = ConvProblem::new(desc).seed(height as u64);
                    let problem = if number % 2 == 0 { problem.bias().residual() } else { problem };
                    total = total.and(assert_all(&problem, number));
                }
            }
        }
    }
    total.assert_trustworthy();
}

/// Groups of every shape, as many as fill less than a vector, one, and a part of another.
#[test]
fn every_small_group() {
    const SIZES: [usize; 8] = [1, 2, 3, 4, 5, 8, 13, 16];
    let mut total = Verdict::default();
    for layout in LAYOUTS {
        for group_in in SIZES {
            for group_out in SIZES {
                for groups in [2, 3, 5, 9] {
                    let number = group_in + 3 * group_out + groups;
                    let stride = [[1, 1], [2, 2], [1, 2]][number % 3];
                    let kernel = [[3, 3], [1, 4], [2, 2], [5, 3]][number % 4];
                    let dilation = [[1, 1], [1, 1], [1, 2], [2, 1], [1, 1]][number % 5];
                    let sizes = [3 + number % 3, 5 + number % 7];
                    let desc =
                        Conv2dDesc::new(layout, 1, groups * group_in, sizes, groups * group_out, kernel)
                            .groups(groups)
                            .stride(stride)
                            .dilation(dilation)
                            .padding(Padding::all(4));
                    let problem = ConvProblem::new(desc).bias().residual().seed(number as u64);
                    total = total.and(assert_all(&problem, number % 16));
                }
            }
        }
    }
    total.assert_trustworthy();
}

/// Rows and columns wholly in padding, for every kernel, stride and border, of channels that see all and of those that see one.
#[test]
fn padding_up_to_twice_the_window() {
    let borders = [
        Border::Zero,
        Border::Constant(2.0),
        Border::Replicate,
        Border::Reflect,
        Border::Reflect101,
        Border::Wrap,
    ];
    let mut total = Verdict::default();
    for layout in LAYOUTS {
        for kernel in 1..=5 {
            for padding in 0..=2 * kernel {
                for (number, border) in borders.into_iter().enumerate() {
                    let size = 1 + (kernel + number) % 6;
                    let all = Padding::Explicit {
                        top: padding,
                        left: padding,
                        bottom: padding.max(kernel),
                        right: padding.max(kernel),
                    };
                    for (in_channels, out_channels, groups) in [(3, 5, 1), (7, 7, 7)] {
                        let sizes = [size, size + 1];
                        let desc =
                            Conv2dDesc::new(layout, 1, in_channels, sizes, out_channels, [kernel, kernel])
                                .groups(groups)
                                .padding(all)
                                .border(border)
                                .stride([1 + number % 2, 1 + padding % 2]);
                        total = total.and(assert_all(&ConvProblem::new(desc), 0));
                    }
                }
            }
        }
    }
    // With a zero border many outputs are rightly zero, but most are not.
    total.assert_trustworthy();
}

#[test]
fn layers_of_real_networks_scaled_down() {
    for layout in LAYOUTS {
        for (number, layer) in LAYERS.iter().enumerate() {
            let small = layer.scaled_down();
            let desc = small.desc(layout).activation(if number % 3 == 0 {
                Activation::Relu
            } else {
                Activation::None
            });
            assert_all(&ConvProblem::new(desc).bias().seed(number as u64), number).assert_trustworthy();
        }
    }
}

/// Long sums of real numbers. Beside the hard bound there is an alarm: errors of random data stay near `sqrt(n)` roundings
/// (Higham and Mary, 2019), so four times that would be accuracy lost somewhere.
#[test]
fn long_sums_stay_accurate() {
    for (in_channels, kernel) in [(512, 3), (2048, 1), (64, 7), (1024, 2)] {
        for layout in LAYOUTS {
            let desc =
                Conv2dDesc::new(layout, 1, in_channels, [kernel + 2, kernel + 4], 20, [kernel, kernel]);
            let verdict = assert_all(&ConvProblem::new(desc).real().seed(kernel as u64), 0);
            verdict.assert_trustworthy();
            assert!(verdict.spread > 0.0 && verdict.spread < 4.0, "{desc:?}: {verdict:?}");
            let exact = assert_all(&ConvProblem::new(desc), 0);
            exact.assert_trustworthy();
        }
    }
}

/// Each activation where it bends, at its ends, and on numbers of every size.
#[test]
fn activations() {
    let activations = [
        Activation::None,
        Activation::Relu,
        Activation::Relu6,
        Activation::Leaky(0.01),
        Activation::Leaky(-2.0),
        Activation::Leaky(0.0),
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Silu,
        Activation::HardSwish,
    ];
    // A 1x1 layer with weight 1 shows the activation alone.
    let mut inputs: Vec<f32> = (-400..=400).map(|step| step as f32 / 16.0).collect();
    inputs.extend((-140..=100_i16).flat_map(|power| [1.0_f32, -1.37].map(|x| x * f32::from(power).exp2())));
    inputs.extend([
        0.0,
        88.0,
        -88.0,
        89.5,
        -89.5,
        104.0,
        -104.0,
        3.0,
        -3.0,
        f32::MAX,
        f32::MIN,
        1e-45,
        -1e-45,
    ]);
    for activation in activations {
        let mut inputs = inputs.clone();
        // Six times the input is on the way to a hard swish.
        inputs.retain(|x| activation != Activation::HardSwish || x.abs() < f32::MAX / 6.0);
        let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [1, inputs.len()], 1, [1, 1]).activation(activation);
        let problem = ConvProblem::new(desc).real();
        let data = convoke_harness::ConvData { src: inputs, weights: vec![1.0], bias: None, residual: None };
        let case = convoke_harness::ConvCase::with(problem, data);
        for engine in engines() {
            let dst = case.output(&engine, Way::Whole, 0);
            // The sums are exact: only the activation's own error is allowed.
            let verdict =
                case.compare(&dst, 0).unwrap_or_else(|what| panic!("{engine}, {activation:?}: {what}"));
            verdict.assert_trustworthy();
        }
    }
}
