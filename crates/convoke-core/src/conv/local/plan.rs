//! The plan of a locally connected layer: one for the layer and its gradients, as nothing is packed and all of them read the same
//! turned images.

use convoke_simd::Level;

use super::turn::MOST;
use super::walk::{BiasGrad, Forward, InputGrad, WeightsGrad};
use crate::conv::desc::Conv2dDesc;
use crate::conv::geometry::Geometry;
use crate::conv::piece::{Piece, Pieces};
use crate::error::{Error, check_len, check_scratch, checked_len};
use crate::kernel::local::LANES;

/// A locally connected layer, planned: a convolution whose weights are not shared, so that each output has a set of its own; and its gradients.
///
/// With the letters of [`Conv2dDesc`],
///
/// ```text
/// dst[n, k, y, x] = activation( sum over r, s, c of  w[y, x, k, c, r, s] * src[n, g*C/G + c, y*SH - top + r*DH, x*SW - left + s*DW] + bias[k, y, x] )
/// ```
///
/// Weights are `P * Q` sets, row by row of the output, each in the order of a convolution's weights: `[P, Q, K, C/G, R, S]` for
/// [`Layout::Nchw`](crate::Layout::Nchw), `[P, Q, K, R, S, C/G]` for [`Layout::Nhwc`](crate::Layout::Nhwc). They are read as they are; there is
/// nothing to pack. The bias is shaped like one image of `dst`.
///
/// # Orders of sums
/// * `dst`: as a convolution's, so a layer whose sets are all equal has the bits of [`Conv2dPlan`](crate::Conv2dPlan), levels that do not fuse among
///   themselves.
/// * `dx`: over the outputs row by row, in each over groups of up to 8 out channels, the taps and the channels of the group.
/// * `dw`: images are cut into runs of 64; each run is summed in order from `+0`, and runs are added in order.
/// * `db`: over the images.
///
/// Pieces, threads and fused levels change no bit.
///
/// ```
/// use convoke_core::{Conv2dDesc, Layout, Level, LocallyConnected2dPlan};
/// // Two windows of two pixels; the second one has other weights.
/// let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [1, 3], 1, [1, 2]);
/// let plan = LocallyConnected2dPlan::new(&desc, Level::detect())?;
/// let (weights, src) = ([1.0, 2.0, 10.0, 20.0], [3.0, 4.0, 5.0]);
/// let mut scratch = vec![0.0; plan.scratch_len()];
/// let mut dst = [0.0; 2];
/// plan.run(&src, &weights, Some(&[0.5, 0.25]), &mut dst, &mut scratch)?;
/// assert_eq!(dst, [3.0 + 8.0 + 0.5, 40.0 + 100.0 + 0.25]);
/// let (mut dx, mut dw) = ([0.0; 3], [0.0; 4]);
/// plan.run_input_grad(&[1.0, 100.0], &weights, &mut dx, &mut scratch)?;
/// plan.run_weights_grad(&[1.0, 100.0], &src, &mut dw, &mut scratch)?;
/// assert_eq!(dx, [1.0, 2.0 + 1000.0, 2000.0]);
/// assert_eq!(dw, [3.0, 4.0, 400.0, 500.0]);
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LocallyConnected2dPlan {
    pub(super) desc: Conv2dDesc,
    pub(super) geometry: Geometry,
    level: Level,
    weights: usize,
    scratch: usize,
}

impl LocallyConnected2dPlan {
    /// Checks a descriptor. The activation is that of the layer; gradients know nothing of it.
    ///
    /// # Errors
    /// Those of [`Geometry::new`]; [`Error::TooLarge`] for row strides, which this layer does not have; [`Error::Overflow`] if weights or scratch would not
    /// fit in memory.
    pub fn new(desc: &Conv2dDesc, level: Level) -> Result<Self, Error> {
        let mut dense = *desc;
        (dense.src_row_stride, dense.dst_row_stride) = (None, None);
        let geometry = Geometry::new(&dense)?;
        for (operand, required, got) in [
            ("src row stride", geometry.src.row, desc.src_row_stride),
            ("dst row stride", geometry.dst.row, desc.dst_row_stride),
        ] {
            match got {
                Some(got) if got > required => return Err(Error::TooLarge { operand, required, got }),
                Some(got) if got < required => return Err(Error::TooSmall { operand, required, got }),
                _ => {}
            }
        }
        let [p, q] = geometry.out_size;
        let weights = checked_len("weights", &[p, q, geometry.weights_len])?;
        let width = desc.batch.min(MOST).next_multiple_of(LANES);
        // Turned images and a constant, a row of outputs, and a panel.
        let others = geometry.src.image + 1 + LANES;
        let places = q.checked_mul(desc.out_channels).and_then(|row| row.checked_add(others));
        let places = places.ok_or(Error::Overflow { operand: "scratch" })?;
        let scratch = checked_len("scratch", &[places, width])?.saturating_add(LANES);
        Ok(Self { desc: dense, geometry, level, weights, scratch: checked_len("scratch", &[scratch])? })
    }

    /// The layer, without row strides.
    pub fn desc(&self) -> &Conv2dDesc {
        &self.desc
    }

    /// Its checked sizes. [`Geometry::weights_len`] is the length of one set of weights, those of one output.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The level that it runs at.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Elements of the weights: `P * Q * K * C/G * R * S`.
    pub fn weights_len(&self) -> usize {
        self.weights
    }

    /// Elements of the bias: `P * Q * K`.
    pub fn bias_len(&self) -> usize {
        let [p, q] = self.geometry.out_size;
        p * q * self.desc.out_channels
    }

    /// Elements of scratch that any of the runs, or a piece, needs.
    pub fn scratch_len(&self) -> usize {
        self.scratch
    }

    /// The `n` of the error bound `n * 2^-24 * sum |w * x|` of every sum before the activation, bias counted.
    pub fn error_terms(&self) -> usize {
        self.set() + 2
    }

    /// That of the input gradient: windows that reach one pixel, at most, by their out channels.
    pub fn input_grad_error_terms(&self) -> usize {
        let reach = |axis: usize| {
            // With a border that repeats pixels, every tap of every window may.
            match self.desc.border {
                crate::Border::Zero | crate::Border::Constant(_) => self.desc.kernel[axis],
                _ => self.desc.kernel[axis].saturating_mul(self.geometry.out_size[axis]),
            }
        };
        reach(0).saturating_mul(reach(1)).saturating_mul(self.geometry.group_out).saturating_add(1)
    }

    /// That of the weight gradient.
    pub fn weights_grad_error_terms(&self) -> usize {
        MOST.min(self.desc.batch) + 1 + self.desc.batch.div_ceil(MOST)
    }

    /// That of the bias gradient: `|db - exact| <= n * 2^-24 * sum |dy|`.
    pub fn bias_grad_error_terms(&self) -> usize {
        self.desc.batch + 1
    }

    /// Weights of one out channel at one output.
    pub(super) fn set(&self) -> usize {
        self.geometry.weights_len / self.desc.out_channels
    }

    /// Computes the whole output.
    ///
    /// # Errors
    /// [`Error::Length`] for an operand of the wrong length (`scratch` may be longer). `dst` is then as it was.
    pub fn run(
        &self,
        src: &[f32],
        weights: &[f32],
        bias: Option<&[f32]>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        self.run_images(0..self.desc.batch, src, weights, bias, dst, scratch)
    }

    /// About `count` pieces that together are all of `dst`: images, sixteen at least.
    pub fn pieces(&self, count: usize) -> Pieces {
        Pieces::of_channels(self.desc.batch, self.geometry.dst.len, count, LANES)
    }

    /// Computes one piece. `dst` is exactly [`Piece::dst_range`] of the whole; the rest is whole.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and a piece of something else.
    pub fn run_piece(
        &self,
        piece: &Piece,
        src: &[f32],
        weights: &[f32],
        bias: Option<&[f32]>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let images = piece.channels(self.desc.batch, self.geometry.dst.len)?;
        self.run_images(images, src, weights, bias, dst, scratch)
    }

    fn run_images(
        &self,
        images: core::ops::Range<usize>,
        src: &[f32],
        weights: &[f32],
        bias: Option<&[f32]>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        check_len("src", self.geometry.src.len, src.len())?;
        check_len("weights", self.weights, weights.len())?;
        if let Some(bias) = bias {
            check_len("bias", self.bias_len(), bias.len())?;
        }
        check_len("dst", images.len() * self.geometry.dst.image, dst.len())?;
        check_scratch(self.scratch, scratch)?;
        self.level.dispatch(Forward { plan: self, images, src, weights, bias, dst, scratch });
        Ok(())
    }

    /// Computes the gradient with respect to the input: `dy` is shaped like `dst`, `dx` like `src`. What no window reaches has a
    /// gradient of 0. With a border that shows pixels again, those get what their images get.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_input_grad(
        &self,
        dy: &[f32],
        weights: &[f32],
        dx: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        self.input_grad_images(0..self.desc.batch, dy, weights, dx, scratch)
    }

    /// About `count` pieces that together are all of `dx`: images, sixteen at least.
    pub fn input_grad_pieces(&self, count: usize) -> Pieces {
        Pieces::of_channels(self.desc.batch, self.geometry.src.len, count, LANES)
    }

    /// Computes one piece of `dx`, which is exactly [`Piece::dst_range`] of the whole; the rest is whole.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and a piece of something else.
    pub fn run_input_grad_piece(
        &self,
        piece: &Piece,
        dy: &[f32],
        weights: &[f32],
        dx: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let images = piece.channels(self.desc.batch, self.geometry.src.len)?;
        self.input_grad_images(images, dy, weights, dx, scratch)
    }

    fn input_grad_images(
        &self,
        images: core::ops::Range<usize>,
        dy: &[f32],
        weights: &[f32],
        dx: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        check_len("dy", self.geometry.dst.len, dy.len())?;
        check_len("weights", self.weights, weights.len())?;
        check_len("dx", images.len() * self.geometry.src.image, dx.len())?;
        check_scratch(self.scratch, scratch)?;
        self.level.dispatch(InputGrad { plan: self, images, dy, weights, dx, scratch });
        Ok(())
    }

    /// Computes the gradient with respect to the weights, in their order. A tap on the padding of a zero border has a gradient of 0, and so has
    /// everything in an empty batch.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_weights_grad(
        &self,
        dy: &[f32],
        src: &[f32],
        dw: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let [p, q] = self.geometry.out_size;
        self.weights_grad_outputs(0..p * q, dy, src, dw, scratch)
    }

    /// About `count` pieces that together are all of `dw`: ranges of outputs.
    pub fn weights_grad_pieces(&self, count: usize) -> Pieces {
        let [p, q] = self.geometry.out_size;
        Pieces::of_channels(p * q, self.weights, count, 1)
    }

    /// Computes one piece of `dw`, which is exactly [`Piece::dst_range`] of the whole; the rest is whole.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and a piece of something else.
    pub fn run_weights_grad_piece(
        &self,
        piece: &Piece,
        dy: &[f32],
        src: &[f32],
        dw: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let [p, q] = self.geometry.out_size;
        let outputs = piece.channels(p * q, self.weights)?;
        self.weights_grad_outputs(outputs, dy, src, dw, scratch)
    }

    fn weights_grad_outputs(
        &self,
        outputs: core::ops::Range<usize>,
        dy: &[f32],
        src: &[f32],
        dw: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        check_len("dy", self.geometry.dst.len, dy.len())?;
        check_len("src", self.geometry.src.len, src.len())?;
        check_len("dw", outputs.len() * self.geometry.weights_len, dw.len())?;
        check_scratch(self.scratch, scratch)?;
        if self.desc.batch == 0 {
            dw.fill(0.0);
            return Ok(());
        }
        self.level.dispatch(WeightsGrad { plan: self, outputs, dy, src, dw, scratch });
        Ok(())
    }

    /// Computes the gradient with respect to the bias: the sum of `dy` over the images. Needs no scratch.
    ///
    /// # Errors
    /// [`Error::Length`] for an operand of the wrong length; `db` is then as it was.
    pub fn run_bias_grad(&self, dy: &[f32], db: &mut [f32]) -> Result<(), Error> {
        self.bias_grad_places(0..self.bias_len(), dy, db)
    }

    /// About `count` pieces that together are all of `db`.
    pub fn bias_grad_pieces(&self, count: usize) -> Pieces {
        Pieces::of_channels(self.bias_len(), self.bias_len(), count, LANES)
    }

    /// Computes one piece of `db`, which is exactly [`Piece::dst_range`] of the whole; `dy` is whole.
    ///
    /// # Errors
    /// Those of [`run_bias_grad`](Self::run_bias_grad), and a piece of something else.
    pub fn run_bias_grad_piece(&self, piece: &Piece, dy: &[f32], db: &mut [f32]) -> Result<(), Error> {
        let places = piece.channels(self.bias_len(), self.bias_len())?;
        self.bias_grad_places(places, dy, db)
    }

    fn bias_grad_places(
        &self,
        places: core::ops::Range<usize>,
        dy: &[f32],
        db: &mut [f32],
    ) -> Result<(), Error> {
        check_len("dy", self.geometry.dst.len, dy.len())?;
        check_len("db", places.len(), db.len())?;
        self.level.dispatch(BiasGrad { dy, image: self.bias_len(), places, db });
        Ok(())
    }
}
