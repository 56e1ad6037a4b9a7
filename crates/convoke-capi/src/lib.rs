//! Convoke for C. `include/convoke.h` declares and documents what is here; [`Status`] is what can go wrong.
//!
//! ```text
//! descriptor  ->  plan  ->  lengths of buffers  ->  pack (once)  ->  run, or begin a stream, push and pull rows
//! ```
//!
//! Nothing is allocated: plans and streams are memory of the caller, of a size that the header knows, and so is every buffer.
//! On a machine without an operating system the crate is `no_std`. The level is the best that the machine has.
//!
//! # What is unsafe
//!
//! Pointers come from C. `memory.rs` turns them into references and slices, after it has seen that they are not null, aligned and
//! no longer than memory can be, and is where to look for mistakes. That they point to as much memory as the caller says, and
//! that nobody else writes to it meanwhile, is the caller's promise: the header states it once for all functions. What is
//! written and what is read in one call must not overlap, which is checked too.

#![cfg_attr(target_os = "none", no_std)]

mod conv2d;
mod filter;
mod memory;
mod status;
mod stream;

pub use conv2d::{
    Conv2d, Conv2dDesc, convoke_conv2d_dst_len, convoke_conv2d_pack, convoke_conv2d_packed_len,
    convoke_conv2d_plan, convoke_conv2d_run, convoke_conv2d_scratch_len, convoke_conv2d_src_len,
    convoke_conv2d_weights_len,
};
pub use filter::{
    Filter, FilterDesc, convoke_filter_pack, convoke_filter_packed_len, convoke_filter_plan,
    convoke_filter_run_f32, convoke_filter_run_i16, convoke_filter_run_u8, convoke_filter_scratch_len,
    convoke_filter_stream_len,
};
pub use status::{Status, convoke_status_name};
pub use stream::{
    Stream, convoke_stream_begin_f32, convoke_stream_begin_i16, convoke_stream_begin_u8,
    convoke_stream_pull_f32, convoke_stream_pull_i16, convoke_stream_pull_u8, convoke_stream_push_f32,
    convoke_stream_push_i16, convoke_stream_push_u8, convoke_stream_wants,
};
