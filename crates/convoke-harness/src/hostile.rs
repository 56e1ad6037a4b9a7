//! Descriptors of whatever numbers come: what a planner must survive. It answers with an error or a plan, quickly, and
//! a plan's lengths must be the true ones.

use convoke_core::{Activation, Border, Conv2dDesc, Filter2dDesc, Layout, Mode, Padding};

use crate::choices::Choices;
use crate::engine::Conv2dEngine;
use crate::sizes::{conv_sizes, filter_lens};

/// More than any image has in a side, and few enough for some of them to be added up: 2^40, or 2^20 where addresses have 32 bits.
pub const FAR: usize = 1 << (usize::BITS / 8 * 5);

/// The highest bit.
const TOP: usize = 1 << (usize::BITS - 1);

/// Numbers on both sides of every limit that code might have.
pub const EDGES: &[usize] = &[
    1,
    2,
    3,
    0,
    7,
    16,
    64,
    255,
    256,
    65_535,
    65_536,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX as usize,
    (u32::MAX as usize).wrapping_add(1),
    TOP / 4 - 1,
    TOP / 4,
    TOP / 2 - 1,
    TOP / 2,
    TOP / 2 + 1,
    TOP - 5,
    TOP - 1,
    TOP,
    usize::MAX - 1,
    usize::MAX,
];

/// Any number, small and extreme ones more often.
pub(crate) fn number(from: &mut Choices<'_>) -> usize {
    match from.byte() {
        0..=159 => 1 + usize::from(from.byte()) % 9,
        160..=223 => from.pick(EDGES),
        _ => (from.word() >> (from.byte() % 64)) as usize,
    }
}

fn numbers(from: &mut Choices<'_>) -> [usize; 2] {
    [number(from), number(from)]
}

fn stride(from: &mut Choices<'_>) -> Option<usize> {
    if from.byte() < 192 { None } else { Some(number(from)) }
}

fn border(from: &mut Choices<'_>) -> Border {
    let constant = Border::Constant(f32::from_bits(from.word() as u32));
    from.pick(&[Border::Zero, constant, Border::Replicate, Border::Reflect, Border::Reflect101, Border::Wrap])
}

/// The layer, sensible or not, of these bytes.
pub fn conv_desc(bytes: &[u8]) -> Conv2dDesc {
    let from = &mut Choices::new(bytes);
    let layout = from.pick(&[Layout::Nhwc, Layout::Nchw]);
    let mut desc =
        Conv2dDesc::new(layout, number(from), number(from), numbers(from), number(from), numbers(from))
            .stride(numbers(from))
            .dilation(numbers(from))
            .border(border(from))
            .groups(if from.byte() < 160 { 1 } else { number(from) })
            .mode(from.pick(&[Mode::Correlate, Mode::Convolve]))
            .activation(from.pick(&[Activation::None, Activation::Leaky(f32::NAN), Activation::Silu]));
    let ([top, left], [bottom, right]) = (numbers(from), numbers(from));
    desc.padding = from.pick(&[
        Padding::Valid,
        Padding::Same,
        Padding::SameLower,
        Padding::Explicit { top, left, bottom, right },
    ]);
    desc.src_row_stride = stride(from);
    desc.dst_row_stride = stride(from);
    desc
}

/// The picture filter, sensible or not, of these bytes.
pub fn filter_desc(bytes: &[u8]) -> Filter2dDesc {
    let from = &mut Choices::new(bytes);
    let mut desc = Filter2dDesc::new(numbers(from), number(from), numbers(from))
        .border(border(from))
        .mode(from.pick(&[Mode::Correlate, Mode::Convolve]));
    if from.flag() {
        desc = desc.anchor(numbers(from));
    }
    let [scale, divisor, offset] = [0; 3].map(|_| f32::from_bits(from.word() as u32));
    if from.flag() {
        desc = desc.scale(scale).divisor(divisor).offset(offset);
    }
    desc.src_row_stride = stride(from);
    desc.dst_row_stride = stride(from);
    desc
}

/// Holds a plan of a hostile layer against the true sizes.
///
/// # Errors
/// What is wrong, in words.
pub fn audit_conv(desc: &Conv2dDesc, plan: &dyn Conv2dEngine) -> Result<(), String> {
    let Some(sizes) = conv_sizes(desc) else { return Err("planned what makes no sense".to_owned()) };
    let geometry = plan.geometry();
    let planned = [
        ("output height", geometry.out_size[0], sizes.out_size[0]),
        ("output width", geometry.out_size[1], sizes.out_size[1]),
        ("elements of src", geometry.src.len, sizes.src_len),
        ("elements of dst", geometry.dst.len, sizes.dst_len),
        ("elements of weights", geometry.weights_len, sizes.weights_len),
    ];
    for (what, got, want) in planned {
        if got as u128 != want {
            return Err(format!("{what}: planned {got}, should be {want}"));
        }
    }
    let memory = isize::MAX as u128;
    for (what, len) in [("src", sizes.src_len), ("dst", sizes.dst_len), ("weights", sizes.weights_len)] {
        if len * 4 > memory {
            return Err(format!("planned a {what} of {len} elements, more than memory can hold"));
        }
    }
    // Packing pads channels to whole vectors, at most 64 to a panel, for every group; and has a header.
    let group_out = (desc.out_channels / desc.groups) as u128;
    let padded =
        (desc.groups as u128).saturating_mul(group_out.next_multiple_of(64)).saturating_mul(sizes.terms);
    if plan.packed_len() as u128 > padded.saturating_add(4096) {
        return Err(format!(
            "planned {} packed weights for {} weights",
            plan.packed_len(),
            sizes.weights_len
        ));
    }
    for (what, len) in [("packed weights", plan.packed_len()), ("scratch", plan.scratch_len())] {
        if len as u128 * 4 > memory {
            return Err(format!("planned {len} elements of {what}, more than memory can hold"));
        }
    }
    // Nobody needs much more than all windows of an image written out, and a copy of it; 4 MiB are for tiles, and the
    // factor is for rows between the taps of a dilated kernel.
    let windows = sizes.out_size[0].saturating_mul(sizes.out_size[1]).saturating_mul(sizes.terms);
    let enough =
        windows.saturating_mul(desc.groups as u128).saturating_add(sizes.src_len).saturating_add(1 << 20);
    if plan.scratch_len() as u128 > enough.saturating_mul(64) {
        return Err(format!(
            "planned {} elements of scratch where {enough} hold everything",
            plan.scratch_len()
        ));
    }
    if geometry.macs as u128 != sizes.macs.min(u64::MAX.into()) {
        return Err(format!("multiply-accumulates: planned {}, should be {}", geometry.macs, sizes.macs));
    }
    // Asking for pieces and for words must be safe, too. There may be very many pieces.
    let pieces: Vec<_> = plan.pieces(usize::MAX).take(4).collect();
    if pieces.windows(2).any(|pair| pair[0].dst_range().end != pair[1].dst_range().start) {
        return Err(format!("pieces do not follow each other: {pieces:?}"));
    }
    let _ = plan.describe();
    Ok(())
}

/// Whether a filter's planned lengths are the true ones.
///
/// # Errors
/// What is wrong, in words.
pub fn audit_filter(desc: &Filter2dDesc, lens: [usize; 2]) -> Result<(), String> {
    let Some(true_lens) = filter_lens(desc) else { return Err("planned what makes no sense".to_owned()) };
    let lens = lens.map(|len| len as u128);
    if lens == true_lens {
        Ok(())
    } else {
        Err(format!("lengths: planned {lens:?}, should be {true_lens:?}"))
    }
}
