//! Problems for proptest, the one configuration that all its users share, and how many cases a test takes that goes through all.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any};
use proptest::test_runner::FileFailurePersistence;

use crate::chain::ChainProblem;
use crate::check::Verdict;
use crate::decode::{BYTES, conv_problem, filter_problem};
use crate::decode_chain::{CHAIN_BYTES, chain_problem};
use crate::decode_task::{TASK_BYTES, local_problem};
use crate::filter_problem::FilterProblem;
use crate::problem::ConvProblem;

/// Layers of every kind; see [`conv_problem`].
pub fn conv_problems() -> impl Strategy<Value = ConvProblem> {
    vec(any::<u8>(), BYTES).prop_map(|bytes| conv_problem(&bytes))
}

/// Layers of every kind whose weights are not shared; see [`local_problem`].
pub fn local_problems() -> impl Strategy<Value = ConvProblem> {
    vec(any::<u8>(), TASK_BYTES).prop_map(|bytes| local_problem(&bytes))
}

/// Chains of layers of every kind; see [`chain_problem`].
pub fn chain_problems() -> impl Strategy<Value = ChainProblem> {
    vec(any::<u8>(), CHAIN_BYTES).prop_map(|bytes| chain_problem(&bytes))
}

/// Picture filters of every kind; see [`filter_problem`].
pub fn filter_problems() -> impl Strategy<Value = FilterProblem> {
    vec(any::<u8>(), BYTES).prop_map(|bytes| filter_problem(&bytes))
}

/// `cases` cases, or as many as `PROPTEST_CASES` says. Failing seeds go into a file beside the test's source,
/// `NAME.regressions`: proptest's own default looks for a `lib.rs` above it, which integration tests do not have. The
/// user sets `source_file` to `file!()`.
pub fn config(cases: u32) -> ProptestConfig {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: wanted.unwrap_or(cases),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// What the cases of a property said, each counted once. It is not judged by the sum of their outputs: one random case in hundreds
/// may have more of them than all others together, and rightly zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[must_use]
pub struct Tally {
    /// Cases.
    pub cases: u32,
    /// How many of them [meant anything](Verdict::is_trustworthy).
    pub telling: u32,
    /// Their outputs and worst errors together, for people who look.
    pub total: Verdict,
}

impl Tally {
    /// Counts a case.
    pub fn and(self, verdict: Verdict) -> Self {
        Self {
            cases: self.cases + 1,
            telling: self.telling + u32::from(verdict.is_trustworthy()),
            total: self.total.and(verdict),
        }
    }

    /// Fails a property whose cases compared mostly zeros. Of a few, most may rightly be: below a hundred there is no judgement.
    ///
    /// # Panics
    /// If they were many, and fewer than a third of them meant anything.
    pub fn assert_trustworthy(&self) {
        let Self { cases, telling, .. } = *self;
        assert!(
            cases < 100 || 3 * telling >= cases,
            "only {telling} of {cases} cases compared more than zeros"
        );
    }
}

/// All cases; or, where the environment says `CONVOKE_THIN=N`, the first of every `N`. For tests that go through many cases in turn,
/// on a machine that takes too long for them.
pub fn thin<C: IntoIterator>(cases: C) -> impl Iterator<Item = C::Item> {
    let every = std::env::var("CONVOKE_THIN").ok().and_then(|every| every.parse().ok());
    cases.into_iter().step_by(every.unwrap_or(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TELLING: Verdict = Verdict { outputs: 4, nonzero: 3, worst: 0.0, spread: 0.0 };
    const ZEROS: Verdict = Verdict { outputs: 10_000_000, nonzero: 1, ..TELLING };

    fn tally(telling: usize, zeros: usize) -> Tally {
        let verdicts = std::iter::repeat_n(TELLING, telling).chain(std::iter::repeat_n(ZEROS, zeros));
        verdicts.fold(Tally::default(), Tally::and)
    }

    #[test]
    fn a_large_case_of_zeros_does_not_outweigh_the_others() {
        tally(99, 1).assert_trustworthy();
        tally(50, 100).assert_trustworthy();
        tally(0, 99).assert_trustworthy();
    }

    #[test]
    #[should_panic(expected = "only 49 of 150 cases")]
    fn mostly_zeros_are_not_trusted() {
        tally(49, 101).assert_trustworthy();
    }
}
