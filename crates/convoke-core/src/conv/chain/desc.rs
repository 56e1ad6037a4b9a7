//! What a chain is asked to do, as plain data, and what one run of it reads.

use crate::{Conv2dDesc, Packed};

/// Layers that follow each other, each reading what the one before it makes: the first reads `src`, the last writes
/// `dst`, and what lies between them is never a whole tensor.
///
/// Every layer may be any [`Conv2dDesc`]. Layout and batch are the same for all, in channels and input size of each are
/// the out channels and output size of the one before. Row strides between layers mean nothing, as there is no tensor
/// that could have them.
///
/// ```
/// use convoke_core::{Activation, ChainDesc, Conv2dDesc, Layout, Padding};
/// // The inverted residual of MobileNetV2 (Sandler et al., 2018): 24 channels, six times as many between.
/// let layer = |channels, outs, kernel| {
///     Conv2dDesc::new(Layout::Nhwc, 1, channels, [56, 56], outs, kernel).activation(Activation::Relu6)
/// };
/// let block = ChainDesc::new([
///     layer(24, 144, [1, 1]),
///     layer(144, 144, [3, 3]).padding(Padding::all(1)).groups(144),
///     layer(144, 24, [1, 1]).activation(Activation::None),
/// ]);
/// assert_eq!(block.strip_rows, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChainDesc<const N: usize> {
    /// The layers, in the order in which they run.
    pub layers: [Conv2dDesc; N],
    /// Output rows that are made at a time; `None` for as many as are fastest. One takes the least scratch. No bit of
    /// the result depends on it.
    pub strip_rows: Option<usize>,
}

impl<const N: usize> ChainDesc<N> {
    /// A chain of these layers, in strips of the plan's choice.
    pub const fn new(layers: [Conv2dDesc; N]) -> Self {
        Self { layers, strip_rows: None }
    }

    /// Sets the output rows that are made at a time.
    pub const fn strip_rows(mut self, rows: usize) -> Self {
        self.strip_rows = Some(rows);
        self
    }
}

/// The inputs of one run of a chain.
#[derive(Clone, Copy, Debug)]
pub struct ChainOperands<'a, const N: usize> {
    /// The input of the first layer, of exactly its `src`'s length.
    pub src: &'a [f32],
    /// Weights packed by the plan, one for each layer.
    pub weights: [Packed<'a>; N],
    /// For each layer, perhaps one value per out channel, added to every sum.
    pub bias: [Option<&'a [f32]>; N],
    /// A tensor of the shape and strides of the whole `dst`, added to the last layer's sums after its bias, also for
    /// pieces and row ranges. It may be `src`, where that has the shape.
    pub residual: Option<&'a [f32]>,
}

impl<'a, const N: usize> ChainOperands<'a, N> {
    /// Input and weights; no bias, no residual.
    pub const fn new(src: &'a [f32], weights: [Packed<'a>; N]) -> Self {
        Self { src, weights, bias: [None; N], residual: None }
    }

    /// Adds a bias to every layer, one value per out channel of each.
    pub fn bias(self, bias: [&'a [f32]; N]) -> Self {
        Self { bias: bias.map(Some), ..self }
    }

    /// Adds a residual, of the shape and strides of the whole `dst`.
    pub const fn residual(self, residual: &'a [f32]) -> Self {
        Self { residual: Some(residual), ..self }
    }
}
