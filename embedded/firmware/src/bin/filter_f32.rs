//! A picture of `f32` filtered row by row.

#![no_std]
#![no_main]

use firmware::buffer::Buffer;
use firmware::picture::{HEIGHT, WIDTH};
use firmware::{expected, filter};

static SRC: Buffer<f32, { HEIGHT * WIDTH }> = Buffer::new(0.0);
static DST: Buffer<f32, { HEIGHT * WIDTH }> = Buffer::new(0.0);

#[unsafe(no_mangle)]
extern "C" fn main() -> u32 {
    let names = ["filter f32 3x3", "filter f32 5x5", "filter f32 1x31"];
    filter::check::<f32>(names, &expected::FILTER_F32, &SRC, &DST, |p| p.to_bits())
}
