//! Bugs, by name: those that other convolution libraries have shipped, and those that our own tests, fuzzers and users
//! have found. Each is the smallest case that shows it; none is ever removed.
#![forbid(unsafe_code)]

use convoke_core::{
    Activation, Border, Conv2dDesc, Conv2dPlan, Error, Filter2dDesc, Layout, Level, Mode, Padding,
};
use convoke_harness::hostile::FAR;
use convoke_harness::{
    ConvCase, ConvData, ConvProblem, FilterCase, FilterData, FilterProblem, Picture, PixelType, Way, engines,
    filter_engines,
};

const LAYOUTS: [Layout; 2] = [Layout::Nhwc, Layout::Nchw];

/// Holds every engine against the reference, whole, by rows and by pieces.
fn check(desc: Conv2dDesc) {
    let mut nonzero = 0;
    for problem in [
        ConvProblem::new(desc),
        ConvProblem::new(desc).bias().residual().seed(1),
        ConvProblem::new(desc).real().bias().seed(2),
    ] {
        let case = problem.case();
        for engine in engines() {
            for way in [Way::Whole, Way::Rows(1), Way::Rows(3), Way::Pieces(2), Way::Pieces(7)] {
                let verdict =
                    case.check(&engine, way, 1).unwrap_or_else(|failure| panic!("{way:?}: {failure}"));
                nonzero += verdict.nonzero;
            }
        }
    }
    assert!(nonzero > 0, "every output of {desc:?} is zero");
}

fn check_filter(problem: FilterProblem) {
    let case = problem.case();
    for engine in filter_engines() {
        for way in [Way::Whole, Way::Rows(1), Way::Rows(3)] {
            let verdict = case.check(&engine, way, 1).unwrap_or_else(|failure| panic!("{way:?}: {failure}"));
            verdict.assert_trustworthy();
        }
    }
}

fn both(desc: impl Fn(Layout) -> Conv2dDesc) {
    LAYOUTS.into_iter().map(desc).for_each(check);
}

// --- Shapes at which indices are easily swapped without anyone noticing. ---

/// huggingface/candle#3405: a tiled convolution was wrong when channels, height and width were equal.
#[test]
fn channels_equal_height_equal_width() {
    for size in [3, 4, 8, 16, 17] {
        both(|layout| Conv2dDesc::new(layout, 1, size, [size, size], size, [3, 3]).padding(Padding::all(1)));
        both(|layout| Conv2dDesc::new(layout, 2, size, [size, size], size, [1, 1]));
        both(|layout| {
            Conv2dDesc::new(layout, 1, size, [size, size], size, [3, 3]).padding(Padding::all(1)).groups(size)
        });
    }
}

/// huggingface/candle#3736: wrong offsets for operands with strides.
#[test]
fn rows_with_gaps() {
    for gap in [1, 7, 64] {
        both(|layout| {
            let [src, dst] = if layout == Layout::Nhwc { [9 * 5, 9 * 6] } else { [9, 9] };
            Conv2dDesc::new(layout, 2, 5, [7, 9], 6, [3, 3])
                .padding(Padding::all(1))
                .src_row_stride(src + gap)
                .dst_row_stride(dst + 2 * gap)
        });
        both(|layout| {
            let [src, dst] = if layout == Layout::Nhwc { [9 * 5, 4 * 20] } else { [9, 4] };
            Conv2dDesc::new(layout, 1, 5, [7, 9], 20, [2, 2])
                .stride([2, 2])
                .src_row_stride(src + gap)
                .dst_row_stride(dst + gap)
        });
    }
}

/// Unit dimensions make strides meaningless; PyTorch 136348 and burn#4591 read them all the same.
#[test]
fn unit_sizes_with_strides() {
    for in_size in [[1, 1], [1, 9], [9, 1]] {
        for stride in [[1, 1], [2, 3], [50, 50]] {
            both(|layout| Conv2dDesc::new(layout, 3, 1, in_size, 1, [1, 1]).stride(stride));
            both(|layout| {
                Conv2dDesc::new(layout, 2, 6, in_size, 5, [3, 3]).stride(stride).padding(Padding::all(1))
            });
            both(|layout| {
                let row = if layout == Layout::Nhwc { in_size[1] * 6 } else { in_size[1] };
                Conv2dDesc::new(layout, 2, 6, in_size, 5, [3, 3])
                    .stride(stride)
                    .padding(Padding::all(1))
                    .src_row_stride(row + 3)
            });
        }
    }
}

/// kornia-rs 69013beb: a one-column image took a guard meant for something else.
#[test]
fn one_column_and_one_row() {
    for size in [[17, 1], [1, 17], [1, 1]] {
        for border in [Border::Zero, Border::Replicate, Border::Reflect, Border::Reflect101, Border::Wrap] {
            both(|layout| {
                Conv2dDesc::new(layout, 1, 3, size, 4, [5, 5]).padding(Padding::Same).border(border)
            });
            for channels in 1..=4 {
                check_filter(FilterProblem::new(
                    Filter2dDesc::new(size, channels, [5, 5]).border(border).offset(100.0),
                ));
            }
        }
    }
}

// --- Padding. ---

/// robertknight/rten#1399: for an odd amount, SAME has its extra row and column at the end, SAME_LOWER at the start.
#[test]
fn same_padding_puts_the_odd_one_at_the_end() {
    let src: Vec<f32> = (1..=4).map(|x| x as f32).collect();
    for (padding, want) in [(Padding::Same, [3.0, 5.0, 7.0, 4.0]), (Padding::SameLower, [1.0, 3.0, 5.0, 7.0])]
    {
        for layout in LAYOUTS {
            let desc = Conv2dDesc::new(layout, 1, 1, [1, 4], 1, [1, 2]).padding(padding);
            let data = ConvData { src: src.clone(), weights: vec![1.0, 1.0], bias: None, residual: None };
            let case = ConvCase::with(ConvProblem::new(desc), data);
            for engine in engines() {
                assert_eq!(case.output(&engine, Way::Whole, 0), want, "{engine}, {padding:?}");
            }
        }
    }
}

/// burn#4837: SAME with a stride of two or more panicked.
#[test]
fn same_padding_with_a_stride() {
    for padding in [Padding::Same, Padding::SameLower] {
        for stride in 2..=5 {
            for size in [4, 5, 7, 8] {
                both(|layout| {
                    Conv2dDesc::new(layout, 1, 2, [size, size + 1], 3, [3, 2])
                        .padding(padding)
                        .stride([stride, stride])
                });
            }
        }
    }
}

/// oneDNN 5942: rows and columns whose window lies wholly in padding.
#[test]
fn a_window_wholly_in_padding() {
    both(|layout| Conv2dDesc::new(layout, 1, 1, [1, 1], 1, [1, 1]).padding(Padding::all(1)));
    for padding in [3, 4, 7] {
        for groups in [1, 3, 6] {
            both(|layout| {
                Conv2dDesc::new(layout, 1, 6, [2, 5], 6, [3, 3]).padding(Padding::all(padding)).groups(groups)
            });
        }
    }
}

/// Ours: a run of pixels that lies wholly left or right of the image, with a border that has values there.
#[test]
fn a_run_of_pixels_wholly_beside_the_image() {
    for border in [Border::Constant(0.0), Border::Constant(2.0), Border::Replicate, Border::Wrap] {
        for (left, right) in [(2, 0), (0, 2), (9, 9)] {
            let padding = Padding::Explicit { top: 0, left, bottom: 0, right };
            both(|layout| {
                Conv2dDesc::new(layout, 1, 1, [1, 1], 1, [1, 1])
                    .stride([1, 3])
                    .padding(padding)
                    .border(border)
            });
            both(|layout| {
                Conv2dDesc::new(layout, 1, 6, [3, 2], 6, [1, 3]).padding(padding).border(border).groups(3)
            });
        }
    }
    let padding = Padding::Explicit { top: 0, left: 34, bottom: 9, right: 34 };
    both(|layout| {
        Conv2dDesc::new(layout, 1, 48, [1, 1], 6, [4, 7])
            .dilation([3, 3])
            .padding(padding)
            .border(Border::Constant(0.0))
            .groups(3)
    });
}

/// Ours: taps that step over the whole image, from the padding above it to the padding below.
#[test]
fn taps_that_step_over_the_image() {
    let below = Padding::Explicit { top: 0, left: 0, bottom: 4, right: 0 };
    both(|layout| Conv2dDesc::new(layout, 1, 2, [1, 1], 1, [3, 1]).dilation([2, 1]).padding(below));
    let around = Padding::Explicit { top: 3, left: 0, bottom: 3, right: 0 };
    both(|layout| Conv2dDesc::new(layout, 1, 1, [1, 1], 2, [3, 1]).dilation([2, 1]).padding(around));
    let beside = Padding::Explicit { top: 0, left: 3, bottom: 0, right: 3 };
    both(|layout| {
        Conv2dDesc::new(layout, 1, 4, [1, 1], 4, [1, 3]).dilation([1, 2]).padding(beside).groups(4)
    });
}

/// XNNPACK 10457: a dilation larger than the input read before the buffer.
#[test]
fn a_dilation_beyond_the_image() {
    for border in [Border::Zero, Border::Replicate, Border::Reflect101, Border::Wrap] {
        both(|layout| {
            Conv2dDesc::new(layout, 1, 3, [4, 5], 4, [3, 3])
                .dilation([7, 9])
                .padding(Padding::Same)
                .border(border)
        });
    }
    both(|layout| {
        Conv2dDesc::new(layout, 1, 8, [4, 5], 8, [2, 3]).dilation([4, 5]).padding(Padding::Same).groups(8)
    });
}

/// burn#5394: infinite weights over padding. See `special_values.rs` for all kinds of layers.
#[test]
fn infinite_weights_over_padding_do_no_harm() {
    for layout in LAYOUTS {
        let desc = Conv2dDesc::new(layout, 1, 1, [1, 3], 1, [1, 3]).padding(Padding::Same);
        let data = ConvData {
            src: vec![1.0, 2.0, 3.0],
            weights: vec![f32::INFINITY, 1.0, 0.0],
            bias: None,
            residual: None,
        };
        let case = ConvCase::with(ConvProblem::new(desc), data);
        for engine in engines() {
            assert_eq!(case.output(&engine, Way::Whole, 0), [1.0, f32::INFINITY, f32::INFINITY], "{engine}");
        }
    }
}

// --- Groups and channels. ---

/// robertknight/rten#1408: each group has its own stretch of the bias.
#[test]
fn a_bias_for_every_group() {
    for groups in [2, 3, 6] {
        for layout in LAYOUTS {
            let desc = Conv2dDesc::new(layout, 1, 6, [4, 4], 12, [3, 3]).groups(groups);
            let problem = ConvProblem::new(desc).bias();
            let mut data = problem.data();
            data.weights.fill(0.0);
            let bias: Vec<f32> = (1..=12).map(|k| k as f32).collect();
            data.bias = Some(bias.clone());
            let case = ConvCase::with(problem, data);
            for engine in engines() {
                let dst = problem.dense_dst(&case.output(&engine, Way::Whole, 0));
                let want: Vec<f32> = bias.iter().flat_map(|&b| [b; 4]).collect();
                assert_eq!(dst, want, "{engine} with {groups} groups");
            }
        }
    }
}

/// robertknight/rten#1378: the fast path for pointwise layers skipped the check of the channels.
#[test]
fn a_pointwise_layer_checks_its_channels() {
    for layout in LAYOUTS {
        let desc = Conv2dDesc::new(layout, 1, 8, [5, 5], 4, [1, 1]);
        for engine in engines() {
            let plan = engine.plan(&desc).unwrap();
            let mut buffer = vec![0.0; plan.packed_len() + 100];
            for len in [28, 31, 33, 64] {
                let result = plan.pack(&vec![1.0; len], &mut buffer).map(|_| ());
                assert_eq!(
                    result,
                    Err(Error::Length { operand: "weights", required: 32, got: len }),
                    "{engine}"
                );
            }
            for groups in [3, 5, 8] {
                assert!(
                    matches!(engine.plan(&desc.groups(groups)), Err(Error::NotDivisible { .. })),
                    "{engine}"
                );
            }
        }
    }
}

/// tracel-ai/burn#4727: the lanes of the last vector of a group reached into the next group.
#[test]
fn the_last_vector_of_a_group() {
    for group_out in [1, 3, 5, 7, 9, 15, 17, 31] {
        both(|layout| {
            Conv2dDesc::new(layout, 1, 12, [4, 6], 3 * group_out, [3, 3]).groups(3).padding(Padding::all(1))
        });
    }
    for groups in [2, 3, 5, 7, 9, 15, 17, 31, 33] {
        both(|layout| {
            Conv2dDesc::new(layout, 1, groups, [4, 6], groups, [3, 3]).groups(groups).padding(Padding::all(1))
        });
        both(|layout| Conv2dDesc::new(layout, 1, groups, [4, 6], 2 * groups, [3, 3]).groups(groups));
    }
}

/// robertknight/rten#1407: dilation was not taken into account everywhere; with stride, padding and groups at once.
#[test]
fn dilation_with_everything_else() {
    for groups in [1, 2, 4] {
        both(|layout| {
            Conv2dDesc::new(layout, 2, 4, [11, 13], 8, [3, 2])
                .dilation([2, 3])
                .stride([2, 1])
                .padding(Padding::Explicit { top: 1, left: 4, bottom: 3, right: 0 })
                .groups(groups)
                .activation(Activation::Relu)
        });
    }
}

// --- Sizes that overflow. ---

/// image-rs/imageproc#777, XNNPACK 10709: products of kernel dimensions that wrap.
#[test]
fn kernel_sizes_whose_product_wraps() {
    const HALF: usize = 1 << (usize::BITS / 2);
    for kernel in [[HALF, HALF], [usize::MAX, usize::MAX], [1 << (usize::BITS - 1), 2], [HALF + 1, HALF]] {
        for padding in [Padding::Same, Padding::all(usize::MAX / 9), Padding::Valid] {
            for layout in LAYOUTS {
                let desc = Conv2dDesc::new(layout, 1, 1, [8, 8], 1, kernel).padding(padding);
                for engine in engines() {
                    assert!(engine.plan(&desc).is_err(), "{engine}: {desc:?}");
                }
            }
        }
        for engine in filter_engines() {
            assert!(engine.plan(&Filter2dDesc::new([8, 8], 1, kernel)).is_err(), "{engine}: {kernel:?}");
        }
    }
}

/// PyTorch 143480 and 161875, TensorFlow 61905: extreme dilations, paddings and strides.
#[test]
fn extreme_attributes() {
    let one = Conv2dDesc::new(Layout::Nchw, 1, 1, [5, 5], 1, [1, 1]);
    for level in Level::available() {
        // A dilation means nothing to one tap, and a long stride only says that there is one window.
        for extreme in [1 << 31, (1 << 31) - 1, 65_536].map(|extreme: usize| extreme.min(usize::MAX / 16)) {
            let plan = Conv2dPlan::new(&one.stride([extreme, extreme]), level).unwrap();
            assert_eq!(plan.geometry().out_size, [1, 1]);
        }
        let two = Conv2dDesc::new(Layout::Nchw, 1, 1, [5, 5], 1, [2, 2]);
        assert!(Conv2dPlan::new(&two.dilation([1 << 31, 1]), level).is_err());
        assert!(Conv2dPlan::new(&two.dilation([usize::MAX, usize::MAX]), level).is_err());
        for padding in [usize::MAX / 2 - 4, usize::MAX / 2 + 1, usize::MAX, usize::MAX - 2] {
            assert!(matches!(
                Conv2dPlan::new(&one.padding(Padding::all(padding)), level),
                Err(Error::Overflow { .. })
            ));
        }
    }
    both(|layout| {
        Conv2dDesc::new(layout, 1, 3, [5, 6], 2, [2, 2]).stride([65_536, 70_000]).padding(Padding::all(1))
    });
}

// --- Picture filters. ---

/// image-rs/image#3026: borders were left black.
#[test]
fn borders_are_not_left_black() {
    for border in
        [Border::Replicate, Border::Reflect, Border::Reflect101, Border::Wrap, Border::Constant(200.0)]
    {
        for mask_size in [[3, 3], [7, 7], [1, 5]] {
            let taps = (mask_size[0] * mask_size[1]) as f32;
            let desc = Filter2dDesc::new([8, 20], 3, mask_size).border(border).divisor(taps);
            let data = FilterData { mask: vec![1.0; taps as usize], src: Picture::U8(vec![200; 480]) };
            let case = FilterCase::with(FilterProblem::new(desc), data);
            for engine in filter_engines() {
                assert_eq!(
                    case.output(&engine, Way::Whole, 0),
                    Picture::U8(vec![200; 480]),
                    "{engine}, {border:?}"
                );
            }
        }
    }
}

/// kornia-rs 69013beb: the 5x5 Gaussian was a 3x3 one. Every tap of a mask must reach the result.
#[test]
fn every_tap_of_a_mask_counts() {
    for mask_size in [[5, 5], [4, 6], [1, 31], [15, 1], [9, 9]] {
        let [r, s] = mask_size;
        let [h, w] = [2 * r + 1, 2 * s + 1];
        let mut src = vec![0_u8; h * w];
        src[r * w + s] = 1;
        for tap in 0..r * s {
            let mut mask = vec![0.0; r * s];
            mask[tap] = 100.0;
            let desc = Filter2dDesc::new([h, w], 1, mask_size).mode(Mode::Convolve);
            let case = FilterCase::with(
                FilterProblem::new(desc),
                FilterData { mask, src: Picture::U8(src.clone()) },
            );
            let mut want = vec![0_u8; h * w];
            want[(r + tap / s - r / 2) * w + s + tap % s - s / 2] = 100;
            for engine in filter_engines() {
                assert_eq!(
                    case.output(&engine, Way::Whole, 0),
                    Picture::U8(want.clone()),
                    "{engine}, tap {tap} of {r}x{s}"
                );
            }
        }
    }
}

/// OpenCV 4.14 and 5.0: a box of two 8-bit pixels is one too high; black became 1 and white 0.
#[test]
fn a_box_of_two_pixels() {
    for mask_size in [[1, 2], [2, 1]] {
        let desc = Filter2dDesc::new([6, 70], 1, mask_size).divisor(2.0).border(Border::Reflect101);
        for value in [0, 1, 254, 255] {
            let data = FilterData { mask: vec![1.0; 2], src: Picture::U8(vec![value; 420]) };
            let case = FilterCase::with(FilterProblem::new(desc), data);
            for engine in filter_engines() {
                assert_eq!(case.output(&engine, Way::Whole, 0), Picture::U8(vec![value; 420]), "{engine}");
            }
        }
        check_filter(FilterProblem::new(desc));
        check_filter(FilterProblem::new(desc).types(PixelType::U8, PixelType::F32));
    }
}

/// robertknight/rten#1486: integers that wrapped in vectors and panicked in plain code. Sums far outside a byte are clamped
/// everywhere.
#[test]
fn sums_far_outside_a_byte_are_clamped() {
    for (weight, want) in
        [(1e9, 255), (-1e9, 0), (16_843_009.0, 255), (-16_843_009.0, 0), (3e38, 255), (-3e38, 0)]
    {
        let desc = Filter2dDesc::new([5, 40], 1, [3, 3]).border(Border::Replicate);
        let data = FilterData { mask: vec![weight; 9], src: Picture::U8(vec![255; 200]) };
        let case = FilterCase::with(FilterProblem::new(desc), data);
        for engine in filter_engines() {
            assert_eq!(
                case.output(&engine, Way::Whole, 0),
                Picture::U8(vec![want; 200]),
                "{engine}, {weight}"
            );
        }
    }
}

// --- Activations. ---

/// Ours: SiLU lost its last digits where the sigmoid alone is denormal but the product is not.
#[test]
fn silu_far_to_the_left() {
    let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [1, 4], 1, [1, 1]).activation(Activation::Silu);
    let data =
        ConvData { src: vec![-87.0, -88.0, -89.0, -91.0], weights: vec![1.0], bias: None, residual: None };
    let case = ConvCase::with(ConvProblem::new(desc).real(), data);
    for engine in engines() {
        let dst = case.output(&engine, Way::Whole, 0);
        let verdict = case.compare(&dst, 0).unwrap_or_else(|what| panic!("{engine}: {what}"));
        verdict.assert_trustworthy();
    }
}

/// Ours: with an empty batch the length of a tensor is zero however long its rows, and the plane's size overflowed.
#[test]
fn an_empty_batch_of_endless_rows() {
    for layout in LAYOUTS {
        for desc in [
            Conv2dDesc::new(layout, 0, 4, [6, 6], 4, [3, 3]).src_row_stride(usize::MAX / 4),
            Conv2dDesc::new(layout, 0, 4, [6, 6], 4, [3, 3]).dst_row_stride(usize::MAX / 16 + 1),
            Conv2dDesc::new(layout, 0, 4, [FAR, FAR], 4, [3, 3]),
        ] {
            for engine in engines() {
                assert!(matches!(engine.plan(&desc), Err(Error::Overflow { .. })), "{engine}: {desc:?}");
            }
        }
    }
}

/// Tiles of three vectors have fewer pixels than the windows that were gathered for them; small images with zeros around
/// them, and infinite weights, for which the same band must do without.
#[test]
fn tiles_and_the_bands_they_were_planned_for() {
    for out_channels in [12, 24, 40, 48] {
        both(|layout| {
            Conv2dDesc::new(layout, 1, 16, [20, 20], out_channels, [3, 3])
                .dilation([40, 40])
                .padding(Padding::all(40))
        });
        both(|layout| {
            Conv2dDesc::new(layout, 2, 5, [7, 6], out_channels, [5, 5])
                .padding(Padding::all(2))
                .stride([1, 2])
        });
    }
    for layout in LAYOUTS {
        let desc = Conv2dDesc::new(layout, 1, 6, [5, 5], 20, [5, 5]).padding(Padding::all(2));
        let problem = ConvProblem::new(desc);
        let mut data = problem.data();
        data.weights[0] = f32::INFINITY;
        let case = ConvCase::with(problem, data);
        for engine in engines() {
            let output = case.output(&engine, Way::Whole, 0);
            // The first tap of channel 0 lies inside for the outputs from row 2 and column 2 on.
            assert_eq!(output.iter().filter(|y| !y.is_finite()).count(), 9, "{engine}");
        }
    }
}

/// Ours, found by fuzzing: with a border that has values, everything between the taps of a dilated kernel was gathered too,
/// so that 41,616 multiply-adds took five seconds. What is gathered shows in the scratch: for a few windows it should not be
/// much more than those windows.
#[test]
fn a_wide_dilation_gathers_taps_and_not_what_lies_between() {
    for border in [Border::Zero, Border::Constant(1.0), Border::Replicate, Border::Wrap] {
        for layout in LAYOUTS {
            for groups in [1, 4, 16] {
                for dilation in [20, 100, 400] {
                    let desc = Conv2dDesc::new(layout, 1, 16, [17, 17], 16, [3, 3])
                        .dilation([dilation, dilation])
                        .padding(Padding::Same)
                        .border(border)
                        .groups(groups);
                    let windows = 17 * 17 * 9 * 16;
                    for engine in engines() {
                        let scratch = engine.plan(&desc).unwrap().scratch_len();
                        assert!(
                            scratch <= 2 * windows + (1 << 16),
                            "{engine} wants {scratch} elements of scratch for {windows} in all windows of {desc:?}"
                        );
                    }
                }
            }
        }
    }
}

/// Found by the tests of input gradients, whose phases often see nothing: an infinite weight makes the plane kernel take outputs
/// that share their taps together, and of those that see no row it looked for the first one, behind the last.
#[test]
fn an_infinite_weight_over_outputs_that_see_only_padding() {
    for kernel in [[2, 2], [1, 3], [3, 1]] {
        for out_channels in [1, 2] {
            let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [3, 9], out_channels, kernel)
                .padding(Padding::Explicit { top: 4, left: 3, bottom: 5, right: 4 });
            let problem = ConvProblem::new(desc).real();
            let mut data = problem.data();
            data.weights[0] = f32::INFINITY;
            let case = ConvCase::with(problem, data);
            for engine in engines() {
                let _ = case.check(&engine, Way::Whole, 0).unwrap_or_else(|failure| panic!("{failure}"));
            }
        }
    }
}

/// Ours: the dilation of a single tap is no distance, but it was added to one, and the sum overflowed.
#[test]
fn the_dilation_of_one_tap_when_transposed() {
    use convoke_core::{ConvTranspose2dDesc, ConvTranspose2dPlan, OutputSize};
    for dilation in [isize::MAX as usize, isize::MAX as usize + 1, usize::MAX] {
        let desc =
            ConvTranspose2dDesc::new(Layout::Nhwc, 1, 2, [3, 3], 2, [1, 1]).dilation([dilation, dilation]);
        for level in Level::available() {
            let plan = ConvTranspose2dPlan::new(&desc, level).unwrap();
            assert_eq!(plan.geometry().out_size, [3, 3]);
            let mut exact = desc;
            exact.output = OutputSize::Exact([3, 5]);
            assert_eq!(ConvTranspose2dPlan::new(&exact, level).unwrap().geometry().out_size, [3, 5]);
        }
    }
}

/// Ours: a mask without columns was cut into chunks of none, which panics.
#[test]
fn factors_of_an_empty_mask() {
    use convoke_core::{factor, factor_two};
    for [r, s] in [[0, 0], [0, 3], [3, 0]] {
        assert_eq!(factor(&[], &mut vec![f32::NAN; r], &mut vec![f32::NAN; s]), Ok(true), "{r}x{s}");
        let (mut columns, mut rows) = (vec![f32::NAN; 2 * r], vec![f32::NAN; 2 * s]);
        assert_eq!(factor_two(&[], &mut columns, &mut rows), Ok(true), "{r}x{s}");
        assert!(columns.iter().chain(&rows).all(|value| *value == 0.0), "{r}x{s}");
    }
}
