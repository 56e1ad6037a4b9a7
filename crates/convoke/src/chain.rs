//! `Chain`: layers that follow each other, with their packed weights owned, run strip by strip. The counterpart of
//! [`Conv2d`](crate::Conv2d) for several layers at once.

use convoke_core::{ChainDesc, ChainError, ChainOperands, ChainPlan, Error, Layout, Level, Piece};
use rayon::prelude::*;

use crate::buffer::{Scratch, zeros};
use crate::options::Options;

/// Convolution layers on `f32` that follow each other, ready to run as one: planned, their weights packed.
///
/// Bit for bit it makes what the layers make one after the other with the direct algorithm, but the tensors between
/// them never exist: some rows of the output are made from start to end before the next. That takes little memory, and less
/// time where such tensors would not stay in the caches: see `docs/performance.md`.
///
/// ```
/// use convoke::{Activation, Chain, ChainDesc, Conv2dDesc, Layout, Padding};
///
/// // An inverted residual: 2 channels, 8 between, 2 out, and what came in is added.
/// let layer = |channels, outs, kernel| {
///     Conv2dDesc::new(Layout::Nhwc, 1, channels, [6, 6], outs, kernel).activation(Activation::Relu6)
/// };
/// let block = ChainDesc::new([
///     layer(2, 8, [1, 1]),
///     layer(8, 8, [3, 3]).padding(Padding::all(1)).groups(8),
///     layer(8, 2, [1, 1]).activation(Activation::None),
/// ]);
/// let chain = Chain::new(&block, [&[0.5; 16], &[0.25; 72], &[0.125; 16]])?;
///
/// let image = vec![1.0; 6 * 6 * 2];
/// let mut result = vec![0.0; chain.dst_len()];
/// chain.run_residual_into(&image, &image, &mut result)?;
/// assert_eq!(result[0], 2.0);            // a corner: 4 of 9 taps inside, 8 * 0.125 * (4 * 0.25) + 1
/// assert_eq!(result[14], 3.25);          // the inside: 8 * 0.125 * (9 * 0.25) + 1
/// # Ok::<(), convoke::ChainError>(())
/// ```
#[derive(Debug)]
pub struct Chain<const N: usize> {
    plan: ChainPlan<N>,
    packed: Vec<f32>,
    bias: [Option<Vec<f32>>; N],
    scratch: Scratch,
    options: Options,
}

impl<const N: usize> Chain<N> {
    /// Plans a chain for this machine and packs the weights of its layers: each OIHW (`K * C/G * R * S`) for
    /// [`Layout::Nchw`], OHWI for [`Layout::Nhwc`].
    ///
    /// # Errors
    /// Those of [`ChainPlan::new`]; [`Error::Length`] of a layer for weights of another length; [`Error::Overflow`] if there
    /// is not enough memory.
    pub fn new(desc: &ChainDesc<N>, weights: [&[f32]; N]) -> Result<Self, ChainError> {
        Self::with_options(desc, weights, &Options::new())
    }

    /// The same at a chosen level, on a chosen number of threads. Chains have one algorithm, the direct one, whatever the
    /// options say.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options(
        desc: &ChainDesc<N>,
        weights: [&[f32]; N],
        options: &Options,
    ) -> Result<Self, ChainError> {
        let plan = ChainPlan::new(desc, options.level)?;
        let mut packed = zeros("packed weights", plan.packed_len())?;
        plan.pack(weights, &mut packed)?;
        let scratch = Scratch::new(plan.scratch_len());
        Ok(Self { plan, packed, bias: [const { None }; N], scratch, options: *options })
    }

    /// Adds a bias to every layer: one value per out channel of each.
    ///
    /// # Errors
    /// [`Error::Length`] of the layer that has not one for each.
    pub fn bias(mut self, bias: [&[f32]; N]) -> Result<Self, ChainError> {
        for (layer, bias) in bias.iter().enumerate() {
            let required = self.plan.desc().layers[layer].out_channels;
            if bias.len() != required {
                let error = Error::Length { operand: "bias", required, got: bias.len() };
                return Err(ChainError::Layer { layer, error });
            }
        }
        self.bias = bias.map(|bias| Some(bias.to_vec()));
        Ok(self)
    }

    /// The chain's output for `src`, of [`dst_shape`](Self::dst_shape).
    ///
    /// # Errors
    /// [`Error::Length`] for a `src` of another length than [`src_len`](Self::src_len); [`Error::Overflow`] if
    /// there is not enough memory.
    pub fn run(&self, src: &[f32]) -> Result<Vec<f32>, ChainError> {
        let mut dst = zeros("dst", self.dst_len())?;
        self.run_into(src, &mut dst)?;
        Ok(dst)
    }

    /// The same into a buffer of [`dst_len`](Self::dst_len) elements. After the first runs nothing is allocated but, with
    /// several threads, the list of their parts.
    ///
    /// # Errors
    /// [`Error::Length`] for a buffer of another length; `dst` is then as it was.
    pub fn run_into(&self, src: &[f32], dst: &mut [f32]) -> Result<(), ChainError> {
        self.run_with(src, None, dst)
    }

    /// The same with a `residual` of `dst`'s shape (it may be `src`, if that has it), which is added to the last layer's sums
    /// after the bias and before the activation.
    ///
    /// # Errors
    /// As [`run_into`](Self::run_into).
    pub fn run_residual_into(
        &self,
        src: &[f32],
        residual: &[f32],
        dst: &mut [f32],
    ) -> Result<(), ChainError> {
        self.run_with(src, Some(residual), dst)
    }

    fn run_with(&self, src: &[f32], residual: Option<&[f32]>, dst: &mut [f32]) -> Result<(), ChainError> {
        let operands = ChainOperands {
            bias: self.bias.each_ref().map(Option::as_deref),
            residual,
            ..ChainOperands::new(src, self.plan.open(&self.packed)?)
        };
        // Rows between layers that two pieces read are made twice: one piece for each thread.
        let threads = self.options.threads_for(self.plan.macs());
        let pieces = self.plan.pieces(threads);
        let whole = dst.len() != self.dst_len() || threads == 1;
        if whole {
            return self.lend(|scratch| self.plan.run(&operands, dst, scratch));
        }
        // What is wrong with an operand is wrong for every piece, before it writes anything.
        let mut parts = Vec::new();
        let mut rest = dst;
        for piece in pieces {
            let (part, after) = rest.split_at_mut(piece.dst_range().len());
            parts.push((piece, part));
            rest = after;
        }
        let run = |(piece, part): (Piece, &mut [f32])| {
            self.lend(|scratch| self.plan.run_piece(&piece, &operands, part, scratch))
        };
        parts.into_par_iter().with_max_len(1).try_for_each(run)
    }

    /// Lends scratch to a run.
    fn lend(&self, f: impl FnOnce(&mut [f32]) -> Result<(), ChainError>) -> Result<(), ChainError> {
        self.scratch.lend(|scratch| Ok(f(scratch)))?
    }

    /// The plan that it runs.
    pub fn plan(&self) -> &ChainPlan<N> {
        &self.plan
    }

    /// The level it runs at.
    pub fn level(&self) -> Level {
        self.options.level
    }

    /// Elements of `src`.
    pub fn src_len(&self) -> usize {
        self.plan.first().src.len
    }

    /// Elements of `dst`.
    pub fn dst_len(&self) -> usize {
        self.plan.last().dst.len
    }

    /// Sizes of `dst` in its layout's order: `[N, K, P, Q]`, or `[N, P, Q, K]` in NHWC.
    pub fn dst_shape(&self) -> [usize; 4] {
        let last = &self.plan.desc().layers[N - 1];
        let (n, k, [p, q]) = (last.batch, last.out_channels, self.plan.last().out_size);
        match last.layout {
            Layout::Nchw => [n, k, p, q],
            Layout::Nhwc => [n, p, q, k],
        }
    }
}
