//! `convoke bench`: times layers, chains of layers, or picture filters, beside what the core can do. One line per problem.
//!
//! Rounds go over all problems in turn, so that a disturbance of the machine meets all of them and not one;
//! within a round each call is timed singly. This is what other programs' benchmarks are compared with, so
//! names and fields are fixed.

mod chains;
mod filters;
mod glob;
mod layers;
mod limits;
mod random;
mod shapes;
mod survey;
mod timing;

use serde::Serialize;

use crate::args::BenchArgs;
use crate::error::{Context, Failure, Outcome};
use crate::{print, threads};

pub(crate) fn run(args: &BenchArgs) -> Outcome<()> {
    // One core is what problems of this size are compared on, unless more are asked for.
    let threads = threads::set_up(Some(args.common.threads.unwrap_or(1)))?;
    match args.survey {
        Some(count) => survey::run(args, count),
        None if args.chains => chains::run(args, threads),
        None if args.filters => filters::run(args, threads),
        None => layers::run(args, threads),
    }
}

/// Whether a problem is asked for.
fn wanted(args: &BenchArgs, name: &str) -> bool {
    args.only.as_deref().is_none_or(|pattern| glob::matches(pattern, name))
}

/// Nothing to do is a mistake in `--only`, or an empty list.
fn nothing<T>() -> Outcome<T> {
    Err(Failure::new("bench: no problem has such a name"))
}

fn print_json(row: &impl Serialize) -> Outcome<()> {
    let text = serde_json::to_string(row).about("bench")?;
    print(&(text + "\n"))
}

/// Five decimals: nanoseconds, where the unit is milliseconds.
fn round(value: f64) -> f64 {
    (value * 1e5).round() / 1e5
}
