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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fill::Random;

    #[test]
    fn all_bytes_decode_to_tasks_of_every_kind() {
        let mut kinds = std::collections::HashSet::new();
        let (mut images, mut gaps) = (0, 0);
        for seed in 0..2000 {
            let mut random = Random::new(seed, 0);
            let bytes: Vec<u8> = (0..TASK_BYTES).map(|_| random.bits() as u8).collect();
            let problem = task_problem(&bytes);
            // Shapes are those of a layer that makes sense, or this panics.
            assert!(problem.task.shapes()[2].row > 0, "{problem}");
            kinds.insert(std::mem::discriminant(&problem.task));
            if let Task::Local(desc) = problem.task {
                images = images.max(desc.batch);
                gaps += usize::from(desc.src_row_stride.is_some());
            }
        }
        assert_eq!(kinds.len(), 8);
        assert!(images >= 65 && gaps == 0, "{images} images, {gaps} gaps");
    }

    #[test]
    fn nothing_decodes_to_the_plainest_task() {
        let task = task_problem(&[]).task;
        assert!(matches!(task, Task::Transpose(desc) if desc.kernel == [1, 1] && desc.in_size == [1, 1]));
    }
}
