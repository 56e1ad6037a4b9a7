//! Layers that learn: forward and backward of each against the naive reference at every level and against central differences in f64;
//! the adjoint identity; the same bits whatever the threads; bad input; and that training learns.
#![forbid(unsafe_code)]

use convoke::learn::{
    Activate, Adam, Conv2d, FullyConnected, Layer, LocallyConnected2d, Network, Optimiser, Parameter, Pool,
    PoolDesc, Sgd, TrainError, correct, softmax_cross_entropy,
};
use convoke::{Activation, Border, Conv2dDesc, Error, Layout, Level, Mode, Options, Padding};
use convoke_harness::fill::Random;
#[cfg(not(target_family = "wasm"))]
use convoke_harness::views::bits;
use convoke_reference::learning::{
    activate, cross_entropy, difference, fully_connected, locally_connected, locally_connected_grads, pool,
    pool_windows,
};

const LAYOUTS: [Layout; 2] = [Layout::Nhwc, Layout::Nchw];

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

fn integers(len: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed, 1);
    (0..len).map(|_| random.integer(3)).collect()
}

fn reals(len: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed, 2);
    (0..len).map(|_| random.real()).collect()
}

/// What a layer makes of a batch, with parameters and gradients that are given.
#[derive(Clone, Debug, PartialEq)]
struct Results {
    dst: Vec<f32>,
    src_grad: Vec<f32>,
    parameters: Vec<Vec<f32>>,
}

#[cfg(not(target_family = "wasm"))]
impl Results {
    fn bits(&self) -> Vec<Vec<u32>> {
        [&self.dst, &self.src_grad].into_iter().chain(&self.parameters).map(|values| bits(values)).collect()
    }
}

/// Runs a layer forward and backward. Buffers are full of NaN beforehand.
fn run(layer: &mut dyn Layer, src: &[f32], dst_grad: &[f32]) -> Results {
    let batch = src.len() / layer.src_len();
    let mut dst = vec![f32::NAN; batch * layer.dst_len()];
    let mut src_grad = vec![f32::NAN; src.len()];
    for parameter in layer.parameters_mut() {
        parameter.gradient.fill(f32::NAN);
    }
    layer.forward(src, &mut dst).unwrap();
    layer.backward(src, dst_grad, Some(&mut src_grad)).unwrap();
    let parameters = layer.parameters().iter().map(|parameter| parameter.gradient.clone()).collect();
    Results { dst, src_grad, parameters }
}

fn set(layer: &mut dyn Layer, parameters: [&[f32]; 2]) {
    for (parameter, values) in layer.parameters_mut().iter_mut().zip(parameters) {
        parameter.values.copy_from_slice(values);
    }
}

/// Real results differ from exact ones by less than a part of what they are sums of, which is below `most` here.
fn assert_near(got: &[f32], want: &[f64], most: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(*got) - want).abs() <= most, "{what}: element {i}: {got}, not {want}");
    }
}

/// Layers of every kind of geometry.
fn conv_layers() -> Vec<Conv2dDesc> {
    let mut all = Vec::new();
    for layout in LAYOUTS {
        for (channels, size, out, kernel, stride, dilation, padding, groups) in [
            (3, [7, 9], 5, [3, 3], [1, 1], [1, 1], 1, 1),
            (4, [8, 6], 6, [3, 2], [2, 1], [1, 2], 1, 2),
            (2, [5, 5], 17, [1, 1], [1, 1], [1, 1], 0, 1),
            (6, [6, 7], 6, [3, 3], [2, 2], [1, 1], 1, 6),
            (1, [12, 12], 1, [5, 5], [3, 2], [1, 1], 2, 1),
            (1, [1, 1], 1, [1, 1], [1, 1], [1, 1], 0, 1),
        ] {
            all.push(
                Conv2dDesc::new(layout, 1, channels, size, out, kernel)
                    .stride(stride)
                    .dilation(dilation)
                    .padding(Padding::all(padding))
                    .groups(groups),
            );
        }
        all.push(
            Conv2dDesc::new(layout, 1, 2, [6, 6], 3, [3, 3]).padding(Padding::Same).mode(Mode::Convolve),
        );
        all.push(
            Conv2dDesc::new(layout, 1, 2, [6, 6], 3, [3, 3])
                .padding(Padding::Same)
                .border(Border::Constant(2.0)),
        );
        for (border, groups) in [(Border::Replicate, 1), (Border::Reflect101, 2), (Border::Wrap, 4)] {
            all.push(
                Conv2dDesc::new(layout, 1, 4, [5, 6], 4, [3, 5])
                    .stride([2, 1])
                    .padding(Padding::all(3))
                    .groups(groups)
                    .border(border),
            );
        }
    }
    all
}

#[test]
fn convolutions_are_those_of_the_reference() {
    for (seed, desc) in conv_layers().into_iter().enumerate() {
        let seed = seed as u64;
        for level in Level::available() {
            let mut layer = Conv2d::new(&desc, seed, &Options::new().level(level)).unwrap();
            // Batches of several sizes: plans and packings are made again, and gradients are those of one part or of several.
            for batch in [3, 1, 4, 4, 11, 35] {
                let mut of_batch = desc;
                of_batch.batch = batch;
                let (weights, bias) = (
                    integers(layer.parameters()[0].values.len(), seed + batch as u64),
                    integers(desc.out_channels, 5),
                );
                set(&mut layer, [&weights, &bias]);
                let src = integers(batch * layer.src_len(), 6);
                let dst_grad = integers(batch * layer.dst_len(), 7);
                let got = run(&mut layer, &src, &dst_grad);
                let what = format!("{of_batch:?} {level}");
                let exact =
                    |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
                let dst = convoke_reference::conv2d(&of_batch, &src, &weights, Some(&bias), None);
                assert_eq!(got.dst, exact(dst.values), "{what}");
                let input = convoke_reference::input_grad(&of_batch, &dst_grad, &weights);
                assert_eq!(got.src_grad, exact(input.values), "{what}");
                let weights = convoke_reference::weights_grad(&of_batch, &dst_grad, &src);
                assert_eq!(got.parameters[0], exact(weights.values), "{what}");
                let bias = convoke_reference::bias_grad(&of_batch, &dst_grad);
                assert_eq!(got.parameters[1], exact(bias.values), "{what}");
            }
        }
    }
}

#[test]
fn fully_connected_layers_are_those_of_the_reference() {
    for (elements, neurons) in [(1, 1), (3, 17), (100, 10), (33, 64), (257, 3)] {
        for level in Level::available() {
            let options = Options::new().level(level);
            let mut layer = FullyConnected::new(elements, neurons, 1, &options).unwrap();
            for batch in [1, 5, 15, 16, 17, 300] {
                let (weights, bias) = (integers(elements * neurons, batch as u64), integers(neurons, 3));
                set(&mut layer, [&weights, &bias]);
                let (src, dst_grad) = (integers(batch * elements, 4), integers(batch * neurons, 5));
                let got = run(&mut layer, &src, &dst_grad);
                let what = format!("{batch} x {elements} -> {neurons}, {level}");
                assert_eq!(
                    wide(&got.dst),
                    fully_connected(&wide(&src), &wide(&weights), &wide(&bias)),
                    "{what}"
                );
                // Sums of integers are exact, and so are differences of the loss with a step that is a power of two.
                let loss = |src: &[f64], weights: &[f64], bias: &[f64]| -> f64 {
                    let dst = fully_connected(src, weights, bias);
                    dst.iter().zip(&dst_grad).map(|(dst, grad)| dst * f64::from(*grad)).sum()
                };
                let [x, w, b] = [&src, &weights, &bias].map(|values| wide(values));
                let mut random = Random::new(batch as u64, 9);
                for _ in 0..5 {
                    let mut any = |len: usize| random.below(len as u64) as usize;
                    let i = any(x.len());
                    let by = difference(&x, i, |x| loss(x, &w, &b));
                    assert_eq!(f64::from(got.src_grad[i]), by.round(), "{what}: src {i}");
                    let i = any(w.len());
                    let by = difference(&w, i, |w| loss(&x, w, &b));
                    assert_eq!(f64::from(got.parameters[0][i]), by.round(), "{what}: weight {i}");
                    let i = any(b.len());
                    let by = difference(&b, i, |b| loss(&x, &w, b));
                    assert_eq!(f64::from(got.parameters[1][i]), by.round(), "{what}: bias {i}");
                }
            }
        }
    }
}

#[test]
fn locally_connected_layers_are_those_of_the_reference() {
    for (seed, desc) in conv_layers().into_iter().enumerate() {
        for level in Level::available() {
            let mut layer = LocallyConnected2d::new(&desc, 1, &Options::new().level(level)).unwrap();
            for batch in [3, 1, 20] {
                let mut of_batch = desc;
                of_batch.batch = batch;
                let [weights, bias] =
                    [0, 1].map(|i| integers(layer.parameters()[i].values.len(), (seed + batch + i) as u64));
                set(&mut layer, [&weights, &bias]);
                let (src, dst_grad) =
                    (integers(batch * layer.src_len(), 6), integers(batch * layer.dst_len(), 7));
                let got = run(&mut layer, &src, &dst_grad);
                let what = format!("{of_batch:?} {level}");
                let [x, w, b, dy] = [&src, &weights, &bias, &dst_grad].map(|values| wide(values));
                assert_eq!(wide(&got.dst), locally_connected(&of_batch, &x, &w, &b), "{what}");
                let [dx, dw, db] = locally_connected_grads(&of_batch, &dy, &x, &w);
                assert_eq!(wide(&got.src_grad), dx, "{what}");
                assert_eq!(
                    got.parameters.iter().map(|values| wide(values)).collect::<Vec<_>>(),
                    [dw, db],
                    "{what}"
                );
            }
        }
    }
}

fn activations() -> [Activation; 8] {
    [
        Activation::None,
        Activation::Relu,
        Activation::Relu6,
        Activation::Leaky(0.25),
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Silu,
        Activation::HardSwish,
    ]
}

#[test]
fn activations_and_their_slopes() {
    // No corner is among these: -3, 0, 3 and 6 are not multiples of 0.37 but for 0.
    let src: Vec<f32> = (-60..=60).map(|i| (i as f32 + 0.5) * 0.37).collect();
    let dst_grad = reals(src.len(), 3);
    for activation in activations() {
        for level in Level::available() {
            let mut layer = Activate::new(11, activation, &Options::new().level(level)).unwrap();
            let got = run(&mut layer, &src, &dst_grad);
            let want: Vec<f64> = src.iter().map(|&x| activate(activation, x.into())).collect();
            assert_near(&got.dst, &want, 3e-5, &format!("{activation:?} {level}"));
            let x = wide(&src);
            let slope = |i: usize| difference(&x, i, |x| activate(activation, x[i])) * f64::from(dst_grad[i]);
            let want: Vec<f64> = (0..src.len()).map(slope).collect();
            assert_near(&got.src_grad, &want, 1e-5, &format!("slope of {activation:?} {level}"));
        }
    }
}

#[test]
fn pools_are_those_of_the_reference() {
    for layout in LAYOUTS {
        for (channels, size, window, stride, padding) in [
            (1, [4, 4], [2, 2], [2, 2], 0),
            (5, [7, 6], [3, 3], [2, 2], 1),
            (3, [5, 9], [2, 3], [1, 2], 1),
            (17, [3, 3], [3, 3], [3, 3], 0),
        ] {
            for mean in [false, true] {
                let desc = if mean {
                    PoolDesc::average(layout, channels, size, window)
                } else {
                    PoolDesc::max(layout, channels, size, window)
                };
                let desc = desc.stride(stride).padding(Padding::all(padding));
                let batch = 3;
                let windows = pool_windows(layout, batch, channels, size, window)
                    .stride(stride)
                    .padding(Padding::all(padding));
                let mut layer = Pool::new(&desc, &Options::new()).unwrap();
                // All different, so that no step of a difference changes which is the greatest.
                let mut src: Vec<f32> = (0..batch * layer.src_len()).map(|i| i as f32 / 64.0).collect();
                let mut random = Random::new(3, 3);
                for i in (1..src.len()).rev() {
                    src.swap(i, random.below(i as u64 + 1) as usize);
                }
                let dst_grad = reals(batch * layer.dst_len(), 8);
                let got = run(&mut layer, &src, &dst_grad);
                let what = format!("{desc:?}");
                assert_near(&got.dst, &pool(&windows, mean, &wide(&src)), 1e-5, &what);
                let x = wide(&src);
                let loss = |x: &[f64]| -> f64 {
                    pool(&windows, mean, x)
                        .iter()
                        .zip(&dst_grad)
                        .map(|(dst, grad)| dst * f64::from(*grad))
                        .sum()
                };
                let want: Vec<f64> = (0..x.len()).map(|i| difference(&x, i, loss)).collect();
                assert_near(&got.src_grad, &want, 1e-5, &what);
            }
        }
        let mut global = Pool::new(&PoolDesc::global_average(layout, 2, [2, 2]), &Options::new()).unwrap();
        let mut dst = [0.0; 2];
        global.forward(&[1.0; 8], &mut dst).unwrap();
        assert_eq!((global.out_size(), dst), ([1, 1], [1.0; 2]));
    }
}

/// A NaN is the greatest of a window, wherever it stands, and gets the gradient; of equals the first does.
#[test]
fn the_greatest_of_nan_and_of_equals() {
    let mut layer = Pool::new(&PoolDesc::max(Layout::Nchw, 1, [1, 3], [1, 3]), &Options::new()).unwrap();
    for (src, want, grad) in [
        ([1.0, f32::NAN, 2.0], f32::NAN, [0.0, 1.0, 0.0]),
        ([f32::NAN, 3.0, f32::NAN], f32::NAN, [1.0, 0.0, 0.0]),
        ([2.0, 2.0, 1.0], 2.0, [1.0, 0.0, 0.0]),
        ([f32::NEG_INFINITY; 3], f32::NEG_INFINITY, [1.0, 0.0, 0.0]),
    ] {
        let got = run(&mut layer, &src, &[1.0]);
        assert_eq!(got.dst[0].to_bits() << 1 >> 23, want.to_bits() << 1 >> 23, "{src:?}");
        assert_eq!(got.src_grad, grad, "{src:?}");
    }
}

#[test]
fn the_loss_and_its_gradient() {
    let (classes, labels) = (5, [0, 4, 2]);
    let scores: Vec<f32> = reals(classes * labels.len(), 4).iter().map(|score| score * 10.0).collect();
    let mut gradient = vec![f32::NAN; scores.len()];
    let loss = softmax_cross_entropy(&scores, &labels, &mut gradient).unwrap();
    let x = wide(&scores);
    assert!((loss - cross_entropy(&x, &labels)).abs() < 1e-9);
    let want: Vec<f64> = (0..x.len()).map(|i| difference(&x, i, |x| cross_entropy(x, &labels))).collect();
    assert_near(&gradient, &want, 1e-6, "gradient");
    // Scores so large that a naive exponential overflows.
    let loss = softmax_cross_entropy(&[1e30, 0.0], &[0], &mut [0.0; 2]).unwrap();
    assert_eq!(loss, 0.0);
    assert!(softmax_cross_entropy(&[f32::NAN, 0.0], &[1], &mut [0.0; 2]).unwrap().is_nan());
    assert_eq!(correct(&[1.0, 2.0, 2.0, 5.0, 1.0, 0.0], &[1, 0]), Ok(2));
    assert_eq!(correct(&[1.0, 2.0, 2.0, 5.0, 1.0, 0.0], &[2, 1]), Ok(0));
}

/// Layers whose work is worth several threads, from a seed.
fn large_layers(options: &Options) -> Vec<Box<dyn Layer>> {
    let mut layers: Vec<Box<dyn Layer>> = Vec::new();
    layers.push(Box::new(FullyConnected::new(300, 70, 1, options).unwrap()));
    layers.push(Box::new(Activate::new(3000, Activation::Silu, options).unwrap()));
    for layout in LAYOUTS {
        let desc = Conv2dDesc::new(layout, 1, 5, [17, 19], 37, [3, 3]).padding(Padding::Same);
        layers.push(Box::new(Conv2d::new(&desc, 2, options).unwrap()));
        let own = Conv2dDesc::new(layout, 1, 3, [9, 10], 7, [3, 3]).padding(Padding::Same).stride([1, 2]);
        layers.push(Box::new(LocallyConnected2d::new(&own, 3, options).unwrap()));
        layers.push(Box::new(Pool::new(&PoolDesc::max(layout, 8, [32, 32], [2, 2]), options).unwrap()));
        let overlapping = PoolDesc::average(layout, 8, [32, 32], [3, 3]).stride([1, 1]);
        layers.push(Box::new(Pool::new(&overlapping, options).unwrap()));
    }
    layers
}

#[cfg(not(target_family = "wasm"))]
#[test]
fn threads_change_no_bit() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let results = |threads: usize| -> Vec<Vec<Vec<u32>>> {
        let options = Options::new().threads(threads);
        let layers = large_layers(&options);
        layers
            .into_iter()
            .map(|mut layer| {
                let batch = 21;
                let (src, dst_grad) = (reals(batch * layer.src_len(), 1), reals(batch * layer.dst_len(), 2));
                run(layer.as_mut(), &src, &dst_grad).bits()
            })
            .collect()
    };
    let alone = results(1);
    for threads in [0, 2, 3, 8] {
        assert_eq!(alone, pool.install(|| results(threads)), "{threads} threads");
    }
}

/// `<layer(x), y> = <x, transpose(y)>`, exactly, for layers without a bias that are linear.
#[test]
fn layers_and_their_backward_are_adjoint() {
    let options = Options::new();
    let mut layers: Vec<Box<dyn Layer>> = vec![Box::new(FullyConnected::new(37, 23, 1, &options).unwrap())];
    for desc in conv_layers().into_iter().filter(|desc| desc.border == Border::Zero) {
        layers.push(Box::new(Conv2d::new(&desc, 1, &options).unwrap()));
        layers.push(Box::new(LocallyConnected2d::new(&desc, 1, &options).unwrap()));
    }
    for mut layer in layers {
        let weights = integers(layer.parameters()[0].values.len(), 1);
        layer.parameters_mut()[0].values.copy_from_slice(&weights);
        let (src, dst_grad) = (integers(4 * layer.src_len(), 2), integers(4 * layer.dst_len(), 3));
        let got = run(layer.as_mut(), &src, &dst_grad);
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        assert_eq!(dot(&got.dst, &dst_grad), dot(&src, &got.src_grad));
        assert_eq!(dot(&got.dst, &dst_grad), dot(&weights, &got.parameters[0]));
    }
}

#[test]
fn buffers_that_do_not_fit() {
    let options = Options::new();
    let length = |operand, required, got| Err(Error::Length { operand, required, got });
    let empty = Err(Error::TooSmall { operand: "batch", required: 1, got: 0 });
    for mut layer in large_layers(&options) {
        let (from, to) = (layer.src_len(), layer.dst_len());
        let (src, mut dst) = (vec![1.0; 2 * from], vec![5.0; 2 * to]);
        let mut src_grad = src.clone();
        assert_eq!(layer.forward(&[], &mut []), empty);
        assert_eq!(layer.forward(&src[1..], &mut dst), length("src", 2 * from, 2 * from - 1));
        assert_eq!(layer.forward(&src, &mut dst[1..]), length("dst", 2 * to, 2 * to - 1));
        assert!(dst.iter().all(|&x| x == 5.0));
        assert_eq!(layer.backward(&[], &[], None), empty);
        assert_eq!(layer.backward(&src, &dst[1..], None), length("dst gradient", 2 * to, 2 * to - 1));
        let short = Some(&mut src_grad[1..]);
        assert_eq!(layer.backward(&src, &dst, short), length("src gradient", 2 * from, 2 * from - 1));
    }
    let mut gradient = [7.0; 4];
    for (scores, labels, error) in [
        (&[1.0; 4][..], &[][..], Error::TooSmall { operand: "batch", required: 1, got: 0 }),
        (&[1.0; 3], &[0, 1], Error::Length { operand: "scores", required: 4, got: 3 }),
        (&[1.0; 4], &[0, 2], Error::TooLarge { operand: "label", required: 1, got: 2 }),
        (&[1.0; 6], &[0, 1], Error::Length { operand: "scores gradient", required: 6, got: 4 }),
    ] {
        assert_eq!(softmax_cross_entropy(scores, labels, &mut gradient), Err(error));
    }
    assert_eq!(gradient, [7.0; 4]);
}

#[test]
fn layers_that_make_no_sense() {
    let options = Options::new();
    assert!(FullyConnected::new(0, 3, 1, &options).is_err());
    assert!(FullyConnected::new(3, 0, 1, &options).is_err());
    assert!(FullyConnected::new(usize::MAX / 2, 9, 1, &options).is_err());
    assert!(Activate::new(0, Activation::Relu, &options).is_err());
    let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [4, 4], 1, [3, 3]);
    let gaps = Error::TooLarge { operand: "src row stride", required: 4, got: 5 };
    assert_eq!(Conv2d::new(&desc.src_row_stride(5), 1, &options).err(), Some(gaps));
    assert!(Conv2d::new(&desc.groups(0), 1, &options).is_err());
    let padded = PoolDesc::max(Layout::Nchw, 1, [4, 4], [2, 2]).padding(Padding::all(2));
    assert_eq!(
        Pool::new(&padded, &options).err(),
        Some(Error::TooLarge { operand: "padding", required: 1, got: 2 })
    );
    for wrong in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(Sgd::new(wrong, 0.5).is_err() && Adam::new(wrong).is_err());
    }
    assert!(Sgd::new(1.0, 1.5).is_err() && Sgd::new(1.0, f32::NAN).is_err());
    assert!(Network::new(Vec::new()).is_err());
    let layer =
        |from, to| -> Box<dyn Layer> { Box::new(FullyConnected::new(from, to, 1, &options).unwrap()) };
    assert!(Network::new(vec![layer(3, 4), layer(5, 2)]).is_err());
}

#[test]
fn optimisers_want_the_same_parameters() {
    let optimisers: [Box<dyn Optimiser>; 2] =
        [Box::new(Sgd::new(0.1, 0.9).unwrap()), Box::new(Adam::new(0.1).unwrap())];
    for mut optimiser in optimisers {
        let [mut a, mut b] = [2, 3].map(|len| Parameter::new("x", vec![1.0; len]));
        optimiser.step(&mut [&mut a]).unwrap();
        let before = b.clone();
        assert!(optimiser.step(&mut [&mut b]).is_err());
        assert!(optimiser.step(&mut [&mut a, &mut b]).is_err());
        a.gradient.pop();
        assert!(optimiser.step(&mut [&mut a]).is_err());
        assert_eq!(b, before);
    }
}

/// Pictures of bars, one across or one down, at a random place and in noise.
fn bars(random: &mut Random, count: usize) -> (Vec<f32>, Vec<usize>) {
    let (mut pictures, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (label, place) = (random.below(2) as usize, random.below(8) as usize);
        labels.push(label);
        for i in 0..64 {
            let on = [i / 8, i % 8][label] == place;
            pictures.push(f32::from(u8::from(on)) + 0.3 * random.real());
        }
    }
    (pictures, labels)
}

fn bar_network(layout: Layout, options: &Options) -> Network {
    let conv = Conv2dDesc::new(layout, 1, 1, [8, 8], 4, [3, 3]).padding(Padding::Same);
    let pool = PoolDesc::max(layout, 4, [8, 8], [2, 2]);
    Network::new(vec![
        Box::new(Conv2d::new(&conv, 11, options).unwrap()),
        Box::new(Activate::new(256, Activation::Relu, options).unwrap()),
        Box::new(Pool::new(&pool, options).unwrap()),
        Box::new(FullyConnected::new(64, 2, 12, options).unwrap()),
    ])
    .unwrap()
}

#[test]
fn training_learns() {
    for layout in LAYOUTS {
        let optimisers: [Box<dyn Optimiser>; 2] =
            [Box::new(Sgd::new(0.05, 0.9).unwrap()), Box::new(Adam::new(0.01).unwrap())];
        for mut optimiser in optimisers {
            let mut network = bar_network(layout, &Options::new());
            let mut random = Random::new(5, 0);
            let mut losses = Vec::new();
            for _ in 0..60 {
                let (pictures, labels) = bars(&mut random, 32);
                losses.push(network.train(&pictures, &labels, optimiser.as_mut()).unwrap());
            }
            let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
            let [first, last] = [mean(&losses[..5]), mean(&losses[55..])];
            assert!(last < 0.2 * first, "{layout:?}: {first} to {last}");
            let (pictures, labels) = bars(&mut random, 400);
            let right = correct(network.forward(&pictures).unwrap(), &labels).unwrap();
            assert!(right >= 390, "{layout:?}: {right} of 400 unseen pictures");
        }
    }
}

/// The same network, the same bits, on any number of threads.
#[cfg(not(target_family = "wasm"))]
#[test]
fn training_is_deterministic() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let train = |threads: usize| {
        let mut network = bar_network(Layout::Nhwc, &Options::new().threads(threads));
        let (mut random, mut adam) = (Random::new(6, 0), Adam::new(0.01).unwrap());
        for _ in 0..3 {
            let (pictures, labels) = bars(&mut random, 300);
            network.train(&pictures, &labels, &mut adam).unwrap();
        }
        let parameters = network.layers().iter().flat_map(|layer| layer.parameters());
        parameters.flat_map(|parameter| bits(&parameter.values)).collect::<Vec<_>>()
    };
    let alone = train(1);
    assert_eq!(alone, pool.install(|| train(3)));
}

#[test]
fn training_stops_at_a_loss_that_is_not_finite() {
    let mut network = bar_network(Layout::Nhwc, &Options::new());
    let mut sgd = Sgd::new(0.1, 0.9).unwrap();
    let (mut pictures, labels) = bars(&mut Random::new(7, 0), 4);
    network.train(&pictures, &labels, &mut sgd).unwrap();
    let parameters = |network: &Network| -> Vec<Parameter> {
        network.layers().iter().flat_map(|layer| layer.parameters()).cloned().collect()
    };
    let before = parameters(&network);
    pictures[70] = f32::NAN;
    let error = network.train(&pictures, &labels, &mut sgd).unwrap_err();
    assert!(matches!(error, TrainError::Loss { step: 2, loss } if loss.is_nan()), "{error:?}");
    assert_eq!(error.to_string(), "step 2: the loss must be finite, got NaN");
    assert_eq!(before, parameters(&network));
    let error = network.train(&[], &[], &mut sgd).unwrap_err();
    assert_eq!(error.to_string(), "step 3: batch: must be at least 1, got 0");
    let error = network.train(&pictures[..64], &[0, 1], &mut sgd).unwrap_err();
    assert!(error.to_string().starts_with("step 4: label: "), "{error}");
}
