//! `convoke filter`: results that are known in advance, byte for byte.

use crate::common::{Folder, lecture, npy};

/// The interior of the lecture's 3x3 mean, 8 by 8.
const MEAN: [u8; 64] = [
    0, 10, 20, 30, 30, 30, 20, 10, //
    0, 20, 40, 60, 60, 60, 40, 20, //
    0, 30, 60, 90, 90, 90, 60, 30, //
    0, 30, 50, 80, 80, 90, 60, 30, //
    0, 30, 50, 80, 80, 90, 60, 30, //
    0, 20, 30, 50, 50, 60, 40, 20, //
    10, 20, 30, 30, 30, 30, 20, 10, //
    10, 10, 10, 0, 0, 0, 0, 0,
];

#[test]
fn the_lecture_s_mean() {
    let folder = Folder::new("filter_mean");
    folder.write_u8("g.npy", &[10, 10], &lecture());
    folder.write("mean.txt", "1 1 1\n1,1,1 # the middle row\n\n1 1 1\n");
    for options in ["--mask box:3", "--mask mean.txt --scale 0.11111111", "--mask box:3 --algo reference"] {
        for level in ["scalar", "portable", "auto"] {
            folder.works(&format!("filter g.npy -o h.npy {options} --level {level}"));
            let (shape, h) = folder.read_u8("h.npy");
            assert_eq!(shape, "(10, 10)");
            let interior: Vec<u8> = (1..9).flat_map(|y| h[y * 10 + 1..y * 10 + 9].to_vec()).collect();
            assert_eq!(interior, MEAN, "{options} {level}");
        }
    }
}

#[test]
fn shifts_move_the_picture_as_they_are_called() {
    let folder = Folder::new("filter_shift");
    folder.write_u8("x.npy", &[3, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (name, moved) in [
        ("identity", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("shift-left", [2, 3, 0, 5, 6, 0, 8, 9, 0]),
        ("shift-right", [0, 1, 2, 0, 4, 5, 0, 7, 8]),
        ("shift-up", [4, 5, 6, 7, 8, 9, 0, 0, 0]),
        ("shift-down", [0, 0, 0, 1, 2, 3, 4, 5, 6]),
    ] {
        folder.works(&format!("filter x.npy -o y.npy --mask {name}"));
        assert_eq!(folder.read_u8("y.npy").1, moved, "{name}");
    }
    // Under true convolution the same mask moves the picture the other way.
    folder.works("filter x.npy -o y.npy --mask shift-left --mode convolve");
    assert_eq!(folder.read_u8("y.npy").1, [0, 1, 2, 0, 4, 5, 0, 7, 8]);
}

#[test]
fn borders_and_anchors() {
    let folder = Folder::new("filter_border");
    folder.write_u8("x.npy", &[1, 4], &[1, 2, 3, 4]);
    // The value two to the left.
    for (border, expected) in [
        ("zero", [0, 0, 1, 2]),
        ("constant:9", [9, 9, 1, 2]),
        ("replicate", [1, 1, 1, 2]),
        ("reflect", [2, 1, 1, 2]),
        ("reflect101", [3, 2, 1, 2]),
        ("wrap", [3, 4, 1, 2]),
    ] {
        folder.works(&format!("filter x.npy -o y.npy --mask 1~0~0~0~0 --border {border}"));
        assert_eq!(folder.read_u8("y.npy").1, expected, "{border}");
    }
    folder.works("filter x.npy -o y.npy --mask 0~0~1 --anchor 0,0");
    assert_eq!(folder.read_u8("y.npy").1, [3, 4, 0, 0]);
}

#[test]
fn output_types_and_ranges() {
    let folder = Folder::new("filter_types");
    folder.write_u8("x.npy", &[1, 4], &[10, 10, 90, 20]);
    let gradient = "filter x.npy -o y.npy --mask -1~0~1 --border replicate";
    folder.works(gradient);
    assert_eq!(folder.read_u8("y.npy").1, [0, 80, 10, 0]);
    folder.works(&format!("{gradient} --out-range abs"));
    assert_eq!(folder.read_u8("y.npy").1, [0, 80, 10, 70]);
    folder.works(&format!("{gradient} --out-range centre"));
    assert_eq!(folder.read_u8("y.npy").1, [128, 208, 138, 58]);
    folder.works(&format!("{gradient} --out-range normalise"));
    assert_eq!(folder.read_u8("y.npy").1, [119, 255, 136, 0]);
    folder.works(&format!("{gradient} --output-type i16"));
    assert_eq!(folder.read_i16("y.npy").1, [0, 80, 10, -70]);
    folder.works(&format!("{gradient} --output-type f32 --scale 0.5 --offset -1"));
    assert_eq!(folder.read_f32("y.npy").1, [-1.0, 39.0, 4.0, -36.0]);
    folder.works(&format!("{gradient} --output-type f32 --out-range normalise"));
    assert_eq!(folder.read_f32("y.npy").1, [70.0 / 150.0, 1.0, 80.0 / 150.0, 0.0]);
}

#[test]
fn bytes_are_rounded_ties_to_even() {
    let folder = Folder::new("filter_ties");
    folder.write_u8("x.npy", &[1, 6], &[1, 3, 5, 7, 253, 255]);
    folder.works("filter x.npy -o y.npy --mask 1 --scale 0.5");
    assert_eq!(folder.read_u8("y.npy").1, [0, 2, 2, 4, 126, 128]);
}

#[test]
fn sixteen_bits_signs_and_fortran_order() {
    let folder = Folder::new("filter_sixteen");
    let bytes: Vec<u8> = [1000_i16, -2000, 3000].iter().flat_map(|value| value.to_le_bytes()).collect();
    folder.write("x.npy", npy("<i2", &[1, 3], &bytes));
    folder.works("filter x.npy -o y.npy --mask 1~1~1");
    assert_eq!(folder.read_i16("y.npy"), ("(1, 3)".to_owned(), vec![-1000, 2000, 1000]));

    let columns = String::from_utf8_lossy(&npy("|u1", &[2, 3], b"adbecf")).replace("False", "True ");
    // The magic byte is no text; put it back.
    let mut file = columns.replacen('\u{FFFD}', "?", 1).into_bytes();
    file[0] = 0x93;
    folder.write("f.npy", file);
    folder.works("filter f.npy -o y.npy --mask identity");
    assert_eq!(folder.read_u8("y.npy").1, b"abcdef");
}

#[test]
fn channels_are_filtered_alike_however_many() {
    let folder = Folder::new("filter_channels");
    for channels in [1, 2, 3, 4, 5, 9] {
        // Channel c of pixel x is 10 x + c.
        let values: Vec<u8> = (0..5 * channels).map(|i| (10 * (i / channels) + i % channels) as u8).collect();
        folder.write_u8("x.npy", &[1, 5, channels], &values);
        folder.works("filter x.npy -o y.npy --mask shift-left");
        let (shape, moved) = folder.read_u8("y.npy");
        assert_eq!(shape, format!("(1, 5, {channels})"));
        assert_eq!(moved[..4 * channels], values[channels..]);
        assert_eq!(moved[4 * channels..], vec![0; channels]);
    }
}

#[test]
fn masks_from_npy_files() {
    let folder = Folder::new("filter_mask_npy");
    folder.write_f32("x.npy", &[1, 3], &[1.5, 2.5, 4.5]);
    folder.write_f32("m.npy", &[1, 2], &[-1.0, 1.0]);
    folder.works("filter x.npy -o y.npy --mask m.npy");
    assert_eq!(folder.read_f32("y.npy").1, [1.5, 1.0, 2.0]);
}

#[test]
fn pictures_in_and_out() {
    let folder = Folder::new("filter_pictures");
    let pixels: Vec<u8> = (0..6 * 5 * 3).map(|i| (i * 7 % 256) as u8).collect();
    let picture = image::RgbImage::from_raw(6, 5, pixels.clone()).unwrap();
    for name in ["x.png", "x.bmp", "x.ppm", "x.tif", "x.webp"] {
        picture.save(folder.path(name)).unwrap();
        let format = name.rsplit('.').next().unwrap();
        folder.works(&format!("filter {name} -o y.{format} --mask shift-up --border wrap"));
        let moved = image::open(folder.path(&format!("y.{format}"))).unwrap().into_rgb8().into_raw();
        assert_eq!(moved[..6 * 4 * 3], pixels[6 * 3..], "{name}");
        assert_eq!(moved[6 * 4 * 3..], pixels[..6 * 3], "{name}");
    }
    // Between arrays and pictures, and 16 bits.
    folder.works("filter x.png -o y.npy --mask identity");
    assert_eq!(folder.read_u8("y.npy"), ("(5, 6, 3)".to_owned(), pixels.clone()));
    let deep: Vec<u16> = (0..30).map(|i| i * 2184).collect();
    image::ImageBuffer::<image::Luma<u16>, _>::from_raw(6, 5, deep.clone())
        .unwrap()
        .save(folder.path("d.png"))
        .unwrap();
    folder.works("filter d.png -o e.png --mask identity");
    assert_eq!(image::open(folder.path("e.png")).unwrap().into_luma16().into_raw(), deep);
    // A JPEG can be read, and a JPEG of it is a picture of the same size.
    picture.save(folder.path("x.jpg")).unwrap();
    folder.works("filter x.jpg -o y.jpg --mask gaussian:1 --border reflect101");
    assert_eq!(image::image_dimensions(folder.path("y.jpg")).unwrap(), (6, 5));
}

#[test]
fn an_existing_output_is_replaced_whole() {
    let folder = Folder::new("filter_replace");
    folder.write_u8("x.npy", &[2, 2], &[1, 2, 3, 4]);
    folder.write("y.npy", vec![7; 100_000]);
    folder.works("filter x.npy -o y.npy --mask identity --threads 2 --quiet");
    assert_eq!(folder.read_u8("y.npy").1, [1, 2, 3, 4]);
    // In place, too.
    folder.works("filter x.npy -o x.npy --mask 2");
    assert_eq!(folder.read_u8("x.npy").1, [2, 4, 6, 8]);
    assert_eq!(folder.files(), ["x.npy", "y.npy"]);
}

#[test]
fn threads_and_levels_change_nothing() {
    let folder = Folder::new("filter_threads");
    let pixels: Vec<u8> = (0..300 * 200 * 3).map(|i| (i % 997 * (i % 991) % 251) as u8).collect();
    folder.write_u8("x.npy", &[300, 200, 3], &pixels);
    let mut first = None;
    for options in ["--threads 1", "--threads 3", "--level scalar --threads 2", "--level portable"] {
        folder.works(&format!("filter x.npy -o y.npy --mask gaussian:2 --border reflect {options}"));
        let result = folder.read("y.npy");
        assert!(*first.get_or_insert_with(|| result.clone()) == result, "{options}");
    }
}

#[cfg(unix)]
#[test]
fn pipes_and_links_stay_what_they_are() {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::process::Command;

    let folder = Folder::new("filter_pipe");
    folder.write_u8("x.npy", &[1, 2], &[3, 4]);
    assert!(Command::new("mkfifo").arg(folder.path("p.npy")).status().unwrap().success());
    let path = folder.path("p.npy");
    let reader = std::thread::spawn(move || fs::read(path).unwrap());
    folder.works("filter x.npy -o p.npy --mask 2");
    assert_eq!(reader.join().unwrap().last_chunk(), Some(&[6, 8]));
    assert!(fs::symlink_metadata(folder.path("p.npy")).unwrap().file_type().is_fifo());

    folder.write("old.npy", "old");
    symlink("old.npy", folder.path("link.npy")).unwrap();
    folder.works("filter x.npy -o link.npy --mask 3");
    assert_eq!(folder.read_u8("old.npy").1, [9, 12]);
    assert!(fs::symlink_metadata(folder.path("link.npy")).unwrap().is_symlink());
}

#[test]
fn gaussians_by_repeated_boxes() {
    let folder = Folder::new("filter_gaussian_method");
    let floats: Vec<f32> = (0..40 * 50).map(|i| (i * 37 % 256) as f32).collect();
    folder.write_f32("x.npy", &[40, 50], &floats);
    folder.write_u8("b.npy", &[40, 50, 3], &[90; 40 * 50 * 3]);
    let gaussian = "--mask gaussian:4 --border reflect101";
    folder.works(&format!("filter x.npy -o exact.npy {gaussian}"));
    folder.works(&format!("filter x.npy -o same.npy {gaussian} --gaussian-method exact"));
    assert_eq!(folder.read_f32("exact.npy"), folder.read_f32("same.npy"));
    let exact = folder.read_f32("exact.npy").1;
    for (method, percent) in [("box", 2.9), ("box:3", 3.9), ("box:8", 1.5)] {
        folder.works(&format!("filter x.npy -o fast.npy {gaussian} --gaussian-method {method} --threads 2"));
        let (shape, fast) = folder.read_f32("fast.npy");
        assert_eq!(shape, "(40, 50)");
        let worst = exact.iter().zip(&fast).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst > 0.0 && worst < percent / 100.0 * 255.0, "{method}: {worst}");
        // A region is cut with what the boxes read, which is not what the mask reads.
        folder.works(&format!(
            "filter x.npy -o roi.npy {gaussian} --gaussian-method {method} --roi 7,11,20,30"
        ));
        let (_, roi) = folder.read_f32("roi.npy");
        for (i, value) in roi.iter().enumerate() {
            let whole = fast[(7 + i / 30) * 50 + 11 + i % 30];
            assert!((value - whole).abs() < 1e-3, "{method}, region at {i}: {value}, {whole}");
        }
    }
    folder.works(&format!("filter b.npy -o c.npy {gaussian} --gaussian-method box:3 --scale 0.5 --offset 7"));
    assert_eq!(folder.read_u8("c.npy"), ("(40, 50, 3)".to_owned(), vec![52; 40 * 50 * 3]));
    let text = folder.works(&format!("explain filter 1080x1920x3 {gaussian} --gaussian-method box:3"));
    assert!(text.contains("* gaussian by 3 passes"), "{text}");
    assert!(text.contains("% of the range of values from the Gaussian"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with('*')).count(), 1, "{text}");
    // As wide as the library's.
    folder.works("filter b.npy -o wide.npy --mask gaussian:2000 --border replicate --gaussian-method box");
    assert_eq!(folder.read_u8("wide.npy"), ("(40, 50, 3)".to_owned(), vec![90; 40 * 50 * 3]));
    let text = folder.works("explain filter 1080x1920 --mask gaussian:16384 --gaussian-method box");
    assert!(text.contains("* gaussian by 4 passes"), "{text}");
}

#[test]
fn sums_in_f64() {
    let folder = Folder::new("filter_accumulate");
    folder.write_f32("x.npy", &[1, 3], &[1e9, 1.0, -1e9]);
    for (format, middle) in [("f32", 0.0), ("f64", 1.0)] {
        folder.works(&format!("filter x.npy -o y.npy --mask 1~1~1 --accumulate {format}"));
        assert_eq!(folder.read_f32("y.npy").1[1], middle, "{format}");
    }
    let text = folder.works("explain filter 1080x1920 --mask gaussian:3 --accumulate f64");
    assert!(text.contains("not of that kind"), "{text}");
    let text = folder.works("explain filter 1080x1920 --mask sobel-x --accumulate f64 --algo separable");
    assert!(text.contains("* separable in f64"), "{text}");
    let text = folder.works("explain filter 1080x1920 --mask gaussian:3 --accumulate f64");
    assert!(text.contains("* direct in f64"), "{text}");
}
