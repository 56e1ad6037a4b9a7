//! The common part of layers that are a convolution: plans for a batch, weights packed when they have changed, and the three
//! gradients, each on threads.

use convoke_core::{BiasGradPlan, Conv2dDesc, Error, InputGradPlan, Operands, WeightsGradPlan};

use rayon::prelude::*;

use super::layer::Parameter;
use super::learned::Descs;
use super::threads::run_pieces;
use crate::buffer::{Scratch, zeros};
use crate::conv2d::Conv2d;
use crate::options::Options;

/// Everything that depends on the number of examples.
#[derive(Debug)]
pub(super) struct Shared {
    batch: usize,
    forward: Conv2d,
    /// Whether the packed weights are old: those of the layer, and those of its input gradient.
    stale: [bool; 2],
    input: Option<Input>,
    weights: Vec<WeightsGradPlan>,
    /// A gradient for each of them, if there are several.
    partial: Vec<f32>,
    weights_scratch: Scratch,
    bias: BiasGradPlan,
    rows: Conv2dDesc,
    options: Options,
}

/// The weight gradient of a part of a batch, about to be computed.
struct Part<'a> {
    plan: &'a WeightsGradPlan,
    dy: &'a [f32],
    x: &'a [f32],
    dw: &'a mut [f32],
}

/// The gradient with respect to the input, planned when it is first asked for: the first layer of a network needs none.
#[derive(Debug)]
struct Input {
    plan: InputGradPlan,
    packed: Vec<f32>,
    scratch: Scratch,
}

/// Parts of a batch whose weight gradients are taken by themselves, and images of one at least.
const PARTS: usize = 8;
const IMAGES: usize = 4;
/// Weights above which there are no parts: then there are out channels enough for all threads.
const FEW_WEIGHTS: usize = 1 << 15;

/// The weight gradient of a batch. The core divides it by out channels, of which a small layer has too few to go round; but a large batch of small images
/// can be divided too, always in the same way, and the parts' gradients be added in order. Threads do not come into it, so they change no bit.
fn weights_plans(desc: &Conv2dDesc, options: &Options) -> Result<Vec<WeightsGradPlan>, Error> {
    let whole = WeightsGradPlan::new(desc, options.level)?;
    let images = desc.batch.div_ceil(PARTS).max(IMAGES);
    if whole.geometry().weights_len > FEW_WEIGHTS || desc.batch <= images {
        return Ok(vec![whole]);
    }
    let part = |first: usize| {
        let mut part = *desc;
        part.batch = images.min(desc.batch - first);
        WeightsGradPlan::new(&part, options.level)
    };
    (0..desc.batch).step_by(images).map(part).collect()
}

impl Shared {
    fn new(
        batch: usize,
        descs: &Descs,
        parameters: &[Parameter; 2],
        options: &Options,
    ) -> Result<Self, Error> {
        let [weights, bias] = parameters;
        let plans = weights_plans(&descs.columns, options)?;
        let several = if plans.len() > 1 { plans.len() } else { 0 };
        Ok(Self {
            batch,
            forward: Conv2d::with_options(&descs.rows, &weights.values, options)?.bias(&bias.values)?,
            stale: [false, true],
            input: None,
            partial: zeros("weights gradient", several.saturating_mul(weights.values.len()))?,
            weights_scratch: Scratch::new(plans.iter().map(WeightsGradPlan::scratch_len).max().unwrap_or(0)),
            weights: plans,
            bias: BiasGradPlan::new(&descs.columns, options.level)?,
            rows: descs.rows,
            options: *options,
        })
    }

    /// The plans for `batch` examples: those that there are, or new ones.
    pub(super) fn ready<'a>(
        slot: &'a mut Option<Self>,
        batch: usize,
        descs: impl FnOnce() -> Descs,
        parameters: &[Parameter; 2],
        options: &Options,
    ) -> Result<&'a mut Self, Error> {
        if slot.as_ref().is_none_or(|shared| shared.batch != batch) {
            *slot = None;
        }
        match slot {
            Some(shared) => Ok(shared),
            None => Ok(slot.insert(Self::new(batch, &descs(), parameters, options)?)),
        }
    }

    /// Parameters may have changed.
    pub(super) fn forget_weights(&mut self) {
        self.stale = [true; 2];
    }

    pub(super) fn forward(
        &mut self,
        src: &[f32],
        [weights, bias]: &[Parameter; 2],
        dst: &mut [f32],
    ) -> Result<(), Error> {
        if self.stale[0] {
            self.forward.set_weights(&weights.values)?;
            self.forward.set_bias(&bias.values)?;
            self.stale[0] = false;
        }
        self.forward.run_into(src, dst)
    }

    pub(super) fn backward(
        &mut self,
        src: &[f32],
        dst_grad: &[f32],
        src_grad: Option<&mut [f32]>,
        parameters: &mut [Parameter; 2],
    ) -> Result<(), Error> {
        let [weights, bias] = parameters;
        if let Some(src_grad) = src_grad {
            self.input(dst_grad, &weights.values, src_grad)?;
        }
        self.weights(src, dst_grad, &mut weights.gradient)?;
        let plan = &self.bias;
        run_pieces(
            &self.options,
            dst_grad.len() as u64 / 4,
            |count| plan.pieces(count),
            &mut bias.gradient,
            &Scratch::new(0),
            |piece, part, _| plan.run_piece(piece, dst_grad, part),
        )
    }

    fn weights(&mut self, src: &[f32], dst_grad: &[f32], gradient: &mut [f32]) -> Result<(), Error> {
        let scratch = &self.weights_scratch;
        if let [plan] = &self.weights[..] {
            return run_pieces(
                &self.options,
                plan.geometry().macs,
                |count| plan.pieces(count),
                gradient,
                scratch,
                |piece, part, scratch| plan.run_piece(piece, dst_grad, src, part, scratch),
            );
        }
        let work = self.weights.iter().map(|plan| plan.geometry().macs).sum();
        let mut rest = (dst_grad, src);
        let mut parts = Vec::new();
        for (plan, dw) in self.weights.iter().zip(self.partial.chunks_exact_mut(gradient.len())) {
            let (dy, dy_rest) = rest.0.split_at(plan.geometry().dst.len);
            let (x, x_rest) = rest.1.split_at(plan.geometry().src.len);
            rest = (dy_rest, x_rest);
            parts.push(Part { plan, dy, x, dw });
        }
        let run = |Part { plan, dy, x, dw }| scratch.lend(|scratch| plan.run(dy, x, dw, scratch));
        if self.options.threads_for(work) > 1 {
            parts.into_par_iter().with_max_len(1).try_for_each(run)?;
        } else {
            parts.into_iter().try_for_each(run)?;
        }
        gradient.fill(0.0);
        for part in self.partial.chunks_exact(gradient.len()) {
            for (sum, part) in gradient.iter_mut().zip(part) {
                *sum += part;
            }
        }
        Ok(())
    }

    fn input(&mut self, dst_grad: &[f32], weights: &[f32], src_grad: &mut [f32]) -> Result<(), Error> {
        let input = match &mut self.input {
            Some(input) => input,
            slot => {
                let plan = InputGradPlan::new(&self.rows, self.options.level)?;
                let packed = zeros("packed weights", plan.packed_len())?;
                slot.insert(Input { plan, packed, scratch: Scratch::new(plan.scratch_len()) })
            }
        };
        let Input { plan, packed, scratch } = input;
        if self.stale[1] {
            plan.pack(weights, packed)?;
            self.stale[1] = false;
        }
        let operands = Operands::new(dst_grad, plan.open(packed)?);
        run_pieces(
            &self.options,
            plan.geometry().macs,
            |count| plan.pieces(count),
            src_grad,
            scratch,
            |piece, part, scratch| plan.run_piece(piece, &operands, part, scratch),
        )
    }
}
