//! The page to read first: what every operation of Convoke *means*, as loops that follow the formulas.
//!
//! Nothing here is fast, and nothing here is shared with what it judges. The fast code plans, packs and vectorises;
//! this crate takes the same descriptors ([`Conv2dDesc`](convoke_core::Conv2dDesc),
//! [`Filter2dDesc`](convoke_core::Filter2dDesc)), forgets how anyone else computes them, and restates sizes,
//! paddings, borders, sums and roundings from the mathematics, so that one mistake cannot hide in both. Real data are
//! computed in `f64`, integers exactly, and 8-bit pictures in exact fractions.
//!
//! In reading order:
//!
//! | module | question |
//! |---|---|
//! | [`definition`] | What is a convolution, what is a correlation, and why does the same mask move a picture right under one and left under the other? |
//! | [`border`] | What lies outside the picture? |
//! | [`size`] | How many places does a window have, and where is the first? |
//! | [`tensor`] | Where in memory does an element lie? |
//! | [`conv2d`](mod@conv2d) | What does a convolution layer compute? |
//! | [`transpose`] | What is its transpose? |
//! | [`gradient`] | What are its derivatives? |
//! | [`activation`] | What is applied to a sum before it is stored? |
//! | [`filter2d`] | What does a picture filter compute, and how does its sum become an 8-bit pixel? |
//! | [`layers`] | Why convolution at all: how many parameters do the three kinds of layer have? |
//!
//! Unlike the library, the reference *panics* when it is asked something without an answer (a window that does not
//! fit, a buffer of the wrong length): an oracle that guesses is worse than none.
//!
//! ```
//! use convoke_core::{Conv2dDesc, Layout};
//! // The mean of each 2x2 window, times four.
//! let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [2, 3], 1, [2, 2]);
//! let answer = convoke_reference::conv2d(&desc, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[1.0; 4], None, None);
//! assert_eq!(answer.values, [12.0, 16.0]);
//! ```
#![forbid(unsafe_code)]

pub mod activation;
pub mod border;
pub mod conv2d;
pub mod definition;
pub mod filter2d;
pub mod gradient;
pub mod layers;
pub mod size;
pub mod tensor;
pub mod transpose;

pub use conv2d::{Conv2dAnswer, conv2d, conv2d_exact};
pub use filter2d::{WholePixel, filter2d_exact, filter2d_f64, filter2d_u8, round_to, round_to_u8};
pub use gradient::{bias_grad, input_grad, weights_grad};
pub use size::out_size;
pub use transpose::conv_transpose2d;
