//! What the firmware in `embedded/firmware` carries in its flash and expects of its results: weights packed here, on the host,
//! and hashes of what the reference computes. All numbers are whole and small, so every level gives the same bits.
//!
//! The file `embedded/firmware/src/expected.rs` is written by
//!
//! ```text
//! CONVOKE_WRITE_EXPECTED=1 cargo test --test firmware
//! ```
//!
//! and without that, compared.
#![forbid(unsafe_code)]

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use convoke_core::{
    Activation, Border, Conv2dDesc, Conv2dPlan, Filter2dDesc, Filter2dPlan, Layout, Level, Operands, Padding,
};
use convoke_reference::{conv2d, filter2d_exact, filter2d_f64};

const HEIGHT: usize = 24;
const WIDTH: usize = 64;
const BORDERS: [Border; 6] = [
    Border::Zero,
    Border::Constant(7.0),
    Border::Replicate,
    Border::Reflect,
    Border::Reflect101,
    Border::Wrap,
];

fn pixel(y: usize, x: usize) -> u8 {
    ((y * 37 + x * 11 + y * x * 5 % 64) % 256) as u8
}

fn hash(bits: impl IntoIterator<Item = u32>) -> u32 {
    let bytes = bits.into_iter().flat_map(u32::to_le_bytes);
    bytes.fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Hashes of the filtered picture as f32, i16 and u8: every border with the first mask, then three masks.
fn filters() -> [Vec<u32>; 3] {
    let picture: Vec<u8> = (0..HEIGHT * WIDTH).map(|i| pixel(i / WIDTH, i % WIDTH)).collect();
    let wide: Vec<i16> = picture.iter().map(|&p| p.into()).collect();
    let smooth = vec![1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0];
    let mask = |len: usize| (0..len).map(|i| (i * 5 % 7) as f32 - 1.0).collect::<Vec<_>>();
    let mut problems: Vec<_> = BORDERS.map(|border| ([3, 3], border, smooth.clone())).into();
    problems.push(([3, 3], Border::Replicate, smooth));
    problems.push(([5, 5], Border::Replicate, mask(25)));
    problems.push(([1, 31], Border::Replicate, mask(31)));
    let mut hashes = [vec![], vec![], vec![]];
    for (size, border, mask) in problems {
        let desc = Filter2dDesc::new([HEIGHT, WIDTH], 1, size).divisor(64.0).border(border);
        // Quotients by 64 are exact.
        let real = filter2d_f64(&desc, &mask, &picture).0;
        let i16s: Vec<i16> = filter2d_exact(&desc, &mask, &wide);
        let u8s: Vec<u8> = filter2d_exact(&desc, &mask, &picture);
        hashes[0].push(hash(real.iter().map(|&v| (v as f32).to_bits())));
        hashes[1].push(hash(i16s.iter().map(|&v| u32::from(v as u16))));
        hashes[2].push(hash(u8s.iter().map(|&v| v.into())));
    }
    hashes
}

fn layers() -> [Conv2dDesc; 3] {
    let conv = Conv2dDesc::new(Layout::Nhwc, 1, 3, [24, 24], 8, [3, 3]).stride([2, 2]).padding(Padding::Same);
    let depthwise = Conv2dDesc::new(Layout::Nhwc, 1, 8, [12, 12], 8, [3, 3]).padding(Padding::Same).groups(8);
    let pointwise = Conv2dDesc::new(Layout::Nhwc, 1, 8, [12, 12], 16, [1, 1]);
    [conv, depthwise, pointwise].map(|desc| desc.activation(Activation::Relu))
}

fn numbers(text: &mut String, name: &str, values: &[f32]) {
    writeln!(text, "\n#[rustfmt::skip]\npub static {name}: [f32; {}] = [", values.len()).unwrap();
    for row in values.chunks(12) {
        let row: Vec<String> = row.iter().map(|v| format!("{v:?}")).collect();
        writeln!(text, "    {},", row.join(", ")).unwrap();
    }
    writeln!(text, "];").unwrap();
}

/// The layers' weights, packed for a machine with one lane; and hashes of what each layer gives.
fn network(text: &mut String) {
    let mut src: Vec<f32> = (0..24 * 24 * 3).map(|i| pixel(i / 72, i % 72).into()).collect();
    let mut hashes = vec![];
    for ((desc, name), l) in layers().into_iter().zip(["CONV", "DEPTHWISE", "POINTWISE"]).zip(0..) {
        let plan = Conv2dPlan::new(&desc, Level::scalar()).unwrap();
        let weights: Vec<f32> =
            (0..plan.geometry().weights_len).map(|i| ((i * 7 + 3 * l) % 5) as f32 - 2.0).collect();
        let bias: Vec<f32> = (0..desc.out_channels).map(|i| (i % 3) as f32 - 1.0).collect();
        // Where a packing begins in its buffer follows from the buffer's place; here it begins at the front.
        let mut buffer = vec![0.0_f32; plan.packed_len() + 16];
        let front = buffer.as_ptr().align_offset(64).min(16);
        let packed = &mut buffer[front..][..plan.packed_len()];
        plan.pack(&weights, packed).unwrap();

        // The firmware opens the packing where it lies, which need not be where it was made.
        let opened = plan.open(packed).unwrap();
        let mut dst = vec![f32::NAN; plan.geometry().dst.len];
        let mut memory = vec![f32::NAN; plan.scratch_len()];
        plan.run(&Operands::new(&src, opened).bias(&bias), &mut dst, &mut memory).unwrap();
        let answer = conv2d(&desc, &src, &weights, Some(&bias), None);
        let expected: Vec<f32> = answer.values.iter().map(|&v| v as f32).collect();
        assert_eq!(dst, expected, "{name}");
        hashes.push(hash(expected.iter().map(|v| v.to_bits())));

        numbers(text, name, packed);
        numbers(text, &format!("{name}_BIAS"), &bias);
        src = expected;
    }
    let pooled: Vec<f32> =
        (0..16).map(|k| src.chunks(16).map(|pixel| pixel[k]).sum::<f32>() / 144.0).collect();
    numbers(text, "POOLED", &pooled);
    writeln!(text, "\npub const LAYERS: [u32; 3] = {hashes:?};").unwrap();
}

#[test]
fn the_firmware_expects_what_the_reference_computes() {
    let mut text = String::from(
        "//! Written by `tests/firmware.rs` of the whole project, which says how: weights as they are packed, and what must come\n\
         //! out.\n\n",
    );
    for (name, hashes) in ["F32", "I16", "U8"].into_iter().zip(filters()) {
        writeln!(text, "#[rustfmt::skip]\npub const FILTER_{name}: [u32; {}] = {hashes:?};", hashes.len())
            .unwrap();
    }
    network(&mut text);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("embedded/firmware/src/expected.rs");
    if env::var_os("CONVOKE_WRITE_EXPECTED").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == text, "{} is not what it should be", path.display());
}

/// Lengths that firmware has as constants are those of plans.
#[test]
fn lengths_as_constants_are_those_of_plans() {
    let kernels = [[1, 1], [3, 3], [1, 7], [5, 2]];
    for (layout, kernel) in [Layout::Nchw, Layout::Nhwc].into_iter().flat_map(|l| kernels.map(|k| (l, k))) {
        for [channels, out, groups] in [[1, 1, 1], [3, 8, 1], [8, 8, 8], [6, 9, 3], [16, 7, 1], [4, 12, 4]] {
            for border in BORDERS {
                let desc = Conv2dDesc::new(layout, 2, channels, [9, 40], out, kernel)
                    .padding(Padding::Same)
                    .groups(groups)
                    .border(border);
                let plan = Conv2dPlan::new(&desc, Level::scalar()).unwrap();
                assert_eq!(
                    [plan.packed_len(), plan.scratch_len()],
                    [desc.scalar_packed_len(), 0],
                    "{desc:?}"
                );
            }
        }
    }
    for size in kernels {
        let desc = Filter2dDesc::new([9, 40], 3, size);
        for level in Level::available() {
            let lens = [Filter2dPlan::new, Filter2dPlan::separable, Filter2dPlan::boxed]
                .map(|plan| plan(&desc, level).unwrap().packed_len());
            let constants = [desc.packed_len(), desc.separable_packed_len(), desc.box_packed_len()];
            assert_eq!(lens, constants, "{desc:?}");
        }
    }
    // What no plan has has no length either.
    let endless = Filter2dDesc::new([9, 40], 3, [usize::MAX, 2]);
    assert_eq!([endless.packed_len(), endless.separable_packed_len()], [usize::MAX; 2]);
    let endless = Conv2dDesc::new(Layout::Nchw, 1, usize::MAX / 2, [9, 9], 8, [1, 1]);
    assert_eq!([endless.scalar_packed_len(), endless.groups(0).scalar_packed_len()], [usize::MAX; 2]);
}
