//! Layers small enough to be computed by hand, and the identities that tie larger ones to them.

use convoke_core::{Activation, Border, Conv2dDesc, Layout, Mode, Padding};

use super::{conv2d, conv2d_exact};
use crate::definition::{Picture, convolve, correlate};

fn values(desc: &Conv2dDesc, src: &[f64], weights: &[f64]) -> Vec<f64> {
    let answer = conv2d(desc, src, weights, None, None);
    assert!(answer.written.iter().all(|&written| written), "a dense dst has no gaps");
    answer.values
}

/// One channel of one image.
fn plane(size: [usize; 2], kernel: [usize; 2]) -> Conv2dDesc {
    Conv2dDesc::new(Layout::Nchw, 1, 1, size, 1, kernel)
}

fn left(left: usize) -> Padding {
    Padding::Explicit { top: 0, left, bottom: 0, right: 0 }
}

/// Integers between -9 and 9 that do not repeat soon.
fn numbers(len: usize, seed: usize) -> Vec<f64> {
    (0..len).map(|i| ((i * i * 7 + i * 3 + seed * 5) % 19) as f64 - 9.0).collect()
}

#[test]
fn every_kind_of_padding() {
    let (src, ones) = ([1.0, 20.0, 300.0, 4000.0], [1.0, 1.0]);
    let desc = plane([1, 4], [1, 2]);
    assert_eq!(values(&desc, &src, &ones), [21.0, 320.0, 4300.0]);
    let same = desc.padding(Padding::Same);
    assert_eq!(values(&same, &src, &ones), [21.0, 320.0, 4300.0, 4000.0]);
    let same_lower = desc.padding(Padding::SameLower);
    assert_eq!(values(&same_lower, &src, &ones), [1.0, 21.0, 320.0, 4300.0]);
    let padding = Padding::Explicit { top: 1, left: 2, bottom: 0, right: 1 };
    let explicit = desc.padding(padding);
    let rows = [[0.0; 6], [0.0, 1.0, 21.0, 320.0, 4300.0, 4000.0]].concat();
    assert_eq!(values(&explicit, &src, &ones), rows);
    assert_eq!(values(&explicit.stride([1, 3]), &src, &ones), [0.0, 0.0, 0.0, 320.0]);
    assert_eq!(values(&explicit.stride([1, 2]), &src, &ones), [0.0, 0.0, 0.0, 0.0, 21.0, 4300.0]);
    let dilated = desc.dilation([1, 3]);
    assert_eq!(values(&dilated, &src, &ones), [4001.0]);
    // Windows start at -1, 0, 1, 2 and end at 2, 3, 4, 5.
    assert_eq!(values(&dilated.padding(Padding::Same), &src, &ones), [300.0, 4001.0, 20.0, 300.0]);
}

#[test]
fn every_border() {
    // The picture is "1 2 3"; three taps make a number of three digits; five windows start at -4, -3, -2, -1, 0.
    let desc = plane([1, 3], [1, 3]).padding(left(4));
    let (src, weights) = ([1.0, 2.0, 3.0], [100.0, 10.0, 1.0]);
    let table = [
        (Border::Zero, [0.0, 0.0, 1.0, 12.0, 123.0]),
        (Border::Constant(7.0), [777.0, 777.0, 771.0, 712.0, 123.0]),
        (Border::Replicate, [111.0, 111.0, 111.0, 112.0, 123.0]),
        (Border::Reflect, [332.0, 321.0, 211.0, 112.0, 123.0]),
        (Border::Reflect101, [123.0, 232.0, 321.0, 212.0, 123.0]),
        (Border::Wrap, [312.0, 123.0, 231.0, 312.0, 123.0]),
    ];
    for (border, expected) in table {
        assert_eq!(values(&desc.border(border), &src, &weights), expected, "{border:?}");
        // The same image upright.
        let padding = Padding::Explicit { top: 4, left: 0, bottom: 0, right: 0 };
        let upright = plane([3, 1], [3, 1]).padding(padding).border(border);
        assert_eq!(values(&upright, &src, &weights), expected, "{border:?}, upright");
    }
}

#[test]
fn absent_is_not_zero() {
    let desc = plane([1, 2], [1, 2]).padding(left(1));
    let weights = [f64::INFINITY, 1.0];
    assert_eq!(values(&desc, &[3.0, 4.0], &weights)[0], 3.0);
    assert!(values(&desc.border(Border::Constant(0.0)), &[3.0, 4.0], &weights)[0].is_nan());
    // NaN and infinity reach the windows that contain them, zero weights or not, and no others.
    let middle = [1.0, f64::NAN, 1.0, 1.0];
    let answer = values(&plane([1, 4], [1, 2]), &middle, &[0.0, 1.0]);
    assert_eq!(answer.iter().map(|v| v.is_nan()).collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn channels_groups_and_batch() {
    // One pixel, four channels in, four out. Dense: each out channel sees all; two groups: a half; depthwise: one.
    let src = [1.0, 10.0, 100.0, 1000.0, 2.0, 20.0, 200.0, 2000.0];
    let desc = Conv2dDesc::new(Layout::Nhwc, 2, 4, [1, 1], 4, [1, 1]);
    let dense: Vec<f64> = (1..=16).map(f64::from).collect();
    let answer = values(&desc, &src, &dense);
    assert_eq!(answer[..2], [4321.0, 8765.0]);
    assert_eq!(answer[4..6], [8642.0, 17_530.0]);
    assert_eq!(answer[3], 13.0 + 140.0 + 1500.0 + 16_000.0);

    let weights = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    let halves = [21.0, 43.0, 6500.0, 8700.0, 42.0, 86.0, 13_000.0, 17_400.0];
    assert_eq!(values(&desc.groups(2), &src, &weights), halves);
    let each = [1.0, 20.0, 300.0, 4000.0, 2.0, 40.0, 600.0, 8000.0];
    assert_eq!(values(&desc.groups(4), &src, &weights[..4]), each);
}

#[test]
fn bias_residual_activation_and_gaps() {
    // Two out channels of two rows of one pixel, in rows of 3 (NHWC: two channels and a gap).
    let desc = Conv2dDesc::new(Layout::Nhwc, 1, 1, [2, 1], 2, [1, 1])
        .dst_row_stride(3)
        .src_row_stride(2)
        .activation(Activation::Relu);
    let src = [5.0, f64::NAN, -7.0];
    let residual = [0.5, 0.25, f64::NAN, -0.5, -0.25];
    let answer = conv2d(&desc, &src, &[1.0, -1.0], Some(&[10.0, -1.0]), Some(&residual));
    assert_eq!(answer.written, [true, true, false, true, true]);
    let there = |v: &[f64]| [v[0], v[1], v[3], v[4]];
    assert_eq!(there(&answer.sums), [15.5, -5.75, 2.5, 5.75]);
    assert_eq!(there(&answer.values), [15.5, 0.0, 2.5, 5.75]);
    assert_eq!(there(&answer.magnitude), [15.5, 6.25, 17.5, 8.25]);
    assert!([&answer.values, &answer.sums, &answer.magnitude].iter().all(|v| v.len() == 5 && v[2].is_nan()));

    let integers = conv2d_exact(&desc, &[5, 0, -7], &[1, -1], Some(&[10, -1]), Some(&[1, 2, 0, 3, 4]));
    assert_eq!(integers, [Some(16), Some(-4), None, Some(6), Some(10)]);
}

#[test]
fn a_layer_is_the_definition() {
    let (mask, picture) = (numbers(9, 1), numbers(20, 2));
    let f = Picture::centred(&mask.chunks(3).collect::<Vec<_>>());
    let g = Picture::new([0, 0], &picture.chunks(5).collect::<Vec<_>>());
    let desc = plane([4, 5], [3, 3]).padding(Padding::all(2));
    let whole = |p: &Picture| (-1..5).flat_map(|y| p.row(y, -1..6)).collect::<Vec<_>>();
    assert_eq!(values(&desc, &picture, &mask), whole(&correlate(&f, &g)));
    assert_eq!(values(&desc.mode(Mode::Convolve), &picture, &mask), whole(&convolve(&f, &g)));
    assert_ne!(correlate(&f, &g), convolve(&f, &g));
}

/// All at once: integers agree with real numbers, layouts with each other, stride with skipping, dilation with holes.
#[test]
fn the_same_layer_written_in_other_ways() {
    let nchw = Conv2dDesc::new(Layout::Nchw, 2, 4, [6, 7], 6, [2, 3])
        .groups(2)
        .padding(Padding::Explicit { top: 1, left: 2, bottom: 3, right: 0 })
        .border(Border::Reflect101);
    let mut nhwc = nchw;
    nhwc.layout = Layout::Nhwc;
    let (src, weights) = (numbers(2 * 4 * 42, 3), numbers(6 * 2 * 6, 4));
    // [A, B, C, D] to [A, C, D, B].
    let last = |v: &[f64], [a, b, cd]: [usize; 3]| -> Vec<f64> {
        let index = |i: usize| (i / (b * cd) * b + i % b) * cd + i % (b * cd) / b;
        (0..a * b * cd).map(|i| v[index(i)]).collect()
    };
    let (src_last, weights_last) = (last(&src, [2, 4, 42]), last(&weights, [6, 2, 6]));

    let mut nonzero = 0;
    for (stride, dilation) in [([1, 1], [1, 1]), ([2, 3], [1, 1]), ([1, 1], [3, 2]), ([3, 2], [2, 3])] {
        for mode in [Mode::Correlate, Mode::Convolve] {
            let nchw = nchw.stride(stride).dilation(dilation).mode(mode);
            let nhwc = nhwc.stride(stride).dilation(dilation).mode(mode);
            let [h, w] = crate::out_size(&nchw).expect("the window fits");
            let answer = values(&nchw, &src, &weights);
            assert_eq!(values(&nhwc, &src_last, &weights_last), last(&answer, [2, 6, h * w]));

            let to_i64 = |v: &[f64]| v.iter().map(|&x| x as i64).collect::<Vec<_>>();
            let exact = conv2d_exact(&nchw, &to_i64(&src), &to_i64(&weights), None, None);
            assert_eq!(exact, answer.iter().map(|&x| Some(x as i128)).collect::<Vec<_>>());
            nonzero += answer.iter().filter(|&&x| x != 0.0).count();

            // Every place, then only those that the stride keeps.
            let dense = nchw.stride([1, 1]);
            let [dh, dw] = crate::out_size(&dense).expect("the window fits");
            let all = values(&dense, &src, &weights);
            let mut kept = Vec::new();
            for plane in all.chunks(dh * dw) {
                for y in (0..dh).step_by(stride[0]) {
                    kept.extend((0..dw).step_by(stride[1]).map(|x| plane[y * dw + x]));
                }
            }
            assert_eq!(kept, answer);

            // A dense kernel with zeros in the holes.
            let [r, s] = [dilation[0] + 1, 2 * dilation[1] + 1];
            let mut spread = vec![0.0; 12 * r * s];
            for (i, &weight) in weights.iter().enumerate() {
                let (plane, row, column) = (i / 6, i % 6 / 3, i % 3);
                spread[(plane * r + row * dilation[0]) * s + column * dilation[1]] = weight;
            }
            let mut dense = nchw.dilation([1, 1]);
            dense.kernel = [r, s];
            assert_eq!(values(&dense, &src, &spread), answer);
        }
    }
    assert!(nonzero > 1000, "{nonzero}");
}

#[test]
fn an_empty_batch() {
    let desc = Conv2dDesc::new(Layout::Nchw, 0, 1, [3, 3], 1, [1, 1]);
    assert!(conv2d(&desc, &[], &[1.0], None, None).values.is_empty());
    assert!(conv2d_exact::<i64, i64>(&desc, &[], &[1], None, None).is_empty());
}

#[test]
#[should_panic(expected = "elements of src")]
fn a_wrong_length() {
    conv2d(&plane([2, 2], [1, 1]), &[1.0; 5], &[1.0], None, None);
}
