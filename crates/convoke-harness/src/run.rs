//! Runs a problem on an engine: whole, by rows or by pieces, everything in guarded buffers, outputs and scratch full
//! of stale NaN first.

use std::ops::Range;

use convoke_core::{Error, Operands};

use crate::engine::{Conv2dEngine, Engine};
use crate::guard::{Canary, Guarded};
use crate::problem::{ConvData, ConvProblem};
use crate::sizes::tensor_len;

/// How the output is divided among calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One call.
    Whole,
    /// Calls for so many output rows each.
    Rows(usize),
    /// About so many pieces, the last first.
    Pieces(usize),
}

/// How buffers lie: elements behind a cache line, for each operand a little different.
pub type Offset = usize;

/// The output of a problem, gaps between rows included.
///
/// # Errors
/// What is wrong, in words: a refused plan or run, a write outside `dst`, a changed input.
pub fn run(
    problem: &ConvProblem,
    data: &ConvData,
    engine: &Engine,
    way: Way,
    offset: Offset,
) -> Result<Vec<f32>, String> {
    let plan = engine.plan(&problem.desc).map_err(|error| format!("plan: {error}"))?;
    run_plan(problem, data, &*plan, way, offset)
}

/// The same for a plan that exists.
///
/// # Errors
/// As for [`run`].
pub fn run_plan(
    problem: &ConvProblem,
    data: &ConvData,
    plan: &dyn Conv2dEngine,
    way: Way,
    offset: Offset,
) -> Result<Vec<f32>, String> {
    let guarded = |values: &Vec<f32>, shift: usize| Guarded::holding(values, (offset + shift) % 16);
    let src = guarded(&data.src, 0);
    let weights = guarded(&data.weights, 3);
    let bias = data.bias.as_ref().map(|bias| guarded(bias, 5));
    let residual = data.residual.as_ref().map(|residual| guarded(residual, 7));
    let mut packing = Guarded::<f32>::new(plan.packed_len(), (offset + 9) % 16);
    let mut scratch = Guarded::<f32>::new(plan.scratch_len(), (offset + 11) % 16);
    let mut dst = Guarded::<f32>::new(problem.sizes().dst_len as usize, offset % 16);

    let packed = plan.pack(weights.get(), packing.get_mut()).map_err(|error| format!("pack: {error}"))?;
    let operands = Operands {
        bias: bias.as_ref().map(Guarded::get),
        residual: residual.as_ref().map(Guarded::get),
        ..Operands::new(src.get(), packed)
    };
    let refused = |error: Error| format!("{way:?}: {error}");
    match way {
        Way::Whole => plan.run(&operands, dst.get_mut(), scratch.get_mut()).map_err(refused)?,
        Way::Rows(step) => {
            let height = problem.sizes().out_size[0] as usize;
            for start in (0..height).step_by(step.max(1)) {
                let rows = start..height.min(start + step.max(1));
                let mut part = Guarded::new(part_len(problem, rows.len()), (offset + start) % 16);
                plan.run_rows(rows.clone(), &operands, part.get_mut(), scratch.get_mut()).map_err(refused)?;
                if !part.intact() {
                    return Err(format!("rows {rows:?}: wrote outside dst"));
                }
                place(problem, rows, part.get(), dst.get_mut());
            }
        }
        Way::Pieces(count) => {
            let pieces: Vec<_> = plan.pieces(count).collect();
            let mut end = 0;
            for piece in &pieces {
                if piece.dst_range().start != end || piece.dst_range().end < end {
                    return Err(format!("pieces do not follow each other: {pieces:?}"));
                }
                end = piece.dst_range().end;
            }
            if end != dst.get().len() {
                return Err(format!("pieces end at {end}, dst at {}: {pieces:?}", dst.get().len()));
            }
            for piece in pieces.iter().rev() {
                let mut part = Guarded::<f32>::new(piece.dst_range().len(), (offset + end) % 16);
                plan.run_piece(piece, &operands, part.get_mut(), scratch.get_mut()).map_err(refused)?;
                if !part.intact() {
                    return Err(format!("{piece:?}: wrote outside dst"));
                }
                dst.get_mut()[piece.dst_range()].copy_from_slice(part.get());
            }
        }
    }
    let whole = [("dst", &dst), ("scratch", &scratch)].into_iter().find(|(_, buffer)| !buffer.intact());
    if let Some((name, _)) = whole {
        return Err(format!("{way:?}: wrote outside {name}"));
    }
    if !packing.intact() {
        return Err("wrote outside the packing buffer".to_owned());
    }
    Ok(dst.get().to_vec())
}

/// Elements of a tensor of so many output rows.
pub fn part_len(problem: &ConvProblem, rows: usize) -> usize {
    let desc = &problem.desc;
    let width = problem.sizes().out_size[1];
    let sizes = [desc.batch as u128, desc.out_channels as u128, rows as u128, width];
    tensor_len(desc.layout, sizes, Some(problem.dst_row()[1])).unwrap_or(0) as usize
}

/// Copies a tensor of some rows to where those rows lie in the whole one, gaps included.
pub(crate) fn place(problem: &ConvProblem, rows: Range<usize>, part: &[f32], dst: &mut [f32]) {
    let [row_len, row_stride] = problem.dst_row();
    let height = problem.sizes().out_size[0] as usize;
    for (number, row) in part.chunks(row_stride).enumerate() {
        let (plane, y) = (number / rows.len(), rows.start + number % rows.len());
        let at = (plane * height + y) * row_stride;
        let count = row.len().min(dst.len() - at);
        dst[at..at + count].copy_from_slice(&row[..count]);
        debug_assert!(count >= row_len);
    }
}

/// Calls `visit` with the index of every element of `dst` that is not in a gap between rows.
pub fn elements(problem: &ConvProblem) -> impl Iterator<Item = usize> {
    let [row_len, row_stride] = problem.dst_row();
    (0..problem.sizes().dst_len as usize).filter(move |at| at % row_stride < row_len)
}

/// The first gap element of `dst` that was written to.
pub fn touched_gap(problem: &ConvProblem, dst: &[f32]) -> Option<usize> {
    let [row_len, row_stride] = problem.dst_row();
    dst.iter().enumerate().position(|(at, x)| at % row_stride >= row_len && !x.is_canary())
}
