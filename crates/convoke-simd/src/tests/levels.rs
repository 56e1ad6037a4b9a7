//! Levels: which there are, what they say of themselves, and whether the processor was asked correctly.

use std::string::ToString;
use std::vec::Vec;
use std::{format, println};

use crate::{Kernel, Level, Simd, UnknownLevel};

fn names() -> Vec<&'static str> {
    Level::available().map(Level::name).collect()
}

#[test]
fn available_levels_are_known_ordered_and_different() {
    println!("levels of this machine: {}", names().join(", "));
    let known: Vec<_> = Level::NAMES.iter().copied().filter(|name| names().contains(name)).collect();
    assert_eq!(names(), known, "available() follows the order of NAMES and repeats nothing");
    assert_eq!(names()[..2], ["scalar", "portable"]);
    let backwards: Vec<_> = Level::available().rev().map(Level::name).collect();
    assert!(backwards.iter().eq(names().iter().rev()));
}

/// A level without tests is no level: a new name here needs a line in `at_every_level`.
#[test]
fn every_level_is_stamped() {
    assert_eq!(Level::NAMES, ["scalar", "portable", "avx2", "avx512"]);
}

#[test]
fn detect_gives_the_last_and_always_the_same() {
    assert_eq!(Some(Level::detect()), Level::available().last());
    assert!((0..100).all(|_| Level::detect() == Level::detect()));
}

#[test]
fn constructors_have_their_names() {
    assert_eq!(Level::scalar().name(), "scalar");
    assert_eq!(Level::portable().name(), "portable");
}

#[test]
fn only_the_same_level_is_equal() {
    for (i, a) in Level::available().enumerate() {
        for (j, b) in Level::available().enumerate() {
            assert_eq!(a == b, i == j, "{a} and {b}");
        }
    }
}

#[test]
fn names_parse_and_print() {
    for level in Level::available() {
        assert_eq!(level.name().parse(), Ok(level));
        assert_eq!(level.to_string(), level.name());
        assert_eq!(format!("{level:>10}|"), format!("{:>10}|", level.name()));
    }
}

#[test]
fn other_names_are_errors_that_say_why() {
    for name in ["", " ", "AVX2", "avx2 ", "avx", "sse2", "avx512f", "auto", "scalar,portable", "\u{e9}"] {
        assert_eq!(name.parse::<Level>(), Err(UnknownLevel::NoSuchName), "{name:?}");
    }
    for &name in Level::NAMES {
        let expected = names().contains(&name).then_some(name).ok_or(UnknownLevel::NotOnThisMachine);
        assert_eq!(name.parse::<Level>().map(Level::name), expected);
    }
    let list = Level::NAMES.join(", ");
    assert_eq!(UnknownLevel::NoSuchName.to_string(), format!("not a level; levels are {list}"));
    assert_eq!(UnknownLevel::NotOnThisMachine.to_string(), "this machine does not have that level");
}

/// What a level says of itself is what its token says, inside the region.
#[test]
fn dispatch_hands_over_the_token_of_the_level() {
    struct Facts;
    impl Kernel for Facts {
        type Output = (usize, usize, bool, bool);
        fn run<S: Simd>(self, _: S) -> Self::Output {
            (S::LANES, S::REGISTERS, S::FUSED, S::BY_LANE)
        }
    }
    for level in Level::available() {
        let said = (level.lanes(), level.registers(), level.fused(), level.by_lane());
        assert_eq!(level.dispatch(Facts), said, "{level}");
        assert!(level.lanes().is_power_of_two() && level.lanes() <= super::values::WIDEST);
    }
}

/// All the features that a token promises to its region, as the standard library sees them.
#[test]
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
fn detection_agrees_with_the_standard_library() {
    use std::is_x86_feature_detected as has;
    let avx2 = has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2") && has!("popcnt");
    let avx512 = avx2 && has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq");
    assert_eq!(names().contains(&"avx2"), avx2);
    assert_eq!(names().contains(&"avx512"), avx512);
}

/// The portable token takes the width that the build allows, is fused exactly where `wide` is, and has lanes to multiply by on NEON.
#[test]
fn portable_follows_the_build() {
    let portable = Level::portable();
    assert_eq!(portable.lanes(), if cfg!(target_feature = "avx") { 8 } else { 4 });
    let neon = cfg!(all(target_arch = "aarch64", target_feature = "neon"));
    assert_eq!(portable.fused(), cfg!(target_feature = "fma") || neon);
    assert_eq!(portable.by_lane(), neon);
}
