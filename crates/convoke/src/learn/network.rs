//! Layers in a row, and a step of training.

use std::fmt;

use convoke_core::Error;

use super::layer::{Layer, Parameter, batch_of};
use super::loss::softmax_cross_entropy;
use super::optimiser::Optimiser;
use crate::buffer::zeros;

/// Layers one after the other, with the buffers between them.
pub struct Network {
    layers: Vec<Box<dyn Layer>>,
    /// The result of each layer, and the gradients that pass between two of them.
    results: Vec<Vec<f32>>,
    gradients: [Vec<f32>; 2],
    steps: u64,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<_> = self.layers.iter().map(|layer| (layer.src_len(), layer.dst_len())).collect();
        f.debug_struct("Network").field("layers", &sizes).field("steps", &self.steps).finish()
    }
}

impl Network {
    /// A network of these layers.
    ///
    /// # Errors
    /// [`Error::TooSmall`] for none; [`Error::Length`] where a layer's input is not as long as the result of the one before it.
    pub fn new(layers: Vec<Box<dyn Layer>>) -> Result<Self, Error> {
        if layers.is_empty() {
            return Err(Error::TooSmall { operand: "layers", required: 1, got: 0 });
        }
        for pair in layers.windows(2) {
            let (required, got) = (pair[0].dst_len(), pair[1].src_len());
            if required != got {
                return Err(Error::Length { operand: "src of a layer", required, got });
            }
        }
        Ok(Self { layers, results: Vec::new(), gradients: [Vec::new(), Vec::new()], steps: 0 })
    }

    /// The layers.
    pub fn layers(&self) -> &[Box<dyn Layer>] {
        &self.layers
    }

    /// The same, to be changed.
    pub fn layers_mut(&mut self) -> &mut [Box<dyn Layer>] {
        &mut self.layers
    }

    /// Numbers that are learned.
    pub fn parameter_count(&self) -> usize {
        let parameters = self.layers.iter().flat_map(|layer| layer.parameters());
        parameters.map(|parameter| parameter.values.len()).sum()
    }

    /// Multiply-accumulates of one example, forward.
    pub fn macs(&self) -> u64 {
        self.layers.iter().map(|layer| layer.macs()).sum()
    }

    /// Steps of training so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The results of a batch.
    ///
    /// # Errors
    /// Those of [`Layer::forward`].
    pub fn forward(&mut self, src: &[f32]) -> Result<&[f32], Error> {
        let batch = batch_of(src, self.layers[0].src_len())?;
        if self.results.first().is_none_or(|first| first.len() != batch * self.layers[0].dst_len()) {
            self.results.clear();
            for layer in &self.layers {
                self.results.push(zeros("result", batch.saturating_mul(layer.dst_len()))?);
            }
        }
        for (i, layer) in self.layers.iter_mut().enumerate() {
            let (before, rest) = self.results.split_at_mut(i);
            layer.forward(before.last().map_or(src, Vec::as_slice), &mut rest[0])?;
        }
        Ok(self.results.last().map_or(&[], Vec::as_slice))
    }

    /// One step of training with [`softmax_cross_entropy`]: forward, loss, backward, and a step of the optimiser. Gives the loss
    /// before it.
    ///
    /// # Errors
    /// [`TrainError`], which names the step. If the loss is not finite, parameters are as they were before the step.
    pub fn train(
        &mut self,
        src: &[f32],
        labels: &[usize],
        optimiser: &mut dyn Optimiser,
    ) -> Result<f64, TrainError> {
        self.steps += 1;
        let step = self.steps;
        let loss = self.gradients_of(src, labels).map_err(|error| TrainError::Layer { step, error })?;
        if !loss.is_finite() {
            return Err(TrainError::Loss { step, loss });
        }
        self.backward(src).map_err(|error| TrainError::Layer { step, error })?;
        let mut parameters: Vec<&mut Parameter> =
            self.layers.iter_mut().flat_map(|layer| layer.parameters_mut()).collect();
        optimiser.step(&mut parameters).map_err(|error| TrainError::Layer { step, error })?;
        Ok(loss)
    }

    /// The loss, and in the first buffer its gradient with respect to the scores.
    fn gradients_of(&mut self, src: &[f32], labels: &[usize]) -> Result<f64, Error> {
        self.forward(src)?;
        let scores = self.results.last().map_or(&[][..], Vec::as_slice);
        let gradient = at_least(&mut self.gradients[0], scores.len())?;
        softmax_cross_entropy(scores, labels, gradient)
    }

    /// From the gradient in the first buffer back through all layers.
    fn backward(&mut self, src: &[f32]) -> Result<(), Error> {
        let [dst_grad, src_grad] = &mut self.gradients;
        for (i, layer) in self.layers.iter_mut().enumerate().rev() {
            let of_dst = &dst_grad[..self.results[i].len()];
            if i == 0 {
                return layer.backward(src, of_dst, None);
            }
            let src = &self.results[i - 1];
            layer.backward(src, of_dst, Some(at_least(src_grad, src.len())?))?;
            std::mem::swap(dst_grad, src_grad);
        }
        Ok(())
    }
}

/// The front of a buffer that grows when it must and never shrinks: filling it anew for every layer costs as much as a layer.
fn at_least(buffer: &mut Vec<f32>, len: usize) -> Result<&mut [f32], Error> {
    if buffer.len() < len {
        *buffer = zeros("gradient", len)?;
    }
    Ok(&mut buffer[..len])
}

/// Why training stopped, and in which step, counted from 1.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TrainError {
    /// The loss is infinite or NaN: the learning rate is too large, or an example has such a number.
    Loss {
        /// The step.
        step: u64,
        /// The loss.
        loss: f64,
    },
    /// A layer, the loss or the optimiser cannot take what it was given.
    Layer {
        /// The step.
        step: u64,
        /// What is wrong.
        error: Error,
    },
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss { step, loss } => write!(f, "step {step}: the loss must be finite, got {loss}"),
            Self::Layer { step, error } => write!(f, "step {step}: {error}"),
        }
    }
}

impl std::error::Error for TrainError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Loss { .. } => None,
            Self::Layer { error, .. } => Some(error),
        }
    }
}
