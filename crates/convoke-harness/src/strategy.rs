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

/// [`Verdict::assert_trustworthy`] of all cases of a property together, if there were enough: of a few, most may rightly be zeros.
///
/// # Panics
/// If they were many, and compared mostly zeros.
pub fn assert_trustworthy(total: Verdict) {
    if config(u32::MAX).cases >= 100 {
        total.assert_trustworthy();
    }
}

/// All cases; or, where the environment says `CONVOKE_THIN=N`, the first of every `N`. For tests that go through many cases in turn,
/// on a machine that takes too long for them.
pub fn thin<C: IntoIterator>(cases: C) -> impl Iterator<Item = C::Item> {
    let every = std::env::var("CONVOKE_THIN").ok().and_then(|every| every.parse().ok());
    cases.into_iter().step_by(every.unwrap_or(1).max(1))
}
