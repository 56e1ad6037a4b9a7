//! Small picture filters of every kind, on every engine, whole and by rows, against the reference: bytes from bytes are the
//! correctly rounded exact value, exact f32 sums are equal bit for bit.
#![no_main]

use convoke_harness::choices::Choices;
use convoke_harness::decode::{BYTES, filter_problem};
use convoke_harness::{Way, filter_engines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut how = Choices::new(bytes.get(BYTES..).unwrap_or_default());
    let way = how.pick(&[Way::Whole, Way::Rows(1), Way::Rows(2), Way::Rows(5)]);
    let offset = how.within(0..=15);
    let case = filter_problem(bytes).case();
    for engine in filter_engines() {
        let _ = case
            .check(&engine, way, offset)
            .unwrap_or_else(|failure| panic!("{way:?}, offset {offset}: {failure}"));
    }
});
