//! `Conv2d`: a convolution layer that owns its packed weights. Chooses the algorithm when it is made, divides
//! the output among threads when it runs; what an output is, is the core's business.

mod choose;
mod cost;
mod engine;

use convoke_core::{Conv2dDesc, Error, Geometry, Layout, Level, Operands};
use rayon::prelude::*;

use crate::buffer::{Scratch, zeros};
use crate::options::{Algorithm, Options};

pub use choose::{Candidate, Explanation};
use engine::Engine;

/// A convolution layer on `f32`, ready to run: planned, its weights packed.
///
/// Runs do not change it, so threads may share it. Which algorithm was chosen, and why,
/// [`explain`](Self::explain) tells.
///
/// ```
/// use convoke::{Activation, Conv2d, Conv2dDesc, Layout, Padding};
///
/// // One 4x4 image with 2 channels, 3 out channels, 3x3 windows that may hang over the edge by one.
/// let desc = Conv2dDesc::new(Layout::Nhwc, 1, 2, [4, 4], 3, [3, 3])
///     .padding(Padding::all(1))
///     .activation(Activation::Relu);
/// let weights = vec![0.5; 3 * 3 * 3 * 2];      // OHWI, as the layout is NHWC
/// let layer = Conv2d::new(&desc, &weights)?.bias(&[0.0, 1.0, -100.0])?;
///
/// let image = vec![1.0; 4 * 4 * 2];
/// let result = layer.run(&image)?;
/// assert_eq!(layer.dst_shape(), [1, 4, 4, 3]);
/// assert_eq!(result[..3], [4.0, 5.0, 0.0]);     // a corner: 4 pixels, 2 channels
/// assert_eq!(result[15..18], [9.0, 10.0, 0.0]); // the inside: 9 pixels, 2 channels
/// # Ok::<(), convoke::Error>(())
/// ```
#[derive(Debug)]
pub struct Conv2d {
    engine: Engine,
    packed: Vec<f32>,
    bias: Option<Vec<f32>>,
    scratch: Scratch,
    options: Options,
    algorithm: Algorithm,
}

impl Conv2d {
    /// Plans a layer for this machine and packs its weights: OIHW (`K * C/G * R * S`) for [`Layout::Nchw`],
    /// OHWI for [`Layout::Nhwc`].
    ///
    /// # Errors
    /// What [`Geometry::new`] finds wrong with `desc`; [`Error::Length`] for weights of another length;
    /// [`Error::Overflow`] if there is not enough memory.
    pub fn new(desc: &Conv2dDesc, weights: &[f32]) -> Result<Self, Error> {
        Self::with_options(desc, weights, &Options::new())
    }

    /// The same at a chosen level, with a chosen algorithm, on a chosen number of threads.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options(desc: &Conv2dDesc, weights: &[f32], options: &Options) -> Result<Self, Error> {
        let algorithm = match options.algorithm {
            Algorithm::Auto => choose::choose(desc, options.level)?,
            chosen => chosen,
        };
        let engine = Engine::new(desc, options.level, algorithm)?;
        let mut packed = zeros("packed weights", engine.packed_len())?;
        engine.pack(weights, &mut packed)?;
        let scratch = Scratch::new(engine.scratch_len());
        Ok(Self { engine, packed, bias: None, scratch, options: *options, algorithm })
    }

    /// Adds a bias: one value per out channel, added to every sum.
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one for each.
    pub fn bias(mut self, bias: &[f32]) -> Result<Self, Error> {
        self.set_bias(bias)?;
        Ok(self)
    }

    /// Other weights, in the order of [`new`](Self::new), packed into the place of the old ones. Nothing is planned anew.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of them; the layer is then as it was.
    pub fn set_weights(&mut self, weights: &[f32]) -> Result<(), Error> {
        self.engine.pack(weights, &mut self.packed)
    }

    /// Another bias, or a first one: see [`bias`](Self::bias).
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one value for each out channel; the layer is then as it was.
    pub fn set_bias(&mut self, bias: &[f32]) -> Result<(), Error> {
        let required = self.desc().out_channels;
        if bias.len() != required {
            return Err(Error::Length { operand: "bias", required, got: bias.len() });
        }
        match &mut self.bias {
            Some(old) => old.copy_from_slice(bias),
            none => *none = Some(bias.to_vec()),
        }
        Ok(())
    }

    /// The layer's output for `src`, of [`dst_shape`](Self::dst_shape).
    ///
    /// # Errors
    /// [`Error::Length`] for a `src` of another length than [`src_len`](Self::src_len); [`Error::Overflow`] if
    /// there is not enough memory.
    pub fn run(&self, src: &[f32]) -> Result<Vec<f32>, Error> {
        let mut dst = zeros("dst", self.dst_len())?;
        self.run_into(src, &mut dst)?;
        Ok(dst)
    }

    /// The same into a buffer of [`dst_len`](Self::dst_len) elements. After the first runs nothing is
    /// allocated.
    ///
    /// # Errors
    /// [`Error::Length`] for a buffer of another length; `dst` is then as it was.
    pub fn run_into(&self, src: &[f32], dst: &mut [f32]) -> Result<(), Error> {
        self.run_with(src, None, dst, &|_| ())
    }

    /// The same with a `residual` of `dst`'s shape, which is added to the sums after the bias and before the
    /// activation.
    ///
    /// # Errors
    /// As [`run_into`](Self::run_into).
    pub fn run_residual_into(&self, src: &[f32], residual: &[f32], dst: &mut [f32]) -> Result<(), Error> {
        self.run_with(src, Some(residual), dst, &|_| ())
    }

    /// The most general run: perhaps a residual, and `done` is called as parts of the output become ready, with
    /// their number of rows ([`row_count`](Self::row_count) in all), from any thread.
    ///
    /// # Errors
    /// As [`run_into`](Self::run_into).
    pub fn run_with(
        &self,
        src: &[f32],
        residual: Option<&[f32]>,
        dst: &mut [f32],
        done: &(impl Fn(usize) + Sync),
    ) -> Result<(), Error> {
        let operands =
            Operands { src, weights: self.engine.open(&self.packed)?, bias: self.bias.as_deref(), residual };
        let required = self.dst_len();
        if dst.len() != required {
            return Err(Error::Length { operand: "dst", required, got: dst.len() });
        }
        operands.check(self.geometry(), self.desc().out_channels)?;

        let threads = self.options.threads_for(self.geometry().macs);
        let watched = self.parts_to_watch();
        if threads <= 1 && watched == 1 {
            self.scratch.lend(|scratch| self.engine.run(&operands, dst, scratch))?;
            done(self.row_count());
            return Ok(());
        }
        let mut parts = Vec::new();
        let mut rest = dst;
        let pieces = if threads > 1 { self.engine.pieces_for(threads) } else { self.engine.pieces(watched) };
        for piece in pieces {
            let (part, after) = rest.split_at_mut(piece.dst_range().len());
            parts.push((piece, part));
            rest = after;
        }
        let run = |(piece, part): (convoke_core::Piece, &mut [f32])| {
            self.scratch.lend(|scratch| self.engine.run_piece(&piece, &operands, part, scratch))?;
            done(piece.row_count());
            Ok(())
        };
        if threads > 1 {
            parts.into_par_iter().with_max_len(1).try_for_each(run)
        } else {
            parts.into_iter().try_for_each(run)
        }
    }

    /// On one thread the work is one call, unless it lasts so long (seconds) that someone may be watching.
    fn parts_to_watch(&self) -> usize {
        const WORTH_WATCHING: u64 = 10_000_000_000;
        usize::try_from(self.geometry().macs / WORTH_WATCHING).unwrap_or(usize::MAX).clamp(1, 100)
    }

    /// The layer that this is.
    pub fn desc(&self) -> &Conv2dDesc {
        self.engine.desc()
    }

    /// Its checked sizes.
    pub fn geometry(&self) -> &Geometry {
        self.engine.geometry()
    }

    /// The algorithm it runs, never [`Algorithm::Auto`].
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The level it runs at.
    pub fn level(&self) -> Level {
        self.options.level
    }

    /// Elements of `src`.
    pub fn src_len(&self) -> usize {
        self.geometry().src.len
    }

    /// Elements of `dst`.
    pub fn dst_len(&self) -> usize {
        self.geometry().dst.len
    }

    /// Sizes of `dst` in its layout's order: `[N, K, P, Q]`, or `[N, P, Q, K]` in NHWC.
    pub fn dst_shape(&self) -> [usize; 4] {
        let (n, k, [p, q]) = (self.desc().batch, self.desc().out_channels, self.geometry().out_size);
        match self.desc().layout {
            Layout::Nchw => [n, k, p, q],
            Layout::Nhwc => [n, p, q, k],
        }
    }

    /// Output rows of all images (NHWC) or planes (NCHW): what [`run_with`](Self::run_with) counts.
    pub fn row_count(&self) -> usize {
        let outer = match self.desc().layout {
            Layout::Nchw => self.desc().batch * self.desc().out_channels,
            Layout::Nhwc => self.desc().batch,
        };
        outer * self.geometry().out_size[0]
    }

    /// Every algorithm that could compute this layer at its level: what it would cost, and why it was taken or
    /// not.
    ///
    /// # Errors
    /// None that making the layer did not have.
    pub fn explain(&self) -> Result<Explanation, Error> {
        choose::explain(self.desc(), &self.options)
    }

    /// The same for a layer that need not be made: no weights are needed.
    ///
    /// ```
    /// use convoke::{Conv2d, Conv2dDesc, Layout, Options};
    /// let desc = Conv2dDesc::new(Layout::Nhwc, 1, 64, [56, 56], 64, [3, 3]);
    /// println!("{}", Conv2d::explain_desc(&desc, &Options::new())?);
    /// # Ok::<(), convoke::Error>(())
    /// ```
    ///
    /// # Errors
    /// What [`Geometry::new`] finds wrong with `desc`.
    pub fn explain_desc(desc: &Conv2dDesc, options: &Options) -> Result<Explanation, Error> {
        choose::explain(desc, options)
    }
}
