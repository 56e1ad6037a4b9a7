//! Locally connected layers and their gradients on every level: against the naive reference, central differences in f64, a convolution with the
//! same weights everywhere, and each other; what may change no bit; and what is refused.
#![forbid(unsafe_code)]

use convoke_core::{
    Activation, Border, Conv2dDesc, Conv2dPlan, Error, Layout, Level, LocallyConnected2dPlan, Mode, Operands,
    Padding,
};
use convoke_harness::fill::Random;
use convoke_harness::guard::Guarded;
use convoke_harness::strategy::{config, conv_problems};
use convoke_harness::views::bits;
use convoke_reference::learning::{difference, locally_connected, locally_connected_grads};
use proptest::prelude::*;

/// The operands of a layer and its gradients.
#[derive(Clone, Debug)]
struct Case {
    desc: Conv2dDesc,
    src: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
}

/// The layer's output, and the gradients of input, weights and bias.
type Results = [Vec<f32>; 4];

impl Case {
    fn new(desc: Conv2dDesc, seed: u64, exact: bool) -> Self {
        let plan = LocallyConnected2dPlan::new(&desc, Level::scalar()).unwrap();
        let fill = |len: usize, stream: u64| -> Vec<f32> {
            let mut random = Random::new(seed, stream);
            (0..len).map(|_| if exact { random.integer(9) } else { random.real() }).collect()
        };
        Self {
            src: fill(plan.geometry().src.len, 1),
            weights: fill(plan.weights_len(), 2),
            bias: fill(plan.bias_len(), 3),
            dy: fill(plan.geometry().dst.len, 4),
            desc,
        }
    }

    /// All results, whole or in pieces, from buffers that notice and scratch full of NaN.
    fn run(&self, level: Level, pieces: Option<usize>, offset: usize) -> Results {
        let plan = LocallyConnected2dPlan::new(&self.desc, level).unwrap();
        let hold = |values: &[f32], shift: usize| Guarded::holding(values, (offset + shift) % 16);
        let [src, weights] = [hold(&self.src, 0), hold(&self.weights, 3)];
        let [bias, dy] = [hold(&self.bias, 5), hold(&self.dy, 7)];
        let [src, weights, bias, dy] = [src.get(), weights.get(), bias.get(), dy.get()];
        let mut scratch = Guarded::<f32>::new(plan.scratch_len(), (offset + 9) % 16);
        let lens = [plan.geometry().dst.len, plan.geometry().src.len, plan.weights_len(), plan.bias_len()];
        let results = [0, 1, 2, 3].map(|what| {
            let mut out = Guarded::<f32>::new(lens[what], (offset + what) % 16);
            let Some(count) = pieces else {
                let (out, scratch) = (out.get_mut(), scratch.get_mut());
                match what {
                    0 => plan.run(src, weights, Some(bias), out, scratch),
                    1 => plan.run_input_grad(dy, weights, out, scratch),
                    2 => plan.run_weights_grad(dy, src, out, scratch),
                    _ => plan.run_bias_grad(dy, out),
                }
                .unwrap();
                return out.to_vec();
            };
            let pieces: Vec<_> = match what {
                0 => plan.pieces(count),
                1 => plan.input_grad_pieces(count),
                2 => plan.weights_grad_pieces(count),
                _ => plan.bias_grad_pieces(count),
            }
            .collect();
            assert_eq!(pieces.iter().map(|piece| piece.dst_range().len()).sum::<usize>(), lens[what]);
            for piece in pieces.iter().rev() {
                let mut part = Guarded::<f32>::new(piece.dst_range().len(), (offset + 1) % 16);
                let scratch = scratch.get_mut();
                match what {
                    0 => plan.run_piece(piece, src, weights, Some(bias), part.get_mut(), scratch),
                    1 => plan.run_input_grad_piece(piece, dy, weights, part.get_mut(), scratch),
                    2 => plan.run_weights_grad_piece(piece, dy, src, part.get_mut(), scratch),
                    _ => plan.run_bias_grad_piece(piece, dy, part.get_mut()),
                }
                .unwrap();
                assert!(part.intact());
                out.get_mut()[piece.dst_range()].copy_from_slice(part.get());
            }
            assert!(out.intact());
            out.get().to_vec()
        });
        assert!(scratch.intact());
        results
    }

    /// What the reference says, before the activation.
    fn reference(&self) -> [Vec<f64>; 4] {
        let [src, weights, bias, dy] =
            [&self.src, &self.weights, &self.bias, &self.dy].map(|values| wide(values));
        let [dx, dw, db] = locally_connected_grads(&self.desc, &dy, &src, &weights);
        [locally_connected(&self.desc, &src, &weights, &bias), dx, dw, db]
    }

    /// The same of magnitudes: what rounding errors are a part of.
    fn magnitudes(&self) -> [Vec<f64>; 4] {
        let abs = |values: &Vec<f32>| values.iter().map(|value| value.abs()).collect();
        let border = match self.desc.border {
            Border::Constant(value) => Border::Constant(value.abs()),
            other => other,
        };
        let case = Case {
            desc: self.desc.border(border),
            src: abs(&self.src),
            weights: abs(&self.weights),
            bias: abs(&self.bias),
            dy: abs(&self.dy),
        };
        case.reference()
    }

    /// Holds every level against the reference: equal, or within the bounds.
    fn check(&self, exact: bool, offset: usize) {
        let (want, magnitudes) = (self.reference(), self.magnitudes());
        for level in Level::available() {
            let plan = LocallyConnected2dPlan::new(&self.desc, level).unwrap();
            let terms = [
                plan.error_terms(),
                plan.input_grad_error_terms(),
                plan.weights_grad_error_terms(),
                plan.bias_grad_error_terms(),
            ];
            let got = self.run(level, None, offset);
            for what in 0..4 {
                for (i, (&got, &want)) in got[what].iter().zip(&want[what]).enumerate() {
                    let place = format!("{:?} {level}, result {what}, element {i}", self.desc);
                    if exact {
                        assert!(magnitudes[what][i] < f64::from(1 << 24), "{place}: sums are not exact");
                        assert_eq!(got.to_bits(), (want as f32 + 0.0).to_bits(), "{place}: {got} and {want}");
                    } else {
                        let may = terms[what] as f64 * 2.0_f64.powi(-24) * magnitudes[what][i];
                        assert!(
                            (f64::from(got) - want).abs() <= may,
                            "{place}: {got}, not {want}, may be {may:e} off"
                        );
                    }
                }
                assert_eq!(got[what].len(), want[what].len());
            }
        }
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

/// A random layer that is not too large for weights of its own at each output.
fn layers() -> impl Strategy<Value = Conv2dDesc> {
    (conv_problems(), 1..40_usize).prop_filter_map("too large", |(problem, batch)| {
        let mut desc = problem.desc;
        (desc.src_row_stride, desc.dst_row_stride, desc.activation) = (None, None, Activation::None);
        desc.batch = batch;
        let plan = LocallyConnected2dPlan::new(&desc, Level::scalar()).ok()?;
        (plan.geometry().macs < 300_000 && plan.geometry().src.len < 100_000).then_some(desc)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { source_file: Some(file!()), ..config(40) })]

    #[test]
    fn random_layers(desc in layers(), seed in any::<u64>(), offset in 0..16_usize) {
        Case::new(desc, seed, true).check(true, offset);
        Case::new(desc, seed, false).check(false, offset);
    }

    #[test]
    fn pieces_levels_and_alignment_change_no_bit(desc in layers(), seed in any::<u64>(), count in 1..9_usize, offset in 0..16_usize) {
        let case = Case::new(desc, seed, false);
        let all_bits = |results: Results| results.map(|values| bits(&values));
        let mut by_fusing: [Option<_>; 2] = [None, None];
        for level in Level::available() {
            let whole = all_bits(case.run(level, None, 0));
            prop_assert_eq!(&whole, &all_bits(case.run(level, Some(count), offset)), "{:?} {}", desc, level);
            let like = by_fusing[usize::from(level.fused())].get_or_insert_with(|| whole.clone());
            prop_assert_eq!(&*like, &whole, "{:?} {}", desc, level);
        }
    }
}

/// Sizes round the boundaries: images of a vector and a block, channels of a tile, weights of a vector.
#[test]
fn sizes_round_the_boundaries() {
    for batch in [1, 2, 15, 16, 17, 31, 33, 48, 63, 64, 65, 129] {
        for (channels, out) in [(1, 1), (2, 3), (3, 8), (1, 17)] {
            for layout in [Layout::Nhwc, Layout::Nchw] {
                let desc = Conv2dDesc::new(layout, batch, channels, [4, 5], out, [2, 3]);
                Case::new(desc.padding(Padding::Same), batch as u64, true).check(true, 3);
            }
        }
    }
    for channels in [15, 16, 17, 31, 33] {
        for layout in [Layout::Nhwc, Layout::Nchw] {
            let desc = Conv2dDesc::new(layout, 5, channels, [3, 2], 9, [2, 1]);
            Case::new(desc, channels as u64, true).check(true, 1);
            Case::new(desc.groups(1).mode(Mode::Convolve), 3, true).check(true, 1);
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
        for layout in [Layout::Nhwc, Layout::Nchw] {
            for mode in [Mode::Correlate, Mode::Convolve] {
                let desc = Conv2dDesc::new(layout, 3, 4, [3, 2], 6, [3, 4])
                    .padding(Padding::Explicit { top: 2, left: 5, bottom: 4, right: 3 })
                    .stride([1, 2])
                    .dilation([2, 1])
                    .groups(2)
                    .border(border)
                    .mode(mode);
                Case::new(desc, 5, true).check(true, 0);
                Case::new(desc, 6, false).check(false, 5);
            }
        }
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
        let case = Case::new(desc, 9, true);
        let loss = |src: &[f64], weights: &[f64], bias: &[f64]| -> f64 {
            let dst = locally_connected(&desc, src, weights, bias);
            dst.iter().zip(&case.dy).map(|(dst, dy)| dst * f64::from(*dy)).sum()
        };
        let [x, w, b] = [&case.src, &case.weights, &case.bias].map(|values| wide(values));
        for level in Level::available() {
            let [_, dx, dw, db] = case.run(level, None, 0);
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
    for layout in [Layout::Nhwc, Layout::Nchw] {
        let desc = Conv2dDesc::new(layout, 19, 6, [9, 8], 10, [3, 3])
            .padding(Padding::Same)
            .groups(2)
            .activation(Activation::Relu);
        for level in Level::available() {
            let mut case = Case::new(desc, 4, false);
            let plan = Conv2dPlan::new(&desc, level).unwrap();
            let set = case.weights[..plan.geometry().weights_len].to_vec();
            case.weights = set.repeat(72);
            case.bias.fill(0.25);
            let (mut buffer, mut scratch) = (vec![0.0; plan.packed_len()], vec![0.0; plan.scratch_len()]);
            let weights = plan.pack(&set, &mut buffer).unwrap();
            let mut dst = vec![0.0; plan.geometry().dst.len];
            plan.run(&Operands::new(&case.src, weights).bias(&[0.25; 10]), &mut dst, &mut scratch).unwrap();
            assert_eq!(bits(&case.run(level, None, 0)[0]), bits(&dst), "{layout:?} {level}");
        }
    }
}

/// An infinity reaches what its window or its tap reaches, and nothing on the padding.
#[test]
fn infinities_stay_where_they_belong() {
    let desc = Conv2dDesc::new(Layout::Nhwc, 3, 1, [2, 2], 1, [3, 3]).padding(Padding::all(1));
    for level in Level::available() {
        let mut case = Case::new(desc, 4, true);
        // The top left tap of the first output lies on the padding.
        case.weights[0] = f32::INFINITY;
        case.dy[0] = f32::INFINITY;
        let [dst, dx, dw, _] = case.run(level, None, 0);
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
        let mut case = Case::new(desc, 5, true);
        case.src[0] = f32::NAN;
        let [dst, ..] = case.run(level, None, 0);
        assert!(dst[..4].iter().all(|x| x.is_nan()) && dst[4..].iter().all(|x| x.is_finite()), "{level}");
    }
}

#[test]
fn nothing_in_a_batch() {
    let desc = Conv2dDesc::new(Layout::Nchw, 0, 2, [4, 4], 3, [3, 3]);
    for level in Level::available() {
        let case = Case::new(desc, 1, true);
        for pieces in [None, Some(3)] {
            let [dst, dx, dw, db] = case.run(level, pieces, 0);
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

    let case = Case::new(desc, 1, true);
    let length = |operand, required, got| Err(Error::Length { operand, required, got });
    let mut scratch = vec![0.0; plan.scratch_len()];
    let (mut dst, mut dx, mut dw, mut db) = ([7.0; 40], [7.0; 96], [7.0; 540], [7.0; 20]);
    let Case { src, weights, bias, dy, .. } = &case;
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
