//! What the reference says to a [task](crate::task).

use convoke_core::{Border, Conv2dDesc, Layout};
use convoke_reference::Conv2dAnswer;
use convoke_reference::activation::activate;
use convoke_reference::border::walk;
use convoke_reference::learning::{locally_connected, locally_connected_grads};

use crate::task::Task;

impl Task {
    /// The answer: what is multiplied with each other, and what is added.
    pub(crate) fn answer(
        &self,
        [a, b]: [&[f32]; 2],
        bias: Option<&[f32]>,
        residual: Option<&[f32]>,
    ) -> Conv2dAnswer {
        match self {
            Self::Transpose(desc) => convoke_reference::conv_transpose2d(desc, a, b, bias, residual),
            Self::InputGrad(desc) => {
                let mut answer = convoke_reference::input_grad(desc, a, b);
                let stride = self.shapes()[2].stride;
                for at in (0..answer.values.len()).filter(|&at| answer.written[at]).collect::<Vec<_>>() {
                    let channel = match desc.layout {
                        Layout::Nhwc => at % stride % desc.in_channels,
                        Layout::Nchw => at / stride / desc.in_size[0] % desc.in_channels,
                    };
                    let terms = [bias.map(|bias| bias[channel]), residual.map(|residual| residual[at])];
                    for term in terms.into_iter().flatten() {
                        answer.values[at] += f64::from(term);
                        answer.magnitude[at] += f64::from(term.abs());
                    }
                }
                answer
            }
            Self::WeightsGrad(desc) => convoke_reference::weights_grad(desc, a, b),
            Self::BiasGrad(desc) => convoke_reference::bias_grad(desc, a),
            Self::Local(desc)
            | Self::LocalInputGrad(desc)
            | Self::LocalWeightsGrad(desc)
            | Self::LocalBiasGrad(desc) => {
                let wide = |values: &[f32]| values.iter().map(|&x| x.into()).collect::<Vec<f64>>();
                let bias = bias.map_or(vec![0.0; self.bias().unwrap_or(0)], wide);
                let sums = self.local_sums(desc, &wide(a), &wide(b), &bias);
                // The same of magnitudes: what rounding errors are a part of.
                let abs = |values: Vec<f64>| values.into_iter().map(f64::abs).collect::<Vec<f64>>();
                let border = match desc.border {
                    Border::Constant(value) => Border::Constant(value.abs()),
                    other => other,
                };
                let magnitude =
                    self.local_sums(&desc.border(border), &abs(wide(a)), &abs(wide(b)), &abs(bias));
                Conv2dAnswer {
                    values: sums.iter().map(|&sum| activate(self.activation(), sum)).collect(),
                    written: vec![true; sums.len()],
                    sums,
                    magnitude,
                }
            }
        }
    }

    fn local_sums(&self, desc: &Conv2dDesc, a: &[f64], b: &[f64], bias: &[f64]) -> Vec<f64> {
        // What a gradient does not depend on is zero.
        let [_, weights, dst] = Self::Local(*desc).shapes().map(|shape| shape.len);
        let src = Self::Local(*desc).shapes()[0].len;
        let none = |len: usize| vec![0.0; len];
        match self {
            Self::Local(_) => locally_connected(desc, a, b, bias),
            Self::LocalInputGrad(_) => {
                let [dx, ..] = locally_connected_grads(desc, a, &none(src), b);
                dx
            }
            Self::LocalWeightsGrad(_) => {
                let [_, dw, _] = locally_connected_grads(desc, a, b, &none(weights));
                dw
            }
            _ => {
                assert_eq!(a.len(), dst, "elements of dy");
                let [.., db] = locally_connected_grads(desc, a, &none(src), &none(weights));
                db
            }
        }
    }
}

/// How often windows read a row of the image, or a column, at most: a border may show it again.
pub(crate) fn readers(desc: &Conv2dDesc, axis: usize) -> usize {
    let places = convoke_reference::out_size(desc).expect("a layer")[axis];
    let before = convoke_reference::size::overhang(desc)[axis];
    let mut reads = vec![0; desc.in_size[axis]];
    for at in (0..places).flat_map(|p| (0..desc.kernel[axis]).map(move |r| (p, r))) {
        let place = (at.0 * desc.stride[axis] + at.1 * desc.dilation[axis]) as i64 - before as i64;
        if let Some(row) = walk(desc.border, place, desc.in_size[axis]) {
            reads[row] += 1;
        }
    }
    reads.into_iter().max().unwrap_or(0)
}
