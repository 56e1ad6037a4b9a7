//! A layer of Convoke as an operator of [`candle`](candle_core): a `CustomOp1` that owns its weights and goes where `Tensor::conv2d` went.
//!
//! Weights are packed once, not at every call, and bias and activation are a part of the layer. Both crates run on rayon's global pool, so they share threads. There is no
//! backward: candle says so when it is asked for.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use convoke_embedding_candle::{Attributes, Conv2d};
//!
//! let weights = Tensor::ones((8, 3, 3, 3), candle_core::DType::F32, &Device::Cpu)?;
//! let layer = Conv2d::new(&weights, None, Attributes { padding: 1, ..Attributes::default() })?;
//! let image = Tensor::ones((1, 3, 16, 16), candle_core::DType::F32, &Device::Cpu)?;
//! let features = image.apply_op1_no_bwd(&layer)?;
//! assert_eq!(features.dims(), [1, 8, 16, 16]);
//! # Ok::<(), candle_core::Error>(())
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use convoke::{Activation, Conv2dDesc, Padding};

/// What a layer has besides weights, as `Tensor::conv2d` takes it, and an activation.
#[derive(Clone, Copy, Debug)]
pub struct Attributes {
    /// Zeros at each edge.
    pub padding: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Pixels from one tap to the next.
    pub dilation: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Applied last.
    pub activation: Activation,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { padding: 0, stride: 1, dilation: 1, groups: 1, activation: Activation::None }
    }
}

/// A convolution layer.
#[derive(Debug)]
pub struct Conv2d {
    /// OIHW.
    weights: Vec<f32>,
    shape: [usize; 4],
    bias: Option<Vec<f32>>,
    attributes: Attributes,
    /// The layer for the last size of an input: mostly there is but one.
    planned: Mutex<Option<Arc<convoke::Conv2d>>>,
}

impl Conv2d {
    /// A layer of these weights, of shape `(out channels, in channels / groups, height, width)`, and perhaps a bias, one value for each out channel.
    ///
    /// # Errors
    /// Tensors of other ranks, or types than `f32`, or not one bias for each out channel. What else is wrong is found by the first run, which knows the input.
    pub fn new(weights: &Tensor, bias: Option<&Tensor>, attributes: Attributes) -> Result<Self> {
        let (k, c, r, s) = weights.dims4()?;
        let bias = bias.map(Tensor::to_vec1).transpose()?;
        if let Some(bias) = bias.as_ref().filter(|bias| bias.len() != k) {
            bail!("bias: must have {k} elements, got {}", bias.len());
        }
        Ok(Self {
            weights: weights.flatten_all()?.to_vec1()?,
            shape: [k, c, r, s],
            bias,
            attributes,
            planned: Mutex::new(None),
        })
    }

    /// The layer, planned and packed for inputs of this shape.
    fn planned(&self, (n, c, h, w): (usize, usize, usize, usize)) -> Result<Arc<convoke::Conv2d>> {
        let Attributes { padding, stride, dilation, groups, activation } = self.attributes;
        let [k, group_in, r, s] = self.shape;
        if group_in.checked_mul(groups) != Some(c) {
            bail!("src: must have {group_in} channels in each of {groups} groups, got {c}");
        }
        let desc = Conv2dDesc::new(convoke::Layout::Nchw, n, c, [h, w], k, [r, s])
            .padding(Padding::all(padding))
            .stride([stride; 2])
            .dilation([dilation; 2])
            .groups(groups)
            .activation(activation);
        // Whoever panicked with it in hand left a whole layer, or none.
        let mut last = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layer) = last.as_ref().filter(|layer| layer.desc() == &desc) {
            return Ok(layer.clone());
        }
        let mut layer = convoke::Conv2d::new(&desc, &self.weights).map_err(candle_core::Error::wrap)?;
        if let Some(bias) = &self.bias {
            layer.set_bias(bias).map_err(candle_core::Error::wrap)?;
        }
        Ok(last.insert(Arc::new(layer)).clone())
    }
}

impl CustomOp1 for Conv2d {
    fn name(&self) -> &'static str {
        "convoke-conv2d"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let CpuStorage::F32(values) = storage else { bail!("src: must be f32") };
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("src: must be contiguous") };
        let layer = self.planned(layout.shape().dims4()?)?;
        let result = layer.run(&values[start..end]).map_err(candle_core::Error::wrap)?;
        Ok((CpuStorage::F32(result), Shape::from(layer.dst_shape().to_vec())))
    }
}
