//! The engines: every algorithm for layers on every level of this machine. A new algorithm is one line in the list
//! at the end of this file, and from then on every test, fuzzer and benchmark runs it.

use std::fmt;
use std::ops::Range;

use convoke_core::{Conv2dDesc, Conv2dPlan, Error, Geometry, Level, Operands, Packed, Piece, Pieces};
use convoke_gemm::GemmConv2dPlan;

/// A plan of any algorithm.
pub trait Conv2dEngine: fmt::Debug + Send + Sync {
    /// The checked descriptor.
    fn geometry(&self) -> &Geometry;
    /// Elements of the packing buffer.
    fn packed_len(&self) -> usize;
    /// Elements of scratch.
    fn scratch_len(&self) -> usize;
    /// The `n` of the error bound.
    fn error_terms(&self) -> usize;
    /// The plan in words.
    fn describe(&self) -> String;
    /// Packs weights.
    fn pack<'p>(&self, weights: &[f32], buffer: &'p mut [f32]) -> Result<Packed<'p>, Error>;
    /// Opens packed weights.
    fn open<'p>(&self, buffer: &'p [f32]) -> Result<Packed<'p>, Error>;
    /// Computes all of `dst`.
    fn run(&self, operands: &Operands<'_>, dst: &mut [f32], scratch: &mut [f32]) -> Result<(), Error>;
    /// Computes some rows of every image.
    fn run_rows(
        &self,
        rows: Range<usize>,
        operands: &Operands<'_>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error>;
    /// The output in about so many pieces.
    fn pieces(&self, count: usize) -> Pieces;
    /// Computes a piece.
    fn run_piece(
        &self,
        piece: &Piece,
        operands: &Operands<'_>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error>;
}

/// An algorithm on a level.
#[derive(Clone, Copy)]
pub struct Engine {
    /// The algorithm's name.
    pub algorithm: &'static str,
    /// The level.
    pub level: Level,
    plan: Plan,
}

impl Engine {
    /// Plans a layer.
    ///
    /// # Errors
    /// The planner's.
    pub fn plan(&self, desc: &Conv2dDesc) -> Result<Box<dyn Conv2dEngine>, Error> {
        (self.plan)(desc, self.level)
    }
}

/// `direct/avx2`
impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.algorithm, self.level)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Every engine of this machine, by algorithm, slowest level first.
pub fn engines() -> Vec<Engine> {
    let on_every_level =
        |&(algorithm, plan)| Level::available().map(move |level| Engine { algorithm, level, plan });
    ALGORITHMS.iter().flat_map(on_every_level).collect()
}

type Plan = fn(&Conv2dDesc, Level) -> Result<Box<dyn Conv2dEngine>, Error>;

macro_rules! algorithms {
    ($($name:literal => $plan:ty),+ $(,)?) => {
        const ALGORITHMS: &[(&str, Plan)] =
            &[$(($name, |desc, level| Ok(Box::new(<$plan>::new(desc, level)?)))),+];

        $(impl Conv2dEngine for $plan {
            fn geometry(&self) -> &Geometry {
                self.geometry()
            }
            fn packed_len(&self) -> usize {
                self.packed_len()
            }
            fn scratch_len(&self) -> usize {
                self.scratch_len()
            }
            fn error_terms(&self) -> usize {
                self.error_terms()
            }
            fn describe(&self) -> String {
                self.describe().to_string()
            }
            fn pack<'p>(&self, weights: &[f32], buffer: &'p mut [f32]) -> Result<Packed<'p>, Error> {
                self.pack(weights, buffer)
            }
            fn open<'p>(&self, buffer: &'p [f32]) -> Result<Packed<'p>, Error> {
                self.open(buffer)
            }
            fn run(&self, operands: &Operands<'_>, dst: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
                self.run(operands, dst, scratch)
            }
            fn run_rows(
                &self,
                rows: Range<usize>,
                operands: &Operands<'_>,
                dst: &mut [f32],
                scratch: &mut [f32],
            ) -> Result<(), Error> {
                self.run_rows(rows, operands, dst, scratch)
            }
            fn pieces(&self, count: usize) -> Pieces {
                self.pieces(count)
            }
            fn run_piece(
                &self,
                piece: &Piece,
                operands: &Operands<'_>,
                dst: &mut [f32],
                scratch: &mut [f32],
            ) -> Result<(), Error> {
                self.run_piece(piece, operands, dst, scratch)
            }
        })+
    };
}

// The list. A plan is `Copy` on top of what the trait asks, which the macro's users may rely on.
algorithms! {
    "direct" => Conv2dPlan,
    "gemm" => GemmConv2dPlan,
}
