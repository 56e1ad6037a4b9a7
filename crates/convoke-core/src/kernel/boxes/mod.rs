//! The kernels of box filters: sums of equal taps in constant time, without a running difference, so that nothing
//! drifts and an infinity is in the sums of its own windows only. The accumulate stage of box filters.
//!
//! The pass along rows is [`row`] or, for wide boxes, [`columns`]; [`down`] is the pass down.

pub(crate) mod columns;
pub(crate) mod down;
pub(crate) mod row;

/// Taps from which on [`columns`] is faster than [`row`]: its time does not depend on them.
pub(crate) const WIDE: usize = 24;
