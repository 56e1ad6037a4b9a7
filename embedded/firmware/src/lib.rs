//! What every program of this firmware stands on: a [board](board) to start and to print on, [measurements](measure),
//! the [pictures](picture) that are filtered, and what the host [expects](expected) of them.

#![no_std]

pub mod board;
pub mod buffer;
pub mod expected;
pub mod filter;
pub mod layers;
pub mod measure;
pub mod picture;
