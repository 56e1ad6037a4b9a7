//! The fully connected layer: every neuron sees every element of an example.

use convoke_core::{Conv2dDesc, Error, Geometry, Layout};

use super::layer::{Layer, Parameter, initial};
use super::learned::{Descs, Learned, learns};
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
    learned: Learned,
}

learns!(FullyConnected);

impl FullyConnected {
    /// A layer with random weights, which `seed` decides, and a bias of 0.
    ///
    /// # Errors
    /// [`Error::TooSmall`] for no elements or no neurons, [`Error::Overflow`] for more weights than memory has room for.
    pub fn new(src_len: usize, neurons: usize, seed: u64, options: &Options) -> Result<Self, Error> {
        let desc = Conv2dDesc::new(Layout::Nhwc, 1, src_len, [1, 1], neurons, [1, 1]);
        let geometry = Geometry::new(&desc)?;
        let parameters = initial(geometry.weights_len, src_len, neurons, seed)?;
        // Examples are pixels: rows, or columns.
        let descs = |one: &Conv2dDesc, batch: usize| {
            let [mut rows, mut columns] = [*one; 2];
            (rows.in_size, columns.in_size) = ([batch, 1], [1, batch]);
            Descs { rows, columns }
        };
        Ok(Self { learned: Learned::new(desc, &geometry, parameters, descs, options) })
    }
}
