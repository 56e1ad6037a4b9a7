//! Beside candle's own convolution: whole numbers come out the same, others within the bounds of both.

use candle_core::{DType, Device, Result, Tensor};
use convoke::Activation;
use convoke_embedding_candle::{Attributes, Conv2d};

/// Layers: input, out channels, kernel and attributes. Sizes about those of vectors and tiles, every attribute.
fn layers() -> Vec<([usize; 4], usize, [usize; 2], Attributes)> {
    let with = |padding, stride, dilation, groups| Attributes {
        padding,
        stride,
        dilation,
        groups,
        ..Attributes::default()
    };
    vec![
        ([1, 1, 5, 5], 1, [3, 3], with(0, 1, 1, 1)),
        ([2, 3, 17, 15], 33, [3, 3], with(1, 2, 1, 1)),
        ([1, 16, 14, 14], 47, [1, 1], with(0, 1, 1, 1)),
        ([1, 40, 13, 9], 8, [1, 1], with(0, 2, 1, 1)),
        ([1, 8, 20, 20], 16, [5, 5], with(2, 1, 1, 2)),
        ([2, 32, 12, 31], 32, [3, 3], with(1, 1, 1, 32)),
        ([1, 6, 18, 16], 12, [3, 3], with(2, 1, 2, 3)),
        ([1, 4, 1, 70], 9, [1, 3], with(0, 1, 1, 1)),
    ]
}

/// Numbers without a pattern, times 1009 whole and at most 504.
fn tensor(shape: &[usize], scale: f64) -> Result<Tensor> {
    let count = shape.iter().product::<usize>();
    let values = (0..count).map(|i| ((i * 7919 % 1009) as f64 - 504.0) * scale);
    Tensor::from_iter(values, &Device::Cpu)?.reshape(shape)
}

fn theirs(src: &Tensor, weights: &Tensor, attributes: Attributes) -> Result<Tensor> {
    let Attributes { padding, stride, dilation, groups, .. } = attributes;
    src.conv2d(weights, padding, stride, dilation, groups)
}

#[test]
fn reals_agree_within_the_bounds_of_both() -> Result<()> {
    for (shape, k, [r, s], attributes) in layers() {
        let group_in = shape[1] / attributes.groups;
        let src = tensor(&shape, 1.0 / 1009.0)?.to_dtype(DType::F32)?;
        let weights = tensor(&[k, group_in, r, s], 3.0 / 1009.0)?.to_dtype(DType::F32)?;
        let ours = src.apply_op1_no_bwd(&Conv2d::new(&weights, None, attributes)?)?;
        let candles = theirs(&src, &weights, attributes)?;
        assert_eq!(ours.dims(), candles.dims());

        // In f64, whose own errors are a part in 2^29 of this.
        let magnitude =
            theirs(&src.to_dtype(DType::F64)?.abs()?, &weights.to_dtype(DType::F64)?.abs()?, attributes)?;
        let terms = (r * s * group_in + 2) as f64;
        let bounds = magnitude.flatten_all()?.to_vec1::<f64>()?;
        let [ours, candles] =
            [ours, candles].map(|tensor| tensor.flatten_all().and_then(|t| t.to_vec1::<f32>()));
        for ((ours, candles), bound) in ours?.into_iter().zip(candles?).zip(bounds) {
            let apart = (f64::from(ours) - f64::from(candles)).abs();
            assert!(
                apart <= 2.0 * terms * 2_f64.powi(-24) * bound,
                "{ours} and {candles}: {shape:?} {k} {r}x{s}"
            );
        }
    }
    Ok(())
}

#[test]
fn whole_numbers_are_the_same() -> Result<()> {
    for (shape, k, [r, s], attributes) in layers() {
        let weights = tensor(&[k, shape[1] / attributes.groups, r, s], 1.0)?.to_dtype(DType::F32)?;
        // Sums stay below 2^24: at most 200 terms of 504 times 10.
        let src = (tensor(&shape, 1.0 / 50.0)?.round()?).to_dtype(DType::F32)?;
        let ours = src.apply_op1_no_bwd(&Conv2d::new(&weights, None, attributes)?)?;
        let candles = theirs(&src, &weights, attributes)?;
        assert_eq!(ours.flatten_all()?.to_vec1::<f32>()?, candles.flatten_all()?.to_vec1::<f32>()?);
    }
    Ok(())
}

#[test]
fn bias_and_activation_and_another_size() -> Result<()> {
    let weights = tensor(&[20, 3, 3, 3], 1.0)?.to_dtype(DType::F32)?;
    let bias = (tensor(&[20], 1.0)? * 1000.0)?.to_dtype(DType::F32)?;
    let attributes = Attributes { padding: 1, activation: Activation::Relu, ..Attributes::default() };
    let layer = Conv2d::new(&weights, Some(&bias), attributes)?;
    // The second size is planned anew, the first is then planned again; a part of a tensor begins inside its storage.
    for (first, size) in [(0, 9), (1, 12), (0, 9)] {
        let src =
            tensor(&[3, 3, size, 11], 1.0 / 50.0)?.round()?.to_dtype(DType::F32)?.narrow(0, first, 2)?;
        let ours = src.apply_op1_no_bwd(&layer)?;
        let candles =
            theirs(&src, &weights, attributes)?.broadcast_add(&bias.reshape((1, 20, 1, 1))?)?.relu()?;
        assert_eq!(ours.flatten_all()?.to_vec1::<f32>()?, candles.flatten_all()?.to_vec1::<f32>()?);
    }
    Ok(())
}

#[test]
fn what_is_wrong_is_an_error() -> Result<()> {
    let weights = tensor(&[4, 3, 3, 3], 1.0)?.to_dtype(DType::F32)?;
    let error = |result: Result<Tensor>| result.unwrap_err().to_string();
    let layer = Conv2d::new(&weights, None, Attributes::default())?;
    let src = tensor(&[1, 3, 8, 8], 1.0)?;
    assert!(error(src.apply_op1_no_bwd(&layer)).contains("must be f32"));
    let src = src.to_dtype(DType::F32)?;
    assert!(error(src.transpose(2, 3)?.apply_op1_no_bwd(&layer)).contains("must be contiguous"));
    assert!(
        error(src.narrow(1, 0, 2)?.apply_op1_no_bwd(&layer))
            .contains("3 channels in each of 1 groups, got 2")
    );
    let small = tensor(&[1, 3, 2, 8], 1.0)?.to_dtype(DType::F32)?;
    assert!(small.apply_op1_no_bwd(&layer).is_err());
    let bias = tensor(&[3], 1.0)?.to_dtype(DType::F32)?;
    assert!(Conv2d::new(&weights, Some(&bias), Attributes::default()).is_err());
    assert!(Conv2d::new(&src.flatten_all()?, None, Attributes::default()).is_err());
    Ok(())
}
