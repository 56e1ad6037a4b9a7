//! What every plan of a layer does the same: buffers, weights that were packed earlier, and runs of all of an output, of rows and of pieces.
//! A plan says what is packed and how a part is computed ([`Layered`]); the methods that users see are written here, once.

use super::desc::Conv2dDesc;
use super::geometry::Geometry;
use super::operands::Operands;
use super::part::Part;
use crate::error::{Error, check_scratch};

/// What the methods are made of.
pub(super) trait Layered {
    /// Sizes, layout and groups of what is read and written.
    fn layer(&self) -> &Conv2dDesc;

    /// The same, checked.
    fn sizes(&self) -> &Geometry;

    /// Elements of packed weights without what stands before them.
    fn body_len(&self) -> usize;

    /// What decides the packing: any plan that agrees on it can use the same packed weights.
    fn identity(&self) -> u64;

    /// Elements of scratch.
    fn needs_scratch(&self) -> usize;

    /// Planes that are made together.
    fn granule(&self) -> usize;

    /// Computes a part whose operands are known to fit.
    fn run_checked(
        &self,
        part: &Part,
        operands: &Operands<'_>,
        weights: &[f32],
        dst: &mut [f32],
        scratch: &mut [f32],
    );

    /// Computes a part, after all checks.
    fn run_part(
        &self,
        part: &Part,
        operands: &Operands<'_>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        operands.check(self.sizes(), self.layer().out_channels)?;
        let weights = operands.weights.body(self.identity())?;
        check_scratch(self.needs_scratch(), scratch)?;
        self.run_checked(part, operands, weights, dst, scratch);
        Ok(())
    }
}

/// The public methods of a plan that is [`Layered`], or has something that is.
macro_rules! layer_methods {
    ($type:ident, $plan:ident => $layered:expr) => {
        impl $type {
            fn layered(&self) -> &impl $crate::conv::methods::Layered {
                let $plan = self;
                $layered
            }

            /// Its checked sizes: `src` is what this operation reads, `dst` what it writes.
            pub fn geometry(&self) -> &$crate::Geometry {
                $crate::conv::methods::Layered::sizes(self.layered())
            }

            /// Elements of the buffer that [`pack`](Self::pack) needs.
            pub fn packed_len(&self) -> usize {
                $crate::Packed::buffer_len($crate::conv::methods::Layered::body_len(self.layered()))
            }

            /// Elements of scratch that a run, or a piece, needs. Zero is common.
            pub fn scratch_len(&self) -> usize {
                $crate::conv::methods::Layered::needs_scratch(self.layered())
            }

            /// Weights that were packed earlier by a plan for the same layer and level: in flash, from a file.
            ///
            /// # Errors
            /// [`Error::WrongPacking`](crate::Error::WrongPacking) if they were packed for anything else, or are not packed weights.
            pub fn open<'p>(&self, buffer: &'p [f32]) -> Result<$crate::Packed<'p>, $crate::Error> {
                use $crate::conv::methods::Layered;
                let plan = self.layered();
                $crate::Packed::open(buffer, plan.body_len(), plan.identity())
            }

            /// Computes the whole output.
            ///
            /// Reads nothing outside its operands, reads neither `dst` nor `scratch` before writing them, leaves elements
            /// between the rows of a strided `dst` as they are, and `scratch` as garbage.
            ///
            /// # Errors
            /// [`Error::Length`](crate::Error::Length) for an operand of the wrong length (`scratch` may be longer),
            /// [`Error::WrongPacking`](crate::Error::WrongPacking) for weights of another plan. `dst` is then as it was.
            pub fn run(
                &self,
                operands: &$crate::Operands<'_>,
                dst: &mut [f32],
                scratch: &mut [f32],
            ) -> Result<(), $crate::Error> {
                use $crate::conv::methods::Layered;
                let plan = self.layered();
                let part = $crate::Part::whole(plan.layer(), plan.sizes(), dst.len())?;
                plan.run_part(&part, operands, dst, scratch)
            }

            /// Computes output rows `rows` of every image. `dst` is a tensor of just those rows, with the row stride of the
            /// whole one; `src` and `residual` are whole.
            ///
            /// # Errors
            /// Those of [`run`](Self::run), and a range that does not lie in the output.
            pub fn run_rows(
                &self,
                rows: core::ops::Range<usize>,
                operands: &$crate::Operands<'_>,
                dst: &mut [f32],
                scratch: &mut [f32],
            ) -> Result<(), $crate::Error> {
                use $crate::conv::methods::Layered;
                let plan = self.layered();
                let part = $crate::Part::rows(plan.layer(), plan.sizes(), rows, dst.len())?;
                plan.run_part(&part, operands, dst, scratch)
            }

            /// About `count` pieces that together are the whole output.
            pub fn pieces(&self, count: usize) -> $crate::Pieces {
                use $crate::conv::methods::Layered;
                let plan = self.layered();
                $crate::Pieces::new(plan.layer(), plan.sizes(), count, plan.granule())
            }

            /// Computes one piece. `dst` is exactly [`Piece::dst_range`](crate::Piece::dst_range) of the whole; `src` and
            /// `residual` are whole.
            ///
            /// # Errors
            /// Those of [`run`](Self::run), and a piece that does not lie in the output.
            pub fn run_piece(
                &self,
                piece: &$crate::Piece,
                operands: &$crate::Operands<'_>,
                dst: &mut [f32],
                scratch: &mut [f32],
            ) -> Result<(), $crate::Error> {
                use $crate::conv::methods::Layered;
                let plan = self.layered();
                let part = $crate::Part::piece(plan.layer(), plan.sizes(), piece, dst.len())?;
                plan.run_part(&part, operands, dst, scratch)
            }
        }
    };
}
pub(super) use layer_methods;
