//! Repeated boxes: a smooth, nearly Gaussian blur in time that does not depend on its width. Beside the filters of a
//! mask, whose borders, pixel types and gathering it shares; what it computes is a mask of its own, the box convolved
//! with itself, and never another one.
//!
//! ```text
//! down    for each strip of columns: gather it with what the border continues, all passes down, into a plane of f32
//! across  for each band of rows: transpose it, continue it, all passes down the transposed band, transpose, scatter
//! ```
//!
//! A descriptor ([`desc`]) is planned ([`plan`]); the two steps are [`down`] and [`across`], each divisible into
//! independent parts; the arithmetic is one kernel, [`crate::kernel::extended`].
//!
//! The picture is continued once, by all that the passes need, and each pass returns fewer lines than it takes. So borders
//! mean what they mean for a mask: repeated passes that each continued their own input would compute something else
//! near the edges, and not the same filter.

mod across;
pub(crate) mod desc;
pub(crate) mod describe;
mod down;
pub(crate) mod plan;
