//! Transposed convolutions, layers whose weights are not shared, and gradients by input, weights and bias: small ones of every kind, on
//! every level, whole, by rows and by pieces, against the reference: bit for bit where sums are exact, within the error bound elsewhere.
#![no_main]

use convoke_core::Level;
use convoke_harness::Way;
use convoke_harness::choices::Choices;
use convoke_harness::decode_task::{TASK_BYTES, task_problem};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The problem reads from the front; how it is run, from behind it.
    let mut how = Choices::new(bytes.get(TASK_BYTES..).unwrap_or_default());
    let way =
        how.pick(&[Way::Whole, Way::Rows(1), Way::Rows(2), Way::Rows(5), Way::Pieces(2), Way::Pieces(7)]);
    let offset = how.within(0..=15);
    let case = task_problem(bytes).case();
    for level in Level::available() {
        let _ = case
            .check(level, way, offset)
            .unwrap_or_else(|failure| panic!("{way:?}, offset {offset}: {failure}"));
    }
});
