//! Chains of layers: bit for bit what the layers make one after the other, on every level, whole, by rows and by pieces; and
//! of hostile numbers an error or a true plan.
#![no_main]

use convoke_harness::Way;
use convoke_harness::choices::Choices;
use convoke_harness::decode_chain::{CHAIN_BYTES, audit_chain, chain_problem};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The problem reads from the front; how it is run, from behind it.
    let mut how = Choices::new(bytes.get(CHAIN_BYTES..).unwrap_or_default());
    let way =
        how.pick(&[Way::Whole, Way::Rows(1), Way::Rows(2), Way::Rows(5), Way::Pieces(2), Way::Pieces(7)]);
    let offset = how.within(0..=15);
    let problem = chain_problem(bytes);
    let _ = problem.check(&[way], offset).unwrap_or_else(|failure| panic!("offset {offset}: {failure}"));
    let _ = audit_chain(bytes).unwrap_or_else(|what| panic!("{what}"));
});
