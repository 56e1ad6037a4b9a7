//! What can be wrong with a chain: what is wrong with one of its layers, or that two of them do not fit.

use core::fmt;

use crate::{Error, Layout};

/// Why a chain cannot be planned, or a call cannot run. Layers are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainError {
    /// A layer is wrong by itself, or an operand that only it has.
    Layer {
        /// Which.
        layer: usize,
        /// What is wrong with it.
        error: Error,
    },
    /// A layer does not read what the one before it makes.
    Misfit {
        /// Which.
        layer: usize,
        /// The size that differs.
        operand: &'static str,
        /// What the layer before it makes.
        required: usize,
        /// What it reads.
        got: usize,
    },
    /// A layer has another layout than the one before it.
    Layout {
        /// Which.
        layer: usize,
        /// That of the one before it.
        required: Layout,
        /// Its own.
        got: Layout,
    },
    /// An operand of the whole chain is wrong: `src`, `dst`, `residual`, `scratch`, rows, a piece.
    Operand(Error),
}

impl From<Error> for ChainError {
    fn from(error: Error) -> Self {
        ChainError::Operand(error)
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ChainError::Layer { layer, error } => write!(f, "layer {layer}: {error}"),
            ChainError::Misfit { layer, operand, required, got } => {
                write!(f, "layer {layer}: {operand}: must be {required}, from layer {}, got {got}", layer - 1)
            }
            ChainError::Layout { layer, required, got } => {
                write!(
                    f,
                    "layer {layer}: layout: must be {required:?}, that of layer {}, got {got:?}",
                    layer - 1
                )
            }
            ChainError::Operand(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ChainError {}

/// Says of an error whose it is.
pub(super) fn of_layer(layer: usize) -> impl Fn(Error) -> ChainError {
    move |error| ChainError::Layer { layer, error }
}
