//! Which levels this test run covers, and that it covers all that the processor has: a differential test over levels
//! that silently misses one proves nothing about it.
//!
//! `cargo test --test levels -- --nocapture` prints them. `CONVOKE_REQUIRE_LEVELS=avx2,avx512` makes their absence a
//! failure, for machines that are supposed to have them.
#![forbid(unsafe_code)]

use convoke_core::Level;
use convoke_harness::{engines, filter_engines};

fn names() -> Vec<&'static str> {
    Level::available().map(Level::name).collect()
}

#[test]
fn what_runs_here() {
    println!("levels: {}", names().join(" "));
    let list = |names: Vec<String>| names.join(" ");
    println!("layer engines: {}", list(engines().iter().map(ToString::to_string).collect()));
    println!("filter engines: {}", list(filter_engines().iter().map(ToString::to_string).collect()));
    assert!(names().starts_with(&["scalar", "portable"]), "these two need no particular processor");
    for level in Level::available() {
        for found in
            [engines().iter().any(|e| e.level == level), filter_engines().iter().any(|e| e.level == level)]
        {
            assert!(found, "no engine runs at {level}");
        }
    }
}

/// The standard library asks the processor in its own way.
#[cfg(target_arch = "x86_64")]
#[test]
fn no_level_of_this_processor_is_missing_and_none_is_invented() {
    let avx2 = ["avx2", "fma", "bmi1", "bmi2", "popcnt"];
    let avx512 = ["avx512f", "avx512vl", "avx512bw", "avx512dq"];
    let has = |feature: &&str| match *feature {
        "avx2" => is_x86_feature_detected!("avx2"),
        "fma" => is_x86_feature_detected!("fma"),
        "bmi1" => is_x86_feature_detected!("bmi1"),
        "bmi2" => is_x86_feature_detected!("bmi2"),
        "popcnt" => is_x86_feature_detected!("popcnt"),
        "avx512f" => is_x86_feature_detected!("avx512f"),
        "avx512vl" => is_x86_feature_detected!("avx512vl"),
        "avx512bw" => is_x86_feature_detected!("avx512bw"),
        "avx512dq" => is_x86_feature_detected!("avx512dq"),
        other => unreachable!("{other}"),
    };
    let has_avx2 = avx2.iter().all(has);
    assert_eq!(names().contains(&"avx2"), has_avx2);
    assert_eq!(names().contains(&"avx512"), has_avx2 && avx512.iter().all(has));
}

#[test]
fn levels_that_are_required_are_there() {
    let required = std::env::var("CONVOKE_REQUIRE_LEVELS").unwrap_or_default();
    for name in required.split([',', ' ']).filter(|name| !name.is_empty()) {
        let level: Result<Level, _> = name.parse();
        assert!(level.is_ok(), "CONVOKE_REQUIRE_LEVELS asks for {name}: {}", level.unwrap_err());
    }
}

#[test]
fn names_are_read_back() {
    for level in Level::available() {
        assert_eq!(level.name().parse(), Ok(level));
        assert!(Level::NAMES.contains(&level.name()));
        assert!(level.lanes() >= 1 && level.registers() >= 8);
    }
    assert!("avx3".parse::<Level>().is_err());
    assert_eq!(Some(Level::detect()), Level::available().next_back());
}
