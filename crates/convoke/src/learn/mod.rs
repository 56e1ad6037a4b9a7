//! Layers that learn: forward, backward, and what changes their weights. No tape and no tensor algebra: slices in, slices out.
//!
//! | I have | I want | I take |
//! |---|---|---|
//! | a batch and a layer | its output, and the gradients of a loss | a [`Layer`]: [`FullyConnected`], [`LocallyConnected2d`], [`Conv2d`], [`Pool`], [`Activate`] |
//! | scores and labels | how wrong they are, and the gradient of that | [`softmax_cross_entropy`] |
//! | gradients | better weights | an [`Optimiser`]: [`Sgd`], [`Adam`] |
//! | layers in a row | all of this in one call | a [`Network`] |
//! | a picture and what a mask made of it | the mask | [`MaskFit`] |
//!
//! A batch is a slice of examples, one after the other, as many as there are: layers plan for the number that they get, and plan
//! again when it changes. No bit depends on the number of threads; the kernels are those of `convoke-core`.
//!
//! ```
//! use convoke::learn::{FullyConnected, Network, Sgd};
//! use convoke::Options;
//!
//! // Which of two numbers is the greater?
//! let layer = FullyConnected::new(2, 2, 7, &Options::new())?;
//! let mut network = Network::new(vec![Box::new(layer)])?;
//! let mut optimiser = Sgd::new(0.5, 0.9)?;
//! let (examples, labels) = ([3.0, 1.0, -1.0, 2.0, 0.5, 0.0, 0.0, 1.0], [0, 1, 0, 1]);
//! let first = network.train(&examples, &labels, &mut optimiser)?;
//! for _ in 0..20 {
//!     network.train(&examples, &labels, &mut optimiser)?;
//! }
//! assert!(network.train(&examples, &labels, &mut optimiser)? < 0.1 * first);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod activate;
mod conv2d;
mod fully_connected;
mod layer;
mod learned;
mod locally_connected;
mod loss;
mod mask_fit;
mod network;
mod optimiser;
mod pool;
mod shared;
mod threads;

pub use activate::Activate;
pub use conv2d::Conv2d;
pub use fully_connected::FullyConnected;
pub use layer::{Layer, Parameter};
pub use locally_connected::LocallyConnected2d;
pub use loss::{correct, softmax_cross_entropy};
pub use mask_fit::MaskFit;
pub use network::{Network, TrainError};
pub use optimiser::{Adam, Optimiser, Sgd};
pub use pool::{Pool, PoolDesc};
