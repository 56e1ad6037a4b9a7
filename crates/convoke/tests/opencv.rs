//! `convoke::opencv` against results of OpenCV 5.0.0, at every level. `golden/opencv.py` made the results; neither it
//! nor OpenCV is needed here.

use convoke::opencv::{
    OpenCvError, Picture, box_filter, box_filter_into, filter2d, filter2d_into, gaussian_blur,
    gaussian_blur_into, scharr, scharr_into, sobel, sobel_into,
};
use convoke::{Border, Error, Level, Options};

/// The bytes that pictures are cut from.
fn stream() -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(1 << 16).collect()
}

fn of_kind(kind: usize, byte: u8) -> u8 {
    match kind {
        0 => byte,
        1 => 255,
        2 => (byte >> 7) * 255,
        3 => 100 + (byte & 7),
        _ => byte >> 1,
    }
}

/// 64-bit FNV-1a.
fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes
        .into_iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

fn border(name: &str) -> Border {
    match name {
        "zero" => Border::Zero,
        "replicate" => Border::Replicate,
        "reflect" => Border::Reflect,
        "reflect101" => Border::Reflect101,
        other => panic!("border {other}"),
    }
}

/// Two words as numbers.
fn pair(words: &[&str]) -> [usize; 2] {
    [words[0].parse().unwrap(), words[1].parse().unwrap()]
}

/// Two words as an anchor; -1 for none.
fn anchor(words: &[&str]) -> Option<[usize; 2]> {
    (words[0] != "-1").then(|| pair(words))
}

/// The hash of what is computed for a line of the table.
fn compute(words: &[&str], picture: &Picture<'_>, options: &Options) -> u64 {
    let border = border(words[6]);
    let parameters = &words[7..words.len() - 1];
    match words[0] {
        "gaussian" => {
            let sigma = [2, 3].map(|i| parameters[i].parse().unwrap());
            hash(gaussian_blur(picture, pair(parameters), sigma, border, options).unwrap())
        }
        "box" => {
            let normalize = parameters[4] == "1";
            let at = anchor(&parameters[2..]);
            hash(box_filter(picture, pair(parameters), at, normalize, border, options).unwrap())
        }
        "sobel" | "scharr" => {
            let order = pair(parameters);
            let size = parameters[2].parse().unwrap_or(0);
            match (words[0], parameters[3]) {
                ("sobel", "u8") => hash(sobel::<u8>(picture, order, size, border, options).unwrap()),
                ("sobel", _) => halves(sobel(picture, order, size, border, options).unwrap()),
                (_, "u8") => hash(scharr::<u8>(picture, order, border, options).unwrap()),
                _ => halves(scharr(picture, order, border, options).unwrap()),
            }
        }
        "filter2d" => {
            let taps: Vec<i16> = parameters[2].split(',').map(|tap| tap.parse().unwrap()).collect();
            let (size, at) = (pair(parameters), anchor(&parameters[3..]));
            let delta = parameters[5].parse().unwrap();
            if parameters[6] == "u8" {
                hash(filter2d::<u8>(picture, size, &taps, at, delta, border, options).unwrap())
            } else {
                halves(filter2d(picture, size, &taps, at, delta, border, options).unwrap())
            }
        }
        other => panic!("operation {other}"),
    }
}

fn halves(values: Vec<i16>) -> u64 {
    hash(values.into_iter().flat_map(i16::to_le_bytes))
}

#[test]
fn every_entry_at_every_level() {
    let stream = stream();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("golden/opencv.txt").lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [height, width, channels, kind, seed] = [1, 2, 3, 4, 5].map(|i| words[i].parse().unwrap());
        let pixels: Vec<u8> =
            stream[seed..][..height * width * channels].iter().map(|&byte| of_kind(kind, byte)).collect();
        let picture = Picture { pixels: &pixels, size: [height, width], channels };
        let expected = u64::from_str_radix(words[words.len() - 1], 16).unwrap();
        for level in Level::available() {
            if compute(&words, &picture, &Options::new().level(level).threads(1)) != expected {
                wrong.push(format!("{level}: {line}"));
            }
        }
        count += 1;
    }
    assert!(count > 1000, "{count} entries");
    assert!(wrong.is_empty(), "{} results differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Threads and parts change nothing.
#[test]
fn threads_change_nothing() {
    let stream = stream();
    let picture = Picture { pixels: &stream[..200 * 300], size: [200, 300], channels: 1 };
    let one = Options::new().threads(1);
    let many = Options::new().threads(5);
    let border = Border::Reflect101;
    let blurred = |options| gaussian_blur(&picture, [5, 9], [0.0, 0.0], border, options).unwrap();
    assert!(blurred(&one) == blurred(&many));
    let mean = |options| box_filter(&picture, [33, 20], None, true, border, options).unwrap();
    assert!(mean(&one) == mean(&many));
}

#[test]
fn bad_calls_are_errors() {
    let options = Options::new();
    let picture = Picture { pixels: &[1, 2, 3, 4], size: [2, 2], channels: 1 };
    let blur = |size, sigma| gaussian_blur(&picture, size, sigma, Border::Zero, &options).unwrap_err();
    assert_eq!(blur([3, 4], [0.0, 0.0]), OpenCvError::GaussianSize { got: 4 });
    assert_eq!(blur([0, 3], [0.0, 0.0]), OpenCvError::GaussianSize { got: 0 });
    assert_eq!(blur([3, 3], [f64::NAN, f64::NAN]), OpenCvError::Sigma);
    assert_eq!(blur([0, 0], [1e9, 1.0]), OpenCvError::Sigma);
    let derive = |order, size| sobel::<u8>(&picture, order, size, Border::Zero, &options).unwrap_err();
    assert_eq!(derive([0, 1], 4), OpenCvError::DerivativeSize { got: 4 });
    assert_eq!(derive([0, 0], 3), OpenCvError::Order { got: [0, 0] });
    assert_eq!(derive([3, 0], 3), OpenCvError::Order { got: [3, 0] });
    let order = scharr::<u8>(&picture, [1, 1], Border::Zero, &options).unwrap_err();
    assert_eq!(order, OpenCvError::Order { got: [1, 1] });
    let short = Picture { pixels: &[1, 2, 3], ..picture };
    let length = Error::Length { operand: "src", required: 4, got: 3 };
    let error = box_filter(&short, [3, 3], None, true, Border::Zero, &options).unwrap_err();
    assert_eq!(error, OpenCvError::Filter(length));
    let outside = box_filter(&picture, [3, 3], Some([3, 0]), true, Border::Zero, &options).unwrap_err();
    let large = Error::TooLarge { operand: "anchor row", required: 2, got: 3 };
    assert_eq!(outside, OpenCvError::Filter(large));
    let zero = box_filter(&picture, [0, 3], None, true, Border::Reflect, &options).unwrap_err();
    assert_eq!(zero, OpenCvError::Filter(Error::TooSmall { operand: "mask height", required: 1, got: 0 }));
    assert!(zero.to_string().starts_with("mask height"));
}

/// The same results in a buffer of the caller's, which is left alone if it is of another length.
#[test]
fn results_in_buffers() {
    let pixels: Vec<u8> = (0..77 * 9).map(|i| (i * 37 % 251) as u8).collect();
    let picture = Picture { pixels: &pixels, size: [9, 77], channels: 1 };
    let (border, options) = (Border::Reflect101, Options::new());
    let mut bytes = vec![1_u8; pixels.len()];
    let mut signed = vec![1_i16; pixels.len()];

    gaussian_blur_into(&picture, [5, 3], [0.0; 2], border, &options, &mut bytes).unwrap();
    assert_eq!(bytes, gaussian_blur(&picture, [5, 3], [0.0; 2], border, &options).unwrap());
    box_filter_into(&picture, [3, 7], None, true, border, &options, &mut bytes).unwrap();
    assert_eq!(bytes, box_filter(&picture, [3, 7], None, true, border, &options).unwrap());
    sobel_into(&picture, [0, 1], 3, border, &options, &mut signed).unwrap();
    assert_eq!(signed, sobel::<i16>(&picture, [0, 1], 3, border, &options).unwrap());
    scharr_into(&picture, [1, 0], border, &options, &mut signed).unwrap();
    assert_eq!(signed, scharr::<i16>(&picture, [1, 0], border, &options).unwrap());
    let taps = [1, -2, 3, 4, -5, 6];
    filter2d_into(&picture, [2, 3], &taps, None, 3, border, &options, &mut signed).unwrap();
    assert_eq!(signed, filter2d::<i16>(&picture, [2, 3], &taps, None, 3, border, &options).unwrap());

    for len in [0, pixels.len() - 1] {
        let error =
            gaussian_blur_into(&picture, [3, 3], [0.0; 2], border, &options, &mut bytes[..len]).unwrap_err();
        assert!(error.to_string().contains(&format!("{}", pixels.len())), "{error}");
    }
    bytes.push(1);
    let before = bytes.clone();
    assert!(gaussian_blur_into(&picture, [3, 3], [0.0; 2], border, &options, &mut bytes).is_err());
    assert_eq!(bytes, before);
}
