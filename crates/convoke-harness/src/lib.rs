//! What Convoke's tests, fuzzers and benchmarks share: problems as values, the reference's answers to them, the list of
//! engines, and the comparison.
//!
//! ```text
//! bytes --decode--> ConvProblem --case--> operands + the reference's answer --check(engine)--> Verdict or Failure
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`problem`], [`filter_problem`] | a layer or a picture filter, and how its operands are filled |
//! | [`fill`] | numbers on which every sum is exact in `f32`, and real ones |
//! | [`engine`], [`filter_engine`] | every algorithm on every level; **a new algorithm is one line there** |
//! | [`filter_stream`] | streams of rows as one of those engines |
//! | [`mod@run`] | running a problem whole, by rows or by pieces, in [guarded](guard) buffers |
//! | [`check`], [`filter_check`] | bit equality or the analytic error bound, and whether the comparison meant anything |
//! | [`chain`] | chains of layers, held against the layers run one after the other |
//! | [`task`] | transposed convolutions, layers whose weights are not shared, and gradients: problems and runs |
//! | [`choices`], [`decode`], [`decode_chain`], [`decode_task`], [`strategy`] | problems from bytes, for fuzzers and for proptest |
//! | [`hostile`], [`sizes`] | descriptors that make no sense, and the planner's arithmetic again in 128 bits |
//! | [`timing`] | what benchmarks measure |
//! | [`views`] | tensors in one plain order, for comparing layouts |
//! | [`layers`], [`pictures`] | named layers of real networks, and named filters of pictures |
//!
//! ```
//! use convoke_core::{Conv2dDesc, Layout, Padding};
//! use convoke_harness::{ConvProblem, engines};
//! let desc = Conv2dDesc::new(Layout::Nhwc, 1, 3, [7, 9], 5, [3, 3]).padding(Padding::Same);
//! for engine in engines() {
//!     ConvProblem::new(desc).bias().check(&engine).unwrap().assert_trustworthy();
//! }
//! ```
#![forbid(unsafe_code)]
// The engine lists wrap methods in trait methods of the same names: a plan that lacks one must not compile.
#![deny(unconditional_recursion)]

pub mod chain;
pub mod check;
pub mod choices;
pub mod decode;
pub mod decode_chain;
pub mod decode_task;
pub mod engine;
pub mod fill;
pub mod filter_check;
pub mod filter_engine;
pub mod filter_problem;
pub mod filter_stream;
pub mod guard;
pub mod hostile;
pub mod layers;
pub mod pictures;
pub mod problem;
pub mod run;
pub mod sizes;
pub mod strategy;
pub mod task;
mod task_answer;
mod task_run;
pub mod timing;
pub mod views;

pub use chain::{ChainData, ChainProblem};
pub use check::{ConvCase, Failure, Verdict};
pub use engine::{Conv2dEngine, Engine, engines};
pub use fill::{Fill, Random};
pub use filter_check::FilterCase;
pub use filter_engine::{
    Accuracy, Filter2dEngine, FilterEngine, FilterMask, Pixels, PixelsMut, filter_engines,
};
pub use filter_problem::{FilterData, FilterProblem, Picture, PixelType};
pub use problem::{ConvData, ConvProblem};
pub use run::Way;
pub use task::{Task, TaskCase, TaskProblem};
