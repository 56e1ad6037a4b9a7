//! The fully connected layer: every neuron sees every element of an example.

use convoke_core::{Conv2dDesc, Error, Geometry, Layout};

use super::layer::{Layer, Parameter, batch_of, check, check_backward, initial};
use super::shared::{Descs, Shared};
use crate::options::Options;

/// A fully connected layer: each of its neurons is a weighted sum of all elements of an example, and a bias.
///
/// That is a convolution with a kernel of one pixel whose pixels are the examples of the batch, and is computed as one. Parameters are the
/// weights, `[neurons, src_len]`, and the bias, one number per neuron.
///
/// ```
/// use convoke::learn::{FullyConnected, Layer};
/// let mut layer = FullyConnected::new(200 * 200, 10, 1, &convoke::Options::new())?;
/// assert_eq!(layer.parameters()[0].values.len(), 400_000);
/// let mut dst = [0.0; 10];
/// layer.forward(&vec![0.0; 40_000], &mut dst)?;
/// assert_eq!(dst, [0.0; 10]);
/// # Ok::<(), convoke::Error>(())
/// ```
#[derive(Debug)]
pub struct FullyConnected {
    desc: Conv2dDesc,
    macs: u64,
    parameters: [Parameter; 2],
    shared: Option<Shared>,
    options: Options,
}

impl FullyConnected {
    /// A layer with random weights, which `seed` decides, and a bias of 0.
    ///
    /// # Errors
    /// [`Error::TooSmall`] for no elements or no neurons, [`Error::Overflow`] for more weights than memory has room for.
    pub fn new(src_len: usize, neurons: usize, seed: u64, options: &Options) -> Result<Self, Error> {
        let desc = Conv2dDesc::new(Layout::Nhwc, 1, src_len, [1, 1], neurons, [1, 1]);
        let geometry = Geometry::new(&desc)?;
        let parameters = initial(geometry.weights_len, src_len, neurons, seed)?;
        Ok(Self { desc, macs: geometry.macs, parameters, shared: None, options: *options })
    }

    fn ready(&mut self, batch: usize) -> Result<(&mut Shared, &mut [Parameter; 2]), Error> {
        let descs = || {
            let [mut rows, mut columns] = [self.desc; 2];
            (rows.in_size, columns.in_size) = ([batch, 1], [1, batch]);
            Descs { rows, columns }
        };
        let shared = Shared::ready(&mut self.shared, batch, descs, &self.parameters, &self.options)?;
        Ok((shared, &mut self.parameters))
    }
}

impl Layer for FullyConnected {
    fn src_len(&self) -> usize {
        self.desc.in_channels
    }

    fn dst_len(&self) -> usize {
        self.desc.out_channels
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
        self.macs
    }
}
