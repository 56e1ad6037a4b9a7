//! The checked form of a descriptor: output size, padding in pixels, lengths and strides that are known to fit.
//! Every backend plans from it.

use super::desc::{Conv2dDesc, Layout, Padding};
use crate::error::{Error, check_at_least, checked_len};

/// A descriptor's sizes, proved consistent. All products below fit in memory as `f32`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Geometry {
    /// Height and width of an output image.
    pub out_size: [usize; 2],
    /// Padding in front, `[top, left]`.
    pub pad_before: [usize; 2],
    /// Padding behind, `[bottom, right]`. Trailing input that no window reaches is not counted (never negative).
    pub pad_after: [usize; 2],
    /// In channels of a group, C / G.
    pub group_in: usize,
    /// Out channels of a group, K / G.
    pub group_out: usize,
    /// Where the elements of `src` lie.
    pub src: Strides,
    /// Where the elements of `dst` and `residual` lie.
    pub dst: Strides,
    /// Elements of the weights, K * (C / G) * R * S.
    pub weights_len: usize,
    /// Multiply-accumulates of the whole operation, padding taps counted. Saturates.
    pub macs: u64,
}

/// Where element (n, channel, y, x) of a tensor lies: `n*image + channel*channel + y*row + x*pixel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Strides {
    /// From one image to the next.
    pub image: usize,
    /// From one channel to the next.
    pub channel: usize,
    /// From one row to the next.
    pub row: usize,
    /// From one pixel to the next.
    pub pixel: usize,
    /// Elements that a buffer for the whole tensor must have. Padding behind the very last row is not required.
    pub len: usize,
}

impl Strides {
    /// Of a tensor of these sizes, dense or with the given row stride.
    ///
    /// # Errors
    /// If the row stride is shorter than a row, or the tensor does not fit in memory.
    pub fn new(
        operand: &'static str,
        layout: Layout,
        [batch, channels, height, width]: [usize; 4],
        row_stride: Option<usize>,
    ) -> Result<Self, Error> {
        let (row_len, planes) = match layout {
            Layout::Nchw => (width, channels),
            Layout::Nhwc => (checked_len(operand, &[width, channels])?, 1),
        };
        let row = row_stride.unwrap_or(row_len);
        if row < row_len {
            let operand = if operand == "src" { "src row stride" } else { "dst row stride" };
            return Err(Error::TooSmall { operand, required: row_len, got: row });
        }
        // A batch of none must not hide that one image would not fit.
        checked_len(operand, &[planes, height, row])?;
        let whole = checked_len(operand, &[batch, planes, height, row])?;
        let plane = height * row;
        Ok(match layout {
            Layout::Nchw => Self { image: planes * plane, channel: plane, row, pixel: 1, len: 0 },
            Layout::Nhwc => Self { image: plane, channel: 1, row, pixel: channels, len: 0 },
        }
        .with_len(whole, row - row_len))
    }

    fn with_len(self, whole: usize, behind_last_row: usize) -> Self {
        Self { len: whole.saturating_sub(behind_last_row), ..self }
    }

    /// The index of element (n, channel, y, x).
    #[inline(always)]
    pub const fn at(&self, n: usize, channel: usize, y: usize, x: usize) -> usize {
        n * self.image + channel * self.channel + y * self.row + x * self.pixel
    }
}

impl Geometry {
    /// Checks a descriptor.
    ///
    /// # Errors
    /// Zero sizes (a zero batch is allowed), zero strides, dilations or groups, channels that the groups do not
    /// divide, a kernel that reaches beyond the padded image, row strides shorter than a row, and anything that does
    /// not fit in memory.
    pub fn new(desc: &Conv2dDesc) -> Result<Self, Error> {
        for (operand, got) in [
            ("in channels", desc.in_channels),
            ("out channels", desc.out_channels),
            ("in height", desc.in_size[0]),
            ("in width", desc.in_size[1]),
            ("kernel height", desc.kernel[0]),
            ("kernel width", desc.kernel[1]),
            ("vertical stride", desc.stride[0]),
            ("horizontal stride", desc.stride[1]),
            ("vertical dilation", desc.dilation[0]),
            ("horizontal dilation", desc.dilation[1]),
            ("groups", desc.groups),
        ] {
            check_at_least(operand, 1, got)?;
        }
        for (operand, got) in [("in channels", desc.in_channels), ("out channels", desc.out_channels)] {
            if got % desc.groups != 0 {
                return Err(Error::NotDivisible { operand, groups: desc.groups, got });
            }
        }
        let [vertical, horizontal] = [Axis::new(desc, 0)?, Axis::new(desc, 1)?];
        let out_size = [vertical.out, horizontal.out];
        let group_in = desc.in_channels / desc.groups;
        let [height, width] = desc.in_size;
        let src_sizes = [desc.batch, desc.in_channels, height, width];
        let dst_sizes = [desc.batch, desc.out_channels, out_size[0], out_size[1]];
        let [r, s] = desc.kernel;
        let weights_len = checked_len("weights", &[desc.out_channels, group_in, r, s])?;
        let src = Strides::new("src", desc.layout, src_sizes, desc.src_row_stride)?;
        let dst = Strides::new("dst", desc.layout, dst_sizes, desc.dst_row_stride)?;
        let outputs = (desc.batch as u64).saturating_mul(out_size[0] as u64);
        let macs = outputs.saturating_mul(out_size[1] as u64).saturating_mul(weights_len as u64);
        Ok(Self {
            out_size,
            pad_before: [vertical.before, horizontal.before],
            pad_after: [vertical.after, horizontal.after],
            group_in,
            group_out: desc.out_channels / desc.groups,
            src,
            dst,
            weights_len,
            macs,
        })
    }
}

/// One direction of the window's walk.
struct Axis {
    out: usize,
    before: usize,
    after: usize,
}

impl Axis {
    fn new(desc: &Conv2dDesc, axis: usize) -> Result<Self, Error> {
        let operand = ["kernel height", "kernel width"][axis];
        let overflow = Error::Overflow { operand: ["padded height", "padded width"][axis] };
        let (size, kernel) = (desc.in_size[axis], desc.kernel[axis]);
        // Checked already; the compiler, which shall not leave a panic for a division by zero, does not know.
        let (stride, dilation) = (desc.stride[axis].max(1), desc.dilation[axis]);
        // Coordinates are computed as `isize`; a quarter of the range leaves room for any sum of two of them.
        const MOST: usize = isize::MAX as usize / 4;
        let extent = (kernel - 1)
            .checked_mul(dilation)
            .and_then(|reach| reach.checked_add(1))
            .filter(|&extent| extent <= MOST)
            .ok_or(overflow)?;
        if size > MOST || stride > MOST {
            return Err(overflow);
        }
        let same =
            || (size.div_ceil(stride) - 1).saturating_mul(stride).saturating_add(extent).saturating_sub(size);
        let (before, after) = match desc.padding {
            Padding::Valid => (0, 0),
            Padding::Same => (same() / 2, same().div_ceil(2)),
            Padding::SameLower => (same().div_ceil(2), same() / 2),
            Padding::Explicit { top, left, bottom, right } => [(top, bottom), (left, right)][axis],
        };
        let padded = size
            .checked_add(before)
            .and_then(|sum| sum.checked_add(after))
            .filter(|&padded| padded <= MOST)
            .ok_or(overflow)?;
        if extent > padded {
            return Err(Error::TooLarge { operand, required: padded, got: extent });
        }
        let out = (padded - extent) / stride + 1;
        let reached = (out - 1) * stride + extent;
        Ok(Self { out, before, after: reached.saturating_sub(size + before) })
    }
}
