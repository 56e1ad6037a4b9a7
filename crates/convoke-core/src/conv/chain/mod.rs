//! Chains of layers run strip by strip: what lies between two layers is never more than a few rows, which stay in the
//! nearer caches.

pub(crate) mod desc;
pub(crate) mod error;
pub(crate) mod plan;
mod run;
mod strip;
