//! Tasks from bytes: transposed convolutions, gradients, and layers whose weights are not shared.

use crate::choices::Choices;
use crate::decode::{BYTES, conv_problem, fit};
use crate::problem::ConvProblem;
use crate::task::{Task, TaskProblem};

/// Bytes that a task is decoded from; more are ignored. Those of a layer come first.
pub const TASK_BYTES: usize = BYTES + 2;

/// Images of a batch, on both sides of the vectors of images that layers without shared weights work on, and of their runs.
const BATCHES: &[usize] = &[1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 129];

/// A layer whose weights are not shared: no row strides, and a batch that is worth having.
pub fn local_problem(bytes: &[u8]) -> ConvProblem {
    let mut problem = conv_problem(bytes);
    let mut more = Choices::new(bytes.get(BYTES..).unwrap_or_default());
    (problem.desc.src_row_stride, problem.desc.dst_row_stride) = (None, None);
    problem.desc.batch = more.pick(BATCHES);
    problem.desc = fit(problem.desc);
    problem
}

/// A task of any kind.
pub fn task_problem(bytes: &[u8]) -> TaskProblem {
    let kind = usize::from(bytes.get(BYTES + 1).copied().unwrap_or_default()) / 32;
    let (ConvProblem { fill, bias, residual, seed, .. }, task) = if kind < 4 {
        let layer = conv_problem(bytes);
        (layer, Task::all(&layer.desc)[kind])
    } else {
        let layer = local_problem(bytes);
        (layer, Task::local(&layer.desc)[kind - 4])
    };
    TaskProblem { task, fill, bias, residual, seed }
}
