//! The plan: checks, sizes, and what a user calls.

use core::ops::Range;

use convoke_core::{Conv2dDesc, Error, Geometry, Level, Operands, Packed, Part, Piece, Pieces};

use crate::drive::Call;
use crate::scatter::Epilogue;
use crate::tile::{Tile, depth, weights_len};
use crate::weights::{Order, identity_of, pack};

/// Elements by which scratch may have to be shifted to start at a cache line.
const ALIGN: usize = 16;

/// A layer planned as a matrix product for one level.
///
/// A small value that can be copied and kept; making one takes microseconds and no memory. See the
/// [crate] for how it works, and for an example.
///
/// Buffers are the caller's: [`pack`](Self::pack) wants [`packed_len`](Self::packed_len) elements, each run (or each
/// piece that runs at the same time) [`scratch_len`](Self::scratch_len), at most 136 KiB. Longer ones are fine; `src`,
/// `dst`, weights, bias and residual must have exactly their length. On error nothing has been written to `dst`.
#[derive(Clone, Copy, Debug)]
pub struct GemmConv2dPlan {
    desc: Conv2dDesc,
    geometry: Geometry,
    level: Level,
    tile: Tile,
    weights_len: usize,
    identity: u64,
}

impl GemmConv2dPlan {
    /// Plans a layer.
    ///
    /// # Errors
    /// Those of [`Geometry::new`], and [`Error::Overflow`] if the packed weights would not fit in memory.
    pub fn new(desc: &Conv2dDesc, level: Level) -> Result<Self, Error> {
        let geometry = Geometry::new(desc)?;
        let tile = Tile::choose(desc, &geometry, level);
        let weights_len = weights_len(desc, &geometry, &tile)?;
        let identity = identity_of(desc, &geometry, &tile);
        Ok(Self { desc: *desc, geometry, level, tile, weights_len, identity })
    }

    /// What was planned.
    pub fn desc(&self) -> &Conv2dDesc {
        &self.desc
    }

    /// Its sizes: output size, lengths and strides.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The instruction set it was planned for.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Elements of the buffer that [`pack`](Self::pack) wants, at least.
    pub fn packed_len(&self) -> usize {
        Packed::buffer_len(self.weights_len)
    }

    /// Elements of scratch that one run wants, at least. It does not grow with the image.
    pub fn scratch_len(&self) -> usize {
        match self.block_len() {
            0 => 0,
            len => len + ALIGN - 1,
        }
    }

    /// The `n` in the bound `|y - exact| <= n * u * sum |w * x|` with `u = 2^-24`, bias and residual counted as terms of
    /// the sum, before the activation: the number of terms, R * S * C / G, and two.
    ///
    /// The bound is that of a recursive sum of products, each rounded (Jeannerod and Rump, "Improved error bounds for
    /// inner products in floating-point arithmetic", 2013); fused levels are better than that.
    pub fn error_terms(&self) -> usize {
        depth(&self.desc, &self.geometry).saturating_add(2)
    }

    /// Packs weights: OIHW in NCHW, OHWI in NHWC, [`Geometry::weights_len`] of them.
    ///
    /// # Errors
    /// [`Error::Length`] if the weights have another length or the buffer is too short.
    pub fn pack<'p>(&self, weights: &[f32], buffer: &'p mut [f32]) -> Result<Packed<'p>, Error> {
        check_len("weights", self.geometry.weights_len, weights.len())?;
        let finite = weights.iter().all(|w| w.is_finite());
        Packed::make(buffer, self.weights_len, self.identity, finite, |body| {
            let order = Order::new(&self.desc, &self.geometry, &self.tile);
            pack(&self.desc, &self.geometry, &order, weights, body);
        })
    }

    /// Weights packed earlier by a plan of the same shape and tile, for instance from flash.
    ///
    /// # Errors
    /// [`Error::WrongPacking`] if they are not.
    pub fn open<'p>(&self, buffer: &'p [f32]) -> Result<Packed<'p>, Error> {
        Packed::open(buffer, self.weights_len, self.identity)
    }

    /// Computes the layer: all of `dst`.
    ///
    /// # Errors
    /// [`Error::Length`] naming the operand whose length is wrong, [`Error::WrongPacking`] for weights packed for
    /// another plan.
    pub fn run(&self, operands: &Operands, dst: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        let part = Part::whole(&self.desc, &self.geometry, dst.len())?;
        self.run_part(part, operands, dst, scratch)
    }

    /// Computes the output rows `rows` of every image. `dst` is a tensor of just those rows, with the row stride of the
    /// plan; a residual is that of the whole output.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and [`Error::TooLarge`] or [`Error::TooSmall`] for a range that ends beyond the
    /// output or before it starts.
    pub fn run_rows(
        &self,
        rows: Range<usize>,
        operands: &Operands,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let part = Part::rows(&self.desc, &self.geometry, rows, dst.len())?;
        self.run_part(part, operands, dst, scratch)
    }

    /// Cuts the output into about `count` pieces that may be computed in any order and at the same time.
    pub fn pieces(&self, count: usize) -> Pieces {
        Pieces::new(&self.desc, &self.geometry, count, self.tile.rows)
    }

    /// Pieces for so many threads, each large enough to be worth it.
    pub fn pieces_for(&self, threads: usize) -> Pieces {
        Pieces::for_threads(&self.desc, &self.geometry, threads, self.tile.rows)
    }

    /// Computes one piece. `dst` is exactly [`Piece::dst_range`] of the whole `dst`.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and [`Error::TooLarge`] for a piece of another plan.
    pub fn run_piece(
        &self,
        piece: &Piece,
        operands: &Operands,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let part = Part::piece(&self.desc, &self.geometry, piece, dst.len())?;
        self.run_part(part, operands, dst, scratch)
    }

    pub(crate) fn tile(&self) -> &Tile {
        &self.tile
    }

    fn block_len(&self) -> usize {
        self.tile.block_len(&self.desc, depth(&self.desc, &self.geometry))
    }

    /// Every call ends here: the last checks, then the work.
    fn run_part(
        &self,
        part: Part,
        operands: &Operands,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        operands.check(&self.geometry, self.desc.out_channels)?;
        let weights = operands.weights.body(self.identity)?;
        let required = self.scratch_len();
        if scratch.len() < required {
            return Err(Error::Length { operand: "scratch", required, got: scratch.len() });
        }
        // Of use only against weights that were forged, or a piece that was: the loops below index without asking.
        if weights.len() != self.weights_len {
            return Err(Error::WrongPacking);
        }
        if self.desc.batch == 0 {
            return Ok(());
        }
        let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1);
        self.level.dispatch(Call {
            desc: &self.desc,
            geometry: &self.geometry,
            tile: self.tile,
            part,
            src: operands.src,
            weights,
            weights_are_finite: operands.weights.is_finite(),
            epilogue: Epilogue {
                bias: operands.bias,
                residual: operands.residual,
                activation: self.desc.activation,
            },
            dst,
            scratch: &mut scratch[start..][..self.block_len()],
        });
        Ok(())
    }
}

/// `Ok` if `got` is exactly `required`.
fn check_len(operand: &'static str, required: usize, got: usize) -> Result<(), Error> {
    if got == required { Ok(()) } else { Err(Error::Length { operand, required, got }) }
}
