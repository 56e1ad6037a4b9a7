//! placeholder docs
#![no_std]
#![forbid(unsafe_code)]

mod activation;
mod border;
mod conv;
mod error;
mod filter;
mod kernel;

pub use activation::Activation;
pub use border::Border;
pub use conv::desc::{Conv2dDesc, Layout, Mode, Padding};
pub use conv::geometry::{Geometry, Strides};
pub use conv::operands::Operands;
pub use conv::packed::{Packed, identity};
pub use conv::part::Part;
pub use conv::piece::{Piece, Pieces};
pub use conv::plan::{Conv2dPlan, Description};
pub use convoke_simd::Level;
pub use error::Error;
pub use filter::FilterDescription;
pub use filter::desc::Filter2dDesc;
pub use filter::pack::PackedMask;
pub use filter::pixel::Pixel;
pub use filter::plan::Filter2dPlan;
