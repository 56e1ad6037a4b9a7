//! Transposed convolutions and gradients as problems: operands, the reference's answers, runs whole, by rows and by pieces
//! in guarded buffers, and the comparison, as for layers.

use std::fmt;

use convoke_core::{
    Activation, BiasGradPlan, Border, Conv2dDesc, ConvTranspose2dDesc, ConvTranspose2dPlan, Error,
    InputGradPlan, Layout, Level, Operands, Packed, Padding, Piece, WeightsGradPlan,
};
use convoke_reference::Conv2dAnswer;

use crate::check::{Failure, U, Verdict, tolerance, without_panic};
use crate::fill::{Fill, Grid, Random, rows};
use crate::guard::{Canary, Guarded};
use crate::problem::ConvProblem;
use crate::run::Way;
use crate::sizes::{conv_sizes, row_shape, tensor_len, transpose_sizes};

/// What is to be computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Task {
    /// A transposed convolution.
    Transpose(ConvTranspose2dDesc),
    /// A layer's gradient with respect to its input.
    InputGrad(Conv2dDesc),
    /// With respect to its weights.
    WeightsGrad(Conv2dDesc),
    /// With respect to its bias.
    BiasGrad(Conv2dDesc),
}

/// A buffer: elements, values of a row, distance to the next row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Elements.
    pub len: usize,
    /// Values of a row.
    pub row: usize,
    /// From one row to the next.
    pub stride: usize,
}

impl Shape {
    const fn flat(len: usize) -> Self {
        let row = if len == 0 { 1 } else { len };
        Self { len, row, stride: row }
    }

    fn tensor(layout: Layout, sizes: [usize; 4], row_stride: Option<usize>) -> Self {
        let [_, channels, _, width] = sizes;
        let [row, stride] = row_shape(layout, channels, width, row_stride);
        let len = tensor_len(layout, sizes.map(|size| size as u128), row_stride).expect("a tensor");
        Self { len: len as usize, row, stride }
    }
}

impl Task {
    /// The transposed convolution whose transpose a layer is: its output is as large as the layer's input. Borders do not matter.
    pub fn transpose_of(desc: &Conv2dDesc) -> Self {
        let sizes = conv_sizes(desc).expect("a layer");
        let mut transposed = ConvTranspose2dDesc::new(
            desc.layout,
            desc.batch,
            desc.out_channels,
            sizes.out_size.map(|size| size as usize),
            desc.in_channels,
            desc.kernel,
        )
        .stride(desc.stride)
        .dilation(desc.dilation)
        .padding(desc.padding)
        .output_size(desc.in_size)
        .groups(desc.groups)
        .mode(desc.mode)
        .activation(desc.activation);
        transposed.src_row_stride = desc.dst_row_stride;
        transposed.dst_row_stride = desc.src_row_stride;
        Self::Transpose(transposed)
    }

    /// All tasks of a layer.
    pub fn all(desc: &Conv2dDesc) -> [Self; 4] {
        let input = if desc.padding == Padding::Valid { *desc } else { desc.border(Border::Zero) };
        [Self::transpose_of(desc), Self::InputGrad(input), Self::WeightsGrad(*desc), Self::BiasGrad(*desc)]
    }

    /// The two operands that are multiplied (`dy` alone for a bias), and the result.
    pub fn shapes(&self) -> [Shape; 3] {
        let tensors = |desc: &Conv2dDesc| {
            let sizes = conv_sizes(desc).expect("a layer");
            let [height, width] = sizes.out_size.map(|size| size as usize);
            let src = [desc.batch, desc.in_channels, desc.in_size[0], desc.in_size[1]];
            let dst = [desc.batch, desc.out_channels, height, width];
            (
                Shape::tensor(desc.layout, src, desc.src_row_stride),
                Shape::flat(sizes.weights_len as usize),
                Shape::tensor(desc.layout, dst, desc.dst_row_stride),
            )
        };
        match self {
            Self::Transpose(desc) => {
                let sizes = transpose_sizes(desc).expect("a layer");
                let [height, width] = sizes.out_size.map(|size| size as usize);
                let src = [desc.batch, desc.in_channels, desc.in_size[0], desc.in_size[1]];
                let dst = [desc.batch, desc.out_channels, height, width];
                [
                    Shape::tensor(desc.layout, src, desc.src_row_stride),
                    Shape::flat(sizes.weights_len as usize),
                    Shape::tensor(desc.layout, dst, desc.dst_row_stride),
                ]
            }
            Self::InputGrad(desc) => {
                let (src, weights, dst) = tensors(desc);
                [dst, weights, src]
            }
            Self::WeightsGrad(desc) => {
                let (src, weights, dst) = tensors(desc);
                [dst, src, weights]
            }
            Self::BiasGrad(desc) => {
                let (_, _, dst) = tensors(desc);
                [dst, Shape::flat(0), Shape::flat(desc.out_channels)]
            }
        }
    }

    /// Products of a result, at most.
    pub fn terms(&self) -> usize {
        match self {
            Self::Transpose(desc) => transpose_sizes(desc).expect("a layer").terms as usize,
            Self::InputGrad(desc) => desc.out_channels / desc.groups * desc.kernel[0] * desc.kernel[1],
            Self::WeightsGrad(desc) | Self::BiasGrad(desc) => {
                let [height, width] = conv_sizes(desc).expect("a layer").out_size.map(|size| size as usize);
                desc.batch * height * width
            }
        }
    }

    fn activation(&self) -> Activation {
        if let Self::Transpose(desc) = self { desc.activation } else { Activation::None }
    }

    fn out_channels(&self) -> usize {
        match self {
            Self::Transpose(desc) => desc.out_channels,
            Self::InputGrad(desc) => desc.in_channels,
            Self::WeightsGrad(_) | Self::BiasGrad(_) => 0,
        }
    }
}

/// A task and how its operands are filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskProblem {
    /// What is computed.
    pub task: Task,
    /// What the operands hold.
    pub fill: Fill,
    /// Whether there is a bias, where there can be one.
    pub bias: bool,
    /// Whether there is a residual, where there can be one.
    pub residual: bool,
    /// Which numbers exactly.
    pub seed: u64,
}

/// A problem with operands and answer.
#[derive(Clone, Debug)]
pub struct TaskCase {
    /// The problem.
    pub problem: TaskProblem,
    /// What is multiplied with each other.
    pub operands: [Vec<f32>; 2],
    /// One value per out channel.
    pub bias: Option<Vec<f32>>,
    /// Shaped like the result.
    pub residual: Option<Vec<f32>>,
    /// The reference's answer.
    pub answer: Conv2dAnswer,
}

impl fmt::Display for TaskProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layer =
            |desc: &Conv2dDesc| ConvProblem { seed: self.seed, fill: self.fill, ..ConvProblem::new(*desc) };
        match &self.task {
            Task::Transpose(desc) => write!(f, "transpose {desc:?}"),
            Task::InputGrad(desc) => write!(f, "input gradient of {}", layer(desc)),
            Task::WeightsGrad(desc) => write!(f, "weights gradient of {}", layer(desc)),
            Task::BiasGrad(desc) => write!(f, "bias gradient of {}", layer(desc)),
        }
    }
}

impl TaskProblem {
    /// Exactly summable numbers, no bias, no residual.
    pub const fn new(task: Task) -> Self {
        Self { task, fill: Fill::Exact, bias: false, residual: false, seed: 0 }
    }

    /// Real numbers.
    pub const fn real(mut self) -> Self {
        self.fill = Fill::Real;
        self
    }

    /// With a bias and a residual, where there can be one.
    pub const fn addends(mut self) -> Self {
        (self.bias, self.residual) = (true, true);
        self
    }

    /// With other numbers.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn has_addends(&self) -> bool {
        matches!(self.task, Task::Transpose(_) | Task::InputGrad(_))
    }

    fn grid(&self) -> Grid {
        Grid::new(self.task.terms())
    }

    /// Makes the operands and asks the reference.
    pub fn case(&self) -> TaskCase {
        let grid = self.grid();
        let [a, b, dst] = self.task.shapes();
        // A border that is a constant is an integer, and stands beside `src`.
        let [a_unit, b_unit] = match self.task {
            Task::Transpose(_) | Task::InputGrad(_) => [1.0, grid.unit],
            Task::WeightsGrad(_) | Task::BiasGrad(_) => [grid.unit, 1.0],
        };
        let value = |random: &mut Random, range: u32, unit: f32| match self.fill {
            Fill::Exact => random.integer(range) * unit,
            Fill::Real => random.real(),
        };
        let [mut first, mut second, mut third, mut fourth] =
            [11, 12, 13, 14].map(|stream| Random::new(self.seed, stream));
        let fill = |shape: Shape, random: &mut Random, range: u32, unit: f32| {
            rows(shape.len, shape.row, shape.stride, || value(random, range, unit))
        };
        let a = fill(a, &mut first, grid.range, a_unit);
        let b = fill(b, &mut second, grid.range, b_unit);
        let channels = Shape::flat(self.task.out_channels());
        let bias =
            (self.bias && self.has_addends()).then(|| fill(channels, &mut third, Grid::ADDEND, grid.unit));
        let residual =
            (self.residual && self.has_addends()).then(|| fill(dst, &mut fourth, Grid::ADDEND, grid.unit));
        TaskCase::with(*self, [a, b], bias, residual)
    }

    fn is_exact(&self) -> bool {
        let rounds_once = matches!(
            self.task.activation(),
            Activation::None | Activation::Relu | Activation::Relu6 | Activation::Leaky(_)
        );
        self.fill == Fill::Exact && rounds_once
    }
}

/// A plan of a task, of which only the run differs.
enum Plan {
    Transpose(ConvTranspose2dPlan),
    InputGrad(InputGradPlan),
    WeightsGrad(WeightsGradPlan),
    BiasGrad(BiasGradPlan),
}

/// The part of the result that a call computes.
enum Part<'a> {
    Whole,
    Rows(std::ops::Range<usize>),
    Piece(&'a Piece),
}

impl Plan {
    fn new(task: &Task, level: Level) -> Result<Self, Error> {
        Ok(match task {
            Task::Transpose(desc) => Self::Transpose(ConvTranspose2dPlan::new(desc, level)?),
            Task::InputGrad(desc) => Self::InputGrad(InputGradPlan::new(desc, level)?),
            Task::WeightsGrad(desc) => Self::WeightsGrad(WeightsGradPlan::new(desc, level)?),
            Task::BiasGrad(desc) => Self::BiasGrad(BiasGradPlan::new(desc, level)?),
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
            Self::BiasGrad(_) => 0,
        }
    }

    fn error_terms(&self) -> usize {
        match self {
            Self::Transpose(plan) => plan.error_terms(),
            Self::InputGrad(plan) => plan.error_terms(),
            Self::WeightsGrad(plan) => plan.error_terms(),
            Self::BiasGrad(plan) => plan.error_terms(),
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
            Self::Transpose(plan) => plan.pieces(count).collect(),
            Self::InputGrad(plan) => plan.pieces(count).collect(),
            Self::WeightsGrad(plan) => plan.pieces(count).collect(),
            Self::BiasGrad(plan) => plan.pieces(count).collect(),
        }
    }

    fn run(
        &self,
        part: &Part<'_>,
        operands: Option<&Operands<'_>>,
        [a, b]: [&[f32]; 2],
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        match (self, part, operands) {
            (Self::Transpose(plan), Part::Whole, Some(operands)) => plan.run(operands, dst, scratch),
            (Self::Transpose(plan), Part::Rows(rows), Some(operands)) => {
                plan.run_rows(rows.clone(), operands, dst, scratch)
            }
            (Self::Transpose(plan), Part::Piece(piece), Some(operands)) => {
                plan.run_piece(piece, operands, dst, scratch)
            }
            (Self::InputGrad(plan), Part::Whole, Some(operands)) => plan.run(operands, dst, scratch),
            (Self::InputGrad(plan), Part::Rows(rows), Some(operands)) => {
                plan.run_rows(rows.clone(), operands, dst, scratch)
            }
            (Self::InputGrad(plan), Part::Piece(piece), Some(operands)) => {
                plan.run_piece(piece, operands, dst, scratch)
            }
            (Self::WeightsGrad(plan), Part::Piece(piece), _) => plan.run_piece(piece, a, b, dst, scratch),
            (Self::WeightsGrad(plan), ..) => plan.run(a, b, dst, scratch),
            (Self::BiasGrad(plan), Part::Piece(piece), _) => plan.run_piece(piece, a, dst),
            (Self::BiasGrad(plan), ..) => plan.run(a, dst),
            _ => unreachable!("operands are missing"),
        }
    }
}

impl TaskCase {
    /// A case with operands of one's own.
    pub fn with(
        problem: TaskProblem,
        operands: [Vec<f32>; 2],
        bias: Option<Vec<f32>>,
        residual: Option<Vec<f32>>,
    ) -> Self {
        let [a, b] = &operands;
        let mut answer = match &problem.task {
            Task::Transpose(desc) => {
                convoke_reference::conv_transpose2d(desc, a, b, bias.as_deref(), residual.as_deref())
            }
            Task::InputGrad(desc) => convoke_reference::input_grad(desc, a, b),
            Task::WeightsGrad(desc) => convoke_reference::weights_grad(desc, a, b),
            Task::BiasGrad(desc) => convoke_reference::bias_grad(desc, a),
        };
        if let Task::InputGrad(desc) = &problem.task {
            for at in 0..answer.values.len() {
                let channel = match desc.layout {
                    _ if !answer.written[at] => continue,
                    Layout::Nhwc => at % problem.task.shapes()[2].stride % desc.in_channels,
                    Layout::Nchw => at / problem.task.shapes()[2].stride / desc.in_size[0] % desc.in_channels,
                };
                let terms = [bias.as_ref().map(|b| b[channel]), residual.as_ref().map(|r| r[at])];
                for term in terms.into_iter().flatten() {
                    answer.values[at] += f64::from(term);
                    answer.magnitude[at] += f64::from(term.abs());
                }
            }
        }
        Self { problem, operands, bias, residual, answer }
    }

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
        let operands = packed.map(|packed| Operands {
            bias: bias.as_ref().map(Guarded::get),
            residual: residual.as_ref().map(Guarded::get),
            ..Operands::new(a.get(), packed)
        });
        let mut call = |part: &Part<'_>, dst: &mut [f32]| {
            plan.run(part, operands.as_ref(), [a.get(), b.get()], dst, scratch.get_mut())
                .map_err(|error| format!("{way:?}: {error}"))
        };
        match way {
            Way::Rows(step) if self.problem.has_addends() => {
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
            Task::InputGrad(desc) | Task::WeightsGrad(desc) | Task::BiasGrad(desc) => {
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

    /// Compares a result whose sums may have `terms` roundings.
    ///
    /// # Errors
    /// The first wrong element, in words.
    pub fn compare(&self, dst: &[f32], terms: usize) -> Result<Verdict, String> {
        let shape = self.problem.task.shapes()[2];
        let exact = self.problem.is_exact();
        let activation = self.problem.task.activation();
        let mut verdict = Verdict::default();
        if dst.len() != self.answer.values.len() {
            return Err(format!("{} elements", dst.len()));
        }
        for (at, &got) in dst.iter().enumerate() {
            let place = format!("row {}, element {}", at / shape.stride, at % shape.stride);
            if at % shape.stride >= shape.row {
                if !got.is_canary() {
                    return Err(format!("{place}: wrote {got} behind the row"));
                }
                continue;
            }
            if got.is_canary() {
                return Err(format!("{place}: not written"));
            }
            let (want, magnitude) = (self.answer.values[at], self.answer.magnitude[at]);
            verdict.outputs += 1;
            verdict.nonzero += usize::from(want != 0.0);
            if exact {
                assert!(
                    self.problem.grid().holds(magnitude),
                    "{}: sums up to {magnitude} are not exact",
                    self.problem
                );
                if got.to_bits() != (want as f32).to_bits() {
                    return Err(format!("{place}: expected exactly {:?}, got {got:?}", want as f32));
                }
                continue;
            }
            let terms = if self.problem.fill == Fill::Exact { 0.0 } else { terms as f64 };
            let may = tolerance(activation, want, terms * U * magnitude + terms * 2.0_f64.powi(-150));
            let error = (f64::from(got) - want).abs();
            if error.is_nan() || error > may {
                return Err(format!(
                    "{place}: expected {want:?}, got {got:?}: off by {error:e}, may be {may:e}"
                ));
            }
            if may > 0.0 {
                verdict.worst = verdict.worst.max(error / may);
            }
        }
        Ok(verdict)
    }
}
