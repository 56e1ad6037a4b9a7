//! Picture filters for a web page: the core behind a handful of exported functions over linear memory.
//!
//! The page asks for room for a picture or a text, writes it there, and calls; results stand at addresses that it is
//! given. Nothing here trusts what the page says: sizes are checked, and bad input is a message.
//!
//! ```text
//! exports  ->  studio (picture, mask, settings, result)  ->  engine (algorithm, run)  ->  convoke-core
//!                     \->  window (what the mask sees at one pixel)
//! ```
//!
//! The masks and their names are those of the library, from the same file, without the threads and transforms that
//! the library brings along.

mod engine;
mod exports;
#[path = "../../crates/convoke/src/mask/mod.rs"]
pub mod mask;
mod studio;
mod window;
