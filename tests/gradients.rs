//! Transposed convolutions and gradients against the naive reference, on every level: random layers, every stride with every
//! kernel, the layers of real networks scaled down; against finite differences; and against each other, as transposes are.
#![forbid(unsafe_code)]

use std::cell::Cell;

use convoke_core::{Activation, Border, Conv2dDesc, Layout, Level, Padding};
use convoke_harness::layers::LAYERS;
use convoke_harness::strategy::{Tally, config, conv_problems, thin};
use convoke_harness::views::bits;
use convoke_harness::{Task, TaskProblem, Verdict, Way};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const LAYOUTS: [Layout; 2] = [Layout::Nhwc, Layout::Nchw];

/// Holds all levels against the reference. `offset` misaligns the buffers.
fn check_all(problem: &TaskProblem, offset: usize) -> Result<Verdict, String> {
    let case = problem.case();
    let mut verdict = Verdict::default();
    for level in Level::available() {
        verdict = verdict.and(case.check(level, Way::Whole, offset).map_err(|failure| failure.to_string())?);
    }
    Ok(verdict)
}

fn assert_all(problem: &TaskProblem, offset: usize) -> Verdict {
    check_all(problem, offset).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn random_layers() {
    let totals = Cell::new([Tally::default(); 4]);
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..config(1500) });
    let result = runner.run(&(conv_problems(), 0..16_usize), |(layer, offset)| {
        let mut all = totals.get();
        for (task, total) in Task::all(&layer.desc).into_iter().zip(&mut all) {
            let fill = layer.fill;
            let problem =
                TaskProblem { task, fill, bias: layer.bias, residual: layer.residual, seed: layer.seed };
            *total = total.and(check_all(&problem, offset).map_err(TestCaseError::fail)?);
        }
        totals.set(all);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    for total in totals.get() {
        total.assert_trustworthy();
    }
    println!("{:?}", totals.get());
}

/// What may change no bit: rows and pieces, and the level among those that fuse.
#[test]
fn parts_and_levels_change_no_bit() {
    let strategy = (conv_problems(), 1..9_usize, 1..40_usize);
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..config(300) });
    let result = runner.run(&strategy, |(layer, step, count)| {
        for task in Task::all(&layer.desc) {
            let case = TaskProblem::new(task).real().addends().seed(layer.seed).case();
            let mut fused: Option<Vec<u32>> = None;
            for level in Level::available() {
                let run = |way| {
                    case.run(level, way, 0)
                        .map_err(|what| TestCaseError::fail(format!("{level} on {}: {what}", case.problem)))
                };
                let whole = bits(&run(Way::Whole)?);
                for way in [Way::Rows(step), Way::Pieces(count)] {
                    prop_assert_eq!(&whole, &bits(&run(way)?), "{} on {}, {:?}", level, case.problem, way);
                }
                if level.fused() {
                    let first = fused.get_or_insert_with(|| whole.clone());
                    prop_assert_eq!(&*first, &whole, "{} on {}", level, case.problem);
                }
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Every stride with every kernel, dilations with and without a divisor in common, more padding than windows have, and sizes that leave a remainder.
#[test]
fn every_stride_and_kernel() {
    let mut totals = [Verdict::default(); 4];
    for layout in LAYOUTS {
        for stride in 1..=5 {
            for kernel in 1..=5 {
                for (number, dilation) in [1, 1, 2, 3].into_iter().enumerate() {
                    let extent = (kernel - 1) * dilation + 1;
                    let channels = [[3, 20], [17, 2], [16, 33], [1, 1]][(number + kernel) % 4];
                    let size = extent + stride + number;
                    let pad = [0, extent / 2, extent + 1, 1][(number + stride) % 4];
                    let desc = Conv2dDesc::new(
                        layout,
                        1 + number % 2,
                        channels[0],
                        [size, size + 5],
                        channels[1],
                        [kernel, 1 + (kernel + number) % 5],
                    )
                    .stride([stride, 1 + (stride + number) % 4])
                    .dilation([dilation, 1 + number % 2])
                    .padding(Padding::Explicit {
                        top: pad,
                        left: pad,
                        bottom: pad / 2,
                        right: pad + 4,
                    });
                    for (task, total) in Task::all(&desc).into_iter().zip(&mut totals) {
                        let problem = TaskProblem::new(task).addends().seed((stride * 10 + kernel) as u64);
                        *total = total.and(assert_all(&problem, kernel));
                    }
                }
            }
        }
    }
    for total in totals {
        total.assert_trustworthy();
    }
}

#[test]
fn layers_of_real_networks_scaled_down() {
    for layout in LAYOUTS {
        for (number, layer) in thin(LAYERS.iter().enumerate()) {
            for task in Task::all(&layer.scaled_down().desc(layout)) {
                // Without addends most of a gradient is rightly zero where strides are wider than kernels.
                assert_all(&TaskProblem::new(task).addends().seed(number as u64), number)
                    .assert_trustworthy();
            }
        }
    }
}

/// The decoders of pictures: 2x2, 3x3 and 4x4 with stride 2, and patches, from few and to few channels, with activations.
#[test]
fn decoders() {
    let mut total = Verdict::default();
    for layout in LAYOUTS {
        for (kernel, stride, pad) in
            thin([(2, 2, 0), (3, 2, 1), (4, 2, 1), (4, 4, 0), (8, 4, 2), (16, 16, 0)])
        {
            for (number, channels) in [[5, 3], [24, 1], [3, 40], [32, 32], [48, 16]].into_iter().enumerate() {
                for groups in [1, channels[0]] {
                    let desc = convoke_core::ConvTranspose2dDesc::new(
                        layout,
                        2,
                        channels[0],
                        [3 + number, if kernel > 4 { 3 } else { 19 }],
                        if groups == 1 { channels[1] } else { channels[0] },
                        [kernel, kernel],
                    )
                    .stride([stride, stride])
                    .padding(Padding::all(pad))
                    .output_padding([stride - 1, 0])
                    .groups(groups)
                    .activation([Activation::None, Activation::Relu, Activation::Leaky(0.5)][number % 3]);
                    let problem = TaskProblem::new(Task::Transpose(desc)).addends().seed(number as u64);
                    total = total.and(assert_all(&problem, number));
                }
            }
        }
    }
    total.assert_trustworthy();
}

/// `<conv(x), y> = <x, transpose(y)> = <w, weights_grad(x, y)>`, exactly on integers.
#[test]
fn transposes_are_transposes() {
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..config(300) });
    let result = runner.run(&conv_problems(), |layer| {
        let mut desc = layer.desc.activation(Activation::None);
        // A constant adds what does not depend on the input.
        if let Border::Constant(_) = desc.border {
            desc.border = Border::Zero;
        }
        (desc.src_row_stride, desc.dst_row_stride) = (None, None);
        let plain = convoke_harness::ConvProblem::new(desc).seed(layer.seed);
        let data = plain.data();
        let dy = TaskProblem::new(Task::BiasGrad(desc)).seed(layer.seed).case().operands[0].clone();
        let product = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let level = Level::detect();
        let engine =
            convoke_harness::engines().into_iter().find(|e| e.level == level && e.algorithm == "direct");
        let y = convoke_harness::ConvCase::with(plain, data.clone()).output(&engine.unwrap(), Way::Whole, 0);
        let grad = |task: Task, operands: [Vec<f32>; 2]| {
            convoke_harness::TaskCase::with(TaskProblem::new(task), operands, None, None)
                .run(level, Way::Whole, 0)
                .map_err(TestCaseError::fail)
        };
        let dx = grad(Task::InputGrad(desc), [dy.clone(), data.weights.clone()])?;
        let turned = grad(Task::transpose_of(&desc), [dy.clone(), data.weights.clone()])?;
        let dw = grad(Task::WeightsGrad(desc), [dy.clone(), data.src.clone()])?;
        if desc.border == Border::Zero || desc.padding == Padding::Valid {
            prop_assert_eq!(bits(&dx), bits(&turned));
        }
        let forward = product(&y, &dy);
        // Sums of sums may be beyond what `f32` holds exactly; these three are then within its roundings of each other.
        let magnitude: f64 = y.iter().zip(&dy).map(|(a, b)| f64::from((a * b).abs())).sum();
        let most = magnitude * 1e-4 + 1e-6;
        for (name, backward) in [("input", product(&dx, &data.src)), ("weights", product(&dw, &data.weights))]
        {
            prop_assert!(
                (forward - backward).abs() <= most,
                "{}: {} and {}: {}",
                name,
                forward,
                backward,
                plain
            );
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// The derivative of a loss by every input and weight, by central differences of the reference in `f64`: a loss that is linear in
/// what is moved has no error but rounding.
#[test]
fn finite_differences() {
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..config(150) });
    let result = runner.run(&conv_problems(), |layer| {
        let desc = layer.desc.activation(Activation::None);
        let sizes = convoke_harness::sizes::conv_sizes(&desc).unwrap();
        if sizes.macs > 3_000 {
            return Ok(());
        }
        for task in Task::all(&desc).into_iter().skip(1) {
            let case = TaskProblem::new(task).real().seed(layer.seed).case();
            let plain = convoke_harness::ConvProblem::new(desc).real().seed(layer.seed).data();
            let dy = &case.operands[0];
            // What the layer reads apart from what is moved.
            let (mut desc, mut src, mut weights) = (desc, plain.src, plain.weights);
            match task {
                Task::InputGrad(of) => (desc, weights) = (of, case.operands[1].clone()),
                Task::WeightsGrad(_) => src = case.operands[1].clone(),
                _ => {}
            }
            let src: Vec<f64> = src.into_iter().map(f64::from).collect();
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let loss = |src: &[f64], weights: &[f64], bias: Option<&[f64]>| -> f64 {
                let answer = convoke_reference::conv2d(&desc, src, weights, bias, None);
                let terms = answer.sums.iter().zip(dy).zip(&answer.written);
                terms.filter(|(_, written)| **written).map(|((y, dy), _)| y * f64::from(*dy)).sum()
            };
            let moved = |values: &[f64], at: usize, by: f64| {
                let mut values = values.to_vec();
                values[at] += by;
                values
            };
            let dst = case.run(Level::detect(), Way::Whole, 0).map_err(TestCaseError::fail)?;
            let shape = task.shapes()[2];
            for (at, &got) in dst.iter().enumerate().filter(|(at, _)| at % shape.stride < shape.row) {
                let at_distance = |by: f64| match task {
                    Task::InputGrad(_) => loss(&moved(&src, at, by), &weights, None),
                    Task::WeightsGrad(_) => loss(&src, &moved(&weights, at, by), None),
                    _ => loss(&src, &weights, Some(&moved(&vec![0.0; desc.out_channels], at, by))),
                };
                let slope = (at_distance(1.0) - at_distance(-1.0)) / 2.0;
                let most = 1e-5 * (1.0 + case.answer.magnitude[at]);
                prop_assert!(
                    (slope - f64::from(got)).abs() <= most,
                    "{}: {} and {} at {}",
                    case.problem,
                    slope,
                    got,
                    at
                );
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// A NaN or an infinity reaches exactly what it is multiplied into: not over absent taps, not through lanes or zeros that stand for
/// nothing, and through zeros that are values.
#[test]
fn special_values_go_where_they_belong() {
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..config(300) });
    let strategy = (conv_problems(), 0..2_usize, 0..1000_usize, 0..2_usize);
    let seen = Cell::new([0_usize; 2]);
    let result = runner.run(&strategy, |(layer, operand, place, kind)| {
        let special = [f32::NAN, f32::INFINITY][kind];
        let plain = layer.desc.activation(Activation::None);
        for task in Task::all(&plain).into_iter().chain(Task::local(&plain)) {
            let mut case = TaskProblem::new(task).seed(layer.seed).case();
            let shape = task.shapes()[operand];
            if shape.len == 0 {
                continue;
            }
            let at = place % shape.len / shape.stride * shape.stride + place % shape.row;
            case.operands[operand][at.min(shape.len - 1)] = special;
            let [a, b] = case.operands.clone();
            let case = convoke_harness::TaskCase::with(case.problem, [a, b], None, None);
            for level in Level::available() {
                let dst = case
                    .run(level, Way::Whole, 0)
                    .map_err(|what| TestCaseError::fail(format!("{level} on {}: {what}", case.problem)))?;
                for (at, (got, want)) in dst.iter().zip(&case.answer.values).enumerate() {
                    if !case.answer.written[at] {
                        continue;
                    }
                    let same = if want.is_nan() { got.is_nan() } else { f64::from(*got) == *want };
                    prop_assert!(same, "{} on {}: {:?}, should be {:?}", level, case.problem, got, want);
                    let [finite, other] = seen.get();
                    let special = !want.is_finite();
                    seen.set([finite + usize::from(!special), other + usize::from(special)]);
                }
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    let [finite, special] = seen.get();
    assert!(finite > 1000 && special > 1000, "{finite} finite, {special} not");
}

/// Cases that libraries got wrong: see their names. Each is one layer, in both layouts.
#[test]
fn named_cases() {
    let layer = |channels: [usize; 2], size: [usize; 2], kernel: [usize; 2]| {
        Conv2dDesc::new(Layout::Nchw, 2, channels[0], size, channels[1], kernel)
    };
    for (name, desc) in [
        ("trailing rows and columns that no window reaches", layer([3, 4], [8, 9], [3, 3]).stride([3, 4])),
        ("a stride beyond the kernel", layer([2, 3], [11, 7], [2, 1]).stride([5, 3])),
        (
            "a stride beyond the image",
            layer([2, 3], [3, 3], [3, 2]).stride([40, convoke_harness::hostile::FAR]),
        ),
        ("same padding with a stride", layer([4, 4], [7, 10], [3, 3]).stride([2, 2]).padding(Padding::Same)),
        (
            "same padding below with a stride",
            layer([4, 4], [10, 7], [4, 4]).stride([3, 3]).padding(Padding::SameLower),
        ),
        (
            "groups with a stride",
            layer([8, 12], [9, 9], [3, 3]).groups(4).stride([2, 2]).padding(Padding::all(1)),
        ),
        ("depthwise with a multiplier", layer([6, 18], [9, 9], [3, 3]).groups(6).stride([2, 1])),
        ("more groups than lanes", layer([40, 80], [5, 6], [3, 2]).groups(40).padding(Padding::all(1))),
        ("unit height", layer([5, 3], [1, 12], [1, 4]).stride([1, 2])),
        ("unit width", layer([5, 3], [12, 1], [4, 1]).stride([2, 1])),
        ("everything one", layer([1, 1], [1, 1], [1, 1])),
        ("pointwise with a stride", layer([17, 33], [7, 7], [1, 1]).stride([2, 2])),
        ("channels, height and width equal", layer([5, 5], [5, 5], [3, 3]).padding(Padding::all(1))),
        ("padding as wide as the window and wider", layer([2, 3], [4, 4], [2, 2]).padding(Padding::all(5))),
        (
            "a dilation beyond the image",
            layer([2, 3], [3, 3], [2, 2]).dilation([7, 5]).padding(Padding::all(6)),
        ),
        (
            "dilation and stride with a common divisor",
            layer([3, 2], [15, 17], [3, 3]).dilation([2, 4]).stride([4, 6]),
        ),
        ("dilation and stride without one", layer([3, 2], [15, 17], [3, 4]).dilation([3, 2]).stride([2, 3])),
        ("rows longer than a block", layer([2, 3], [2, 600], [1, 3]).padding(Padding::all(1))),
        (
            "asymmetric padding",
            layer([3, 4], [6, 6], [3, 3]).padding(Padding::Explicit { top: 0, left: 2, bottom: 3, right: 1 }),
        ),
        ("many taps of one channel", layer([1, 20], [30, 30], [11, 11]).stride([4, 4])),
        (
            "depthwise in many strips, which share rows",
            layer([9, 9], [19, 40], [5, 3]).groups(9).padding(Padding::all(2)),
        ),
        (
            "small groups in many strips, with a stride",
            layer([16, 24], [21, 36], [3, 3])
                .groups(8)
                .stride([2, 1])
                .dilation([2, 1])
                .padding(Padding::all(3)),
        ),
        ("a batch of images that share a block", layer([5, 7], [3, 9], [2, 2]).padding(Padding::all(1))),
    ] {
        for layout in LAYOUTS {
            let mut desc = desc;
            desc.layout = layout;
            let shown = [Border::Replicate, Border::Reflect, Border::Reflect101, Border::Wrap];
            let shown = shown.map(|border| Task::InputGrad(desc.border(border)));
            for task in Task::all(&desc).into_iter().chain(shown) {
                let problem = TaskProblem::new(task).addends();
                for problem in [problem, problem.real()] {
                    let verdict =
                        check_all(&problem, 3).unwrap_or_else(|failure| panic!("{name}: {failure}"));
                    verdict.assert_trustworthy();
                }
            }
        }
    }
}

/// Ours, found by `random_layers`: a stripe whose last lanes lie behind the last row of all looked for the place of those that are
/// not there. Phases have rows that are so much shorter than what lies between them.
#[test]
fn a_stripe_that_ends_behind_the_last_row() {
    let mut total = Verdict::default();
    for (height, channels) in [(48, [1, 1]), (47, [2, 1]), (16, [1, 3])] {
        for right in 16..20 {
            let desc = Conv2dDesc::new(Layout::Nchw, 1, channels[0], [height, 3], channels[1], [1, 7])
                .stride([1, 2])
                .dilation([1, 3])
                .padding(Padding::Explicit { top: 0, left: 0, bottom: 0, right });
            for task in Task::all(&desc) {
                total = total.and(assert_all(&TaskProblem::new(task), 0));
            }
        }
    }
    total.assert_trustworthy();
}

/// Every border that shows the image: windows as wide as the image and much wider, strides that skip pixels, channels round those of
/// a vector, more of them than are summed at a time, and groups of one and of few.
#[test]
fn borders_that_show_the_image() {
    let borders = [Border::Replicate, Border::Reflect, Border::Reflect101, Border::Wrap];
    let mut total = Verdict::default();
    for layout in LAYOUTS {
        for (number, border) in borders.into_iter().enumerate() {
            for (size, kernel, stride, dilation, pad) in thin([
                ([5, 7], [3, 3], [1, 1], [1, 1], [1, 1, 1, 1]),
                ([1, 1], [3, 3], [1, 1], [1, 1], [2, 0, 1, 3]),
                ([2, 1], [5, 2], [1, 2], [1, 1], [9, 4, 4, 3]),
                ([4, 3], [11, 9], [1, 1], [1, 1], [5, 4, 5, 4]),
                ([9, 8], [3, 5], [2, 3], [1, 2], [1, 4, 3, 2]),
                ([6, 20], [2, 3], [4, 1], [3, 1], [0, 7, 0, 0]),
                ([3, 3], [2, 2], [1, 1], [7, 5], [6, 5, 3, 4]),
            ]) {
                let [top, left, bottom, right] = pad;
                for (channels, groups) in
                    [([1, 1], 1), ([17, 3], 1), ([33, 70], 1), ([18, 18], 18), ([7, 21], 7), ([12, 20], 4)]
                {
                    let desc = Conv2dDesc::new(layout, 2, channels[0], size, channels[1], kernel)
                        .stride(stride)
                        .dilation(dilation)
                        .padding(Padding::Explicit { top, left, bottom, right })
                        .border(border)
                        .groups(groups);
                    let problem = TaskProblem::new(Task::InputGrad(desc)).addends().seed(number as u64);
                    for problem in [problem, problem.real()] {
                        total = total.and(assert_all(&problem, channels[0]));
                    }
                }
            }
        }
    }
    total.assert_trustworthy();
}

/// A weight gradient of no images is zero, not whatever was there, and the others are empty.
#[test]
fn an_empty_batch() {
    for layout in LAYOUTS {
        for groups in [1, 32] {
            let desc =
                Conv2dDesc::new(layout, 0, 32, [5, 5], 32, [3, 3]).groups(groups).padding(Padding::all(1));
            for task in Task::all(&desc) {
                for level in Level::available() {
                    let dst = TaskProblem::new(task).case().run(level, Way::Whole, 0).unwrap();
                    assert!(dst.iter().all(|&x| x.to_bits() == 0), "{task:?}");
                    let parts = TaskProblem::new(task).case().run(level, Way::Pieces(3), 0).unwrap();
                    assert_eq!(bits(&dst), bits(&parts));
                }
            }
        }
    }
}

/// Long sums of real numbers keep their promise, and do better than one number after another would.
#[test]
fn long_sums_stay_accurate() {
    let desc = Conv2dDesc::new(Layout::Nhwc, 3, 2, [120, 130], 3, [1, 1]);
    for task in [Task::WeightsGrad(desc), Task::BiasGrad(desc)] {
        let case = TaskProblem::new(task).real().case();
        for level in Level::available() {
            let verdict = case.check(level, Way::Whole, 0).unwrap();
            assert!(verdict.worst < 0.2, "{verdict:?}");
        }
        // 46800 terms; blocks and their number are what counts.
        let plan = convoke_core::WeightsGradPlan::new(&desc, Level::detect()).unwrap();
        assert!(plan.error_terms() < 1000, "{}", plan.describe());
    }
}

/// Whatever a descriptor says, it is planned or refused, at once; and wrong operands are refused by name before anything is written.
#[test]
fn hostile_descriptors_and_operands() {
    use convoke_core::{
        BiasGradPlan, ConvTranspose2dDesc, ConvTranspose2dPlan, Error, InputGradPlan, WeightsGradPlan,
    };
    const QUARTER: usize = 1 << (usize::BITS - 2);
    const EDGES: [usize; 12] =
        [1, 2, 3, 0, 7, 64, 65_536, 1 << 31, convoke_harness::hostile::FAR, QUARTER - 1, QUARTER, usize::MAX];
    let mut random = convoke_harness::Random::new(5, 0);
    let mut number = || {
        let edges = if random.bits() & 3 == 0 { 12 } else { 3 };
        EDGES[random.below(edges) as usize]
    };
    let [mut planned, mut refused] = [0, 0];
    for _ in 0..20_000 {
        let layout = LAYOUTS[number() % 2];
        let (batch, channels) = (number(), [number(), number()]);
        let pairs = [0; 4].map(|_| [number(), number()]);
        let [top, left, bottom, right] = [0; 4].map(|_| number());
        let padding =
            [Padding::Valid, Padding::Same, Padding::Explicit { top, left, bottom, right }][number() % 3];
        let [size, kernel, stride, dilation] = pairs;
        let groups = number();
        let borders = [Border::Zero, Border::Replicate, Border::Reflect, Border::Reflect101, Border::Wrap];
        let desc = Conv2dDesc::new(layout, batch, channels[0], size, channels[1], kernel)
            .stride(stride)
            .dilation(dilation)
            .padding(padding)
            .border(borders[number() % 5])
            .groups(groups);
        let transposed = ConvTranspose2dDesc::new(layout, batch, channels[0], size, channels[1], kernel)
            .stride(stride)
            .dilation(dilation)
            .padding(padding)
            .groups(groups);
        let transposed = match number() % 3 {
            0 => transposed,
            1 => transposed.output_padding([number(), number()]),
            _ => transposed.output_size([number(), number()]),
        };
        for level in Level::available() {
            let sizes = convoke_harness::sizes::transpose_sizes(&transposed);
            match ConvTranspose2dPlan::new(&transposed, level) {
                Ok(plan) => {
                    let sizes = sizes.unwrap_or_else(|| panic!("planned {transposed:?}"));
                    assert_eq!(
                        plan.geometry().out_size.map(|size| size as u128),
                        sizes.out_size,
                        "{transposed:?}"
                    );
                    assert_eq!(plan.geometry().dst.len as u128, sizes.dst_len, "{transposed:?}");
                    assert!(
                        !plan.describe().to_string().is_empty()
                            && plan.pieces(usize::MAX).take(3).count() < 4
                    );
                    planned += 1;
                }
                Err(_) => refused += 1,
            }
            let makes_sense = convoke_harness::sizes::conv_sizes(&desc).is_some();
            if let Ok(plan) = InputGradPlan::new(&desc, level) {
                assert!(!plan.describe().to_string().is_empty() && plan.pieces(2).take(3).count() < 4);
            }
            if let Ok(plan) = WeightsGradPlan::new(&desc, level) {
                assert!(makes_sense, "{desc:?}");
                assert!(
                    !plan.describe().to_string().is_empty() && plan.pieces(usize::MAX).take(3).count() < 4
                );
            }
            let _ = BiasGradPlan::new(&desc, level).map(|plan| plan.pieces(7).take(3).count());
        }
    }
    assert!(planned > 500 && refused > 500, "{planned} and {refused}");

    let desc = Conv2dDesc::new(Layout::Nhwc, 1, 4, [5, 5], 6, [3, 3]).padding(Padding::all(1));
    let level = Level::detect();
    let plan = WeightsGradPlan::new(&desc, level).unwrap();
    let (dy, src) = (vec![1.0; 150], vec![1.0; 100]);
    let mut scratch = vec![0.0; plan.scratch_len()];
    let mut dw = vec![9.0; 216];
    let named = |result: Result<(), Error>, name: &str| {
        assert!(
            matches!(result, Err(Error::Length { operand, .. }) if operand == name),
            "{name}: {result:?}"
        );
    };
    named(plan.run(&dy[1..], &src, &mut dw, &mut scratch), "dy");
    named(plan.run(&dy, &src[1..], &mut dw, &mut scratch), "src");
    named(plan.run(&dy, &src, &mut dw[1..], &mut scratch), "dw");
    named(plan.run(&dy, &src, &mut dw, &mut scratch[1..]), "scratch");
    named(BiasGradPlan::new(&desc, level).unwrap().run(&dy[1..], &mut dw[..6]), "dy");
    named(BiasGradPlan::new(&desc, level).unwrap().run(&dy, &mut dw[..5]), "db");
    let input = InputGradPlan::new(&desc, level).unwrap();
    let mut buffer = vec![0.0; input.packed_len()];
    assert!(input.pack(&dw[1..], &mut buffer).is_err());
    let forward = convoke_core::Conv2dPlan::new(&desc, level).unwrap();
    let mut other = vec![0.0; forward.packed_len()];
    let foreign = convoke_core::Operands::new(&dy, forward.pack(&dw, &mut other).unwrap());
    let (mut dx, mut scratch) = (vec![9.0; 100], vec![0.0; input.scratch_len()]);
    assert_eq!(input.run(&foreign, &mut dx, &mut scratch), Err(Error::WrongPacking));
    assert!(dw.iter().chain(&dx).all(|&x| x == 9.0));
    for piece in forward.pieces(3) {
        assert!(
            plan.run_piece(
                &piece,
                &dy,
                &src,
                &mut vec![0.0; piece.dst_range().len()],
                &mut vec![0.0; 1 << 20]
            )
            .is_err()
        );
    }
    // What is packed for a border that shows the image has more in it.
    let reflect = InputGradPlan::new(&desc.border(Border::Reflect), level).unwrap();
    let mut buffer = vec![0.0; reflect.packed_len()];
    let more = convoke_core::Operands::new(&dy, reflect.pack(&dw, &mut buffer).unwrap());
    assert_eq!(input.run(&more, &mut dx, &mut scratch), Err(Error::WrongPacking));
}
