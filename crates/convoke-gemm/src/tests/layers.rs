//! Shapes: every size around the edges of tiles and blocks, every attribute of a layer.

use convoke_core::{Activation, Border, Conv2dDesc, Layout, Mode, Padding};

use super::Case;

const LAYOUTS: [Layout; 2] = [Layout::Nchw, Layout::Nhwc];

const BORDERS: [Border; 6] = [
    Border::Zero,
    Border::Constant(3.0),
    Border::Replicate,
    Border::Reflect,
    Border::Reflect101,
    Border::Wrap,
];

/// Out channels and pixels one below, at and one above every number that tiles and vectors may have.
#[test]
fn sizes_around_tiles() {
    for layout in LAYOUTS {
        for out in [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 31, 32, 33, 63, 64, 65] {
            for width in [1, 2, 5, 6, 7, 12, 13, 16, 17, 33, 65] {
                Case::new(&Conv2dDesc::new(layout, 1, 3, [2, width + 1], out, [1, 2])).check();
            }
        }
    }
}

/// Pixels around a block of pixels.
#[test]
fn sizes_around_pixel_blocks() {
    for layout in LAYOUTS {
        for width in [23, 24, 25, 31, 32, 33, 47, 48, 49, 95, 96, 97, 127, 128, 129, 191, 193, 257] {
            Case::fused(&Conv2dDesc::new(layout, 1, 2, [1, width], 3, [1, 1])).check();
        }
    }
}

/// Sums around one and two blocks of the depth, ending inside a tap and between taps.
#[test]
fn sizes_around_depth_blocks() {
    for layout in LAYOUTS {
        for (channels, kernel) in [
            (255, [1, 1]),
            (256, [1, 1]),
            (257, [1, 1]),
            (511, [1, 1]),
            (512, [1, 1]),
            (513, [1, 1]),
            (28, [3, 3]),
            (29, [3, 3]),
            (57, [3, 3]),
            (64, [2, 2]),
            (1, [16, 16]),
            (1, [17, 16]),
            (3, [13, 14]),
        ] {
            for border in [Border::Zero, Border::Reflect] {
                let desc = Conv2dDesc::new(layout, 1, channels, [5, 7], 13, kernel);
                Case::fused(&desc.padding(Padding::all(8)).border(border).stride([2, 3])).check();
            }
        }
    }
}

#[test]
fn strides_dilations_paddings_and_borders() {
    for layout in LAYOUTS {
        for border in BORDERS {
            for (stride, dilation) in
                [([1, 1], [1, 1]), ([2, 1], [1, 2]), ([1, 2], [2, 1]), ([3, 3], [1, 1]), ([2, 3], [3, 2])]
            {
                for padding in [
                    Padding::Same,
                    Padding::SameLower,
                    Padding::Explicit { top: 4, left: 0, bottom: 2, right: 9 },
                    Padding::Explicit { top: 1, left: 7, bottom: 5, right: 3 },
                    Padding::all(13),
                ] {
                    for in_size in [[6, 9], [1, 1], [2, 3]] {
                        let desc = Conv2dDesc::new(layout, 2, 2, in_size, 3, [3, 2])
                            .padding(padding)
                            .border(border)
                            .stride(stride)
                            .dilation(dilation);
                        Case::new(&desc).check();
                    }
                }
            }
        }
    }
}

#[test]
fn groups() {
    for layout in LAYOUTS {
        for groups in [1, 2, 3, 6] {
            for (channels, out) in [(6, 6), (12, 6), (6, 18), (18, 42)] {
                let desc = Conv2dDesc::new(layout, 2, channels, [5, 6], out, [3, 3]);
                Case::fused(&desc.groups(groups).padding(Padding::all(1))).check();
            }
        }
    }
}

#[test]
fn true_convolution() {
    for layout in LAYOUTS {
        let desc = Conv2dDesc::new(layout, 1, 2, [6, 7], 3, [2, 3]).padding(Padding::Same);
        Case::new(&desc.mode(Mode::Convolve)).check();
    }
}

/// Rows of `src` and `dst` apart: elements between them are neither read into the result nor written.
#[test]
fn row_strides() {
    for layout in LAYOUTS {
        for (src, dst) in [(40, 44), (24, 24), (41, 24), (24, 45)] {
            let desc = Conv2dDesc::new(layout, 3, 3, [5, 8], 3, [3, 3])
                .padding(Padding::all(1))
                .src_row_stride(src)
                .dst_row_stride(dst);
            let mut case = Case::fused(&desc);
            let row_len = if layout == Layout::Nhwc { 24 } else { 8 };
            for (i, value) in case.src.iter_mut().enumerate() {
                if i % src >= row_len {
                    *value = f32::NAN;
                }
            }
            case.check();
        }
    }
}

/// Tiles that span rows and images.
#[test]
fn small_images_in_large_batches() {
    for layout in LAYOUTS {
        for size in [[1, 1], [1, 3], [7, 7], [5, 1]] {
            for batch in [1, 2, 9, 40] {
                let desc = Conv2dDesc::new(layout, batch, 5, size, 20, [3, 3]);
                Case::fused(&desc.padding(Padding::all(1)).activation(Activation::Relu)).check();
            }
        }
    }
}

/// Infinite and NaN weights, with padding: they reach the outputs whose window contains their tap, and no others.
#[test]
fn weights_that_are_not_finite() {
    for layout in LAYOUTS {
        for border in BORDERS {
            for stride in [[1, 1], [2, 2]] {
                for channels in [1, 30] {
                    let desc = Conv2dDesc::new(layout, 2, channels, [4, 6], 5, [3, 3])
                        .padding(Padding::all(2))
                        .stride(stride)
                        .border(border);
                    let mut case = Case::fused(&desc);
                    case.src.iter_mut().for_each(|x| *x = x.abs() + 1.0);
                    let last = case.weights.len() - 1;
                    case.weights[0] = f32::INFINITY;
                    case.weights[last / 2] = f32::NAN;
                    case.weights[last] = f32::NEG_INFINITY;
                    case.check();
                }
            }
        }
    }
}

/// The same for pixels.
#[test]
fn pixels_that_are_not_finite() {
    for layout in LAYOUTS {
        let desc = Conv2dDesc::new(layout, 1, 3, [7, 9], 5, [3, 3]).padding(Padding::all(1));
        for value in [f32::NAN, f32::INFINITY] {
            let mut case = Case::new(&desc);
            case.src[0] = value;
            case.src[100] = value;
            case.check();
        }
    }
}
