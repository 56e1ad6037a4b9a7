//! `convoke conv2d`: answers that are known, and the same answer by every algorithm, level, layout and number
//! of threads.

use crate::common::Folder;

const ALGORITHMS: [&str; 4] = ["auto", "direct", "gemm", "reference"];

#[test]
fn a_sum_of_windows() {
    let folder = Folder::new("conv2d_sum");
    folder.write_f32("x.npy", &[1, 1, 3, 3], &[1., 2., 3., 4., 5., 6., 7., 8., 9.]);
    folder.write_f32("w.npy", &[1, 1, 2, 2], &[1., 10., 100., 1000.]);
    for algorithm in ALGORITHMS {
        let run = |options: &str| {
            folder.works(&format!(
                "conv2d --input x.npy --weights w.npy --output y.npy --algo {algorithm} {options}"
            ));
            folder.read_f32("y.npy")
        };
        assert_eq!(run(""), ("(1, 1, 2, 2)".to_owned(), vec![5421., 6532., 8754., 9865.]));
        assert_eq!(run("--mode convolve").1, [1245., 2356., 4578., 5689.]);
        assert_eq!(run("--stride 2").1, [5421.]);
        assert_eq!(run("--dilation 2").1, [9731.]);
        assert_eq!(run("--padding 1,0,0,0").1, [2100., 3200., 5421., 6532., 8754., 9865.]);
        assert_eq!(run("--padding same --stride 3,1").1, [5421., 6532., 603.]);
        assert_eq!(run("--padding 0,0,0,1 --border replicate").1, [5421., 6532., 6633., 8754., 9865., 9966.]);
        assert_eq!(
            run("--padding same-lower --stride 2,2 --border constant:1").1,
            [1111., 3211., 7141., 9865.]
        );
    }
}

#[test]
fn bias_residual_and_activation() {
    let folder = Folder::new("conv2d_fused");
    folder.write_f32("x.npy", &[1, 1, 2, 2], &[1., -2., 3., -4.]);
    folder.write_f32("w.npy", &[2, 1, 1, 1], &[1., 2.]);
    folder.write_f32("b.npy", &[2], &[10., -1.]);
    folder.write_f32("r.npy", &[1, 2, 2, 2], &[0., 0., 0., -9., 0.5, 0.5, 0.5, 0.5]);
    let base = "conv2d --input x.npy --weights w.npy --output y.npy";
    for algorithm in ALGORITHMS {
        folder.works(&format!("{base} --bias b.npy --residual r.npy --activation relu --algo {algorithm}"));
        assert_eq!(folder.read_f32("y.npy").1, [11., 8., 13., 0., 1.5, 0., 5.5, 0.]);
        folder.works(&format!("{base} --activation leaky:0.25 --max-error 0.001 --algo {algorithm}"));
        assert_eq!(folder.read_f32("y.npy").1, [1., -0.5, 3., -1., 2., -1., 6., -2.]);
        folder.works(&format!("{base} --activation relu6 --bias b.npy --algo {algorithm}"));
        assert_eq!(folder.read_f32("y.npy").1, [6., 6., 6., 6., 1., 0., 5., 0.]);
    }
}

#[test]
fn one_dimension() {
    let folder = Folder::new("conv2d_1d");
    folder.write_f32("x.npy", &[1, 1, 5], &[1., 2., 3., 4., 5.]);
    folder.write_f32("w.npy", &[1, 1, 3], &[1., 0., -1.]);
    folder.works("conv2d --input x.npy --weights w.npy --output y.npy");
    assert_eq!(folder.read_f32("y.npy"), ("(1, 1, 3)".to_owned(), vec![-2., -2., -2.]));
    for padding in ["1", "0,1", "0,1,0,1", "same"] {
        folder.works(&format!("conv2d --input x.npy --weights w.npy --output y.npy --padding {padding}"));
        assert_eq!(folder.read_f32("y.npy").1, [-2., -2., -2., -2., 4.], "{padding}");
    }
    folder.works("conv2d --input x.npy --weights w.npy --output y.npy --stride 2 --dilation 2 --padding 2");
    assert_eq!(folder.read_f32("y.npy").1, [-3., -4., 3.]);

    // The same values are one pixel of 5 channels, and 5 pixels of one channel.
    folder.write_f32("c.npy", &[1, 5, 1], &[1., 2., 3., 4., 5.]);
    folder.write_f32("v.npy", &[1, 3, 1], &[1., 0., -1.]);
    folder.works("conv2d --input c.npy --weights v.npy --output y.npy --layout nhwc");
    assert_eq!(folder.read_f32("y.npy"), ("(1, 3, 1)".to_owned(), vec![-2., -2., -2.]));
}

/// Small whole numbers, whose sums are exact however they are added.
fn whole(len: usize, step: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * step + i / 7) % 13) as f32 - 6.0).collect()
}

#[test]
fn every_way_gives_the_same_whole_numbers() {
    let folder = Folder::new("conv2d_ways");
    let (n, c, h, w, k, r, s, groups) = (2, 6, 11, 9, 8, 3, 3, 2);
    let (x, weights) = (whole(n * c * h * w, 5), whole(k * c / groups * r * s, 3));
    folder.write_f32("x.npy", &[n, c, h, w], &x);
    folder.write_f32("w.npy", &[k, c / groups, r, s], &weights);
    let transpose = |values: &[f32], [n, c, h, w]: [usize; 4]| -> Vec<f32> {
        let at = |i: usize| {
            let (channel, x, y, image) = (i % c, i / c % w, i / (c * w) % h, i / (c * w * h));
            values[((image * c + channel) * h + y) * w + x]
        };
        (0..n * h * w * c).map(at).collect()
    };
    folder.write_f32("xt.npy", &[n, h, w, c], &transpose(&x, [n, c, h, w]));
    folder.write_f32("wt.npy", &[k, r, s, c / groups], &transpose(&weights, [k, c / groups, r, s]));

    let options = "--groups 2 --padding 2,1,0,1 --stride 1,2 --dilation 2,1 --border reflect101";
    folder.works(&format!("conv2d --input x.npy --weights w.npy --output y.npy {options} --algo reference"));
    let (shape, expected) = folder.read_f32("y.npy");
    assert_eq!(shape, "(2, 8, 9, 5)");
    let expected_nhwc = transpose(&expected, [n, k, 9, 5]);
    for algorithm in ["auto", "direct", "gemm"] {
        for rest in ["--level scalar", "--level portable", "--threads 1", "--threads 4 --quiet"] {
            let rest = format!("{options} --algo {algorithm} {rest}");
            folder.works(&format!("conv2d --input x.npy --weights w.npy --output z.npy {rest}"));
            assert_eq!(folder.read_f32("z.npy"), (shape.clone(), expected.clone()), "{rest}");
            folder.works(&format!(
                "conv2d --input xt.npy --weights wt.npy --output z.npy --layout nhwc {rest}"
            ));
            assert_eq!(
                folder.read_f32("z.npy"),
                ("(2, 9, 5, 8)".to_owned(), expected_nhwc.clone()),
                "{rest}"
            );
        }
    }
}

#[test]
fn an_empty_batch_is_an_empty_result() {
    let folder = Folder::new("conv2d_empty");
    folder.write_f32("x.npy", &[0, 1, 3, 3], &[]);
    folder.write_f32("w.npy", &[1, 1, 2, 2], &[1.; 4]);
    for algorithm in ALGORITHMS {
        folder.works(&format!("conv2d --input x.npy --weights w.npy --output y.npy --algo {algorithm}"));
        assert_eq!(folder.read_f32("y.npy"), ("(0, 1, 2, 2)".to_owned(), vec![]));
    }
}
