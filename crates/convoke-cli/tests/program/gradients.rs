//! `convoke conv-transpose2d` and `convoke grad`: answers that are known, the same by every way, and what is refused.

use crate::common::{Folder, OUTPUT_TOO_LARGE};

#[test]
fn pixels_become_windows() {
    let folder = Folder::new("transpose_known");
    folder.write_f32("x.npy", &[1, 1, 1, 2], &[1., 10.]);
    folder.write_f32("w.npy", &[1, 1, 2, 3], &[1., 2., 3., 4., 5., 6.]);
    let run = |options: &str| {
        folder.works(&format!("conv-transpose2d --input x.npy --weights w.npy --output y.npy {options}"));
        folder.read_f32("y.npy")
    };
    for algorithm in ["auto", "direct", "reference"] {
        let run = |options: &str| run(&format!("--algo {algorithm} {options}"));
        let shape = |h: usize, w: usize| format!("(1, 1, {h}, {w})");
        assert_eq!(run(""), (shape(2, 4), vec![1., 12., 23., 30., 4., 45., 56., 60.]));
        assert_eq!(run("--stride 2"), (shape(2, 5), vec![1., 2., 13., 20., 30., 4., 5., 46., 50., 60.]));
        assert_eq!(run("--stride 1,2 --padding 0,1"), (shape(2, 3), vec![2., 13., 20., 5., 46., 50.]));
        let one_more = (shape(2, 4), vec![2., 13., 20., 30., 5., 46., 50., 60.]);
        assert_eq!(run("--stride 1,2 --padding 0,1 --output-padding 0,1"), one_more);
        assert_eq!(run("--stride 1,2 --padding 0,1 --output-size 2,4"), one_more);
        assert_eq!(run("--stride 2 --padding same"), (shape(2, 4), vec![1., 2., 13., 20., 4., 5., 46., 50.]));
        assert_eq!(run("--padding 0,1,1,1 --mode convolve").1, [5. + 60., 4. + 50.]);
        assert_eq!(run("--padding 0,1,1,1 --activation relu6").1, [6., 6.]);
    }
    folder.write_f32("b.npy", &[1], &[0.5]);
    folder.write_f32("r.npy", &[1, 1, 2, 4], &[100., 0., 0., 0., 0., 0., 0., -100.]);
    let sum = run("--bias b.npy --residual r.npy").1;
    assert_eq!(sum, [101.5, 12.5, 23.5, 30.5, 4.5, 45.5, 56.5, -39.5]);
}

#[test]
fn one_dimension() {
    let folder = Folder::new("transpose_1d");
    folder.write_f32("x.npy", &[1, 1, 2], &[1., 10.]);
    folder.write_f32("w.npy", &[1, 1, 3], &[1., 2., 3.]);
    let base = "conv-transpose2d --input x.npy --weights w.npy --output y.npy --stride 2";
    for (options, values) in [
        ("", vec![1., 2., 13., 20., 30.]),
        ("--output-padding 1", vec![1., 2., 13., 20., 30., 0.]),
        ("--output-size 6", vec![1., 2., 13., 20., 30., 0.]),
        ("--padding 1 --output-size 1,4", vec![2., 13., 20., 30.]),
    ] {
        folder.works(&format!("{base} {options}"));
        assert_eq!(folder.read_f32("y.npy"), (format!("(1, 1, {})", values.len()), values), "{options}");
    }
    folder.write_f32("dy.npy", &[1, 1, 2], &[1., 10.]);
    folder.works(
        "grad --wrt input --grad-output dy.npy --weights w.npy --input-size 6 --stride 2 --output d.npy",
    );
    assert_eq!(folder.read_f32("d.npy"), ("(1, 1, 6)".to_owned(), vec![1., 2., 13., 20., 30., 0.]));
    folder.write_f32("x6.npy", &[1, 1, 6], &[1., 2., 3., 4., 5., 6.]);
    folder.works(
        "grad --wrt weights --grad-output dy.npy --input x6.npy --kernel-size 3 --stride 2 --output d.npy",
    );
    assert_eq!(folder.read_f32("d.npy"), ("(1, 1, 3)".to_owned(), vec![31., 42., 53.]));
    folder.works("grad --wrt bias --grad-output dy.npy --output d.npy");
    assert_eq!(folder.read_f32("d.npy"), ("(1,)".to_owned(), vec![11.]));
}

/// Small whole numbers, whose sums are exact however they are added.
fn whole(len: usize, step: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * step + i / 7) % 13) as f32 - 6.0).collect()
}

#[test]
fn every_way_gives_the_same_whole_numbers() {
    let folder = Folder::new("grad_ways");
    let [n, c, h, w, k, groups, p, q] = [2, 6, 11, 9, 8, 2, 9, 5];
    let turn = |values: &[f32], [n, c, h, w]: [usize; 4]| -> Vec<f32> {
        let at = |i: usize| {
            let (channel, x, y, image) = (i % c, i / c % w, i / (c * w) % h, i / (c * w * h));
            values[((image * c + channel) * h + y) * w + x]
        };
        (0..n * h * w * c).map(at).collect()
    };
    for (name, [a, b, c, d], step) in
        [("x", [n, c, h, w], 5), ("w", [k, c / groups, 3, 3], 3), ("dy", [n, k, p, q], 7)]
    {
        let values = whole(a * b * c * d, step);
        folder.write_f32(&format!("{name}.npy"), &[a, b, c, d], &values);
        folder.write_f32(&format!("{name}t.npy"), &[a, c, d, b], &turn(&values, [a, b, c, d]));
    }
    let options = "--groups 2 --padding 2,1,0,1 --stride 1,2 --dilation 2,1";
    let commands = [
        (
            "grad --wrt input --grad-output dy@.npy --weights w@.npy --input-size 11,9 --border reflect101",
            [n, c, h, w],
        ),
        ("grad --wrt input --grad-output dy@.npy --weights w@.npy --input-size 11,9", [n, c, h, w]),
        ("grad --wrt weights --grad-output dy@.npy --input x@.npy --kernel-size 3", [k, c / groups, 3, 3]),
        ("grad --wrt bias --grad-output dy@.npy", [k, 1, 1, 1]),
        ("conv-transpose2d --input dy@.npy --weights w@.npy --output-size 11,9", [n, c, h, w]),
    ];
    for (command, sizes) in commands {
        let run = |turned: bool, rest: &str| {
            let (mark, layout) = if turned { ("t", "nhwc") } else { ("", "nchw") };
            let command = command.replace('@', mark);
            folder.works(&format!("{command} {options} --layout {layout} --output d.npy {rest}"));
            folder.read_f32("d.npy").1
        };
        let expected = run(false, "--algo reference");
        assert!(expected.iter().any(|&x| x != 0.0));
        for rest in ["--level scalar", "--level portable", "--threads 1", "--threads 4 --quiet"] {
            assert_eq!(run(false, rest), expected, "{command} {rest}");
            assert_eq!(run(true, rest), turn(&expected, sizes), "{command} {rest}");
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let folder = Folder::new("grad_bad");
    folder.write_f32("x.npy", &[1, 4, 5, 5], &[1.0; 100]);
    folder.write_f32("w.npy", &[6, 4, 3, 3], &[1.0; 216]);
    folder.write_f32("dy.npy", &[1, 6, 3, 3], &[1.0; 54]);
    folder.write_f32("v.npy", &[4, 6, 3, 3], &[1.0; 216]);
    folder.write_f32("none.npy", &[1, 6, 0, 3], &[]);
    folder.write("out.npy", "an old result");
    let transpose = "conv-transpose2d --input x.npy --weights v.npy --output out.npy";
    for (options, message) in [
        ("--stride 0", "vertical stride: must be at least 1, got 0"),
        ("--padding 4", "padding above and below: must be at most 6, got 8"),
        ("--output-padding 1", "output padding rows: must be at most 0, got 1"),
        ("--stride 2 --output-padding 0,2", "output padding columns: must be at most 1, got 2"),
        ("--stride 2 --output-size 13,11", "output height: must be at most 12, got 13"),
        ("--stride 2 --output-size 11,10", "output width: must be at least 11, got 10"),
        ("--output-size 7,7 --output-padding 0", "cannot be used with"),
        ("--border wrap", "--border: must be zero"),
        ("--groups 3", "in channels: must be a multiple of groups (3), got 4"),
        ("--groups 0", "--groups: must be at least 1, got 0"),
        ("--algo gemm", "--algo: must be auto, direct or reference here"),
        ("--bias w.npy", "w.npy: must have one value per out channel, 6, got 6x4x3x3"),
        ("--residual x.npy", "x.npy: must have the shape of the output, 1x6x7x7, got 1x4x5x5"),
        ("--stride 1000000", OUTPUT_TOO_LARGE),
        ("--stride MOST", "too large"),
    ] {
        folder.fails(&format!("{transpose} {options}"), message);
    }
    folder.fails(
        "conv-transpose2d --input x.npy --weights w.npy --output out.npy",
        "--weights: must have 4 in channels, those of the input, got 6",
    );
    let input = "grad --wrt input --grad-output dy.npy --output out.npy";
    let weights = "grad --wrt weights --grad-output dy.npy --output out.npy";
    for (command, message) in [
        (format!("{input} --input-size 5,5"), "--weights: is needed with --wrt input"),
        (format!("{input} --weights w.npy"), "--input-size: is needed with --wrt input"),
        (
            format!("{input} --weights w.npy --input-size 6,5"),
            "--grad-output: must have 4x3 pixels, as the layer's output, got 3x3",
        ),
        (format!("{input} --weights v.npy --input-size 5,5"), "--weights: must have 6 out channels"),
        (format!("{input} --weights w.npy --input-size 5,5 --activation relu"), "--activation: must be none"),
        (format!("{input} --weights w.npy --input-size 5,5 --groups 0"), "must be at least 1, got 0"),
        (format!("{weights} --kernel-size 3,3"), "--input: is needed with --wrt weights"),
        (format!("{weights} --input x.npy"), "--kernel-size: is needed with --wrt weights"),
        (format!("{weights} --input x.npy --kernel-size 2,3"), "--grad-output: must have 4x3 pixels"),
        (format!("{weights} --input x.npy --kernel-size 9"), "kernel height: must be at most 5, got 9"),
        (format!("{weights} --input missing.npy --kernel-size 3"), "missing.npy: no such file"),
        (
            "grad --wrt loss --grad-output dy.npy --output out.npy".to_owned(),
            "must be input, weights or bias",
        ),
        ("grad --wrt bias --output out.npy".to_owned(), "--grad-output"),
        (
            "grad --wrt bias --grad-output none.npy --output out.npy".to_owned(),
            "--grad-output: must have at least one pixel, got 0x3",
        ),
        ("grad --wrt bias --grad-output dy.npy --output nowhere/out.npy".to_owned(), "there is no folder"),
    ] {
        folder.fails(&command, message);
    }
}

#[test]
fn empty_batches() {
    let folder = Folder::new("grad_empty");
    folder.write_f32("x.npy", &[0, 1, 3, 3], &[]);
    folder.write_f32("dy.npy", &[0, 1, 2, 2], &[]);
    folder.write_f32("w.npy", &[1, 1, 2, 2], &[1.; 4]);
    folder.works("conv-transpose2d --input dy.npy --weights w.npy --output d.npy");
    assert_eq!(folder.read_f32("d.npy"), ("(0, 1, 3, 3)".to_owned(), vec![]));
    folder.works("grad --wrt weights --grad-output dy.npy --input x.npy --kernel-size 2 --output d.npy");
    assert_eq!(folder.read_f32("d.npy"), ("(1, 1, 2, 2)".to_owned(), vec![0.0; 4]));
}
