//! `convoke filter --roi` and `--premultiply`: parts of pictures, and colours weighted by alpha.

use crate::common::{Folder, npy};

/// Rows `y..y + h` and columns `x..x + w` of a picture of bytes that is `width` wide.
fn crop(picture: &[u8], width: usize, channels: usize, [y, x, h, w]: [usize; 4]) -> Vec<u8> {
    let row = |y: usize| &picture[(y * width + x) * channels..][..w * channels];
    (y..y + h).flat_map(|y| row(y).to_vec()).collect()
}

const REGIONS: [[usize; 4]; 6] =
    [[0, 0, 7, 9], [0, 0, 1, 1], [6, 8, 1, 1], [2, 3, 3, 4], [0, 4, 2, 5], [5, 0, 2, 9]];

#[test]
fn a_region_is_that_part_of_the_whole_result() {
    let folder = Folder::new("region_real");
    for channels in [1, 3, 5] {
        let pixels: Vec<u8> = (0..7 * 9 * channels).map(|i| (i * i % 251) as u8).collect();
        folder.write_u8("x.npy", &[7, 9, channels], &pixels);
        // The last mask is larger than the picture.
        for mask in ["1~2~0;0~-1~3;1~0~1", "1~2~3~4~5 --anchor 0,4", "box:3 --anchor 2,0", "gaussian:4,25"] {
            for border in ["zero", "constant:2.5", "replicate", "reflect", "reflect101", "wrap"] {
                for mode in ["correlate", "convolve"] {
                    let filter = format!("--mask {mask} --border {border} --mode {mode}");
                    folder.works(&format!("filter x.npy -o whole.npy {filter}"));
                    let whole = folder.read_u8("whole.npy").1;
                    for region in if channels == 3 { &REGIONS[..] } else { &REGIONS[3..4] } {
                        let [y, x, h, w] = *region;
                        folder.works(&format!("filter x.npy -o y.npy {filter} --roi {y},{x},{h},{w}"));
                        let (shape, part) = folder.read_u8("y.npy");
                        assert_eq!(shape, format!("({h}, {w}, {channels})"));
                        assert_eq!(part, crop(&whole, 9, channels, *region), "{region:?} {filter}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_isolated_region_is_a_picture_of_its_own() {
    let folder = Folder::new("region_isolated");
    let pixels: Vec<u8> = (0..7 * 9).map(|i| (i * i % 251) as u8).collect();
    folder.write_u8("x.npy", &[7, 9], &pixels);
    for region in REGIONS {
        let [y, x, h, w] = region;
        folder.write_u8("part.npy", &[h, w], &crop(&pixels, 9, 1, region));
        for border in ["zero", "constant:7", "replicate", "reflect", "reflect101", "wrap"] {
            let filter = format!("--mask gaussian:1 --border {border}");
            folder.works(&format!("filter part.npy -o right.npy {filter}"));
            folder.works(&format!("filter x.npy -o y.npy {filter} --roi {y},{x},{h},{w} --isolated"));
            assert_eq!(folder.read_u8("y.npy"), folder.read_u8("right.npy"), "{region:?} {border}");
        }
    }
}

#[test]
fn regions_of_pictures_types_and_ranges() {
    let folder = Folder::new("region_kinds");
    let pixels: Vec<u8> = (0..7 * 9 * 3).map(|i| (i * i % 251) as u8).collect();
    image::RgbImage::from_raw(9, 7, pixels.clone()).unwrap().save(folder.path("x.png")).unwrap();
    folder.works("filter x.png -o y.png --mask identity --roi 1,2,3,4 --algo reference");
    let y = image::open(folder.path("y.png")).unwrap().into_rgb8();
    assert_eq!((y.height(), y.width()), (3, 4));
    assert_eq!(y.into_raw(), crop(&pixels, 9, 3, [1, 2, 3, 4]));
    folder.write_u8("g.npy", &[1, 5], &[0, 10, 90, 20, 255]);
    // The least and greatest are those of the region.
    folder.works("filter g.npy -o y.npy --mask 1 --out-range normalise --roi 0,1,1,3");
    assert_eq!(folder.read_u8("y.npy").1, [0, 255, 32]);
    folder.works("filter g.npy -o y.npy --mask -1~0~1 --out-range abs --roi 0,2,1,2");
    assert_eq!(folder.read_u8("y.npy").1, [10, 165]);
    folder.works("filter g.npy -o y.npy --mask -1~0~1 --output-type f32 --roi 0,3,1,2");
    assert_eq!(folder.read_f32("y.npy").1, [165.0, -20.0]);
}

#[test]
fn wrong_regions() {
    let folder = Folder::new("region_wrong");
    folder.write_u8("x.npy", &[7, 9], &[1; 63]);
    for (options, message) in [
        ("--roi 1,2,3", "must be Y,X,H,W"),
        ("--roi 1,2,3,4,5", "must be Y,X,H,W"),
        ("--roi 1,2,3,", "must be whole numbers"),
        ("--roi -1,2,3,4", "must be whole numbers"),
        ("--roi 1,2,0,4", "must be at least 1"),
        ("--roi 1,2,3,0", "must be at least 1"),
        ("--roi 5,2,3,4", "--roi: must lie in the picture, which has 7 rows, got 3 rows from row 5 on"),
        ("--roi 7,0,1,1", "which has 7 rows, got 1 row from row 7 on"),
        ("--roi 1,2,3,8", "which has 9 columns, got 8 columns from column 2 on"),
        ("--roi 1,MOST,3,MOST", "which has 9 columns"),
        ("--roi 1,2,3,99999999999999999999", "must be whole numbers"),
        ("--roi", "--roi"),
        ("--isolated", "--roi"),
        ("--premultiply", "x.npy: --premultiply: the picture must have an alpha channel"),
    ] {
        folder.fails(&format!("filter x.npy -o y.npy --mask box:3 {options}"), message);
    }
    folder.write("rgb.ppm", [&b"P6 1 1 255\n"[..], &[1, 2, 3]].concat());
    folder.fails("filter rgb.ppm -o y.png --mask box:3 --premultiply", "must have an alpha channel");
    folder.write_u8("la.npy", &[3, 3, 2], &[9; 18]);
    let fft = "filter la.npy -o y.npy --mask gaussian:3 --algo fft --premultiply";
    folder.fails(fft, "--premultiply: not with --algo fft");
    folder.write("i.npy", npy("<i2", &[1, 1, 2], &[0; 4]));
    folder.fails("filter i.npy -o y.npy --mask box:3 --premultiply", "must be u8, u16 or f32, got i16");
}

/// What --premultiply means with a mean of 3 by 3 and repeated edges, in f64: the pixels, not yet rounded.
fn premultiplied(src: &[f64], [h, w, c]: [usize; 3]) -> Vec<f64> {
    let mut values = Vec::new();
    for y in 0..h {
        for x in 0..w {
            let mut sums = vec![0.0; c];
            for (dy, dx) in (0..9).map(|i| (i / 3, i % 3)) {
                let at = |i: usize, d: usize, n: usize| (i + d).saturating_sub(1).min(n - 1);
                let pixel = &src[(at(y, dy, h) * w + at(x, dx, w)) * c..][..c];
                for k in 0..c - 1 {
                    sums[k] += pixel[k] * pixel[c - 1];
                }
                sums[c - 1] += pixel[c - 1];
            }
            let alpha = sums[c - 1];
            values.extend(sums[..c - 1].iter().map(|sum| if alpha > 0.0 { sum / alpha } else { 0.0 }));
            values.push(alpha / 9.0);
        }
    }
    values
}

#[test]
fn colours_are_weighted_by_alpha_in_every_type() {
    let folder = Folder::new("premultiply_types");
    let filter = "filter x.npy -o y.npy --mask box:3 --border replicate --premultiply";
    for channels in [2, 4] {
        let shape = [5, 6, channels];
        // The first three columns are transparent, and have colours all the same.
        let noise = |i: usize| (i * 7919 + i * i * 31) % 256;
        let value = |i: usize| {
            let transparent = (i / channels) % 6 < 3 && i % channels == channels - 1;
            if transparent { 0 } else { noise(i) }
        };
        let bytes: Vec<u8> = (0..30 * channels).map(|i| value(i) as u8).collect();
        let floats = |scale: f64| -> Vec<f64> { bytes.iter().map(|&v| f64::from(v) * scale).collect() };
        let near = |got: Vec<f64>, expected: Vec<f64>, error: f64, name: &str| {
            assert_eq!(got.len(), expected.len());
            for (i, (got, expected)) in got.into_iter().zip(expected).enumerate() {
                assert!((got - expected).abs() <= error, "{name} {channels} {i}: {got} {expected}");
            }
        };
        folder.write_u8("x.npy", &shape, &bytes);
        folder.works(filter);
        let y = folder.read_u8("y.npy").1.into_iter().map(f64::from).collect();
        near(y, premultiplied(&floats(1.0), shape), 0.5001, "u8");

        let wide: Vec<u8> = bytes.iter().flat_map(|&v| (u16::from(v) * 257).to_le_bytes()).collect();
        folder.write("x.npy", npy("<u2", &shape, &wide));
        folder.works(filter);
        let body = folder.read("y.npy");
        let y =
            body[body.len() - 2 * bytes.len()..].as_chunks().0.iter().map(|v| u16::from_le_bytes(*v).into());
        near(y.collect(), premultiplied(&floats(257.0), shape), 0.55, "u16");

        let unit: Vec<f32> = bytes.iter().map(|&v| f32::from(v) / 255.0).collect();
        folder.write_f32("x.npy", &shape, &unit);
        folder.works(filter);
        let y: Vec<f64> = folder.read_f32("y.npy").1.into_iter().map(f64::from).collect();
        // The first two columns see nothing but transparency.
        assert!((0..5).all(|row| y[row * 6 * channels..][..2 * channels].iter().all(|&v| v == 0.0)));
        near(y, premultiplied(&floats(1.0 / 255.0), shape), 1e-5, "f32");
    }
}

#[test]
fn transparent_colours_do_not_bleed() {
    let folder = Folder::new("premultiply_bleed");
    // An opaque red pixel among transparent green ones.
    let mut pixels = [0, 255, 0, 0].repeat(9);
    pixels[16..20].copy_from_slice(&[255, 0, 0, 255]);
    image::RgbaImage::from_raw(3, 3, pixels).unwrap().save(folder.path("x.png")).unwrap();
    folder.works("filter x.png -o y.png --mask box:3 --border reflect101 --premultiply");
    let y = image::open(folder.path("y.png")).unwrap().into_rgba8();
    assert!(y.pixels().all(|pixel| pixel.0[..3] == [255, 0, 0] && pixel.0[3] > 0), "{y:?}");
    folder.works("filter x.png -o y.png --mask box:3 --premultiply --roi 1,1,1,2");
    assert_eq!(image::open(folder.path("y.png")).unwrap().into_rgba8().into_raw(), [255, 0, 0, 28].repeat(2));
    folder.works("filter x.png -o y.png --mask box:3 --border reflect101");
    assert!(image::open(folder.path("y.png")).unwrap().into_rgba8().pixels().all(|pixel| pixel.0[1] > 0));
    // Masks with negative weights leave finite numbers, and so do masks that sum to nothing.
    let floats: Vec<f32> = (0..36).map(|i| [0.25, 1e30, -3.0, [0.0, 1.0, 1e-30][i % 3]][i % 4]).collect();
    folder.write_f32("f.npy", &[3, 3, 4], &floats);
    for mask in ["sharpen", "laplacian", "sobel-x", "0", "gaussian:1"] {
        folder.works(&format!("filter f.npy -o y.npy --mask {mask} --premultiply"));
        assert!(folder.read_f32("y.npy").1.iter().all(|value| value.is_finite()), "{mask}");
    }
}

/// Algorithms that are fast for large masks leave traces of distant pixels, which must not become colours.
#[test]
fn large_masks_leave_no_traces_where_all_is_transparent() {
    let folder = Folder::new("premultiply_traces");
    let (h, w) = (150, 160);
    let floats: Vec<f32> = (0..h * w * 4)
        .map(|i| if i / 4 % w >= 50 && i % 4 == 3 { 0.0 } else { (i * 7919 % 1013) as f32 / 1013.0 })
        .collect();
    folder.write_f32("f.npy", &[h, w, 4], &floats);
    let motion = "motion:45,30";
    for mask in ["box:41", "gaussian:6.5,41", motion] {
        folder.works(&format!("filter f.npy -o y.npy --mask {mask} --premultiply"));
        let y = folder.read_f32("y.npy").1;
        let beyond = y.chunks(4).enumerate().filter(|(i, _)| i % w >= 50 + 23).map(|(_, pixel)| pixel);
        assert!(beyond.flatten().all(|&value| value == 0.0), "{mask}");
        // Colours are means of colours.
        assert!(y.iter().all(|value| (0.0..=1.00001).contains(value)), "{mask}");
    }
}

#[test]
fn constants_outside_and_offsets() {
    let folder = Folder::new("premultiply_border");
    // Outside are pixels of colour 100 and alpha 100: (200 x 50 + 2 x 100 x 100) / 250 = 120.
    folder.write_u8("x.npy", &[1, 1, 2], &[200, 50]);
    folder.works("filter x.npy -o y.npy --mask 1~1~1 --scale 0.3333333 --border constant:100 --premultiply");
    assert_eq!(folder.read_u8("y.npy").1, [120, 83]);
    folder.works("filter x.npy -o y.npy --mask 1 --offset 7 --premultiply");
    assert_eq!(folder.read_u8("y.npy").1, [207, 57]);
}
