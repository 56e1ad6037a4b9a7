//! Chains that own their weights: what the layers make one after the other, on any number of threads, in batches, in both
//! layouts; and errors that name the layer.

use convoke::{Activation, Algorithm, Chain, ChainDesc, Conv2d, Conv2dDesc, Layout, Options, Padding};

fn numbers(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 500.0 - 1.0).collect()
}

fn block(layout: Layout, batch: usize) -> [Conv2dDesc; 3] {
    [
        Conv2dDesc::new(layout, batch, 16, [40, 40], 48, [1, 1]).activation(Activation::Relu6),
        Conv2dDesc::new(layout, batch, 48, [40, 40], 48, [3, 3])
            .padding(Padding::all(1))
            .groups(48)
            .activation(Activation::Relu6),
        Conv2dDesc::new(layout, batch, 48, [40, 40], 16, [1, 1]),
    ]
}

#[test]
fn threads_change_no_bit() {
    for (layout, batch) in [(Layout::Nhwc, 1), (Layout::Nhwc, 3), (Layout::Nchw, 1), (Layout::Nchw, 3)] {
        let descs = block(layout, batch);
        let weights: Vec<_> = [16 * 48, 48 * 9, 48 * 16].iter().map(|&len| numbers(len, len)).collect();
        let bias = descs.map(|desc| numbers(desc.out_channels, 5));
        let src = numbers(batch * 16 * 40 * 40, 1);

        let mut values = src.clone();
        for (at, desc) in descs.iter().enumerate() {
            let options = Options::new().algorithm(Algorithm::Direct);
            let layer = Conv2d::with_options(desc, &weights[at], &options).unwrap().bias(&bias[at]).unwrap();
            let mut out = vec![0.0; layer.dst_len()];
            if at == 2 {
                layer.run_residual_into(&values, &src, &mut out).unwrap();
            } else {
                layer.run_into(&values, &mut out).unwrap();
            }
            values = out;
        }
        for threads in [1, 2, 3, 8] {
            let options = Options::new().threads(threads);
            let weights = [&weights[0][..], &weights[1], &weights[2]];
            let chain = Chain::with_options(&ChainDesc::new(descs), weights, &options).unwrap();
            let chain = chain.bias(bias.each_ref().map(Vec::as_slice)).unwrap();
            let mut dst = vec![f32::NAN; chain.dst_len()];
            chain.run_residual_into(&src, &src, &mut dst).unwrap();
            let same = dst.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{layout:?}, batch {batch}, {threads} threads");
        }
    }
}

#[test]
fn errors_name_the_layer_and_leave_dst_alone() {
    let descs = block(Layout::Nhwc, 1);
    let weights = [&numbers(768, 1)[..], &numbers(432, 2), &numbers(768, 3)];
    let error = Chain::new(&ChainDesc::new(descs), [weights[0], weights[2], weights[2]]).unwrap_err();
    assert_eq!(error.to_string(), "layer 1: weights: must have 432 elements, got 768");
    for threads in [1, 2] {
        let options = Options::new().threads(threads);
        let chain = Chain::with_options(&ChainDesc::new(descs), weights, &options).unwrap();
        let src = vec![0.5; chain.src_len()];
        for (src_len, dst_len) in
            [(chain.src_len() - 1, chain.dst_len()), (chain.src_len(), chain.dst_len() + 1)]
        {
            let mut dst = vec![7.0; dst_len];
            let error = chain.run_into(&src[..src_len], &mut dst).unwrap_err();
            assert!(error.to_string().contains("must have 25600 elements"), "{error}");
            assert!(dst.iter().all(|&x| x == 7.0));
        }
        let error = chain.bias([&[0.0; 48], &[0.0; 47], &[0.0; 16]]).unwrap_err();
        assert_eq!(error.to_string(), "layer 1: bias: must have 48 elements, got 47");
    }
}
