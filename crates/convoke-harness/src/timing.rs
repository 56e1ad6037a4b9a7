//! What the benchmark programs share: whether they only run as a test, and which levels they measure.

use convoke_core::Level;

/// Whether the program only checks that its benchmarks run: `cargo test --benches`, which does not say `--bench`, or
/// `cargo bench -- --test`.
pub fn is_test() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    !has("--bench") || has("--test")
}

/// Whether a level is to be measured: those that `CONVOKE_BENCH_LEVELS` names (or `all`), or else the best. Tests run
/// all of them.
pub fn wanted(level: Level) -> bool {
    match std::env::var("CONVOKE_BENCH_LEVELS") {
        Ok(names) => names.split(',').any(|name| name == "all" || name == level.name()),
        Err(_) => is_test() || level == Level::detect(),
    }
}
