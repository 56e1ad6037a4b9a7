//! The locally connected layer: each neuron sees a small field, with weights of its own.

use convoke_core::{Activation, Conv2dDesc, Error, Geometry, LocallyConnected2dPlan};

use super::layer::{Layer, Parameter, batch_of, check, check_backward, initial};
use super::threads::run_pieces;
use crate::buffer::Scratch;
use crate::options::Options;

/// A locally connected layer whose weights and bias are learned: windows of any size, stride, dilation, padding, border and groups, as a
/// convolution has them, and for each place of the window a set of weights of its own.
///
/// An example is an image, `[C, H, W]` or `[H, W, C]`; its result is `[K, P, Q]` or `[P, Q, K]`. Parameters are the weights, in the order of
/// [`LocallyConnected2dPlan`], `P * Q` sets of OIHW or OHWI, and the bias, shaped like a result.
///
/// ```
/// use convoke::learn::{Layer, LocallyConnected2d};
/// use convoke::{Conv2dDesc, Layout, Options};
/// // A neuron for each pixel of an 8x8 image, with a field of 3x3.
/// let desc = Conv2dDesc::new(Layout::Nhwc, 1, 1, [10, 10], 1, [3, 3]);
/// let layer = LocallyConnected2d::new(&desc, 1, &Options::new())?;
/// assert_eq!(layer.parameters()[0].values.len(), 64 * 9);
/// # Ok::<(), convoke::Error>(())
/// ```
#[derive(Debug)]
pub struct LocallyConnected2d {
    /// For one example.
    one: LocallyConnected2dPlan,
    /// For the last batch, with scratch for each thread.
    many: Option<(LocallyConnected2dPlan, Scratch)>,
    parameters: [Parameter; 2],
    options: Options,
}

impl LocallyConnected2d {
    /// A layer with random weights, which `seed` decides, and a bias of 0. The batch of `desc` is not looked at, nor its activation: that is a
    /// layer of its own, [`Activate`](super::Activate).
    ///
    /// # Errors
    /// Those of [`LocallyConnected2dPlan::new`].
    pub fn new(desc: &Conv2dDesc, seed: u64, options: &Options) -> Result<Self, Error> {
        let mut desc = *desc;
        (desc.batch, desc.activation) = (1, Activation::None);
        let one = LocallyConnected2dPlan::new(&desc, options.level)?;
        let fan_in = one.geometry().weights_len / desc.out_channels;
        let parameters = initial(one.weights_len(), fan_in, one.bias_len(), seed)?;
        Ok(Self { one, many: None, parameters, options: *options })
    }

    /// The layer's descriptor, for one example.
    pub fn desc(&self) -> &Conv2dDesc {
        self.one.desc()
    }

    /// The layer's sizes, for one example.
    pub fn geometry(&self) -> &Geometry {
        self.one.geometry()
    }

    fn ready(&mut self, batch: usize) -> Result<(), Error> {
        if self.many.as_ref().is_none_or(|(plan, _)| plan.desc().batch != batch) {
            let mut desc = *self.one.desc();
            desc.batch = batch;
            let plan = LocallyConnected2dPlan::new(&desc, self.options.level)?;
            self.many = Some((plan, Scratch::new(plan.scratch_len())));
        }
        Ok(())
    }
}

impl Layer for LocallyConnected2d {
    fn src_len(&self) -> usize {
        self.one.geometry().src.len
    }

    fn dst_len(&self) -> usize {
        self.one.geometry().dst.len
    }

    fn forward(&mut self, src: &[f32], dst: &mut [f32]) -> Result<(), Error> {
        let batch = batch_of(src, self.src_len())?;
        check("dst", batch * self.dst_len(), dst.len())?;
        self.ready(batch)?;
        let Some((plan, scratch)) = &self.many else { return Ok(()) };
        let [weights, bias] = &self.parameters;
        run_pieces(
            &self.options,
            plan.geometry().macs,
            |count| plan.pieces(count),
            dst,
            scratch,
            |piece, part, scratch| {
                plan.run_piece(piece, src, &weights.values, Some(&bias.values), part, scratch)
            },
        )
    }

    fn backward(&mut self, src: &[f32], dst_grad: &[f32], src_grad: Option<&mut [f32]>) -> Result<(), Error> {
        let batch = check_backward(self, src, dst_grad, src_grad.as_deref())?;
        self.ready(batch)?;
        let Some((plan, scratch)) = &self.many else { return Ok(()) };
        let [weights, bias] = &mut self.parameters;
        let macs = plan.geometry().macs;
        if let Some(src_grad) = src_grad {
            run_pieces(
                &self.options,
                macs,
                |count| plan.input_grad_pieces(count),
                src_grad,
                scratch,
                |piece, part, scratch| {
                    plan.run_input_grad_piece(piece, dst_grad, &weights.values, part, scratch)
                },
            )?;
        }
        run_pieces(
            &self.options,
            macs,
            |count| plan.weights_grad_pieces(count),
            &mut weights.gradient,
            scratch,
            |piece, part, scratch| plan.run_weights_grad_piece(piece, dst_grad, src, part, scratch),
        )?;
        run_pieces(
            &self.options,
            dst_grad.len() as u64 / 4,
            |count| plan.bias_grad_pieces(count),
            &mut bias.gradient,
            &Scratch::new(0),
            |piece, part, _| plan.run_bias_grad_piece(piece, dst_grad, part),
        )
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    fn macs(&self) -> u64 {
        self.one.geometry().macs
    }
}
