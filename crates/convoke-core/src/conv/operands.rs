//! What a run reads, and the checks made before anything is written.

use super::geometry::Geometry;
use super::packed::Packed;
use crate::error::{Error, check_len};

/// The inputs of one run of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Operands<'a> {
    /// The input tensor, of exactly [`Geometry::src`]'s length.
    pub src: &'a [f32],
    /// Weights packed by the plan.
    pub weights: Packed<'a>,
    /// One value per out channel, added to every sum.
    pub bias: Option<&'a [f32]>,
    /// A tensor of the shape and strides of the whole `dst`, added after the bias: also for pieces and row ranges.
    pub residual: Option<&'a [f32]>,
}

impl<'a> Operands<'a> {
    /// Input and weights; no bias, no residual.
    pub const fn new(src: &'a [f32], weights: Packed<'a>) -> Self {
        Self { src, weights, bias: None, residual: None }
    }

    /// Adds a bias, one value per out channel.
    pub const fn bias(self, bias: &'a [f32]) -> Self {
        Self { bias: Some(bias), ..self }
    }

    /// Adds a residual, of the shape and strides of the whole `dst`.
    pub const fn residual(self, residual: &'a [f32]) -> Self {
        Self { residual: Some(residual), ..self }
    }

    /// Checks every length against the geometry. For backends: call it before writing anything.
    ///
    /// # Errors
    /// [`Error::Length`], naming the operand.
    pub fn check(&self, geometry: &Geometry, out_channels: usize) -> Result<(), Error> {
        check_len("src", geometry.src.len, self.src.len())?;
        if let Some(bias) = self.bias {
            check_len("bias", out_channels, bias.len())?;
        }
        if let Some(residual) = self.residual {
            check_len("residual", geometry.dst.len, residual.len())?;
        }
        Ok(())
    }
}
