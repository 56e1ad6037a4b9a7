//! Whatever part of an array is read or written in place, results are those of copies; what cannot be read in place is an error.

use convoke::{Border, Conv2d, Filter, Layout, Padding, mask::Mask};
use convoke_embedding_ndarray::{Inexpressible, View, filter, layer, weights};
use ndarray::{Array1, Array3, Array4, ArrayView4, Axis, s};

/// Numbers without a pattern.
fn tensor(shape: (usize, usize, usize, usize)) -> Array4<f32> {
    let count = shape.0 * shape.1 * shape.2 * shape.3;
    let values = Array1::from_iter((0..count).map(|i| (i * 7919 % 1009) as f32 / 1009.0 - 0.5));
    values.into_shape_with_order(shape).unwrap()
}

/// The same tensor, with its channels side by side in memory.
fn channels_last(tensor: &Array4<f32>) -> Array4<f32> {
    let inside_out = tensor.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
    inside_out.permuted_axes([0, 3, 1, 2])
}

/// What a layer makes of dense copies.
fn copied(src: ArrayView4<'_, f32>, kernels: ArrayView4<'_, f32>) -> Array4<f32> {
    let src = src.as_standard_layout().into_owned();
    let (k, _, r, c) = kernels.dim();
    let mut dst = Array4::zeros((src.dim().0, k, src.dim().2, src.dim().3));
    let (from, mut to) = (View::new(src.view()).unwrap(), View::new_mut(dst.view_mut()).unwrap());
    let desc = layer(from.place(), to.place(), [r, c]).unwrap().padding(Padding::Same);
    assert_eq!(desc.layout, Layout::Nchw);
    let conv = Conv2d::new(&desc, &weights(kernels, Layout::Nchw)).unwrap();
    conv.run_into(from.values(), to.values_mut()).unwrap();
    dst
}

#[test]
fn both_layouts_and_parts_of_their_columns() {
    for (n, c, k, h, w) in [(1, 1, 1, 5, 9), (2, 3, 5, 7, 33), (1, 16, 20, 9, 40), (3, 1, 4, 1, 20)] {
        let (src, kernels) = (tensor((n, c, h, w)), tensor((k, c, 3, 3)));
        for last in [false, true] {
            let base = if last { channels_last(&src) } else { src.clone() };
            let filled = Array4::from_elem((n, k, h, w + 6), 77.0);
            let mut result = if last { channels_last(&filled) } else { filled };
            for (from, to) in [(0..w, 0..w), (2..w, 5..w + 3), (0..w - 3, 9..w + 6), (4..5, 0..1)] {
                result.fill(77.0);
                let src = View::new(base.view()).unwrap().columns(from.clone()).unwrap();
                let mut dst = View::new_mut(result.view_mut()).unwrap().columns(to.clone()).unwrap();
                let desc = layer(src.place(), dst.place(), [3, 3]).unwrap().padding(Padding::Same);
                assert!(c == 1 || desc.layout == if last { Layout::Nhwc } else { Layout::Nchw });
                let conv = Conv2d::new(&desc, &weights(kernels.view(), desc.layout)).unwrap();
                conv.run_into(src.values(), dst.values_mut()).unwrap();

                let expected = copied(base.slice(s![.., .., .., from]), kernels.view());
                assert_eq!(result.slice(s![.., .., .., to.clone()]), expected);
                // Nothing else is touched.
                assert!(result.slice(s![.., .., .., ..to.start]).iter().all(|&x| x == 77.0));
                assert!(result.slice(s![.., .., .., to.end..]).iter().all(|&x| x == 77.0));
            }
        }
    }
}

#[test]
fn rows_and_columns_of_one_image() {
    let base = channels_last(&tensor((1, 4, 20, 30)));
    let kernels = tensor((8, 4, 3, 3));
    let mut result = channels_last(&Array4::zeros((1, 8, 40, 12)));
    let src = View::new(base.view()).unwrap().rows(3..14).unwrap().columns(10..20).unwrap();
    let mut dst = View::new_mut(result.view_mut()).unwrap().columns(1..11).unwrap().rows(29..40).unwrap();
    let desc = layer(src.place(), dst.place(), [3, 3]).unwrap().padding(Padding::Same);
    let conv = Conv2d::new(&desc, &weights(kernels.view(), desc.layout)).unwrap();
    conv.run_into(src.values(), dst.values_mut()).unwrap();
    let expected = copied(base.slice(s![.., .., 3..14, 10..20]), kernels.view());
    assert_eq!(result.slice(s![.., .., 29..40, 1..11]), expected);
    assert!(result.slice(s![.., .., ..29, ..]).iter().all(|&x| x == 0.0));
}

/// One pixel, or one channel, lies in memory alike in both layouts, and goes with either.
#[test]
fn what_is_both_layouts_is_either() {
    for (shape, k, padding) in [((2, 5, 1, 1), 3, 1), ((2, 1, 6, 7), 4, 0)] {
        let (src, kernels) = (tensor(shape), tensor((k, shape.1, 1, 1)));
        let (n, _, h, w) = shape;
        let dense = Array4::zeros((n, k, h + 2 * padding, w + 2 * padding));
        for (mut result, layout) in [(channels_last(&dense), Layout::Nhwc), (dense, Layout::Nchw)] {
            let from = View::new(src.view()).unwrap();
            let mut to = View::new_mut(result.view_mut()).unwrap();
            let desc = layer(from.place(), to.place(), [1, 1]).unwrap().padding(Padding::all(padding));
            assert_eq!(desc.layout, layout);
            let conv = Conv2d::new(&desc, &weights(kernels.view(), desc.layout)).unwrap();
            conv.run_into(from.values(), to.values_mut()).unwrap();
            let inside = result.slice(s![.., .., padding..padding + h, padding..padding + w]);
            assert_eq!(inside, copied(src.view(), kernels.view()));
        }
    }
}

#[test]
fn pictures_inside_pictures() {
    let picture = Array3::from_shape_fn((25, 40, 3), |(y, x, c)| (y * 37 + x * x * 11 + c * 101) as u8);
    let mask = Mask::gaussian(1.0).unwrap();
    let mut canvas = Array3::from_elem((60, 50, 3), 7_i16);
    let src = View::picture(picture.view()).unwrap().rows(5..20).unwrap().columns(8..30).unwrap();
    let mut dst = View::picture_mut(canvas.view_mut()).unwrap().rows(40..55).unwrap().columns(0..22).unwrap();
    let desc = filter(src.place(), dst.place(), &mask).unwrap().border(Border::Reflect101);
    Filter::new(&desc, &mask).unwrap().run_into(src.values(), dst.values_mut()).unwrap();

    let part = picture.slice(s![5..20, 8..30, ..]).as_standard_layout().into_owned();
    let dense = Filter::new(&mask.desc([15, 22], 3).border(Border::Reflect101), &mask).unwrap();
    let expected: Vec<i16> = dense.run(part.as_slice().unwrap()).unwrap();
    let expected = Array3::from_shape_vec((15, 22, 3), expected).unwrap();
    assert_eq!(canvas.slice(s![40..55, 0..22, ..]), expected);
    assert_eq!(
        canvas.iter().filter(|&&x| x == 7).count() + expected.iter().filter(|&&x| x != 7).count(),
        canvas.len()
    );

    // A grey picture has two axes, and is given a third.
    let grey = picture.index_axis(Axis(2), 0).to_owned();
    assert_eq!(View::picture(grey.view().insert_axis(Axis(2))).unwrap().place().shape(), [1, 1, 25, 40]);
}

#[test]
fn what_cannot_be_expressed_is_an_error() {
    let mut base = tensor((2, 3, 8, 9));
    let wrong = |view: ArrayView4<'_, f32>| View::new(view).unwrap_err();
    assert_eq!(wrong(base.slice(s![.., .., .., 1..5])), Inexpressible::Order);
    assert_eq!(wrong(base.slice(s![.., .., ..;2, ..])), Inexpressible::Order);
    assert_eq!(wrong(base.slice(s![.., .., .., ..;-1])), Inexpressible::Order);
    assert_eq!(wrong(base.view().permuted_axes([0, 1, 3, 2])), Inexpressible::Order);
    assert_eq!(wrong(base.view().permuted_axes([1, 0, 2, 3])), Inexpressible::Order);
    assert_eq!(wrong(Array4::zeros((1, 1, 1, 9)).broadcast((2, 3, 8, 9)).unwrap()), Inexpressible::Order);
    assert_eq!(View::new_mut(base.slice_mut(s![.., 1..2, .., ..])).unwrap_err(), Inexpressible::Order);
    // Some of the images are contiguous.
    assert!(View::new(base.slice(s![1.., .., .., ..])).is_ok());

    let view = View::new(base.view()).unwrap();
    assert_eq!(view.clone().rows(1..5).unwrap_err(), Inexpressible::Planes);
    assert!(view.clone().rows(0..8).is_ok());
    assert_eq!(view.clone().rows(0..9).unwrap_err(), Inexpressible::Outside);
    assert_eq!(view.clone().columns(5..10).unwrap_err(), Inexpressible::Outside);
    let other = channels_last(&base);
    let other = View::new(other.view()).unwrap();
    assert_eq!(layer(view.place(), other.place(), [1, 1]).unwrap_err(), Inexpressible::Layouts);
    let picture = Array3::<u8>::zeros((4, 5, 3));
    assert_eq!(View::picture(picture.slice(s![.., 1.., ..])).unwrap_err(), Inexpressible::Order);
    let narrow = View::picture(picture.view()).unwrap().columns(0..4).unwrap();
    let whole = View::picture(picture.view()).unwrap();
    assert_eq!(filter(whole.place(), narrow.place(), &Mask::identity()).unwrap_err(), Inexpressible::Sizes);
}
