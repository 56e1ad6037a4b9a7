//! Where the elements of a layer's tensors lie in memory: the two layouts, and rows with unused elements between them.

use convoke_core::{Conv2dDesc, Layout};

/// A tensor of `[N, C, H, W]` elements.
///
/// Memory is a sequence of rows. A row holds one channel of an image's row in NCHW, and all its channels, pixel by
/// pixel, in NHWC. Rows may be longer than what they hold; the elements behind are nobody's.
///
/// ```
/// use convoke_core::Layout;
/// use convoke_reference::tensor::Tensor;
/// // Two channels of 2x3 pixels, rows one element longer than they need be.
/// let planes = Tensor::new(Layout::Nchw, [1, 2, 2, 3], Some(4));
/// assert_eq!([planes.at(0, 0, 0, 2), planes.at(0, 0, 1, 0), planes.at(0, 1, 0, 0)], [2, 4, 8]);
/// assert_eq!(planes.len(), 15); // four rows of 4, without what is behind the last
/// let pixels = Tensor::new(Layout::Nhwc, [1, 2, 2, 3], Some(7));
/// assert_eq!([pixels.at(0, 0, 0, 2), pixels.at(0, 0, 1, 0), pixels.at(0, 1, 0, 0)], [4, 7, 1]);
/// assert_eq!(pixels.len(), 13);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Tensor {
    layout: Layout,
    sizes: [usize; 4],
    row: usize,
}

impl Tensor {
    /// The tensor with these sizes `[N, C, H, W]` and this many elements from one row to the next, `None` for dense.
    ///
    /// # Panics
    /// If rows are shorter than what they hold.
    pub fn new(layout: Layout, sizes: [usize; 4], row: Option<usize>) -> Self {
        let [_, channels, _, width] = sizes;
        let held = if layout == Layout::Nchw { width } else { width * channels };
        let row = row.unwrap_or(held);
        assert!(row >= held, "a row stride of {row} for rows of {held}");
        Self { layout, sizes, row }
    }

    /// The `src` of a layer.
    pub fn src(desc: &Conv2dDesc) -> Self {
        let [height, width] = desc.in_size;
        Self::new(desc.layout, [desc.batch, desc.in_channels, height, width], desc.src_row_stride)
    }

    /// The `dst` and the `residual` of a layer whose output size is `[height, width]`.
    pub fn dst(desc: &Conv2dDesc, [height, width]: [usize; 2]) -> Self {
        Self::new(desc.layout, [desc.batch, desc.out_channels, height, width], desc.dst_row_stride)
    }

    /// The index of an element.
    pub fn at(&self, n: usize, channel: usize, y: usize, x: usize) -> usize {
        let [_, channels, height, _] = self.sizes;
        match self.layout {
            Layout::Nchw => ((n * channels + channel) * height + y) * self.row + x,
            Layout::Nhwc => (n * height + y) * self.row + x * channels + channel,
        }
    }

    /// The length of a buffer that ends with the last element.
    pub fn len(&self) -> usize {
        let [batch, channels, height, width] = self.sizes;
        if self.is_empty() { 0 } else { self.at(batch - 1, channels - 1, height - 1, width - 1) + 1 }
    }

    /// Whether there is no element at all.
    pub fn is_empty(&self) -> bool {
        self.sizes.contains(&0)
    }
}

/// The index of weight `(k, c, r, s)`, `c` counted within the group: OIHW or OHWI, always dense.
pub fn weight_at(desc: &Conv2dDesc, k: usize, c: usize, r: usize, s: usize) -> usize {
    let [height, width] = desc.kernel;
    let channels = desc.in_channels / desc.groups;
    match desc.layout {
        Layout::Nchw => ((k * channels + c) * height + r) * width + s,
        Layout::Nhwc => ((k * height + r) * width + s) * channels + c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_tensors_use_every_index_once() {
        for layout in [Layout::Nchw, Layout::Nhwc] {
            let tensor = Tensor::new(layout, [2, 3, 4, 5], None);
            let mut seen = vec![0; tensor.len()];
            for n in 0..2 {
                for c in 0..3 {
                    for y in 0..4 {
                        for x in 0..5 {
                            seen[tensor.at(n, c, y, x)] += 1;
                        }
                    }
                }
            }
            assert_eq!(seen, [1; 120]);
        }
        assert!(Tensor::new(Layout::Nhwc, [0, 3, 4, 5], None).is_empty());
        assert_eq!(Tensor::new(Layout::Nhwc, [0, 3, 4, 5], None).len(), 0);
    }

    #[test]
    fn weights() {
        let desc = Conv2dDesc::new(Layout::Nchw, 1, 4, [9, 9], 6, [2, 3]).groups(2);
        // Two in channels per group: 12 weights of an out channel, 6 of a plane.
        assert_eq!(weight_at(&desc, 5, 1, 1, 2), 5 * 12 + 6 + 3 + 2);
        let desc = Conv2dDesc::new(Layout::Nhwc, 1, 4, [9, 9], 6, [2, 3]).groups(2);
        assert_eq!(weight_at(&desc, 5, 1, 1, 2), 5 * 12 + (3 + 2) * 2 + 1);
    }
}
