//! What may change no bit of a result, real numbers included: how the output is divided among calls, where buffers lie,
//! how long rows are, the place in the batch, the layout (of direct sums), what scratch held, and the level, among those
//! that fuse.
#![forbid(unsafe_code)]

use convoke_core::{Conv2dDesc, Layout, Operands, Padding};
use convoke_harness::strategy::{config, conv_problems, filter_problems};
use convoke_harness::views::bits;
use convoke_harness::{ConvCase, ConvData, ConvProblem, Engine, Fill, Way, engines, filter_engines, run};
use proptest::prelude::*;

/// The output in dense NCHW order, from operands in that order.
fn output(problem: &ConvProblem, plain: &ConvData, engine: &Engine, offset: usize) -> Vec<u32> {
    let dst = run::run(problem, &problem.lay_out(plain), engine, Way::Whole, offset)
        .unwrap_or_else(|what| panic!("{engine} on {problem}: {what}"));
    bits(&problem.dense_dst(&dst))
}

fn real(mut problem: ConvProblem) -> ConvProblem {
    problem.fill = Fill::Real;
    problem
}

proptest! {
    #![proptest_config(ProptestConfig { source_file: Some(file!()), ..config(400) })]

    #[test]
    fn rows_and_pieces(problem in conv_problems(), step in 1..9_usize, count in 1..40_usize) {
        let problem = real(problem);
        let data = problem.data();
        for engine in engines() {
            let out = |way| run::run(&problem, &data, &engine, way, 0)
                .map_err(|what| TestCaseError::fail(format!("{engine} on {problem}: {what}")));
            let whole = out(Way::Whole)?;
            for way in [Way::Rows(step), Way::Pieces(count)] {
                prop_assert_eq!(bits(&whole), bits(&out(way)?), "{} on {}, {:?}", engine, problem, way);
            }
        }
    }

    #[test]
    fn filter_rows(problem in filter_problems(), step in 1..9_usize, offset in 0..16_usize) {
        let case = problem.case();
        for engine in filter_engines() {
            let whole = case.output(&engine, Way::Whole, 0);
            let rows = case.output(&engine, Way::Rows(step), offset);
            prop_assert!(whole.same_bits(&rows), "{} on {}, rows by {}", engine, problem, step);
        }
    }

    #[test]
    fn alignment_and_row_strides(problem in conv_problems(), offset in 0..16_usize, gaps in [0..20_usize, 0..20_usize]) {
        let mut problem = real(problem);
        (problem.desc.src_row_stride, problem.desc.dst_row_stride) = (None, None);
        let data = problem.plain(&problem.data());
        let mut strided = problem;
        strided.desc.src_row_stride = Some(problem.src_row()[0] + gaps[0]);
        strided.desc.dst_row_stride = Some(problem.dst_row()[0] + gaps[1]);
        for engine in engines() {
            let plain = output(&problem, &data, &engine, 0);
            prop_assert_eq!(&plain, &output(&problem, &data, &engine, offset), "{} on {}", engine, problem);
            prop_assert_eq!(&plain, &output(&strided, &data, &engine, offset), "{} on {}", engine, strided);
        }
    }

    #[test]
    fn the_place_in_the_batch(problem in conv_problems()) {
        let mut problem = real(problem);
        problem.desc.batch = 1;
        let data = problem.plain(&problem.data());
        let mut three = problem;
        three.desc.batch = 3;
        let thrice = ConvData {
            src: data.src.repeat(3),
            residual: data.residual.as_ref().map(|residual| residual.repeat(3)),
            ..data.clone()
        };
        for engine in engines() {
            let alone = output(&problem, &data, &engine, 0);
            prop_assert_eq!(alone.repeat(3), output(&three, &thrice, &engine, 0), "{} on {}", engine, problem);
        }
    }

    #[test]
    fn levels_that_fuse(problem in conv_problems()) {
        let problem = real(problem);
        let case = problem.case();
        let engines = engines();
        for (at, engine) in engines.iter().enumerate() {
            let like = |other: &&Engine| {
                other.algorithm == engine.algorithm && other.level.fused() == engine.level.fused()
            };
            if let Some(first) = engines[..at].iter().find(like) {
                let [a, b] = [first, engine].map(|engine| bits(&case.output(engine, Way::Whole, 0)));
                prop_assert_eq!(a, b, "{} and {} on {}", first, engine, problem);
            }
        }
    }

    #[test]
    fn layouts(problem in conv_problems()) {
        // Direct sums run in one documented order whatever the layout; other algorithms agree where sums are exact.
        let mut nchw = problem;
        (nchw.desc.layout, nchw.desc.src_row_stride, nchw.desc.dst_row_stride) = (Layout::Nchw, None, None);
        for engine in engines() {
            if engine.algorithm == "direct" {
                nchw.fill = Fill::Real;
            } else if problem.is_exact() {
                nchw.fill = Fill::Exact;
            } else {
                continue;
            }
            let data = nchw.plain(&nchw.data());
            let mut nhwc = nchw;
            nhwc.desc.layout = Layout::Nhwc;
            let [a, b] = [nchw, nhwc].map(|problem| output(&problem, &data, &engine, 0));
            prop_assert_eq!(a, b, "{} on {}", engine, nchw);
        }
    }

    #[test]
    fn filter_levels_that_fuse(problem in filter_problems()) {
        let case = problem.case();
        let engines = filter_engines();
        for (at, engine) in engines.iter().enumerate() {
            let like = |other: &&convoke_harness::FilterEngine| {
                other.algorithm == engine.algorithm && other.level.fused() == engine.level.fused()
            };
            if let Some(first) = engines[..at].iter().find(like) {
                let [a, b] = [first, engine].map(|engine| case.output(engine, Way::Whole, 0));
                prop_assert!(a.same_bits(&b), "{} and {} on {}", first, engine, problem);
            }
        }
    }
}

/// One scratch for many layers, never cleaned: what one leaves behind is what the next finds.
/// Layers whose lanes are pixels, whose stripes run on over the ends of rows: cut into rows and pieces shorter than a vector.
#[test]
fn stripes_in_pieces() {
    for layout in [Layout::Nchw, Layout::Nhwc] {
        for (size, in_channels, out_channels, kernel) in [
            ([9, 7], 5, 64, 1),
            ([9, 7], 40, 3, 1),
            ([30, 40], 40, 29, 1),
            ([9, 30], 20, 5, 3),
            ([5, 70], 3, 16, 3),
            // 1022 rows of these have channels of 3 x 1024 elements, which are kept apart, and so are longer than all.
            ([1027, 1], 9, 3, 3),
        ] {
            let desc = Conv2dDesc::new(layout, 2, in_channels, size, out_channels, [kernel, kernel])
                .padding(Padding::all(kernel / 2));
            let problem = ConvProblem::new(desc).real().bias().residual();
            let data = problem.data();
            for engine in engines() {
                let out = |way| {
                    run::run(&problem, &data, &engine, way, 0)
                        .unwrap_or_else(|what| panic!("{engine} on {problem}: {what}"))
                };
                let whole = bits(&out(Way::Whole));
                for way in [
                    Way::Rows(1),
                    Way::Rows(2),
                    Way::Rows(1022),
                    Way::Pieces(3),
                    Way::Pieces(50),
                    Way::Pieces(200),
                ] {
                    assert_eq!(whole, bits(&out(way)), "{engine} on {problem}, {way:?}");
                }
            }
        }
    }
}

#[test]
fn what_scratch_and_packing_buffer_held() {
    let problems: Vec<ConvCase> = [
        Conv2dDesc::new(Layout::Nhwc, 1, 17, [9, 11], 20, [3, 3]).padding(Padding::all(2)),
        Conv2dDesc::new(Layout::Nchw, 2, 5, [7, 30], 9, [5, 3]).padding(Padding::Same).stride([1, 2]),
        Conv2dDesc::new(Layout::Nchw, 1, 12, [8, 8], 12, [3, 3]).padding(Padding::all(1)).groups(12),
        Conv2dDesc::new(Layout::Nhwc, 1, 12, [8, 8], 24, [3, 3]).padding(Padding::all(1)).groups(12),
        Conv2dDesc::new(Layout::Nchw, 1, 33, [6, 5], 7, [1, 1]),
    ]
    .map(|desc| ConvProblem::new(desc).real().bias().case())
    .into();
    for engine in engines() {
        let mut scratch = vec![f32::INFINITY; 1 << 16];
        let mut packing = vec![f32::NAN; 1 << 16];
        for case in problems.iter().chain(problems.iter().rev()) {
            let clean = case.output(&engine, Way::Whole, 0);
            let plan = engine.plan(&case.problem.desc).unwrap();
            if scratch.len() < plan.scratch_len() {
                scratch.resize(plan.scratch_len(), f32::NEG_INFINITY);
            }
            let packed = plan.pack(&case.data.weights, &mut packing).unwrap();
            let operands = Operands::new(&case.data.src, packed).bias(case.data.bias.as_deref().unwrap());
            let mut dst = vec![f32::NAN; clean.len()];
            plan.run(&operands, &mut dst, &mut scratch).unwrap();
            assert_eq!(bits(&clean), bits(&dst), "{engine} on {}", case.problem);
        }
    }
}

/// Weights packed once and opened from where they lie later, also after the buffer was moved.
#[test]
fn packed_weights_can_be_kept() {
    for layout in [Layout::Nhwc, Layout::Nchw] {
        let desc = Conv2dDesc::new(layout, 1, 7, [6, 9], 19, [3, 3]).padding(Padding::Same);
        let case = ConvProblem::new(desc).real().case();
        for engine in engines() {
            let clean = case.output(&engine, Way::Whole, 0);
            let plan = engine.plan(&desc).unwrap();
            let mut buffer = vec![f32::NAN; plan.packed_len()];
            plan.pack(&case.data.weights, &mut buffer).unwrap();
            for shift in 0..17 {
                let mut moved = vec![f32::NAN; shift];
                moved.extend_from_slice(&buffer);
                let packed = plan.open(&moved[shift..]).unwrap();
                let mut scratch = vec![f32::NAN; plan.scratch_len()];
                let mut dst = vec![f32::NAN; clean.len()];
                plan.run(&Operands::new(&case.data.src, packed), &mut dst, &mut scratch).unwrap();
                assert_eq!(bits(&clean), bits(&dst), "{engine} on {}, moved by {shift}", case.problem);
            }
        }
    }
}
