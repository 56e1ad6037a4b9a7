//! Chains of layers from bytes, sensible ones and hostile ones; see [`decode`](crate::decode) and
//! [`hostile`](crate::hostile).

use convoke_core::{Activation, ChainDesc, ChainPlan, Conv2dDesc, Layout, Mode, Padding};

use crate::chain::ChainProblem;
use crate::choices::Choices;
use crate::decode::{ACTIVATIONS, BORDERS, enough_padding, padding, with_gaps};
use crate::fill::Fill;
use crate::hostile::{FAR, conv_desc, number};
use crate::sizes::{ConvSizes, conv_sizes};

/// Bytes that a chain is decoded from; more are ignored.
pub const CHAIN_BYTES: usize = 160;
/// Multiply-accumulates of a layer, at most (an output pixel with the smallest kernel is always allowed).
const MOST_MACS: u128 = 60_000;

const HEIGHTS: &[usize] = &[5, 1, 2, 3, 4, 6, 7, 8, 9, 11, 13, 16, 17, 23, 30];
const CHANNELS: &[usize] = &[1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 40];

/// The chain of these bytes.
pub fn chain_problem(bytes: &[u8]) -> ChainProblem {
    let mut from = Choices::new(bytes);
    let count = from.pick(&[2, 2, 1, 3, 3, 3, 3, 4]);
    let layout = from.pick(&[Layout::Nhwc, Layout::Nhwc, Layout::Nchw]);
    let batch = from.pick(&[1, 1, 1, 1, 2, 3, 0]);
    let strip_rows = from.pick(&[None, Some(1), Some(2), Some(3), Some(5), Some(usize::MAX)]);
    let fill = from.pick(&[Fill::Real, Fill::Exact]);
    let [bias, residual] = [from.flag(), from.flag()];
    let gaps = [from.pick(&[None, Some(0), Some(5)]), from.pick(&[None, Some(0), Some(3)])];
    let seed = from.seed();
    let mut channels = from.pick(CHANNELS);
    let mut size = [from.pick(HEIGHTS), from.pick(HEIGHTS)];
    let mut layers = Vec::new();
    for number in 0..count {
        let mut desc = layer(&mut from, layout, batch, channels, size);
        if fill == Fill::Exact && !matches!(desc.activation, Activation::Relu | Activation::Relu6) {
            desc.activation = Activation::None;
        }
        let gap = |at: bool, gap| if at { gap } else { None };
        desc = with_gaps(desc, [gap(number == 0, gaps[0]), gap(number + 1 == count, gaps[1])]);
        if let Some(ConvSizes { out_size, .. }) = conv_sizes(&desc) {
            size = out_size.map(|size| size as usize);
        }
        channels = desc.out_channels;
        layers.push(desc);
    }
    ChainProblem { layers, strip_rows, fill, bias, residual, seed }
}

/// A layer that reads these channels and pixels, small enough.
fn layer(
    from: &mut Choices<'_>,
    layout: Layout,
    batch: usize,
    channels: usize,
    size: [usize; 2],
) -> Conv2dDesc {
    let kind = from.byte() / 32;
    let outs = from.pick(CHANNELS);
    let few = from.pick(&[1, 1, 2, 3]);
    let divisor = from.pick(&[2, 3, 4, 5, 8]);
    let kernel = [from.pick(&[3, 1, 2, 5, 4, 7]), from.pick(&[3, 1, 2, 5, 4])];
    let (groups, outs, kernel) = match kind {
        0..3 => (1, outs, [1, 1]),
        3..5 => (channels, channels * few, kernel),
        5..7 => (1, outs, kernel),
        _ if channels.is_multiple_of(divisor) => (divisor, divisor * few, kernel),
        _ => (1, outs, kernel),
    };
    let mut desc = Conv2dDesc::new(layout, batch, channels, size, outs, kernel)
        .groups(groups)
        .stride([from.pick(&[1, 1, 2, 1, 3, 5]), from.pick(&[1, 1, 2, 3])])
        .dilation([from.pick(&[1, 1, 1, 2, 3]), from.pick(&[1, 1, 1, 2])]);
    desc.padding = padding(from, &desc);
    desc = desc
        .border(from.pick(BORDERS))
        .mode(from.pick(&[Mode::Correlate, Mode::Correlate, Mode::Convolve]))
        .activation(from.pick(ACTIVATIONS));
    loop {
        desc.padding = enough_padding(&desc);
        match conv_sizes(&desc) {
            Some(sizes) if sizes.macs > MOST_MACS => {}
            _ => return desc,
        }
        let per_group = desc.out_channels / desc.groups;
        if per_group > 1 {
            desc.out_channels = per_group.div_ceil(2) * desc.groups;
        } else if desc.kernel != [1, 1] {
            desc.kernel = desc.kernel.map(|size| size.div_ceil(2));
        } else if desc.stride[1] < 4 {
            desc.stride[1] += 1;
        } else {
            return desc;
        }
    }
}

/// Gives one field of a layer whatever number comes.
fn spoil(from: &mut Choices<'_>, desc: &mut Conv2dDesc) {
    let axis = usize::from(from.byte()) % 2;
    let value = number(from);
    match from.byte() % 10 {
        0 => desc.batch = value,
        1 => desc.in_channels = value,
        2 => desc.in_size[axis] = value,
        3 => desc.out_channels = value,
        4 => desc.kernel[axis] = value,
        5 => desc.stride[axis] = value,
        6 => desc.dilation[axis] = value,
        7 => desc.groups = value,
        8 => desc.padding = Padding::Explicit { top: value, left: 1, bottom: number(from), right: value },
        _ => desc.dst_row_stride = Some(value),
    }
}

/// Plans a chain of three layers of whatever numbers come, most of them fitting the one before, and holds the plan against the
/// true sizes. Says whether it was planned.
///
/// # Errors
/// What is wrong, in words.
pub fn audit_chain(bytes: &[u8]) -> Result<bool, String> {
    let mut from = Choices::new(bytes);
    let fits = from.byte() < 224;
    let strip = from.pick(&[None, Some(1), Some(2), Some(0), Some(FAR), Some(usize::MAX)]);
    let changes = from.pick(&[1, 1, 1, 2, 3, 0]);
    let some = chain_problem(bytes.get(CHAIN_BYTES / 3..).unwrap_or_default()).layers;
    let mut layers: [Conv2dDesc; 3] = std::array::from_fn(|at| some[at.min(some.len() - 1)]);
    if from.byte() < 32 {
        layers[usize::from(from.byte()) % 3] = conv_desc(bytes.get(16..).unwrap_or_default());
    }
    for _ in 0..changes {
        let at = usize::from(from.byte()) % 3;
        spoil(&mut from, &mut layers[at]);
    }
    for at in 1..3 {
        if let (true, Some(sizes)) = (fits, conv_sizes(&layers[at - 1])) {
            let before = layers[at - 1];
            (layers[at].layout, layers[at].batch) = (before.layout, before.batch);
            if layers[at].groups == layers[at].in_channels {
                layers[at].groups = before.out_channels;
                layers[at].out_channels = before.out_channels;
            }
            layers[at].in_channels = before.out_channels;
            layers[at].in_size = sizes.out_size.map(|size| size as usize);
        }
    }
    let mut desc = ChainDesc::new(layers);
    desc.strip_rows = strip;
    let Ok(plan) = ChainPlan::new(&desc, convoke_core::Level::portable()) else { return Ok(false) };
    for (at, layer) in layers.iter().enumerate() {
        let Some(sizes) = conv_sizes(layer) else { return Err(format!("planned a senseless layer {at}")) };
        if let Some(next) = layers.get(at + 1) {
            let makes = (layer.layout, layer.batch, layer.out_channels, sizes.out_size);
            let reads = (next.layout, next.batch, next.in_channels, next.in_size.map(|size| size as u128));
            if makes != reads {
                return Err(format!("planned layers that do not fit: {makes:?}, {reads:?}"));
            }
        }
    }
    let [first, last] = [&layers[0], &layers[2]].map(|desc| conv_sizes(desc).map(|s| [s.src_len, s.dst_len]));
    let lens = [plan.first().src.len as u128, plan.last().dst.len as u128];
    if [first.map(|lens| lens[0]), last.map(|lens| lens[1])] != lens.map(Some) {
        return Err(format!("lengths: planned {lens:?}"));
    }
    if plan.scratch_len().max(plan.packed_len()) > isize::MAX as usize / 4 {
        return Err("planned more than memory can hold".to_owned());
    }
    let _ = plan.describe().to_string();
    Ok(true)
}
