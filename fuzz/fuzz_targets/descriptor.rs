//! Descriptors of any numbers whatever: planning never panics, is quick (run with `-timeout=1`), and the lengths of a plan
//! are those that 128-bit arithmetic finds. Nothing is allocated, so that a wrong length would have no other symptom.
#![no_main]

use convoke_harness::{engines, filter_engines, hostile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let desc = hostile::conv_desc(bytes);
    for engine in engines() {
        if let Ok(plan) = engine.plan(&desc) {
            hostile::audit_conv(&desc, &*plan).unwrap_or_else(|what| panic!("{engine} on {desc:?}: {what}"));
        }
    }
    let desc = hostile::filter_desc(bytes);
    for engine in filter_engines() {
        if let Ok(plan) = engine.plan(&desc) {
            hostile::audit_filter(&desc, [plan.src_len(), plan.dst_len()])
                .unwrap_or_else(|what| panic!("{engine} on {desc:?}: {what}"));
        }
    }
});
