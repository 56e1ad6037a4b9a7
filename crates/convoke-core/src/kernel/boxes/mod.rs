//! The kernels of box filters: sums of equal taps in constant time, without a running difference, so that nothing
//! drifts and an infinity is in the sums of its own windows only. The accumulate stage of box filters.
//!
//! The pass along rows is [`row`] or, for wide boxes, [`columns`]; [`down`] is the pass down, or [`rows`] where they come one
//! by one.

use convoke_simd::Simd;

pub(crate) mod columns;
pub(crate) mod down;
pub(crate) mod row;
pub(crate) mod rows;

/// Taps from which on [`columns`] is faster than [`row`]: its time does not depend on them.
pub(crate) const WIDE: usize = 24;

/// Additions per output of the pass along rows.
pub(crate) fn additions(taps: usize) -> usize {
    if taps < WIDE { row::additions(taps) } else { 3 }
}

/// Elements that the pass along one row needs besides it, at any level of up to `lanes` lanes, for rows of `width` outputs
/// of boxes of so many taps and channels. `None` if that does not fit.
pub(crate) const fn row_len([taps, channels]: [usize; 2], width: usize, lanes: usize) -> Option<usize> {
    if taps < WIDE {
        row::len(taps, channels, width, lanes)
    } else {
        columns::row_len(taps, channels, width, lanes)
    }
}

/// The pass along one row, whatever the box: the sums, in the same order, that the passes of whole pictures make.
///
/// `src` reaches `width` outputs, or a vector if that is more, and what is under the mask, and a vector behind it; `dst` has
/// room for a vector behind the outputs.
pub(crate) fn across_row<S: Simd>(
    simd: S,
    src: &[f32],
    [taps, channels]: [usize; 2],
    width: usize,
    buffer: &mut [f32],
    dst: &mut [f32],
) {
    if taps < WIDE {
        let parts = row::Parts::new(taps, width, S::LANES);
        row::across(simd, src, [taps, channels], (width, parts), buffer, dst);
    } else {
        columns::across_row(simd, src, [taps, channels], width, buffer, dst);
    }
}
