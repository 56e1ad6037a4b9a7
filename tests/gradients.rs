//! Transposed convolutions and gradients against the naive reference, on every level: random layers, every stride with every
//! kernel, the layers of real networks scaled down; against finite differences; and against each other, as transposes are.
#![forbid(unsafe_code)]

use std::cell::Cell;

use convoke_core::{Activation, Border, Conv2dDesc, Layout, Level, Padding};
use convoke_harness::layers::LAYERS;
use convoke_harness::strategy::{config, conv_problems};
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
    let totals = Cell::new([Verdict::default(); 4]);
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
        for (number, layer) in LAYERS.iter().enumerate() {
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
        for (kernel, stride, pad) in [(2, 2, 0), (3, 2, 1), (4, 2, 1), (4, 4, 0), (8, 4, 2), (16, 16, 0)] {
            for (number, channels) in [[5, 3], [24, 1], [3, 40], [32, 32], [48, 16]].into_iter().enumerate() {
                for groups in [1, channels[0]] {
                    let desc = convoke_core::ConvTranspose2dDesc::new(
                        layout,
                        2,
                        channels[0],
                        [3 + number, 19],
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
        let mut desc = layer.desc.activation(Activation::None).border(Border::Zero);
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
        prop_assert_eq!(bits(&dx), bits(&turned));
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
