//! `convoke layers`: the lecture's three counts, and any other.

use crate::common::Folder;
use serde_json::{Value, json};

#[test]
fn the_lectures_example() {
    let folder = Folder::new("layers_lecture");
    let text = folder.works("layers");
    for number in
        ["1,600,000,000", "4,000,000", "10,000", "6,400,000,000", "400,000,000", "200x200", "40,000 neurons"]
    {
        assert!(text.contains(number), "{number} in {text}");
    }
    let value: Value = serde_json::from_str(&folder.works("layers --json")).unwrap();
    let expected = json!({
        "image": [200, 200], "neurons": 40_000, "field": [10, 10], "filters": 100,
        "layers": [
            {"kind": "fully connected", "parameters": 1_600_000_000_u64, "macs": 1_600_000_000_u64, "bytes": 6_400_000_000_u64},
            {"kind": "locally connected", "parameters": 4_000_000, "macs": 4_000_000, "bytes": 16_000_000},
            {"kind": "convolutional", "parameters": 10_000, "macs": 400_000_000, "bytes": 40_000},
        ],
    });
    assert_eq!(value, expected);
}

#[test]
fn other_sizes() {
    let folder = Folder::new("layers_other");
    let count = |args: &str, number: usize| {
        let value: Value = serde_json::from_str(&folder.works(&format!("layers --json {args}"))).unwrap();
        ["parameters", "macs", "bytes"].map(|name| value["layers"][number][name].as_u64().unwrap())
    };
    let args = "--image 3x5 --neurons 7 --field 2x3 --filters 11";
    assert_eq!(count(args, 0), [105, 105, 420]);
    assert_eq!(count(args, 1), [42, 42, 168]);
    assert_eq!(count(args, 2), [66, 990, 264]);
    // A neuron for each pixel, unless their number is given; one side stands for both.
    assert_eq!(count("--image 28 --field 5 --filters 8", 0), [614_656, 614_656, 2_458_624]);
    assert_eq!(count("--image 28 --field 5 --filters 8", 1), [19_600, 19_600, 78_400]);
    assert_eq!(count("--image 28 --field 5 --filters 8", 2), [200, 156_800, 800]);
}

#[test]
fn sizes_that_make_no_sense() {
    let folder = Folder::new("layers_bad");
    for (args, message) in [
        ("--image 0x5", "must be sizes HxW of at least 1"),
        ("--image 3x", "must be sizes HxW of at least 1"),
        ("--image 3x4x5", "must be sizes HxW of at least 1"),
        ("--image -3x4", "must be sizes HxW of at least 1"),
        ("--neurons 0", "--neurons"),
        ("--filters 0", "--filters"),
        ("--field 201x3", "--field: must be at most 200x200, as the image, got 201x3"),
        ("--image MOSTx2 --field 1x1", if usize::BITS > 32 { "--image: too large" } else { "too large" }),
        (
            "--image 4294967295x4294967295 --field 1x1",
            "fully connected layer: too large: counts must fit in 64 bits",
        ),
        ("--image 99999999999999999999", "must be sizes HxW of at least 1"),
    ] {
        folder.fails(&format!("layers {args}"), message);
    }
}
