//! One picture through one mask: which of the core's algorithms, and its buffers. Between the studio and the core.
//!
//! From bytes to bytes every algorithm gives the exact value, rounded once. So the choice is about time alone, and may
//! be simple: narrow integers where they can hold the sums, else a box, else two passes, else the mask as it is.

use convoke_core::{
    Error, Filter2dDesc, Filter2dPlan, Level, NarrowMask, NarrowPlan, NarrowScratch, factor, narrow_form,
};

/// Largest whole mask that narrow integers are tried for: the library's choice too.
const MOST_TAPS: usize = 49;

/// Filters `src` into `dst`; tells by which algorithm.
pub(crate) fn run(
    desc: &Filter2dDesc,
    mask: &[f32],
    src: &[u8],
    dst: &mut [u8],
) -> Result<&'static str, Error> {
    if narrow(desc, mask, src, dst)? {
        return Ok("narrow");
    }
    let (name, plan) = plan(desc, mask)?;
    let mut packed = vec![0.0; plan.packed_len()];
    let packed = plan.pack(mask, &mut packed)?;
    let mut scratch = vec![0.0; plan.scratch_len()];
    plan.run(&packed, src, dst, &mut scratch)?;
    Ok(name)
}

/// In integers of 16 and 32 bits, if the mask has whole numbers that are small enough.
fn narrow(desc: &Filter2dDesc, mask: &[f32], src: &[u8], dst: &mut [u8]) -> Result<bool, Error> {
    let [r, s] = desc.mask_size;
    let mut taps = vec![0; mask.len() + r + s];
    let Some(form) = narrow_form(desc, mask, &mut taps)? else { return Ok(false) };
    if matches!(form.desc.mask, NarrowMask::Full { taps, .. } if taps.len() > MOST_TAPS) {
        return Ok(false);
    }
    let Ok(plan) = NarrowPlan::new(&form.desc, Level::detect()) else { return Ok(false) };
    let len = plan.scratch_len();
    let (mut bytes, mut halves, mut words) = (vec![0; len.bytes], vec![0; len.halves], vec![0; len.words]);
    plan.run(src, dst, &mut NarrowScratch { bytes: &mut bytes, halves: &mut halves, words: &mut words })?;
    Ok(true)
}

/// With sums in floats.
fn plan(desc: &Filter2dDesc, mask: &[f32]) -> Result<(&'static str, Filter2dPlan), Error> {
    let ([r, s], level) = (desc.mask_size, Level::detect());
    // Boxes give no exact bytes once their sums pass 2^24.
    if mask.iter().all(|&weight| weight == 1.0) && mask.len() <= (1 << 24) / 255 {
        return Ok(("box", Filter2dPlan::boxed(desc, level)?));
    }
    if r.min(s) > 2 && factor(mask, &mut vec![0.0; r], &mut vec![0.0; s])? {
        return Ok(("separable", Filter2dPlan::separable(desc, level)?));
    }
    Ok(("direct", Filter2dPlan::new(desc, level)?))
}
