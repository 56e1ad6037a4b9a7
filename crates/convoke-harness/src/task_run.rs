//! Runs a [task](crate::task) whole, by rows and by pieces, in guarded buffers and with scratch full of NaN, and holds the result against
//! the reference's.

use std::ops::Range;

use convoke_core::{
    BiasGradPlan, ConvTranspose2dPlan, Error, InputGradPlan, Layout, Level, LocallyConnected2dPlan, Operands,
    Packed, Piece, WeightsGradPlan,
};

use crate::check::{Failure, Verdict, without_panic};
use crate::guard::Guarded;
use crate::run::Way;
use crate::sizes::transpose_sizes;
use crate::task::{Shape, Task, TaskCase};

/// A plan of a task, of which only the run differs.
enum Plan {
    Transpose(ConvTranspose2dPlan),
    InputGrad(InputGradPlan),
    WeightsGrad(WeightsGradPlan),
    BiasGrad(BiasGradPlan),
    Local(LocallyConnected2dPlan),
    LocalInputGrad(LocallyConnected2dPlan),
    LocalWeightsGrad(LocallyConnected2dPlan),
    LocalBiasGrad(LocallyConnected2dPlan),
}

/// The part of the result that a call computes.
enum Part<'a> {
    Whole,
    Rows(Range<usize>),
    Piece(&'a Piece),
}

/// What a run reads.
struct Given<'a> {
    a: &'a [f32],
    b: &'a [f32],
    packed: Option<Packed<'a>>,
    bias: Option<&'a [f32]>,
    residual: Option<&'a [f32]>,
}

impl Given<'_> {
    /// For plans that pack their weights.
    fn operands(&self) -> Operands<'_> {
        let packed = self.packed.expect("packed weights");
        Operands { bias: self.bias, residual: self.residual, ..Operands::new(self.a, packed) }
    }
}

impl Plan {
    fn new(task: &Task, level: Level) -> Result<Self, Error> {
        Ok(match task {
            Task::Transpose(desc) => Self::Transpose(ConvTranspose2dPlan::new(desc, level)?),
            Task::InputGrad(desc) => Self::InputGrad(InputGradPlan::new(desc, level)?),
            Task::WeightsGrad(desc) => Self::WeightsGrad(WeightsGradPlan::new(desc, level)?),
            Task::BiasGrad(desc) => Self::BiasGrad(BiasGradPlan::new(desc, level)?),
            Task::Local(desc) => Self::Local(LocallyConnected2dPlan::new(desc, level)?),
            Task::LocalInputGrad(desc) => Self::LocalInputGrad(LocallyConnected2dPlan::new(desc, level)?),
            Task::LocalWeightsGrad(desc) => Self::LocalWeightsGrad(LocallyConnected2dPlan::new(desc, level)?),
            Task::LocalBiasGrad(desc) => Self::LocalBiasGrad(LocallyConnected2dPlan::new(desc, level)?),
        })
    }

    fn packed_len(&self) -> usize {
        match self {
            Self::Transpose(plan) => plan.packed_len(),
            Self::InputGrad(plan) => plan.packed_len(),
            _ => 0,
        }
    }

    fn scratch_len(&self) -> usize {
        match self {
            Self::Transpose(plan) => plan.scratch_len(),
            Self::InputGrad(plan) => plan.scratch_len(),
            Self::WeightsGrad(plan) => plan.scratch_len(),
            Self::Local(plan) | Self::LocalInputGrad(plan) | Self::LocalWeightsGrad(plan) => {
                plan.scratch_len()
            }
            Self::BiasGrad(_) | Self::LocalBiasGrad(_) => 0,
        }
    }

    fn error_terms(&self) -> usize {
        match self {
            Self::Transpose(plan) => plan.error_terms(),
            Self::InputGrad(plan) => plan.error_terms(),
            Self::WeightsGrad(plan) => plan.error_terms(),
            Self::BiasGrad(plan) => plan.error_terms(),
            Self::Local(plan) => plan.error_terms(),
            Self::LocalInputGrad(plan) => plan.input_grad_error_terms(),
            Self::LocalWeightsGrad(plan) => plan.weights_grad_error_terms(),
            Self::LocalBiasGrad(plan) => plan.bias_grad_error_terms(),
        }
    }

    fn pack<'p>(&self, weights: &[f32], buffer: &'p mut [f32]) -> Result<Option<Packed<'p>>, Error> {
        match self {
            Self::Transpose(plan) => plan.pack(weights, buffer).map(Some),
            Self::InputGrad(plan) => plan.pack(weights, buffer).map(Some),
            _ => Ok(None),
        }
    }

    fn pieces(&self, count: usize) -> Vec<Piece> {
        match self {
            Self::Transpose(plan) => plan.pieces(count),
            Self::InputGrad(plan) => plan.pieces(count),
            Self::WeightsGrad(plan) => plan.pieces(count),
            Self::BiasGrad(plan) => plan.pieces(count),
            Self::Local(plan) => plan.pieces(count),
            Self::LocalInputGrad(plan) => plan.input_grad_pieces(count),
            Self::LocalWeightsGrad(plan) => plan.weights_grad_pieces(count),
            Self::LocalBiasGrad(plan) => plan.bias_grad_pieces(count),
        }
        .collect()
    }

    fn run(
        &self,
        part: &Part<'_>,
        given: &Given<'_>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let Given { a, b, bias, .. } = *given;
        match (self, part) {
            (Self::Transpose(plan), Part::Whole) => plan.run(&given.operands(), dst, scratch),
            (Self::Transpose(plan), Part::Rows(rows)) => {
                plan.run_rows(rows.clone(), &given.operands(), dst, scratch)
            }
            (Self::Transpose(plan), Part::Piece(piece)) => {
                plan.run_piece(piece, &given.operands(), dst, scratch)
            }
            (Self::InputGrad(plan), Part::Whole) => plan.run(&given.operands(), dst, scratch),
            (Self::InputGrad(plan), Part::Rows(rows)) => {
                plan.run_rows(rows.clone(), &given.operands(), dst, scratch)
            }
            (Self::InputGrad(plan), Part::Piece(piece)) => {
                plan.run_piece(piece, &given.operands(), dst, scratch)
            }
            (Self::WeightsGrad(plan), Part::Piece(piece)) => plan.run_piece(piece, a, b, dst, scratch),
            (Self::WeightsGrad(plan), _) => plan.run(a, b, dst, scratch),
            (Self::BiasGrad(plan), Part::Piece(piece)) => plan.run_piece(piece, a, dst),
            (Self::BiasGrad(plan), _) => plan.run(a, dst),
            (Self::Local(plan), Part::Piece(piece)) => plan.run_piece(piece, a, b, bias, dst, scratch),
            (Self::Local(plan), _) => plan.run(a, b, bias, dst, scratch),
            (Self::LocalInputGrad(plan), Part::Piece(piece)) => {
                plan.run_input_grad_piece(piece, a, b, dst, scratch)
            }
            (Self::LocalInputGrad(plan), _) => plan.run_input_grad(a, b, dst, scratch),
            (Self::LocalWeightsGrad(plan), Part::Piece(piece)) => {
                plan.run_weights_grad_piece(piece, a, b, dst, scratch)
            }
            (Self::LocalWeightsGrad(plan), _) => plan.run_weights_grad(a, b, dst, scratch),
            (Self::LocalBiasGrad(plan), Part::Piece(piece)) => plan.run_bias_grad_piece(piece, a, dst),
            (Self::LocalBiasGrad(plan), _) => plan.run_bias_grad(a, dst),
        }
    }
}

impl TaskCase {
    /// The result at a level.
    ///
    /// # Errors
    /// What is wrong, in words: a refused plan or run, a write outside the result.
    pub fn run(&self, level: Level, way: Way, offset: usize) -> Result<Vec<f32>, String> {
        let task = &self.problem.task;
        let plan = Plan::new(task, level).map_err(|error| format!("plan: {error}"))?;
        let guarded = |values: &[f32], shift: usize| Guarded::holding(values, (offset + shift) % 16);
        let [a, b] = [guarded(&self.operands[0], 0), guarded(&self.operands[1], 3)];
        let bias = self.bias.as_deref().map(|bias| guarded(bias, 5));
        let residual = self.residual.as_deref().map(|residual| guarded(residual, 7));
        let mut packing = Guarded::<f32>::new(plan.packed_len(), (offset + 9) % 16);
        let mut scratch = Guarded::<f32>::new(plan.scratch_len(), (offset + 11) % 16);
        let shape = task.shapes()[2];
        let mut dst = Guarded::<f32>::new(shape.len, offset % 16);
        let packed = plan.pack(b.get(), packing.get_mut()).map_err(|error| format!("pack: {error}"))?;
        let given = Given {
            a: a.get(),
            b: b.get(),
            packed,
            bias: bias.as_ref().map(Guarded::get),
            residual: residual.as_ref().map(Guarded::get),
        };
        let mut call = |part: &Part<'_>, dst: &mut [f32]| {
            plan.run(part, &given, dst, scratch.get_mut()).map_err(|error| format!("{way:?}: {error}"))
        };
        match way {
            Way::Rows(step) if task.has_rows() => {
                let (layout, sizes) = self.dst_sizes();
                let [batch, channels, height, width] = sizes;
                for start in (0..height).step_by(step) {
                    let rows = start..height.min(start + step);
                    let sizes = [batch, channels, rows.len(), width];
                    let part_shape = Shape::tensor(layout, sizes, Some(shape.stride));
                    let mut part = Guarded::<f32>::new(part_shape.len, (offset + start) % 16);
                    call(&Part::Rows(rows.clone()), part.get_mut())?;
                    if !part.intact() {
                        return Err(format!("rows {rows:?}: wrote outside the result"));
                    }
                    for (number, row) in part.get().chunks(shape.stride).enumerate() {
                        let (plane, y) = (number / rows.len(), rows.start + number % rows.len());
                        let at = (plane * height + y) * shape.stride;
                        let count = row.len().min(shape.len - at);
                        dst.get_mut()[at..at + count].copy_from_slice(&row[..count]);
                    }
                }
            }
            Way::Pieces(count) => {
                let pieces = plan.pieces(count);
                let mut end = 0;
                for piece in &pieces {
                    if piece.dst_range().start != end {
                        return Err(format!("pieces do not follow each other: {pieces:?}"));
                    }
                    end = piece.dst_range().end;
                }
                if end != shape.len {
                    return Err(format!("pieces end at {end}, the result at {}", shape.len));
                }
                for piece in pieces.iter().rev() {
                    let mut part = Guarded::<f32>::new(piece.dst_range().len(), (offset + end) % 16);
                    call(&Part::Piece(piece), part.get_mut())?;
                    if !part.intact() {
                        return Err(format!("{piece:?}: wrote outside the result"));
                    }
                    dst.get_mut()[piece.dst_range()].copy_from_slice(part.get());
                }
            }
            _ => call(&Part::Whole, dst.get_mut())?,
        }
        if !dst.intact() || !scratch.intact() || !packing.intact() {
            return Err(format!("{way:?}: wrote outside a buffer"));
        }
        Ok(dst.get().to_vec())
    }

    fn dst_sizes(&self) -> (Layout, [usize; 4]) {
        match &self.problem.task {
            Task::Transpose(desc) => {
                let [height, width] =
                    transpose_sizes(desc).expect("a layer").out_size.map(|size| size as usize);
                (desc.layout, [desc.batch, desc.out_channels, height, width])
            }
            task => {
                let desc = task.layer().expect("a layer");
                (desc.layout, [desc.batch, desc.in_channels, desc.in_size[0], desc.in_size[1]])
            }
        }
    }

    /// Runs the case at a level and compares.
    ///
    /// # Errors
    /// The [`Failure`].
    pub fn check(&self, level: Level, way: Way, offset: usize) -> Result<Verdict, Failure> {
        let outcome = without_panic(|| self.run(level, way, offset)).and_then(|dst| {
            let terms =
                Plan::new(&self.problem.task, level).map_err(|error| error.to_string())?.error_terms();
            self.compare(&dst, terms)
        });
        outcome.map_err(|what| Failure { problem: self.problem.to_string(), engine: level.to_string(), what })
    }
}
