//! The introductory lecture's figures as golden tests: the worked table of the 3x3 mean, the identity, the shifts under
//! correlation and under convolution, and the parameters of the three kinds of layer. Each is asked of the reference
//! and of the core's filters and layers on every level of this machine.

use convoke_core::{
    Border, Conv2dDesc, Conv2dPlan, Filter2dDesc, Filter2dPlan, Layout, Level, Mode, Operands, Padding, Pixel,
};
use convoke_reference::definition::{self, Picture};
use convoke_reference::{conv2d, conv2d_exact, filter2d_f64, filter2d_u8, layers};

/// The picture of the worked example.
#[rustfmt::skip]
const PICTURE: [[u8; 10]; 10] = [
    [0, 0,  0,  0,  0,  0,  0,  0, 0, 0],
    [0, 0,  0,  0,  0,  0,  0,  0, 0, 0],
    [0, 0,  0, 90, 90, 90, 90, 90, 0, 0],
    [0, 0,  0, 90, 90, 90, 90, 90, 0, 0],
    [0, 0,  0, 90, 90, 90, 90, 90, 0, 0],
    [0, 0,  0, 90,  0, 90, 90, 90, 0, 0],
    [0, 0,  0, 90, 90, 90, 90, 90, 0, 0],
    [0, 0,  0,  0,  0,  0,  0,  0, 0, 0],
    [0, 0, 90,  0,  0,  0,  0,  0, 0, 0],
    [0, 0,  0,  0,  0,  0,  0,  0, 0, 0],
];

/// Its mean over 3x3 pixels, wherever the window lies inside.
#[rustfmt::skip]
const MEAN: [[u8; 8]; 8] = [
    [ 0, 10, 20, 30, 30, 30, 20, 10],
    [ 0, 20, 40, 60, 60, 60, 40, 20],
    [ 0, 30, 60, 90, 90, 90, 60, 30],
    [ 0, 30, 50, 80, 80, 90, 60, 30],
    [ 0, 30, 50, 80, 80, 90, 60, 30],
    [ 0, 20, 30, 50, 50, 60, 40, 20],
    [10, 20, 30, 30, 30, 30, 20, 10],
    [10, 10, 10,  0,  0,  0,  0,  0],
];

const ONES: [f32; 9] = [1.0; 9];
const IDENTITY: [f32; 9] = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
/// A single 1 to the right of the centre.
const RIGHT: [f32; 9] = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
/// A single 1 above the centre.
const ABOVE: [f32; 9] = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
const GRADIENT: [f32; 9] = [-1.0, 0.0, 1.0, -1.0, 0.0, 1.0, -1.0, 0.0, 1.0];

const BORDERS: [Border; 6] = [
    Border::Zero,
    Border::Constant(90.0),
    Border::Replicate,
    Border::Reflect,
    Border::Reflect101,
    Border::Wrap,
];

fn picture<T: From<u8>>() -> Vec<T> {
    PICTURE.concat().into_iter().map(T::from).collect()
}

/// The 64 values inside a frame of one pixel.
fn interior<T: Copy>(whole: &[T]) -> Vec<T> {
    assert_eq!(whole.len(), 100);
    whole.chunks(10).skip(1).take(8).flat_map(|row| row[1..9].iter().copied()).collect()
}

/// The lecture's values, as any type.
fn mean<T: From<u8>>() -> Vec<T> {
    MEAN.concat().into_iter().map(T::from).collect()
}

/// The picture moved right and down by so many pixels, with 0 where nothing comes from.
fn moved<T: From<u8>>(right: isize, down: isize) -> Vec<T> {
    let at = |y: isize, x: isize| {
        let row = usize::try_from(y).ok().and_then(|y| PICTURE.get(y));
        row.and_then(|row| usize::try_from(x).ok().and_then(|x| row.get(x))).copied().unwrap_or(0)
    };
    (0..10).flat_map(|y| (0..10).map(move |x| (y, x))).map(|(y, x)| at(y - down, x - right).into()).collect()
}

fn filter_desc() -> Filter2dDesc {
    Filter2dDesc::new([10, 10], 1, [3, 3])
}

/// One channel in, one out, as large as the picture.
fn layer_desc() -> Conv2dDesc {
    Conv2dDesc::new(Layout::Nchw, 1, 1, [10, 10], 1, [3, 3]).padding(Padding::all(1))
}

/// The core's filter. Results and scratch start as rubbish.
fn filter<I: Pixel + From<u8>, O: Pixel + From<u8>>(
    desc: &Filter2dDesc,
    level: Level,
    mask: &[f32],
) -> Vec<O> {
    let plan = Filter2dPlan::new(desc, level).expect("a filter that can be planned");
    let mut buffer = vec![f32::NAN; plan.packed_len()];
    let mask = plan.pack(mask, &mut buffer).expect("a finite mask");
    let mut scratch = vec![f32::NAN; plan.scratch_len()];
    let mut dst = vec![O::from(77); plan.dst_len()];
    plan.run(&mask, &picture::<I>(), &mut dst, &mut scratch).expect("operands of the right length");
    dst
}

/// The core's layer. Results and scratch start as rubbish.
fn layer(desc: &Conv2dDesc, level: Level, weights: &[f32]) -> Vec<f32> {
    let plan = Conv2dPlan::new(desc, level).expect("a layer that can be planned");
    let mut buffer = vec![f32::NAN; plan.packed_len()];
    let packed = plan.pack(weights, &mut buffer).expect("weights of the right length");
    let mut scratch = vec![f32::NAN; plan.scratch_len()];
    let mut dst = vec![f32::NAN; plan.geometry().dst.len];
    let src = picture::<f32>();
    plan.run(&Operands::new(&src, packed), &mut dst, &mut scratch).expect("operands of the right length");
    dst
}

#[test]
fn the_worked_table_by_definition_and_by_reference() {
    // The definition, at each of the 64 places.
    let rows: Vec<Vec<f64>> = PICTURE.iter().map(|row| row.map(f64::from).to_vec()).collect();
    let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    let (ones, image) = (Picture::centred(&[&[1.0; 3][..]; 3]), Picture::new([0, 0], &rows));
    for (y, row) in MEAN.iter().enumerate() {
        for (x, &expected) in row.iter().enumerate() {
            let sum = definition::weighted_sum(&ones, &image, x as i64 + 1, y as i64 + 1);
            assert_eq!(sum / 9.0, f64::from(expected), "row {y}, column {x}");
        }
    }

    // As a filter, on bytes and on real numbers.
    let desc = filter_desc().divisor(9.0);
    assert_eq!(interior(&filter2d_u8(&desc, &ONES, &picture::<u8>())), mean::<u8>());
    assert_eq!(interior(&filter2d_f64(&desc, &ONES, &picture::<f64>()).0), mean::<f64>());
    // Ninths are not exact in binary, but near enough to 1/9 for every byte here.
    assert_eq!(interior(&filter2d_u8(&filter_desc(), &[1.0 / 9.0; 9], &picture::<u8>())), mean::<u8>());

    // As a layer: nine times the table, in real numbers and in integers.
    let valid = layer_desc().padding(Padding::Valid);
    let answer = conv2d(&valid, &picture::<f64>(), &[1.0; 9], None, None);
    assert_eq!(answer.values, mean::<f64>().iter().map(|v| 9.0 * v).collect::<Vec<_>>());
    let sums = conv2d_exact(&valid, &picture::<u8>(), &[1_i8; 9], None, None);
    assert_eq!(sums, mean::<i128>().iter().map(|v| Some(9 * v)).collect::<Vec<_>>());
}

#[test]
fn the_worked_table_as_a_filter_on_every_level() {
    let desc = filter_desc().divisor(9.0);
    for level in Level::available() {
        assert_eq!(interior(&filter::<u8, u8>(&desc, level, &ONES)), mean::<u8>(), "{level:?}");
        // All sums are multiples of 90, which division by 9 leaves exact.
        assert_eq!(interior(&filter::<f32, f32>(&desc, level, &ONES)), mean::<f32>(), "{level:?}");
        assert_eq!(interior(&filter::<u8, f32>(&desc, level, &ONES)), mean::<f32>(), "{level:?}");
        assert_eq!(interior(&filter::<f32, u8>(&desc, level, &ONES)), mean::<u8>(), "{level:?}");
        let ninths = filter::<u8, u8>(&filter_desc(), level, &[1.0 / 9.0; 9]);
        assert_eq!(interior(&ninths), mean::<u8>(), "{level:?}");
    }
}

#[test]
fn the_worked_table_as_a_layer_on_every_level() {
    for level in Level::available() {
        let sums: Vec<f32> = mean::<f32>().iter().map(|v| 9.0 * v).collect();
        assert_eq!(layer(&layer_desc().padding(Padding::Valid), level, &ONES), sums, "{level:?}");
        for (border, mode) in BORDERS.into_iter().zip([Mode::Correlate, Mode::Convolve].into_iter().cycle()) {
            // Whatever lies outside, the inside is the same, and the ones are the same when turned round.
            let desc = layer_desc().border(border).mode(mode);
            assert_eq!(interior(&layer(&desc, level, &ONES)), sums, "{border:?}, {level:?}");
        }

        // With ninths as weights: nine products and as many sums round, each by 2^-24 at most.
        let ninths = layer(&layer_desc(), level, &[1.0 / 9.0; 9]);
        for (got, expected) in interior(&ninths).into_iter().zip(mean::<f32>()) {
            // The weights themselves are 1/9 but for one more rounding.
            let bound = 10.0 * f64::from(expected) * 0.5_f64.powi(24);
            assert!((f64::from(got) - f64::from(expected)).abs() <= bound, "{got} for {expected}, {level:?}");
        }
    }
}

#[test]
fn the_whole_table_with_every_border_on_every_level() {
    let mut frames = Vec::new();
    for border in BORDERS {
        let desc = filter_desc().divisor(9.0).border(border);
        let expected = filter2d_u8(&desc, &ONES, &picture::<u8>());
        let reals = filter2d_f64(&desc, &ONES, &picture::<f64>()).0;
        for level in Level::available() {
            assert_eq!(filter::<u8, u8>(&desc, level, &ONES), expected, "{border:?}, {level:?}");
            let got = filter::<f32, f32>(&desc, level, &ONES);
            assert_eq!(got.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), reals, "{border:?}, {level:?}");
        }
        frames.push(expected);
    }
    // The picture is black along its edges, so four of the borders agree. A white one does not, nor does the one that
    // skips the edge and mirrors the white pixel in the last row but one.
    let [zero, white, others @ ..] = frames.as_slice() else { panic!("a frame for each border") };
    let agree: Vec<bool> = others.iter().map(|frame| frame == zero).collect();
    assert_eq!(agree, [true, true, false, true]);
    assert_ne!(zero, white);
}

#[test]
fn the_identity_and_the_shifts_both_ways() {
    // Under correlation the picture moves away from where the 1 stands, under convolution towards it.
    let table = [
        (IDENTITY, Mode::Correlate, [0, 0]),
        (IDENTITY, Mode::Convolve, [0, 0]),
        (RIGHT, Mode::Correlate, [-1, 0]), // to the left, as the lecture shows
        (RIGHT, Mode::Convolve, [1, 0]),   // to the right, as the lecture's formula says
        (ABOVE, Mode::Correlate, [0, 1]),
        (ABOVE, Mode::Convolve, [0, -1]),
    ];
    assert_ne!(moved::<u8>(-1, 0), moved::<u8>(1, 0));
    assert_ne!(moved::<u8>(0, -1), moved::<u8>(0, 1));
    for (mask, mode, [right, down]) in table {
        let (of_filter, of_layer) = (filter_desc().mode(mode), layer_desc().mode(mode));
        assert_eq!(filter2d_u8(&of_filter, &mask, &picture::<u8>()), moved::<u8>(right, down));
        assert_eq!(conv2d(&of_layer, &picture::<f32>(), &mask, None, None).values, moved::<f64>(right, down));
        for level in Level::available() {
            let what = format!("{mask:?}, {mode:?}, {level:?}");
            assert_eq!(filter::<u8, u8>(&of_filter, level, &mask), moved::<u8>(right, down), "{what}");
            assert_eq!(filter::<f32, f32>(&of_filter, level, &mask), moved::<f32>(right, down), "{what}");
            assert_eq!(layer(&of_layer, level, &mask), moved::<f32>(right, down), "{what}");
        }
    }
}

#[test]
fn the_horizontal_gradient_both_ways() {
    // Row 3, along the three white rows around it: up by 3 * 90 on the left edge, down on the right.
    let row: [f32; 10] = [0.0, 0.0, 270.0, 270.0, 0.0, 0.0, 0.0, -270.0, -270.0, 0.0];
    let turned = row.map(|v| 0.0 - v);
    for (mode, expected) in [(Mode::Correlate, row), (Mode::Convolve, turned)] {
        let (of_filter, of_layer) = (filter_desc().mode(mode), layer_desc().mode(mode));
        let reference = filter2d_f64(&of_filter, &GRADIENT, &picture::<f64>()).0;
        assert_eq!(reference[30..40], expected.map(f64::from));
        for level in Level::available() {
            assert_eq!(filter::<u8, f32>(&of_filter, level, &GRADIENT)[30..40], expected, "{level:?}");
            assert_eq!(layer(&of_layer, level, &GRADIENT)[30..40], expected, "{level:?}");
            // Bytes clamp: what falls below black is black, what rises above white is white.
            let bytes = expected.map(|v| if v > 0.0 { 255 } else { 0 });
            assert_eq!(filter::<u8, u8>(&of_filter, level, &GRADIENT)[30..40], bytes, "{level:?}");
        }
    }
}

#[test]
fn the_parameters_of_the_three_kinds_of_layer() {
    assert_eq!(layers::fully_connected([200, 200], 40_000), 1_600_000_000);
    assert_eq!(layers::locally_connected(40_000, [10, 10]), 4_000_000);
    assert_eq!(layers::convolutional(100, [10, 10]), 10_000);
}
