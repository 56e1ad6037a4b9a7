//! Every operation at every level, lane by lane, against plain arithmetic.
//!
//! A check is a function that is generic over the token. One line in [`at_every_level`] makes it a test of its own
//! at each level: `arithmetic::add::avx2`, and so on. A level that this machine has not got is skipped with a
//! note; where it must run, `CONVOKE_REQUIRE_LEVELS` (names separated by commas) makes that a failure.

use std::{env, eprintln};

use crate::{Kernel, Level, UnknownLevel};

/// One line per test: the name of a check, which becomes a module with a test for each level.
macro_rules! at_every_level {
    ($($check:ident)*) => {$(
        mod $check {
            struct Check;

            impl $crate::Kernel for Check {
                type Output = ();

                fn run<S: $crate::Simd>(self, simd: S) {
                    super::$check(simd);
                }
            }

            #[test]
            fn scalar() {
                $crate::tests::at("scalar", Check);
            }

            #[test]
            fn portable() {
                $crate::tests::at("portable", Check);
            }

            #[test]
            fn avx2() {
                $crate::tests::at("avx2", Check);
            }

            #[test]
            fn avx512() {
                $crate::tests::at("avx512", Check);
            }
        }
    )*};
}

mod arithmetic;
mod levels;
mod memory;
mod rounding;
mod values;

/// Runs a check at the level of that name.
fn at(name: &str, check: impl Kernel<Output = ()>) {
    match name.parse::<Level>() {
        Ok(level) => level.dispatch(check),
        Err(UnknownLevel::NotOnThisMachine) => {
            let required = env::var("CONVOKE_REQUIRE_LEVELS").unwrap_or_default();
            assert!(!required.split(',').any(|r| r.trim() == name), "level {name} is required, but not here");
            eprintln!("skipped: this machine does not have level {name}");
        }
        Err(error) => panic!("{name}: {error}"),
    }
}
