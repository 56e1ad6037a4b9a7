//! What all layers have in common, and the numbers that they learn.

use convoke_core::Error;

/// A step of a network: from a batch of examples to a batch of results, and back from the gradient of a loss with respect to
/// those results to its gradients with respect to all that the results depend on.
///
/// A batch is a slice of any positive number of examples, one after the other, of [`src_len`](Self::src_len) elements each;
/// that of its results has [`dst_len`](Self::dst_len) for each. Everything written is *overwritten*: gradients of several
/// batches are added up by whoever wants that.
pub trait Layer: Send {
    /// Elements of an example.
    fn src_len(&self) -> usize;

    /// Elements of its result.
    fn dst_len(&self) -> usize;

    /// Computes the results of a batch.
    ///
    /// # Errors
    /// [`Error::TooSmall`] for an empty batch, [`Error::Length`] for one that is no whole number of examples and for a `dst`
    /// of another length; `dst` is then as it was. [`Error::Overflow`] for want of memory.
    fn forward(&mut self, src: &[f32], dst: &mut [f32]) -> Result<(), Error>;

    /// From `dst_grad`, the gradient of a loss with respect to the results of `src`, computes the gradients with respect to the
    /// layer's parameters, into [`Parameter::gradient`], and with respect to `src`, into `src_grad` if it is wanted. It needs
    /// nothing of an earlier [`forward`](Self::forward).
    ///
    /// # Errors
    /// As [`forward`](Self::forward), for `dst_grad` and `src_grad`.
    fn backward(&mut self, src: &[f32], dst_grad: &[f32], src_grad: Option<&mut [f32]>) -> Result<(), Error>;

    /// What the layer learns.
    fn parameters(&self) -> &[Parameter] {
        &[]
    }

    /// The same, to be changed.
    fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut []
    }

    /// Multiply-accumulates of one example, forward; 0 for layers without weights.
    fn macs(&self) -> u64 {
        0
    }
}

/// Numbers that are learned, and the gradient of the loss with respect to them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Parameter {
    /// What they are, such as `weights`.
    pub name: &'static str,
    /// The numbers, in the order that the layer documents.
    pub values: Vec<f32>,
    /// One for each, of the last [`Layer::backward`]; zeros before.
    pub gradient: Vec<f32>,
}

impl Parameter {
    /// Numbers to start from, and gradients of 0.
    pub fn new(name: &'static str, values: Vec<f32>) -> Self {
        let gradient = vec![0.0; values.len()];
        Self { name, values, gradient }
    }
}

/// Weights and a bias of zeros. Weights are uniform between plus and minus `sqrt(6 / fan_in)`, which keeps the size of what
/// passes through layers with ReLU (He, Zhang, Ren and Sun, *Delving Deep into Rectifiers*, 2015).
pub(super) fn initial(
    weights: usize,
    fan_in: usize,
    bias: usize,
    seed: u64,
) -> Result<[Parameter; 2], Error> {
    let reach = (6.0 / fan_in as f64).sqrt();
    let mut values = crate::buffer::zeros("weights", weights)?;
    let mut state = seed;
    for value in &mut values {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let unit = ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        *value = ((2.0 * unit - 1.0) * reach) as f32;
    }
    // Before the gradient doubles them.
    crate::buffer::zeros::<f32>("weights gradient", weights).map(drop)?;
    Ok([Parameter::new("weights", values), Parameter::new("bias", vec![0.0; bias])])
}

/// Examples of a batch.
pub(super) fn batch_of(src: &[f32], src_len: usize) -> Result<usize, Error> {
    if src.is_empty() {
        return Err(Error::TooSmall { operand: "batch", required: 1, got: 0 });
    }
    let batch = src.len().div_ceil(src_len.max(1));
    check("src", batch * src_len, src.len())?;
    Ok(batch)
}

/// `Ok` if a buffer has the length required.
pub(super) fn check(operand: &'static str, required: usize, got: usize) -> Result<(), Error> {
    if got == required { Ok(()) } else { Err(Error::Length { operand, required, got }) }
}

/// The batch of a backward call, if its buffers fit each other.
pub(super) fn check_backward(
    layer: &(impl Layer + ?Sized),
    src: &[f32],
    dst_grad: &[f32],
    src_grad: Option<&[f32]>,
) -> Result<usize, Error> {
    let batch = batch_of(src, layer.src_len())?;
    check("dst gradient", batch * layer.dst_len(), dst_grad.len())?;
    if let Some(src_grad) = src_grad {
        check("src gradient", src.len(), src_grad.len())?;
    }
    Ok(batch)
}
