//! `convoke learn`: every named mask is found again from one pair of 8-bit pictures, and what is wrong with a pair is said.

use crate::common::{Folder, npy};
use convoke::mask::Mask;

/// A picture as a camera might see it: shapes with soft and hard edges, a slope of light, and a little noise.
fn picture(height: usize, width: usize, channels: usize) -> Vec<u8> {
    let mut state = 12345_u32;
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for channel in 0..channels {
                let (v, u) = (y as f32 / height as f32, x as f32 / width as f32);
                let disc = if (u - 0.4).hypot(v - 0.5) < 0.25 { 50.0 } else { 0.0 };
                let waves = 25.0 * (20.0 * u + 3.0 * channel as f32).sin() * (14.0 * v).cos();
                let stripe = if (x / 7 + y / 5) % 3 == 0 { 18.0 } else { 0.0 };
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (state >> 24) as f32 / 32.0;
                pixels.push((90.0 + 30.0 * u + disc + waves + stripe + noise) as u8);
            }
        }
    }
    pixels
}

/// A picture so smooth that neighbouring pixels differ by little more than rounding and the noise of a good camera. Without that noise, rounding would
/// undo whatever a blur does: the result would be the picture itself, and the identity the right answer.
fn smooth(height: usize, width: usize) -> Vec<u8> {
    let mut state = 99_u32;
    let mut pixel = |i: usize| {
        let (v, u) = ((i / width) as f32 / height as f32, (i % width) as f32 / width as f32);
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = 3.0 * (state >> 8) as f32 / (1 << 24) as f32 - 1.5;
        128.0 + 60.0 * (5.0 * u + 2.0 * v).sin() + 50.0 * (4.0 * v - 3.0 * u * u).cos() + noise
    };
    (0..height * width).map(|i| pixel(i).round() as u8).collect()
}

/// The mask that was printed, and its comment.
fn learned(text: &str) -> (Vec<f32>, String) {
    let comment = text.lines().find(|line| line.starts_with('#')).unwrap().to_owned();
    (Mask::from_rows(text).unwrap().weights().to_vec(), comment)
}

fn assert_found(text: &str, mask: &Mask, what: &str) {
    let (weights, _) = learned(text);
    assert_eq!(weights.len(), mask.weights().len(), "{what}");
    for (i, (found, weight)) in weights.iter().zip(mask.weights()).enumerate() {
        let weight = weight * mask.scale / mask.divisor;
        assert!((found - weight).abs() < 0.01, "{what}: weight {i} is {found}, not {weight}\n{text}");
    }
}

const NAMES: [&str; 20] = [
    "box:3",
    "box:5",
    "gaussian:1",
    "gaussian:1.5,7",
    "identity",
    "shift-left",
    "shift-right",
    "shift-up",
    "shift-down",
    "sobel-x",
    "sobel-y",
    "scharr-x",
    "scharr-y",
    "prewitt-x",
    "prewitt-y",
    "laplacian",
    "sharpen",
    "emboss",
    "motion:7,30",
    "motion:4,90",
];

#[test]
fn every_named_mask_is_found() {
    let folder = Folder::new("learn_masks");
    folder.write_u8("x.npy", &[180, 240], &picture(180, 240, 1));
    for name in NAMES {
        let mask: Mask = name.parse().unwrap();
        let [rows, columns] = mask.size();
        // Gradients are clamped at 0, on half of the picture.
        folder.works(&format!("filter x.npy -o y.npy --mask {name} --border replicate --quiet"));
        let text = folder.works(&format!("learn x.npy y.npy --size {rows}x{columns} --quiet"));
        assert_found(&text, &mask, name);
    }
    // Every name that masks have was tried.
    for name in convoke::mask::NAMES {
        let stem = name.split(':').next().unwrap();
        assert!(NAMES.iter().any(|tried| tried.split(':').next().unwrap() == stem), "{name}");
    }
}

#[test]
fn smooth_pictures_and_many_channels() {
    let folder = Folder::new("learn_smooth");
    folder.write_u8("x.npy", &[320, 400], &smooth(320, 400));
    folder.write_u8("c.npy", &[90, 110, 3], &picture(90, 110, 3));
    for (input, name) in [("x", "gaussian:1,5"), ("x", "sharpen"), ("c", "emboss"), ("c", "gaussian:1")] {
        let mask: Mask = name.parse().unwrap();
        let [rows, columns] = mask.size();
        folder.works(&format!("filter {input}.npy -o y.npy --mask {name} --quiet"));
        let text = folder.works(&format!("learn {input}.npy y.npy --size {rows}x{columns} --threads 2"));
        assert_found(&text, &mask, name);
    }
}

/// The lecture's shift, from picture files; what is printed is a mask for `filter`, and the drawings are pictures.
#[test]
fn what_is_printed_and_drawn() {
    let folder = Folder::new("learn_plot");
    let pixels = picture(60, 80, 1);
    folder.write_u8("x.npy", &[60, 80], &pixels);
    folder.works("filter x.npy -o x.png --mask identity");
    folder.works("filter x.png -o y.png --mask shift-left");
    let text = folder.works("learn x.png y.png --size 3 --plot drawings");
    let (weights, comment) = learned(&text);
    let rounded: Vec<f32> = weights.iter().map(|weight| (weight * 100.0).round() / 100.0).collect();
    assert_eq!(rounded, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    assert!(comment.starts_with("# mean square error 0.00000"), "{comment}");
    assert!(
        comment.contains(" over 4524 pixels after ") && comment.ends_with("; 60 left out, perhaps clamped"),
        "{comment}"
    );
    folder.write("learned.txt", &text);
    folder.works("filter x.npy -o again.npy --mask learned.txt");
    folder.works("filter x.npy -o right.npy --mask shift-left");
    assert_eq!(folder.read_u8("again.npy"), folder.read_u8("right.npy"));
    for (name, width, height) in [("drawings/loss.png", 640, 368), ("drawings/mask.png", 289, 289)] {
        let picture = image::open(folder.path(name)).unwrap();
        assert_eq!((picture.width(), picture.height()), (width, height), "{name}");
    }
    // Into a folder that is there.
    folder.works("learn x.png y.png --size 3 --plot drawings");
}

/// Sums outside 0 to 255 are clamped in the target: taken at face value they would make every weight smaller.
#[test]
fn clamped_pixels_do_not_count() {
    let folder = Folder::new("learn_clamped");
    folder.write_u8("x.npy", &[120, 160], &picture(120, 160, 1));
    folder.works("filter x.npy -o y.npy --mask sharpen --scale 2.2 --border replicate");
    let (_, values) = folder.read_u8("y.npy");
    let clamped = values.iter().filter(|&&value| value == 255 || value == 0).count();
    assert!(clamped > values.len() / 3, "{clamped}");
    let text = folder.works("learn x.npy y.npy --size 3x3");
    let mask = "sharpen".parse::<Mask>().unwrap().scale(2.2);
    assert_found(&text, &mask, "sharpen");
}

/// Floats need no rounding and have no ends.
#[test]
fn floats_and_words() {
    let folder = Folder::new("learn_floats");
    let floats: Vec<f32> = picture(50, 60, 1).iter().map(|&value| f32::from(value) / 255.0).collect();
    folder.write_f32("x.npy", &[50, 60], &floats);
    folder.works("filter x.npy -o y.npy --mask scharr-x");
    assert_found(&folder.works("learn x.npy y.npy --size 3"), &Mask::scharr_x(), "floats");
    let words: Vec<u8> =
        picture(50, 60, 1).iter().flat_map(|&value| (u16::from(value) * 256).to_le_bytes()).collect();
    folder.write("w.npy", npy("<u2", &[50, 60], &words));
    folder.works("filter w.npy -o y.npy --mask laplacian --output-type i16");
    assert_found(&folder.works("learn w.npy y.npy --size 3"), &Mask::laplacian(), "words");
}

#[test]
fn plain_pictures_are_told() {
    let folder = Folder::new("learn_plain");
    folder.write_u8("x.npy", &[20, 20], &[100; 400]);
    let output = folder.convoke("learn x.npy x.npy --size 3");
    assert!(output.status.success());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        stderr,
        "convoke: warning: the picture is too plain: other masks would give the same result\n"
    );
    assert!(String::from_utf8(output.stdout).unwrap().contains("# mean square error 0.000000"));
    folder.works("learn x.npy x.npy --size 3 --quiet");
}

#[test]
fn pairs_that_are_none() {
    let folder = Folder::new("learn_bad");
    folder.write_u8("x.npy", &[6, 7], &[9; 42]);
    folder.write_u8("small.npy", &[6, 6], &[9; 36]);
    folder.write_u8("rgb.npy", &[6, 7, 3], &[9; 126]);
    folder.write_u8("white.npy", &[6, 7], &[255; 42]);
    folder.write_f32("nan.npy", &[6, 7], &[f32::NAN; 42]);
    folder.write_f32("line.npy", &[42], &[1.0; 42]);
    folder.write("text.png", "not a picture");
    folder.write_u8("empty.npy", &[0, 7], &[]);
    for (args, message) in [
        ("x.npy missing.png --size 3", "missing.png: no such file or folder"),
        ("text.png x.npy --size 3", "text.png: "),
        ("x.npy small.npy --size 3", "small.npy: must be as large as x.npy, 6x7, got 6x6"),
        ("x.npy rgb.npy --size 3", "rgb.npy: must be as large as x.npy, 6x7, got 6x7x3"),
        ("line.npy line.npy --size 3", "line.npy: a picture must have dimensions"),
        ("x.npy x.npy --size 7x3", "--size: must be at most 6x7, as the pictures, got 7x3"),
        ("x.npy x.npy --size MOSTx3", "--size: must be at most 6x7"),
        ("empty.npy empty.npy --size 1", "--size: must be at most 0x7"),
        ("x.npy x.npy --size 0x3", "must be sizes HxW of at least 1"),
        ("x.npy x.npy", "--size"),
        ("x.npy white.npy --size 3", "usable pixels: must be at least 9, got 0"),
        ("x.npy x.npy --size 5x5", "usable pixels: must be at least 25, got 6"),
        ("nan.npy x.npy --size 3", "src: must be finite"),
        ("x.npy nan.npy --size 3", "nan.npy: must be finite"),
        ("x.npy x.npy --size 3 --plot x.npy", "x.npy: must be a folder"),
        ("x.npy x.npy --size 3 --plot no/where", "no/where: cannot be made: there is no folder no"),
        ("x.npy x.npy --size 3 --threads 0", "--threads"),
    ] {
        folder.fails(&format!("learn {args}"), message);
    }
}
