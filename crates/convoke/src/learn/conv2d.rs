//! The convolutional layer: one set of weights for all places.

use convoke_core::{Activation, Conv2dDesc, Error, Geometry};

use super::layer::{Layer, Parameter, initial};
use super::learned::{Descs, Learned, learns};
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
    learned: Learned,
    geometry: Geometry,
}

learns!(Conv2d);

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
        let descs = |one: &Conv2dDesc, batch: usize| {
            let mut desc = *one;
            desc.batch = batch;
            Descs { rows: desc, columns: desc }
        };
        Ok(Self { learned: Learned::new(desc, &geometry, parameters, descs, options), geometry })
    }

    /// The layer's descriptor, for one example.
    pub fn desc(&self) -> &Conv2dDesc {
        self.learned.desc()
    }

    /// The layer's sizes, for one example.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
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
