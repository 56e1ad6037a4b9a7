//! Small layers of every kind, on every engine, whole, by rows and by pieces, against the reference: bit for bit where sums
//! are exact, within the error bound elsewhere.
#![no_main]

use convoke_harness::choices::Choices;
use convoke_harness::decode::{BYTES, conv_problem};
use convoke_harness::{Way, engines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The problem reads from the front; how it is run, from behind it.
    let mut how = Choices::new(bytes.get(BYTES..).unwrap_or_default());
    let way = how.pick(&[
        Way::Whole,
        Way::Rows(1),
        Way::Rows(2),
        Way::Rows(5),
        Way::Pieces(2),
        Way::Pieces(5),
        Way::Pieces(31),
    ]);
    let offset = how.within(0..=15);
    let case = conv_problem(bytes).case();
    for engine in engines() {
        let _ = case
            .check(&engine, way, offset)
            .unwrap_or_else(|failure| panic!("{way:?}, offset {offset}: {failure}"));
    }
});
