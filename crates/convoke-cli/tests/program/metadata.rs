//! `convoke filter` on pictures whose files say more than their pixels: orientation, colour profile, depth.

use crate::common::Folder;
use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, tiff::TiffDecoder, webp::WebPEncoder};
use image::{ExtendedColorType, ImageBuffer, ImageDecoder, ImageEncoder, ImageReader, Luma, Rgb, Rgba};

/// An EXIF block that says nothing but the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x01\0".to_vec();
    block.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    block.extend([0; 4]);
    block
}

/// A PNG file of 3 rows and 4 columns of grey.
fn png(pixels: &[u8], exif: Option<Vec<u8>>, profile: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).unwrap();
    }
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).unwrap();
    }
    encoder.write_image(pixels, 4, 3, ExtendedColorType::L8).unwrap();
    bytes
}

/// A TIFF file of grey with this orientation, written by hand.
fn tiff(height: u16, width: u16, pixels: &[u8], orientation: u16) -> Vec<u8> {
    let entries = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (274, orientation),
        (277, 1),
        (278, height),
        (279, pixels.len() as u16),
    ];
    let mut bytes = b"II*\0".to_vec();
    bytes.extend((8 + pixels.len() as u32).to_le_bytes());
    bytes.extend(pixels);
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, value) in entries {
        bytes.extend([(tag as u16).to_le_bytes(), 3_u16.to_le_bytes(), 1_u16.to_le_bytes(), [0; 2]].concat());
        bytes.extend([value.to_le_bytes(), [0; 2]].concat());
    }
    bytes.extend([0; 4]);
    bytes
}

/// As the EXIF standard puts it: where row 0 and column 0 of what is stored lie in what is seen.
fn seen(stored: impl Fn(usize, usize) -> u8, [h, w]: [usize; 2], orientation: u8) -> ([usize; 2], Vec<u8>) {
    let size = if orientation < 5 { [h, w] } else { [w, h] };
    let place = |y: usize, x: usize| match orientation {
        1 => (y, x),
        2 => (y, w - 1 - x),
        3 => (h - 1 - y, w - 1 - x),
        4 => (h - 1 - y, x),
        5 => (x, y),
        6 => (h - 1 - x, y),
        7 => (h - 1 - x, w - 1 - y),
        _ => (x, w - 1 - y),
    };
    let places = (0..size[0]).flat_map(|y| (0..size[1]).map(move |x| (y, x)));
    (size, places.map(|(y, x)| place(y, x)).map(|(r, c)| stored(r, c)).collect())
}

#[test]
fn masks_mean_what_the_viewer_sees() {
    let folder = Folder::new("metadata_orientation");
    let pixels: Vec<u8> = (1..=12).map(|i| i * i).collect();
    for orientation in 1..=8 {
        let ([h, w], expected) = seen(|r, c| pixels[4 * r + c], [3, 4], orientation);
        folder.write("x.png", png(&pixels, Some(exif(orientation)), None));
        folder.write("x.tif", tiff(3, 4, &pixels, orientation.into()));
        folder.write_u8("seen.npy", &[h, w], &expected);
        folder.works("filter seen.npy -o right.npy --mask sobel-x --out-range centre");
        for input in ["x.png", "x.tif"] {
            folder.works(&format!("filter {input} -o y.npy --mask identity"));
            assert_eq!(folder.read_u8("y.npy").1, expected, "{input} {orientation}");
            folder.works(&format!("filter {input} -o y.npy --mask sobel-x --out-range centre"));
            let shape = folder.read_u8("y.npy").0;
            assert_eq!(shape, format!("({h}, {w}, 1)"), "{input} {orientation}");
            assert_eq!(folder.read_u8("y.npy").1, folder.read_u8("right.npy").1, "{input} {orientation}");
        }
        // What is written looks right without metadata, and has none that would turn it again.
        folder.works("filter x.png -o y.png --mask identity");
        let mut decoder = ImageReader::open(folder.path("y.png")).unwrap().into_decoder().unwrap();
        assert_eq!(decoder.orientation().unwrap().to_exif(), 1);
        assert_eq!(image::open(folder.path("y.png")).unwrap().into_luma8().into_raw(), expected);
    }
}

#[test]
fn webp_too_and_damaged_blocks_turn_nothing() {
    let folder = Folder::new("metadata_orientation_webp");
    let pixels: Vec<u8> = (1..=12).collect();
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
    encoder.set_exif_metadata(exif(8)).unwrap();
    encoder.write_image(&pixels, 4, 3, ExtendedColorType::L8).unwrap();
    folder.write("x.webp", bytes);
    folder.works("filter x.webp -o y.png --mask identity");
    let ([h, w], expected) = seen(|r, c| pixels[4 * r + c], [3, 4], 8);
    let y = image::open(folder.path("y.png")).unwrap().into_rgb8();
    assert_eq!((y.height() as usize, y.width() as usize), (h, w));
    assert!(y.pixels().zip(expected).all(|(pixel, value)| pixel.0 == [value; 3]));

    for block in [&b"nothing of the kind"[..], &exif(8)[..15], &exif(9)] {
        folder.write("x.png", png(&pixels, Some(block.to_vec()), None));
        folder.works("filter x.png -o y.npy --mask identity");
        assert_eq!(folder.read_u8("y.npy"), ("(3, 4, 1)".to_owned(), pixels.clone()));
    }
    let help = folder.works("filter --help");
    for word in ["Orientation:", "Colour profile", "Depth:", "Alpha:", "--premultiply", "--roi", "--isolated"]
    {
        assert!(help.contains(word), "{word}");
    }
}

#[test]
fn photographs_are_turned() {
    let folder = Folder::new("metadata_jpeg");
    // Left half dark, right half light; a viewer shows dark above light.
    let pixels: Vec<u8> = (0..16 * 16).map(|i| if i % 16 < 8 { 20 } else { 220 }).collect();
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
    encoder.set_exif_metadata(exif(6)).unwrap();
    encoder.write_image(&pixels, 16, 16, ExtendedColorType::L8).unwrap();
    folder.write("x.jpg", bytes);
    folder.works("filter x.jpg -o y.npy --mask identity");
    let y = folder.read_u8("y.npy").1;
    assert!(y[..16 * 7].iter().all(|&value| value < 40), "{y:?}");
    assert!(y[16 * 9..].iter().all(|&value| value > 200), "{y:?}");
    folder.works("filter x.jpg -o y.jpg --mask identity");
    let mut decoder = ImageReader::open(folder.path("y.jpg")).unwrap().into_decoder().unwrap();
    assert_eq!(decoder.orientation().unwrap().to_exif(), 1);
}

/// A profile, as far as its header goes, for this kind of pixels.
fn profile(space: &[u8], len: usize) -> Vec<u8> {
    let mut profile: Vec<u8> = (0..len).map(|i| i % 251).map(|i| (i * i % 251) as u8).collect();
    profile[16..20].copy_from_slice(space);
    profile
}

fn profile_of(folder: &Folder, name: &str) -> Option<Vec<u8>> {
    if name.ends_with(".tif") {
        let bytes = std::io::Cursor::new(folder.read(name));
        // Without the limits of a reader, which hide profiles that are larger than the pixels.
        return TiffDecoder::new(bytes).unwrap().icc_profile().unwrap();
    }
    ImageReader::open(folder.path(name)).unwrap().into_decoder().unwrap().icc_profile().unwrap()
}

/// Runs the program, which must work and warn; silently with `--quiet`.
fn warns(folder: &Folder, args: &str, message: &str) {
    let output = folder.convoke(args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{args}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{args}: {stderr}");
    assert!(stderr.starts_with("convoke: warning: ") && stderr.contains(message), "{args}: {stderr}");
    folder.works(&format!("{args} --quiet"));
}

#[test]
fn colour_profiles_are_kept_or_their_loss_is_said() {
    let folder = Folder::new("metadata_profile");
    let rgb = ImageBuffer::<Rgb<u8>, _>::from_raw(4, 3, vec![90; 36]).unwrap();
    for (len, inputs) in [(132, "png jpg tif webp"), (150_001, "png jpg tif")] {
        let icc = profile(b"RGB ", len);
        let mut bytes = Vec::new();
        let mut encoder = PngEncoder::new(&mut bytes);
        encoder.set_icc_profile(icc.clone()).unwrap();
        encoder.write_image(&rgb, 4, 3, ExtendedColorType::Rgb8).unwrap();
        folder.write("x.png", bytes);
        // From each format that holds one to each.
        for input in inputs.split(' ') {
            if input != "png" {
                folder.works(&format!("filter x.png -o x.{input} --mask identity"));
            }
            for output in ["png", "jpg", "tif", "webp"] {
                folder.works(&format!("filter x.{input} -o y.{output} --mask box:3"));
                assert!(profile_of(&folder, &format!("y.{output}")) == Some(icc.clone()), "{input} {output}");
            }
        }
    }
    for output in ["y.bmp", "y.ppm", "y.pam", "y.gif", "y.npy"] {
        let args = format!("filter x.png -o {output} --mask identity");
        warns(&folder, &args, &format!("{output}: the picture's colour profile (ICC) is lost"));
    }
    // A grey picture has a grey profile; what is for other inks must not be passed on.
    folder.write("g.png", png(&[7; 12], None, Some(profile(b"GRAY", 200))));
    folder.works("filter g.png -o y.tif --mask identity");
    assert_eq!(profile_of(&folder, "y.tif"), Some(profile(b"GRAY", 200)));
    folder.write("k.png", png(&[7; 12], None, Some(profile(b"CMYK", 200))));
    warns(&folder, "filter k.png -o y.png --mask identity", "k.png: its colour profile (ICC) is not one for");
    assert_eq!(profile_of(&folder, "y.png"), None);
}

#[test]
fn sixteen_bits_are_kept_or_refused() {
    let folder = Folder::new("metadata_depth");
    let deep: Vec<u16> = (0..36).map(|i| i * 1801 + 3).collect();
    let values = |channels: usize| deep[..12 * channels].to_vec();
    ImageBuffer::<Luma<u16>, _>::from_raw(4, 3, values(1)).unwrap().save(folder.path("x1.png")).unwrap();
    ImageBuffer::<Rgb<u16>, _>::from_raw(4, 3, values(3)).unwrap().save(folder.path("x3.png")).unwrap();
    for (channels, outputs) in [(1, "png tif pgm pam"), (3, "png tif ppm pam")] {
        for output in outputs.split(' ') {
            folder.works(&format!("filter x{channels}.png -o y.{output} --mask identity"));
            let y = image::open(folder.path(&format!("y.{output}"))).unwrap();
            let y = if channels == 1 {
                y.as_luma16().map(|y| y.to_vec())
            } else {
                y.as_rgb16().map(|y| y.to_vec())
            };
            assert_eq!(y, Some(values(channels)), "{output}");
        }
        for (output, name) in [("jpg", "JPEG"), ("bmp", "BMP"), ("gif", "GIF"), ("webp", "WebP")] {
            let args = format!("filter x{channels}.png -o z.{output} --mask identity");
            folder.fails(&args, &format!("z.{output}: {name} holds 8 bits a value, got u16"));
        }
    }
    folder.works("filter x3.png -o y.bmp --mask identity --output-type u8 --scale 0.0038910506");
    let expected: Vec<u8> = deep.iter().map(|&value| (f64::from(value) / 257.0).round() as u8).collect();
    assert_eq!(image::open(folder.path("y.bmp")).unwrap().into_rgb8().into_raw(), expected);
    // Floats would be cut to bytes, too.
    folder.write_f32("f.npy", &[2, 2, 3], &[0.5; 12]);
    folder.fails("filter f.npy -o z.jpg --mask identity", "JPEG holds 8 bits a value, got f32");
    folder.works("filter f.npy -o y.tif --mask identity");
}

#[test]
fn alpha_is_kept_or_refused() {
    let folder = Folder::new("metadata_alpha");
    folder.write_u8("la.npy", &[1, 2, 2], &[10, 20, 30, 40]);
    folder.fails("filter la.npy -o z.bmp --mask identity", "BMP has no alpha channel of grey pictures");
    folder.fails("filter la.npy -o z.jpg --mask identity", "JPEG has no alpha channel");
    folder.works("filter la.npy -o y.png --mask identity");
    assert_eq!(image::open(folder.path("y.png")).unwrap().into_luma_alpha8().into_raw(), [10, 20, 30, 40]);
    let rgba = ImageBuffer::<Rgba<u8>, _>::from_raw(2, 1, vec![9, 8, 7, 100, 1, 2, 3, 200]).unwrap();
    rgba.save(folder.path("x.png")).unwrap();
    warns(&folder, "filter x.png -o y.gif --mask identity", "y.gif: GIF keeps alpha only as all or nothing");
    // Without --premultiply it is a channel like the others.
    folder.works("filter x.png -o y.png --mask shift-left");
    let y = image::open(folder.path("y.png")).unwrap().into_rgba8().into_raw();
    assert_eq!(y, [1, 2, 3, 200, 0, 0, 0, 0]);
}
