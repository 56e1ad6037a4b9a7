//! Chains of layers as problems: run strip by strip, in every way of dividing the output, and held against the same layers
//! run one after the other, bit for bit. Those in turn are held against the reference, each from what the one before it made.

use std::fmt;
use std::ops::Range;

use convoke_core::{ChainDesc, ChainOperands, ChainPlan, Conv2dDesc, Level};
use convoke_reference::conv2d;

use crate::check::{ConvCase, Failure, Verdict, without_panic};
use crate::engine::{Engine, engines};
use crate::fill::{Fill, Random, rows};
use crate::guard::Guarded;
use crate::problem::{ConvData, ConvProblem};
use crate::run::{Offset, Way, elements, part_len, place, run, touched_gap};

/// Layers that follow each other, and their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainProblem {
    /// The layers, one to four. They must make sense, and fit.
    pub layers: Vec<Conv2dDesc>,
    /// Output rows that are made at a time.
    pub strip_rows: Option<usize>,
    /// What the operands hold. Exact ones are small integers, whose sums are exact in every layer.
    pub fill: Fill,
    /// Whether every layer has a bias.
    pub bias: bool,
    /// Whether the last one has a residual.
    pub residual: bool,
    /// Which numbers exactly.
    pub seed: u64,
}

/// The operands of a chain.
#[derive(Clone, Debug)]
pub struct ChainData {
    /// Those of each layer; of all but the first, `src` is empty.
    pub layers: Vec<ConvData>,
}

impl ChainProblem {
    /// Real numbers, with bias, no residual.
    pub fn new(layers: &[Conv2dDesc]) -> Self {
        let layers = layers.to_vec();
        Self { layers, strip_rows: None, fill: Fill::Real, bias: true, residual: false, seed: 0 }
    }

    /// A layer as it runs alone: what lies inside the chain has no gaps.
    pub fn layer(&self, number: usize) -> ConvProblem {
        let mut desc = self.layers[number];
        let last = number + 1 == self.layers.len();
        if number > 0 {
            desc.src_row_stride = None;
        }
        if !last {
            desc.dst_row_stride = None;
        }
        let seed = self.seed.wrapping_add(number as u64 * 0x1_0001);
        ConvProblem { desc, fill: Fill::Real, bias: self.bias, residual: self.residual && last, seed }
    }

    /// Makes the operands.
    pub fn data(&self) -> ChainData {
        let layer = |number| {
            let problem = self.layer(number);
            let mut data = if self.fill == Fill::Real { problem.data() } else { integers(&problem) };
            if number > 0 {
                data.src.clear();
            }
            data
        };
        ChainData { layers: (0..self.layers.len()).map(layer).collect() }
    }

    /// Runs the layers one after the other, at a level: each as a case of its own, with its output.
    ///
    /// # Errors
    /// A [`Failure`] of one of them against the reference.
    pub fn separately(&self, level: Level) -> Result<Vec<(ConvCase, Vec<f32>)>, Failure> {
        let engine = direct(level);
        let mut layers: Vec<(ConvCase, Vec<f32>)> = Vec::new();
        for (number, mut data) in self.data().layers.into_iter().enumerate() {
            let problem = self.layer(number);
            if let Some((_, before)) = layers.last() {
                data.src.clone_from(before);
            }
            let case = ConvCase::with(problem, data);
            let failure = |what| Failure { problem: problem.to_string(), engine: engine.to_string(), what };
            let out = run(&problem, &case.data, &engine, Way::Whole, 0).map_err(failure)?;
            let _ = case.compare(&out, problem.sizes().terms as usize + 2).map_err(failure)?;
            if self.fill == Fill::Exact {
                self.assert_exact(&case, &out).map_err(failure)?;
            }
            layers.push((case, out));
        }
        Ok(layers)
    }

    /// Integers: whatever the order of sums, there is one result.
    fn assert_exact(&self, case: &ConvCase, out: &[f32]) -> Result<(), String> {
        let data = &case.data;
        let answer = conv2d(
            &case.problem.desc,
            &data.src,
            &data.weights,
            data.bias.as_deref(),
            data.residual.as_deref(),
        );
        for at in elements(&case.problem) {
            assert!(answer.magnitude[at] < f64::from(1 << 24), "sums of {} are not exact", case.problem);
            if f64::from(out[at]) != answer.values[at] {
                return Err(format!("element {at}: expected exactly {}, got {}", answer.values[at], out[at]));
            }
        }
        Ok(())
    }

    /// The output of the chain at a level.
    ///
    /// # Errors
    /// What is wrong, in words: a refused plan or run, a write outside `dst`, a panic.
    pub fn run(&self, level: Level, way: Way, offset: Offset) -> Result<Vec<f32>, String> {
        let data = self.data();
        without_panic(|| match self.layers.len() {
            1 => run_chain::<1>(self, &data, level, way, offset),
            2 => run_chain::<2>(self, &data, level, way, offset),
            3 => run_chain::<3>(self, &data, level, way, offset),
            4 => run_chain::<4>(self, &data, level, way, offset),
            other => Err(format!("a chain of {other}")),
        })
    }

    /// Runs the chain on every level, in these ways, and compares each with the layers run alone, bit for bit, and those with
    /// the reference.
    ///
    /// # Errors
    /// The first failure, in words.
    pub fn check(&self, ways: &[Way], offset: Offset) -> Result<Verdict, String> {
        let mut verdict = Verdict::default();
        for level in Level::available() {
            let layers = self.separately(level).map_err(|failure| format!("{self}: {failure}"))?;
            let Some((case, want)) = layers.last() else { return Err("no layers".to_owned()) };
            for &way in ways {
                let fail = |what: String| format!("{self}, {level}, {way:?}: {what}");
                let got = self.run(level, way, offset).map_err(fail)?;
                if let Some(at) = touched_gap(&case.problem, &got) {
                    return Err(fail(format!(
                        "wrote {} into the gap behind a row, at element {at}",
                        got[at]
                    )));
                }
                for at in elements(&case.problem) {
                    if got[at].to_bits() != want[at].to_bits() {
                        return Err(fail(format!(
                            "element {at}: alone {:?}, in a chain {:?}",
                            want[at], got[at]
                        )));
                    }
                }
                verdict =
                    verdict.and(case.compare(&got, case.problem.sizes().terms as usize + 2).map_err(fail)?);
            }
        }
        Ok(verdict)
    }
}

/// `chain of 2 (strips of 3): nhwc ..., nhwc ...`
impl fmt::Display for ChainProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain of {}", self.layers.len())?;
        if let Some(rows) = self.strip_rows {
            write!(f, " (strips of {rows})")?;
        }
        for number in 0..self.layers.len() {
            write!(f, "{} {}", if number == 0 { ':' } else { ',' }, self.layer(number))?;
        }
        Ok(())
    }
}

/// The direct algorithm at a level.
fn direct(level: Level) -> Engine {
    engines()
        .into_iter()
        .find(|engine| engine.algorithm == "direct" && engine.level == level)
        .unwrap_or_else(|| panic!("no direct algorithm at {level}"))
}

/// Small integers, few weights of an output other than zero, so that sums stay small from layer to layer.
fn integers(problem: &ConvProblem) -> ConvData {
    let sizes = problem.sizes();
    let stream = |number| Random::new(problem.seed, number);
    let [mut src, mut weights, mut addends] = [11, 12, 13].map(stream);
    let [src_row, dst_row] = [problem.src_row(), problem.dst_row()];
    let terms = sizes.terms as u64;
    ConvData {
        src: rows(sizes.src_len as usize, src_row[0], src_row[1], || src.integer(3)),
        weights: (0..sizes.weights_len)
            .map(|_| if weights.below(terms.max(4)) < 4 { weights.integer(2) } else { 0.0 })
            .collect(),
        bias: problem.bias.then(|| (0..problem.desc.out_channels).map(|_| addends.integer(9)).collect()),
        residual: problem
            .residual
            .then(|| rows(sizes.dst_len as usize, dst_row[0], dst_row[1], || addends.integer(9))),
    }
}

/// What [`ChainProblem::run`] does, for a length that is known.
fn run_chain<const N: usize>(
    problem: &ChainProblem,
    data: &ChainData,
    level: Level,
    way: Way,
    offset: Offset,
) -> Result<Vec<f32>, String> {
    let layers: [Conv2dDesc; N] = std::array::from_fn(|at| problem.layers[at]);
    let mut desc = ChainDesc::new(layers);
    desc.strip_rows = problem.strip_rows;
    let plan = ChainPlan::new(&desc, level).map_err(|error| format!("plan: {error}"))?;
    let last = problem.layer(N - 1);
    let guarded = |values: &[f32], shift: usize| Guarded::holding(values, (offset + shift) % 16);
    let src = guarded(&data.layers[0].src, 0);
    let weights: [Guarded<f32>; N] = std::array::from_fn(|at| guarded(&data.layers[at].weights, 3 + at));
    let bias: [Option<Guarded<f32>>; N] =
        std::array::from_fn(|at| data.layers[at].bias.as_ref().map(|bias| guarded(bias, 5 + at)));
    let residual = data.layers[N - 1].residual.as_ref().map(|residual| guarded(residual, 7));
    let mut packing = Guarded::<f32>::new(plan.packed_len(), (offset + 9) % 16);
    let mut scratch = Guarded::<f32>::new(plan.scratch_len(), (offset + 11) % 16);
    let mut dst = Guarded::<f32>::new(last.sizes().dst_len as usize, offset % 16);

    let refused = |error| format!("{error}");
    plan.pack(weights.each_ref().map(Guarded::get), packing.get_mut()).map_err(refused)?;
    let operands = ChainOperands {
        bias: bias.each_ref().map(|bias| bias.as_ref().map(Guarded::get)),
        residual: residual.as_ref().map(Guarded::get),
        ..ChainOperands::new(src.get(), plan.open(packing.get()).map_err(refused)?)
    };
    match way {
        Way::Whole => plan.run(&operands, dst.get_mut(), scratch.get_mut()).map_err(refused)?,
        Way::Rows(step) => {
            let height = last.sizes().out_size[0] as usize;
            for start in (0..height).step_by(step.max(1)) {
                let rows: Range<usize> = start..height.min(start + step.max(1));
                let mut part = Guarded::new(part_len(&last, rows.len()), (offset + start) % 16);
                plan.run_rows(rows.clone(), &operands, part.get_mut(), scratch.get_mut()).map_err(refused)?;
                if !part.intact() {
                    return Err(format!("rows {rows:?}: wrote outside dst"));
                }
                place(&last, rows, part.get(), dst.get_mut());
            }
        }
        Way::Pieces(count) => {
            let pieces: Vec<_> = plan.pieces(count).collect();
            let end = pieces
                .iter()
                .try_fold(0, |end, piece| (piece.dst_range().start == end).then_some(piece.dst_range().end));
            if end != Some(dst.get().len()) {
                return Err(format!("pieces are not dst: {pieces:?}"));
            }
            for piece in pieces.iter().rev() {
                let mut part = Guarded::<f32>::new(piece.dst_range().len(), offset % 16);
                plan.run_piece(piece, &operands, part.get_mut(), scratch.get_mut()).map_err(refused)?;
                if !part.intact() {
                    return Err(format!("{piece:?}: wrote outside dst"));
                }
                dst.get_mut()[piece.dst_range()].copy_from_slice(part.get());
            }
        }
    }
    for (name, buffer) in [("dst", &dst), ("scratch", &scratch), ("packing", &packing)] {
        if !buffer.intact() {
            return Err(format!("wrote outside {name}"));
        }
    }
    Ok(dst.get().to_vec())
}
