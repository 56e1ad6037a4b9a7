//! The convolutional layer: one set of weights for all places.

use convoke_core::{Activation, Conv2dDesc, Error, Geometry};

use super::layer::{Layer, Parameter, batch_of, check, check_backward, initial};
use super::shared::{Descs, Shared};
use crate::options::Options;

/// A convolutional layer whose weights and bias are learned: [`convoke::Conv2d`](crate::Conv2d) with the gradients
/// [`InputGradPlan`](crate::InputGradPlan), [`WeightsGradPlan`](crate::WeightsGradPlan) and [`BiasGradPlan`](crate::BiasGradPlan).
///
/// An example is an image, `[C, H, W]` or `[H, W, C]`; its result is `[K, P, Q]` or `[P, Q, K]`. Parameters are the weights, OIHW or
/// OHWI, and the bias, one number per out channel.
///
/// ```
/// use convoke::learn::{Conv2d, Layer};
/// use convoke::{Conv2dDesc, Layout, Options};
/// // One window of two pixels. What a loss gains per unit of the result, it gains per unit of each pixel times its weight.
/// let desc = Conv2dDesc::new(Layout::Nhwc, 1, 1, [1, 2], 1, [1, 2]);
/// let mut layer = Conv2d::new(&desc, 1, &Options::new())?;
/// layer.parameters_mut()[0].values.copy_from_slice(&[3.0, 4.0]);
/// let (mut dst, mut src_grad) = ([0.0], [0.0; 2]);
/// layer.forward(&[10.0, 20.0], &mut dst)?;
/// assert_eq!(dst, [110.0]);
/// layer.backward(&[10.0, 20.0], &[2.0], Some(&mut src_grad))?;
/// assert_eq!(src_grad, [6.0, 8.0]);
/// assert_eq!(layer.parameters()[0].gradient, [20.0, 40.0]);
/// assert_eq!(layer.parameters()[1].gradient, [2.0]);
/// # Ok::<(), convoke::Error>(())
/// ```
#[derive(Debug)]
pub struct Conv2d {
    desc: Conv2dDesc,
    geometry: Geometry,
    parameters: [Parameter; 2],
    shared: Option<Shared>,
    options: Options,
}

impl Conv2d {
    /// A layer with random weights, which `seed` decides, and a bias of 0.
    ///
    /// `desc` may have any stride, dilation, padding, border and groups. Its batch is not looked at, nor its activation: that is a
    /// layer of its own, [`Activate`](super::Activate).
    ///
    /// # Errors
    /// What [`Geometry::new`] finds wrong with `desc`; [`Error::TooLarge`] for rows with gaps between them.
    pub fn new(desc: &Conv2dDesc, seed: u64, options: &Options) -> Result<Self, Error> {
        let mut desc = *desc;
        (desc.batch, desc.activation) = (1, Activation::None);
        let geometry = Geometry::new(&desc)?;
        dense(&desc)?;
        let fan_in = geometry.group_in * desc.kernel[0] * desc.kernel[1];
        let parameters = initial(geometry.weights_len, fan_in, desc.out_channels, seed)?;
        Ok(Self { desc, geometry, parameters, shared: None, options: *options })
    }

    /// The layer's descriptor, for one example.
    pub fn desc(&self) -> &Conv2dDesc {
        &self.desc
    }

    /// The layer's sizes, for one example.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    fn ready(&mut self, batch: usize) -> Result<(&mut Shared, &mut [Parameter; 2]), Error> {
        let mut desc = self.desc;
        desc.batch = batch;
        let descs = || Descs { rows: desc, columns: desc };
        let shared = Shared::ready(&mut self.shared, batch, descs, &self.parameters, &self.options)?;
        Ok((shared, &mut self.parameters))
    }
}

/// Examples follow each other without gaps, and so do their rows.
pub(super) fn dense(desc: &Conv2dDesc) -> Result<(), Error> {
    let mut plain = *desc;
    (plain.src_row_stride, plain.dst_row_stride) = (None, None);
    let plain = Geometry::new(&plain)?;
    for (operand, stride, required) in [
        ("src row stride", desc.src_row_stride, plain.src.row),
        ("dst row stride", desc.dst_row_stride, plain.dst.row),
    ] {
        if let Some(got) = stride
            && got > required
        {
            return Err(Error::TooLarge { operand, required, got });
        }
    }
    Ok(())
}

impl Layer for Conv2d {
    fn src_len(&self) -> usize {
        self.geometry.src.len
    }

    fn dst_len(&self) -> usize {
        self.geometry.dst.len
    }

    fn forward(&mut self, src: &[f32], dst: &mut [f32]) -> Result<(), Error> {
        let batch = batch_of(src, self.src_len())?;
        check("dst", batch * self.dst_len(), dst.len())?;
        let (shared, parameters) = self.ready(batch)?;
        shared.forward(src, parameters, dst)
    }

    fn backward(&mut self, src: &[f32], dst_grad: &[f32], src_grad: Option<&mut [f32]>) -> Result<(), Error> {
        let batch = check_backward(self, src, dst_grad, src_grad.as_deref())?;
        let (shared, parameters) = self.ready(batch)?;
        shared.backward(src, dst_grad, src_grad, parameters)
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [Parameter] {
        if let Some(shared) = &mut self.shared {
            shared.forget_weights();
        }
        &mut self.parameters
    }

    fn macs(&self) -> u64 {
        self.geometry.macs
    }
}
