//! Chains of layers: bit for bit what the layers make one after the other, on every level, in every division of the output,
//! for any layers, borders and strips; and errors that say which layer is wrong.
#![forbid(unsafe_code)]

use std::cell::Cell;

use convoke_core::{
    Border, ChainDesc, ChainError, ChainOperands, ChainPlan, Conv2dDesc, Error, Layout, Level, Padding,
};
use convoke_harness::decode_chain::{CHAIN_BYTES, audit_chain};
use convoke_harness::layers::Block;
use convoke_harness::strategy::{Tally, chain_problems, config, thin};
use convoke_harness::{ChainProblem, Fill, Verdict, Way};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// The block of MobileNetV2.
fn inverted_residual(
    layout: Layout,
    channels: [usize; 3],
    size: [usize; 2],
    stride: usize,
) -> [Conv2dDesc; 3] {
    Block { name: "", channels, size, stride }.descs(layout)
}

#[test]
fn random_chains() {
    let total = Cell::new(Tally::default());
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..config(2500) });
    let result = runner.run(
        &(chain_problems(), 1..6_usize, 1..9_usize, 0..16_usize),
        |(problem, step, count, offset)| {
            let ways = [Way::Whole, Way::Rows(step), Way::Pieces(count)];
            let verdict = problem.check(&ways, offset).map_err(TestCaseError::fail)?;
            total.set(total.get().and(verdict));
            Ok(())
        },
    );
    result.unwrap_or_else(|failure| panic!("{failure}"));
    total.get().assert_trustworthy();
}

/// Channels on both sides of vectors and tiles, strides, heights down to one row, strips of every height.
#[test]
fn inverted_residuals() {
    let mut total = Verdict::default();
    for layout in [Layout::Nhwc, Layout::Nchw] {
        for (channels, size) in
            [([8, 48, 8], [9, 7]), ([5, 33, 17], [6, 15]), ([16, 96, 24], [14, 14]), ([3, 15, 4], [1, 5])]
        {
            for stride in [1, 2] {
                let mut problem = ChainProblem::new(&inverted_residual(layout, channels, size, stride));
                problem.residual = true;
                for strip_rows in thin([None, Some(1), Some(2), Some(3), Some(4), Some(100)]) {
                    problem.strip_rows = strip_rows;
                    for fill in [Fill::Real, Fill::Exact] {
                        problem.fill = fill;
                        let ways = [Way::Whole, Way::Rows(1), Way::Rows(4), Way::Pieces(2), Way::Pieces(5)];
                        total = total.and(problem.check(&ways, 3).unwrap_or_else(|what| panic!("{what}")));
                    }
                }
            }
        }
    }
    total.assert_trustworthy();
}

/// Each border, with padding up to beyond the image, on the layer that reads rows which are not all there.
#[test]
fn borders_between_layers() {
    let mut total = Verdict::default();
    for border in [
        Border::Zero,
        Border::Constant(2.0),
        Border::Replicate,
        Border::Reflect,
        Border::Reflect101,
        Border::Wrap,
    ] {
        for (layout, groups) in [(Layout::Nhwc, 6), (Layout::Nhwc, 1), (Layout::Nchw, 6), (Layout::Nchw, 1)] {
            for padding in [0, 1, 2, 5, 8, 19] {
                let first = Conv2dDesc::new(layout, 2, 4, [8, 6], 6, [1, 1]);
                let second = Conv2dDesc::new(layout, 2, 6, [8, 6], 6, [3, 3])
                    .groups(groups)
                    .border(border)
                    .padding(Padding::Explicit { top: padding, left: 1, bottom: padding / 2 + 1, right: 1 });
                let mut problem = ChainProblem::new(&[first, second]);
                for strip_rows in [Some(1), Some(3)] {
                    problem.strip_rows = strip_rows;
                    let ways = [Way::Whole, Way::Rows(2), Way::Pieces(3)];
                    total = total.and(problem.check(&ways, 0).unwrap_or_else(|what| panic!("{what}")));
                }
            }
        }
    }
    total.assert_trustworthy();
}

/// A zero that stands for a padding row must not meet an infinite weight, in a strip as little as in an image; and NaN
/// reaches the outputs whose windows hold it, through all layers.
#[test]
fn special_values() {
    let layers = inverted_residual(Layout::Nhwc, [2, 18, 3], [7, 6], 1);
    for level in Level::available() {
        let chain = ChainPlan::new(&ChainDesc::new(layers).strip_rows(2), level).unwrap();
        let mut expand = vec![0.25; 36];
        let mut depthwise = vec![0.5; 18 * 9];
        depthwise[0] = f32::INFINITY; // Channel 0, the tap above and to the left.
        let project = vec![1.0; 54];
        let mut src = vec![1.0; 7 * 6 * 2];
        let run = |expand: &[f32], src: &[f32]| {
            let mut buffer = vec![0.0; chain.packed_len()];
            let weights = chain.pack([expand, &depthwise, &project], &mut buffer).unwrap();
            let mut dst = vec![0.0; 7 * 6 * 3];
            let mut scratch = vec![f32::NAN; chain.scratch_len()];
            chain.run(&ChainOperands::new(src, weights), &mut dst, &mut scratch).unwrap();
            dst
        };
        // Relu6 makes six of infinity: no NaN may come from zero times infinity at the edges.
        assert!(run(&expand, &src).iter().all(|x| x.is_finite()), "{level}");
        // NaN at (3, 2) is in the windows of rows 2 to 4 and columns 1 to 3. (Relu6 of NaN is NaN.)
        src[(3 * 6 + 2) * 2] = f32::NAN;
        for (at, x) in run(&expand, &src).iter().enumerate() {
            let [row, col] = [at / 18, at / 3 % 6];
            let near = (2..=4).contains(&row) && (1..=3).contains(&col);
            assert_eq!(x.is_nan(), near, "{level}, row {row}, column {col}");
        }
        // An infinite weight of the first layer meets no padding at all.
        expand[0] = f32::INFINITY;
        src[(3 * 6 + 2) * 2] = 1.0;
        assert!(run(&expand, &src).iter().all(|x| x.is_finite()), "{level}");
    }
}

#[test]
fn strips_take_no_more_scratch_than_they_need() {
    let layers = inverted_residual(Layout::Nhwc, [16, 96, 24], [112, 112], 2);
    let plan = |rows| ChainPlan::new(&ChainDesc::new(layers).strip_rows(rows), Level::detect()).unwrap();
    // One row of output reads three rows between the first two layers; then there is one row of the second layer's.
    assert!(plan(1).scratch_len() <= (3 * 112 + 56) * 96 + 16);
    assert!(plan(1).scratch_len() < plan(2).scratch_len());
    let chosen = ChainPlan::new(&ChainDesc::new(layers), Level::detect()).unwrap();
    let whole = plan(usize::MAX).scratch_len();
    assert!(chosen.scratch_len() * 4 < whole, "{} of {whole}", chosen.scratch_len());
    assert_eq!(plan(usize::MAX).strip_rows(), 56);
    let text = chosen.describe().to_string();
    assert!(text.contains("chain of 3") && text.contains("rows held"), "{text}");
}

#[test]
fn errors_say_which_layer_is_wrong() {
    let layers = inverted_residual(Layout::Nhwc, [4, 8, 4], [5, 5], 1);
    let plan = |change: fn(&mut [Conv2dDesc; 3])| {
        let mut layers = layers;
        change(&mut layers);
        ChainPlan::new(&ChainDesc::new(layers), Level::detect()).unwrap_err()
    };
    let misfit = |layer, operand, required, got| ChainError::Misfit { layer, operand, required, got };
    let channels = plan(|layers| layers[2].in_channels = 9);
    assert_eq!(channels, misfit(2, "in channels", 8, 9));
    assert_eq!(channels.to_string(), "layer 2: in channels: must be 8, from layer 1, got 9");
    assert_eq!(plan(|layers| layers[1].in_size = [6, 5]), misfit(1, "in height", 5, 6));
    assert_eq!(plan(|layers| layers[1].in_size = [5, 4]), misfit(1, "in width", 5, 4));
    assert_eq!(plan(|layers| layers[2].batch = 2), misfit(2, "batch", 1, 2));
    let layout = plan(|layers| layers[1].layout = Layout::Nchw);
    assert_eq!(layout, ChainError::Layout { layer: 1, required: Layout::Nhwc, got: Layout::Nchw });
    let stride = plan(|layers| layers[1].stride = [0, 1]);
    assert_eq!(stride.to_string(), "layer 1: vertical stride: must be at least 1, got 0");
    let strip = ChainPlan::new(&ChainDesc::new(layers).strip_rows(0), Level::detect()).unwrap_err();
    assert_eq!(strip.to_string(), "strip rows: must be at least 1, got 0");
}

#[test]
fn wrong_operands_leave_dst_as_it_was() {
    let layers = inverted_residual(Layout::Nhwc, [4, 8, 4], [5, 5], 1);
    let plan = ChainPlan::new(&ChainDesc::new(layers), Level::detect()).unwrap();
    let (expand, depthwise, project) = (vec![1.0; 32], vec![1.0; 72], vec![1.0; 32]);
    let mut buffer = vec![0.0; plan.packed_len()];
    let short = plan.pack([&expand, &depthwise[1..], &project], &mut buffer).unwrap_err();
    assert_eq!(short.to_string(), "layer 1: weights: must have 72 elements, got 71");
    assert!(plan.pack([&expand, &depthwise, &project], &mut buffer[1..]).is_err());
    let weights = plan.pack([&expand, &depthwise, &project], &mut buffer).unwrap();
    let src = vec![1.0; 100];
    let good = ChainOperands::new(&src, weights);
    let scratch_len = plan.scratch_len();
    let refused = |operands: &ChainOperands<'_, 3>, dst_len: usize, scratch_len: usize| {
        let mut dst = vec![7.0; dst_len];
        let error = plan.run(operands, &mut dst, &mut vec![0.0; scratch_len]).unwrap_err();
        assert!(dst.iter().all(|&x| x == 7.0), "{error}");
        error.to_string()
    };
    assert_eq!(refused(&good, 99, scratch_len), "dst: must have 100 elements, got 99");
    assert!(refused(&good, 100, scratch_len - 1).starts_with("scratch: must have"));
    assert_eq!(
        refused(&ChainOperands { src: &src[1..], ..good }, 100, scratch_len),
        "src: must have 100 elements, got 99"
    );
    assert_eq!(
        refused(&good.residual(&src[1..]), 100, scratch_len),
        "residual: must have 100 elements, got 99"
    );
    assert_eq!(
        refused(&good.bias([&src[..8], &src[..7], &src[..4]]), 100, scratch_len),
        "layer 1: bias: must have 8 elements, got 7"
    );
    let mut swapped = good;
    swapped.weights.swap(0, 2);
    assert!(matches!(
        plan.run(&swapped, &mut [0.0; 100], &mut vec![0.0; scratch_len]),
        Err(ChainError::Layer { layer: 0, error: Error::WrongPacking })
    ));
    let mut some = vec![0.0; 40];
    assert!(plan.run_rows(4..6, &good, &mut some, &mut vec![0.0; scratch_len]).is_err());
    // A piece of another plan, with some channels only.
    let planes = inverted_residual(Layout::Nchw, [4, 8, 4], [5, 5], 1);
    let chain = ChainPlan::new(&ChainDesc::new(planes), Level::detect()).unwrap();
    let alone = convoke_core::Conv2dPlan::new(
        &Conv2dDesc::new(Layout::Nchw, 1, 1, [5, 5], 2, [1, 1]),
        Level::detect(),
    )
    .unwrap();
    let piece = alone.pieces(1).next().unwrap();
    let weights = chain.pack([&expand, &depthwise, &project], &mut buffer).unwrap();
    let mut dst = vec![0.0; piece.dst_range().len()];
    let mut scratch = vec![0.0; chain.scratch_len()];
    let error = chain.run_piece(&piece, &ChainOperands::new(&src, weights), &mut dst, &mut scratch);
    assert_eq!(error.unwrap_err().to_string(), "channels of the piece: must be at least 4, got 2");
}

#[test]
fn hostile_chains_are_errors_or_true_plans() {
    let planned = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig { source_file: Some(file!()), ..config(20_000) });
    let bytes = proptest::collection::vec(any::<u8>(), CHAIN_BYTES);
    let result = runner.run(&bytes, |bytes| {
        let outcome =
            convoke_harness::check::without_panic(|| audit_chain(&bytes)).map_err(TestCaseError::fail)?;
        planned.set(planned.get() + usize::from(outcome));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    // Two in five are; some, where the test is asked for few cases.
    assert!(planned.get() > 0, "no chain was planned");
    println!("planned {}", planned.get());
}
