//! The program, run as its users run it. One test program and not one for each file: each would be linked with all of the codecs
//! that make its pictures.

mod bad_input;
mod book;
mod common;
mod conv2d;
mod filter;
mod gradients;
mod layers;
mod learn;
mod metadata;
mod regions;
mod reports;
#[cfg(target_os = "linux")]
mod stream;
