//! The plans of all algorithms behind one face. A new algorithm is a new variant here and a new candidate in
//! `choose`.

use convoke_core::{Conv2dDesc, Conv2dPlan, Error, Geometry, Level, Operands, Packed, Piece, Pieces};
use convoke_gemm::GemmConv2dPlan;

use crate::options::Algorithm;

/// A plan of one of the algorithms.
#[derive(Clone, Copy, Debug)]
pub(super) enum Engine {
    Direct(Conv2dPlan),
    Gemm(GemmConv2dPlan),
}

/// The same call of whichever plan it is.
macro_rules! each {
    ($engine:expr, $plan:ident => $call:expr) => {
        match $engine {
            Engine::Direct($plan) => $call,
            Engine::Gemm($plan) => $call,
        }
    };
}

impl Engine {
    /// Plans `desc` for `algorithm`; [`Algorithm::Auto`] means the direct one here, which can compute
    /// everything.
    pub(super) fn new(desc: &Conv2dDesc, level: Level, algorithm: Algorithm) -> Result<Self, Error> {
        Ok(match algorithm {
            Algorithm::Auto | Algorithm::Direct => Engine::Direct(Conv2dPlan::new(desc, level)?),
            Algorithm::Gemm => Engine::Gemm(GemmConv2dPlan::new(desc, level)?),
        })
    }

    pub(super) fn desc(&self) -> &Conv2dDesc {
        each!(self, plan => plan.desc())
    }

    pub(super) fn geometry(&self) -> &Geometry {
        each!(self, plan => plan.geometry())
    }

    pub(super) fn packed_len(&self) -> usize {
        each!(self, plan => plan.packed_len())
    }

    pub(super) fn scratch_len(&self) -> usize {
        each!(self, plan => plan.scratch_len())
    }

    pub(super) fn error_terms(&self) -> usize {
        each!(self, plan => plan.error_terms())
    }

    pub(super) fn pack(&self, weights: &[f32], buffer: &mut [f32]) -> Result<(), Error> {
        each!(self, plan => plan.pack(weights, buffer).map(drop))
    }

    pub(super) fn open<'p>(&self, buffer: &'p [f32]) -> Result<Packed<'p>, Error> {
        each!(self, plan => plan.open(buffer))
    }

    pub(super) fn run(&self, ops: &Operands<'_>, dst: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        each!(self, plan => plan.run(ops, dst, scratch))
    }

    pub(super) fn pieces(&self, count: usize) -> Pieces {
        each!(self, plan => plan.pieces(count))
    }

    pub(super) fn pieces_for(&self, threads: usize) -> Pieces {
        each!(self, plan => plan.pieces_for(threads))
    }

    pub(super) fn run_piece(
        &self,
        piece: &Piece,
        ops: &Operands<'_>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        each!(self, plan => plan.run_piece(piece, ops, dst, scratch))
    }
}
