//! Holds an engine's result against the reference: bit for bit where sums are exact, inside the forward error bound
//! where they are not.

use std::fmt;

use convoke_core::Activation;
use convoke_reference::Conv2dAnswer;
use convoke_reference::activation::steepest;

use crate::engine::Engine;
use crate::guard::Canary;
use crate::problem::{ConvData, ConvProblem};
use crate::run::{Offset, Way, elements, run, run_plan, touched_gap};

/// Unit roundoff of `f32`, 2^-24.
pub const U: f64 = f32::EPSILON as f64 / 2.0;

/// A problem with its operands and the right answer, made once and held against many engines.
#[derive(Clone, Debug)]
pub struct ConvCase {
    /// The problem.
    pub problem: ConvProblem,
    /// Its operands.
    pub data: ConvData,
    /// Its answer, in the places of `dst`.
    pub answer: Conv2dAnswer,
}

/// What a successful comparison saw.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[must_use]
pub struct Verdict {
    /// Outputs compared.
    pub outputs: usize,
    /// How many of them should be other than zero.
    pub nonzero: usize,
    /// The worst error as a fraction of its tolerance; 0 for exact problems.
    pub worst: f64,
    /// The worst error of a sum in units of `sqrt(n) * u * magnitude`, where `n` is the number of terms: an alarm, not a
    /// promise. 0 unless there is no activation.
    pub spread: f64,
}

impl Verdict {
    /// Adds another.
    pub fn and(self, other: Self) -> Self {
        Self {
            outputs: self.outputs + other.outputs,
            nonzero: self.nonzero + other.nonzero,
            worst: self.worst.max(other.worst),
            spread: self.spread.max(other.spread),
        }
    }

    /// Whether the comparison meant anything: at least three tenths of the expected outputs are other than zero. A kernel
    /// that writes zeros must not pass for right.
    pub fn is_trustworthy(&self) -> bool {
        self.nonzero * 10 >= self.outputs * 3 && self.nonzero > 0
    }

    /// Fails a test that compared mostly zeros, or nothing.
    ///
    /// # Panics
    /// If the verdict [is not trustworthy](Self::is_trustworthy).
    pub fn assert_trustworthy(&self) {
        assert!(
            self.is_trustworthy(),
            "only {} of {} expected outputs are not zero",
            self.nonzero,
            self.outputs
        );
    }
}

/// An engine's wrong result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The problem's name.
    pub problem: String,
    /// The engine's.
    pub engine: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}: {}", self.engine, self.problem, self.what)
    }
}

impl std::error::Error for Failure {}

/// What `f` says, or that it panicked, which nothing may.
///
/// # Errors
/// What `f` says, or the panic's message.
pub fn without_panic<T>(f: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(format!("panicked: {text}"))
    })
}

/// The error that an output may have whose value should be `want`, if its sum may have `sum_error`.
pub(crate) fn tolerance(activation: Activation, want: f64, sum_error: f64) -> f64 {
    let carried = steepest(activation) * sum_error;
    let largest = want.abs() + carried;
    let own = match activation {
        Activation::None | Activation::Relu | Activation::Relu6 => 0.0,
        Activation::Leaky(_) => U * largest + 2.0_f64.powi(-150),
        _ => f64::from(Activation::ERROR) * largest + f64::from(f32::MIN_POSITIVE),
    };
    carried + own
}

impl ConvProblem {
    /// Makes the operands and asks the reference.
    pub fn case(&self) -> ConvCase {
        let data = self.data();
        let answer = self.answer(&data);
        ConvCase { problem: *self, data, answer }
    }

    /// Runs the problem whole on an engine and compares.
    ///
    /// # Errors
    /// The [`Failure`].
    pub fn check(&self, engine: &Engine) -> Result<Verdict, Failure> {
        self.case().check(engine, Way::Whole, 0)
    }
}

impl ConvCase {
    /// A case with operands of one's own.
    pub fn with(problem: ConvProblem, data: ConvData) -> Self {
        let answer = problem.answer(&data);
        Self { problem, data, answer }
    }

    /// Runs the case on an engine and compares.
    ///
    /// # Errors
    /// The [`Failure`].
    pub fn check(&self, engine: &Engine, way: Way, offset: Offset) -> Result<Verdict, Failure> {
        self.try_check(engine, way, offset).map_err(|what| Failure {
            problem: self.problem.to_string(),
            engine: engine.to_string(),
            what,
        })
    }

    /// The output of an engine, in the places of `dst`.
    ///
    /// # Panics
    /// If the engine refuses or writes where it may not.
    pub fn output(&self, engine: &Engine, way: Way, offset: Offset) -> Vec<f32> {
        run(&self.problem, &self.data, engine, way, offset)
            .unwrap_or_else(|what| panic!("{engine} on {}: {what}", self.problem))
    }

    fn try_check(&self, engine: &Engine, way: Way, offset: Offset) -> Result<Verdict, String> {
        let plan = engine.plan(&self.problem.desc).map_err(|error| format!("plan: {error}"))?;
        let dst = without_panic(|| run_plan(&self.problem, &self.data, &*plan, way, offset))?;
        let addends = usize::from(self.problem.bias) + usize::from(self.problem.residual);
        let terms = plan.error_terms();
        let most = self.problem.sizes().terms as usize + 2;
        if terms > most {
            return Err(format!(
                "promises an error of {terms} terms; {most} is what any order of summation keeps"
            ));
        }
        self.compare(&dst, terms.max(addends))
    }

    /// Compares a `dst` whose sums may have `terms` roundings.
    ///
    /// # Errors
    /// The first wrong element, in words.
    pub fn compare(&self, dst: &[f32], terms: usize) -> Result<Verdict, String> {
        if dst.len() as u128 != self.problem.sizes().dst_len {
            return Err(format!("dst has {} elements", dst.len()));
        }
        if let Some(at) = touched_gap(&self.problem, dst) {
            return Err(format!("wrote {} into the gap behind a row, at element {at}", dst[at]));
        }
        let exact = self.problem.is_exact();
        let mut verdict = Verdict::default();
        for at in elements(&self.problem) {
            let (got, want) = (dst[at], self.answer.values[at]);
            if got.is_canary() {
                return Err(format!("{}: not written", self.place(at)));
            }
            verdict.outputs += 1;
            verdict.nonzero += usize::from(want != 0.0);
            if exact {
                self.assert_exact(at);
                let want = want as f32;
                if got.to_bits() != want.to_bits() {
                    return Err(format!("{}: expected exactly {want:?}, got {got:?}", self.place(at)));
                }
                continue;
            }
            if want.abs() > f64::from(f32::MAX) && f64::from(got) == f64::from(want as f32) {
                continue; // Both overflow; near the limit the comparison below decides.
            }
            let sum_error = self.sum_error(at, terms);
            let tolerance = tolerance(self.problem.desc.activation, want, sum_error);
            let error = (f64::from(got) - want).abs();
            // NaN fails too.
            if error.is_nan() || error > tolerance {
                let place = self.place(at);
                return Err(format!(
                    "{place}: expected {want:?}, got {got:?}: off by {error:e}, may be {tolerance:e}"
                ));
            }
            if tolerance > 0.0 {
                verdict.worst = verdict.worst.max(error / tolerance);
            }
            if self.problem.desc.activation == Activation::None && self.answer.magnitude[at] > 0.0 {
                let root = (self.problem.sizes().terms as f64).sqrt();
                verdict.spread = verdict.spread.max(error / (root * U * self.answer.magnitude[at]));
            }
        }
        Ok(verdict)
    }

    /// The error that a sum may have, before the activation.
    fn sum_error(&self, at: usize, terms: usize) -> f64 {
        // Jeannerod and Rump (2013): no second-order term. The last part is for underflow.
        let terms = if self.problem.fill == crate::Fill::Exact { 0.0 } else { terms as f64 };
        terms * U * self.answer.magnitude[at] + terms * 2.0_f64.powi(-150)
    }

    /// A test of the harness itself: the exact problem must be one.
    fn assert_exact(&self, at: usize) {
        let magnitude = self.answer.magnitude[at];
        assert!(
            self.problem.grid().holds(magnitude),
            "{}: sums up to {magnitude} are not exact",
            self.problem
        );
    }

    /// Where an element lies, in words.
    fn place(&self, at: usize) -> String {
        let desc = &self.problem.desc;
        let [_, row_stride] = self.problem.dst_row();
        let height = self.problem.sizes().out_size[0] as usize;
        let (row, rest) = (at / row_stride, at % row_stride);
        let (plane, y) = (row / height, row % height);
        let (n, k, x) = match desc.layout {
            convoke_core::Layout::Nchw => (plane / desc.out_channels, plane % desc.out_channels, rest),
            convoke_core::Layout::Nhwc => (plane, rest % desc.out_channels, rest / desc.out_channels),
        };
        format!("image {n}, channel {k}, row {y}, column {x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convoke_core::{Conv2dDesc, Layout, Padding};

    fn problem() -> ConvProblem {
        let desc =
            Conv2dDesc::new(Layout::Nhwc, 1, 3, [4, 5], 2, [3, 3]).padding(Padding::Same).dst_row_stride(13);
        ConvProblem::new(desc).bias()
    }

    /// The right answer as an engine would give it.
    fn right(case: &ConvCase) -> Vec<f32> {
        let written = case.answer.written.iter().zip(&case.answer.values);
        written.map(|(&written, &value)| if written { value as f32 } else { f32::CANARY }).collect()
    }

    #[test]
    fn the_right_answer_passes() {
        for problem in [problem(), problem().real()] {
            let case = problem.case();
            let verdict = case.compare(&right(&case), 2).unwrap();
            assert_eq!(verdict.outputs, 40);
            verdict.assert_trustworthy();
        }
    }

    #[test]
    fn every_kind_of_wrong_answer_is_found() {
        let case = problem().case();
        let real = problem().real().case();
        let wrong = |case: &ConvCase, at: usize, value: f32| {
            let mut dst = right(case);
            dst[at] = value;
            case.compare(&dst, case.problem.sizes().terms as usize + 1).unwrap_err()
        };
        let last_place = f32::from_bits(right(&case)[17].to_bits() ^ 1);
        assert!(wrong(&case, 17, last_place).contains("exactly"));
        assert!(wrong(&case, 0, f32::CANARY).contains("not written"));
        assert!(wrong(&case, 10, 0.0).contains("gap"));
        assert!(wrong(&real, 3, f32::NAN).contains("off by"));
        let off = right(&real)[3] + 1e-4;
        assert!(
            wrong(&real, 3, off).contains("row 0, column 1, channel 1")
                || wrong(&real, 3, off).contains("channel 1, row 0, column 1")
        );
        assert!(case.compare(&right(&case)[1..], 0).is_err());
    }

    #[test]
    fn a_comparison_of_zeros_is_not_trusted() {
        let mut data = problem().data();
        data.weights.fill(0.0);
        data.bias = Some(vec![0.0; 2]);
        let case = ConvCase::with(problem(), data);
        let verdict = case.compare(&right(&case), 0).unwrap();
        assert!(!verdict.is_trustworthy());
        assert!(!Verdict::default().is_trustworthy(), "nor is a comparison of nothing");
    }

    #[test]
    fn a_panic_is_a_failure() {
        let silent = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let outcome = without_panic::<()>(|| panic!("{} at {}", "slipped", 3));
        std::panic::set_hook(silent);
        assert_eq!(outcome, Err("panicked: slipped at 3".to_owned()));
    }
}
