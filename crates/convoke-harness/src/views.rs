//! Tensors and weights in one plain order, dense NCHW and OIHW, so that results of different layouts and strides can be
//! compared, and operands of one problem made from those of another.

use convoke_core::Layout;

use crate::guard::GAP;
use crate::problem::{ConvData, ConvProblem};

/// The index of element (n, c, y, x) in memory.
fn index(
    layout: Layout,
    [_, channels, height, width]: [usize; 4],
    row_stride: Option<usize>,
    at: [usize; 4],
) -> usize {
    let [n, c, y, x] = at;
    match layout {
        Layout::Nchw => ((n * channels + c) * height + y) * row_stride.unwrap_or(width) + x,
        Layout::Nhwc => (n * height + y) * row_stride.unwrap_or(width * channels) + x * channels + c,
    }
}

/// Every (n, c, y, x), the last fastest.
fn places([batch, channels, height, width]: [usize; 4]) -> impl Iterator<Item = [usize; 4]> {
    (0..batch * channels * height * width).map(move |at| {
        let (plane, pixel) = (at / (height * width), at % (height * width));
        [plane / channels, plane % channels, pixel / width, pixel % width]
    })
}

/// The elements in dense NCHW order.
pub fn dense(values: &[f32], layout: Layout, sizes: [usize; 4], row_stride: Option<usize>) -> Vec<f32> {
    places(sizes).map(|at| values[index(layout, sizes, row_stride, at)]).collect()
}

/// Dense NCHW elements in another order, gaps between rows filled with [`GAP`].
pub fn laid_out(dense: &[f32], layout: Layout, sizes: [usize; 4], row_stride: Option<usize>) -> Vec<f32> {
    let len = places(sizes).map(|at| index(layout, sizes, row_stride, at) + 1).max().unwrap_or(0);
    let mut values = vec![GAP; len];
    for (at, &value) in places(sizes).zip(dense) {
        values[index(layout, sizes, row_stride, at)] = value;
    }
    values
}

impl ConvProblem {
    /// N, C, H, W of `src`.
    pub fn src_sizes(&self) -> [usize; 4] {
        let [height, width] = self.desc.in_size;
        [self.desc.batch, self.desc.in_channels, height, width]
    }

    /// N, K, H, W of `dst`.
    pub fn dst_sizes(&self) -> [usize; 4] {
        let [height, width] = self.sizes().out_size.map(|size| size as usize);
        [self.desc.batch, self.desc.out_channels, height, width]
    }

    /// K, C / G, R, S of the weights.
    pub fn weight_sizes(&self) -> [usize; 4] {
        let [r, s] = self.desc.kernel;
        [self.desc.out_channels, self.desc.in_channels / self.desc.groups, r, s]
    }

    /// A `dst` of this problem in dense NCHW order.
    pub fn dense_dst(&self, dst: &[f32]) -> Vec<f32> {
        dense(dst, self.desc.layout, self.dst_sizes(), self.desc.dst_row_stride)
    }

    /// Operands of this problem from dense ones.
    pub fn lay_out(&self, plain: &ConvData) -> ConvData {
        let desc = &self.desc;
        let residual = |r: &Vec<f32>| laid_out(r, desc.layout, self.dst_sizes(), desc.dst_row_stride);
        ConvData {
            src: laid_out(&plain.src, desc.layout, self.src_sizes(), desc.src_row_stride),
            weights: laid_out(&plain.weights, desc.layout, self.weight_sizes(), None),
            bias: plain.bias.clone(),
            residual: plain.residual.as_ref().map(residual),
        }
    }

    /// Operands of this problem in dense NCHW and OIHW order.
    pub fn plain(&self, data: &ConvData) -> ConvData {
        let desc = &self.desc;
        let residual = |r: &Vec<f32>| dense(r, desc.layout, self.dst_sizes(), desc.dst_row_stride);
        ConvData {
            src: dense(&data.src, desc.layout, self.src_sizes(), desc.src_row_stride),
            weights: dense(&data.weights, desc.layout, self.weight_sizes(), None),
            bias: data.bias.clone(),
            residual: data.residual.as_ref().map(residual),
        }
    }
}

/// The bits of values, for comparisons that know a NaN and a zero's sign.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use convoke_core::Conv2dDesc;

    #[test]
    fn there_and_back() {
        for layout in [Layout::Nchw, Layout::Nhwc] {
            let desc = Conv2dDesc::new(layout, 2, 3, [4, 5], 6, [2, 3]).src_row_stride(23).dst_row_stride(19);
            let problem = ConvProblem::new(desc).bias().residual();
            let data = problem.data();
            let again = problem.lay_out(&problem.plain(&data));
            assert_eq!(bits(&again.src), bits(&data.src));
            assert_eq!(again.weights, data.weights);
            assert_eq!(again.residual.map(|r| bits(&r)), data.residual.map(|r| bits(&r)));
        }
    }
}
