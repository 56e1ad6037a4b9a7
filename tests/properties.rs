//! What convolution *is*, whatever computes it: linear, shift-invariant, answering an impulse with its mask; groups are
//! separate layers, a stride skips outputs, a dilation spreads the kernel. On exact data these hold bit for bit, for every
//! engine, and need no reference.
#![forbid(unsafe_code)]

use convoke_core::{Activation, Border, Conv2dDesc, Filter2dDesc, Layout, Mode, Padding};
use convoke_harness::strategy::{config, conv_problems, thin};
use convoke_harness::views::bits;
use convoke_harness::{
    ConvData, ConvProblem, Engine, Fill, FilterData, FilterProblem, Picture, PixelType, Way, engines,
    filter_engines, run,
};
use proptest::prelude::*;

/// The output in dense NCHW order, from operands in that order.
fn output(problem: &ConvProblem, plain: &ConvData, engine: &Engine) -> Vec<f32> {
    let dst = run::run(problem, &problem.lay_out(plain), engine, Way::Whole, 0)
        .unwrap_or_else(|what| panic!("{engine} on {problem}: {what}"));
    problem.dense_dst(&dst)
}

/// Exact numbers, sums alone.
fn sums_only(mut problem: ConvProblem) -> ConvProblem {
    problem.fill = Fill::Exact;
    problem.desc.activation = Activation::None;
    (problem.bias, problem.residual) = (false, false);
    problem
}

proptest! {
    #![proptest_config(ProptestConfig { source_file: Some(file!()), ..config(300) })]

    #[test]
    fn the_sum_of_two_images_gives_the_sum_of_the_results(problem in conv_problems()) {
        let mut problem = sums_only(problem);
        if matches!(problem.desc.border, Border::Constant(_)) {
            problem.desc.border = Border::Replicate;
        }
        let whole = problem.plain(&problem.data());
        let mut parts = [whole.clone(), whole.clone()];
        for (at, _) in whole.src.iter().enumerate() {
            parts[at * 7 % 5 % 2].src[at] = 0.0;
        }
        for engine in engines() {
            let [a, b] = parts.each_ref().map(|part| output(&problem, part, &engine));
            let sum: Vec<f32> = a.iter().zip(b).map(|(a, b)| a + b).collect();
            prop_assert_eq!(sum, output(&problem, &whole, &engine), "{} on {}", engine, problem);
        }
    }

    #[test]
    fn scaling_the_image_scales_the_result(problem in conv_problems()) {
        let mut problem = sums_only(problem);
        problem.fill = Fill::Real;
        let data = problem.plain(&problem.data());
        let mut scaled = data.clone();
        scaled.src.iter_mut().for_each(|x| *x *= -4.0);
        let constant = problem.desc.border;
        for engine in engines() {
            let once = output(&problem, &data, &engine);
            let mut four = problem;
            if let Border::Constant(value) = constant {
                four.desc.border = Border::Constant(value * -4.0);
            }
            let four = output(&four, &scaled, &engine);
            let expected: Vec<f32> = once.iter().map(|x| x * -4.0).collect();
            prop_assert_eq!(expected, four, "{} on {}", engine, problem);
        }
    }

    #[test]
    fn groups_are_separate_layers(problem in conv_problems()) {
        let mut problem = problem;
        problem.fill = Fill::Exact;
        if !problem.is_exact() {
            problem.desc.activation = Activation::Relu;
        }
        problem.residual = false;
        let groups = problem.desc.groups;
        let data = problem.plain(&problem.data());
        let [n, c, h, w] = problem.src_sizes();
        let [_, k, oh, ow] = problem.dst_sizes();
        let (group_in, group_out) = (c / groups, k / groups);
        let mut alone = problem;
        (alone.desc.groups, alone.desc.in_channels, alone.desc.out_channels) = (1, group_in, group_out);
        (alone.desc.src_row_stride, alone.desc.dst_row_stride) = (None, None);
        for engine in engines() {
            let together = output(&problem, &data, &engine);
            for g in 0..groups {
                let channels = |n: usize| (n * c + g * group_in) * h * w..(n * c + (g + 1) * group_in) * h * w;
                let per_group = data.weights.len() / groups;
                let part = ConvData {
                    src: (0..n).flat_map(|n| data.src[channels(n)].to_vec()).collect(),
                    weights: data.weights[g * per_group..(g + 1) * per_group].to_vec(),
                    bias: data.bias.as_ref().map(|bias| bias[g * group_out..(g + 1) * group_out].to_vec()),
                    residual: None,
                };
                let own = output(&alone, &part, &engine);
                for n in 0..n {
                    let start = (n * k + g * group_out) * oh * ow;
                    let len = group_out * oh * ow;
                    prop_assert_eq!(
                        bits(&together[start..start + len]), bits(&own[n * len..(n + 1) * len]),
                        "group {} of {} on {}", g, engine, problem
                    );
                }
            }
        }
    }

    #[test]
    fn convolution_is_correlation_with_the_kernel_turned(problem in conv_problems()) {
        let data = problem.plain(&problem.data());
        let taps = problem.desc.kernel[0] * problem.desc.kernel[1];
        let mut turned = data.clone();
        turned.weights.chunks_mut(taps).for_each(<[f32]>::reverse);
        let mut other = problem;
        other.desc.mode = if problem.desc.mode == Mode::Correlate { Mode::Convolve } else { Mode::Correlate };
        for engine in engines() {
            let [a, b] = [output(&problem, &data, &engine), output(&other, &turned, &engine)];
            prop_assert_eq!(bits(&a), bits(&b), "{} on {}", engine, problem);
        }
    }

    #[test]
    fn a_stride_skips_outputs(problem in conv_problems()) {
        let mut problem = problem;
        problem.fill = Fill::Exact;
        if !problem.is_exact() {
            problem.desc.activation = Activation::Relu6;
        }
        problem.residual = false;
        if matches!(problem.desc.padding, Padding::Same | Padding::SameLower) {
            problem.desc.padding = Padding::Explicit { top: 2, left: 1, bottom: 0, right: 3 };
            let extent = [0, 1].map(|a| (problem.desc.kernel[a] - 1) * problem.desc.dilation[a] + 1);
            if extent[0] > problem.desc.in_size[0] + 2 || extent[1] > problem.desc.in_size[1] + 4 {
                return Ok(());
            }
        }
        problem.desc.dst_row_stride = None;
        let data = problem.plain(&problem.data());
        let mut dense = problem;
        dense.desc.stride = [1, 1];
        let [_, _, oh, ow] = problem.dst_sizes();
        let [_, _, dh, dw] = dense.dst_sizes();
        if dense.sizes().macs > 3_000_000 {
            return Ok(());
        }
        let [sh, sw] = problem.desc.stride;
        for engine in engines() {
            let skipping = output(&problem, &data, &engine);
            let all = output(&dense, &data, &engine);
            for (at, got) in skipping.iter().enumerate() {
                let (plane, y, x) = (at / (oh * ow), at / ow % oh, at % ow);
                let want = all[(plane * dh + y * sh) * dw + x * sw];
                prop_assert_eq!(got.to_bits(), want.to_bits(), "{} on {}", engine, problem);
            }
        }
    }

    #[test]
    fn a_dilation_spreads_the_kernel(problem in conv_problems()) {
        let mut problem = sums_only(problem);
        problem.bias = true;
        let [dh, dw] = problem.desc.dilation;
        let [k, c, r, s] = problem.weight_sizes();
        let mut spread = problem;
        spread.desc.dilation = [1, 1];
        spread.desc.kernel = [(r - 1) * dh + 1, (s - 1) * dw + 1];
        if spread.sizes().macs > 3_000_000 {
            return Ok(());
        }
        let data = problem.plain(&problem.data());
        let mut with_zeros = data.clone();
        let [_, _, wide_r, wide_s] = spread.weight_sizes();
        with_zeros.weights = vec![0.0; k * c * wide_r * wide_s];
        for (at, &weight) in data.weights.iter().enumerate() {
            let (filter, r, s) = (at / (r * s), at / s % r, at % s);
            with_zeros.weights[(filter * wide_r + r * dh) * wide_s + s * dw] = weight;
        }
        for engine in engines() {
            let [a, b] = [output(&problem, &data, &engine), output(&spread, &with_zeros, &engine)];
            prop_assert_eq!(a, b, "{} on {}", engine, problem);
        }
    }
}

/// An image that is rolled gives a result that is rolled, all around the torus, to the bit: real numbers too.
#[test]
fn rolling_the_image_rolls_the_result() {
    for layout in [Layout::Nhwc, Layout::Nchw] {
        for (kernel, groups) in [([3, 3], 1), ([5, 2], 1), ([3, 3], 6), ([1, 7], 3)] {
            let [h, w] = [9, 19];
            let desc = Conv2dDesc::new(layout, 1, 6, [h, w], 12, kernel)
                .padding(Padding::Same)
                .border(Border::Wrap)
                .groups(groups);
            let problem = ConvProblem::new(desc).real().bias();
            let data = problem.plain(&problem.data());
            let roll = |values: &[f32]| -> Vec<f32> {
                (0..values.len())
                    .map(|at| values[at / (h * w) * (h * w) + (at / w % h + 2) % h * w + (at % w + 5) % w])
                    .collect()
            };
            let rolled = ConvData { src: roll(&data.src), ..data.clone() };
            for engine in engines() {
                let result = output(&problem, &data, &engine);
                assert_eq!(
                    bits(&roll(&result)),
                    bits(&output(&problem, &rolled, &engine)),
                    "{engine} on {problem}"
                );
            }
        }
    }
}

#[test]
fn an_impulse_gives_the_kernel() {
    for layout in [Layout::Nhwc, Layout::Nchw] {
        for mode in [Mode::Correlate, Mode::Convolve] {
            let [h, w, r, s, c, k] = [7, 9, 3, 5, 4, 6];
            let desc = Conv2dDesc::new(layout, 1, c, [h, w], k, [r, s]).padding(Padding::Same).mode(mode);
            let problem = ConvProblem::new(desc);
            for (channel, y, x) in [(0, 3, 4), (3, 2, 6), (2, 4, 2)] {
                let mut data = problem.plain(&problem.data());
                data.src.fill(0.0);
                data.src[(channel * h + y) * w + x] = 1.0;
                // Correlation answers with the kernel turned, convolution with the kernel as it is.
                let mut want = vec![0.0; k * h * w];
                for (at, &weight) in data.weights.iter().enumerate() {
                    let (filter, from, down, across) =
                        (at / (c * r * s), at / (r * s) % c, at / s % r, at % s);
                    let [oy, ox] = match mode {
                        Mode::Correlate => [(y + r / 2).wrapping_sub(down), (x + s / 2).wrapping_sub(across)],
                        Mode::Convolve => [(y + down).wrapping_sub(r / 2), (x + across).wrapping_sub(s / 2)],
                    };
                    if from == channel && oy < h && ox < w {
                        want[(filter * h + oy) * w + ox] = weight;
                    }
                }
                for engine in engines() {
                    assert_eq!(output(&problem, &data, &engine), want, "{engine} on {problem}");
                }
            }
        }
    }
}

#[test]
fn the_identity_changes_nothing() {
    for layout in [Layout::Nhwc, Layout::Nchw] {
        for (channels, kernel) in [(1, [1, 1]), (7, [1, 1]), (16, [3, 3]), (19, [5, 3])] {
            let desc = Conv2dDesc::new(layout, 2, channels, [6, 11], channels, kernel).padding(Padding::Same);
            let problem = ConvProblem::new(desc).real();
            let mut data = problem.plain(&problem.data());
            let taps = kernel[0] * kernel[1];
            data.weights.fill(0.0);
            for channel in 0..channels {
                data.weights[(channel * channels + channel) * taps + taps / 2] = 1.0;
            }
            for engine in engines() {
                assert_eq!(output(&problem, &data, &engine), data.src, "{engine} on {problem}");
            }
        }
    }
}

/// A normalised mask leaves a constant picture as it is, in every border mode that invents no other value. OpenCV's 8-bit
/// box filter is one too high for two taps, and would not pass.
#[test]
fn a_constant_picture_stays_constant() {
    let borders = [Border::Replicate, Border::Reflect, Border::Reflect101, Border::Wrap];
    for border in borders.into_iter().chain([Border::Constant(f32::NAN)]) {
        for mask_size in [[1, 1], [1, 2], [2, 1], [2, 2], [3, 3], [4, 4], [1, 7], [5, 5], [9, 3], [15, 15]] {
            for channels in 1..=4 {
                for value in thin([0, 1, 2, 127, 128, 254, 255]) {
                    let border = if let Border::Constant(_) = border {
                        Border::Constant(value.into())
                    } else {
                        border
                    };
                    let taps = mask_size[0] * mask_size[1];
                    let desc =
                        Filter2dDesc::new([6, 21], channels, mask_size).border(border).divisor(taps as f32);
                    let len = 6 * 21 * channels;
                    let u8s = Picture::U8(vec![value; len]);
                    let f32s = Picture::F32(vec![value.into(); len]);
                    let types = [(PixelType::U8, &u8s), (PixelType::F32, &f32s)];
                    for ((src_type, src), (dst_type, want)) in
                        types.iter().flat_map(|a| types.iter().map(move |b| (*a, *b)))
                    {
                        let problem = FilterProblem::new(desc).types(src_type, dst_type);
                        let case = convoke_harness::FilterCase::with(
                            problem,
                            FilterData { mask: vec![1.0; taps], src: src.clone() },
                        );
                        for engine in filter_engines() {
                            let got = case.output(&engine, Way::Whole, 0);
                            if engine.algorithm == "fft" && dst_type == PixelType::F32 {
                                // Not exact, but within its bound.
                                if let Err(failure) = case.check(&engine, Way::Whole, 0) {
                                    panic!("{failure}");
                                }
                                continue;
                            }
                            assert!(got.same_bits(want), "{engine} on {problem}: {value} became {got:?}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_filter_answers_an_impulse_with_its_mask() {
    for (mode, mask_size, anchor) in [
        (Mode::Convolve, [3, 3], [1, 1]),
        (Mode::Correlate, [3, 3], [1, 1]),
        (Mode::Convolve, [4, 2], [2, 1]),
        (Mode::Convolve, [5, 3], [0, 2]),
        (Mode::Correlate, [5, 3], [0, 2]),
    ] {
        let [r, s] = mask_size;
        let [h, w, y, x] = [13, 21, 6, 10];
        let desc = Filter2dDesc::new([h, w], 1, mask_size).mode(mode).anchor(anchor);
        let problem = FilterProblem::new(desc).types(PixelType::F32, PixelType::F32);
        let mask: Vec<f32> = (1..=r * s).map(|tap| tap as f32).collect();
        let mut src = vec![0.0; h * w];
        src[y * w + x] = 1.0;
        let case = convoke_harness::FilterCase::with(
            problem,
            FilterData { mask: mask.clone(), src: Picture::F32(src) },
        );
        let mut want = vec![0.0; h * w];
        for (tap, &weight) in mask.iter().enumerate() {
            let (down, across) = (tap / s, tap % s);
            let at = match mode {
                // dst[y'] takes src[y' + r - a]: the mask appears turned, its anchor on the impulse.
                Mode::Correlate => (y + anchor[0] - down) * w + x + anchor[1] - across,
                Mode::Convolve => (y + down - anchor[0]) * w + x + across - anchor[1],
            };
            want[at] = weight;
        }
        for engine in filter_engines() {
            if engine.algorithm == "fft" {
                let got = case.output(&engine, Way::Whole, 0).to_f32();
                let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4;
                assert!(got.iter().zip(&want).all(near), "{engine} on {problem}: {got:?}");
                continue;
            }
            assert_eq!(
                case.output(&engine, Way::Whole, 0),
                Picture::F32(want.clone()),
                "{engine} on {problem}"
            );
        }
    }
}
