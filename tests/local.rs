//! Layers whose weights are not shared, and their gradients, on every level: against the naive reference, central differences in f64, a
//! convolution with the same weights everywhere, and each other; what may change no bit; and what is refused.
#![forbid(unsafe_code)]

use std::cell::Cell;

use convoke_core::{
    Activation, Border, Conv2dDesc, Conv2dPlan, Error, Layout, Level, LocallyConnected2dPlan, Mode, Operands,
    Padding,
};
use convoke_harness::strategy::{Tally, config, local_problems, thin};
use convoke_harness::views::bits;
use convoke_harness::{Task, TaskCase, TaskProblem, Verdict, Way};
use convoke_reference::learning::{difference, locally_connected};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const LAYOUTS: [Layout; 2] = [Layout::Nhwc, Layout::Nchw];

/// Holds every task of a layer against the reference, on all levels: exactly, and within the bounds.
fn check(desc: &Conv2dDesc, seed: u64, offset: usize) -> Result<[Verdict; 4], String> {
    let mut verdicts = [Verdict::default(); 4];
    for (task, verdict) in Task::local(desc).into_iter().zip(&mut verdicts) {
        let problem = TaskProblem { bias: true, ..TaskProblem::new(task).seed(seed) };
        for case in [problem.case(), problem.real().case()] {
            for level in Level::available() {
                *verdict = verdict
                    .and(case.check(level, Way::Whole, offset).map_err(|failure| failure.to_string())?);
            }
        }
    }
    Ok(verdicts)
}

fn assert_all(desc: &Conv2dDesc, seed: u64, offset: usize) {
    for verdict in check(desc, seed, offset).unwrap_or_else(|failure| panic!("{failure}")) {
        verdict.assert_trustworthy();
    }
}

#[test]
fn random_layers() {
    let totals = Cell::new([Tally::default(); 4]);
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..config(150) });
    let result = runner.run(&(local_problems(), 0..16_usize), |(layer, offset)| {
        let verdicts = check(&layer.desc, layer.seed, offset).map_err(TestCaseError::fail)?;
        let mut all = totals.get();
        all.iter_mut().zip(verdicts).for_each(|(total, verdict)| *total = total.and(verdict));
        totals.set(all);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    for total in totals.get() {
        total.assert_trustworthy();
    }
}

/// What may change no bit: pieces, where buffers lie, and the level among those that fuse, or do not.
#[test]
fn pieces_levels_and_alignment_change_no_bit() {
    let strategy = (local_problems(), 1..9_usize, 0..16_usize);
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..config(100) });
    let result = runner.run(&strategy, |(layer, count, offset)| {
        for task in Task::local(&layer.desc) {
            let case = TaskProblem::new(task).real().addends().seed(layer.seed).case();
            let mut by_fusing: [Option<Vec<u32>>; 2] = [None, None];
            for level in Level::available() {
                let run = |way, offset| {
                    case.run(level, way, offset)
                        .map_err(|what| TestCaseError::fail(format!("{level} on {}: {what}", case.problem)))
                };
                let whole = bits(&run(Way::Whole, 0)?);
                let pieces = bits(&run(Way::Pieces(count), offset)?);
                prop_assert_eq!(&whole, &pieces, "{} on {}", level, case.problem);
                let like = by_fusing[usize::from(level.fused())].get_or_insert_with(|| whole.clone());
                prop_assert_eq!(&*like, &whole, "{} on {}", level, case.problem);
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Sizes round the boundaries: images of a vector and a block, channels of a tile, weights of a vector.
#[test]
fn sizes_round_the_boundaries() {
    for batch in thin([1, 2, 15, 16, 17, 31, 33, 48, 63, 64, 65, 129]) {
        for (channels, out) in [(1, 1), (2, 3), (3, 8), (1, 17)] {
            for layout in LAYOUTS {
                let desc = Conv2dDesc::new(layout, batch, channels, [4, 5], out, [2, 3]);
                assert_all(&desc.padding(Padding::Same), batch as u64, 3);
            }
        }
    }
    for channels in [15, 16, 17, 31, 33] {
        for layout in LAYOUTS {
            let desc = Conv2dDesc::new(layout, 5, channels, [3, 2], 9, [2, 1]);
            assert_all(&desc, channels as u64, 1);
            assert_all(&desc.mode(Mode::Convolve), 3, 1);
        }
    }
}

/// Every border, with windows larger than the image, turned or not, in groups.
#[test]
fn borders() {
    for border in [
        Border::Zero,
        Border::Constant(-3.0),
        Border::Replicate,
        Border::Reflect,
        Border::Reflect101,
        Border::Wrap,
    ] {
        for layout in LAYOUTS {
            for mode in [Mode::Correlate, Mode::Convolve] {
                let desc = Conv2dDesc::new(layout, 3, 4, [3, 2], 6, [3, 4])
                    .padding(Padding::Explicit { top: 2, left: 5, bottom: 4, right: 3 })
                    .stride([1, 2])
                    .dilation([2, 1])
                    .groups(2)
                    .border(border)
                    .mode(mode);
                for (seed, offset) in [(5, 0), (6, 5)] {
                    let verdicts =
                        check(&desc, seed, offset).unwrap_or_else(|failure| panic!("{border:?}: {failure}"));
                    assert!(verdicts.iter().all(|verdict| verdict.nonzero > 0));
                }
            }
        }
    }
}

fn integers(len: usize, seed: u64) -> Vec<f32> {
    let mut random = convoke_harness::Random::new(seed, 0);
    (0..len).map(|_| random.integer(9)).collect()
}

/// What a task makes of operands of one's own.
fn run(task: Task, operands: [&[f32]; 2], level: Level, way: Way) -> Vec<f32> {
    TaskCase::with(TaskProblem::new(task), operands.map(<[f32]>::to_vec), None, None)
        .run(level, way, 0)
        .unwrap_or_else(|what| panic!("{level} on {task:?}: {what}"))
}

/// The operands of a layer and its gradients.
struct Given {
    src: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
}

impl Given {
    fn new(desc: &Conv2dDesc, seed: u64) -> Self {
        let plan = LocallyConnected2dPlan::new(desc, Level::scalar()).unwrap();
        Self {
            src: integers(plan.geometry().src.len, seed + 1),
            weights: integers(plan.weights_len(), seed + 2),
            bias: integers(plan.bias_len(), seed + 3),
            dy: integers(plan.geometry().dst.len, seed + 4),
        }
    }

    /// The result without a bias, and the three gradients.
    fn all(&self, desc: &Conv2dDesc, level: Level, way: Way) -> [Vec<f32>; 4] {
        let Self { src, weights, dy, .. } = self;
        let [forward, input, of_weights, bias] = Task::local(desc);
        [
            run(forward, [src, weights], level, way),
            run(input, [dy, weights], level, way),
            run(of_weights, [dy, src], level, way),
            run(bias, [dy, &[]], level, way),
        ]
    }
}

/// Each gradient is the derivative of the function that the reference computes in f64.
#[test]
fn central_differences() {
    for (layout, border) in [(Layout::Nhwc, Border::Reflect), (Layout::Nchw, Border::Zero)] {
        let desc = Conv2dDesc::new(layout, 2, 2, [4, 3], 4, [2, 3])
            .padding(Padding::all(1))
            .stride([2, 1])
            .groups(2)
            .border(border);
        let given = Given::new(&desc, 9);
        let loss = |src: &[f64], weights: &[f64], bias: &[f64]| -> f64 {
            let dst = locally_connected(&desc, src, weights, bias);
            dst.iter().zip(&given.dy).map(|(dst, dy)| dst * f64::from(*dy)).sum()
        };
        let [x, w, b] = [&given.src, &given.weights, &given.bias]
            .map(|values| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>());
        for level in Level::available() {
            let [_, dx, dw, db] = given.all(&desc, level, Way::Whole);
            for (i, &got) in dx.iter().enumerate() {
                assert_eq!(f64::from(got), difference(&x, i, |x| loss(x, &w, &b)).round(), "src {i}");
            }
            for (i, &got) in dw.iter().enumerate() {
                assert_eq!(f64::from(got), difference(&w, i, |w| loss(&x, w, &b)).round(), "weight {i}");
            }
            for (i, &got) in db.iter().enumerate() {
                assert_eq!(f64::from(got), difference(&b, i, |b| loss(&x, &w, b)).round(), "bias {i}");
            }
        }
    }
}

/// With the same set of weights everywhere it is a convolution, bit for bit where levels are alike.
#[test]
fn equal_sets_are_a_convolution() {
    for layout in LAYOUTS {
        let desc = Conv2dDesc::new(layout, 19, 6, [9, 8], 10, [3, 3])
            .padding(Padding::Same)
            .groups(2)
            .activation(Activation::Relu);
        let case = TaskProblem::new(Task::Local(desc)).real().case();
        for level in Level::available() {
            let plan = Conv2dPlan::new(&desc, level).unwrap();
            let [src, sets] = &case.operands;
            let set = &sets[..plan.geometry().weights_len];
            let local =
                TaskCase::with(case.problem, [src.clone(), set.repeat(72)], Some(vec![0.25; 720]), None);
            let (mut buffer, mut scratch) = (vec![0.0; plan.packed_len()], vec![0.0; plan.scratch_len()]);
            let weights = plan.pack(set, &mut buffer).unwrap();
            let mut dst = vec![0.0; plan.geometry().dst.len];
            plan.run(&Operands::new(src, weights).bias(&[0.25; 10]), &mut dst, &mut scratch).unwrap();
            let got = local.run(level, Way::Whole, 0).unwrap();
            assert_eq!(bits(&got), bits(&dst), "{layout:?} {level}");
        }
    }
}

/// An infinity reaches what its window or its tap reaches, and nothing on the padding.
#[test]
fn infinities_stay_where_they_belong() {
    let desc = Conv2dDesc::new(Layout::Nhwc, 3, 1, [2, 2], 1, [3, 3]).padding(Padding::all(1));
    for level in Level::available() {
        let mut given = Given::new(&desc, 4);
        // The top left tap of the first output lies on the padding.
        given.weights[0] = f32::INFINITY;
        given.dy[0] = f32::INFINITY;
        let [dst, dx, dw, _] = given.all(&desc, level, Way::Whole);
        assert!(dst.iter().all(|x| x.is_finite()), "{level}");
        assert!(dx[..4].iter().all(|x| x.is_infinite()) && dx[4..].iter().all(|x| x.is_finite()), "{level}");
        let (first, others) = dw.split_at(9);
        for (tap, dw) in first.iter().enumerate() {
            let inside = tap / 3 > 0 && tap % 3 > 0;
            assert_eq!(dw.is_infinite(), inside, "{level}, tap {tap}: {dw}");
            assert!(inside || *dw == 0.0);
        }
        assert!(others.iter().all(|x| x.is_finite()), "{level}");
        // Nor does one image reach another.
        let mut given = Given::new(&desc, 5);
        given.src[0] = f32::NAN;
        let [dst, ..] = given.all(&desc, level, Way::Whole);
        assert!(dst[..4].iter().all(|x| x.is_nan()) && dst[4..].iter().all(|x| x.is_finite()), "{level}");
    }
}

#[test]
fn nothing_in_a_batch() {
    let desc = Conv2dDesc::new(Layout::Nchw, 0, 2, [4, 4], 3, [3, 3]);
    let given = Given::new(&desc, 1);
    for level in Level::available() {
        for way in [Way::Whole, Way::Pieces(3)] {
            let [dst, dx, dw, db] = given.all(&desc, level, way);
            assert!(dst.is_empty() && dx.is_empty());
            assert!(dw.iter().chain(&db).all(|x| x.to_bits() == 0));
        }
    }
}

#[test]
fn what_is_refused() {
    let level = Level::detect();
    let desc = Conv2dDesc::new(Layout::Nhwc, 2, 3, [4, 4], 5, [3, 3]);
    let plan = LocallyConnected2dPlan::new(&desc, level).unwrap();
    assert_eq!((plan.weights_len(), plan.bias_len()), (4 * 5 * 27, 4 * 5));
    let refused = |desc: &Conv2dDesc| LocallyConnected2dPlan::new(desc, level).unwrap_err();
    let larger = |operand, required, got| Error::TooLarge { operand, required, got };
    assert_eq!(refused(&desc.src_row_stride(13)), larger("src row stride", 12, 13));
    assert_eq!(refused(&desc.dst_row_stride(11)), larger("dst row stride", 10, 11));
    assert!(LocallyConnected2dPlan::new(&desc.src_row_stride(12), level).is_ok());
    assert!(matches!(refused(&desc.groups(2)), Error::NotDivisible { .. }));
    let huge = Conv2dDesc::new(Layout::Nhwc, 1, 1 << 10, [1 << 20, 1 << 20], 1 << 10, [9, 9]);
    assert!(matches!(refused(&huge), Error::Overflow { .. }));

    let Given { src, weights, bias, dy } = &Given::new(&desc, 1);
    let length = |operand, required, got| Err(Error::Length { operand, required, got });
    let mut scratch = vec![0.0; plan.scratch_len()];
    let (mut dst, mut dx, mut dw, mut db) = ([7.0; 40], [7.0; 96], [7.0; 540], [7.0; 20]);
    assert_eq!(plan.run(&src[1..], weights, None, &mut dst, &mut scratch), length("src", 96, 95));
    assert_eq!(plan.run(src, &weights[1..], None, &mut dst, &mut scratch), length("weights", 540, 539));
    assert_eq!(plan.run(src, weights, Some(&bias[1..]), &mut dst, &mut scratch), length("bias", 20, 19));
    assert_eq!(plan.run(src, weights, None, &mut dst[1..], &mut scratch), length("dst", 40, 39));
    let short = scratch.len() - 1;
    assert_eq!(
        plan.run(src, weights, None, &mut dst, &mut scratch[1..]),
        length("scratch", short + 1, short)
    );
    assert_eq!(plan.run_input_grad(&dy[1..], weights, &mut dx, &mut scratch), length("dy", 40, 39));
    assert_eq!(plan.run_input_grad(dy, weights, &mut dx[1..], &mut scratch), length("dx", 96, 95));
    assert_eq!(plan.run_weights_grad(dy, &src[1..], &mut dw, &mut scratch), length("src", 96, 95));
    assert_eq!(plan.run_weights_grad(dy, src, &mut dw[1..], &mut scratch), length("dw", 540, 539));
    assert_eq!(plan.run_bias_grad(dy, &mut db[1..]), length("db", 20, 19));
    let piece = plan.pieces(1).next().unwrap();
    assert!(plan.run_weights_grad_piece(&piece, dy, src, &mut dw, &mut scratch).is_err());
    assert!(dst.iter().chain(&dx).chain(&dw).chain(&db).all(|&x| x == 7.0));
}
