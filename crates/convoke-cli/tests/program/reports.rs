//! What `bench`, `explain` and `info` print: scripts read it.

use crate::common::Folder;
use serde_json::Value;

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn positive(row: &Value, field: &str) -> f64 {
    let number = row[field].as_f64().unwrap_or_else(|| panic!("{field} in {row}"));
    assert!(number > 0.0, "{field} in {row}");
    number
}

#[test]
fn bench_of_a_file_of_shapes() {
    let folder = Folder::new("bench_shapes");
    folder.write(
        "shapes.json",
        r#"[
            {"name": "a_3x3", "net": "none", "N": 1, "C": 8, "H": 9, "W": 9, "K": 8, "R": 3, "S": 3, "stride": [1, 1],
             "pad": [1, 1], "dilation": [1, 1], "groups": 1, "count": 2},
            {"name": "b_dw", "N": 1, "C": 8, "H": 9, "W": 9, "K": 8, "R": 3, "S": 3, "pad": [1, 1], "groups": 8},
            {"name": "c_1x1", "N": 1, "C": 4, "H": 3, "W": 3, "K": 4, "R": 1, "S": 1}
        ]"#,
    );
    let text = folder.works("bench --shapes shapes.json --only *_* --rounds 1 --threads 1 --json --quiet");
    let rows_of = rows(&text);
    assert_eq!(
        rows_of.iter().map(|row| row["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["a_3x3", "b_dw", "c_1x1"]
    );
    for row in &rows_of {
        for field in ["median_ms", "min_ms", "gflops", "peak_gflops", "percent_of_peak", "copy_gb_s"] {
            positive(row, field);
        }
        assert_eq!((row["threads"].as_u64(), row["layout"].as_str()), (Some(1), Some("nhwc")));
        assert!(["direct", "gemm"].contains(&row["algo"].as_str().unwrap()));
        assert!(row["level"].is_string());
    }
    let text = folder.works(
        "bench --shapes shapes.json --only a* --rounds 2 --algo gemm --layout nchw --level scalar --json",
    );
    let row = &rows(&text)[0];
    assert_eq!([&row["algo"], &row["layout"], &row["level"]], ["gemm", "nchw", "scalar"]);
    let expected = 2.0 * (9 * 9 * 8 * 8 * 9) as f64 / positive(row, "median_ms") * 1e-6;
    assert!((positive(row, "gflops") / expected - 1.0).abs() < 0.02, "{row}");
    // For people.
    assert!(folder.works("bench --shapes shapes.json --only c* --rounds 1").contains("c_1x1"));
}

#[test]
fn bench_of_chains() {
    let folder = Folder::new("bench_chains");
    let text = folder.works("bench --chains --only mbv2_*@7 --rounds 1 --json --quiet");
    let names: Vec<_> = rows(&text).iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["mbv2_160-960-160@7", "mbv2_160-960-320@7"]);
    for row in rows(&text) {
        let ratio = positive(&row, "separate_median_ms") / positive(&row, "median_ms");
        assert!((positive(&row, "ratio") / ratio - 1.0).abs() < 0.02, "{row}");
        for field in ["gflops", "peak_gflops", "strip_rows", "scratch_bytes", "between_bytes"] {
            positive(&row, field);
        }
    }
    let text = folder.works("bench --chains --only mbv2_160-960-160@7 --rounds 1 --layout nchw");
    assert!(text.contains("geometric mean"), "{text}");
}

#[test]
fn bench_of_built_in_layers_and_filters() {
    let folder = Folder::new("bench_built_in");
    let text = folder.works("bench --only mbv2_dw3x3_960* --rounds 1 --json");
    assert_eq!(rows(&text)[0]["name"], "mbv2_dw3x3_960@7");
    let text =
        folder.works("bench --filters --only *_3_512x512_gray_u8 --rounds 1 --threads 1 --json --quiet");
    let names: Vec<String> = rows(&text).iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        names,
        ["filter2d_3", "box_3", "gauss_3", "gaussexact_3", "sobel_3"]
            .map(|name| format!("{name}_512x512_gray_u8"))
    );
    for row in rows(&text) {
        assert!(positive(&row, "copy_ns_per_px") < positive(&row, "ns_per_px") * 100.0);
    }
    assert!(
        folder
            .works("bench --filters --only memcpy_512x512_rgb_f32 --rounds 1")
            .contains("memcpy_512x512_rgb_f32")
    );
}

#[test]
fn explanations() {
    let folder = Folder::new("explain");
    folder.write_f32("x.npy", &[1, 3, 8, 8], &[0.0; 192]);
    folder.write_f32("w.npy", &[4, 3, 3, 3], &[0.0; 108]);
    let from_files = folder.works("explain conv2d --input x.npy --weights w.npy --padding same");
    assert_eq!(from_files, folder.works("explain conv2d --input 1x3x8x8 --weights 4x3x3x3 --padding same"));
    for word in ["direct", "gemm", "cost", "scratch", "2^-24", "taken: ", "not taken: ", "6912 multiply-adds"]
    {
        assert!(from_files.contains(word), "{word} in {from_files}");
    }
    let forced = folder.works("explain conv2d --input 1x3x8x8 --weights 4x3x3x3 --algo gemm --level scalar");
    assert!(forced.contains("* gemm"), "{forced}");
    let filter = folder.works("explain filter 480x640x3 --mask gaussian:2");
    for word in ["direct 17x17", "separable", "fft", "2^-24"] {
        assert!(filter.contains(word), "{word} in {filter}");
    }
    // What runs depends on the pixels.
    let box_of = |types: &str| folder.works(&format!("explain filter 480x640x3 --mask box:31 {types}"));
    for (types, taken) in [
        ("", "* box"),
        ("--input-type u8", "* narrow"),
        ("--input-type u8 --output-type f32", "* box"),
        ("--input-type u16", "* separable"),
        ("--input-type u8 --algo fft", "* fft"),
    ] {
        let text = box_of(types);
        assert!(text.contains(taken), "{types}: {text}");
        assert_eq!(text.lines().filter(|line| line.starts_with('*')).count(), 1, "{text}");
    }
    // What is asked for is marked where it runs, and there alone.
    let rank_two = "explain filter 48x64 --mask laplacian --algo rank2";
    for (command, taken) in [
        (format!("{rank_two} --input-type u16"), "* rank2      taken: asked for"),
        (rank_two.to_owned(), "* direct"),
        ("explain filter 48x64 --mask box:3 --algo narrow".to_owned(), "* direct"),
        ("explain filter 48x64 --mask sobel-x --algo fft".to_owned(), "* fft        taken: asked for"),
    ] {
        let text = folder.works(&command);
        assert!(text.contains(taken), "{command}: {text}");
        assert_eq!(text.lines().filter(|line| line.starts_with('*')).count(), 1, "{text}");
    }
    assert_eq!(folder.files(), ["w.npy", "x.npy"]);
}

#[test]
fn info() {
    let folder = Folder::new("info");
    let info: Value = serde_json::from_str(&folder.works("info --json")).unwrap();
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    let levels = info["levels"].as_array().unwrap();
    assert!(levels.iter().any(|level| level["name"] == info["level"]));
    for level in levels {
        for field in ["lanes", "registers", "peak_gflops", "copy_gb_s"] {
            positive(level, field);
        }
    }
    assert!(folder.works("info").contains("portable"));
    assert!(folder.works("--version").starts_with("convoke "));
    assert!(folder.works("--help").contains("filter"));
}
