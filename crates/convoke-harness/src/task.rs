//! Transposed convolutions, layers whose weights are not shared, and gradients as problems: operands, the reference's answers and the
//! comparison, as for layers: `task_answer` asks the reference, `task_run` runs the plans.

use std::fmt;

use convoke_core::{Activation, Conv2dDesc, ConvTranspose2dDesc, Layout};
use convoke_reference::Conv2dAnswer;

use crate::check::{U, Verdict, tolerance};
use crate::fill::{Fill, Grid, Random, rows};
use crate::guard::Canary;
use crate::problem::ConvProblem;
use crate::sizes::{conv_sizes, row_shape, tensor_len, transpose_sizes};
use crate::task_answer::readers;

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
    /// A layer with weights of its own at each output.
    Local(Conv2dDesc),
    /// Its gradient with respect to its input.
    LocalInputGrad(Conv2dDesc),
    /// With respect to its weights.
    LocalWeightsGrad(Conv2dDesc),
    /// With respect to its bias.
    LocalBiasGrad(Conv2dDesc),
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
    pub(crate) const fn flat(len: usize) -> Self {
        let row = if len == 0 { 1 } else { len };
        Self { len, row, stride: row }
    }

    pub(crate) fn tensor(layout: Layout, sizes: [usize; 4], row_stride: Option<usize>) -> Self {
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

    /// All tasks of a layer whose weights are not shared, which has no row strides.
    pub fn local(desc: &Conv2dDesc) -> [Self; 4] {
        let mut desc = *desc;
        (desc.src_row_stride, desc.dst_row_stride) = (None, None);
        [
            Self::Local(desc),
            Self::LocalInputGrad(desc),
            Self::LocalWeightsGrad(desc),
            Self::LocalBiasGrad(desc),
        ]
    }

    /// All tasks of a layer whose weights are shared, but for the layer itself.
    pub fn all(desc: &Conv2dDesc) -> [Self; 4] {
        [Self::transpose_of(desc), Self::InputGrad(*desc), Self::WeightsGrad(*desc), Self::BiasGrad(*desc)]
    }

    /// The two operands that are multiplied (`dy` alone for a bias), and the result.
    pub fn shapes(&self) -> [Shape; 3] {
        let desc = match self {
            Self::Transpose(desc) => {
                let sizes = transpose_sizes(desc).expect("a layer");
                let [height, width] = sizes.out_size.map(|size| size as usize);
                let src = [desc.batch, desc.in_channels, desc.in_size[0], desc.in_size[1]];
                let dst = [desc.batch, desc.out_channels, height, width];
                return [
                    Shape::tensor(desc.layout, src, desc.src_row_stride),
                    Shape::flat(sizes.weights_len as usize),
                    Shape::tensor(desc.layout, dst, desc.dst_row_stride),
                ];
            }
            Self::InputGrad(desc)
            | Self::WeightsGrad(desc)
            | Self::BiasGrad(desc)
            | Self::Local(desc)
            | Self::LocalInputGrad(desc)
            | Self::LocalWeightsGrad(desc)
            | Self::LocalBiasGrad(desc) => desc,
        };
        let sizes = conv_sizes(desc).expect("a layer");
        let [height, width] = sizes.out_size.map(|size| size as usize);
        let src = [desc.batch, desc.in_channels, desc.in_size[0], desc.in_size[1]];
        let dst = [desc.batch, desc.out_channels, height, width];
        let src = Shape::tensor(desc.layout, src, desc.src_row_stride);
        let dst = Shape::tensor(desc.layout, dst, desc.dst_row_stride);
        let set = sizes.weights_len as usize;
        let [weights, sets] = [Shape::flat(set), Shape::flat(height * width * set)];
        match self {
            Self::Transpose(_) | Self::InputGrad(_) => [dst, weights, src],
            Self::WeightsGrad(_) => [dst, src, weights],
            Self::BiasGrad(_) => [dst, Shape::flat(0), Shape::flat(desc.out_channels)],
            Self::Local(_) => [src, sets, dst],
            Self::LocalInputGrad(_) => [dst, sets, src],
            Self::LocalWeightsGrad(_) => [dst, src, sets],
            Self::LocalBiasGrad(_) => [dst, Shape::flat(0), Shape::flat(height * width * desc.out_channels)],
        }
    }

    /// Products of a result, at most.
    pub fn terms(&self) -> usize {
        match self {
            Self::Transpose(desc) => transpose_sizes(desc).expect("a layer").terms as usize,
            Self::InputGrad(desc) | Self::LocalInputGrad(desc) => {
                desc.out_channels / desc.groups * readers(desc, 0) * readers(desc, 1)
            }
            Self::WeightsGrad(desc) | Self::BiasGrad(desc) => {
                let [height, width] = conv_sizes(desc).expect("a layer").out_size.map(|size| size as usize);
                desc.batch * height * width
            }
            Self::Local(desc) => conv_sizes(desc).expect("a layer").terms as usize,
            Self::LocalWeightsGrad(desc) | Self::LocalBiasGrad(desc) => desc.batch,
        }
    }

    pub(crate) fn activation(&self) -> Activation {
        match self {
            Self::Transpose(desc) => desc.activation,
            Self::Local(desc) => desc.activation,
            _ => Activation::None,
        }
    }

    /// Elements of the bias, where there can be one.
    pub(crate) fn bias(&self) -> Option<usize> {
        match self {
            Self::Transpose(desc) => Some(desc.out_channels),
            Self::InputGrad(desc) => Some(desc.in_channels),
            Self::Local(_) => Some(Self::LocalBiasGrad(*self.layer()?).shapes()[2].len),
            _ => None,
        }
    }

    /// Whether there can be a residual, and rows can be computed by themselves.
    pub(crate) fn has_rows(&self) -> bool {
        matches!(self, Self::Transpose(_) | Self::InputGrad(_))
    }

    /// The layer, where it is one or its gradient.
    pub(crate) fn layer(&self) -> Option<&Conv2dDesc> {
        match self {
            Self::Transpose(_) => None,
            Self::InputGrad(desc)
            | Self::WeightsGrad(desc)
            | Self::BiasGrad(desc)
            | Self::Local(desc)
            | Self::LocalInputGrad(desc)
            | Self::LocalWeightsGrad(desc)
            | Self::LocalBiasGrad(desc) => Some(desc),
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
        let what = match &self.task {
            Task::Transpose(desc) => return write!(f, "transpose {desc:?}"),
            Task::InputGrad(_) => "input gradient of",
            Task::WeightsGrad(_) => "weights gradient of",
            Task::BiasGrad(_) => "bias gradient of",
            Task::Local(_) => "locally connected",
            Task::LocalInputGrad(_) => "input gradient of locally connected",
            Task::LocalWeightsGrad(_) => "weights gradient of locally connected",
            Task::LocalBiasGrad(_) => "bias gradient of locally connected",
        };
        let Some(layer) = self.task.layer() else { return Ok(()) };
        let layer = ConvProblem { seed: self.seed, fill: self.fill, ..ConvProblem::new(*layer) };
        write!(f, "{what} {layer}")
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

    fn grid(&self) -> Grid {
        Grid::new(self.task.terms())
    }

    /// Makes the operands and asks the reference.
    pub fn case(&self) -> TaskCase {
        let grid = self.grid();
        let [a, b, dst] = self.task.shapes();
        // A border that is a constant is an integer, and stands beside `src`.
        let [a_unit, b_unit] = match self.task {
            Task::Transpose(_) | Task::InputGrad(_) | Task::Local(_) | Task::LocalInputGrad(_) => {
                [1.0, grid.unit]
            }
            _ => [grid.unit, 1.0],
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
        let bias = self.task.bias().filter(|_| self.bias);
        let bias = bias.map(|len| fill(Shape::flat(len), &mut third, Grid::ADDEND, grid.unit));
        let residual =
            (self.residual && self.task.has_rows()).then(|| fill(dst, &mut fourth, Grid::ADDEND, grid.unit));
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

impl TaskCase {
    /// A case with operands of one's own.
    pub fn with(
        problem: TaskProblem,
        operands: [Vec<f32>; 2],
        bias: Option<Vec<f32>>,
        residual: Option<Vec<f32>>,
    ) -> Self {
        let [a, b] = &operands;
        let answer = problem.task.answer([a, b], bias.as_deref(), residual.as_deref());
        Self { problem, operands, bias, residual, answer }
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
