//! Ways of calling: pieces, rows, packings opened again, and everything that must be an error.

use std::vec;
use std::vec::Vec;

use convoke_core::{Activation, Conv2dDesc, Error, Layout, Level, Operands, Padding};

use super::{Case, assert_same};
use crate::GemmConv2dPlan;

/// Layers whose outputs are cut up in different ways, with values that round, so that a change of order would show.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for layout in [Layout::Nchw, Layout::Nhwc] {
        for (batch, channels, size, out, groups, row) in [
            (1, 3, [9, 10], 20, 1, None),
            (3, 6, [5, 7], 34, 2, None),
            (2, 40, [4, 3], 5, 1, Some(19)),
            (5, 4, [1, 1], 4, 4, None),
        ] {
            let mut desc = Conv2dDesc::new(layout, batch, channels, size, out, [3, 3])
                .padding(Padding::all(1))
                .groups(groups)
                .activation(Activation::Silu);
            desc.dst_row_stride = row;
            let mut case = Case::fused(&desc);
            for (i, x) in case.src.iter_mut().enumerate() {
                *x = *x / 3.0 + (i % 7) as f32 * 0.01;
            }
            case.weights.iter_mut().for_each(|w| *w /= 7.0);
            cases.push(case);
        }
    }
    cases
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn pieces_are_the_whole() {
    for case in cases() {
        for level in Level::available() {
            let plan = case.plan(level);
            let mut buffer = vec![f32::NAN; plan.packed_len()];
            let operands = case.operands(&plan, &mut buffer);
            let expected = case.run(level);
            for count in [1, 2, 3, 7, 16, 1000] {
                let mut dst = vec![f32::NAN; expected.len()];
                let mut next = 0;
                for piece in plan.pieces(count) {
                    assert_eq!(piece.dst_range().start, next);
                    next = piece.dst_range().end;
                    let mut scratch = vec![f32::NAN; plan.scratch_len()];
                    plan.run_piece(&piece, &operands, &mut dst[piece.dst_range()], &mut scratch).unwrap();
                }
                assert_eq!(next, dst.len());
                assert_eq!(bits(&dst), bits(&expected), "{level}, {count}: {:?}", case.desc);
            }
        }
    }
}

#[test]
fn rows_are_those_of_the_whole() {
    for case in cases() {
        for level in Level::available() {
            let plan = case.plan(level);
            let mut buffer = vec![f32::NAN; plan.packed_len()];
            let operands = case.operands(&plan, &mut buffer);
            let whole = case.run(level);
            let [height, width] = plan.geometry().out_size;
            for start in 0..=height {
                for end in start..=height {
                    let desc = &case.desc;
                    let sizes = [desc.batch, desc.out_channels, end - start, width];
                    let at = plan.geometry().dst;
                    let strides =
                        convoke_core::Strides::new("dst", desc.layout, sizes, Some(at.row)).unwrap();
                    let mut dst = vec![f32::NAN; strides.len];
                    let mut scratch = vec![f32::NAN; plan.scratch_len()];
                    plan.run_rows(start..end, &operands, &mut dst, &mut scratch).unwrap();
                    for n in 0..desc.batch {
                        for k in 0..desc.out_channels {
                            for y in start..end {
                                for x in 0..width {
                                    let got = dst[strides.at(n, k, y - start, x)];
                                    assert_eq!(got.to_bits(), whole[at.at(n, k, y, x)].to_bits());
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Fused levels round alike, whatever their tiles; so do unfused ones.
#[test]
fn levels_agree() {
    for mut case in cases() {
        // The activations of two unfused levels agree as well, but that is the core's promise.
        case.desc.activation = Activation::None;
        for fused in [false, true] {
            let results: Vec<_> = Level::available()
                .filter(|level| level.fused() == fused)
                .map(|level| bits(&case.run(level)))
                .collect();
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }
}

/// The direct kernels sum in the same order: the two ways differ in no bit.
#[test]
fn direct_kernels_agree() {
    for case in cases() {
        for level in Level::available() {
            let plan = convoke_core::Conv2dPlan::new(&case.desc, level).unwrap();
            let mut buffer = vec![0.0; plan.packed_len()];
            let weights = plan.pack(&case.weights, &mut buffer).unwrap();
            let mut operands = Operands::new(&case.src, weights);
            operands.bias = case.bias.as_deref();
            operands.residual = case.residual.as_deref();
            let mut dst = vec![f32::NAN; plan.geometry().dst.len];
            plan.run(&operands, &mut dst, &mut vec![0.0; plan.scratch_len()]).unwrap();
            assert_eq!(bits(&dst), bits(&case.run(level)), "{level}: {:?}", case.desc);
        }
    }
}

#[test]
fn packed_weights_open_again_and_only_for_their_plan() {
    let desc = Conv2dDesc::new(Layout::Nhwc, 1, 4, [5, 5], 8, [3, 3]);
    let case = Case::new(&desc);
    for level in Level::available() {
        let plan = case.plan(level);
        let mut buffer = vec![f32::NAN; plan.packed_len() + 3];
        plan.pack(&case.weights, &mut buffer).unwrap();
        let operands = Operands::new(&case.src, plan.open(&buffer).unwrap());
        let mut dst = vec![f32::NAN; plan.geometry().dst.len];
        let mut scratch = vec![f32::NAN; plan.scratch_len() + 3];
        plan.run(&operands, &mut dst, &mut scratch).unwrap();
        assert_same(&dst, &case.expected(), level.name());

        let other = GemmConv2dPlan::new(&desc.mode(convoke_core::Mode::Convolve), level).unwrap();
        assert!(matches!(other.open(&buffer), Err(Error::WrongPacking)));
        dst.fill(5.0);
        let error = other.run(&operands, &mut dst, &mut scratch).unwrap_err();
        assert_eq!(error, Error::WrongPacking);
        assert!(dst.iter().all(|&x| x == 5.0));
    }
}

#[test]
fn wrong_lengths_are_errors_and_write_nothing() {
    let case = Case::fused(&Conv2dDesc::new(Layout::Nchw, 1, 3, [5, 6], 4, [2, 2]));
    let plan = case.plan(Level::detect());
    let mut buffer = vec![0.0; plan.packed_len()];
    let operands = case.operands(&plan, &mut buffer);
    let len = plan.geometry().dst.len;
    let check = |operand: &str, operands: Operands, len: usize, scratch: usize| {
        let mut dst = vec![5.0; len];
        match plan.run(&operands, &mut dst, &mut vec![0.0; scratch]) {
            Err(Error::Length { operand: found, .. }) => assert_eq!(found, operand),
            other => panic!("{operand}: {other:?}"),
        }
        assert!(dst.iter().all(|&x| x == 5.0));
    };
    let scratch = plan.scratch_len();
    check("dst", operands, len - 1, scratch);
    check("dst", operands, len + 1, scratch);
    check("scratch", operands, len, scratch - 1);
    check("src", Operands { src: &case.src[1..], ..operands }, len, scratch);
    check("bias", Operands { bias: Some(&[0.0; 5]), ..operands }, len, scratch);
    check("residual", Operands { residual: Some(&case.src[..len - 1]), ..operands }, len, scratch);
    let short = plan.pack(&case.weights[1..], &mut vec![0.0; plan.packed_len()]).unwrap_err();
    assert!(matches!(short, Error::Length { operand: "weights", .. }));
    let short = plan.pack(&case.weights, &mut vec![0.0; plan.packed_len() - 1]).unwrap_err();
    assert!(matches!(short, Error::Length { operand: "packed weights", .. }));

    let rows = |range: core::ops::Range<usize>| plan.run_rows(range, &operands, &mut [], &mut [0.0; 1]);
    let [start, end] = [3, 2];
    assert!(rows(0..5).is_err() && rows(start..end).is_err());
    assert!(rows(0..1).is_err());
}

/// A piece of another plan is an error or, if it happens to be one of this plan too, right; it is never a panic.
#[test]
fn pieces_of_another_plan() {
    let sizes = [[3, 3], [5, 4], [6, 9], [2, 12], [12, 2]];
    for layout in [Layout::Nchw, Layout::Nhwc] {
        for size in sizes {
            let case = Case::new(&Conv2dDesc::new(layout, 2, 2, size, 3, [1, 1]).dst_row_stride(40));
            let plan = case.plan(Level::detect());
            let mut buffer = vec![0.0; plan.packed_len()];
            let operands = case.operands(&plan, &mut buffer);
            for other in sizes {
                for row in [36, 40] {
                    let desc = Conv2dDesc::new(layout, 3, 2, other, 3, [1, 1]).dst_row_stride(row);
                    let other = GemmConv2dPlan::new(&desc, Level::detect()).unwrap();
                    for piece in [1, 2, 5, 99].into_iter().flat_map(|count| other.pieces(count)) {
                        let mut dst = vec![0.0; piece.dst_range().len()];
                        let mut scratch = vec![0.0; plan.scratch_len()];
                        let _ = plan.run_piece(&piece, &operands, &mut dst, &mut scratch);
                    }
                }
            }
        }
    }
}

#[test]
fn an_empty_batch_is_an_empty_result() {
    for layout in [Layout::Nchw, Layout::Nhwc] {
        let case = Case::fused(&Conv2dDesc::new(layout, 0, 3, [5, 6], 4, [2, 2]));
        for level in Level::available() {
            assert!(case.run(level).is_empty());
            let plan = case.plan(level);
            assert_eq!(plan.scratch_len(), 0);
            assert_eq!(plan.pieces(4).count(), 0);
        }
    }
}

#[test]
fn scratch_does_not_grow_with_the_image() {
    // With 4096 channels, as large as sizes in 32 bits allow, or much larger.
    let large = if usize::BITS > 32 { 4000 } else { 300 };
    for layout in [Layout::Nchw, Layout::Nhwc] {
        for level in Level::available() {
            let scratch = |size, channels| {
                let desc = Conv2dDesc::new(layout, 1, channels, [size, size], 64, [3, 3]);
                GemmConv2dPlan::new(&desc, level).unwrap().scratch_len()
            };
            assert_eq!(scratch(100, 512), scratch(large, 512));
            assert_eq!(scratch(100, 512), scratch(100, 4096));
            assert!(scratch(large, 4096) * size_of::<f32>() <= 136 * 1024);
        }
    }
}

#[test]
fn descriptions_count_what_is_done() {
    let desc = Conv2dDesc::new(Layout::Nhwc, 2, 6, [7, 5], 4, [3, 3]).groups(2);
    for level in Level::available() {
        let description = GemmConv2dPlan::new(&desc, level).unwrap().describe();
        assert_eq!(description.macs, 2 * 5 * 3 * 3 * 9 * 4);
        assert_eq!(description.gathered, 2 * 5 * 3 * 6 * 9);
        assert_eq!(description.error_terms, 29);
        assert!(description.vector_macs * level.lanes() as u64 >= description.macs);
        assert!(std::format!("{description}").starts_with("gemm 3x3, tile "));
    }
}
