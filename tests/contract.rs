//! What a caller may rely on whatever happens: wrong operands are refused by name before anything is written, hostile
//! descriptors are answered quickly, NaN and infinity go where they belong and nowhere else, and the processor's modes stay
//! as they were.
#![forbid(unsafe_code)]

use std::hint::black_box;

use convoke_core::{
    Activation, Border, Conv2dDesc, Conv2dPlan, Error, Filter2dDesc, Filter2dPlan, Layout, Level, Mode,
    Operands, Packed, PackedMask, Padding,
};
use convoke_gemm::GemmConv2dPlan;
use convoke_harness::check::without_panic;
use convoke_harness::guard::{Canary, Guarded, STALE};
use convoke_harness::{Conv2dEngine, ConvCase, ConvProblem, Random, Way, engines, filter_engines, hostile};

const LAYOUTS: [Layout; 2] = [Layout::Nhwc, Layout::Nchw];

/// Layers whose plans want every operand, and between them every kind of kernel and scratch.
fn cases() -> Vec<ConvCase> {
    let mut cases = Vec::new();
    for layout in LAYOUTS {
        for desc in [
            Conv2dDesc::new(layout, 2, 5, [6, 9], 18, [3, 3]).padding(Padding::all(2)),
            Conv2dDesc::new(layout, 1, 24, [5, 7], 24, [3, 3]).padding(Padding::Same).groups(24),
            Conv2dDesc::new(layout, 1, 16, [4, 4], 33, [1, 1]),
            Conv2dDesc::new(layout, 1, 6, [7, 8], 4, [3, 2]).stride([2, 2]).groups(2).border(Border::Wrap),
        ] {
            cases.push(ConvProblem::new(desc).bias().residual().case());
        }
    }
    cases
}

/// A call of `run` with buffers of chosen lengths. Gives the error and whether `dst` is untouched.
fn call(plan: &dyn Conv2dEngine, case: &ConvCase, change: &str, by: isize) -> (Result<(), Error>, bool) {
    let sized = |name: &str, values: &[f32]| {
        let len = if name == change { values.len().saturating_add_signed(by) } else { values.len() };
        let mut sized = values.to_vec();
        sized.resize(len, 1.0);
        sized
    };
    let src = sized("src", &case.data.src);
    let bias = sized("bias", case.data.bias.as_deref().unwrap_or_default());
    let residual = sized("residual", case.data.residual.as_deref().unwrap_or_default());
    let mut packing = vec![STALE; plan.packed_len()];
    let packed = plan.pack(&case.data.weights, &mut packing).expect("right weights");
    let mut scratch = sized("scratch", &vec![STALE; plan.scratch_len()]);
    let mut dst = Guarded::<f32>::new(
        sized("dst", &case.answer.values.iter().map(|_| 0.0).collect::<Vec<_>>()).len(),
        1,
    );
    let operands = Operands::new(&src, packed).bias(&bias).residual(&residual);
    let result = plan.run(&operands, dst.get_mut(), &mut scratch);
    let untouched = dst.get().iter().all(|x| x.is_canary()) && dst.intact();
    (result, untouched)
}

#[test]
fn operands_of_a_wrong_length_are_refused_by_name_and_dst_stays() {
    for case in cases() {
        for engine in engines() {
            let plan = engine.plan(&case.problem.desc).unwrap();
            assert_eq!(call(&*plan, &case, "nothing", 0), (Ok(()), false), "{engine} on {}", case.problem);
            for (operand, lengths) in [
                ("src", [-1, 1, isize::MIN + 1]),
                ("dst", [-1, 1, isize::MIN + 1]),
                ("bias", [-1, 1, isize::MIN + 1]),
                ("residual", [-1, 1, isize::MIN + 1]),
                ("scratch", [-1, -1, isize::MIN + 1]),
            ] {
                if operand == "scratch" && plan.scratch_len() == 0 {
                    continue;
                }
                for by in lengths {
                    let (result, untouched) = call(&*plan, &case, operand, by);
                    let named = matches!(result, Err(Error::Length { operand: name, required, got })
                        if name == operand && required != got);
                    assert!(named, "{engine} on {}: {operand} by {by}: {result:?}", case.problem);
                    assert!(untouched, "{engine} on {}: {operand} by {by}: dst was written", case.problem);
                }
            }
            // A longer scratch is fine.
            assert_eq!(call(&*plan, &case, "scratch", 7).0, Ok(()));
            assert!(engine.to_string().contains('/') && !plan.describe().is_empty());
        }
    }
}

#[test]
fn weights_and_packing_buffers_of_a_wrong_length_are_refused() {
    for case in cases() {
        for engine in engines() {
            let plan = engine.plan(&case.problem.desc).unwrap();
            let mut buffer = vec![STALE; plan.packed_len()];
            for weights in [&case.data.weights[1..], &[case.data.weights.clone(), vec![1.0]].concat(), &[]] {
                let result = plan.pack(weights, &mut buffer).map(|_| ());
                assert!(
                    matches!(result, Err(Error::Length { operand: "weights", .. })),
                    "{engine}: {result:?}"
                );
            }
            assert!(buffer.iter().all(|x| x.is_canary()), "{engine}: packed before checking");
            let short = plan.packed_len() - 1;
            let result = plan.pack(&case.data.weights, &mut buffer[..short]).map(|_| ());
            assert!(
                matches!(result, Err(Error::Length { operand: "packed weights", .. })),
                "{engine}: {result:?}"
            );
            assert!(plan.pack(&case.data.weights, &mut []).is_err());
        }
    }
}

#[test]
fn rows_and_pieces_that_do_not_fit_are_refused() {
    let case = &cases()[0];
    let height = case.problem.sizes().out_size[0] as usize;
    for engine in engines() {
        let plan = engine.plan(&case.problem.desc).unwrap();
        let other = engine.plan(&case.problem.desc.stride([2, 1])).unwrap();
        let mut packing = vec![STALE; plan.packed_len()];
        let operands = Operands::new(&case.data.src, plan.pack(&case.data.weights, &mut packing).unwrap());
        let mut scratch = vec![STALE; plan.scratch_len()];
        let mut dst = vec![STALE; case.answer.values.len()];
        #[expect(clippy::reversed_empty_ranges, reason = "what a confused caller may pass")]
        for rows in [0..height + 1, height..height + 1, 3..2, usize::MAX - 1..usize::MAX, usize::MAX..0] {
            let result = plan.run_rows(rows.clone(), &operands, &mut dst, &mut scratch);
            assert!(result.is_err(), "{engine}: rows {rows:?}");
        }
        assert!(
            plan.run_rows(0..1, &operands, &mut dst, &mut scratch).is_err(),
            "{engine}: a dst for all rows"
        );
        for piece in plan.pieces(5) {
            let len = piece.dst_range().len();
            for wrong in [len - 1, len + 1, 0] {
                assert!(
                    plan.run_piece(&piece, &operands, &mut vec![STALE; wrong], &mut scratch).is_err(),
                    "{engine}: {piece:?}"
                );
            }
        }
        // Pieces of a layer with another output: refused, or harmless. Never a panic.
        for piece in other.pieces(3) {
            let mut part = vec![STALE; piece.dst_range().len()];
            let _ = plan.run_piece(&piece, &operands, &mut part, &mut scratch);
            let _ = other.run_piece(&piece, &operands, &mut part, &mut scratch);
        }
        assert!(dst.iter().all(|x| x.is_canary()), "{engine}: dst was written");
        // No rows at all are no error.
        assert_eq!(plan.run_rows(2..2, &operands, &mut [], &mut scratch), Ok(()), "{engine}");
    }
}

#[test]
fn weights_packed_for_another_plan_are_refused() {
    let base = Conv2dDesc::new(Layout::Nhwc, 1, 12, [8, 8], 12, [3, 3]).padding(Padding::all(1));
    let mut square = base;
    square.kernel = [1, 9];
    let others = [
        base.mode(Mode::Convolve),
        base.groups(2),
        base.groups(12),
        square.padding(Padding::Same),
        Conv2dDesc::new(Layout::Nchw, 1, 12, [8, 8], 12, [3, 3]).padding(Padding::all(1)),
        Conv2dDesc::new(Layout::Nhwc, 1, 12, [8, 8], 13, [3, 3]).padding(Padding::all(1)),
        Conv2dDesc::new(Layout::Nhwc, 1, 13, [8, 8], 12, [3, 3]).padding(Padding::all(1)),
    ];
    for engine in engines() {
        let plan = engine.plan(&base).unwrap();
        let src = vec![1.0; plan.geometry().src.len];
        let mut dst = vec![STALE; plan.geometry().dst.len];
        let mut scratch = vec![STALE; plan.scratch_len()];
        let mut attempt = |packed: Packed<'_>| plan.run(&Operands::new(&src, packed), &mut dst, &mut scratch);
        for other in others {
            let foreign = engine.plan(&other).unwrap();
            let mut buffer = vec![0.0; foreign.packed_len().max(plan.packed_len())];
            let packed = foreign.pack(&vec![1.0; foreign.geometry().weights_len], &mut buffer).unwrap();
            assert_eq!(attempt(packed), Err(Error::WrongPacking), "{engine}: {other:?}");
            assert!(matches!(plan.open(&buffer), Err(Error::WrongPacking)), "{engine}: opened {other:?}");
        }
        // Another algorithm's, and another vector length's.
        for stranger in engines() {
            let foreign = stranger.plan(&base).unwrap();
            let mut buffer = vec![0.0; foreign.packed_len()];
            let packed = foreign.pack(&vec![1.0; foreign.geometry().weights_len], &mut buffer).unwrap();
            let same =
                engine.algorithm == stranger.algorithm && engine.level.lanes() == stranger.level.lanes();
            if !same {
                assert_eq!(attempt(packed), Err(Error::WrongPacking), "{engine} took weights of {stranger}");
            }
        }
        // What is no packing at all.
        for garbage in
            [&[] as &[f32], &[0.0_f32; 4], &[STALE; 4000], &[f32::INFINITY; 31], &[12_592_385.0; 64]]
        {
            assert!(matches!(plan.open(garbage), Err(Error::WrongPacking)), "{engine} opened garbage");
        }
        // A packing that lost its end.
        let mut buffer = vec![0.0; plan.packed_len()];
        plan.pack(&vec![1.0; plan.geometry().weights_len], &mut buffer).unwrap();
        for len in [0, 1, 15, 16, 17, 31, 32, plan.packed_len() / 2] {
            assert!(plan.open(&buffer[..len]).is_err(), "{engine} opened {len} of {} elements", buffer.len());
        }
        assert!(dst.iter().all(|x| x.is_canary()), "{engine}: dst was written");
    }
}

/// Buffers of exactly the lengths that the plan names, each an allocation of its own: under AddressSanitizer one element
/// too far is the end.
#[test]
fn exact_buffers_are_enough() {
    for case in cases() {
        for engine in engines() {
            let plan = engine.plan(&case.problem.desc).unwrap();
            let mut packing = Guarded::<f32>::exact(plan.packed_len());
            let mut scratch = Guarded::<f32>::exact(plan.scratch_len());
            let mut dst = Guarded::<f32>::exact(case.answer.values.len());
            let packed = plan.pack(&case.data.weights, packing.get_mut()).unwrap();
            let [bias, residual] = [&case.data.bias, &case.data.residual].map(|x| x.as_deref().unwrap());
            let operands = Operands::new(&case.data.src, packed).bias(bias).residual(residual);
            plan.run(&operands, dst.get_mut(), scratch.get_mut()).unwrap();
            case.compare(dst.get(), 0)
                .unwrap_or_else(|what| panic!("{engine} on {}: {what}", case.problem))
                .assert_trustworthy();
        }
    }
}

#[test]
fn an_empty_batch_gives_an_empty_result() {
    for layout in LAYOUTS {
        let desc = Conv2dDesc::new(layout, 0, 3, [5, 5], 4, [3, 3]);
        for engine in engines() {
            let plan = engine.plan(&desc).unwrap();
            let mut packing = vec![STALE; plan.packed_len()];
            let packed = plan.pack(&[1.0; 108], &mut packing).unwrap();
            let mut scratch = vec![STALE; plan.scratch_len()];
            assert_eq!(plan.run(&Operands::new(&[], packed), &mut [], &mut scratch), Ok(()), "{engine}");
            assert_eq!(
                plan.run_rows(0..2, &Operands::new(&[], packed), &mut [], &mut scratch),
                Ok(()),
                "{engine}"
            );
            for piece in plan.pieces(4) {
                assert!(piece.dst_range().is_empty());
            }
        }
    }
}

/// Every edge number in every field, alone and in pairs, and random mixtures of them.
#[test]
fn hostile_layers_are_answered() {
    let base = Conv2dDesc::new(Layout::Nhwc, 1, 4, [6, 6], 4, [3, 3]).padding(Padding::all(1)).groups(2);
    const FIELDS: usize = 17;
    let set = |mut desc: Conv2dDesc, field: usize, value: usize| {
        match field {
            0 => desc.batch = value,
            1 => desc.in_channels = value,
            2 => desc.out_channels = value,
            3 | 4 => desc.in_size[field - 3] = value,
            5 | 6 => desc.kernel[field - 5] = value,
            7 | 8 => desc.stride[field - 7] = value,
            9 | 10 => desc.dilation[field - 9] = value,
            11 => desc.groups = value,
            12 => desc.src_row_stride = Some(value),
            13 => desc.dst_row_stride = Some(value),
            14 => desc.padding = Padding::all(value),
            15 => desc.padding = Padding::Explicit { top: value, left: 0, bottom: 0, right: value },
            _ => desc.padding = Padding::Same,
        }
        desc
    };
    let mut planned = 0;
    for layout in LAYOUTS {
        for first in 0..FIELDS {
            for second in first..FIELDS {
                for &a in hostile::EDGES {
                    for &b in hostile::EDGES {
                        let mut desc = set(set(base, first, a), second, b);
                        desc.layout = layout;
                        planned += usize::from(audit(&desc));
                    }
                }
            }
        }
    }
    let mut random = Random::new(1, 0);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..160).map(|_| random.bits() as u8).collect();
        planned += usize::from(audit(&hostile::conv_desc(&bytes)));
    }
    assert!(planned > 1000, "only {planned} descriptors made sense");
}

/// Plans and audits, on the first and last levels of each algorithm. Whether there was a plan.
fn audit(desc: &Conv2dDesc) -> bool {
    let mut planned = false;
    let levels = [Level::scalar(), Level::detect()];
    for engine in engines().into_iter().filter(|engine| levels.contains(&engine.level)) {
        let audited = without_panic(|| match engine.plan(desc) {
            Ok(plan) => hostile::audit_conv(desc, &*plan).map(|()| true),
            Err(error) if error.to_string().is_empty() => Err("an error without words".to_owned()),
            Err(_) => Ok(false),
        });
        planned |= audited.unwrap_or_else(|what| panic!("{engine} on {desc:?}: {what}"));
    }
    planned
}

#[test]
fn hostile_filters_are_answered() {
    let mut random = Random::new(2, 0);
    let mut planned = 0;
    for _ in 0..50_000 {
        let bytes: Vec<u8> = (0..160).map(|_| random.bits() as u8).collect();
        let desc = hostile::filter_desc(&bytes);
        for level in [Level::scalar(), Level::detect()] {
            if let Ok(plan) = Filter2dPlan::new(&desc, level) {
                hostile::audit_filter(&desc, [plan.src_len(), plan.dst_len()])
                    .unwrap_or_else(|what| panic!("{desc:?}: {what}"));
                assert!(
                    plan.packed_len() <= isize::MAX as usize / 4
                        && plan.scratch_len() <= isize::MAX as usize / 4
                );
                planned += 1;
            }
        }
    }
    assert!(planned > 1000, "only {planned} descriptors made sense");
}

#[test]
fn errors_name_what_is_wrong() {
    let good = Conv2dDesc::new(Layout::Nchw, 1, 6, [5, 5], 9, [3, 3]);
    let expect = |desc: Conv2dDesc, what: &str| {
        for engine in engines() {
            let error = engine.plan(&desc).map(|_| ()).expect_err(what).to_string();
            assert!(error.contains(what), "{engine}: {error:?} does not say {what:?}");
        }
    };
    expect(good.groups(4), "in channels");
    expect(good.groups(6), "out channels");
    expect(good.groups(0), "groups");
    expect(good.stride([0, 1]), "vertical stride");
    expect(good.dilation([1, 0]), "horizontal dilation");
    expect(good.dilation([1, 3]), "kernel width");
    expect(good.src_row_stride(4), "src row stride");
    expect(good.dst_row_stride(2), "dst row stride");
    expect(good.padding(Padding::all(usize::MAX)), "padded height");
    expect(Conv2dDesc::new(Layout::Nchw, usize::MAX, 6, [5, 5], 9, [3, 3]), "src");
    expect(Conv2dDesc::new(Layout::Nchw, 1, 0, [5, 5], 9, [3, 3]), "in channels");
    expect(Conv2dDesc::new(Layout::Nchw, 1, 6, [5, 0], 9, [3, 3]), "in width");
    expect(Conv2dDesc::new(Layout::Nchw, 1, 6, [5, 5], 9, [0, 3]), "kernel height");
}

#[test]
fn filters_refuse_what_they_cannot_do_and_leave_dst() {
    let desc = Filter2dDesc::new([5, 7], 3, [3, 3]);
    for engine in filter_engines() {
        let plan = |desc: Filter2dDesc| engine.plan(&desc).map(|_| ());
        assert!(plan(Filter2dDesc::new([5, 7], 5, [3, 3])).is_err(), "{engine}: five channels");
        assert!(plan(Filter2dDesc::new([5, 7], 0, [3, 3])).is_err(), "{engine}: no channels");
        assert!(plan(Filter2dDesc::new([0, 7], 1, [3, 3])).is_err(), "{engine}: no rows");
        assert!(plan(Filter2dDesc::new([5, 7], 1, [3, 0])).is_err(), "{engine}: no mask");
        assert!(plan(desc.anchor([3, 0])).is_err(), "{engine}: anchor");
        assert!(plan(desc.src_row_stride(20)).is_err(), "{engine}: row stride");
        for bad in [f32::NAN, f32::INFINITY, 0.0, -0.0, -1.0] {
            assert!(plan(desc.divisor(bad)).is_err(), "{engine}: divisor {bad}");
        }
        for bad in [f32::NAN, f32::NEG_INFINITY] {
            assert!(plan(desc.scale(bad)).is_err() && plan(desc.offset(bad)).is_err(), "{engine}: {bad}");
        }

        use convoke_harness::{Pixels, PixelsMut};
        let plan = engine.plan(&desc).unwrap();
        let mut packing = vec![STALE; plan.packed_len()];
        for at in [0, 4, 8] {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut mask = [1.0; 9];
                mask[at] = bad;
                let error = plan.pack(&mask, &mut packing).map(|_| ()).unwrap_err();
                assert!(
                    matches!(error, Error::NotFinite { index, .. } if index == at),
                    "{engine}: {error:?}"
                );
            }
        }
        for mask in [&[1.0_f32; 8] as &[f32], &[1.0; 10], &[]] {
            assert!(plan.pack(mask, &mut packing).is_err(), "{engine}: a mask of {}", mask.len());
        }
        assert!(plan.pack(&[1.0; 9], &mut vec![0.0; plan.packed_len() - 1]).is_err());
        let packed = plan.pack(&[1.0; 9], &mut packing).unwrap();
        let len = 5 * 7 * 3;
        let mut scratch = vec![STALE; plan.scratch_len()];
        let mut attempt = |rows, src: usize, dst: usize, scratch_len: usize| {
            let (src, mut dst) = (vec![7_u8; src], vec![u8::CANARY; dst]);
            let result = plan.run(
                rows,
                &packed,
                Pixels::U8(&src),
                PixelsMut::U8(&mut dst),
                &mut scratch[..scratch_len],
            );
            assert!(result.is_ok() || dst.iter().all(|x| x.is_canary()), "{engine}: dst was written");
            result
        };
        let wanted = plan.scratch_len();
        assert_eq!(attempt(None, len, len, wanted), Ok(()));
        let named =
            |result, name: &str| matches!(result, Err(Error::Length { operand, .. }) if operand == name);
        for wrong in [len - 1, len + 1, 0] {
            assert!(named(attempt(None, wrong, len, wanted), "src"), "{engine}");
            assert!(named(attempt(None, len, wrong, wanted), "dst"), "{engine}");
        }
        if wanted > 0 {
            assert!(named(attempt(None, len, len, wanted - 1), "scratch"), "{engine}");
            assert!(named(attempt(None, len, len, 0), "scratch"), "{engine}");
        }
        assert!(attempt(Some(0..6), len, len, wanted).is_err());
        assert!(attempt(Some(5..6), len, 21, wanted).is_err());
        #[expect(clippy::reversed_empty_ranges, reason = "what a confused caller may pass")]
        let reversed = 3..2;
        assert!(attempt(Some(reversed), len, 0, wanted).is_err());
        let foreign = engine.plan(&Filter2dDesc::new([5, 7], 3, [1, 9])).unwrap();
        let mut buffer = vec![0.0; foreign.packed_len()];
        let foreign = foreign.pack(&[1.0; 9], &mut buffer).unwrap();
        let mut dst = vec![STALE; len];
        let result = plan.run(None, &foreign, Pixels::U8(&[0; 105]), PixelsMut::F32(&mut dst), &mut scratch);
        assert_eq!(result, Err(Error::WrongPacking), "{engine}");
        assert!(dst.iter().all(|x| x.is_canary()));
    }
}

/// Plans can be shared, sent and copied freely.
#[test]
fn plans_are_small_values() {
    fn is_a_value<T: Copy + Send + Sync + 'static>() -> usize {
        size_of::<T>()
    }
    for size in [is_a_value::<Conv2dPlan>(), is_a_value::<GemmConv2dPlan>(), is_a_value::<Filter2dPlan>()] {
        assert!(size <= 1024, "{size} bytes");
    }
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Operands<'_>>();
    is_shared::<Packed<'_>>();
    is_shared::<PackedMask<'_>>();
}

/// Rounding to nearest and denormal numbers, seen from outside: what MXCSR would change.
#[test]
fn rounding_and_denormal_modes_stay() {
    let modes = || {
        let [one, tie, least] = [1.0_f32, 2.0_f32.powi(-24), f32::from_bits(1)].map(black_box);
        [
            (one + tie).to_bits(),
            (one + 1.5 * tie).to_bits(),
            (one - tie).to_bits(),
            (least + least).to_bits(),
            (least * one).to_bits(),
        ]
    };
    let before = modes();
    assert_eq!(before[3..], [2, 1], "denormals count at the start");
    for case in cases() {
        for engine in engines() {
            black_box(case.output(&engine, Way::Whole, 0));
            assert_eq!(modes(), before, "{engine}");
        }
    }
    for engine in filter_engines() {
        let desc = Filter2dDesc::new([9, 40], 3, [5, 5]).offset(0.3);
        black_box(convoke_harness::FilterProblem::new(desc).case().output(&engine, Way::Whole, 0));
        assert_eq!(modes(), before, "{engine}");
    }
}

/// Denormal weights and pixels count: nothing is flushed to zero.
#[test]
fn denormals_count() {
    let tiny = f32::from_bits(3);
    for layout in LAYOUTS {
        for (kernel, groups, channels) in [([3, 3], 1, 4), ([3, 3], 16, 16), ([1, 1], 1, 8)] {
            let desc = Conv2dDesc::new(layout, 1, channels, [6, 21], channels, kernel)
                .padding(Padding::Same)
                .groups(groups);
            let problem = ConvProblem::new(desc);
            let mut data = problem.data();
            data.src.fill(tiny);
            data.weights.fill(1.0);
            for engine in engines() {
                let case = ConvCase::with(problem, data.clone());
                let dst = case.output(&engine, Way::Whole, 0);
                for (got, want) in dst.iter().zip(&case.answer.values) {
                    assert!(*want > 0.0);
                    assert_eq!(f64::from(*got), *want, "{engine} on {problem}");
                }
            }
        }
    }
}

/// An activation must pass NaN on, not hide it.
#[test]
fn activations_pass_nan_on() {
    let activations = [
        Activation::None,
        Activation::Relu,
        Activation::Relu6,
        Activation::Leaky(0.1),
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Silu,
        Activation::HardSwish,
    ];
    for activation in activations {
        let desc = Conv2dDesc::new(Layout::Nhwc, 1, 1, [1, 33], 1, [1, 1]).activation(activation);
        let problem = ConvProblem::new(desc);
        let mut data = problem.data();
        data.src.fill(1.0);
        for at in [0, 7, 16, 31, 32] {
            data.src[at] = f32::NAN;
        }
        let case = ConvCase::with(problem, data);
        for engine in engines() {
            let dst = case.output(&engine, Way::Whole, 0);
            for (at, x) in dst.iter().enumerate() {
                assert_eq!(x.is_nan(), case.data.src[at].is_nan(), "{engine}, {activation:?}: {dst:?}");
            }
        }
    }
}
