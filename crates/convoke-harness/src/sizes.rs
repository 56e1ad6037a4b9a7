//! The sizes of a descriptor, worked out again in 128 bits and from the documentation alone: what the planner's
//! checked arithmetic is held against.

use convoke_core::{Conv2dDesc, ConvTranspose2dDesc, Filter2dDesc, Layout, OutputSize, Padding};

/// What a layer's sizes are if none of them overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSizes {
    /// Height and width of an output image.
    pub out_size: [u128; 2],
    /// Elements of `src`.
    pub src_len: u128,
    /// Elements of `dst` and of `residual`.
    pub dst_len: u128,
    /// Elements of the weights.
    pub weights_len: u128,
    /// Products in one output, taps on padding counted.
    pub terms: u128,
    /// Multiply-accumulates, taps on padding counted. Saturates.
    pub macs: u128,
}

/// The sizes of a layer, or `None` where the descriptor makes no sense: a zero size or attribute, channels that the
/// groups do not divide, a window larger than the padded image, a row stride shorter than a row.
pub fn conv_sizes(desc: &Conv2dDesc) -> Option<ConvSizes> {
    let [c, k, groups] = [desc.in_channels, desc.out_channels, desc.groups].map(|size| size as u128);
    if c == 0 || k == 0 || groups == 0 || c % groups != 0 || k % groups != 0 {
        return None;
    }
    let out_size = [out_size(desc, 0)?, out_size(desc, 1)?];
    let in_size = desc.in_size.map(|size| size as u128);
    let batch = desc.batch as u128;
    let [r, s] = desc.kernel.map(|size| size as u128);
    let terms = (c / groups).saturating_mul(r).saturating_mul(s);
    let outputs = [batch, k, out_size[0], out_size[1]].iter().fold(1, |a: u128, &b| a.saturating_mul(b));
    Some(ConvSizes {
        out_size,
        src_len: tensor_len(desc.layout, [batch, c, in_size[0], in_size[1]], desc.src_row_stride)?,
        dst_len: tensor_len(desc.layout, [batch, k, out_size[0], out_size[1]], desc.dst_row_stride)?,
        weights_len: k.saturating_mul(terms),
        terms,
        macs: outputs.saturating_mul(terms),
    })
}

/// The number of window positions along an axis.
fn out_size(desc: &Conv2dDesc, axis: usize) -> Option<u128> {
    let [size, kernel, stride, dilation] =
        [desc.in_size, desc.kernel, desc.stride, desc.dilation].map(|pair| pair[axis] as u128);
    if size == 0 || kernel == 0 || stride == 0 || dilation == 0 {
        return None;
    }
    let extent = (kernel - 1) * dilation + 1;
    let padding = match desc.padding {
        Padding::Valid => 0,
        Padding::Same | Padding::SameLower => return Some(size.div_ceil(stride)),
        Padding::Explicit { top, left, bottom, right } => {
            [top as u128 + bottom as u128, left as u128 + right as u128][axis]
        }
    };
    Some((size + padding).checked_sub(extent)? / stride + 1)
}

/// The sizes of a transposed convolution, or `None` where the descriptor makes no sense.
pub fn transpose_sizes(desc: &ConvTranspose2dDesc) -> Option<ConvSizes> {
    let [c, k, groups] = [desc.in_channels, desc.out_channels, desc.groups].map(|size| size as u128);
    if c == 0 || k == 0 || groups == 0 || c % groups != 0 || k % groups != 0 {
        return None;
    }
    let axis = |axis: usize| {
        let [size, kernel, stride, dilation] =
            [desc.in_size, desc.kernel, desc.stride, desc.dilation].map(|pair| pair[axis] as u128);
        if size == 0 || kernel == 0 || stride == 0 || dilation == 0 {
            return None;
        }
        let reached = (size - 1) * stride + (kernel - 1) * dilation + 1;
        let given = |out: [usize; 2]| Some(out[axis] as u128);
        match (desc.padding, desc.output) {
            (Padding::Same | Padding::SameLower, OutputSize::Padding(more)) => {
                (more[axis] == 0).then_some(size * stride)
            }
            (Padding::Same | Padding::SameLower, OutputSize::Exact(out)) => {
                given(out).filter(|out| out.div_ceil(stride) == size)
            }
            (_, output) => {
                let padding = match desc.padding {
                    Padding::Explicit { top, left, bottom, right } => {
                        [top as u128 + bottom as u128, left as u128 + right as u128][axis]
                    }
                    _ => 0,
                };
                let most = stride.max(dilation) - 1;
                let out = match output {
                    OutputSize::Padding(more) if more[axis] as u128 > most => None,
                    OutputSize::Padding(more) => (reached + more[axis] as u128).checked_sub(padding),
                    OutputSize::Exact(out) => {
                        given(out).filter(|out| (reached..=reached + most).contains(&(out + padding)))
                    }
                };
                out.filter(|&out| out > 0)
            }
        }
    };
    let out_size = [axis(0)?, axis(1)?];
    let in_size = desc.in_size.map(|size| size as u128);
    let batch = desc.batch as u128;
    let [r, s] = desc.kernel.map(|size| size as u128);
    let weights_len = c.saturating_mul(k / groups).saturating_mul(r).saturating_mul(s);
    Some(ConvSizes {
        out_size,
        src_len: tensor_len(desc.layout, [batch, c, in_size[0], in_size[1]], desc.src_row_stride)?,
        dst_len: tensor_len(desc.layout, [batch, k, out_size[0], out_size[1]], desc.dst_row_stride)?,
        weights_len,
        terms: (c / groups).saturating_mul(r).saturating_mul(s),
        macs: batch.saturating_mul(in_size[0]).saturating_mul(in_size[1]).saturating_mul(weights_len),
    })
}

/// Elements of a tensor, the gap behind its last row not counted.
pub fn tensor_len(
    layout: Layout,
    [batch, channels, height, width]: [u128; 4],
    row_stride: Option<usize>,
) -> Option<u128> {
    let (row_len, planes) = match layout {
        Layout::Nchw => (width, batch.saturating_mul(channels)),
        Layout::Nhwc => (width.saturating_mul(channels), batch),
    };
    let row = row_stride.map_or(row_len, |row| row as u128);
    let gap = row.checked_sub(row_len)?;
    Some(planes.saturating_mul(height).saturating_mul(row).saturating_sub(gap))
}

/// The values of a row and the distance to the next: `[row_len, row_stride]`.
pub fn row_shape(layout: Layout, channels: usize, width: usize, row_stride: Option<usize>) -> [usize; 2] {
    let row_len = if layout == Layout::Nhwc { width * channels } else { width };
    [row_len, row_stride.unwrap_or(row_len)]
}

/// Elements of a filter's `src` and `dst`, or `None` where the descriptor makes no sense.
pub fn filter_lens(desc: &Filter2dDesc) -> Option<[u128; 2]> {
    let [height, width] = desc.size.map(|size| size as u128);
    let [r, s] = desc.mask_size;
    let channels = desc.channels as u128;
    let anchored = desc.anchor[0] < r && desc.anchor[1] < s;
    if height == 0 || width == 0 || !(1..=4).contains(&channels) || !anchored {
        return None;
    }
    let len = |stride| tensor_len(Layout::Nhwc, [1, channels, height, width], stride);
    Some([len(desc.src_row_stride)?, len(desc.dst_row_stride)?])
}
