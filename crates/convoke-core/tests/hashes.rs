//! The bits of results, as hashes in a committed table that every target checks: levels with fused multiply-adds give one set of
//! bits, whatever the instructions, those without give another. So NEON is held to what AVX-512 makes, and WebAssembly to SSE2.
//!
//! A result that is meant to change shows here: the failing test prints the table as it would be now, for `hashes.txt`.

use std::fmt::Write as _;

use convoke_core::{
    Activation, Border, Conv2dDesc, Conv2dPlan, ConvTranspose2dDesc, ConvTranspose2dPlan, Filter2dDesc,
    Filter2dPlan, InputGradPlan, Layout, Level, Mode, Operands, Padding, Pixel,
};

/// What the table says.
const TABLE: &str = include_str!("hashes.txt");

/// Reals in [-1, 1) with 24 bits, so that nearly every sum rounds; the same everywhere.
struct Numbers(u32);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0
    }

    fn reals(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.next() >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 24) as u8).collect()
    }
}

/// FNV-1a over the bits.
fn hash(values: impl IntoIterator<Item = u32>) -> u64 {
    values
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn hash_reals(values: &[f32]) -> u64 {
    assert!(values.iter().all(|value| value.is_finite()));
    hash(values.iter().map(|value| value.to_bits()))
}

/// Layers: in channels, height, width, out channels, kernel, stride, dilation, padding, groups.
type Shape = (usize, [usize; 2], usize, [usize; 2], [usize; 2], [usize; 2], usize, usize);

const LAYERS: &[Shape] = &[
    (3, [17, 19], 24, [3, 3], [1, 1], [1, 1], 1, 1),
    (3, [31, 29], 16, [7, 7], [2, 2], [1, 1], 3, 1),
    (16, [14, 14], 33, [1, 1], [1, 1], [1, 1], 0, 1),
    (40, [9, 11], 100, [1, 1], [1, 1], [1, 1], 0, 1),
    (64, [7, 7], 48, [3, 3], [1, 1], [1, 1], 1, 1),
    (5, [23, 37], 1, [5, 5], [1, 1], [2, 2], 2, 1),
    (20, [13, 21], 3, [3, 3], [2, 1], [1, 1], 1, 1),
    (8, [1, 61], 17, [1, 5], [1, 2], [1, 1], 0, 1),
    (24, [15, 17], 24, [3, 3], [1, 1], [1, 1], 1, 24),
    (33, [16, 15], 33, [3, 3], [2, 2], [1, 1], 1, 33),
    (18, [20, 21], 18, [5, 5], [1, 1], [1, 1], 2, 18),
    (12, [19, 18], 12, [7, 7], [1, 1], [3, 3], 4, 12),
    (16, [11, 12], 24, [3, 3], [1, 1], [1, 1], 1, 4),
    (64, [9, 9], 64, [3, 3], [1, 1], [1, 1], 1, 2),
];

fn layer(layout: Layout, &(c, size, k, kernel, stride, dilation, padding, groups): &Shape) -> Conv2dDesc {
    let mut desc = Conv2dDesc::new(layout, 2, c, size, k, kernel);
    desc.stride = stride;
    desc.dilation = dilation;
    desc.padding = Padding::all(padding);
    desc.groups = groups;
    desc
}

fn conv(desc: &Conv2dDesc, level: Level) -> u64 {
    let plan = Conv2dPlan::new(desc, level).unwrap();
    let geometry = *plan.geometry();
    let mut numbers = Numbers(1);
    let [src, weights, bias, residual] =
        [geometry.src.len, geometry.weights_len, desc.out_channels, geometry.dst.len]
            .map(|len| numbers.reals(len));
    let mut buffer = vec![0.0; plan.packed_len()];
    let weights = plan.pack(&weights, &mut buffer).unwrap();
    let operands = Operands { bias: Some(&bias), residual: Some(&residual), ..Operands::new(&src, weights) };
    let mut dst = vec![0.0; geometry.dst.len];
    plan.run(&operands, &mut dst, &mut vec![0.0; plan.scratch_len()]).unwrap();
    hash_reals(&dst)
}

fn input_gradient(desc: &Conv2dDesc, level: Level) -> u64 {
    let plan = InputGradPlan::new(desc, level).unwrap();
    let weights_len = Conv2dPlan::new(desc, level).unwrap().geometry().weights_len;
    let geometry = *plan.geometry();
    let mut numbers = Numbers(2);
    let [dy, weights] = [geometry.src.len, weights_len].map(|len| numbers.reals(len));
    let mut buffer = vec![0.0; plan.packed_len()];
    let weights = plan.pack(&weights, &mut buffer).unwrap();
    let mut dx = vec![0.0; geometry.dst.len];
    plan.run(&Operands::new(&dy, weights), &mut dx, &mut vec![0.0; plan.scratch_len()]).unwrap();
    hash_reals(&dx)
}

fn transposed(desc: &ConvTranspose2dDesc, level: Level) -> u64 {
    let plan = ConvTranspose2dPlan::new(desc, level).unwrap();
    let geometry = *plan.geometry();
    let mut numbers = Numbers(3);
    let [src, weights] = [geometry.src.len, geometry.weights_len].map(|len| numbers.reals(len));
    let mut buffer = vec![0.0; plan.packed_len()];
    let weights = plan.pack(&weights, &mut buffer).unwrap();
    let mut dst = vec![0.0; geometry.dst.len];
    plan.run(&Operands::new(&src, weights), &mut dst, &mut vec![0.0; plan.scratch_len()]).unwrap();
    hash_reals(&dst)
}

fn filtered<I: Pixel, O: Pixel>(plan: &Filter2dPlan, mask: &[f32], src: &[I]) -> Vec<O> {
    let mut buffer = vec![0.0; plan.packed_len()];
    let mask = plan.pack(mask, &mut buffer).unwrap();
    let mut dst = vec![O::default(); plan.dst_len()];
    plan.run(&mask, src, &mut dst, &mut vec![0.0; plan.scratch_len()]).unwrap();
    dst
}

/// The table's lines for a level, without what the level makes of multiply-adds.
fn lines(level: Level) -> Vec<(String, u64)> {
    let mut lines = Vec::new();
    for (layout, name) in [(Layout::Nchw, "nchw"), (Layout::Nhwc, "nhwc")] {
        for (i, shape) in LAYERS.iter().enumerate() {
            let desc = layer(layout, shape);
            lines.push((format!("conv2d {i} {name}"), conv(&desc, level)));
            lines.push((format!("input-gradient {i} {name}"), input_gradient(&desc, level)));
        }
        let mut desc = layer(layout, &LAYERS[0]);
        for border in
            [Border::Constant(0.3), Border::Replicate, Border::Reflect, Border::Reflect101, Border::Wrap]
        {
            desc.border = border;
            lines.push((format!("conv2d {border:?} {name}"), conv(&desc, level)));
        }
        desc.mode = Mode::Convolve;
        for activation in [
            Activation::Relu6,
            Activation::Leaky(0.1),
            Activation::Sigmoid,
            Activation::Tanh,
            Activation::Silu,
            Activation::HardSwish,
        ] {
            desc.activation = activation;
            lines.push((format!("conv2d {activation:?} {name}"), conv(&desc, level)));
        }
        for (kernel, stride) in [(2, 2), (3, 2), (4, 2), (5, 3)] {
            let mut desc = ConvTranspose2dDesc::new(layout, 1, 12, [9, 7], 20, [kernel, kernel]);
            desc.stride = [stride, stride];
            lines.push((format!("transposed {kernel}x{kernel} s{stride} {name}"), transposed(&desc, level)));
        }
    }
    let mut numbers = Numbers(4);
    let size = [37, 45];
    let reals = numbers.reals(size[0] * size[1] * 3);
    let bytes = numbers.bytes(reals.len());
    for (taps, separable) in [(3, false), (5, false), (15, false), (5, true), (15, true)] {
        for channels in [1, 3] {
            let mask = if separable {
                let [column, row] = [0, 1].map(|_| numbers.reals(taps));
                column.iter().flat_map(|a| row.iter().map(move |b| a * b)).collect()
            } else {
                numbers.reals(taps * taps)
            };
            let desc = Filter2dDesc::new([size[0], size[1] * 3 / channels], channels, [taps, taps])
                .border(Border::Reflect101)
                .scale(0.7)
                .offset(3.0);
            let plan = Filter2dPlan::new(&desc, level).unwrap();
            let name = format!("filter {taps}x{taps}{} {channels}", if separable { " product" } else { "" });
            lines.push((format!("{name} f32"), hash_reals(&filtered::<f32, f32>(&plan, &mask, &reals))));
            let rounded = filtered::<u8, u8>(&plan, &mask, &bytes);
            lines.push((format!("{name} u8"), hash(rounded.into_iter().map(u32::from))));
        }
    }
    lines
}

#[test]
fn results_have_the_bits_of_the_table() {
    for level in Level::available() {
        let kind = if level.fused() { "fused" } else { "unfused" };
        let mut now = String::new();
        for (name, hash) in lines(level) {
            writeln!(now, "{kind} {hash:016x} {name}").unwrap();
        }
        let table = TABLE.lines().filter(|line| line.split(' ').next() == Some(kind));
        if !table.clone().eq(now.lines()) {
            let differ: Vec<_> =
                now.lines().filter(|&line| !table.clone().any(|kept| kept == line)).collect();
            println!("{now}");
            panic!(
                "{level}: results with other bits than those of the table, which would be as above: {} lines, such as {:?}",
                differ.len(),
                differ.first()
            );
        }
    }
}
