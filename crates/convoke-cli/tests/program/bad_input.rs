//! Whatever is wrong with what someone typed or with a file: exit code 2, one line that says what, and no trace
//! in the folder.

use crate::common::{Folder, OUTPUT_TOO_LARGE, npy};

/// A folder with a good picture, good arrays, and an old output.
fn folder(test: &str) -> Folder {
    let folder = Folder::new(test);
    folder.write_u8("x.npy", &[4, 5], &[7; 20]);
    folder.write_f32("i.npy", &[1, 4, 5, 5], &[1.0; 100]);
    folder.write_f32("w.npy", &[6, 4, 3, 3], &[1.0; 216]);
    folder.write("out.npy", "an old result");
    folder
}

/// A filter with some options.
fn filter(options: &str) -> String {
    format!("filter x.npy -o out.npy {options}")
}

/// A layer with some options.
fn layer(options: &str) -> String {
    format!("conv2d --input i.npy --weights w.npy --output out.npy {options}")
}

#[test]
fn masks() {
    let folder = folder("bad_masks");
    folder.write("ragged.txt", "1 2 1\n2 4\n1 2 1\n");
    folder.write("words.txt", "1 2 1\n2 four 2\n");
    folder.write("empty.txt", "# nothing\n\n");
    folder.write("binary.txt", [0xFF, 0xFE, 0x00]);
    folder.write_f32("cube.npy", &[1, 1, 1], &[1.0]);
    folder.write_f32("none.npy", &[0, 3], &[]);
    folder.write_f32("nan.npy", &[1, 2], &[1.0, f32::NAN]);
    for (mask, message) in [
        ("ragged.txt", "row 2 must have 3 numbers like the first, got 2"),
        ("1~2;3", "row 2 must have 2 numbers like the first, got 1"),
        ("words.txt", "row 2, column 2 must be a number, got \"four\""),
        ("empty.txt", "at least one weight"),
        ("binary.txt", "neither text nor an .npy file"),
        ("missing.txt", "missing.txt: no such file"),
        ("missing.npy", "missing.npy: no such file"),
        ("cube.npy", "must have 2 dimensions, got 1x1x1"),
        ("none.npy", "at least one weight"),
        ("nan.npy", "row 1, column 2 must be finite"),
        ("sobel-z", "must be a name"),
        ("box:0", "a size from 1 to 4095"),
        ("box:many", "a size from 1 to 4095"),
        ("gaussian:-1", "a positive sigma"),
        ("motion:5", "a length from 1 to 4095 and an angle"),
        ("1~inf", "column 2 must be finite"),
    ] {
        folder.fails(&filter(&format!("--mask {mask}")), message);
    }
}

#[test]
fn filter_options() {
    let folder = folder("bad_filter_options");
    for (options, message) in [
        ("", "--mask"),
        ("--mask box:3 --anchor 3,1", "anchor row: must be at most 2, got 3"),
        ("--mask box:3 --anchor 1", "must be a row and a column"),
        ("--mask box:3 --border edge", "must be zero, constant:V"),
        ("--mask box:3 --border constant:nan", "must be a finite number"),
        ("--mask box:3 --scale inf", "must be a finite number"),
        ("--mask box:3 --mode flip", "must be correlate or convolve"),
        ("--mask box:3 --output-type i64", "must be same, u8, i16, u16 or f32"),
        ("--mask box:3 --out-range wrap", "must be clamp, abs, centre or normalise"),
        ("--mask laplacian --algo separable", "must be a column times a row"),
        ("--mask 1,0,0;0,1,0;0,0,1 --algo rank2", "must be the sum of two separable masks"),
        ("--mask laplacian --algo box", "must have one value everywhere"),
        ("--mask box:3 --algo best", "must be auto, direct, separable, rank2, box"),
        ("--mask gaussian:3 --gaussian-method iir", "must be exact, box, or box:N with N passes from 1 to 8"),
        (
            "--mask gaussian:3 --gaussian-method box:9",
            "must be exact, box, or box:N with N passes from 1 to 8",
        ),
        (
            "--mask box:3 --gaussian-method box",
            "--gaussian-method: needs a mask that is called gaussian:SIGMA",
        ),
        ("--mask gaussian:3,9 --gaussian-method box", "needs a mask that is called gaussian:SIGMA"),
        ("--mask gaussian:3 --gaussian-method box --anchor 1,1", "not with --anchor"),
        ("--mask gaussian:3 --gaussian-method box --algo fft", "not with --algo"),
        ("--mask gaussian:3 --gaussian-method box --accumulate f64", "not with --accumulate"),
        ("--mask box:3 --accumulate f16", "must be f32 or f64"),
        ("--mask box:3 --accumulate f64 --algo box", "must be f32 with any but the direct and the separable"),
        ("--mask box:3 --level sse9", "not a level"),
        ("--mask box:3 --threads 0", "from 1 to 1024"),
        ("--mask box:3 --frobnicate", "--frobnicate"),
    ] {
        folder.fails(&filter(options), message);
    }
}

#[test]
fn pictures() {
    let folder = folder("bad_pictures");
    folder.write("text.png", "this is no picture");
    folder.write("cut.png", &b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00"[..]);
    folder.write("nothing.png", "");
    // A bitmap that claims two thousand million by two thousand million pixels.
    let mut bitmap = b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bitmap.extend([0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 1, 0, 24, 0]);
    bitmap.extend([0; 24]);
    folder.write("huge.bmp", bitmap);
    folder.write("huge.pgm", "P5 4000000000 4000000000 255\n");
    folder.write("empty.pgm", "P5 0 4 255\n");
    for (input, message) in [
        ("text.png", "text.png: neither a picture"),
        ("cut.png", "cut.png: "),
        ("nothing.png", "nothing.png: neither a picture"),
        ("huge.bmp", "huge.bmp: "),
        ("huge.pgm", "huge.pgm: "),
        ("empty.pgm", "width: must be at least 1, got 0"),
        ("missing.png", "missing.png: no such file"),
        (".", ".: is a folder"),
    ] {
        folder.fails(&format!("filter {input} -o out.png --mask box:3"), message);
    }
}

#[test]
fn arrays() {
    let folder = folder("bad_arrays");
    let header_only = npy("<f4", &[100_000_000, 100_000_000], &[]);
    let good = npy("<f4", &[2, 3], &[0; 24]);
    folder.write("line.npy", npy("<f4", &[6], &[0; 24]));
    folder.write("deep.npy", npy("<f4", &[1, 1, 2, 3], &[0; 24]));
    folder.write("double.npy", npy("<f8", &[2, 3], &[0; 48]));
    folder.write("complex.npy", npy("<c8", &[2, 3], &[0; 48]));
    folder.write("big.npy", npy(">f4", &[2, 3], &[0; 24]));
    folder.write("big2.npy", npy(">i2", &[2, 3], &[0; 12]));
    folder.write("short.npy", &good[..good.len() - 1]);
    folder.write("long.npy", [&good[..], &[0]].concat());
    folder.write("header.npy", &good[..20]);
    folder.write("magic.npy", &good[..6]);
    folder.write("version.npy", b"\x93NUMPY\x09\x00\x10\x00{}              ");
    folder.write("broken.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4',");
    folder.write("promise.npy", header_only);
    folder.write("overflow.npy", npy("<f4", &[usize::MAX, 2], &[]));
    folder.write("zero.npy", npy("<f4", &[0, 3], &[]));
    folder.write("flat.npy", npy("<f4", &[2, 3, 0], &[]));
    folder.write("text.npy", "1 2 3");
    let bytes: Vec<u8> = [16_777_217_i32].iter().flat_map(|value| value.to_le_bytes()).collect();
    folder.write("wide.npy", npy("<i4", &[1, 1], &bytes));
    for (input, message) in [
        ("line.npy", "HxW or HxWxC, got 6"),
        ("deep.npy", "HxW or HxWxC, got 1x1x2x3"),
        ("double.npy", "got \"<f8\""),
        ("complex.npy", "got \"<c8\""),
        ("big.npy", "must be little-endian"),
        ("big2.npy", "must be little-endian"),
        ("short.npy", "truncated .npy file: its header promises 24 bytes of elements, got 23"),
        ("long.npy", "promises 24 bytes of elements, got 25"),
        ("header.npy", "truncated .npy file"),
        ("magic.npy", "truncated .npy file"),
        ("version.npy", "version must be 1, 2 or 3, got 9"),
        ("broken.npy", "malformed .npy header"),
        ("promise.npy", "header promises"),
        ("overflow.npy", "more elements than memory can hold"),
        ("zero.npy", "height: must be at least 1, got 0"),
        ("flat.npy", "HxWxC, got 2x3x0"),
        ("text.npy", "neither a picture"),
        ("wide.npy", "must be exact in f32"),
    ] {
        folder.fails(&format!("filter {input} -o out.npy --mask box:3"), message);
    }
    for input in ["line.npy", "big.npy", "short.npy", "overflow.npy", "text.npy", "missing.npy", "x.npy"] {
        folder
            .fails(&format!("conv2d --input {input} --weights w.npy --output out.npy"), input_message(input));
        folder
            .fails(&format!("conv2d --input i.npy --weights {input} --output out.npy"), input_message(input));
        if input != "line.npy" {
            // Six numbers in a line are a bias for six out channels.
            folder.fails(&layer(&format!("--bias {input}")), input_message(input));
        }
        folder.fails(&layer(&format!("--residual {input}")), input_message(input));
    }
}

/// What the line about one of these files has in it, whichever operand it is.
fn input_message(input: &str) -> &str {
    match input {
        // Its rank or shape is wrong for every operand, and the operand may be what is named.
        "line.npy" => "got 6",
        other => other,
    }
}

#[test]
fn layers() {
    let folder = folder("bad_layers");
    folder.write_u8("u.npy", &[1, 4, 5, 5], &[0; 100]);
    for (options, message) in [
        ("--stride 0", "vertical stride: must be at least 1, got 0"),
        ("--stride 1,0", "horizontal stride: must be at least 1, got 0"),
        ("--stride 1,2,3", "must be one or two whole numbers"),
        ("--stride -1", "must be whole numbers"),
        ("--dilation 0", "vertical dilation: must be at least 1, got 0"),
        ("--dilation 3", "kernel height: must be at most 5, got 7"),
        ("--dilation 1,3", "kernel width: must be at most 5, got 7"),
        ("--dilation MOST", "too large"),
        ("--stride MOST --padding HALF", "too large"),
        ("--padding MOST", "too large"),
        ("--padding 4000000000", "too large"),
        ("--padding 1000000", OUTPUT_TOO_LARGE),
        ("--padding 1000000 --algo reference", OUTPUT_TOO_LARGE),
        ("--padding BEYOND", "must be same"),
        ("--padding 1,2,3", "must be same"),
        ("--groups 0", "must be at least 1, got 0"),
        ("--groups 3", "in channels: must be a multiple of groups (3), got 4"),
        ("--groups 2", "must have 2 in channels (4 of the input / 2 groups; layout nchw), got 4"),
        ("--layout nhwc", "must have 5 in channels"),
        ("--layout chwn", "must be nchw or nhwc"),
        ("--activation gelu", "must be none, relu"),
        ("--activation leaky:x", "must be a finite number"),
        ("--max-error -1", "not negative"),
        ("--algo winograd", "this version does not have winograd"),
        ("--algo fft", "this version does not have fft"),
        ("--algo fast", "must be auto, direct, gemm or reference"),
        ("--bias w.npy", "w.npy: must have one value per out channel, 6, got 6x4x3x3"),
        ("--residual i.npy", "i.npy: must have the shape of the output, 1x6x3x3, got 1x4x5x5"),
        ("--input-zero-point 3", "this version does not have"),
        ("--output-type u8", "this version does not have"),
    ] {
        folder.fails(&layer(options), message);
    }
    folder.fails(
        "conv2d --input u.npy --weights w.npy --output out.npy",
        "u.npy: must hold f32 values, got u8: this version has no integer layers yet",
    );
    folder.write_f32("line.npy", &[1, 4, 5], &[0.0; 20]);
    folder.write_f32("v.npy", &[6, 4, 3], &[0.0; 72]);
    let line = "conv2d --input line.npy --weights v.npy --output out.npy";
    folder.fails(&format!("{line} --padding 1,2"), "must be 0 above and below");
    folder.fails("conv2d --input line.npy --weights i.npy --output out.npy", "");
}

#[test]
fn outputs() {
    let folder = folder("bad_outputs");
    std::fs::create_dir(folder.path("sub")).unwrap();
    folder.write_f32("f.npy", &[4, 5], &[1.0; 20]);
    folder.write_u8("five.npy", &[2, 2, 5], &[0; 20]);
    folder.write_u8("alpha.npy", &[2, 2, 4], &[0; 16]);
    for (args, message) in [
        ("filter x.npy -o nowhere/y.npy --mask box:3", "there is no folder nowhere"),
        ("filter x.npy -o sub --mask box:3", "sub: "),
        ("filter x.npy -o y.xyz --mask box:3", "its name must end in .npy, .png"),
        ("filter x.npy -o y --mask box:3", "its name must end in .npy, .png"),
        ("filter f.npy -o y.png --mask box:3", "y.png: a picture file cannot hold 1 channels of f32"),
        ("filter five.npy -o y.png --mask box:3", "y.png: a picture file cannot hold 5 channels of u8"),
        ("filter alpha.npy -o y.jpg --mask box:3", "JPEG has no alpha"),
        ("conv2d --input i.npy --weights w.npy --output sub", "it is a folder"),
        ("conv2d --input i.npy --weights w.npy --output nowhere/y.npy", "there is no folder nowhere"),
        ("conv2d --input i.npy --weights w.npy --output /proc/version", "/proc"),
    ] {
        folder.fails(args, message);
    }
}

#[test]
fn other_commands() {
    let folder = folder("bad_commands");
    folder.write("shapes.json", r#"[{"name": "a", "N": 1}]"#);
    folder.write(
        "stride.json",
        r#"[{"name": "a", "N": 1, "C": 1, "H": 3, "W": 3, "K": 1, "R": 1, "S": 1, "stride": [0, 1]}]"#,
    );
    for (args, message) in [
        ("", "must have a command"),
        ("convolve", "convolve"),
        ("bench --shapes missing.json", "missing.json: no such file"),
        ("bench --shapes shapes.json", "shapes.json: missing field"),
        ("bench --shapes x.npy", "x.npy: "),
        ("bench --shapes stride.json", "a: vertical stride: must be at least 1"),
        ("bench --only nothing", "no problem has such a name"),
        ("bench --filters --only nothing", "no problem has such a name"),
        ("bench --rounds 0", "--rounds"),
        ("bench --filters --algo gemm", "--algo"),
        ("bench --algo reference", "not for timing"),
        ("explain", ""),
        ("explain conv2d --input 1x4x5x5", "--weights"),
        ("explain conv2d --input 1x4x5x5 --weights 6x4x3x3 --dilation 9", "kernel height: must be at most 5"),
        ("explain conv2d --input 1x4x5 --weights 6x4x3x3", "OxIxS"),
        ("explain filter 0x3 --mask box:3", "height: must be at least 1"),
        ("explain filter MOSTxMOST --mask box:3", "too large"),
        ("info --jsonn", "--json"),
    ] {
        folder.fails(args, message);
    }
}
