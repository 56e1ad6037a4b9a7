//! Narrow filters: masks of whole numbers over pictures of bytes, in exact integer arithmetic, as narrow as the sums
//! allow.
//!
//! [`desc`] says what is asked, [`plan`] proves that it can be done and in which lanes, [`divide`] finds and proves the
//! fastest right way from sums to elements, [`run`] walks down the picture row by row. A row of the result takes two
//! passes: [`columns`] sums the columns of its window, reading the picture where it is, into one row of sums whose ends
//! are continued as the border asks; [`across`] sums along that row and makes elements ([`pixel`]) of the sums. So
//! neither pass ever sees a border, and none of the picture is copied. A mask that has no factors is summed in one pass
//! over bordered copies of the source rows.
//!
//! [`integer`] finds out whether a filter with f32 taps is one of these.

mod across;
mod columns;
pub(crate) mod desc;
mod divide;
pub(crate) mod integer;
pub(crate) mod pixel;
pub(crate) mod plan;
mod run;
pub(crate) mod scratch;
#[cfg(test)]
mod tests;
