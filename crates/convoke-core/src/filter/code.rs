//! The code of plans that not every program makes: separable masks and boxes. Their constructors bring it along, as functions that
//! a plan points to, and so a program that makes no such plan has none of it: a linker cannot know what a plan decides at run time,
//! but it sees which functions nobody names.
//!
//! Only what a stream and a packing do is called this way, which is what firmware uses; a call for each row is nothing there. Runs over
//! whole pictures branch as usual.

use super::boxed::BoxLayout;
use super::certificate::Certificates;
use super::factor::{factor, factor_two};
use super::plan::Filter2dPlan;
use super::scatter::Post;
use super::stage::{self, Block, Stage};
use super::stream::boxed::{self, BoxRows};
use crate::error::Error;

/// What there is to know about the rounding of results: of mask, its size, its factors (columns and rows), the border's constant.
type CertifyTerms = fn(&[f32], [usize; 2], [&[f32]; 2], f32, Post) -> Certificates;

/// Finds columns and rows of a mask, if there are any.
type Factor = fn(&[f32], &mut [f32], &mut [f32]) -> Result<bool, Error>;

/// Of masks with factors.
#[derive(Clone, Copy, Debug)]
pub(super) struct TermsCode {
    pub(super) factor: Factor,
    pub(super) certify: CertifyTerms,
    /// Makes values of a block of outputs: its rows follow each other in the slice.
    pub(super) accumulate: fn(&mut Stage<'_>, &Block<'_>, &mut [f32]),
}

/// Of one pair of factors.
pub(super) static SEPARABLE: TermsCode =
    TermsCode { factor, certify: Certificates::separable, accumulate: stage::accumulate_terms };

/// Of two.
pub(super) static RANK_TWO: TermsCode = TermsCode { factor: factor_two, ..SEPARABLE };

/// The layout of scratch and its length, as [`BoxLayout::new`].
type LayOut = fn([usize; 2], usize, [usize; 2], usize) -> Result<(BoxLayout, usize), Error>;

/// Of boxes.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoxCode {
    pub(super) layout: LayOut,
    /// For the mask's value, its taps and the border's constant.
    pub(super) certify: fn(f32, usize, f32, Post) -> Certificates,
    /// Begins a stream of a mask of this value.
    pub(super) begin: fn(&Filter2dPlan, f32, &mut [f32]) -> Result<BoxRows, Error>,
    /// Takes in the row that has been gathered.
    pub(super) push: fn(&mut BoxRows, &Filter2dPlan, &mut [f32]),
    /// Makes the next row of values: in the slice, or else where the stream keeps them.
    pub(super) pull: fn(&mut BoxRows, &Filter2dPlan, &mut [f32], Option<&mut [f32]>),
}

pub(super) static BOXED: BoxCode = BoxCode {
    layout: BoxLayout::new,
    certify: Certificates::boxed,
    begin: BoxRows::new,
    push: boxed::push,
    pull: boxed::pull,
};
