//! Problems from bytes. Every byte string gives a problem that makes sense and is small enough to be checked in
//! about a millisecond; see [`Choices`] for why shrinking the bytes shrinks the problem.

use convoke_core::{Activation, Border, Conv2dDesc, Filter2dDesc, Layout, Mode, Padding};

use crate::choices::{Choices, SIZES};
use crate::fill::Fill;
use crate::filter_problem::{FilterProblem, PixelType};
use crate::problem::ConvProblem;
use crate::sizes::conv_sizes;

/// Bytes that a problem is decoded from; more are ignored.
pub const BYTES: usize = 64;
/// Multiply-accumulates of a decoded problem, at most.
const MOST_MACS: u128 = 150_000;
/// Elements of a decoded problem's `src` and `dst`, at most.
const MOST_ELEMENTS: u128 = 40_000;

/// Products of a decoded picture filter, at most (one pixel is always allowed).
const MOST_PRODUCTS: usize = 8_000;

const KERNELS: &[usize] = &[1, 1, 3, 3, 3, 2, 5, 4, 7, 6, 9, 11];
const STRIDES: &[usize] = &[1, 1, 1, 1, 2, 2, 2, 3, 4, 5, 21];
pub(crate) const BORDERS: &[Border] = &[
    Border::Zero,
    Border::Zero,
    Border::Constant(0.0),
    Border::Constant(-3.0),
    Border::Replicate,
    Border::Reflect,
    Border::Reflect101,
    Border::Wrap,
];
pub(crate) const ACTIVATIONS: &[Activation] = &[
    Activation::None,
    Activation::None,
    Activation::None,
    Activation::Relu,
    Activation::Relu6,
    Activation::Leaky(0.1),
    Activation::Leaky(-1.5),
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Silu,
    Activation::HardSwish,
];

/// The problem of these bytes.
pub fn conv_problem(bytes: &[u8]) -> ConvProblem {
    let mut from = Choices::new(bytes);
    let layout = from.pick(&[Layout::Nhwc, Layout::Nchw]);
    let batch = from.pick(&[1, 1, 1, 1, 2, 2, 3, 5]);
    let (groups, group_in, group_out) = channels(&mut from);
    let in_size = [from.pick(SIZES), from.pick(SIZES)];
    let kernel = [from.pick(KERNELS), from.pick(KERNELS)];
    let desc = Conv2dDesc::new(layout, batch, groups * group_in, in_size, groups * group_out, kernel)
        .groups(groups)
        .stride([from.pick(STRIDES), from.pick(STRIDES)])
        .dilation([dilation(&mut from, in_size[0]), dilation(&mut from, in_size[1])]);
    let desc = desc
        .padding(padding(&mut from, &desc))
        .border(from.pick(BORDERS))
        .mode(from.pick(&[Mode::Correlate, Mode::Correlate, Mode::Convolve]))
        .activation(from.pick(ACTIVATIONS));
    let fill = from.pick(&[Fill::Exact, Fill::Exact, Fill::Real]);
    let [bias, residual] = [from.flag(), from.flag()];
    let gaps = [
        from.pick(&[None, None, Some(0), Some(1), Some(5), Some(16)]),
        from.pick(&[None, None, Some(0), Some(3), Some(17)]),
    ];
    let seed = from.seed();
    let desc = with_gaps(fit(desc), gaps);
    ConvProblem { desc, fill, bias, residual, seed }
}

/// Groups, and the in and out channels of each.
fn channels(from: &mut Choices<'_>) -> (usize, usize, usize) {
    const FEW: &[usize] = &[1, 2, 3, 4, 5, 8, 9, 16, 17];
    // Every byte is read whatever the kind, so that shrinking the kind leaves the rest as it is.
    let kind = from.byte() / 32;
    let [many_in, many_out] = [from.pick(SIZES), from.pick(SIZES)];
    let [groups, few_in, few_out] = [from.pick(&[2, 3, 4, 5, 8, 16]), from.pick(FEW), from.pick(FEW)];
    match kind {
        0..4 => (1, many_in, many_out),
        4..6 => (groups, few_in, few_out),
        6 => (many_in, 1, 1),
        _ => (many_in, 1, few_out.min(5)),
    }
}

/// Usually 1; sometimes one that reaches beyond the image.
fn dilation(from: &mut Choices<'_>, size: usize) -> usize {
    from.pick(&[1, 1, 1, 1, 1, 2, 2, 3, 7, size, size + 1])
}

/// Every kind of padding; explicit ones up to twice the window.
pub(crate) fn padding(from: &mut Choices<'_>, desc: &Conv2dDesc) -> Padding {
    let kind = from.byte() / 32;
    let amounts = [0, 1, 0, 1].map(|axis: usize| from.within(0..=2 * extent(desc, axis).min(40)));
    let [top, left, bottom, right] = amounts;
    match kind {
        0 => Padding::Valid,
        1..3 => Padding::Same,
        3..5 => Padding::Explicit { top, left, bottom: top, right: left },
        5 => Padding::SameLower,
        _ => Padding::Explicit { top, left, bottom, right },
    }
}

fn extent(desc: &Conv2dDesc, axis: usize) -> usize {
    (desc.kernel[axis] - 1) * desc.dilation[axis] + 1
}

/// Makes the layer small enough, and its window fit the padded image.
pub(crate) fn fit(mut desc: Conv2dDesc) -> Conv2dDesc {
    loop {
        desc.padding = enough_padding(&desc);
        let Some(sizes) = conv_sizes(&desc) else { return desc };
        if sizes.macs <= MOST_MACS && sizes.src_len.max(sizes.dst_len) <= MOST_ELEMENTS {
            return desc;
        }
        shrink(&mut desc, sizes.out_size);
    }
}

/// The padding, with more at the end if the window would not fit otherwise.
pub(crate) fn enough_padding(desc: &Conv2dDesc) -> Padding {
    let (top, left, bottom, right) = match desc.padding {
        Padding::Same | Padding::SameLower => return desc.padding,
        Padding::Valid => (0, 0, 0, 0),
        Padding::Explicit { top, left, bottom, right } => (top, left, bottom, right),
    };
    let more = |axis: usize, padding: usize| extent(desc, axis).saturating_sub(desc.in_size[axis] + padding);
    match (more(0, top + bottom), more(1, left + right)) {
        (0, 0) => desc.padding,
        (down, across) => Padding::Explicit { top, left, bottom: bottom + down, right: right + across },
    }
}

/// Halves the largest of the sizes. All of them at 1 is a small layer, so that this ends.
fn shrink(desc: &mut Conv2dDesc, out_size: [u128; 2]) {
    let [group_in, group_out] = [desc.in_channels, desc.out_channels].map(|channels| channels / desc.groups);
    let out = out_size.map(|size| size as usize);
    let half = |size: usize| size.div_ceil(2);
    let all = [
        desc.batch,
        group_in,
        group_out,
        desc.groups,
        out[0],
        out[1],
        desc.in_size[0],
        desc.in_size[1],
        desc.kernel[0],
        desc.kernel[1],
    ];
    let largest = all.iter().position(|size| Some(size) == all.iter().max()).unwrap_or(0);
    match largest {
        0 => desc.batch = half(desc.batch),
        1 => desc.in_channels = half(group_in) * desc.groups,
        2 => desc.out_channels = half(group_out) * desc.groups,
        3 => {
            desc.groups = half(desc.groups);
            desc.in_channels = group_in * desc.groups;
            desc.out_channels = group_out * desc.groups;
        }
        4..8 => {
            let axis = largest % 2;
            desc.in_size[axis] = half(desc.in_size[axis]);
            if let Padding::Explicit { top, left, bottom, right } = &mut desc.padding {
                let sides = if axis == 0 { [top, bottom] } else { [left, right] };
                sides.into_iter().for_each(|side| *side /= 2);
            }
        }
        _ => desc.kernel[largest % 2] = half(desc.kernel[largest % 2]),
    }
}

/// Row strides that are so much longer than a row.
pub(crate) fn with_gaps(mut desc: Conv2dDesc, [src, dst]: [Option<usize>; 2]) -> Conv2dDesc {
    let row = |channels, width| if desc.layout == Layout::Nhwc { channels * width } else { width };
    let out_width = conv_sizes(&desc).map_or(0, |sizes| sizes.out_size[1] as usize);
    let src_row = row(desc.in_channels, desc.in_size[1]);
    let dst_row = row(desc.out_channels, out_width);
    desc.src_row_stride = src.map(|gap| src_row + gap);
    desc.dst_row_stride = dst.map(|gap| dst_row + gap);
    desc
}

/// The picture filter of these bytes.
pub fn filter_problem(bytes: &[u8]) -> FilterProblem {
    const MASKS: &[usize] = &[1, 3, 3, 3, 5, 2, 4, 7, 6, 9, 11, 15];
    let mut from = Choices::new(bytes);
    let channels = from.pick(&[1, 3, 2, 4]);
    let size = [from.pick(SIZES), from.pick(SIZES)];
    let mask_size = [from.pick(MASKS), from.pick(MASKS)];
    let moved = from.byte() >= 160;
    let corner = [from.within(0..=mask_size[0] - 1), from.within(0..=mask_size[1] - 1)];
    let mut desc = Filter2dDesc::new(size, channels, mask_size)
        .border(from.pick(BORDERS))
        .mode(from.pick(&[Mode::Correlate, Mode::Convolve]))
        .scale(from.pick(&[1.0, 1.0, 0.5, -2.0, 0.7, 1.0 / 9.0]))
        .divisor(from.pick(&[1.0, 1.0, 4.0, 9.0, 25.0, 0.3]))
        .offset(from.pick(&[0.0, 0.0, 0.5, 128.0, -7.25, 0.1]));
    if moved {
        desc = desc.anchor(corner);
    }
    // The reference computes bytes in whole numbers of any length, which takes its time.
    while desc.size[0] * desc.size[1] * channels * mask_size[0] * mask_size[1] > MOST_PRODUCTS {
        let larger = usize::from(desc.size[1] > desc.size[0]);
        desc.size[larger] = desc.size[larger].div_ceil(2);
        if desc.size == [1, 1] {
            break;
        }
    }
    let row = desc.size[1] * channels;
    desc.src_row_stride = from.pick(&[None, None, Some(row), Some(row + 1), Some(row + 19)]);
    desc.dst_row_stride = from.pick(&[None, None, Some(row), Some(row + 2), Some(row + 16)]);
    let types = [PixelType::U8, PixelType::F32, PixelType::U16, PixelType::I16];
    FilterProblem {
        desc,
        src: from.pick(&types),
        dst: from.pick(&types),
        fill: from.pick(&[Fill::Exact, Fill::Exact, Fill::Real]),
        seed: from.seed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fill::Random;

    fn bytes(seed: u64) -> Vec<u8> {
        let mut random = Random::new(seed, 0);
        (0..BYTES).map(|_| random.bits() as u8).collect()
    }

    #[test]
    fn nothing_decodes_to_the_plainest_problem() {
        assert_eq!(conv_problem(&[]).to_string(), "nhwc 1x1x1x1-1 1x1 exact#0");
    }

    #[test]
    fn all_bytes_decode_to_small_layers_that_make_sense() {
        for seed in 0..5000 {
            let problem = conv_problem(&bytes(seed));
            let sizes = conv_sizes(&problem.desc).unwrap_or_else(|| panic!("{problem}"));
            assert!(sizes.macs <= MOST_MACS, "{problem}");
        }
        for seed in 0..1000 {
            assert!(crate::sizes::filter_lens(&filter_problem(&bytes(seed)).desc).is_some());
        }
    }

    #[test]
    fn the_odd_cases_do_occur() {
        let problems: Vec<Conv2dDesc> = (0..5000).map(|seed| conv_problem(&bytes(seed)).desc).collect();
        let share = |what: &str, odd: &dyn Fn(&Conv2dDesc) -> bool| {
            let count = problems.iter().filter(|desc| odd(desc)).count();
            assert!(count >= 50, "{what}: {count} of {}", problems.len());
        };
        share("depthwise", &|d| d.groups > 1 && d.groups == d.in_channels && d.groups == d.out_channels);
        share("depthwise with multiplier", &|d| {
            d.groups > 1 && d.groups == d.in_channels && d.groups < d.out_channels
        });
        share("grouped", &|d| d.groups > 1 && d.groups < d.in_channels);
        share("window larger than the image", &|d| extent(d, 0) > d.in_size[0]);
        share("dilation beyond the image", &|d| d.kernel[1] > 1 && d.dilation[1] >= d.in_size[1]);
        share(
            "padding beyond the window",
            &|d| matches!(d.padding, Padding::Explicit { top, .. } if top >= extent(d, 0)),
        );
        share("one column", &|d| d.in_size[1] == 1 && d.kernel[1] > 1);
        share("same with stride", &|d| d.padding == Padding::Same && d.stride[1] > 1 && d.kernel[1] > 1);
        share("gaps", &|d| d.src_row_stride.is_some() && d.dst_row_stride.is_some());
        share("wide dense rows", &|d| d.in_channels >= 16 && d.out_channels >= 16 && d.in_size[1] >= 8);
    }
}
